package credential

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

func insertDevice(ctx context.Context, tx *sqldb.Tx, e Evidence, d Device, hash []byte) (bool, error) {
	n, err := tx.Exec(ctx, `insert into trusted_devices (id, user_id, hash, user_epoch, credentials_epoch, acr, user_agent, address, proven_at, seen_at)
		select $2, id, $3, epoch, credentials_epoch, $4, $5, $6, $7, $7 from users where id = $1 and epoch = $8 and state = 'active'`,
		e.User, d.ID, hash, e.ACR(), d.UserAgent, d.Address, sqldb.Micros(d.ProvenAt), e.Epoch)
	return n == 1, err
}

// counts says in SQL that a browser d of a person u is still trusted as far as the person goes.
const counts = ` d.ended_at is null and d.user_epoch = u.epoch and d.credentials_epoch = u.credentials_epoch`

// useDevice is when the second factor was shown in the browser; the zero time where it counts no more.
func useDevice(ctx context.Context, tx *sqldb.Tx, e Evidence, hash []byte) (at time.Time, err error) {
	err = tx.QueryRow(ctx, `update trusted_devices set seen_at = $4 where hash = $1 and user_id = $2 and exists (
			select 1 from trusted_devices d join users u on u.id = d.user_id where d.id = trusted_devices.id and u.epoch = $3 and`+counts+`)
		returning proven_at`, hash, e.User, e.Epoch, sqldb.Micros(tx.Now())).Scan(sqldb.Time(&at))
	if errors.Is(err, sqldb.ErrNoRows) {
		return time.Time{}, nil
	}
	return at, err
}

// Devices are the browsers that the person trusts and that were proven after the moment, the last used first.
func (c *Credentials) Devices(ctx context.Context, user directory.UserID, after time.Time) ([]Device, error) {
	return sqldb.All(ctx, c.db, func(r sqldb.Row) (d Device, err error) {
		err = r.Scan(&d.ID, &d.UserAgent, &d.Address, sqldb.Time(&d.ProvenAt), sqldb.Time(&d.SeenAt))
		return d, err
	}, `select d.id, d.user_agent, d.address, d.proven_at, d.seen_at from trusted_devices d join users u on u.id = d.user_id
		where d.user_id = $1 and d.proven_at > $2 and`+counts+` order by d.seen_at desc, d.id limit 100`, user, sqldb.Micros(after))
}

func endDevice(ctx context.Context, tx *sqldb.Tx, user directory.UserID, id DeviceID) (bool, error) {
	n, err := tx.Exec(ctx, `update trusted_devices set ended_at = $3 where id = $1 and user_id = $2 and ended_at is null`, id, user, sqldb.Micros(tx.Now()))
	return n == 1, err
}

func endDevices(tx *sqldb.Tx, user directory.UserID) {
	tx.Later(`update trusted_devices set ended_at = $2 where user_id = $1 and ended_at is null`, user, sqldb.Micros(tx.Now()))
}

// PurgeDevices deletes browsers that nobody can trust any more and answers how many.
func (c *Credentials) PurgeDevices(ctx context.Context) (int64, error) {
	return c.db.Exec(ctx, `delete from trusted_devices where proven_at < $1`,
		sqldb.Micros(c.db.Now().Add(-directory.MaxTrustedDays*24*time.Hour)))
}
