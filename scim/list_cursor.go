package scim

import (
	"net/http"
	"slices"
	"strings"

	"portvakt/internal/directory"
)

// element is a resource of a page, and what a cursor beside it needs.
type element struct {
	resource any
	of       *resourceType
	at       func() (directory.Position, error)
}

// listByCursor answers with the page that a cursor leads to, the first for an empty one (RFC 9865 §2). A page is found by the
// place of its neighbour in the order, so that none costs more than the first. They are counted for the first page alone: the
// number of results goes along in the cursors.
func (x *exchange) listByCursor(queries []query) error {
	count, err := x.countByCursor()
	if err != nil {
		return err
	}
	binding := x.binding(whereAsked(queries))
	var from cursor
	begin := 0
	if x.asked.cursor != "" {
		if from, err = x.h.cursors.open(binding, x.asked.cursor); err != nil {
			return err
		}
		begin = slices.IndexFunc(queries, func(q query) bool { return q.of.name == from.Type })
		if from.Back { // the same, seen from the end
			slices.Reverse(queries)
			begin = len(queries) - 1 - begin
		}
	}
	out := listResponse{total: from.Total}
	var elements []element
	for i, q := range queries {
		if q.Limit = count + 1 - len(elements); i < begin {
			q.Limit = 0
		}
		if q.Uncounted = from.At != nil; q.Uncounted && q.Limit == 0 {
			continue
		}
		q.Descending = q.Descending != from.Back
		if i == begin && from.At != nil {
			q.After = from.position()
		}
		page, err := q.find(x)
		if err != nil {
			return err
		}
		if !q.Uncounted {
			out.total += page.total
		}
		for i, r := range page.resources {
			elements = append(elements, element{r, q.of, func() (directory.Position, error) { return page.at(i) }})
		}
	}
	more := len(elements) > count
	elements = elements[:min(count, len(elements))]
	if from.Back {
		slices.Reverse(elements)
	}
	for _, e := range elements {
		out.resources = append(out.resources, e.resource)
	}
	if n := len(elements); n > 0 {
		if more || from.Back {
			out.next, err = x.cursorAt(binding, elements[n-1], false, out.total)
		}
		if err == nil && (from.At != nil && !from.Back || more && from.Back) {
			out.previous, err = x.cursorAt(binding, elements[0], true, out.total)
		}
	}
	if err != nil {
		return err
	}
	x.writeList(out)
	return nil
}

// countByCursor is strict, unlike that of pages by index (RFC 9865 §2.1).
func (x *exchange) countByCursor() (int, error) {
	count, err := number("count", x.asked.count, defaultCount, 0, maxCount+1)
	if err != nil || count < 1 || count > maxCount {
		return 0, refuse(http.StatusBadRequest, invalidCount, "count has to be between 1 and %d", maxCount)
	}
	return count, nil
}

// whereAsked names the endpoint, whether it was asked by its URL or by a SearchRequest.
func whereAsked(queries []query) string {
	var names []string
	for _, q := range queries {
		names = append(names, q.of.name)
	}
	return strings.Join(names, " ")
}

func (x *exchange) cursorAt(binding string, e element, back bool, total int64) (string, error) {
	p, err := e.at()
	if err != nil {
		return "", err
	}
	return x.h.cursors.seal(binding, cursorBeside(e.of, p, back, total))
}
