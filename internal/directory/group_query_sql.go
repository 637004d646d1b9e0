package directory

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"portvakt/internal/sqldb"
)

// ListGroupMembers is a group's list: value, type ("user" or "group"). Roles are not in it.
const ListGroupMembers List = "group_members"

// groupFields is the closed list of what a group can be compared and sorted by. Groups are called m where conditions are
// compiled, as members are.
var groupFields = map[Field]column{
	FieldID:          {groupIdentifier, "m.id"},
	FieldDisplayName: {foldedText, "m.name_key"},
	FieldExternalID:  {exactText, "m.external_id"},
	FieldCreated:     {moment, "m.created_at"},
	FieldChanged:     {moment, "m.changed_at"},
	FieldVersion:     {number64, "m.version"},
}

var groupLists = map[List][]source{
	ListGroupMembers: {
		{`select e.group_id from group_members e join memberships s on s.id = e.member_id where e.organization_id = $1 and ` + notOverOf("s"),
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

// PositionIn is the group's place in an order. Position's id is a membership's by its type; here it holds the group's.
func (g Group) PositionIn(sort Field) Position {
	p := Position{ID: MembershipID(g.ID)}
	switch sort {
	case FieldCreated:
		p.Text = strconv.FormatInt(g.CreatedAt.UnixMicro(), 10)
	case FieldID:
		p.Text = g.ID.String()
	case "", FieldDisplayName:
		p.Text = Fold(g.Name)
	case FieldExternalID:
		p.Text = g.ExternalID
	case FieldChanged:
		p.Text = strconv.FormatInt(g.ChangedAt.UnixMicro(), 10)
	case FieldVersion:
		p.Text = strconv.FormatInt(g.Version, 10)
	}
	return p
}

// ListGroups answers one page of an organization's groups, by name unless the query says otherwise. All of the filter runs in the database.
func (s Access) ListGroups(ctx context.Context, org OrganizationID, q Query) (page GroupsPage, err error) {
	if q.Limit < 0 || q.Offset < 0 || q.After != nil && q.Offset != 0 {
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
	if q.SortBy == "" {
		q.SortBy = FieldDisplayName
	}
	c := &compiler{now: tx.Now(), cols: groupFields, sorts: groupFields, lists: groupLists}
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
	if q.After != nil {
		err = c.behindPosition(q)
	}
	if err = cmp.Or(err, c.order(q)); err != nil {
		return page, err
	}
	c.write(" limit ", c.arg(q.Limit), " offset ", c.arg(q.Offset))
	page.Groups, err = sqldb.All(ctx, tx, scanGroup, `select `+strings.ReplaceAll(groupColumns, "g.", "m.")+c.text.String(), c.args...)
	return page, err
}
