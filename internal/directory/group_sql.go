package directory

import (
	"context"
	"errors"

	"portvakt/internal/sqldb"
)

const groupColumns = `g.id, g.key, g.name, g.external_id, g.provisioning_client_id, g.version, g.created_at, g.changed_at`

func scanGroup(r sqldb.Row) (g Group, err error) {
	err = r.Scan(&g.ID, &g.Key, &g.Name, sqldb.NullText(&g.ExternalID), &g.ManagedBy, &g.Version, sqldb.Time(&g.CreatedAt), sqldb.Time(&g.ChangedAt))
	if errors.Is(err, sqldb.ErrNoRows) {
		err = ErrGroupNotFound
	}
	return g, err
}

// Groups are the organization's groups, by name.
func (s Access) Groups(ctx context.Context, org OrganizationID) ([]Group, error) {
	return sqldb.All(ctx, s.q(), scanGroup, `select `+groupColumns+` from groups g where g.organization_id = $1 order by g.name_key, g.id`, org)
}

func groupByID(ctx context.Context, q sqldb.Queryer, org OrganizationID, id GroupID) (Group, error) {
	return scanGroup(q.QueryRow(ctx, `select `+groupColumns+` from groups g where g.organization_id = $1 and g.id = $2`, org, id))
}

// What is in groups: groups and roles by their names, members in the order of their making. $2 is the moment: whoever has
// ended is in no group.
const (
	groupMemberColumns = `gm.group_id, gm.member_id, gm.child_group_id, gm.role_id, gm.with_below, coalesce(c.name, r.name), m.details, m.user_name`
	groupMemberFrom    = ` from group_members gm
		left join groups c on c.id = gm.child_group_id left join roles r on r.id = gm.role_id left join memberships m on m.id = gm.member_id
		where gm.organization_id = $1 and ` + notOver
	groupMemberOrder = ` order by case when gm.member_id is null then 0 else 1 end, coalesce(c.name_key, r.key, ''), gm.with_below, gm.member_id`
)

type groupMemberRow struct {
	group GroupID
	GroupMember
}

func scanGroupMember(r sqldb.Row) (m groupMemberRow, err error) {
	var details, userName string
	err = r.Scan(&m.group, &m.Member, &m.Group, &m.Role, &m.WithBelow, sqldb.NullText(&m.Name), sqldb.NullText(&details), sqldb.NullText(&userName))
	if err != nil || m.Member.IsZero() {
		return m, err
	}
	var d Details
	err = readDetails(details, &d)
	if m.Name = d.Name(); m.Name == "" {
		m.Name = userName
	}
	return m, err
}

// groupMembers reads a page of what is in a group.
func groupMembers(ctx context.Context, q sqldb.Queryer, org OrganizationID, id GroupID, page GroupPage) ([]GroupMember, int64, error) {
	const from = groupMemberFrom + ` and gm.group_id = $3`
	now := sqldb.Micros(q.Now())
	var total int64
	if err := q.QueryRow(ctx, `select count(*)`+from, org, now, id).Scan(&total); err != nil {
		return nil, 0, err
	}
	if page.Limit == 0 || int64(page.Offset) >= total {
		return nil, total, nil
	}
	rows, err := sqldb.All(ctx, q, scanGroupMember, `select `+groupMemberColumns+from+groupMemberOrder+` limit $4 offset $5`, org, now, id, page.Limit, page.Offset)
	members := make([]GroupMember, len(rows))
	for i := range rows {
		members[i] = rows[i].GroupMember
	}
	return members, total, err
}

// MembersOf is all that is in each of the groups, in one statement.
func (s Access) MembersOf(ctx context.Context, org OrganizationID, groups []GroupID) (map[GroupID][]GroupMember, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	args := []any{org, sqldb.Micros(s.now())}
	for _, id := range groups {
		args = append(args, id)
	}
	rows, err := sqldb.All(ctx, s.q(), scanGroupMember, `select `+groupMemberColumns+groupMemberFrom+
		` and gm.group_id in (`+placeholders(3, len(groups))+`)`+groupMemberOrder, args...)
	members := make(map[GroupID][]GroupMember, len(groups))
	for _, r := range rows {
		members[r.group] = append(members[r.group], r.GroupMember)
	}
	return members, err
}

