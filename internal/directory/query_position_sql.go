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
	col, ok := memberFields[sort]
	if !ok || !col.sortable {
		return p, badQuery("Members cannot be sorted by this field").On(string(sort))
	}
	var number int64
	var other MembershipID
	var into any
	switch col.kind {
	case truth, resellerTruth, moment, number64:
		into = &number
	case identifier:
		into = &other
	default:
		into = sqldb.NullText(&p.Text)
	}
	c := s.compiler(Query{})
	c.args = []any{organization, id}
	key := c.sortKey(col)
	if col.kind == moment {
		key = "coalesce(" + key + ", 0)"
	}
	var none int
	err := s.q().QueryRow(ctx, `select case when `+c.presence(col)+` then 0 else 1 end, `+key+
		` from memberships m where m.organization_id = $1 and m.id = $2`, c.args...).Scan(&none, into)
	switch {
	case errors.Is(err, sqldb.ErrNoRows):
		return p, ErrMemberNotFound
	case none == 1:
		p.Text = ""
	case byCreation:
		p.Created = time.UnixMicro(number).UTC()
	case into == &number:
		p.Text = strconv.FormatInt(number, 10)
	case into == &other:
		p.Text = other.String()
	}
	return p, err
}

// sortKey is what the column is sorted by, where the member has a value.
func (c *compiler) sortKey(col column) string {
	if col.kind == truth || col.kind == resellerTruth {
		return "case when " + c.place(col) + " then 1 else 0 end"
	}
	return c.place(col)
}

// behindPosition writes that a member stands behind a position in the order that order writes.
func (c *compiler) behindPosition(q Query, col column) error {
	var value any = q.After.Text
	var err error
	switch col.kind {
	case truth, resellerTruth, moment, number64:
		if q.After.Text != "" {
			value, err = strconv.ParseInt(q.After.Text, 10, 64)
		}
	case identifier:
		if q.After.Text != "" {
			value, err = ParseMembershipID(q.After.Text)
		}
	case groupIdentifier:
		if q.After.Text != "" {
			value, err = ParseGroupID(q.After.Text)
		}
	}
	if err != nil {
		return badQuery("The page cannot be read")
	}
	presence, key := c.presence(col), c.sortKey(col)
	if q.After.Text == "" { // behind somebody without a value
		c.write(" and (not (", presence, ") and m.id ", behind(q), " ", c.arg(q.After.ID))
		if q.Descending {
			c.write(" or (", presence, ")")
		}
		c.write(")")
		return nil
	}
	c.write(" and ((", presence, ") and (", key, ", m.id) ", behind(q), " (", c.arg(value), ", ", c.arg(q.After.ID), ")")
	if !q.Descending {
		c.write(" or not (", presence, ")")
	}
	c.write(")")
	return nil
}
