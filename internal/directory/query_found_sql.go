package directory

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"portvakt/internal/sqldb"
)

// A filter's page is found in steps, of which small organizations and filters that few fit take the first alone: to plan a
// statement about members costs more than to run it. Where many fit, an index says who, the index of the order is walked until
// the page is full, and rows are read of those on the page only.

const (
	// gatheredAtOnce are the members whose places are read at a try, to be sorted here.
	gatheredAtOnce = 200

	// manyFound is how many members a condition must be true of for a page to be found sooner along the order. Gathering and
	// sorting fewer is quicker, however large the organization is.
	manyFound = 1000

	// setAtMost is how many members are made a set of that the order is walked with. Of more, each whom the walk comes by is
	// looked up: the page is full before that is much.
	setAtMost = 5000
)

// findWay is how a filter's page is found.
type findWay uint8

const (
	asPlanned  findWay = iota // the database thinks of something
	walkAsking                // the order is walked, and each member is asked whether it is meant
	walkSet                   // the order is walked, with the set of those who are meant at hand
)

// filteredPage is a page, in an offered order, of those whom the condition means.
func (s Memberships) filteredPage(ctx context.Context, organization OrganizationID, q Query) (Page, error) {
	total, try := int64(-1), gatheredAtOnce
	told := byIndex(q.Where)
	if told || keyed(q.Where) {
		n, gone, err := s.atMost(ctx, organization, q)
		if err != nil || n == 0 {
			return Page{}, err
		}
		switch {
		case n <= manyFound:
			try = manyFound
		case !told:
			try = 0
		case n <= setAtMost:
			try, q.way = 0, walkSet
		default:
			try, q.way = 0, walkAsking
		}
		switch {
		case q.CountTo > 0 && n > q.CountTo+gone:
			total = q.CountTo + 1
		case gone == 0 && n <= setAtMost:
			total = n
		}
	}
	if try > 0 && looksAtAll(q.Where) {
		n, err := s.count(ctx, organization, Query{CountTo: manyFound}, "")
		if err != nil {
			return Page{}, err
		}
		if n > manyFound {
			try = 0
		}
	}
	if try > 0 {
		few, complete, err := s.gather(ctx, organization, q, try)
		if err != nil {
			return Page{}, err
		}
		if complete {
			return s.cut(ctx, q, few)
		}
	}
	return s.walkedPage(ctx, organization, q, total)
}

// walkedPage is a page of many; total is how many they are, or below 0 where that is not known.
func (s Memberships) walkedPage(ctx context.Context, organization OrganizationID, q Query, total int64) (page Page, err error) {
	if q.way == asPlanned && gathers(q.Where) {
		further := q
		if q.CountTo > 0 || q.Uncounted {
			further.CountTo = max(q.CountTo, manyFound)
		}
		if total, err = s.count(ctx, organization, further, ""); err != nil {
			return Page{}, err
		}
		if total >= manyFound {
			q.way = walkAsking
		}
	}
	if page.Members, err = s.offeredPage(ctx, organization, q); err != nil {
		return Page{}, err
	}
	if n := len(page.Members); total < 0 && q.After == nil && n < q.Limit && (n > 0 || q.Offset == 0) {
		total = int64(q.Offset + n) // the page is the end of the list
	}
	if total < 0 && !q.Uncounted {
		counted := q
		counted.way = asPlanned
		if total, err = s.count(ctx, organization, counted, ""); err != nil {
			return Page{}, err
		}
	}
	return page.following(q).counting(q, total), nil
}

// place is where somebody stands in an order.
type place struct {
	id      MembershipID
	created time.Time
	text    string
}

// gather reads the places of all whom the query means, in no order, unless they are more than so many.
func (s Memberships) gather(ctx context.Context, organization OrganizationID, q Query, atMost int) (all []place, complete bool, err error) {
	c := s.compiler(q)
	if err := c.where(organization, q); err != nil {
		return nil, false, err
	}
	columns := "m.id, m.created_at, ''"
	if column := keyedSorts[q.SortBy]; column != "" {
		columns = "m.id, null, " + column
	}
	c.write(" limit ", c.arg(atMost+1))
	all, err = sqldb.All(planned(ctx, q), s.q(), func(r sqldb.Row) (p place, err error) {
		err = r.Scan(&p.id, sqldb.Time(&p.created), &p.text)
		return p, err
	}, `select `+columns+` from memberships m`+c.text.String(), c.args...)
	return all, len(all) <= atMost, err
}

func (p place) compare(o place) int {
	none := func(p place) int {
		if p.text == "" {
			return 1
		}
		return 0
	}
	return cmp.Or(p.created.Compare(o.created), cmp.Compare(none(p), none(o)), cmp.Compare(p.text, o.text), bytes.Compare(p.id[:], o.id[:]))
}

// cut makes the page out of everybody whom the query means.
func (s Memberships) cut(ctx context.Context, q Query, all []place) (page Page, err error) {
	way := 1
	if q.Descending {
		way = -1
	}
	slices.SortFunc(all, func(a, b place) int { return way * a.compare(b) })
	rest := all[min(q.Offset, len(all)):]
	if q.After != nil {
		after := place{id: q.After.ID}
		if q.SortBy == "" {
			after.created = q.After.Created
		} else {
			after.text = q.After.Text
		}
		rest = slices.DeleteFunc(rest, func(p place) bool { return way*p.compare(after) <= 0 })
	}
	rest = rest[:min(q.Limit, len(rest))]
	ids := make([]MembershipID, len(rest))
	for i := range rest {
		ids[i] = rest[i].id
	}
	if page.Members, err = s.inThisOrder(ctx, ids); err != nil {
		return Page{}, err
	}
	return page.following(q).counting(q, int64(len(all))), nil
}

