package scim

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"portvakt/internal/directory"
)

// Limits on a page.
const (
	defaultCount = 100
	maxCount     = 1000
	maxStart     = 1 << 40 // beyond every list, and within what a database takes
)

// listUsers is GET /Users (RFC 7644 §3.4.2): the whole filter, the order and the page are the database's work.
func (x *exchange) listUsers() error {
	q, err := x.listQuery()
	if err != nil {
		return err
	}
	page, err := x.h.dir.Memberships.List(x.ctx, x.client.Organization, q)
	if err != nil {
		return err
	}
	roles, err := x.rolesOf(page.Members)
	if err != nil {
		return err
	}
	shown := x.projection(coreURN)
	resources := make([]any, len(page.Members))
	for i := range page.Members {
		resources[i] = x.user(&page.Members[i], roles, shown)
	}
	x.writeList(page.Total, q.Offset+1, resources)
	return nil
}

func (x *exchange) listQuery() (directory.Query, error) {
	var q directory.Query
	first, err := x.number("startIndex", 1, 1, maxStart)
	if err != nil {
		return q, err
	}
	if q.Limit, err = x.number("count", defaultCount, 0, maxCount); err != nil {
		return q, err
	}
	q.Offset = first - 1
	if text := x.query.Get("filter"); strings.TrimSpace(text) != "" {
		e, err := parseFilter(text)
		if err != nil {
			return q, err
		}
		if q.Where, err = x.h.schemas.condition(e); err != nil {
			return q, err
		}
	} else if x.query.Has("filter") {
		return q, badFilter("The filter is empty")
	}
	return q, x.sorting(&q)
}

func (x *exchange) sorting(q *directory.Query) error {
	switch order := strings.ToLower(x.query.Get("sortOrder")); order {
	case "descending":
		q.Descending = true
	case "", "ascending":
	default:
		return badValue("sortOrder has to be ascending or descending")
	}
	name := x.query.Get("sortBy")
	if name == "" {
		q.Descending = false // sortOrder means nothing without sortBy
		return nil
	}
	p, ok := x.h.schemas.find(name)
	if !ok {
		p = place{urn: name}
	}
	field, known := fields[p.String()]
	if !ok || !known || field == directory.FieldManager || field == directory.FieldSuccessor {
		return badValue("Users cannot be sorted by %.100q", name)
	}
	q.SortBy = field
	return nil
}

// number reads a whole number of the query and clamps it (RFC 7644 §3.4.2.4), however many digits it has.
func (x *exchange) number(name string, absent, low, high int) (int, error) {
	text := strings.TrimSpace(x.query.Get(name))
	if text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case errors.Is(err, strconv.ErrRange) && strings.HasPrefix(text, "-"):
		n = low
	case errors.Is(err, strconv.ErrRange):
		n = high
	case err != nil:
		return 0, badValue("%s has to be a whole number", name)
	}
	return min(max(n, low), high), nil
}

// writeList writes a ListResponse.
func (x *exchange) writeList(total int64, first int, resources []any) {
	x.writeJSON(http.StatusOK, map[string]any{
		"schemas": []string{listURN}, "totalResults": total, "startIndex": first, "itemsPerPage": len(resources), "Resources": resources,
	})
}
