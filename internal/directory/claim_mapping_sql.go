package directory

import (
	"context"
	"encoding/json"
	"slices"

	"portvakt/internal/sqldb"
)

func claimMappings(ctx context.Context, q sqldb.Queryer, application ApplicationID) ([]ClaimMapping, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (m ClaimMapping, err error) {
		var chosen string
		if err := r.Scan(&m.Source, &m.Name, &m.Prefix, &chosen); err != nil {
			return m, err
		}
		return m, json.Unmarshal([]byte(chosen), &m.Values)
	}, `select source, name, prefix, chosen from claim_mappings where application_id = $1 order by position`, application)
}

// saveClaimMappings replaces how the application is told of access.
func saveClaimMappings(tx *sqldb.Tx, application ApplicationID, list []ClaimMapping) error {
	tx.Later(`delete from claim_mappings where application_id = $1`, application)
	for i, m := range list {
		chosen, err := json.Marshal(append([]string{}, m.Values...))
		if err != nil {
			return err
		}
		tx.Later(`insert into claim_mappings (application_id, position, source, name, prefix, chosen) values ($1, $2, $3, $4, $5, $6)`,
			application, i, m.Source, m.Name, m.Prefix, string(chosen))
	}
	return nil
}

// SameClaimMappings reports whether two lists tell the same.
func SameClaimMappings(a, b []ClaimMapping) bool {
	return slices.EqualFunc(a, b, func(x, y ClaimMapping) bool {
		return x.Source == y.Source && x.Name == y.Name && x.Prefix == y.Prefix && slices.Equal(x.Values, y.Values)
	})
}
