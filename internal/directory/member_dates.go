package directory

import (
	"context"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/fault"
)

// checkDates refuses moments that nobody means, beside what checkSpan refuses: a last day to accept out of all time, and,
// where a person gives it, an end in the past. That is a slip of the keyboard; who means to end a membership does that.
// HR systems, seed files and imports may say that somebody has left already.
func checkDates(ctx context.Context, was, m *Member, now time.Time) error {
	if by := m.AcceptBy; !by.IsZero() && (by.Before(earliest) || by.After(latest)) {
		return fault.New(fault.Invalid, "bad_date", "The last day to accept is not a date that can be kept").On("accept_by")
	}
	if by := actor.From(ctx).Kind; by != actor.Person && by != actor.Operator {
		return nil
	}
	if m.End.IsZero() || m.End.Equal(was.End) || !m.End.Before(now) {
		return nil
	}
	return fault.New(fault.Invalid, "end_in_past", "The end is in the past").On("end")
}
