package session

import (
	"context"
	"errors"
	"strings"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// entitled says in SQL that the user u may have a session at the moment $2: an active membership in an organization that
// is not suspended, as Standing.ActiveAt has it (TestSessionFollowsStanding), or the operator's flag.
const entitled = ` u.state = 'active' and (u.operator = true or exists (select 1 from memberships m join organizations o on o.id = m.organization_id
	where m.user_id = u.id and ` + directory.OrganizationOpen + ` and m.kind <> 'contact' and m.accepted_at is not null and m.suspended_at is null
		and m.ended_at is null and m.deleted_at is null and m.archived_at is null and m.start_at <= $2 and (m.end_at is null or m.end_at > $2)))`

const sessionColumns = `s.id, s.user_id, s.user_epoch, u.email, s.acr, s.amr, s.authenticated_at, s.created_at, s.seen_at, s.expires_at, s.user_agent, s.factor_at, s.longest_pause`

// live is what a session s of a user u needs to count at the moment $2; $3 is the last moment of use that is not idle.
const live = ` s.ended_at is null and s.expires_at > $2 and s.seen_at > $3 and s.user_epoch = u.epoch and` + entitled

func scanSession(r sqldb.Row) (v Session, err error) {
	var amr string
	var pause int64
	err = r.Scan(&v.ID, &v.User, &v.UserEpoch, &v.Email, &v.ACR, &amr, sqldb.Time(&v.AuthenticatedAt), sqldb.Time(&v.CreatedAt),
		sqldb.Time(&v.SeenAt), sqldb.Time(&v.ExpiresAt), &v.UserAgent, sqldb.Time(&v.FactorAt), &pause)
	v.AMR, v.Pause = strings.Fields(amr), time.Duration(pause)*time.Microsecond
	return v, err
}

func (s *Sessions) byHash(ctx context.Context, hash []byte) (Session, bool, error) {
	now := s.db.Now()
	v, err := scanSession(s.db.QueryRow(ctx, `select `+sessionColumns+` from sessions s join users u on u.id = s.user_id
		where s.hash = $1 and`+live, hash, sqldb.Micros(now), sqldb.Micros(now.Add(-s.idle))))
	if errors.Is(err, sqldb.ErrNoRows) {
		return Session{}, false, nil
	}
	return v, err == nil, err
}

// List are the person's live sessions, the last used first.
func (s *Sessions) List(ctx context.Context, user directory.UserID) ([]Session, error) {
	now := s.db.Now()
	return sqldb.All(ctx, s.db, scanSession, `select `+sessionColumns+` from sessions s join users u on u.id = s.user_id
		where s.user_id = $1 and`+live+` order by s.seen_at desc, s.id`, user, sqldb.Micros(now), sqldb.Micros(now.Add(-s.idle)))
}

// startable answers the address of a person who may have a session on this evidence.
//
// Invariant: nobody has a session by an initial password, which has yet to be replaced (TestR35_NoSessionBeforeTheChange). A
// passkey is the person's own, whatever password an administrator has set.
func startable(ctx context.Context, tx *sqldb.Tx, e credential.Evidence) (email string, err error) {
	var fresh, may bool
	err = tx.QueryRow(ctx, `select u.email, u.epoch = $3 and u.state = 'active' and not exists (select 1 from passwords p
			where $4 = true and p.user_id = u.id and p.must_change = true and p.credentials_epoch = u.credentials_epoch),`+entitled+` from users u where u.id = $1`,
		e.User, sqldb.Micros(tx.Now()), e.Epoch, e.Password).Scan(&email, &fresh, &may)
	switch {
	case errors.Is(err, sqldb.ErrNoRows) || err == nil && (!fresh || !e.First()):
		return "", ErrStaleEvidence
	case err != nil:
		return "", err
	case !may:
		return "", ErrNoMembership
	}
	return email, nil
}

func insertSession(tx *sqldb.Tx, v Session, hash []byte, address string) {
	tx.Later(`insert into sessions (id, hash, user_id, user_epoch, acr, amr, authenticated_at, seen_at, expires_at, address, user_agent, created_at, factor_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		v.ID, hash, v.User, v.UserEpoch, v.ACR, strings.Join(v.AMR, " "), sqldb.Micros(v.AuthenticatedAt), sqldb.Micros(v.SeenAt),
		sqldb.Micros(v.ExpiresAt), address, v.UserAgent, sqldb.Micros(v.CreatedAt), sqldb.Micros(v.FactorAt))
}

// takeOver ends the live session with the hash if it is the new one's person's; else it answers the zero id.
func (s *Sessions) takeOver(ctx context.Context, tx *sqldb.Tx, hash []byte, v Session) (old ID, err error) {
	err = tx.QueryRow(ctx, `update sessions set ended_at = $2 where hash = $1 and user_id = $3 and user_epoch = $4 and ended_at is null
			and expires_at > $2 and seen_at > $5 returning id`,
		hash, sqldb.Micros(tx.Now()), v.User, v.UserEpoch, sqldb.Micros(tx.Now().Add(-s.idle))).Scan(&old)
	if errors.Is(err, sqldb.ErrNoRows) {
		return ID{}, nil
	}
	return old, err
}

// moveSIDs has the sids go on under the new session, but those that had come to an end by what their organization allows.
func moveSIDs(ctx context.Context, tx *sqldb.Tx, from ID, v Session) error {
	over, err := tx.Exec(ctx, `update session_organizations set ended_at = $2 where session_id = $1 and ended_at is null
		and exists (select 1 from sessions s join organizations o on o.id = session_organizations.organization_id where s.id = $1
			and (s.authenticated_at + o.session_limit * 1000000 <= $2 or s.longest_pause >= o.idle_limit * 1000000 or s.seen_at + o.idle_limit * 1000000 <= $2))`,
		from, sqldb.Micros(tx.Now()))
	if err != nil {
		return err
	}
	tx.Later(`update session_organizations set session_id = $2 where session_id = $1 and ended_at is null`, from, v.ID)
	tx.Later(`update session_applications set session_id = $2 where session_id = $1
		and sid in (select id from session_organizations where session_id = $2)`, from, v.ID)
	if over == 0 {
		return nil
	}
	return outbox.Append(tx, directory.OrganizationID{}, EventEnded, from.String(), Event{Session: from.String(), User: v.User.String()})
}

func (s *Sessions) endByHash(ctx context.Context, tx *sqldb.Tx, hash []byte) error {
	return s.ended(ctx, tx, tx.QueryRow(ctx, `update sessions set ended_at = $2 where hash = $1 and ended_at is null returning id, user_id`,
		hash, sqldb.Micros(tx.Now())))
}

func (s *Sessions) endByID(ctx context.Context, tx *sqldb.Tx, user directory.UserID, id ID) error {
	return s.ended(ctx, tx, tx.QueryRow(ctx, `update sessions set ended_at = $3 where id = $1 and user_id = $2 and ended_at is null
		returning id, user_id`, id, user, sqldb.Micros(tx.Now())))
}

// ended announces the session that a statement ended, if it ended one.
func (s *Sessions) ended(ctx context.Context, tx *sqldb.Tx, row sqldb.Row) error {
	var id ID
	var user directory.UserID
	err := row.Scan(&id, &user)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return announce(ctx, tx, user, id)
}

func endSIDs(tx *sqldb.Tx, id ID) {
	tx.Later(`update session_organizations set ended_at = $2 where session_id = $1 and ended_at is null`, id, sqldb.Micros(tx.Now()))
}

// writeSeen notes the use of sessions, and whether it looks shared (R36). A long pause that ends now stays known: who is back
// within the installation's limits may be beyond an organization's.
func (s *Sessions) writeSeen(ctx context.Context, from map[ID]string) error {
	return s.db.Update(ctx, func(tx *sqldb.Tx) error {
		ids := make([]ID, 0, len(from))
		for id, address := range from {
			tx.Later(`update sessions set seen_at = $2,
					longest_pause = case when $2 - seen_at > longest_pause then $2 - seen_at else longest_pause end, address = case when $3 = '' then address else $3 end where id = $1 and seen_at <= $2`,
				id, sqldb.Micros(tx.Now()), address)
			ids = append(ids, id)
		}
		return noteShared(ctx, tx, ids)
	})
}

// keepEnded is how long the row of a session that is over stays, for the history that people see and for late notices.
const keepEnded = 7 * 24 * time.Hour

// Purge deletes sessions that have been over for a week and answers how many; interactions that used one go with it.
func (s *Sessions) Purge(ctx context.Context) (int64, error) {
	var n int64
	err := s.db.Update(ctx, func(tx *sqldb.Tx) error {
		purgeShared(tx)
		before := sqldb.Micros(tx.Now().Add(-keepEnded))
		if _, err := tx.Exec(ctx, `delete from interactions where session_id in (select id from sessions where expires_at < $1)`, before); err != nil {
			return err
		}
		var err error
		n, err = tx.Exec(ctx, `delete from sessions where expires_at < $1`, before)
		return err
	})
	return n, err
}
