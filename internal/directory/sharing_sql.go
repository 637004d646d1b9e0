package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// Sharing is the default of each module that has one of its own.
func (s Access) Sharing(ctx context.Context, org OrganizationID) (map[string]SharingLevel, error) {
	levels := map[string]SharingLevel{}
	_, err := sqldb.All(ctx, s.q(), func(r sqldb.Row) (struct{}, error) {
		var module, level string
		err := r.Scan(&module, &level)
		levels[module] = SharingLevel(level)
		return struct{}{}, err
	}, `select module_key, level from sharing_defaults where organization_id = $1`, org)
	return levels, err
}

func writeSharing(tx *sqldb.Tx, org OrganizationID, module string, level SharingLevel) {
	tx.Later(`insert into sharing_defaults (organization_id, module_key, level) values ($1, $2, $3)
		on conflict (organization_id, module_key) do update set level = excluded.level`, org, module, string(level))
}

// SharingRules are the organization's rules, in the order of their making.
func (s Access) SharingRules(ctx context.Context, org OrganizationID) ([]SharingRule, error) {
	return sqldb.All(ctx, s.q(), func(r sqldb.Row) (x SharingRule, err error) {
		var access string
		err = r.Scan(&x.ID, &x.Module, &x.From.Role, &x.From.WithBelow, &x.From.Group, &x.To.Role, &x.To.WithBelow, &x.To.Group, &access)
		x.Access = SharingAccess(access)
		return x, err
	}, `select id, module_key, from_role_id, from_below, from_group_id, to_role_id, to_below, to_group_id, access
		from sharing_rules where organization_id = $1 order by id`, org)
}

func writeSharingRule(tx *sqldb.Tx, org OrganizationID, r SharingRule) {
	tx.Later(`insert into sharing_rules (id, organization_id, module_key, from_role_id, from_below, from_group_id, to_role_id, to_below, to_group_id, access)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (id) do update set access = excluded.access`,
		r.ID, org, r.Module, r.From.Role, r.From.WithBelow, r.From.Group, r.To.Role, r.To.WithBelow, r.To.Group, string(r.Access))
}
