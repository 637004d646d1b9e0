package audit

import (
	"context"
	"encoding/json"
	"strings"

	"portvakt/internal/actor"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// Append writes the entry with the transaction; who did it comes from the context.
func Append[P sqldb.Prefix](ctx context.Context, tx *sqldb.Tx, organization sqldb.ID[P], e Entry) error {
	values, err := entryValues(ctx, tx, organizationID(organization), e)
	if err != nil {
		return err
	}
	tx.Later(insertEntryText, values...)
	return nil
}

// entryColumns are those of a new entry, in the order of entryValues.
var entryColumns = []string{"id", "organization_id", "at", "actor_kind", "actor_id", "behalf", "action", "object", "detail", "request_id", "address",
	"user_agent", "person", "sealed", "salt"}

var insertEntryText = `insert into audit_entries (` + strings.Join(entryColumns, ", ") + `)
	values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`

func entryValues(ctx context.Context, tx *sqldb.Tx, organization organizationID, e Entry) ([]any, error) {
	detail := []byte("{}")
	if len(e.Detail) > 0 {
		var err error
		if detail, err = json.Marshal(e.Detail); err != nil {
			return nil, err
		}
	}
	id := sqldb.NewID[entryPrefix](tx.Now())
	sealed, err := seal(ctx, tx, id, e)
	if err != nil {
		return nil, err
	}
	a := actor.From(ctx)
	return []any{id, organization, sqldb.Micros(tx.Now()), string(a.Kind), a.ID, a.Behalf, e.Action, e.Object, string(detail), a.RequestID, a.Address,
		storable(a.UserAgent), e.Person, sealed, secret.Random(saltSize)}, nil
}

// storable is a text that somebody sent, without what PostgreSQL refuses.
func storable(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
}
