package directory

import (
	"context"
	"slices"

	"portvakt/internal/sqldb"
)

// order writes the order by clause; members without the value come last, descending first (RFC 7644 §3.4.2.3).
func (c *compiler) order(q Query) error {
	way := ""
	if q.Descending {
		way = " desc"
	}
	if q.SortBy == "" {
		c.write(" order by m.created_at", way, ", m.id", way)
		return nil
	}
	col, ok := c.sorts[q.SortBy]
	if !ok {
		return badQuery("Nothing can be sorted by this field").On(string(q.SortBy))
	}
	c.write(" order by case when ", c.presence(col), " then 0 else 1 end", way)
	for _, key := range c.sortKeys(col) {
		c.write(", ", key, way)
	}
	c.write(", m.id", way)
	return nil
}

// where writes the condition that all listings have, the organization's first, and then the query's own.
func (c *compiler) where(organization OrganizationID, q Query) error {
	if err := checkCondition(q.Where); err != nil {
		return err
	}
	c.write(" where m.organization_id = ", c.arg(organization), " and m.deleted_at is null")
	if q.Where == nil {
		return nil
	}
	c.write(" and (")
	condition := c.condition
	if q.way == walkSet {
		condition = c.inSet
	}
	err := condition(q.Where)
	c.write(")")
	return err
}

// List answers one page of an organization's members. All of the filter runs in the database.
func (s Memberships) List(ctx context.Context, organization OrganizationID, q Query) (Page, error) {
	if s.tx != nil {
		return s.list(ctx, organization, q)
	}
	var page Page
	err := s.db.View(ctx, func(tx *sqldb.Tx) error { // total and members of one state
		var err error
		page, err = Memberships{store{db: s.db, tx: tx}}.list(ctx, organization, q)
		return err
	})
	return page, err
}

func (s Memberships) list(ctx context.Context, organization OrganizationID, q Query) (Page, error) {
	if q.SortBy == FieldCreated {
		q.SortBy = "" // the same order
	}
	offered := q.SortBy == "" || keyedSorts[q.SortBy] != ""
	if q.After != nil && q.Offset != 0 || q.Limit < 0 || q.Offset < 0 {
		return Page{}, badQuery("The page cannot be read")
	}
	if q.Where != nil && q.Limit > 0 && offered {
		return s.filteredPage(ctx, organization, q)
	}
	var page Page
	var err error
	if q.Limit > 0 {
		read := s.sortedPage
		if offered {
			read = s.offeredPage
		}
		if page.Members, err = read(ctx, organization, q); err != nil {
			return Page{}, err
		}
		if offered {
			page = page.following(q)
		}
		if n := len(page.Members); q.After == nil && n < q.Limit && (n > 0 || q.Offset == 0) {
			page.Total = int64(q.Offset + n) // the page is the end of the list, so it tells how long the list is
			return page, nil
		}
	}
	if q.Uncounted {
		return page, nil
	}
	n, err := s.count(ctx, organization, q, "")
	return page.counting(q, n), err
}

// gathers reports whether finding whom the condition means, and then sorting them, may be much work: what is asked of lists
// and of ends is not known to the index of an order.
func gathers(c Condition) bool {
	switch v := c.(type) {
	case And:
		return slices.ContainsFunc(v, gathers)
	case Or:
		return slices.ContainsFunc(v, gathers)
	case Not:
		return gathers(v.Condition)
	case Some:
		return true
	case Compare:
		return v.Field == FieldActive && v.Value == false
	}
	return false
}

// sortedPage reads a page in the order of creation, or by looking at every member.
func (s Memberships) sortedPage(ctx context.Context, organization OrganizationID, q Query) ([]Member, error) {
	c := s.compiler(q)
	if err := c.where(organization, q); err != nil {
		return nil, err
	}
	switch {
	case q.After != nil && q.SortBy != "":
		if err := c.behindPosition(q); err != nil {
			return nil, err
		}
	case q.After != nil:
		c.write(" and (m.created_at, m.id) ", behind(q), " (", c.arg(sqldb.Micros(q.After.Created)), ", ", c.arg(q.After.ID), ")")
	}
	from := c.text.Len()
	if err := c.order(q); err != nil {
		return nil, err
	}
	order := c.text.String()[from:]
	c.write(" limit ", c.arg(q.Limit), " offset ", c.arg(q.Offset))
	return s.listedPage(ctx, q, c, order)
}

// listed reads members with all their access; where is everything behind the from clause.
func (s Memberships) listed(ctx context.Context, where string, args []any) ([]Member, error) {
	return s.filled(ctx, len(args), `select `+memberColumns+memberFrom+where, args)
}

// filled reads members and all their access.
func (s Memberships) filled(ctx context.Context, expected int, text string, args []any) ([]Member, error) {
	members, err := scanMembers(ctx, s.q(), expected, text, args...)
	if err != nil {
		return nil, err
	}
	return members, loadAccess(ctx, s.q(), members)
}
