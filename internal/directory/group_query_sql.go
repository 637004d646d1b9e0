package directory

import (
	"context"
	"strings"

	"portvakt/internal/sqldb"
)

// ListGroupMembers is a group's list: value, type ("user" or "group"). Roles are not in it.
const ListGroupMembers List = "group_members"

// groupFields is the closed list of what a group can be compared and sorted by. Groups are called m where conditions are
// compiled, as members are.
var groupFields = map[Field]column{
	FieldID:          {groupIdentifier, "m.id", true},
	FieldDisplayName: {foldedText, "m.name_key", true},
	FieldExternalID:  {exactText, "m.external_id", true},
	FieldCreated:     {moment, "m.created_at", true},
	FieldChanged:     {moment, "m.changed_at", true},
}

var groupLists = map[List][]source{
	ListGroupMembers: {
		{`select e.group_id from group_members e join memberships s on s.id = e.member_id where e.organization_id = $1 and ` +
			strings.NewReplacer("m.", "s.", "$2", "{now}").Replace(notOver),
			map[Field]column{ElementValue: {kind: identifier, sql: "e.member_id"}, ElementType: {kind: foldedText, sql: "'user'"}}, "e.group_id"},
		{`select e.group_id from group_members e where e.organization_id = $1 and e.child_group_id is not null`,
			map[Field]column{ElementValue: {kind: groupIdentifier, sql: "e.child_group_id"}, ElementType: {kind: foldedText, sql: "'group'"}}, "e.group_id"},
	},
}

// GroupsPage is one page of groups and how many there are in all.
type GroupsPage struct {
	Groups []Group
	Total  int64
}

// ListGroups answers one page of an organization's groups. All of the filter runs in the database.
func (s Access) ListGroups(ctx context.Context, org OrganizationID, q Query) (page GroupsPage, err error) {
	if q.Limit < 0 || q.Offset < 0 || q.After != nil {
		return page, badQuery("The page cannot be read")
	}
	if err := checkCondition(q.Where); err != nil {
		return page, err
	}
	read := func(tx *sqldb.Tx) error {
		page, err = listGroups(planned(ctx, q), tx, org, q)
		return err
	}
	if s.tx != nil {
		return page, read(s.tx)
	}
	return page, s.db.View(ctx, read) // total and groups of one state
}

func listGroups(ctx context.Context, tx *sqldb.Tx, org OrganizationID, q Query) (page GroupsPage, err error) {
	c := &compiler{now: tx.Now(), cols: groupFields, lists: groupLists}
	c.write(" from groups m where m.organization_id = ", c.arg(org))
	if q.Where != nil {
		c.write(" and (")
		if err := c.condition(q.Where); err != nil {
			return page, err
		}
		c.write(")")
	}
	if err := tx.QueryRow(ctx, `select count(*)`+c.text.String(), c.args...).Scan(&page.Total); err != nil || q.Limit == 0 || int64(q.Offset) >= page.Total {
		return page, err
	}
	if q.SortBy == "" {
		q.SortBy = FieldCreated
	}
	col, ok := groupFields[q.SortBy]
	if !ok || !col.sortable {
		return page, badQuery("Groups cannot be sorted by this field").On(string(q.SortBy))
	}
	way := ""
	if q.Descending {
		way = " desc"
	}
	if col.kind == exactText { // absent last, descending first (RFC 7644 §3.4.2.3), on both engines
		c.write(" order by case when ", c.presence(col), " then 0 else 1 end", way, ", ", col.sql, way, ", m.id", way)
	} else {
		c.write(" order by ", col.sql, way, ", m.id", way)
	}
	c.write(" limit ", c.arg(q.Limit), " offset ", c.arg(q.Offset))
	page.Groups, err = sqldb.All(ctx, tx, scanGroup, `select `+strings.ReplaceAll(groupColumns, "g.", "m.")+c.text.String(), c.args...)
	return page, err
}
