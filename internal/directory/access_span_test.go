package directory_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"portvakt/internal/directory"
)

// TestAccessSpanIsTheState judges random memberships at random moments by the span and by the state.
func TestAccessSpanIsTheState(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	rapid.Check(t, func(t *rapid.T) {
		maybe := func(name string) time.Time {
			if n := rapid.IntRange(0, 9).Draw(t, name); n > 5 {
				return day(n)
			}
			return time.Time{}
		}
		f := directory.NewMemberFacts(&directory.Member{
			Kind:  rapid.SampledFrom([]directory.Kind{directory.Employee, directory.Limited, directory.ContactOnly}).Draw(t, "kind"),
			Start: day(rapid.IntRange(1, 9).Draw(t, "start")), End: maybe("end"), AcceptedAt: maybe("accepted"), AcceptBy: maybe("accept by"),
			SuspendedAt: maybe("suspended"), EndedAt: maybe("ended"), DeletedAt: maybe("deleted"), ArchivedAt: maybe("archived")})
		f.Open = rapid.Bool().Draw(t, "open")
		s, now := f.AccessSpan(), day(rapid.IntRange(1, 12).Draw(t, "now"))

		over := s.Ended || !s.Over.IsZero() && !now.Before(s.Over)
		state := s.Held
		switch {
		case state == directory.StateArchived:
		case over:
			state = directory.StateEnded
		case state != "":
		case now.Before(s.From):
			state = directory.StateScheduled
		default:
			state = directory.StateActive
		}
		active := f.Open && s.Held == "" && !s.Ended && !now.Before(s.From) && (s.Until.IsZero() || now.Before(s.Until))
		if over != f.Over(now) || state != f.State(now) || active != f.ActiveAt(now) {
			t.Fatalf("over %v, state %s, active %v; the rows say %v, %s, %v", over, state, active, f.Over(now), f.State(now), f.ActiveAt(now))
		}
	})
}
