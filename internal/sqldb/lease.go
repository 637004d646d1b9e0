package sqldb

import (
	"context"
	"time"
)

// Lease takes or renews the named lease for holder; false where somebody else holds it. It goes by the machine's clock.
func (db *DB) Lease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	now := db.Wall()
	n, err := db.Exec(ctx, `insert into leases (name, holder, until) values ($1, $2, $3)
		on conflict (name) do update set holder = excluded.holder, until = excluded.until
		where leases.until < $4 or leases.holder = excluded.holder`,
		name, holder, Micros(now.Add(ttl)), Micros(now))
	return n == 1, err
}