func writeGroup(tx *sqldb.Tx, org OrganizationID, g Group) {
	now := sqldb.Micros(tx.Now())
	tx.Later(`insert into groups (id, organization_id, key, name, name_key, external_id, version, created_at, changed_at)
		values ($1, $2, $3, $4, $5, $6, 1, $7, $8)
		on conflict (organization_id, key) do update set name = excluded.name, name_key = excluded.name_key,
			external_id = excluded.external_id, version = groups.version + 1, changed_at = excluded.changed_at`,
		g.ID, org, g.Key, g.Name, Fold(g.Name), sqldb.Text(g.ExternalID), now, now)
}

func insertGroup(tx *sqldb.Tx, org OrganizationID, g Group) {
	now := sqldb.Micros(tx.Now())
	tx.Later(`insert into groups (id, organization_id, key, name, name_key, external_id, provisioning_client_id, version, created_at, changed_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		g.ID, org, g.Key, g.Name, Fold(g.Name), sqldb.Text(g.ExternalID), g.ManagedBy, g.Version, now, now)
}

func updateGroup(tx *sqldb.Tx, org OrganizationID, g Group) {
	tx.Later(`update groups set name = $3, name_key = $4, external_id = $5, provisioning_client_id = $6, version = $7, changed_at = $8
		where organization_id = $1 and id = $2`,
		org, g.ID, g.Name, Fold(g.Name), sqldb.Text(g.ExternalID), g.ManagedBy, g.Version, sqldb.Micros(g.ChangedAt))
}

func groupNameTaken(ctx context.Context, q sqldb.Queryer, org OrganizationID, g *Group) (taken bool, err error) {
	var n int64
	err = q.QueryRow(ctx, `select count(*) from groups where organization_id = $1 and name_key = $2 and id <> $3`, org, Fold(g.Name), g.ID).Scan(&n)
	return n > 0, err
}

func groupExternalIDTaken(ctx context.Context, q sqldb.Queryer, org OrganizationID, g *Group) (taken bool, err error) {
	var n int64
	err = q.QueryRow(ctx, `select count(*) from groups where organization_id = $1 and external_id = $2 and provisioning_client_id = $3 and id <> $4`,
		org, g.ExternalID, g.ManagedBy, g.ID).Scan(&n)
	return n > 0, err
}

// hasGroups reports whether the organization has n groups.
func hasGroups(ctx context.Context, q sqldb.Queryer, org OrganizationID, n int) (bool, error) {
	var found int
	err := q.QueryRow(ctx, `select count(*) from (select 1 from groups where organization_id = $1 limit $2) found`, org, n).Scan(&found)
	return found >= n, err
}

func groupKeyFree(ctx context.Context, q sqldb.Queryer, org OrganizationID, key string) (free bool, err error) {
	var n int64
	err = q.QueryRow(ctx, `select (select count(*) from groups where organization_id = $1 and key = $2)
		+ (select count(*) from former_group_keys where organization_id = $1 and key = $2)`, org, key).Scan(&n)
	return n == 0, err
}

// groupNesting is which groups each group of the organization holds directly.
func groupNesting(ctx context.Context, q sqldb.Queryer, org OrganizationID) (map[GroupID][]GroupID, error) {
	nested := map[GroupID][]GroupID{}
	_, err := sqldb.All(ctx, q, func(r sqldb.Row) (struct{}, error) {
		var parent, child GroupID
		err := r.Scan(&parent, &child)
		nested[parent] = append(nested[parent], child)
		return struct{}{}, err
	}, `select group_id, child_group_id from group_members where organization_id = $1 and child_group_id is not null`, org)
	return nested, err
}
