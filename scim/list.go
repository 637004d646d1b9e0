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

// list answers with a page of resources of the types, one type behind the other (RFC 7644 §3.4.2). Filter, order and page are
// the database's work.
func (x *exchange) list(types ...*resourceType) error {
	queries, err := x.queries(types)
	if err != nil {
		return err
	}
	if x.asked.paged {
		return x.listByCursor(queries)
	}
	first, err := number("startIndex", x.asked.startIndex, 1, 1, maxStart)
	if err != nil {
		return err
	}
	count, err := number("count", x.asked.count, defaultCount, 0, maxCount)
	if err != nil {
		return err
	}
	out := listResponse{first: first}
	skip := int64(first - 1)
	for _, q := range queries {
		q.Offset, q.Limit = int(skip), count-len(out.resources)
		page, err := q.find(x)
		if err != nil {
			return err
		}
		skip = max(skip-page.total, 0)
		out.total += page.total
		out.resources = append(out.resources, page.resources...)
	}
	x.writeList(out)
	return nil
}

// query is what the request means of one type; its page is not cut yet.
type query struct {
	directory.Query
	of    *resourceType
	shown projection
}

func (q *query) find(x *exchange) (found, error) {
	switch {
	case nothing(q.Where):
		return found{}, nil
	case everything(q.Where):
		q.Where = nil
	}
	return q.of.find(x, q.Query, q.shown)
}

func (x *exchange) queries(types []*resourceType) ([]query, error) {
	if len(types) > 1 && x.asked.sortBy != "" {
		return nil, badValue("Resources of several types cannot be sorted together; sort those of one endpoint")
	}
	out := make([]query, len(types))
	for i, t := range types {
		q := query{of: t, shown: x.projection(t)}
		var err error
		if q.Where, err = x.condition(t, types); err != nil {
			return nil, err
		}
		if err := x.sorting(t, &q.Query); err != nil {
			return nil, err
		}
		out[i] = q
	}
	return out, nil
}

// condition is the request's filter as it is meant of one of the types asked, nil where there is none.
//
// Invariant: nobody asks for what is not shown to them (TestWall067_HiddenAttributesAreNoOracle).
func (x *exchange) condition(t *resourceType, asked []*resourceType) (directory.Condition, error) {
	if !x.asked.filtered {
		return nil, nil
	}
	means, err := x.compiled(t, asked)
	if err != nil {
		return nil, err
	}
	for list, right := range t.rights {
		if !right.heldBy(x.client) && directory.Asks(means, list) {
			return nil, badFilter("%s cannot be filtered by %s", t.plural(), list)
		}
	}
	return means, nil
}

func (x *exchange) compiled(t *resourceType, asked []*resourceType) (directory.Condition, error) {
	switch {
	case strings.TrimSpace(x.asked.filter) == "":
		return nil, badFilter("The filter is empty")
	case len(asked) == 1:
		return x.h.filters.compile(t, x.asked.filter)
	}
	e, err := parseFilter(x.asked.filter)
	if err != nil {
		return nil, err
	}
	return filterCompiler{of: t, others: asked}.condition(e)
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
	users, err := x.users(page.Members, shown)
	out := found{total: page.Total, resources: make([]any, len(page.Members)), at: func(i int) (directory.Position, error) {
		return x.h.dir.Memberships.PositionOf(x.ctx, x.client.Organization, q.SortBy, page.Members[i].ID)
	}}
	for i := range users {
		out.resources[i] = users[i].body
	}
	return out, err
}

// listResponse is a page. first is 0 where it was asked for by a cursor.
type listResponse struct {
	total          int64
	first          int
	resources      []any
	next, previous string
}

func (x *exchange) writeList(l listResponse) { x.writeJSON(http.StatusOK, listBody(l)) }

// listBody is a ListResponse (RFC 7644 §3.4.2, RFC 9865 §2).
func listBody(l listResponse) map[string]any {
	body := map[string]any{"schemas": []string{listURN}, "totalResults": l.total, "itemsPerPage": len(l.resources), "Resources": l.resources}
	if l.resources == nil {
		body["Resources"] = []any{}
	}
	if l.first > 0 {
		body["startIndex"] = l.first
	}
	setText(body, "nextCursor", l.next)
	setText(body, "previousCursor", l.previous)
	return body
}
