package saml

import (
	"context"
	"errors"

	"portvakt/idp/session"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// known is the participant as it entered before under a name of the same format; false where it has not, or has left.
func (p participant) known(ctx context.Context, q sqldb.Queryer) (out participant, ok bool, err error) {
	out = p
	err = q.QueryRow(ctx, `select p.name_id, p.session_index from saml_participants p join session_organizations so on so.id = p.sid join sessions s on s.id = so.session_id
		where p.sid = $1 and p.application_id = $2 and p.name_id_format = $3 and p.told_at is null and p.ended_at is null and p.logout_id is null
			and so.ended_at is null and s.ended_at is null
		order by p.created_at desc, p.id desc limit 1`, p.SID, p.Application, p.Name.Format).Scan(&out.Name.Value, &out.Index)
	if errors.Is(err, sqldb.ErrNoRows) {
		return p, false, nil
	}
	return out, err == nil, err
}

// insert stores the participant of a live session. Of the name only the value is kept: its qualifiers follow from whose
// entities they are.
func (p participant) insert(ctx context.Context, tx *sqldb.Tx) error {
	n, err := tx.Exec(ctx, `insert into saml_participants (id, sid, application_id, name_id, name_id_format, session_index, created_at)
		select $1, so.id, $3, $4, $5, $6, $7 from session_organizations so join sessions s on s.id = so.session_id
		where so.id = $2 and so.ended_at is null and s.ended_at is null`,
		sqldb.NewID[participantPrefix](tx.Now()), p.SID, p.Application, p.Name.Value, p.Name.Format, p.Index, sqldb.Micros(tx.Now()))
	if err == nil && n == 0 {
		err = session.ErrSIDEnded
	}
	return err
}

const participantColumns = `p.id, p.sid, p.application_id, p.name_id, p.name_id_format, p.session_index, p.logout_id, p.told_at, p.ended_at, p.visits, p.failed`

func scanParticipant(r sqldb.Row) (p participant, err error) {
	return p, r.Scan(&p.ID, &p.SID, &p.Application, &p.Name.Value, &p.Name.Format, &p.Index, &p.Round, sqldb.Time(&p.Told), sqldb.Time(&p.Ended), &p.Visits, &p.Failed)
}

// seat is a participant and whose session it is in.
type seat struct {
	participant
	session session.ID
	user    directory.UserID
	over    bool // the session has ended
}

// seatsOf are the participants that a service provider knows by a name: those of live sessions first, then the last.
func seatsOf(ctx context.Context, q sqldb.Queryer, a directory.ApplicationID, name string) ([]seat, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (s seat, err error) {
		p := &s.participant
		err = r.Scan(&p.ID, &p.SID, &p.Application, &p.Name.Value, &p.Name.Format, &p.Index, &p.Round, sqldb.Time(&p.Told), sqldb.Time(&p.Ended), &p.Visits, &p.Failed,
			&s.session, &s.user, &s.over)
		return s, err
	}, `select `+participantColumns+`, s.id, s.user_id, s.ended_at is not null or so.ended_at is not null
		from saml_participants p join session_organizations so on so.id = p.sid join sessions s on s.id = so.session_id
		where p.application_id = $1 and p.name_id = $2
		order by case when s.ended_at is null and so.ended_at is null then 0 else 1 end, p.created_at desc, p.id desc limit 500`, a, name)
}

// leave notes that a service provider has signed the sessions out itself: it is not told of what it asked for.
func leave(tx *sqldb.Tx, a directory.ApplicationID, of session.ID) {
	tx.Later(`update saml_participants set ended_at = $3, failed = false where application_id = $1 and ended_at is null
		and sid in (select id from session_organizations where session_id = $2)`, a, of, sqldb.Micros(tx.Now()))
}

// settle notes what became of participants that were told.
func settle(tx *sqldb.Tx, ids []participantID, failed bool) {
	for _, id := range ids {
		tx.Later(`update saml_participants set told_at = coalesce(told_at, $2), ended_at = $2, failed = $3 where id = $1 and ended_at is null`, id, sqldb.Micros(tx.Now()), failed)
	}
}

