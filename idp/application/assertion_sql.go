package application

import (
	"context"
	"time"

	"portvakt/internal/sqldb"
)

// takeAssertion is false where somebody was there before.
func takeAssertion(ctx context.Context, db *sqldb.DB, hash []byte, expires time.Time) (taken bool, err error) {
	err = db.Update(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `insert into used_assertions (hash, expires_at) values ($1, $2) on conflict (hash) do nothing`, hash, sqldb.Micros(expires))
		taken = n == 1
		return err
	})
	return taken, err
}

// keepAssertions is how much longer than needed a used assertion is remembered: nodes' clocks differ.
const keepAssertions = 10 * time.Minute

// Purge forgets client assertions that have expired, and answers how many.
func (c *Clients) Purge(ctx context.Context) (n int64, err error) {
	err = c.db.Update(ctx, func(tx *sqldb.Tx) error {
		n, err = tx.Exec(ctx, `delete from used_assertions where expires_at < $1`, sqldb.Micros(tx.Now().Add(-keepAssertions)))
		return err
	})
	return n, err
}
