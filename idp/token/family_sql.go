package token

import (
	"context"
	"errors"
	"strings"
	"time"

	"portvakt/idp/gate"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// family is a row of token_families.
type family struct {
	id              FamilyID
	application     directory.ApplicationID
	userEpoch       int64
	membershipEpoch int64
	grant           Grant
	offline         bool
	generation      int64
	rotatedAt       time.Time
	idleUntil       time.Time
	expires         time.Time
	endedAt         time.Time
	sessionLives    bool // the browser session and its sid
	session         gate.Use
}

// aliveAt reports whether the family can be used: by itself, and with the session that it hangs on unless the person
// allowed offline access.
func (f *family) aliveAt(now time.Time) bool {
	return f.endedAt.IsZero() && now.Before(f.expires) && now.Before(f.idleUntil) && (f.offline || f.sessionLives)
}

// use is what the gate is told for a grant in the family's own organization.
func (f *family) use() gate.Use {
	if f.offline {
		return gate.Use{Lasting: true}
	}
	return f.session
}

// elsewhere is what the gate is told for another organization of the same person: nobody gets in there by what outlived
// the session.
func (f *family) elsewhere() gate.Use {
	if !f.sessionLives {
		return gate.Use{}
	}
	return f.session
}

func insertFamily(tx *sqldb.Tx, pass gate.Pass, f family) {
	st, g := pass.Standing(), &f.grant
	tx.Later(`insert into token_families (id, application_id, user_id, user_epoch, organization_id, membership_id, membership_epoch,
			session_id, sid, offline, scope, nonce, acr, amr, authenticated_at, generation, created_at, idle_until, expires_at, factor_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, $16, $17, $18, $19)`,
		f.id, f.application, st.User, st.UserEpoch, st.Organization, st.Membership, st.Epoch, g.Session, g.SID, f.offline,
		strings.Join(g.Scope, " "), g.Nonce, g.ACR, strings.Join(g.AMR, " "), sqldb.Micros(g.AuthenticatedAt),
		sqldb.Micros(tx.Now()), sqldb.Micros(f.idleUntil), sqldb.Micros(f.expires),
		sqldb.Micros(g.FactorAt))
}

// The session is the one that the sid is of now: a sid moves where the person signs in once more in the same browser.
const familyQuery = `select f.id, f.application_id, f.user_epoch, f.membership_epoch,
		coalesce(so.session_id, f.session_id), f.sid, f.offline, f.scope, f.nonce, f.acr, f.amr,
		f.authenticated_at, f.generation, f.rotated_at, f.idle_until, f.expires_at, f.ended_at, f.factor_at,
		se.id is not null and so.ended_at is null and se.ended_at is null and se.expires_at > $2, se.authenticated_at, se.seen_at, coalesce(se.longest_pause, 0),
		` + directory.StandingColumns + `
	from` + directory.StandingFrom + `join token_families f on f.membership_id = m.id
		left join session_organizations so on so.id = f.sid left join sessions se on se.id = so.session_id where f.id = $1`

// readFamily reads a family and how its member stands, in one statement.
func readFamily(ctx context.Context, q sqldb.Queryer, id FamilyID) (f family, st directory.Standing, err error) {
	var scope, amr string
	var pause int64
	g, u := &f.grant, &f.session
	st, err = directory.ScanStanding(q.QueryRow(ctx, familyQuery, id, sqldb.Micros(q.Now())),
		&f.id, &f.application, &f.userEpoch, &f.membershipEpoch, &g.Session, &g.SID, &f.offline, &scope, &g.Nonce, &g.ACR, &amr,
		sqldb.Time(&g.AuthenticatedAt), &f.generation, sqldb.Time(&f.rotatedAt), sqldb.Time(&f.idleUntil), sqldb.Time(&f.expires),
		sqldb.Time(&f.endedAt), sqldb.Time(&g.FactorAt), &f.sessionLives,
		sqldb.Time(&u.SignedInAt), sqldb.Time(&u.SeenAt), &pause)
	u.Pause = time.Duration(pause) * time.Microsecond
	g.Scope, g.AMR = strings.Fields(scope), strings.Fields(amr)
	if errors.Is(err, directory.ErrMemberNotFound) {
		err = sqldb.ErrNoRows
	}
	return f, st, err
}

// rotateFamily takes a family one generation on; false where somebody else did, or it was ended meanwhile.
func rotateFamily(ctx context.Context, tx *sqldb.Tx, f *family, idleUntil time.Time) (bool, error) {
	n, err := tx.Exec(ctx, `update token_families set generation = generation + 1, rotated_at = $2, idle_until = $3
		where id = $1 and generation = $4 and application_id = $5 and ended_at is null and idle_until > $2 and expires_at > $2`,
		f.id, sqldb.Micros(tx.Now()), sqldb.Micros(idleUntil), f.generation, f.application)
	return n == 1, err
}

func endFamily(ctx context.Context, tx *sqldb.Tx, id FamilyID, application directory.ApplicationID) (bool, error) {
	n, err := tx.Exec(ctx, `update token_families set ended_at = $3 where id = $1 and application_id = $2 and ended_at is null`,
		id, application, sqldb.Micros(tx.Now()))
	return n == 1, err
}

func insertRevoked(tx *sqldb.Tx, jti string, expires time.Time) {
	tx.Later(`insert into revoked_tokens (jti, expires_at) values ($1, $2) on conflict (jti) do nothing`, jti, sqldb.Micros(expires))
}

func isRevoked(ctx context.Context, q sqldb.Queryer, jti string) (bool, error) {
	var n int64
	err := q.QueryRow(ctx, `select count(*) from revoked_tokens where jti = $1`, jti).Scan(&n)
	return n > 0, err
}

// purge deletes what is over, some of it: codes after a day, so that a replay is still noticed, the others at once.
func purge(ctx context.Context, db *sqldb.DB, most int) (int64, error) {
	now := db.Now()
	var total int64
	for _, s := range []struct {
		text   string
		before time.Time
	}{
		{`delete from authorization_codes where hash in (select hash from authorization_codes where expires_at < $1 limit $2)`, now.Add(-24 * time.Hour)},
		{`delete from token_families where id in (select id from token_families where expires_at < $1 limit $2)`, now.Add(-time.Hour)},
		{`delete from revoked_tokens where jti in (select jti from revoked_tokens where expires_at < $1 limit $2)`, now.Add(-time.Hour)},
	} {
		n, err := db.Exec(ctx, s.text, sqldb.Micros(s.before), most)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}
