package oidc

import (
	"context"

	"portvakt/idp/session"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// sidIsOf reports whether the sid was made in the session.
func sidIsOf(ctx context.Context, q sqldb.Queryer, sid session.SID, id session.ID) (bool, error) {
	var n int64
	err := q.QueryRow(ctx, `select count(*) from session_organizations where id = $1 and session_id = $2`, sid, id).Scan(&n)
	return n == 1, err
}

// untold is an application that must hear of the end of a sid.
type untold struct {
	sid          session.SID
	application  directory.ApplicationID
	organization directory.OrganizationID
}

// markTold takes the person's applications of dead sids that have not been told; each row goes to one caller. A sid is
// dead when it or its session was ended, or when person or membership have another epoch than it was made under, or give
// no access any more.
func markTold(ctx context.Context, tx *sqldb.Tx, user directory.UserID) ([]untold, error) {
	taken, err := sqldb.All(ctx, tx, func(r sqldb.Row) (u untold, err error) { return u, r.Scan(&u.sid, &u.application) }, `
		update session_applications set told_at = $2 where told_at is null and sid in (
			select so.id from session_organizations so
			join sessions se on se.id = so.session_id
			join users u on u.id = se.user_id
			join memberships m on m.id = so.membership_id
			where se.user_id = $1 and (so.ended_at is not null or se.ended_at is not null
				or se.user_epoch <> u.epoch or u.state <> 'active' or so.membership_epoch <> m.epoch
				or m.suspended_at is not null or m.ended_at is not null or m.deleted_at is not null or m.end_at <= $2))
		returning sid, application_id`, user, sqldb.Micros(tx.Now()))
	if err != nil {
		return nil, err
	}
	for i := range taken {
		if err := tx.QueryRow(ctx, `select organization_id from session_organizations where id = $1`, taken[i].sid).Scan(&taken[i].organization); err != nil {
			return nil, err
		}
	}
	return taken, nil
}
