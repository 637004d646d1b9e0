package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// What comes into a group, and what goes out, finds its row by one of three unique indexes; TestPlans explains each.
const (
	insertGroupMemberText = `insert into group_members (group_id, organization_id, member_id, with_below)
		select $1, organization_id, id, false from memberships where organization_id = $2 and id = $3 and deleted_at is null
		on conflict do nothing`
	insertGroupInGroupText = `insert into group_members (group_id, organization_id, child_group_id, with_below)
		select $1, organization_id, id, false from groups where organization_id = $2 and id = $3
		on conflict do nothing`
	insertGroupRoleText = `insert into group_members (group_id, organization_id, role_id, with_below)
		select $1, organization_id, id, $4 from roles where organization_id = $2 and id = $3
		on conflict do nothing`

	deleteGroupMemberText  = `delete from group_members where group_id = $1 and organization_id = $2 and member_id = $3`
	deleteGroupInGroupText = `delete from group_members where group_id = $1 and organization_id = $2 and child_group_id = $3`
	deleteGroupRoleText    = `delete from group_members where group_id = $1 and organization_id = $2 and role_id = $3 and with_below = $4`
)

// insertGroupMember puts in what is of the same organization, and refuses what is not there.
func insertGroupMember(ctx context.Context, tx *sqldb.Tx, org OrganizationID, group GroupID, m GroupMember) (came bool, err error) {
	var n, there int64
	switch {
	case !m.Member.IsZero():
		n, err = tx.Exec(ctx, insertGroupMemberText, group, org, m.Member)
	case !m.Group.IsZero():
		n, err = tx.Exec(ctx, insertGroupInGroupText, group, org, m.Group)
	default:
		n, err = tx.Exec(ctx, insertGroupRoleText, group, org, m.Role, m.WithBelow)
	}
	if err != nil || n > 0 {
		return n > 0, err
	}
	err = tx.QueryRow(ctx, `select (select count(*) from memberships where organization_id = $1 and id = $2 and deleted_at is null)
			+ (select count(*) from groups where organization_id = $1 and id = $3)
			+ (select count(*) from roles where organization_id = $1 and id = $4)`, org, m.Member, m.Group, m.Role).Scan(&there)
	switch {
	case err != nil || there > 0: // it was in it already
		return false, err
	case !m.Member.IsZero():
		return false, ErrMemberNotFound
	case !m.Group.IsZero():
		return false, ErrGroupNotFound
	}
	return false, unknown("role", m.Role.String(), "members")
}

// deleteGroupMember is false where it was not in the group.
func deleteGroupMember(ctx context.Context, g *groupEdit, m GroupMember) (went bool, err error) {
	var n int64
	switch {
	case !m.Member.IsZero():
		n, err = g.tx.Exec(ctx, deleteGroupMemberText, g.group, g.org, m.Member)
	case !m.Group.IsZero():
		n, err = g.tx.Exec(ctx, deleteGroupInGroupText, g.group, g.org, m.Group)
	default:
		n, err = g.tx.Exec(ctx, deleteGroupRoleText, g.group, g.org, m.Role, m.WithBelow)
	}
	if n > 0 && !m.Group.IsZero() {
		g.nested = nil
	}
	return n > 0, err
}

func deleteGroup(tx *sqldb.Tx, org OrganizationID, group GroupID) {
	tx.Later(`delete from group_members where organization_id = $1 and group_id = $2`, org, group)
	tx.Later(`delete from groups where organization_id = $1 and id = $2`, org, group)
}
