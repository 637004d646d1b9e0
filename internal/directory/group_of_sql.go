package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// MemberGroup is a group that somebody is in.
type MemberGroup struct {
	GroupFact
	Direct bool // else by a role or through another group alone
}

// groupsOfText finds the groups of some members, as accessSQL does of one: $1 the organization, $2 the moment, members behind.
// Whoever has ended is in none.
const (
	groupsOfHead = `with recursive asked as (
		select m.id, m.role_id from memberships m where m.organization_id = $1 and ` + notOver + ` and m.id in (`
	groupsOfTail = `)
	), role_path (member_id, id, parent_id, depth) as (
		select a.id, r.id, r.parent_id, 0 from asked a join roles r on r.id = a.role_id
		union all
		select p.member_id, r.id, r.parent_id, p.depth + 1 from role_path p join roles r on r.id = p.parent_id where p.depth < 64
	), within (member_id, group_id, direct) as (
		select gm.member_id, gm.group_id, 1 from asked a join group_members gm on gm.member_id = a.id
		union
		select p.member_id, gm.group_id, 0 from role_path p cross join group_members gm where gm.role_id = p.id and (p.depth = 0 or gm.with_below = true)
		union
		select w.member_id, gm.group_id, 0 from within w join group_members gm on gm.child_group_id = w.group_id
	)
	select w.member_id, g.id, g.key, g.name, max(w.direct) from within w join groups g on g.id = w.group_id
	group by w.member_id, g.id, g.key, g.name, g.name_key order by w.member_id, g.name_key, g.id`
)

var groupsOfTexts = movingTexts(groupsOfHead, 3, groupsOfTail)

// GroupsOf are the groups that each of the members is in, by name: directly, by a role, and through other groups. Claims and
// decisions count the same ones.
func (s Access) GroupsOf(ctx context.Context, org OrganizationID, members []MembershipID) (map[MembershipID][]MemberGroup, error) {
	out := make(map[MembershipID][]MemberGroup, len(members))
	now := sqldb.Micros(s.now())
	err := inParts(members, func(which, _ int, part []any) error {
		_, err := sqldb.All(ctx, s.q(), func(r sqldb.Row) (struct{}, error) {
			var m MembershipID
			var g MemberGroup
			var direct int64
			err := r.Scan(&m, &g.ID, &g.Key, &g.Name, &direct)
			g.Direct = direct == 1
			out[m] = append(out[m], g)
			return struct{}{}, err
		}, groupsOfTexts[which], append([]any{org, now}, part...)...)
		return err
	})
	return out, err
}
