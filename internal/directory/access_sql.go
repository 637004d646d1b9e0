package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// accessSQL gathers everything about one member: $1 the organization, $2 the membership. A role's groups count for those
// who have the role, with everything below also for those further down; union without all ends on cycles by itself, the
// depth ends the other recursion. Roles stand before the groups that have them in a cross join, which SQLite keeps in that
// order; it would look at all roles of all groups.
const accessSQL = `with recursive me as (
		select id, organization_id, kind, administrator, role_id, all_segments, reseller_role, bank_access, user_administration from memberships
		where organization_id = $1 and id = $2 and deleted_at is null
	), role_path (id, parent_id, key, name, depth) as (
		select r.id, r.parent_id, r.key, r.name, 0 from roles r join me on r.id = me.role_id
		union all
		select r.id, r.parent_id, r.key, r.name, p.depth + 1 from roles r join role_path p on r.id = p.parent_id where p.depth < 64
	), my_groups (id) as (
		select gm.group_id from group_members gm join me on gm.member_id = me.id
		union
		select gm.group_id from role_path p cross join group_members gm where gm.role_id = p.id and (p.depth = 0 or gm.with_below = true)
		union
		select gm.group_id from group_members gm join my_groups g on gm.child_group_id = g.id
	), my_profiles as (
		select p.id, p.key, p.name from profiles p join role_profiles rp on rp.profile_id = p.id join me on me.role_id = rp.role_id
	)
	select g.id, 'group', g.key, g.name, '', 0 from groups g join my_groups x on x.id = g.id
	union all select me.id, 'member', me.kind, coalesce(me.reseller_role, ''), '',
		case when me.administrator = true then 1 else 0 end + case when me.all_segments = true then 2 else 0 end +
		case when me.bank_access = true then 4 else 0 end + case when me.user_administration = true then 8 else 0 end from me
	union all select p.id, 'role', p.key, p.name, '', p.depth from role_path p
	union all select p.id, 'profile', p.key, p.name, '', 0 from my_profiles p
	union all select p.id, 'profile_module', pm.module_key, '', '', ` + profileFlags + ` from profile_modules pm join my_profiles p on p.id = pm.profile_id
	union all select p.id, 'profile_field', pf.module_key, pf.field, pf.access, 0 from profile_fields pf join my_profiles p on p.id = pf.profile_id
	union all select p.id, 'profile_tool', pt.module_key, pt.tool, '', 0 from profile_tools pt join my_profiles p on p.id = pt.profile_id
	union all select me.id, 'package', mp.package_key, '', '', 0 from member_packages mp join me on me.id = mp.membership_id
	union all select me.id, 'package_grant', pg.package_key, pg.module_key, pg.grade, 0
		from member_packages mp join me on me.id = mp.membership_id join package_grants pg on pg.package_key = mp.package_key
	union all select me.id, 'grant', mg.module_key, mg.grade, '', 0 from member_grants mg join me on me.id = mg.membership_id
	union all select me.id, 'function', mf.function, '', '', 0 from member_functions mf join me on me.id = mf.membership_id
	union all select me.id, 'segment', ms.segment_key, '', '', 0 from member_segments ms join me on me.id = ms.membership_id
	union all select null, 'module', m.key, '', '', case when m.self_service = true then 1 else 0 end from modules m
	union all select null, 'module_field', f.module_key, f.field, '', 0 from module_fields f
	union all select null, 'module_tool', t.module_key, t.tool, '', 0 from module_tools t`

func accessRows(ctx context.Context, q sqldb.Queryer, org OrganizationID, member MembershipID) ([]factRow, error) {
	return sqldb.All(ctx, q, scanFactRow, accessSQL, org, member)
}

func scanFactRow(r sqldb.Row) (f factRow, err error) {
	err = r.Scan(&f.id, &f.what, &f.a, &f.b, &f.c, &f.n)
	return f, err
}

// Segments are the organization's, in their order.
func (s Access) Segments(ctx context.Context, org OrganizationID) ([]Segment, error) {
	return sqldb.All(ctx, s.q(), func(r sqldb.Row) (x Segment, err error) {
		err = r.Scan(&x.Key, &x.Name)
		return x, err
	}, `select key, name from segments where organization_id = $1 order by position, key`, org)
}

// Segment is a division of an organization's data.
type Segment struct{ Key, Name string }

// SaveSegments makes and renames segments.
func (s Access) SaveSegments(ctx context.Context, org OrganizationID, segments []Segment) (Tally, error) {
	var t Tally
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		t = Tally{}
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		was, err := s.in(tx).Segments(ctx, org)
		if err != nil {
			return err
		}
		for _, x := range segments {
			if err := checkNamed(x.Key, x.Name); err != nil {
				return err
			}
			old, there := find(was, func(o Segment) bool { return o.Key == x.Key })
			if there && old == x {
				continue
			}
			tx.Later(`insert into segments (organization_id, key, name, position)
				select $1, $2, $3, coalesce(max(position), 0) + 1 from segments where organization_id = $4
				on conflict (organization_id, key) do update set name = excluded.name`, org, x.Key, x.Name, org)
			if !there {
				was = append(was, x)
			}
			if err := e.saved(ctx, "segment", x.Key, there, &t); err != nil {
				return err
			}
		}
		return nil
	})
	return t, err
}

func find[T any](list []T, is func(T) bool) (found T, ok bool) {
	for _, x := range list {
		if is(x) {
			return x, true
		}
	}
	return found, false
}
