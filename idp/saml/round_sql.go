package saml

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"portvakt/idp/session"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// roundFor is how long a browser may be on its way.
const roundFor = 10 * time.Minute

func (d *round) insert(ctx context.Context, tx *sqldb.Tx) error {
	body, err := json.Marshal(d.Answer)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into saml_logouts (id, browser_hash, application_id, answer, expires_at) values ($1, $2, $3, $4, $5)`,
		d.ID, secret.HashToken(d.browser), d.Application, string(body), sqldb.Micros(tx.Now().Add(roundFor)))
	return err
}

// replace has somebody else be answered last.
func (d *round) replace(ctx context.Context, tx *sqldb.Tx) error {
	body, err := json.Marshal(d.Answer)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update saml_logouts set application_id = $2, answer = $3, expires_at = $4 where id = $1`,
		d.ID, d.Application, string(body), sqldb.Micros(tx.Now().Add(roundFor)))
	return err
}

// roundOf is the sign-out under way in a browser: the one of the identifier, the latest for the zero one.
//
// Invariant: identifier and cookie must both match (TestARoundIsItsBrowsers).
func roundOf(ctx context.Context, q sqldb.Queryer, now time.Time, id roundID, browser string) (d round, ok bool, err error) {
	var body string
	var any int64
	if id.IsZero() {
		any = 1
	}
	err = q.QueryRow(ctx, `select id, application_id, answer from saml_logouts where browser_hash = $1 and expires_at > $2 and (id = $3 or $4 = 1)
		order by expires_at desc, id desc limit 1`, secret.HashToken(browser), sqldb.Micros(now), idOr(id), any).Scan(&d.ID, &d.Application, &body)
	if errors.Is(err, sqldb.ErrNoRows) {
		return d, false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(body), &d.Answer)
	}
	d.browser = browser
	return d, err == nil, err
}

// idOr is an identifier that none has, for the zero one: that would be NULL.
func idOr(id roundID) roundID {
	if id.IsZero() {
		id[0] = 0xff
	}
	return id
}

// joinRound has a browser visit the participants of a session that is over.
func joinRound(ctx context.Context, tx *sqldb.Tx, id roundID, of session.ID) (int64, error) {
	return tx.Exec(ctx, `update saml_participants set logout_id = $1 where told_at is null and ended_at is null and logout_id is null
		and sid in (select id from session_organizations where session_id = $2)`, id, of)
}

// remaining are the participants of a sign-out that have not answered.
func remaining(ctx context.Context, q sqldb.Queryer, id roundID) ([]participant, error) {
	return sqldb.All(ctx, q, scanParticipant, `select `+participantColumns+` from saml_participants p where p.logout_id = $1 and p.ended_at is null
		order by p.created_at, p.id`, id)
}

// visitedIn counts the participants that a browser was at and has left.
func visitedIn(ctx context.Context, q sqldb.Queryer, id roundID) (n int64, err error) {
	err = q.QueryRow(ctx, `select count(*) from saml_participants where logout_id = $1 and visits > 0 and ended_at is not null`, id).Scan(&n)
	return n, err
}

// visit notes that the browser is sent to participants with a request; it counts against who answers nothing.
func visit(tx *sqldb.Tx, ids []participantID, request string) {
	for _, id := range ids {
		tx.Later(`update saml_participants set told_at = $2, request_hash = $3, visits = visits + 1 where id = $1 and ended_at is null`,
			id, sqldb.Micros(tx.Now()), secret.HashToken(request))
	}
}

// told notes that somebody else tells the participants.
func told(tx *sqldb.Tx, ids []participantID) {
	for _, id := range ids {
		tx.Later(`update saml_participants set told_at = $2 where id = $1`, id, sqldb.Micros(tx.Now()))
	}
}

// answered notes a service provider's answer to a request that a browser took to it; false where nothing was asked. A second
// answer changes nothing.
func answered(ctx context.Context, tx *sqldb.Tx, a directory.ApplicationID, request string, failed bool) (id roundID, ok bool, err error) {
	hash := secret.HashToken(request)
	if _, err := tx.Exec(ctx, `update saml_participants set ended_at = $3, failed = $4 where request_hash = $1 and application_id = $2 and ended_at is null`,
		hash, a, sqldb.Micros(tx.Now()), failed); err != nil {
		return id, false, err
	}
	err = tx.QueryRow(ctx, `select logout_id from saml_participants where request_hash = $1 and application_id = $2 and logout_id is not null limit 1`, hash, a).Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		return id, false, nil
	}
	return id, err == nil, err
}

// failedNames are the names of the applications that have not signed out.
func failedNames(ctx context.Context, q sqldb.Queryer, id roundID) ([]string, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (s string, err error) { return s, r.Scan(&s) }, `select distinct a.name from saml_participants p
		join applications a on a.id = p.application_id where p.logout_id = $1 and (p.failed = true or p.ended_at is null) order by a.name`, id)
}

// abandoned takes apart the sign-outs whose browser has not come back, and answers whose they were: what has not answered
// there is told without a browser, where that is possible.
func abandoned(ctx context.Context, tx *sqldb.Tx) ([]directory.UserID, error) {
	users, err := sqldb.All(ctx, tx, func(r sqldb.Row) (id directory.UserID, err error) { return id, r.Scan(&id) }, `select distinct s.user_id
		from saml_logouts l join saml_participants p on p.logout_id = l.id join session_organizations so on so.id = p.sid join sessions s on s.id = so.session_id
		where l.expires_at <= $1 and p.ended_at is null`, sqldb.Micros(tx.Now()))
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `update saml_participants set logout_id = null, told_at = null, request_hash = null where ended_at is null
		and logout_id in (select id from saml_logouts where expires_at <= $1)`, sqldb.Micros(tx.Now())); err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `delete from saml_logouts where expires_at <= $1`, sqldb.Micros(tx.Now()))
	return users, err
}
