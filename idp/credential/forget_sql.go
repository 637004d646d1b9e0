package credential

import (
	"context"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// Forget takes away what an erased person could sign in with.
func (c *Credentials) Forget(ctx context.Context, user directory.UserID) error {
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(`delete from passwords where user_id = $1`, user)
		tx.Later(`delete from known_browsers where user_id = $1`, user)
		tx.Later(`delete from totp_secrets where user_id = $1`, user)
		tx.Later(`delete from recovery_codes where user_id = $1`, user)
		tx.Later(`delete from mailed_codes where user_id = $1`, user)
		tx.Later(`delete from trusted_devices where user_id = $1`, user)
		tx.Later(`delete from webauthn_ceremonies where user_id = $1`, user)
		tx.Later(`delete from webauthn_keys where user_id = $1`, user)
		tx.Later(`delete from webauthn_handles where user_id = $1`, user)
		return nil
	})
}
