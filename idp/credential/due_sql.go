package credential

import (
	"context"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// A factor is due of somebody whose factors were taken away because they were lost: the next sign-in sets another one up,
// whether or not an organization demands one. It is noted as an authenticator that never counts, under the credentials
// epoch 0, so that the one that is set up takes its place.

// DemandFactor notes that the person must set up a factor at the next sign-in.
func DemandFactor(ctx context.Context, tx *sqldb.Tx, user directory.UserID) error {
	n, err := tx.Exec(ctx, `insert into totp_secrets (user_id, secret, last_step, credentials_epoch, created_at) select id, $2, 0, 0, $3 from users where id = $1
		on conflict (user_id) do update set secret = excluded.secret, last_step = excluded.last_step,
			credentials_epoch = excluded.credentials_epoch, created_at = excluded.created_at`, user, []byte{}, sqldb.Micros(tx.Now()))
	if err == nil && n == 0 {
		err = directory.ErrUserNotFound
	}
	return err
}

// paid notes that the person has set up a key; an authenticator takes the place by itself.
func paid(tx *sqldb.Tx, user directory.UserID) {
	tx.Later(`delete from totp_secrets where user_id = $1 and credentials_epoch = 0`, user)
}

// notDue says in SQL that the user $1 is nobody whose factors were taken away and who has set up none since.
const notDue = ` not exists (select 1 from totp_secrets where user_id = $1 and credentials_epoch = 0)`
