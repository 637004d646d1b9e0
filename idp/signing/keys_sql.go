package signing

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/sqldb"
)

// storedKey is a row of signing_keys.
type storedKey struct {
	kid, algorithm string
	state          state
	sealed         []byte
	jwk            string
	retiredAt      time.Time
	createdAt      time.Time
}

func readKeys(ctx context.Context, q sqldb.Queryer) ([]storedKey, error) {
	return sqldb.All(ctx, q, func(row sqldb.Row) (k storedKey, err error) {
		return k, row.Scan(&k.kid, &k.algorithm, (*string)(&k.state), &k.sealed, &k.jwk, sqldb.Time(&k.retiredAt), sqldb.Time(&k.createdAt))
	}, "select kid, algorithm, state, private_key, public_jwk, retired_at, created_at from signing_keys order by created_at, algorithm, kid")
}

// insertKey reports false where the place is taken.
func insertKey(ctx context.Context, tx *sqldb.Tx, k storedKey) (bool, error) {
	var activated time.Time
	if k.state == current {
		activated = tx.Now()
	}
	n, err := tx.Exec(ctx, `insert into signing_keys (kid, algorithm, state, private_key, public_jwk, created_at, activated_at)
		values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
		k.kid, k.algorithm, string(k.state), k.sealed, k.jwk, sqldb.Micros(tx.Now()), sqldb.Micros(activated))
	return n == 1, err
}

// advance retires the current key, destroying its private half, and makes the next one current; false where the key is
// not current any more.
func advance(ctx context.Context, tx *sqldb.Tx, kid, algorithm string) (bool, error) {
	n, err := tx.Exec(ctx, `update signing_keys set state = 'retired', retired_at = $2, private_key = $3
		where kid = $1 and state = 'current'`, kid, sqldb.Micros(tx.Now()), []byte{})
	if err != nil || n == 0 {
		return false, err
	}
	n, err = tx.Exec(ctx, "update signing_keys set state = 'current', activated_at = $2 where algorithm = $1 and state = 'next'",
		algorithm, sqldb.Micros(tx.Now()))
	if err == nil && n != 1 {
		err = errors.New("signing: no next key for " + algorithm)
	}
	return true, err
}

func deleteRetired(ctx context.Context, tx *sqldb.Tx, before time.Time) (int64, error) {
	return tx.Exec(ctx, "delete from signing_keys where state = 'retired' and retired_at <= $1", sqldb.Micros(before))
}

// oldestCurrent is when the current keys were activated; zero where there are none.
func oldestCurrent(ctx context.Context, q sqldb.Queryer) (at time.Time, err error) {
	err = q.QueryRow(ctx, "select min(activated_at) from signing_keys where state = 'current'").Scan(sqldb.Time(&at))
	return at, err
}

// KeyInfo is what may be shown of a key.
type KeyInfo struct {
	KID, Algorithm, State string
	Since                 time.Time // in this state
}

// List is every key of the ring, without private parts.
func List(ctx context.Context, q sqldb.Queryer) ([]KeyInfo, error) {
	return sqldb.All(ctx, q, func(row sqldb.Row) (k KeyInfo, err error) {
		return k, row.Scan(&k.KID, &k.Algorithm, &k.State, sqldb.Time(&k.Since))
	}, `select kid, algorithm, state, coalesce(retired_at, activated_at, created_at) from signing_keys order by algorithm, created_at, kid`)
}
