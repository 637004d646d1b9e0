package authz

import (
	"slices"
	"time"
)

// Until is the next moment after at in which a membership that the answer to q hangs on starts or ends; zero for never.
//
// Invariant: no decision changes strictly between q.At and it (TestNothingChangesBeforeUntil).
func (s *Snapshot) Until(q Question) time.Time {
	subject, known := s.memberAt[q.Subject]
	if !known {
		return time.Time{}
	}
	var a asked
	s.read(&q, &a)
	next := s.members[subject].changes(a.at)
	switch s.decide(&a, subject) {
	case ReasonOwner, ReasonRoleAbove, ReasonDefault, ReasonShared, ReasonNotShared, ReasonOwnerArchived:
		if a.whose == whoseMember {
			next = min(next, s.recordChanges(&q, &a))
		}
	}
	return moment(next)
}

// changes is when the member's access begins or ends after a moment.
func (m *member) changes(at int64) int64 {
	switch {
	case m.from >= m.until:
		return never
	case at < m.from:
		return m.from
	case at < m.until:
		return m.until
	}
	return never
}

// recordChanges is when the owner's records pass on, or the new owner whom they need starts or ends.
func (s *Snapshot) recordChanges(q *Question, a *asked) int64 {
	owner := &s.members[a.owner]
	if owner.held == heldArchived {
		if a.need < reachWrite {
			return never
		}
		return s.ownerChanges(q.NewOwner, a.at)
	}
	if owner.heir >= 0 && owner.over > a.at {
		return owner.over
	}
	return never
}

// ownerChanges is when an owner comes to be active, or ceases to be.
func (s *Snapshot) ownerChanges(o Owner, at int64) int64 {
	if i, known := s.memberAt[o.Member]; known && o.Group.IsZero() {
		return s.members[i].changes(at)
	}
	return never
}

// nextPassing is when the records of any member pass on to a successor, after a moment.
func (s *Snapshot) nextPassing(at int64) int64 {
	i, found := slices.BinarySearch(s.passings, at)
	if found {
		i++
	}
	if i == len(s.passings) {
		return never
	}
	return s.passings[i]
}

func moment(micros int64) time.Time {
	if micros == never {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