// participantsOf are the ones of the identifiers that have not left.
func participantsOf(ctx context.Context, q sqldb.Queryer, ids []participantID) (out []participant, err error) {
	for _, id := range ids {
		found, err := sqldb.All(ctx, q, scanParticipant, `select `+participantColumns+` from saml_participants p where p.id = $1 and p.ended_at is null`, id)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// dead says in SQL that a sid so of a session se of a user u by a membership m is over at the moment $2, as it is for other
// protocols (oidc.markTold).
const dead = ` (so.ended_at is not null or se.ended_at is not null
	or se.user_epoch <> u.epoch or u.state <> 'active' or so.membership_epoch <> m.epoch
	or m.suspended_at is not null or m.ended_at is not null or m.deleted_at is not null or m.end_at <= $2)`

// over reports whether the participant's sid is over by now.
func (p participant) over(ctx context.Context, db *sqldb.DB) (is bool, err error) {
	err = db.QueryRow(ctx, `select exists (select 1 from session_organizations so
		join sessions se on se.id = so.session_id
		join users u on u.id = se.user_id
		join memberships m on m.id = so.membership_id
		where so.id = $1 and`+dead+`)`, p.SID, sqldb.Micros(db.Now())).Scan(&is)
	return is, err
}

// takeUntold takes the person's participants of dead sids of whom no sign-out takes care; each row goes to one caller.
func takeUntold(ctx context.Context, tx *sqldb.Tx, user directory.UserID) ([]participant, error) {
	return sqldb.All(ctx, tx, func(r sqldb.Row) (p participant, err error) {
		return p, r.Scan(&p.ID, &p.SID, &p.Application, &p.Name.Value, &p.Name.Format, &p.Index)
	}, `update saml_participants set told_at = $2 where told_at is null and ended_at is null and logout_id is null and sid in (
			select so.id from session_organizations so
			join sessions se on se.id = so.session_id
			join users u on u.id = se.user_id
			join memberships m on m.id = so.membership_id
			where se.user_id = $1 and`+dead+`)
		returning id, sid, application_id, name_id, name_id_format, session_index`, user, sqldb.Micros(tx.Now()))
}

// ofUser says in SQL that a participant is in a session of the user $1.
const ofUser = ` sid in (select so.id from session_organizations so join sessions s on s.id = so.session_id where s.user_id = $1)`

// stopRounds has no browser take a sign-out to the person's participants any more.
func stopRounds(ctx context.Context, tx *sqldb.Tx, user directory.UserID) error {
	_, err := tx.Exec(ctx, `update saml_participants set logout_id = null, told_at = null, request_hash = null
		where logout_id is not null and ended_at is null and`+ofUser, user)
	return err
}

// unname takes the names of the person's participants away: of those that have left, and of those that were told tellFirst
// ago. It reports whether others are left.
func unname(ctx context.Context, tx *sqldb.Tx, user directory.UserID) (left bool, err error) {
	if _, err := tx.Exec(ctx, `update saml_participants set failed = case when ended_at is null then true else failed end,
			ended_at = coalesce(ended_at, $2), name_id = ''
		where (ended_at is not null or told_at <= $3) and name_id <> '' and`+ofUser,
		user, sqldb.Micros(tx.Now()), sqldb.Micros(tx.Now().Add(-tellFirst))); err != nil {
		return false, err
	}
	err = tx.QueryRow(ctx, `select exists (select 1 from saml_participants where name_id <> '' and`+ofUser+`)`, user).Scan(&left)
	return left, err
}

// count is how many participants have not answered yet, and how many could not be told or have not signed out.
type count struct{ open, failed int64 }

func countRound(ctx context.Context, q sqldb.Queryer, id roundID) (c count, err error) {
	err = q.QueryRow(ctx, `select count(case when ended_at is null then 1 end), count(case when failed = true then 1 end)
		from saml_participants where logout_id = $1`, id).Scan(&c.open, &c.failed)
	return c, err
}

func countSession(ctx context.Context, q sqldb.Queryer, id session.ID) (c count, err error) {
	err = q.QueryRow(ctx, `select count(case when p.ended_at is null then 1 end), count(case when p.failed = true then 1 end)
		from saml_participants p join session_organizations so on so.id = p.sid where so.session_id = $1`, id).Scan(&c.open, &c.failed)
	return c, err
}
