package authz

import "time"

// UntilActions is the next moment after q.At in which what Actions answers may change by the clock; zero for never.
//
// Invariant: no decision about any action of the module changes strictly between q.At and it (TestUntilActions).
func (s *Snapshot) UntilActions(q Question) time.Time {
	i, has := s.moduleAt[q.Module]
	if !has {
		return time.Time{}
	}
	var next time.Time
	m := &s.modules[i]
	for place := range m.places() {
		q.Action = m.word(place)
		if until := s.Until(q); next.IsZero() || !until.IsZero() && until.Before(next) {
			next = until
		}
	}
	return next
}