// following puts to a full page where the next one begins.
func (p Page) following(q Query) Page {
	if n := len(p.Members); n > 0 && n == q.Limit {
		p.Next = p.Members[n-1].positionIn(q.SortBy)
	}
	return p
}

// counting puts to a page how many there are in all, of whom n were counted.
func (p Page) counting(q Query, n int64) Page {
	if p.Total = n; q.CountTo > 0 && n > q.CountTo {
		p.Total, p.More = q.CountTo, true
	}
	return p
}

// inThisOrder reads members whom a query of their organization has found, with all their access.
func (s Memberships) inThisOrder(ctx context.Context, ids []MembershipID) ([]Member, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	args = atLeast(args)
	members, err := s.filled(ctx, len(ids), foundText(len(args)), args)
	if err != nil {
		return nil, err
	}
	at := make(map[MembershipID]int, len(members))
	for i := range members {
		at[members[i].ID] = i
	}
	for i, n := 0, 0; i < len(ids) && n < len(members); i++ { // members are large: each is moved once
		j, ok := at[ids[i]]
		if !ok { // outside a transaction of one state, somebody deleted it
			continue
		}
		at[members[n].ID] = j
		members[n], members[j] = members[j], members[n]
		n++
	}
	return members, nil
}

// foundText does not name the organization, in whose members the identifiers were found: for many of them PostgreSQL would
// read the whole organization.
func foundText(n int) string {
	return `select ` + memberColumns + memberFrom + ` where m.id in (` + placeholders(1, n) + `)`
}

// oneRow are the elements of lists of which a member has a value once at most, so that to count them is to count members.
var oneRow = map[List]Field{ListPackages: ElementValue, ListFunctions: ElementValue, ListSegments: ElementValue, ListGrants: ElementModule}

// byIndex reports whether an index alone tells whom the condition means, without reading their rows.
func byIndex(c Condition) bool {
	switch v := c.(type) {
	case Some:
		e, ok := v.Where.(Compare)
		text, isText := e.Value.(string)
		return ok && e.Op == Equal && isText && text != "" && e.Field == oneRow[v.List]
	case Compare:
		switch v.Field {
		case FieldActive:
			return v.Op == Equal && v.Value == false
		case FieldEnd:
			return v.Value != nil && v.Op != NotEqual
		case FieldKind:
			kind, _ := v.Value.(string)
			return v.Op == Equal && kind != "" && Fold(kind) != string(Employee)
		}
	}
	return false
}

// looksAtAll reports whether no index leads to those whom the condition means. In a large organization the search for them is
// left to the database in one stroke, which it can share among processors.
func looksAtAll(c Condition) bool {
	switch v := c.(type) {
	case And:
		return !slices.ContainsFunc(v, func(c Condition) bool { return !looksAtAll(c) })
	case Or:
		return slices.ContainsFunc(v, looksAtAll)
	case Not:
		return true
	case Compare:
		return v.Op == Contains || v.Op == EndsWith || v.Op == NotEqual || v.Field == FieldChanged || v.Field == FieldStart ||
			v.Field == FieldActive && v.Value == true
	}
	return false
}

// keyed reports whether the condition is of a text that many may have and that has an index of its own, which counts them.
func keyed(c Condition) bool {
	v, ok := c.(Compare)
	text, isText := v.Value.(string)
	return ok && isText && Fold(text) != "" && (v.Op == Equal || v.Op == StartsWith) && memberFields[v.Field].kind == foldedText &&
		v.Field != FieldUserName && v.Field != FieldEmployeeNumber && v.Field != FieldKind
}

// set writes a statement that selects whom the condition means, who byIndex says are told by an index; of a list's elements
// also those of deleted members.
func (c *compiler) set(cond Condition) error {
	if some, ok := cond.(Some); ok {
		return c.elements(some)
	}
	c.write("select m.id from memberships m where m.organization_id = $1 and m.deleted_at is null and ")
	return c.condition(cond)
}

// inSet writes that a member is of the set, in words that no planner turns into a join: in the order of an index it would
// look each member up, or give up the order and sort all of them.
func (c *compiler) inSet(cond Condition) error {
	c.write("case when m.id in (")
	err := c.set(cond)
	c.write(") then 1 else 0 end = 1")
	return err
}

// atMost counts whom the condition means, no further than a set is made of them; gone are the organization's deleted members,
// of whom some may be among them.
func (s Memberships) atMost(ctx context.Context, organization OrganizationID, q Query) (n, gone int64, err error) {
	c := s.compiler(q)
	c.arg(organization)
	c.write(`select count(*), (select count(*) from (select 1 from memberships d where d.organization_id = $1 and d.deleted_at is not null limit `, c.arg(setAtMost),
		`) gone) from (`)
	if err := c.set(q.Where); err != nil {
		return 0, 0, err
	}
	c.write(" limit ", c.arg(setAtMost+1), ") found")
	err = s.q().QueryRow(planned(ctx, q), c.text.String(), c.args...).Scan(&n, &gone)
	return n, gone, err
}
