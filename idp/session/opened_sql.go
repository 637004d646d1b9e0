package session

import (
	"context"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// Opened is an application that a person has opened in an organization, as far back as sessions are kept.
type Opened struct {
	Application  directory.ApplicationID
	Organization directory.OrganizationID
	Since        time.Time
	Last         time.Time
}

// OpenedBy are the applications that the person has opened lately.
func OpenedBy(ctx context.Context, q sqldb.Queryer, user directory.UserID) ([]Opened, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (o Opened, err error) {
		return o, r.Scan(&o.Application, &o.Organization, sqldb.Time(&o.Since), sqldb.Time(&o.Last))
	}, `select sa.application_id, so.organization_id, min(so.created_at), max(sa.used_at)
		from sessions s join session_organizations so on so.session_id = s.id join session_applications sa on sa.sid = so.id
		where s.user_id = $1 group by sa.application_id, so.organization_id`, user)
}

// Networks are the networks from which the person's sessions were last used: no address is shown whole, not even to its
// owner, because others look over the shoulder. A session used on this very machine has none.
func (s *Sessions) Networks(ctx context.Context, user directory.UserID) (map[ID]string, error) {
	type place struct {
		id      ID
		address string
	}
	all, err := sqldb.All(ctx, s.db, func(r sqldb.Row) (p place, err error) { return p, r.Scan(&p.id, &p.address) },
		`select id, address from sessions where user_id = $1 and ended_at is null`, user)
	if err != nil {
		return nil, err
	}
	networks := map[ID]string{}
	for _, p := range all {
		networks[p.id] = NetworkOf(p.address)
	}
	return networks, nil
}

// NetworkOf is the part of an address that people are shown; "" where there is none to show.
func NetworkOf(address string) string {
	network, _ := credential.Network(address)
	return shortened(network)
}
