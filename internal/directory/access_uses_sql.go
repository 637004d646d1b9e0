package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// roleUses are the groups that hold a role, with or without everything below, and the rules between it and others.
func roleUses(ctx context.Context, q sqldb.Queryer, org OrganizationID, role RoleID) (u uses, err error) {
	if u.named, err = sqldb.All(ctx, q, scanString, `select distinct g.name from group_members gm join groups g on g.id = gm.group_id
		where gm.organization_id = $1 and gm.role_id = $2 order by g.name`, org, role); err != nil {
		return u, err
	}
	u.modules, err = sqldb.All(ctx, q, scanString, `select distinct module_key from sharing_rules
		where organization_id = $1 and (from_role_id = $2 or to_role_id = $2) order by module_key`, org, role)
	return u, err
}

// groupUses are the rules between a group and others.
func groupUses(ctx context.Context, q sqldb.Queryer, org OrganizationID, group GroupID) (u uses, err error) {
	u.modules, err = sqldb.All(ctx, q, scanString, `select distinct module_key from sharing_rules
		where organization_id = $1 and (from_group_id = $2 or to_group_id = $2) order by module_key`, org, group)
	return u, err
}

// groupsHolding are the groups that a group is in directly.
func groupsHolding(ctx context.Context, q sqldb.Queryer, org OrganizationID, group GroupID) ([]Group, error) {
	return sqldb.All(ctx, q, scanGroup, `select `+groupColumns+` from groups g where g.organization_id = $1 and g.id in
		(select gm.group_id from group_members gm where gm.organization_id = $1 and gm.child_group_id = $2) order by g.id`, org, group)
}

// profileUses are the roles that carry a profile.
func profileUses(ctx context.Context, q sqldb.Queryer, org OrganizationID, profile ProfileID) (u uses, err error) {
	u.named, err = sqldb.All(ctx, q, scanString, `select r.name from role_profiles rp join roles r on r.id = rp.role_id
		where r.organization_id = $1 and rp.profile_id = $2 order by r.name`, org, profile)
	return u, err
}
