package audit

import (
	"context"

	"portvakt/internal/sqldb"
)

// AppendMany is Append for the many entries of a bulk load, in one stroke.
func AppendMany[P sqldb.Prefix](ctx context.Context, tx *sqldb.Tx, organization sqldb.ID[P], entries []Entry) error {
	rows := make([][]any, len(entries))
	for i, e := range entries {
		var err error
		if rows[i], err = entryValues(ctx, tx, organizationID(organization), e); err != nil {
			return err
		}
	}
	return tx.Load(ctx, "audit_entries", entryColumns, rows)
}
