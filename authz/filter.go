package authz

import (
	"slices"
	"time"

	"portvakt/internal/directory"
)

// Filter is which records of a module a subject may do something with, for a list's own query.
type Filter struct {
	None     bool                     // nothing at all; the rest is empty
	Everyone bool                     // whoever owns it; Members and Groups are empty then
	Members  []directory.MembershipID // owners, by id; ended ones whose records count as one of theirs stand here too
	Groups   []directory.GroupID      // owners, by id
	Segments []string                 // keys; AllSegments alone for all. A record in no segment is never held back
	// Until is when the answer may change without a change of the model: the next start or end that matters; zero for never.
	Until time.Time
}

// Filter answers which records of q.Module the subject may do q.Action with; q.Owner and q.Segment are not looked at.
//
// Invariant: it lets through exactly what Decide allows, owner by owner and segment by segment (TestTheFilterIsTheDecisions).
func (s *Snapshot) Filter(q Question) Filter {
	q.Owner, q.Segment = Owner{}, ""
	subject, known := s.memberAt[q.Subject]
	if !known {
		return Filter{None: true}
	}
	var a asked
	s.read(&q, &a)
	next := s.members[subject].changes(a.at)
	if !s.decide(&a, subject).Allows() {
		return Filter{None: true, Until: moment(next)}
	}
	f := Filter{Segments: s.segmentKeys(&s.members[subject])}
	owners := s.owners(&q, a, subject)
	if s.modules[a.module].level >= a.need && !owners.kept {
		f.Everyone, f.Until = true, moment(min(next, owners.next))
		return f
	}
	f.Members, f.Groups = owners.members, s.owningGroups(a, subject)
	f.Until = moment(min(next, owners.next, s.nextPassing(a.at)))
	return f
}

// owners are those whose records somebody may do something with.
type owners struct {
	members []directory.MembershipID
	kept    bool  // somebody's records are left out because they are archived
	next    int64 // when a new owner who is needed starts or ends
}

func (s *Snapshot) owners(q *Question, a asked, subject int32) owners {
	o := owners{next: never}
	everyone := s.modules[a.module].level >= a.need
	if a.need >= reachWrite && s.archived {
		o.kept = !s.takes(q.NewOwner, a.at)
		o.next = s.ownerChanges(q.NewOwner, a.at)
	}
	if everyone && !o.kept {
		return o
	}
	for _, i := range s.order {
		s.setOwner(q, &a, i)
		if s.reach(&a, subject).Allows() {
			o.members = append(o.members, s.persons[i].id)
		}
	}
	return o
}

func (s *Snapshot) owningGroups(a asked, subject int32) []directory.GroupID {
	var out []directory.GroupID
	a.kept, a.whose = false, whoseGroup
	for i := range s.groups {
		a.owner, a.from = int32(i), s.groups[i].owned
		if s.reach(&a, subject).Allows() {
			out = append(out, s.groups[i].id)
		}
	}
	slices.SortFunc(out, compareID[directory.GroupID])
	return out
}
