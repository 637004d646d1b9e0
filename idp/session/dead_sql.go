package session

import (
	"context"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// endDeadSIDs goes by the epoch, not by the event: the membership may have been reactivated meanwhile, and sids made
// since then live.
func endDeadSIDs(tx *sqldb.Tx, membership directory.MembershipID) {
	tx.Later(`update session_organizations set ended_at = $2 where membership_id = $1 and ended_at is null
		and membership_epoch <> (select epoch from memberships where id = $1)`, membership, sqldb.Micros(tx.Now()))
}

// endDeadSessions ends the person's sessions of another epoch, and all of them where the person may have none.
func endDeadSessions(ctx context.Context, tx *sqldb.Tx, user directory.UserID) error {
	ids, err := sqldb.All(ctx, tx, func(r sqldb.Row) (id ID, err error) {
		err = r.Scan(&id)
		return id, err
	}, `update sessions set ended_at = $2 where user_id = $1 and ended_at is null
		and not exists (select 1 from users u where u.id = sessions.user_id and u.epoch = sessions.user_epoch and`+entitled+`)
		returning id`, user, sqldb.Micros(tx.Now()))
	if err != nil {
		return err
	}
	for _, id := range ids {
		endSIDs(tx, id)
	}
	return nil
}
