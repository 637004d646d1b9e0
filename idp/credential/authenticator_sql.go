package credential

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// enrolTOTP stores the authenticator, unless a code of the same moment or a later one has been taken from the earlier one:
// a form that is sent twice enrols once.
func enrolTOTP(ctx context.Context, tx *sqldb.Tx, p Proven) (epoch int64, err error) {
	n, err := tx.Exec(ctx, `insert into totp_secrets (user_id, secret, last_step, credentials_epoch, created_at)
		select id, $2, $3, credentials_epoch, $4 from users where id = $1 and state = 'active'
		on conflict (user_id) do update set secret = excluded.secret, last_step = excluded.last_step,
			credentials_epoch = excluded.credentials_epoch, created_at = excluded.created_at
			where totp_secrets.last_step < excluded.last_step or totp_secrets.credentials_epoch <> excluded.credentials_epoch`,
		p.user, p.sealed, p.step, sqldb.Micros(tx.Now()))
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, ErrWrongCode
	}
	if err := tx.QueryRow(ctx, `select epoch from users where id = $1`, p.user).Scan(&epoch); err != nil {
		return 0, err
	}
	return epoch, audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{Action: "credential.totp_set", Object: p.user.String(), Person: p.user.String()})
}

func deleteTOTP(ctx context.Context, tx *sqldb.Tx, user directory.UserID) (bool, error) {
	n, err := tx.Exec(ctx, `delete from totp_secrets where user_id = $1`, user)
	if err != nil || n == 0 {
		return false, err
	}
	return true, audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{Action: "credential.totp_removed", Object: user.String(), Person: user.String()})
}

// TOTPSince is when the person's authenticator was set up; the zero time where none counts.
func (c *Credentials) TOTPSince(ctx context.Context, user directory.UserID) (at time.Time, err error) {
	err = c.db.QueryRow(ctx, `select t.created_at from totp_secrets t join users u on u.id = t.user_id and u.credentials_epoch = t.credentials_epoch
		where t.user_id = $1`, user).Scan(sqldb.Time(&at))
	if errors.Is(err, sqldb.ErrNoRows) {
		return time.Time{}, nil
	}
	return at, err
}

// LockUser makes transactions that change the same person's factors wait for each other, so that two removals at once
// cannot each count on what the other takes away.
func LockUser(ctx context.Context, tx *sqldb.Tx, user directory.UserID) error {
	_, err := tx.Exec(ctx, `update users set credentials_epoch = credentials_epoch where id = $1`, user)
	return err
}
