package account

import (
	"context"

	"portvakt/internal/directory"
	"portvakt/internal/outbox"
)

// forget takes away the links of an erased person.
func (a *Account) forget(ctx context.Context, e outbox.Event) error {
	user, err := directory.ParseUserID(e.Subject)
	if err != nil {
		return err
	}
	_, err = a.db.Exec(ctx, `delete from account_links where user_id = $1`, user)
	return err
}
