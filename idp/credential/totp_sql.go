package credential

import (
	"context"
	"errors"

	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// totpSecret reads an active person's sealed secret; nil where none counts.
func (c *Credentials) totpSecret(ctx context.Context, user directory.UserID) (sealed []byte, epoch int64, err error) {
	err = c.db.QueryRow(ctx, `select t.secret, u.epoch from totp_secrets t
		join users u on u.id = t.user_id and u.credentials_epoch = t.credentials_epoch
		where t.user_id = $1 and u.state = 'active'`, user).Scan(&sealed, &epoch)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, 0, nil
	}
	return sealed, epoch, err
}

// claimStep takes a time step for the person; false where it, or a later one, was taken before.
func (c *Credentials) claimStep(ctx context.Context, user directory.UserID, step int64) (bool, error) {
	n, err := c.db.Exec(ctx, `update totp_secrets set last_step = $1 where user_id = $2 and last_step < $3`, step, user, step)
	return n == 1, err
}

func storeTOTP(ctx context.Context, tx *sqldb.Tx, user directory.UserID, sealed []byte) error {
	n, err := tx.Exec(ctx, `insert into totp_secrets (user_id, secret, last_step, credentials_epoch, created_at)
		select id, $2, 0, credentials_epoch, $3 from users where id = $1
		on conflict (user_id) do update set secret = excluded.secret, last_step = excluded.last_step,
			credentials_epoch = excluded.credentials_epoch, created_at = excluded.created_at`,
		user, sealed, sqldb.Micros(tx.Now()))
	if err != nil {
		return err
	}
	if n == 0 {
		return directory.ErrUserNotFound
	}
	return audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{Action: "credential.totp_set", Object: user.String(), Person: user.String()})
}
