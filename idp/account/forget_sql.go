package account

import (
	"context"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// forget takes away the links of an erased person, and the addresses that the person changed to and from.
func (a *Account) forget(ctx context.Context, user directory.UserID) error {
	return a.db.Update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(`delete from account_links where user_id = $1`, user)
		tx.Later(`delete from email_changes where user_id = $1`, user)
		return nil
	})
}
