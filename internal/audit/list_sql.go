package audit

import (
	"context"
	"strconv"
	"strings"

	"portvakt/internal/sqldb"
)

// List is an organization's history, newest first; the zero organization is the installation. What is sealed is shown
// where the person's key lives.
//
// Invariant: an organization reads its own entries alone, whatever the filter names (TestR47_TheNeighbourReadsNothing).
func List[P sqldb.Prefix](ctx context.Context, q sqldb.Queryer, organization sqldb.ID[P], f Filter, ask Ask) (Page, error) {
	limit := ask.Limit
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	text, args, err := listStatement(organizationID(organization), f, ask.Cursor, limit+1)
	if err != nil {
		return Page{}, err
	}
	entries, err := sqldb.All(ctx, q, scanStored, text, args...)
	if err != nil {
		return Page{}, err
	}
	return pageOf(ctx, q, entries, limit)
}

// pageOf shows the entries of a page; one more than limit says that another page follows.
func pageOf(ctx context.Context, q sqldb.Queryer, entries []stored, limit int) (Page, error) {
	var page Page
	if len(entries) > limit {
		entries = entries[:limit]
		last := entries[limit-1]
		page.Next = place{last.at, last.id}.cursor()
	}
	keys, err := keysOf(ctx, q, peopleOf(entries))
	if err != nil {
		return Page{}, err
	}
	for i := range entries {
		page.Records = append(page.Records, entries[i].record(keys))
	}
	return page, nil
}

// Ask says which page: behind a cursor ("": the first), and how many entries (0: as many as a page may hold).
type Ask struct {
	Cursor string
	Limit  int
}

func listStatement(organization organizationID, f Filter, cursor string, limit int) (string, []any, error) {
	var where []string
	var args []any
	add := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args))))
	}
	if organization.IsZero() {
		where = append(where, "organization_id is null")
	} else {
		add("organization_id = ?", organization)
	}
	for _, c := range []struct{ condition, value string }{
		{"person <> '' and person = ?", f.Person}, {"object = ?", f.Object}, {"action = ?", f.Action}, {"actor_id = ?", f.ActorID},
	} {
		if c.value != "" {
			add(c.condition, c.value)
		}
	}
	if !f.From.IsZero() {
		add("at >= ?", sqldb.Micros(f.From))
	}
	if !f.To.IsZero() {
		add("at < ?", sqldb.Micros(f.To))
	}
	if cursor != "" {
		p, err := parseCursor(cursor)
		if err != nil {
			return "", nil, err
		}
		args = append(args, p.at, p.id)
		where = append(where, "(at, id) < ($"+strconv.Itoa(len(args)-1)+", $"+strconv.Itoa(len(args))+")")
	}
	args = append(args, limit)
	return `select ` + storedColumns + ` from audit_entries where ` + strings.Join(where, " and ") +
		` order by at desc, id desc limit $` + strconv.Itoa(len(args)), args, nil
}
