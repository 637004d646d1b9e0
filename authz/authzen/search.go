package authzen

import (
	"slices"
	"strconv"

	"portvakt/authz"
	"portvakt/internal/directory"
)

// How many results a page has, unless told, and at most.
const (
	subjectsPage, subjectsMost = 100, 1000
	ownersPage, ownersMost     = 1000, 10_000
	actionsPage, actionsMost   = 1000, 10_000
)

// What searches cost beside the request itself: they look at every member.
const searchCost = 20

// The kinds of ids that a page can end with.
const (
	placeMember byte = 1 + iota
	placeGroup
	placeNumber
)

// searchSubjects answers who may do something (§8.4): members who are persons, in the order of their ids. Pages follow the
// ids, so what changes between them takes nothing away that was there all the time.
func (x *exchange) searchSubjects(r *request) error {
	return x.settled(func() error {
		q := authz.Question{At: x.now}
		kind, err := x.searched(r, &q)
		if err != nil {
			return err
		}
		bound := bind(pathSubject, r, &q)
		at, err := x.from(&r.page, bound, subjectsPage, subjectsMost)
		if err != nil {
			return err
		}
		x.cost += searchCost
		results, more := x.subjects(kind, &q, at)
		next := at
		if n := len(results); n > 0 {
			next.kind, next.after = placeMember, results[n-1]
		}
		x.page(more, next, bound, len(results))
		x.out = append(x.out, `,"results":[`...)
		for i, member := range results {
			if i > 0 {
				x.out = append(x.out, ',')
			}
			x.out = append(x.out, `{"type":"`...)
			x.out = append(x.out, kind...)
			x.out = append(x.out, `","id":"`...)
			if user, _ := x.snapshot.UserOf(member); kind == asUser {
				x.out = append(x.out, user.String()...)
			} else {
				x.out = append(x.out, member.String()...)
			}
			x.out = append(x.out, `"}`...)
		}
		x.out = append(x.out, "]}"...)
		return nil
	})
}

// searched reads a search for subjects.
func (x *exchange) searched(r *request, q *authz.Question) (kind string, err error) {
	if err = r.context.check(); err != nil {
		return "", err
	}
	if err = r.subject.given.has("subject"); err != nil {
		return "", err
	}
	if kind, err = r.subject.kind.required("subject.type"); err != nil {
		return "", err
	}
	if q.Action, err = r.action.word(); err != nil {
		return "", err
	}
	return kind, x.record(&r.resource, true, q)
}

// subjects are the members of a page, and whether there are more. Who has several memberships is found once.
func (x *exchange) subjects(kind string, q *authz.Question, at place) (results []directory.MembershipID, more bool) {
	if kind != asUser && kind != asMember {
		return nil, false
	}
	x.snapshot.Subjects(*q, directory.MembershipID(at.after), func(m directory.MembershipID) bool {
		user, _ := x.snapshot.UserOf(m)
		if user.IsZero() {
			return true
		}
		if counts, _ := x.snapshot.MemberOf(user, x.now); kind == asUser && counts != m {
			return true
		}
		if more = len(results) == at.limit; more {
			return false
		}
		results = append(results, m)
		return true
	})
	return results, more
}

// page begins an answer with what stands of it on this page (§8.2.2).
func (x *exchange) page(more bool, next place, bound []byte, count int) {
	x.out = append(x.out, `{"page":{"next_token":"`...)
	if more {
		x.out = append(x.out, x.token(next, bound)...)
	}
	x.out = append(x.out, `","count":`...)
	x.out = strconv.AppendInt(x.out, int64(count), 10)
	x.out = append(x.out, '}')
}

// searchResources answers which records somebody may do something with (§8.5). The records are the application's, so results
// is empty, and the answer is the filter for the application's own query, in context.filter.
func (x *exchange) searchResources(r *request) error {
	return x.settled(func() error {
		q := authz.Question{At: x.now}
		if err := x.wanted(r, &q); err != nil {
			return err
		}
		bound := bind(pathResource, r, &q)
		at, err := x.from(&r.page, bound, ownersPage, ownersMost)
		if err != nil {
			return err
		}
		if err := x.current(at); err != nil {
			return err
		}
		x.cost += searchCost
		f := x.snapshot.Filter(q)
		members, groups, more := owners(&f, &at)
		x.page(more, at, bound, len(members)+len(groups))
		x.out = append(x.out, `,"context":{`...)
		x.freshness(f.Until)
		x.filter(&q, &f, r.subject.kind.value)
		x.owners(r.subject.kind.value, members, groups)
		x.out = append(x.out, `}},"results":[]}`...)
		return nil
	})
}

