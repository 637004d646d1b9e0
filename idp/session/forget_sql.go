package session

import (
	"context"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// forget takes out of an erased person's sessions where they were; the rows stay for whoever must be told of their end.
func (s *Sessions) forget(ctx context.Context, user directory.UserID) error {
	return s.db.Update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(`update sessions set address = '', user_agent = '' where user_id = $1`, user)
		tx.Later(`delete from shared_account_hints where user_id = $1`, user)
		return nil
	})
}
