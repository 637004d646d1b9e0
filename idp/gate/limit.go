package gate

import (
	"time"

	"portvakt/internal/directory"
)

// Use says since when, and how steadily, the session at hand has been in use. The zero Use is within no limit.
type Use struct {
	SignedInAt time.Time
	SeenAt     time.Time     // last used
	Pause      time.Duration // the longest time without use before that
	// Lasting: what is at hand goes on without a session, as the person has allowed it to (offline_access). No session's
	// limit ends it; its own lifetime does.
	Lasting bool
}

// within reports whether the organization still lets the session in. The installation's limits are the session's own: what
// is beyond them is no session at all.
//
// Invariant: coming back after too long a pause does not end the pause (TestPausesAreRemembered).
func (u Use) within(s *directory.Standing, now time.Time) bool {
	if u.Lasting {
		return true
	}
	if end := u.end(s); !end.IsZero() && (u.SignedInAt.IsZero() || !now.Before(end)) {
		return false
	}
	return s.IdleLimit == 0 || !u.SeenAt.IsZero() && u.Pause < s.IdleLimit && now.Before(u.SeenAt.Add(s.IdleLimit))
}

// end is the moment from which the organization asks for a new sign-in; zero where it leaves that to the installation.
func (u Use) end(s *directory.Standing) time.Time {
	if u.Lasting || s.SessionLimit == 0 {
		return time.Time{}
	}
	return u.SignedInAt.Add(s.SessionLimit)
}
