package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

type orgPrefix struct{}

func (orgPrefix) Prefix() string { return "org" }

type orgID = sqldb.ID[orgPrefix]

var quiet = slog.New(slog.DiscardHandler)

func appendEvents(t testing.TB, db *sqldb.DB, kind string, n int) {
	t.Helper()
	err := db.Update(context.Background(), func(tx *sqldb.Tx) error {
		for i := range n {
			if err := outbox.Append(tx, orgID{}, kind, fmt.Sprint(kind, " ", i), nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// heard counts how often each subject was handled.
type heard struct {
	mu    sync.Mutex
	times map[string]int
	total atomic.Int64
}

func (h *heard) handle(_ context.Context, e outbox.Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.times == nil {
		h.times = map[string]int{}
	}
	h.times[e.Subject]++
	h.total.Add(1)
	return nil
}

func (h *heard) expect(t *testing.T, subjects, times int) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.times) != subjects {
		t.Errorf("%d subjects were heard of, want %d", len(h.times), subjects)
	}
	for s, n := range h.times {
		if n != times {
			t.Errorf("%s was heard %d times, want %d", s, n, times)
		}
	}
}

func drain(t testing.TB, o *outbox.Outbox) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := o.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

func backlog(t testing.TB, o *outbox.Outbox) outbox.Backlog {
	t.Helper()
	b, err := o.Backlog(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// start runs the outbox until the test ends.
func start(t testing.TB, o *outbox.Outbox) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func TestEachSubscriberHearsOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		var first, second heard
		o := outbox.New(db, quiet)
		o.Subscribe("user.created", "mail", first.handle)
		o.Subscribe("user.created", "logout", second.handle)
		appendEvents(t, db, "user.created", 250)
		appendEvents(t, db, "nobody.listens", 3)
		drain(t, o)
		drain(t, o)
		first.expect(t, 250, 1)
		second.expect(t, 250, 1)
		if b := backlog(t, o); b != (outbox.Backlog{}) {
			t.Errorf("backlog = %+v, want none", b)
		}
	})
}

func TestEventArrivesWhole(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		org := sqldb.NewID[orgPrefix](clock.Now())
		got := make(chan outbox.Event, 1)
		o := outbox.New(db, quiet)
		o.Subscribe("member.ended", "test", func(_ context.Context, e outbox.Event) error { got <- e; return nil })
		err := db.Update(context.Background(), func(tx *sqldb.Tx) error {
			return outbox.Append(tx, org, "member.ended", "mbr_1", map[string]string{"name": "Åse \"x\""})
		})
		if err != nil {
			t.Fatal(err)
		}
		drain(t, o)
		e := <-got
		if e.Kind != "member.ended" || e.Organization != org.String() || e.Subject != "mbr_1" || string(e.Data) != `{"name":"Åse \"x\""}` || e.ID.IsZero() {
			t.Errorf("event = %+v with %s", e, e.Data)
		}
	})
}

func TestRolledBackEventIsNeverHeard(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		var h heard
		o := outbox.New(db, quiet)
		o.Subscribe("a", "test", h.handle)
		no := errors.New("no")
		err := db.Update(context.Background(), func(tx *sqldb.Tx) error {
			if err := outbox.Append(tx, orgID{}, "a", "x", nil); err != nil {
				return err
			}
			return no
		})
		if !errors.Is(err, no) {
			t.Fatal(err)
		}
		drain(t, o)
		h.expect(t, 0, 0)
	})
}

func TestRunDeliversAtOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		got := make(chan time.Time, 1)
		o := outbox.New(db, quiet)
		o.SetPoll(time.Hour) // only the commit itself can wake it
		o.Subscribe("a", "test", func(context.Context, outbox.Event) error { got <- time.Now(); return nil })
		start(t, o)
		appendEvents(t, db, "a", 1)
		<-got
		committed := time.Now()
		appendEvents(t, db, "a", 1)
		select {
		case at := <-got:
			t.Logf("delivered %v after the append began", at.Sub(committed))
		case <-time.After(10 * time.Second):
			t.Fatal("the event was not delivered")
		}
	})
}

func TestHandlersMayWrite(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		var h heard
		o := outbox.New(db, quiet)
		o.Subscribe("first", "chain", func(ctx context.Context, e outbox.Event) error {
			return db.Update(ctx, func(tx *sqldb.Tx) error {
				return outbox.Append(tx, orgID{}, "second", e.Subject, nil)
			})
		})
		o.Subscribe("second", "test", h.handle)
		appendEvents(t, db, "first", 20)
		drain(t, o)
		h.expect(t, 20, 1)
	})
}

func TestFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		var calls atomic.Int64
		var pauses []int64
		o := outbox.New(db, quiet)
		o.SetPause(func(attempt int64) time.Duration { pauses = append(pauses, attempt); return 0 })
		o.Subscribe("a", "test", func(context.Context, outbox.Event) error {
			if calls.Add(1) < 4 {
				return fault.New(fault.Internal, "mail_refused", "kari@nordlys.example was refused")
			}
			return nil
		})
		appendEvents(t, db, "a", 1)
		drain(t, o)
		if calls.Load() != 4 || fmt.Sprint(pauses) != "[1 2 3]" {
			t.Errorf("%d calls with pauses %v, want 4 with [1 2 3]", calls.Load(), pauses)
		}
		if b := backlog(t, o); b != (outbox.Backlog{}) {
			t.Errorf("backlog = %+v, want none", b)
		}
	})
}

func TestFailureWaitsForItsTime(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		var calls atomic.Int64
		o := outbox.New(db, quiet)
		o.Subscribe("a", "test", func(context.Context, outbox.Event) error { calls.Add(1); return errors.New("no") })
		appendEvents(t, db, "a", 1)
		drain(t, o)
		drain(t, o)
		if calls.Load() != 1 {
			t.Errorf("%d calls, want 1: the second try is due in a second", calls.Load())
		}
		if b := backlog(t, o); b.Waiting != 1 {
			t.Errorf("backlog = %+v, want one waiting", b)
		}
	})
}

func TestGivingUp(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		var calls atomic.Int64
		o := outbox.New(db, quiet)
		o.SetPause(func(int64) time.Duration { return 0 })
		o.Subscribe("a", "test", func(context.Context, outbox.Event) error {
			calls.Add(1)
			return fmt.Errorf("sending to kari@nordlys.example: %w", errors.New("secret text"))
		})
		appendEvents(t, db, "a", 1)
		drain(t, o)
		if calls.Load() != 12 {
			t.Errorf("%d tries, want 12", calls.Load())
		}
		if b := backlog(t, o); b.Waiting != 0 || b.GivenUp != 1 {
			t.Errorf("backlog = %+v, want one given up", b)
		}
		var last string
		if err := db.QueryRow(context.Background(), "select last_error from deliveries").Scan(&last); err != nil {
			t.Fatal(err)
		}
		if last != "*errors.errorString" {
			t.Errorf("last_error = %q; it must be a code or a type, never a text", last)
		}
	})
}

func TestPanicStopsNothing(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		var log strings.Builder
		var lock sync.Mutex
		var h heard
		var calls atomic.Int64
		o := outbox.New(db, slog.New(slog.NewTextHandler(lockedWriter{&lock, &log}, nil)))
		o.SetPause(func(int64) time.Duration { return 0 })
		o.Subscribe("bad", "test", func(context.Context, outbox.Event) error {
			if calls.Add(1) == 1 {
				panic("kari@nordlys.example")
			}
			return nil
		})
		o.Subscribe("good", "test", h.handle)
		appendEvents(t, db, "bad", 1)
		appendEvents(t, db, "good", 5)
		drain(t, o)
		h.expect(t, 5, 1)
		if calls.Load() != 2 {
			t.Errorf("%d calls of the panicking handler, want 2", calls.Load())
		}
		lock.Lock()
		defer lock.Unlock()
		if !strings.Contains(log.String(), "a handler panicked") || strings.Contains(log.String(), "nordlys") {
			t.Errorf("the log must tell of the panic without its value:\n%s", log.String())
		}
	})
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *strings.Builder
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func TestSubscriptionMistakes(t *testing.T) {
	t.Parallel()
	db := testenv.Open(t, sqldb.Config{URL: t.TempDir() + "/test.db", Relaxed: true})
	o := outbox.New(db, quiet)
	var h heard
	o.Subscribe("a", "x", h.handle)
	o.Subscribe("a", "x", h.handle)
	o.Subscribe("a", "", h.handle)
	o.Subscribe("a", "y", nil)
	err := o.Run(context.Background())
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("Run = %v, want three mistakes", err)
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	for attempt, want := range map[int64]time.Duration{0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second,
		10: 512 * time.Second, 11: 10 * time.Minute, 12: 10 * time.Minute, 1000: 10 * time.Minute} {
		for range 100 {
			if got := outbox.Pause(attempt); got < want*8/10 || got > want*12/10 {
				t.Errorf("pause after attempt %d = %v, want about %v", attempt, got, want)
			}
		}
	}
}

func TestReason(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"mail_refused":        fmt.Errorf("x: %w", fault.New(fault.Internal, "mail_refused", "text")),
		"timeout":             fmt.Errorf("x: %w", context.DeadlineExceeded),
		"*errors.errorString": fmt.Errorf("a: %w", fmt.Errorf("b: %w", errors.New("c"))),
	} {
		if got := outbox.Reason(err); got != want {
			t.Errorf("reason of %v = %q, want %q", err, got, want)
		}
	}
}

func TestRunLeavesNoGoroutine(t *testing.T) {
	db := testenv.Open(t, sqldb.Config{URL: t.TempDir() + "/test.db", Relaxed: true})
	before := goleak.IgnoreCurrent()
	o := outbox.New(db, quiet)
	stop := start(t, o)
	appendEvents(t, db, "a", 1)
	stop()
	goleak.VerifyNone(t, before)
}
