package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// administration is an organization that somebody administers now, by which membership.
type administration struct {
	organization OrganizationID
	membership   MembershipID
}

var administeredByText = `select m.organization_id, m.id from memberships m join users u on u.id = m.user_id
	where m.user_id = $1 and m.administrator = true and u.state = 'active' and` + alive("$2")

func administeredBy(ctx context.Context, q sqldb.Queryer, user UserID) ([]administration, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (a administration, err error) {
		err = r.Scan(&a.organization, &a.membership)
		return a, err
	}, administeredByText, user, sqldb.Micros(q.Now()))
}

const lockAdministratorsText = `update users set version = version where id in (select m.user_id from memberships m
	where m.organization_id = $1 and m.id <> $2 and m.administrator = true and m.deleted_at is null and m.ended_at is null)`

var withoutAdministratorText = `select ` + organizationColumns + ` from organizations o where o.state = 'active' and not exists (
		select 1 from memberships m join users u on u.id = m.user_id
		where m.organization_id = o.id and m.administrator = true and u.state = 'active' and` + alive("$1") + `)
	order by o.slug limit 500`

// WithoutAdministrator are the organizations in which nobody can act as administrator now, without their domains and
// features; the first 500 by slug.
func (s Organizations) WithoutAdministrator(ctx context.Context) ([]Organization, error) {
	return sqldb.All(ctx, s.q(), scanOrganization, withoutAdministratorText, sqldb.Micros(s.now()))
}
