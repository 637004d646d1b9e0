package account

import (
	"context"

	"portvakt/internal/directory"
)

// forget takes away the links of an erased person.
func (a *Account) forget(ctx context.Context, user directory.UserID) error {
	_, err := a.db.Exec(ctx, `delete from account_links where user_id = $1`, user)
	return err
}