// wanted reads a search for resources; owner, segment and field are not part of it.
func (x *exchange) wanted(r *request, q *authz.Question) (err error) {
	if err = r.context.check(); err != nil {
		return err
	}
	if q.Subject, err = x.subject(&r.subject); err != nil {
		return err
	}
	if q.Action, err = r.action.word(); err != nil {
		return err
	}
	return x.record(&r.resource, false, q)
}

// owners are the owners of a page, members before groups, and whether there are more; at then stands behind the last.
func owners(f *authz.Filter, at *place) (members []directory.MembershipID, groups []directory.GroupID, more bool) {
	members, groups = f.Members, f.Groups
	switch at.kind {
	case placeMember:
		members = behind(members, at.after)
	case placeGroup:
		members, groups = nil, behind(groups, at.after)
	}
	at.until = f.Until
	left := at.limit
	if len(members) > left {
		members, groups, more = members[:left], nil, true
	}
	if left -= len(members); len(groups) > left {
		groups, more = groups[:left], true
	}
	switch {
	case len(groups) > 0:
		at.kind, at.after = placeGroup, groups[len(groups)-1]
	case len(members) > 0:
		at.kind, at.after = placeMember, members[len(members)-1]
	}
	return members, groups, more
}

// behind are the ids after one; they are in order.
func behind[T ~[16]byte](ids []T, after [16]byte) []T {
	i, _ := slices.BinarySearchFunc(ids, after, func(id T, after [16]byte) int {
		if slices.Compare(id[:], after[:]) <= 0 {
			return -1
		}
		return 1
	})
	return ids[i:]
}

// filter writes what a list is filtered by, up to the owners.
func (x *exchange) filter(q *authz.Question, f *authz.Filter, kind string) {
	x.out = append(x.out, `,"filter":{"module":`...)
	x.out = appendText(x.out, q.Module)
	x.out = append(x.out, `,"action":`...)
	x.out = appendText(x.out, q.Action)
	x.out = append(x.out, `,"none":`...)
	x.out = strconv.AppendBool(x.out, f.None)
	x.out = append(x.out, `,"everyone":`...)
	x.out = strconv.AppendBool(x.out, f.Everyone)
	x.out = append(x.out, `,"segments":[`...)
	for i, s := range f.Segments {
		if i > 0 {
			x.out = append(x.out, ',')
		}
		x.out = appendText(x.out, s)
	}
	x.out = append(x.out, ']')
}

// owners writes owners as an application has them: persons by sub where it asks by sub. A membership that is not the one that
// counts for its person, or is no person's, is told by its own id, because the sub does not mean it.
func (x *exchange) owners(kind string, members []directory.MembershipID, groups []directory.GroupID) {
	x.out = append(x.out, `,"owners":[`...)
	write := func(i int, kind, id string) {
		if i > 0 {
			x.out = append(x.out, ',')
		}
		x.out = append(x.out, '"')
		x.out = append(x.out, kind...)
		x.out = append(x.out, ':')
		x.out = append(x.out, id...)
		x.out = append(x.out, '"')
	}
	for i, m := range members {
		user, _ := x.snapshot.UserOf(m)
		if counts, _ := x.snapshot.MemberOf(user, x.now); kind == asUser && !user.IsZero() && counts == m {
			write(i, asUser, user.String())
		} else {
			write(i, asMember, m.String())
		}
	}
	for i, g := range groups {
		write(len(members)+i, asGroup, g.String())
	}
	x.out = append(x.out, ']')
}

// searchActions answers what somebody may do with a record (§8.6); an action that is sent along is not looked at.
func (x *exchange) searchActions(r *request) error {
	return x.settled(func() error {
		q := authz.Question{At: x.now}
		if err := r.context.check(); err != nil {
			return err
		}
		var err error
		if q.Subject, err = x.subject(&r.subject); err != nil {
			return err
		}
		if err := x.record(&r.resource, true, &q); err != nil {
			return err
		}
		bound := bind(pathAction, r, &q)
		at, err := x.from(&r.page, bound, actionsPage, actionsMost)
		if err != nil {
			return err
		}
		if err := x.current(at); err != nil {
			return err
		}
		all := x.snapshot.Actions(q)
		begin := min(int(at.after[0])<<8|int(at.after[1]), len(all))
		end := min(begin+at.limit, len(all))
		at.kind, at.after[0], at.after[1] = placeNumber, byte(end>>8), byte(end)
		x.page(end < len(all), at, bound, end-begin)
		x.out = append(x.out, `,"context":{`...)
		x.freshness(x.snapshot.UntilActions(q))
		x.out = append(x.out, `},"results":[`...)
		for i, name := range all[begin:end] {
			if i > 0 {
				x.out = append(x.out, ',')
			}
			x.out = append(x.out, `{"name":`...)
			x.out = appendText(x.out, name)
			x.out = append(x.out, '}')
		}
		x.out = append(x.out, "]}"...)
		return nil
	})
}
