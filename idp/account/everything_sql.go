package account

import (
	"context"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// namedKeys are the person's security keys and passkeys, as the person has named them.
func (a *Account) namedKeys(ctx context.Context, user directory.UserID) ([]exportedKey, error) {
	return sqldb.All(ctx, a.db, func(r sqldb.Row) (k exportedKey, err error) {
		var used time.Time
		err = r.Scan(&k.Name, &k.Passkey, sqldb.Time(&k.CreatedAt), sqldb.Time(&used))
		k.UsedAt = moment(used)
		return k, err
	}, `select k.name, k.discoverable, k.created_at, k.used_at from webauthn_keys k join users u on u.id = k.user_id
		where k.user_id = $1 and k.credentials_epoch = u.credentials_epoch order by k.created_at, k.id`, user)
}

// trustedBrowsers are those in which the second factor is not asked for.
func (a *Account) trustedBrowsers(ctx context.Context, user directory.UserID) ([]exportedDevice, error) {
	return sqldb.All(ctx, a.db, func(r sqldb.Row) (d exportedDevice, err error) {
		return d, r.Scan(&d.Browser, &d.Address, sqldb.Time(&d.Since))
	}, `select t.user_agent, t.address, t.proven_at from trusted_devices t join users u on u.id = t.user_id
		where t.user_id = $1 and t.ended_at is null and t.user_epoch = u.epoch and t.credentials_epoch = u.credentials_epoch order by t.proven_at, t.id`, user)
}
