package scim

import (
	"net/http"
	"strings"

	"portvakt/internal/directory"
)

// Limits on a page.
const (
	defaultCount = 100
	maxCount     = 1000
	maxStart     = 1 << 40 // beyond every list, and within what a database takes
)

func (x *exchange) listUsers() error  { return x.list(x.h.schemas.users) }
func (x *exchange) listGroups() error { return x.list(x.h.schemas.groups) }

// list answers with a page of one type's resources (RFC 7644 §3.4.2): the whole filter, the order and the page are the
// database's work.
func (x *exchange) list(t *resourceType) error {
	q, err := x.listing(t)
	if err != nil {
		return err
	}
	page, err := t.find(x, q, x.projection(t))
	if err != nil {
		return err
	}
	x.writeList(page.total, q.Offset+1, page.resources)
	return nil
}

// listing is the query that the request means of one type.
func (x *exchange) listing(t *resourceType) (directory.Query, error) {
	var q directory.Query
	first, err := number("startIndex", x.asked.startIndex, 1, 1, maxStart)
	if err != nil {
		return q, err
	}
	if q.Limit, err = number("count", x.asked.count, defaultCount, 0, maxCount); err != nil {
		return q, err
	}
	q.Offset = first - 1
	if q.Where, err = x.condition(filterCompiler{of: t}); err != nil {
		return q, err
	}
	return q, x.sorting(t, &q)
}

// condition is the request's filter for one type, nil where it has none.
func (x *exchange) condition(c filterCompiler) (directory.Condition, error) {
	if !x.asked.filtered {
		return nil, nil
	}
	if strings.TrimSpace(x.asked.filter) == "" {
		return nil, badFilter("The filter is empty")
	}
	e, err := parseFilter(x.asked.filter)
	if err != nil {
		return nil, err
	}
	return c.condition(e)
}

func (x *exchange) sorting(t *resourceType, q *directory.Query) error {
	switch strings.ToLower(x.asked.sortOrder) {
	case "descending":
		q.Descending = true
	case "", "ascending":
	default:
		return badValue("sortOrder has to be ascending or descending")
	}
	name := x.asked.sortBy
	if name == "" {
		q.Descending = false // sortOrder means nothing without sortBy
		return nil
	}
	p, ok := t.place(name)
	if ok && p.attr != nil {
		q.SortBy = t.known[p.key()].sort
	}
	if q.SortBy == "" {
		return badValue("%s cannot be sorted by %.100q", t.plural(), name)
	}
	return nil
}

// findUsers is a page of members.
func (x *exchange) findUsers(q directory.Query, shown projection) (found, error) {
	page, err := x.h.dir.Memberships.List(x.ctx, x.client.Organization, q)
	if err != nil {
		return found{}, err
	}
	roles, err := x.rolesOf(page.Members)
	if err != nil {
		return found{}, err
	}
	out := found{total: page.Total, resources: make([]any, len(page.Members))}
	for i := range page.Members {
		out.resources[i] = x.user(&page.Members[i], roles, shown)
	}
	return out, nil
}

// writeList writes a ListResponse.
func (x *exchange) writeList(total int64, first int, resources []any) {
	x.writeJSON(http.StatusOK, map[string]any{
		"schemas": []string{listURN}, "totalResults": total, "startIndex": first, "itemsPerPage": len(resources), "Resources": resources,
	})
}
