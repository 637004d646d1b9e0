package directory

import (
	"context"
	"math"

	"portvakt/internal/sqldb"
)

// What comes into a group, and what goes out, finds its rows by one of three unique indexes; TestR15_AChangeCostsTheDelta
// explains each.
const (
	// notOver is the opposite of facts.over as SQL: $2 is the moment. It holds of a row that a left join did not find.
	notOver = `m.deleted_at is null and (m.ended_at is null or m.ended_at > $2) and (m.end_at is null or m.end_at > $2)
			and (m.accepted_at is not null or m.accept_by is null or m.accept_by > $2)`

	insertGroupMembersHead = `insert into group_members (group_id, organization_id, member_id, with_below)
		select $3, m.organization_id, m.id, false from memberships m where m.organization_id = $1 and ` + notOver + ` and m.id in (`
	insertGroupGroupsHead = `insert into group_members (group_id, organization_id, child_group_id, with_below)
		select $2, g.organization_id, g.id, false from groups g where g.organization_id = $1 and g.id in (`
	insertGroupRoleText = `insert into group_members (group_id, organization_id, role_id, with_below)
		select $2, organization_id, id, $4 from roles where organization_id = $1 and id = $3
		on conflict do nothing`
	onceReturning = `) on conflict do nothing returning member_id, child_group_id`

	// The organization is compared so that no index has it: SQLite would read the whole group by it, to look for the few.
	deleteGroupMembersHead = `delete from group_members where coalesce(organization_id, organization_id) = $1 and group_id = $2 and member_id in (`
	deleteGroupGroupsHead  = `delete from group_members where coalesce(organization_id, organization_id) = $1 and group_id = $2 and child_group_id in (`
	deleteGroupRoleText    = `delete from group_members where organization_id = $1 and group_id = $2 and role_id = $3 and with_below = $4`
	goneReturning          = `) returning member_id, child_group_id`
)

// movedAtOnce is how many one statement brings in or takes out. One alone has a text of its own, so that both plans are kept.
const movedAtOnce = 100

var (
	insertGroupMembersTexts = movingTexts(insertGroupMembersHead, 4, onceReturning)
	insertGroupGroupsTexts  = movingTexts(insertGroupGroupsHead, 3, onceReturning)
	deleteGroupMembersTexts = movingTexts(deleteGroupMembersHead, 3, goneReturning)
	deleteGroupGroupsTexts  = movingTexts(deleteGroupGroupsHead, 3, goneReturning)
)

// movingTexts are a statement for one identifier and for movedAtOnce of them.
func movingTexts(head string, first int, tail string) [2]string {
	return [2]string{head + placeholders(first, 1) + tail, head + placeholders(first, movedAtOnce) + tail}
}

