package directory

import (
	"context"
	"errors"
	"strconv"
	"time"

	"portvakt/internal/sqldb"
)

// PositionOf is a member's place in an order of the organization, behind which Query.After goes on. The database tells it,
// because the key that it sorts by is its own.
func (s Memberships) PositionOf(ctx context.Context, organization OrganizationID, sort Field, id MembershipID) (Position, error) {
	p := Position{ID: id}
	byCreation := sort == "" || sort == FieldCreated
	if byCreation {
		sort = FieldCreated
	}
	c := s.compiler(Query{})
	c.args = []any{organization, id}
	col, ok := c.sorts[sort]
	if !ok {
		return p, badQuery("Members cannot be sorted by this field").On(string(sort))
	}
	var number int64
	var other MembershipID
	var into any
	key := c.sortKeys(col)[0]
	switch col.kind {
	case truth, resellerTruth, roleTruth, number64:
		into = &number
	case moment, perhaps64:
		into, key = &number, "coalesce("+key+", 0)"
	case identifier:
		into = &other
	case managerRef:
		into, key = sqldb.NullText(&p.Text), "m.manager_id, m.manager_text"
	default:
		into = sqldb.NullText(&p.Text)
	}
	dest := []any{new(int), into}
	if col.kind == managerRef {
		dest = []any{dest[0], &other, into}
	}
	err := s.q().QueryRow(ctx, `select case when `+c.presence(col)+` then 0 else 1 end, `+key+
		` from memberships m where m.organization_id = $1 and m.id = $2`, c.args...).Scan(dest...)
	switch none := dest[0].(*int); {
	case errors.Is(err, sqldb.ErrNoRows):
		return p, ErrMemberNotFound
	case *none == 1:
		p.Text = ""
	case byCreation:
		p.Created = time.UnixMicro(number).UTC()
	case into == &number:
		p.Text = strconv.FormatInt(number, 10)
	case into == &other, col.kind == managerRef && !other.IsZero():
		p.Text = other.String()
	}
	return p, err
}

// managerRank puts managers by word before and behind those by id, about where the ids stand as texts.
const managerRank = `(case when m.manager_id is not null then 1 when m.manager_text < 'mbr_' then 0 else 2 end)`

// sortKeys are what the column is sorted by, where the member has a value.
func (c *compiler) sortKeys(col column) []string {
	switch col.kind {
	case truth, resellerTruth, roleTruth:
		return []string{"case when " + c.place(col) + " then 1 else 0 end"}
	case managerRef:
		return []string{managerRank, "m.manager_id", "m.manager_text"}
	}
	return []string{c.place(col)}
}

// behindPosition writes that a member stands behind a position in the order that order writes.
func (c *compiler) behindPosition(q Query) error {
	col := c.sorts[q.SortBy]
	presence := c.presence(col)
	if q.After.Text == "" { // behind somebody without a value
		c.write(" and (not (", presence, ") and m.id ", behind(q), " ", c.arg(q.After.ID))
		if q.Descending {
			c.write(" or (", presence, ")")
		}
		c.write(")")
		return nil
	}
	value, err := positionValue(col.kind, q.After.Text)
	if err != nil {
		return badQuery("The page cannot be read")
	}
	key := c.sortKeys(col)[0]
	c.write(" and ((", presence, ") and (")
	if col.kind == managerRef {
		var rank string
		key, rank = managerKey(value)
		c.write(managerRank, " ", behind(q), " ", rank, " or ", managerRank, " = ", rank, " and ")
	}
	c.write("(", key, ", m.id) ", behind(q), " (", c.arg(value), ", ", c.arg(q.After.ID), "))")
	if !q.Descending {
		c.write(" or not (", presence, ")")
	}
	c.write(")")
	return nil
}

// managerKey is what those of the same rank as the manager are sorted by, and the rank.
func managerKey(manager any) (key, rank string) {
	switch text, byWord := manager.(string); {
	case !byWord:
		return "m.manager_id", "1"
	case text < "mbr_":
		return "m.manager_text", "0"
	}
	return "m.manager_text", "2"
}

// positionValue reads a position's text as the column's values are compared.
func positionValue(kind columnKind, text string) (any, error) {
	switch kind {
	case truth, resellerTruth, roleTruth, moment, number64, perhaps64:
		return strconv.ParseInt(text, 10, 64)
	case identifier:
		return ParseMembershipID(text)
	case groupIdentifier:
		return ParseGroupID(text)
	case managerRef:
		if id, err := ParseMembershipID(text); err == nil {
			return id, nil
		}
	}
	return text, nil
}
