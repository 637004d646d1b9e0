package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// Departed reports whether somebody of that address or user name was a member and has been deleted.
func (s Memberships) Departed(ctx context.Context, org OrganizationID, e Email, userName string) (bool, error) {
	var n int64
	err := s.q().QueryRow(ctx, `select count(*) from memberships m left join users u on u.id = m.user_id
		where m.organization_id = $1 and m.deleted_at is not null and (u.email_key = $2 or m.user_name_key = $3)`,
		org, e.Key, Fold(userName)).Scan(&n)
	return n > 0, err
}

// OfOrganization are the organization's provisioning clients, by name.
func (s ProvisioningClients) OfOrganization(ctx context.Context, org OrganizationID) ([]ProvisioningClient, error) {
	return sqldb.All(ctx, s.q(), func(r sqldb.Row) (ProvisioningClient, error) { return scanProvisioningClient(r) },
		`select `+provisioningClientColumns+` from provisioning_clients c join organizations o on o.id = c.organization_id where c.organization_id = $1 order by c.name`, org)
}
