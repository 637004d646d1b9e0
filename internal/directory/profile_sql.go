package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// profileFlags packs the four permissions of the row pm into one number; ProfileModule.flags is its twin.
const profileFlags = `case when pm.can_view = true then 1 else 0 end + case when pm.can_create = true then 2 else 0 end
	+ case when pm.can_edit = true then 4 else 0 end + case when pm.can_delete = true then 8 else 0 end`

// Profiles are the organization's permission profiles, by key.
func (s Access) Profiles(ctx context.Context, org OrganizationID) ([]Profile, error) {
	rows, err := sqldb.All(ctx, s.q(), scanFactRow, `with mine as (select id, key, name from profiles where organization_id = $1)
		select p.id, 'profile', p.key, p.name, '', 0 from mine p
		union all select p.id, 'profile_module', pm.module_key, '', '', `+profileFlags+` from profile_modules pm join mine p on p.id = pm.profile_id
		union all select p.id, 'profile_field', f.module_key, f.field, f.access, 0 from profile_fields f join mine p on p.id = f.profile_id
		union all select p.id, 'profile_tool', t.module_key, t.tool, '', 0 from profile_tools t join mine p on p.id = t.profile_id`, org)
	if err != nil {
		return nil, err
	}
	all := map[ProfileID]*Profile{}
	for _, r := range rows {
		addProfileRow(all, r)
	}
	return byKey(all, func(p *Profile) string { return p.Key }), nil
}

func writeProfile(tx *sqldb.Tx, org OrganizationID, p Profile) {
	tx.Later(`insert into profiles (id, organization_id, key, name) values ($1, $2, $3, $4)
		on conflict (organization_id, key) do update set name = excluded.name`, p.ID, org, p.Key, p.Name)
	tx.Later(`delete from profile_modules where profile_id = $1`, p.ID)
	for module, pm := range p.Modules {
		tx.Later(`insert into profile_modules (profile_id, module_key, can_view, can_create, can_edit, can_delete) values ($1, $2, $3, $4, $5, $6)`,
			p.ID, module, pm.View, pm.Create, pm.Edit, pm.Delete)
		for field, access := range pm.Fields {
			tx.Later(`insert into profile_fields (profile_id, module_key, field, access) values ($1, $2, $3, $4)`, p.ID, module, field, string(access))
		}
		for _, tool := range sorted(pm.Tools) {
			tx.Later(`insert into profile_tools (profile_id, module_key, tool) values ($1, $2, $3)`, p.ID, module, tool)
		}
	}
}
