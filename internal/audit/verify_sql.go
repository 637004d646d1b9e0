package audit

import (
	"context"

	"portvakt/internal/sqldb"
)

func signers(ctx context.Context, q sqldb.Queryer) (map[string][]byte, error) {
	rows, err := q.Query(ctx, `select kid, jwk from audit_signers`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string][]byte{}
	for rows.Next() {
		var kid string
		var jwk []byte
		if err := rows.Scan(&kid, &jwk); err != nil {
			return nil, err
		}
		out[kid] = jwk
	}
	return out, rows.Err()
}

// destroyed are the people whose keys were destroyed.
func destroyed(ctx context.Context, q sqldb.Queryer) (map[string]bool, error) {
	people, err := sqldb.All(ctx, q, func(r sqldb.Row) (p string, err error) { return p, r.Scan(&p) },
		`select person from person_keys where key is null`)
	out := map[string]bool{}
	for _, p := range people {
		out[p] = true
	}
	return out, err
}

func headsOf(ctx context.Context, q sqldb.Queryer, chain string) ([]Head, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (h Head, err error) {
		return h, r.Scan(&h.Chain, &h.Position, &h.Link, &h.Signature, sqldb.Time(&h.At))
	}, `select chain, position, link, signature, at from audit_heads where chain = $1 order by position`, chain)
}

// chainPage are the entries of a chain behind a position, in its order. The zero organization is the installation.
func chainPage(ctx context.Context, q sqldb.Queryer, organization organizationID, after int64, limit int) ([]stored, error) {
	if organization.IsZero() {
		return sqldb.All(ctx, q, scanStored, chainPageText("organization_id is null and position > $1 order by position limit $2"), after, limit)
	}
	return sqldb.All(ctx, q, scanStored, chainPageText("organization_id = $1 and position > $2 order by position limit $3"),
		organization, after, limit)
}

func chainPageText(where string) string {
	return `select ` + storedColumns + ` from audit_entries where position is not null and ` + where
}

// Chains are all chains that there are or were: those that have an end, those that a head was signed of, and each
// organization's, since making it is its first entry.
func Chains(ctx context.Context, q sqldb.Queryer) (map[string][16]byte, error) {
	out := map[string][16]byte{Installation: {}}
	organizations, err := sqldb.All(ctx, q, func(r sqldb.Row) (id organizationID, err error) { return id, r.Scan(&id) },
		`select id from organizations`)
	if err != nil {
		return nil, err
	}
	for _, id := range organizations {
		out[id.String()] = id
	}
	named, err := sqldb.All(ctx, q, func(r sqldb.Row) (c string, err error) { return c, r.Scan(&c) },
		`select chain from audit_chains union select chain from audit_heads`)
	if err != nil {
		return nil, err
	}
	for _, chain := range named {
		if id, err := organizationOf(chain); err == nil {
			out[chain] = id
		}
	}
	return out, nil
}
