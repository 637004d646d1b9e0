package directory

import "strings"

// The groups that members are in, as groupsOfText finds them for those who are shown; here for all who are in a group of which the
// condition is true. Whoever has ended is in none.
var (
	inDirectly = `select d.member_id from group_members d join groups g on g.id = d.group_id join memberships s on s.id = d.member_id
		where d.organization_id = $1 and d.member_id is not null and ` + notOverOf("s")
	directFields = map[Field]column{
		ElementValue: {groupIdentifier, "g.id"}, ElementDisplay: {foldedText, "g.name_key"}, ElementType: {foldedText, "'direct'"},
	}

	// From the groups that are meant down to the groups in them, and from the roles in those to the roles below; then whoever is in one of
	// them, or has one of the roles, and does not stand in the group himself. SQLite joins in the order written where it says "cross".
	inIndirectly = `select s.id from (
		with recursive meant (top, id) as (
			select g.id, g.id from groups g where g.organization_id = $1 ` + whereHere + `
			union
			select t.top, n.child_group_id from meant t cross join group_members n where n.group_id = t.id and n.child_group_id is not null
		), called (top, id, below) as (
			select t.top, n.role_id, n.with_below from meant t cross join group_members n where n.group_id = t.id and n.role_id is not null
			union
			select c.top, r.id, c.below from called c cross join roles r where r.parent_id = c.id and c.below = true
		)
		select t.top, n.member_id from meant t cross join group_members n where n.group_id = t.id and n.member_id is not null and t.id <> t.top
		union
		select c.top, h.id from called c cross join memberships h where h.role_id = c.id
		) i cross join memberships s
		where s.id = i.member_id and ` + notOverOf("s") + ` and not exists (select 1 from group_members d where d.group_id = i.top and d.member_id = s.id)`
	indirectFields = map[Field]column{
		ElementValue: {groupIdentifier, "g.id"}, ElementDisplay: {foldedText, "g.name_key"}, ElementType: {foldedText, "'indirect'"},
	}
)

// notOverOf is notOver of a membership of another name, at the moment {now}.
func notOverOf(name string) string {
	return strings.NewReplacer("m.", name+".", "$2", "{now}").Replace(notOver)
}
