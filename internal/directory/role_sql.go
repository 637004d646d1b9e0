package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// Roles are the organization's roles in their order; Parent links them to a tree.
func (s Access) Roles(ctx context.Context, org OrganizationID) ([]Role, error) {
	roles, err := sqldb.All(ctx, s.q(), func(r sqldb.Row) (x Role, err error) {
		err = r.Scan(&x.ID, &x.Key, &x.Name, sqldb.NullText(&x.Parent))
		return x, err
	}, `select r.id, r.key, r.name, p.key from roles r left join roles p on p.id = r.parent_id
		where r.organization_id = $1 order by r.position, r.key`, org)
	if err != nil {
		return nil, err
	}
	at := make(map[RoleID]*Role, len(roles))
	for i := range roles {
		at[roles[i].ID] = &roles[i]
	}
	_, err = sqldb.All(ctx, s.q(), func(r sqldb.Row) (struct{}, error) {
		var id RoleID
		var key string
		err := r.Scan(&id, &key)
		if x := at[id]; err == nil && x != nil {
			x.Profiles = append(x.Profiles, key)
		}
		return struct{}{}, err
	}, `select rp.role_id, p.key from role_profiles rp join profiles p on p.id = rp.profile_id where p.organization_id = $1`, org)
	return roles, err
}

// roleLinks is what a role's keys stand for.
type roleLinks struct {
	parent   RoleID
	profiles []Profile
}

func writeRole(tx *sqldb.Tx, org OrganizationID, r Role, links roleLinks) {
	tx.Later(`insert into roles (id, organization_id, key, name, parent_id, position)
		select $1, $2, $3, $4, $5, coalesce(max(position), 0) + 1 from roles where organization_id = $6
		on conflict (organization_id, key) do update set name = excluded.name, parent_id = excluded.parent_id`,
		r.ID, org, r.Key, r.Name, links.parent, org)
	tx.Later(`delete from role_profiles where role_id = $1`, r.ID)
	for _, key := range sorted(r.Profiles) {
		p, _ := find(links.profiles, func(p Profile) bool { return p.Key == key })
		tx.Later(`insert into role_profiles (role_id, profile_id) values ($1, $2)`, r.ID, p.ID)
	}
}
