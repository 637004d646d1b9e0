package outbox_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestWhatIsAwaitedWaitsForNobody: however slow the deliveries of a load are, a code goes out meanwhile.
func TestWhatIsAwaitedWaitsForNobody(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		o := outbox.New(db, quiet)
		var busy atomic.Int64
		code, hold := make(chan struct{}), make(chan struct{})
		release := sync.OnceFunc(func() { close(hold) })
		o.Subscribe("load", "slow", func(context.Context, outbox.Event) error {
			busy.Add(1)
			<-hold
			return nil
		})
		o.SubscribeBefore(outbox.Awaited, "code", "mail", func(context.Context, outbox.Event) error { close(code); return nil })
		stop := start(t, o)
		t.Cleanup(release)
		appendEvents(t, db, "load", 300)
		testenv.Within(t, 10*time.Second, "the workers are busy", func() bool { return busy.Load() == 7 })
		appendEvents(t, db, "code", 1)
		select {
		case <-code:
		case <-time.After(10 * time.Second):
			t.Error("the code waits")
		}
		if n := busy.Load(); n != 7 {
			t.Errorf("%d workers make what nobody waits for", n)
		}
		release()
		stop()
	})
}

// TestPrecedence: what was there last goes first where it takes precedence.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		o := outbox.New(db, quiet)
		var mu sync.Mutex
		var order []string
		note := func(_ context.Context, e outbox.Event) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, e.Kind)
			return nil
		}
		o.Subscribe("load", "mail", note)
		o.SubscribeBefore(outbox.Ending, "end", "logout", note)
		o.SubscribeBefore(outbox.Awaited, "code", "mail", note)
		appendEvents(t, db, "load", 300)
		appendEvents(t, db, "end", 30)
		appendEvents(t, db, "code", 30)
		drain(t, o)
		if len(order) != 360 || backlog(t, o) != (outbox.Backlog{}) {
			t.Errorf("%d deliveries, and %+v is left", len(order), backlog(t, o))
		}
		// Four turns pass until the last events are known, of eight deliveries at most.
		last := func(kind string) int {
			slices.Reverse(order)
			defer slices.Reverse(order)
			return len(order) - 1 - slices.Index(order, kind)
		}
		if code, end := last("code"), last("end"); code > 4*8+30+8 || end > 4*8+60+16 || code > end {
			t.Errorf("codes are there after %d deliveries, ends after %d", code, end)
		}
	})
}
