package authz

import (
	"slices"
	"testing"
	"time"
)

// TestUntilActions: before the moment that it names, the list of actions is what it was; at some it is another.
func TestUntilActions(t *testing.T) {
	t.Parallel()
	changed := 0
	for seed := range organizations() / 2 {
		x := newMaker(seed)
		s, q := Compile(x.m), x.question()
		until, was := s.UntilActions(q), s.Actions(q)
		for n := range 12 {
			for _, shift := range []time.Duration{-time.Microsecond, 0, time.Microsecond} {
				later := q
				later.At = day(1 + n).Add(shift)
				now := s.Actions(later)
				if later.At.After(q.At) && (until.IsZero() || later.At.Before(until)) && !slices.Equal(now, was) {
					t.Fatalf("organization %d: %v at %v, %v at %v, until %v\n%+v", seed, was, q.At, now, later.At, until, q)
				}
				if later.At.Equal(until) && !slices.Equal(now, was) {
					changed++
				}
			}
		}
	}
	if changed == 0 {
		t.Error("at no end was the list another")
	}
}
