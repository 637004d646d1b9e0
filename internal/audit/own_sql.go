package audit

import (
	"context"

	"portvakt/internal/sqldb"
)

// OfPerson is what the whole history says about a person, newest first, for that person alone: in every organization and in
// the installation.
//
// Invariant: it holds no entry about anybody else (TestR46_HistoryIsOnesOwn).
func OfPerson(ctx context.Context, q sqldb.Queryer, person string, ask Ask) (Page, error) {
	if person == "" {
		return Page{}, nil
	}
	limit := ask.Limit
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	where, args := "", []any{person, limit + 1}
	if ask.Cursor != "" {
		p, err := parseCursor(ask.Cursor)
		if err != nil {
			return Page{}, err
		}
		where, args = " and (at, id) < ($3, $4)", append(args, p.at, p.id)
	}
	entries, err := sqldb.All(ctx, q, scanStored, `select `+storedColumns+` from audit_entries where person <> '' and person = $1`+where+`
		order by at desc, id desc limit $2`, args...)
	if err != nil {
		return Page{}, err
	}
	return pageOf(ctx, q, entries, limit)
}
