package authz

import (
	"math"
	"slices"
	"time"

	"portvakt/internal/directory"
)

// member is a membership: its dates, and the numbers of what it shares with others who are alike. It is as long as a line of
// the processor's cache, and holds only what decisions look at; the ids stand in person.
type member struct {
	from     int64 // microseconds: access is given in [from, until)
	until    int64
	over     int64 // from when on the membership is over
	start    int64 // as stored; from is later than that where access is never given
	role     int32 // -1 for none
	class    int32
	party    int32
	sight    int32
	heir     int32 // the successor; -1 for none
	duty     int32 // the functions: a number into duties
	older    int32 // the person's membership before this one; -1 for none
	kind     kind
	held     held
	reseller resellerWord
	traits   traits
}

// person is who a member is. Persons have the numbers of their members.
type person struct {
	id   directory.MembershipID
	user directory.UserID
}

// kind is as much of a member's kind as access asks.
type kind uint8

const (
	kindFull kind = iota // employees and externals
	kindLimited
	kindContact
	kindReseller
)

var kinds = map[directory.Kind]kind{directory.Limited: kindLimited, directory.ContactOnly: kindContact, directory.Reseller: kindReseller}

// held is why a membership gives no access, whatever the clock says.
type held uint8

var heldStates = [...]directory.State{"", directory.StateArchived, directory.StateContact, directory.StateSuspended, directory.StateInvited}

const heldArchived held = 1

type resellerWord uint8

var resellerWords = [...]directory.ResellerRole{"", directory.Accountant, directory.Auditor}

type traits uint8

const (
	administrator traits = 1 << iota
	bankAccess
	userAdministration
	closed  // the person or the organization does not let the member in
	deleted // counts only as the owner of records
)

const never, always = math.MaxInt64, math.MinInt64

// activeAt is directory.MemberFacts.ActiveAt.
func (m *member) activeAt(at int64) bool { return m.from <= at && at < m.until }

// passesOn reports whether the records count as the successor's at a moment.
func (m *member) passesOn(at int64) bool {
	return m.over <= at && m.heir >= 0 && m.held != heldArchived
}

// stateAt is directory.MemberFacts.State; closed tells of person and organization.
func (m *member) stateAt(at int64) directory.State {
	switch {
	case m.held == heldArchived:
		return directory.StateArchived
	case m.over <= at:
		return directory.StateEnded
	case m.held != 0:
		return heldStates[m.held]
	case at < m.start:
		return directory.StateScheduled
	}
	return directory.StateActive
}

func micros(t time.Time, zero int64) int64 {
	if t.IsZero() {
		return zero
	}
	return t.UnixMicro()
}

// newMember copies what a membership says of itself; the numbers of what it shares are the caller's.
func newMember(f *directory.MemberFacts) member {
	span := f.AccessSpan()
	m := member{start: micros(span.From, always), until: micros(span.Until, never), over: micros(span.Over, never),
		role: -1, heir: -1, older: -1, kind: kinds[f.Kind],
		held: held(max(0, slices.Index(heldStates[:], span.Held))), reseller: resellerWord(max(0, slices.Index(resellerWords[:], f.Reseller.Role)))}
	if span.Ended {
		m.over = always
	}
	for _, x := range []struct {
		is bool
		t  traits
	}{{f.Administrator, administrator}, {f.Reseller.BankAccess, bankAccess}, {f.Reseller.UserAdministration, userAdministration},
		{!f.Open, closed}, {span.Deleted, deleted}} {
		if x.is {
			m.traits |= x.t
		}
	}
	if m.from = m.start; m.held != 0 || span.Ended || !f.Open {
		m.from, m.until = never, always
	}
	return m
}

// ownerAt is whose a member's records are at a moment: an ended one's are the successor's, along the whole chain. A chain
// that comes back to itself leads nowhere, and the records stay.
func (s *Snapshot) ownerAt(owner int32, at int64) int32 {
	x, mark := owner, owner
	for steps, limit := 0, 1; s.members[x].passesOn(at); steps++ {
		if steps == limit { // Brent: the mark moves up in ever larger steps, and a cycle comes back to it
			mark, steps, limit = x, 0, limit*2
		}
		if x = s.members[x].heir; x == mark {
			return owner
		}
	}
	return x
}

// MemberOf is the membership that counts for a person: the one that is active at the moment, else the newest.
func (s *Snapshot) MemberOf(user directory.UserID, at time.Time) (directory.MembershipID, bool) {
	newest, known := s.newest[user]
	if !known {
		return directory.MembershipID{}, false
	}
	now := at.UnixMicro()
	for i := newest; i >= 0; i = s.members[i].older {
		if s.members[i].activeAt(now) {
			return s.persons[i].id, true
		}
	}
	return s.persons[newest].id, true
}

// UserOf is the person of a membership; zero for a contact.
func (s *Snapshot) UserOf(member directory.MembershipID) (user directory.UserID, known bool) {
	i, known := s.memberAt[member]
	if !known {
		return directory.UserID{}, false
	}
	return s.persons[i].user, true
}

// Members calls yield with every membership in the order of their ids, ended ones too, until yield answers false.
func (s *Snapshot) Members(yield func(directory.MembershipID) bool) {
	for _, i := range s.order {
		if !yield(s.persons[i].id) {
			return
		}
	}
}
