package outbox

import (
	"context"
	"encoding/json"

	"portvakt/internal/sqldb"
)

// Many are events of one kind in one organization; Data belongs to the subject of the same place.
type Many struct {
	Kind     string
	Subjects []string
	Data     []any
}

var loaded = []string{"id", "kind", "organization_id", "subject", "data", "at"}

// AppendMany is Append for the many events of a bulk load, in one stroke.
func AppendMany[P sqldb.Prefix](ctx context.Context, tx *sqldb.Tx, organization sqldb.ID[P], many Many) error {
	rows := make([][]any, len(many.Subjects))
	for i, subject := range many.Subjects {
		body, err := json.Marshal(many.Data[i])
		if err != nil {
			return err
		}
		rows[i] = []any{sqldb.NewID[eventPrefix](tx.Now()), many.Kind, organization, subject, string(body), sqldb.Micros(tx.Now())}
	}
	tx.Notify(Topic)
	return tx.Load(ctx, "events", loaded, rows)
}
