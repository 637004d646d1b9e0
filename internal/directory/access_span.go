package directory

import "time"

// Span is what of a membership's access hangs on the clock and what does not, so that a compiled model can judge any
// moment without the membership.
//
// Invariant: it says at every moment the same as State, Over and ActiveAt (TestAccessSpanIsTheState).
type Span struct {
	From, Until time.Time // the span in which access may be given; a zero Until is open
	Over        time.Time // from when on the membership is over; zero: never by itself
	Ended       bool      // it is over already, whatever the clock says
	Deleted     bool      // it counts only as the owner of its records
	Held        State     // why there is no access even within the span: archived, contact, suspended or invited; "" for nothing
}

// AccessSpan is the membership's.
func (m *MemberFacts) AccessSpan() Span {
	f := m.facts
	s := Span{From: f.start, Until: f.end, Over: f.end, Ended: !f.ended.IsZero() || !f.deleted.IsZero(), Deleted: !f.deleted.IsZero()}
	if f.accepted.IsZero() && !f.acceptBy.IsZero() && (s.Over.IsZero() || f.acceptBy.Before(s.Over)) {
		s.Over = f.acceptBy
	}
	switch {
	case !f.archived.IsZero():
		s.Held = StateArchived
	case f.kind == ContactOnly:
		s.Held = StateContact
	case !f.suspended.IsZero():
		s.Held = StateSuspended
	case f.accepted.IsZero():
		s.Held = StateInvited
	}
	return s
}