// inParts hands out identifiers one alone or movedAtOnce at a time, the last one standing for those that are missing.
func inParts[T any](ids []T, do func(which, n int, part []any) error) error {
	for len(ids) > 0 {
		which, places := 0, 1
		if len(ids) > 1 {
			which, places = 1, movedAtOnce
		}
		n := min(places, len(ids))
		part := make([]any, places)
		for i := range part {
			part[i] = ids[min(i, n-1)]
		}
		if err := do(which, n, part); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

func scanMoved(r sqldb.Row) (m GroupMember, err error) {
	err = r.Scan(&m.Member, &m.Group)
	return m, err
}

// ofKinds sorts what moves by what it is.
func ofKinds(list []GroupMember) (members []MembershipID, groups []GroupID, roles []GroupMember) {
	for _, m := range list {
		switch {
		case !m.Member.IsZero():
			members = append(members, m.Member)
		case !m.Group.IsZero():
			groups = append(groups, m.Group)
		default:
			roles = append(roles, m)
		}
	}
	return members, groups, roles
}

// putIn puts in what is of the same organization and has not ended, and refuses what is not there.
func (e *accessEdit) putIn(ctx context.Context, x *GroupEdit, list []GroupMember, came *groupTally) error {
	members, groups, roles := ofKinds(list)
	if err := refuseCycles(ctx, e.tx, e.org, x.ID, groups); err != nil {
		return err
	}
	now := sqldb.Micros(e.tx.Now())
	if x.former {
		now = math.MinInt64
	}
	if err := inParts(members, func(which, n int, part []any) error {
		in, err := sqldb.All(ctx, e.tx, scanMoved, insertGroupMembersTexts[which], append([]any{e.org, now, x.ID}, part...)...)
		if came.add(in); err != nil || len(in) == n {
			return err
		}
		return e.allThere(ctx, n, `select count(*) from memberships m where m.organization_id = $1 and `+notOver+` and m.id in (`+placeholders(3, len(part))+`)`,
			append([]any{e.org, now}, part...))
	}); err != nil {
		return err
	}
	if err := inParts(groups, func(which, n int, part []any) error {
		in, err := sqldb.All(ctx, e.tx, scanMoved, insertGroupGroupsTexts[which], append([]any{e.org, x.ID}, part...)...)
		if came.add(in); err != nil || len(in) == n {
			return err
		}
		return e.allThere(ctx, n, `select count(*) from groups where organization_id = $1 and id in (`+placeholders(2, len(part))+`)`,
			append([]any{e.org}, part...))
	}); err != nil {
		return err
	}
	for _, m := range roles {
		n, err := e.tx.Exec(ctx, insertGroupRoleText, e.org, x.ID, m.Role, m.WithBelow)
		if err != nil {
			return err
		}
		if n > 0 {
			came.add([]GroupMember{m})
		} else if err := e.allThere(ctx, 1, `select count(*) from roles where organization_id = $1 and id = $2`, []any{e.org, m.Role}); err != nil {
			return err
		}
	}
	return nil
}

// allThere refuses what did not come in, unless it was in already.
func (e *accessEdit) allThere(ctx context.Context, n int, text string, args []any) error {
	var there int
	if err := e.tx.QueryRow(ctx, text, args...).Scan(&there); err != nil {
		return err
	}
	if there < n {
		return ErrUnknownGroupMember
	}
	return nil
}

// takeOut takes out what is in.
func (e *accessEdit) takeOut(ctx context.Context, group GroupID, list []GroupMember, went *groupTally) error {
	members, groups, roles := ofKinds(list)
	out := func(texts [2]string) func(which, n int, part []any) error {
		return func(which, _ int, part []any) error {
			gone, err := sqldb.All(ctx, e.tx, scanMoved, texts[which], append([]any{e.org, group}, part...)...)
			went.add(gone)
			return err
		}
	}
	if err := inParts(members, out(deleteGroupMembersTexts)); err != nil {
		return err
	}
	if err := inParts(groups, out(deleteGroupGroupsTexts)); err != nil {
		return err
	}
	for _, m := range roles {
		n, err := e.tx.Exec(ctx, deleteGroupRoleText, e.org, group, m.Role, m.WithBelow)
		if err != nil {
			return err
		}
		if n > 0 {
			went.add([]GroupMember{m})
		}
	}
	return nil
}

const groupContentText = `select member_id, child_group_id from group_members where organization_id = $1 and group_id = $2 and role_id is null`

// groupContent are the members and groups that are in a group.
func groupContent(ctx context.Context, q sqldb.Queryer, org OrganizationID, group GroupID) ([]GroupMember, error) {
	return sqldb.All(ctx, q, scanMoved, groupContentText, org, group)
}

// emptyGroup takes them all out; those whom the history names are read.
func emptyGroup(ctx context.Context, tx *sqldb.Tx, org OrganizationID, group GroupID, went *groupTally) error {
	named, err := sqldb.All(ctx, tx, scanMoved, groupContentText+` limit $3`, org, group, maxNamedMembers)
	if err != nil || len(named) == 0 {
		return err
	}
	went.add(named)
	n, err := tx.Exec(ctx, `delete from group_members where organization_id = $1 and group_id = $2 and role_id is null`, org, group)
	went.n = int(n)
	return err
}

// deleteGroup removes a group and keeps its key from others.
func deleteGroup(tx *sqldb.Tx, org OrganizationID, g Group) {
	tx.Later(`delete from group_members where organization_id = $1 and group_id = $2`, org, g.ID)
	tx.Later(`delete from groups where organization_id = $1 and id = $2`, org, g.ID)
	tx.Later(`insert into former_group_keys (organization_id, key) values ($1, $2) on conflict do nothing`, org, g.Key)
}

// GroupHoldsMoreThan reports whether more than n members and groups are in a group; it looks at no more than that.
func (s Access) GroupHoldsMoreThan(ctx context.Context, org OrganizationID, group GroupID, n int) (bool, error) {
	var found int
	err := s.q().QueryRow(ctx, `select count(*) from (select 1 from group_members where organization_id = $1 and group_id = $2 and role_id is null limit $3) found`,
		org, group, n+1).Scan(&found)
	return found > n, err
}
