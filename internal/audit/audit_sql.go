package audit

import (
	"context"
	"encoding/json"

	"portvakt/internal/actor"
	"portvakt/internal/sqldb"
)

// Append writes the entry with the transaction; who did it comes from the context.
func Append[P sqldb.Prefix](ctx context.Context, tx *sqldb.Tx, organization sqldb.ID[P], e Entry) error {
	detail := []byte("{}")
	if len(e.Detail) > 0 {
		var err error
		if detail, err = json.Marshal(e.Detail); err != nil {
			return err
		}
	}
	a := actor.From(ctx)
	tx.Later(`insert into audit_entries (id, organization_id, at, actor_kind, actor_id, action, object, detail, request_id, address)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		sqldb.NewID[entryPrefix](tx.Now()), organization, sqldb.Micros(tx.Now()), string(a.Kind), a.ID, e.Action, e.Object,
		string(detail), a.RequestID, a.Address)
	return nil
}
