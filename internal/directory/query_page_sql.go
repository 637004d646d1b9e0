package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// keyedSorts are the columns of the texts by which an index has each organization's members in order.
var keyedSorts = map[Field]string{
	FieldUserName: "m.user_name_key", FieldFamilyName: "m.family_name_key", FieldDisplayName: "m.display_name_key",
}

func behind(q Query) string {
	if q.Descending {
		return "<"
	}
	return ">"
}

// positionIn is the member's place in an order.
func (m *Member) positionIn(sort Field) *Position {
	p := &Position{Created: m.CreatedAt, ID: m.ID}
	switch sort {
	case FieldUserName:
		p.Text = Fold(m.UserName)
	case FieldFamilyName:
		p.Text = Fold(m.Details.FamilyName)
	case FieldDisplayName:
		p.Text = Fold(m.Details.DisplayName)
	}
	return p
}

// offeredPage reads a page in an order of Sorts.
func (s Memberships) offeredPage(ctx context.Context, organization OrganizationID, q Query) ([]Member, error) {
	if q.SortBy == "" {
		return s.sortedPage(ctx, organization, q)
	}
	return s.keyedPage(ctx, organization, q)
}

// keyedPage reads a page from an index: first from those who have the text, then from those who have none (the other way
// round descending). One statement over both would have to sort them all.
func (s Memberships) keyedPage(ctx context.Context, organization OrganizationID, q Query) ([]Member, error) {
	parts := []string{" > ''", " = ''"}
	if q.Descending {
		parts = []string{" = ''", " > ''"}
	}
	var out []Member
	skip := q.Offset
	for i, part := range parts {
		if q.SortBy == FieldUserName && part == " = ''" { // everybody has one
			continue
		}
		if q.After != nil && i == 0 && (q.After.Text == "") != (part == " = ''") {
			continue // the position lies in the second part
		}
		after := q.After
		if after != nil && i == 1 && (after.Text == "") != (part == " = ''") {
			after = nil // the second part from its beginning
		}
		c, order, err := s.keyedText(organization, q, keyedPart{part, after, q.Limit - len(out), skip})
		if err != nil {
			return nil, err
		}
		members, err := s.listedPage(ctx, q, c, order)
		if err != nil {
			return nil, err
		}
		if out = append(out, members...); len(out) == q.Limit || i == 1 {
			break
		}
		if skip > 0 && len(members) == 0 { // all of this part was skipped; how many that were
			n, err := s.count(ctx, organization, q, " and "+keyedSorts[q.SortBy]+part)
			if err != nil {
				return nil, err
			}
			skip -= int(n)
		} else {
			skip = 0
		}
	}
	return out, nil
}

// keyedPart is what of a part of an order is wanted.
type keyedPart struct {
	condition   string
	after       *Position
	limit, skip int
}

func (s Memberships) keyedText(organization OrganizationID, q Query, p keyedPart) (*compiler, string, error) {
	c := s.compiler(q)
	if err := c.where(organization, q); err != nil {
		return nil, "", err
	}
	column, way := keyedSorts[q.SortBy], ""
	if q.Descending {
		way = " desc"
	}
	c.write(" and ", column, p.condition)
	if p.after != nil {
		c.write(" and (", column, ", m.id) ", behind(q), " (", c.arg(p.after.Text), ", ", c.arg(p.after.ID), ")")
	}
	order := " order by " + column + way + ", m.id" + way
	c.write(order, " limit ", c.arg(p.limit), " offset ", c.arg(p.skip))
	return c, order, nil
}

// listedPage reads the members whom the compiled text finds, a page of them, with all their access. What is found is cut to
// the page before anything else is read of it.
func (s Memberships) listedPage(ctx context.Context, q Query, c *compiler, order string) ([]Member, error) {
	if q.Where == nil { // one text, whose plan is kept
		return s.filled(ctx, q.Limit, `select `+memberColumns+` from (select m.* from memberships m`+c.text.String()+`) m left join users u on u.id = m.user_id`+order, c.args)
	}
	ids, err := sqldb.All(planned(ctx, q), s.q(), scanID, `select m.id from memberships m`+c.text.String(), c.args...)
	if err != nil {
		return nil, err
	}
	return s.inThisOrder(ctx, ids)
}

// planned makes what has a filter be planned with the filter's values: the plan that is good for a value that half of the
// members have reads all of them for one that nobody has.
func planned(ctx context.Context, q Query) context.Context {
	if q.Where == nil {
		return ctx
	}
	return sqldb.PlanWithValues(ctx)
}

// count counts the members whom the query means, one further than CountTo at most.
func (s Memberships) count(ctx context.Context, organization OrganizationID, q Query, and string) (n int64, err error) {
	c := s.compiler(q)
	if err := c.where(organization, q); err != nil {
		return 0, err
	}
	text := `select count(*) from memberships m` + c.text.String() + and
	if q.CountTo > 0 && and == "" {
		text = `select count(*) from (select 1 from memberships m` + c.text.String() + ` limit ` + c.arg(q.CountTo+1) + `) found`
	}
	err = s.q().QueryRow(planned(ctx, q), text, c.args...).Scan(&n)
	return n, err
}
