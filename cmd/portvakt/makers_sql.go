package main

import (
	"context"

	"portvakt/internal/sqldb"
)

// attestedOrganizations is how many organizations take attested keys alone.
func attestedOrganizations(ctx context.Context, q sqldb.Queryer) (n int64, err error) {
	err = q.QueryRow(ctx, `select count(*) from organizations where key_policy = 'attested'`).Scan(&n)
	return n, err
}
