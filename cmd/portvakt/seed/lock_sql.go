package seed

import (
	"context"

	"portvakt/internal/sqldb"
)

// lock lets one apply run at a time: another waits until this transaction has ended. The row stays what it is.
func lock(ctx context.Context, tx *sqldb.Tx) error {
	_, err := tx.Exec(ctx, `insert into watermarks (name, version) values ('apply', 0)
		on conflict (name) do update set version = watermarks.version`)
	return err
}
