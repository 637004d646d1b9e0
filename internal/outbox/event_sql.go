package outbox

import (
	"encoding/json"

	"portvakt/internal/sqldb"
)

// Append writes an event with the transaction and wakes the workers after its commit. data is marshalled to JSON.
func Append[P sqldb.Prefix](tx *sqldb.Tx, organization sqldb.ID[P], kind, subject string, data any) error {
	body := []byte("{}")
	if data != nil {
		var err error
		if body, err = json.Marshal(data); err != nil {
			return err
		}
	}
	tx.Later("insert into events (id, kind, organization_id, subject, data, at) values ($1, $2, $3, $4, $5, $6)",
		sqldb.NewID[eventPrefix](tx.Now()), kind, organization, subject, string(body), sqldb.Micros(tx.Now()))
	tx.Notify(Topic)
	return nil
}
