package outbox_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func TestKillBetweenCommitAndDelivery(t *testing.T) {
	t.Parallel()
	for engine, url := range testenv.URLs(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			cfg := sqldb.Config{URL: url(t), Relaxed: true, MaxConnections: 4}
			db := testenv.Open(t, cfg)
			appendEvents(t, db, "a", 7)
			db.Close() // nobody was there to deliver

			var h heard
			o := outbox.New(testenv.Open(t, cfg), quiet)
			o.Subscribe("a", "test", h.handle)
			drain(t, o)
			h.expect(t, 7, 1)
		})
	}
}

func TestLeaseOfADeadWorkerRunsOut(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		var h heard
		dead := outbox.New(db, quiet)
		dead.SetLease(300*time.Millisecond, time.Second, 0)
		dead.Subscribe("a", "test", h.handle)
		appendEvents(t, db, "a", 3)
		if n, err := dead.LeaseAndDie(context.Background()); n != 3 || err != nil {
			t.Fatalf("leased %d, %v", n, err)
		}
		alive := outbox.New(db, quiet)
		alive.Subscribe("a", "test", h.handle)
		began := time.Now()
		drain(t, alive)
		h.expect(t, 3, 1)
		if took := time.Since(began); took < 100*time.Millisecond {
			t.Errorf("taken over after %v, before the lease had run out", took)
		}
		var attempts int64
		if err := db.QueryRow(context.Background(), "select min(attempts) from deliveries").Scan(&attempts); err != nil || attempts != 2 {
			t.Errorf("attempts = %d, %v, want 2: the dead worker's counts", attempts, err)
		}
	})
}

// What another worker holds does not keep the rest from being delivered.
func TestABusyWorkerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		var h heard
		busy, free := outbox.New(db, quiet), outbox.New(db, quiet)
		for _, o := range []*outbox.Outbox{busy, free} {
			o.Subscribe("a", "test", h.handle)
		}
		appendEvents(t, db, "a", 20)
		held, err := busy.LeaseAndDie(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		start(t, free)
		for deadline := time.Now().Add(10 * time.Second); h.total.Load() < int64(20-held); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d were delivered while another worker holds %d of 20", h.total.Load(), held)
			}
		}
		h.expect(t, 20-held, 1)
	})
}

// A delivery that kills the process each time must not do so forever.
func TestPoisonIsGivenUp(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		var h heard
		o := outbox.New(db, quiet)
		o.SetLease(-time.Second, time.Second, 0) // has run out when it begins
		o.Subscribe("a", "test", h.handle)
		appendEvents(t, db, "a", 1)
		for range 12 {
			if n, err := o.LeaseAndDie(context.Background()); n != 1 || err != nil {
				t.Fatalf("leased %d, %v", n, err)
			}
		}
		o.SetLease(time.Minute, time.Second, 0)
		drain(t, o)
		h.expect(t, 0, 0)
		if b := backlog(t, o); b.GivenUp != 1 || b.Waiting != 0 {
			t.Errorf("backlog = %+v, want one given up", b)
		}
	})
}

// Several workers, each with connections of its own on PostgreSQL, share the work; nobody does it twice.
func TestWorkersShareTheWork(t *testing.T) {
	t.Parallel()
	for engine, url := range testenv.URLs(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			cfg := sqldb.Config{URL: url(t), Relaxed: true, MaxConnections: 4}
			db := testenv.Open(t, cfg)
			var h heard
			const events = 400
			var workers []*outbox.Outbox
			for range 3 {
				own := db
				if engine == "postgresql" {
					own = testenv.Open(t, cfg)
				}
				o := outbox.New(own, quiet)
				o.SetPoll(5 * time.Millisecond)
				o.Subscribe("a", "test", h.handle)
				start(t, o)
				workers = append(workers, o)
			}
			for range events / 20 {
				appendEventsNamed(t, db, "a", 20)
			}
			drain(t, workers[0])
			h.expect(t, events, 1)
		})
	}
}

// appendEventsNamed appends events whose subjects differ from call to call.
func appendEventsNamed(t testing.TB, db *sqldb.DB, kind string, n int) {
	t.Helper()
	err := db.Update(context.Background(), func(tx *sqldb.Tx) error {
		for range n {
			subject := sqldb.NewID[orgPrefix](tx.Now()).String()
			if err := outbox.Append(tx, orgID{}, kind, subject, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAStopIsNoFailure(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		begun := make(chan struct{})
		o := outbox.New(db, quiet)
		o.SetLease(time.Minute, 30*time.Second, 20*time.Millisecond)
		o.Subscribe("a", "test", func(ctx context.Context, _ outbox.Event) error {
			close(begun)
			<-ctx.Done()
			return ctx.Err()
		})
		stop := start(t, o)
		appendEvents(t, db, "a", 1)
		<-begun
		stop()

		var calls atomic.Int64
		next := outbox.New(db, quiet)
		next.Subscribe("a", "test", func(context.Context, outbox.Event) error { calls.Add(1); return nil })
		drain(t, next) // at once: the lease was given back
		var attempts int64
		if err := db.QueryRow(context.Background(), "select attempts from deliveries").Scan(&attempts); err != nil {
			t.Fatal(err)
		}
		if calls.Load() != 1 || attempts != 1 {
			t.Errorf("%d calls, %d attempts; want 1 and 1", calls.Load(), attempts)
		}
	})
}

func TestAStopLetsHandlersFinish(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		begun, finish := make(chan struct{}), make(chan struct{})
		o := outbox.New(db, quiet)
		o.Subscribe("a", "test", func(ctx context.Context, _ outbox.Event) error {
			close(begun)
			<-finish
			return ctx.Err()
		})
		stop := start(t, o)
		appendEvents(t, db, "a", 1)
		<-begun
		time.AfterFunc(50*time.Millisecond, func() { close(finish) }) // after the stop, which waits for it
		stop()
		if b := backlog(t, o); b.Waiting != 0 {
			t.Errorf("backlog = %+v, want none", b)
		}
	})
}

func TestSlowHandlerIsTimedOut(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		o := outbox.New(db, quiet)
		o.SetLease(time.Minute, 20*time.Millisecond, 0)
		o.Subscribe("a", "test", func(ctx context.Context, _ outbox.Event) error { <-ctx.Done(); return ctx.Err() })
		appendEvents(t, db, "a", 1)
		drain(t, o)
		var last string
		if err := db.QueryRow(context.Background(), "select last_error from deliveries").Scan(&last); err != nil || last != "timeout" {
			t.Errorf("last_error = %q, %v, want timeout", last, err)
		}
	})
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := outbox.New(db, quiet)
		o.Subscribe("a", "one", func(context.Context, outbox.Event) error { return errors.New("no") })
		o.Subscribe("a", "two", func(context.Context, outbox.Event) error { return nil })
		appendEvents(t, db, "a", 2)
		clock.Advance(time.Minute)
		appendEvents(t, db, "a", 1)
		clock.Advance(time.Minute)
		if b := backlog(t, o); b.Waiting != 3 || b.Oldest != 2*time.Minute {
			t.Errorf("before dispatch: %+v, want 3 waiting for 2 m", b)
		}
		drain(t, o)
		if b := backlog(t, o); b.Waiting != 3 || b.Oldest != 2*time.Minute || b.GivenUp != 0 {
			t.Errorf("after a failure of one of two: %+v, want 3 waiting for 2 m", b)
		}
	})
}

func TestPurge(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		ctx := context.Background()
		o := outbox.New(db, quiet)
		o.Subscribe("done", "test", func(context.Context, outbox.Event) error { return nil })
		o.Subscribe("waiting", "test", func(context.Context, outbox.Event) error { return errors.New("no") })
		appendEvents(t, db, "done", 620)
		appendEvents(t, db, "waiting", 1)
		drain(t, o)
		clock.Advance(8 * 24 * time.Hour) // the domain's clock alone decides nothing
		appendEvents(t, db, "done", 1)
		drain(t, o)
		if err := o.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		count := func() (n int64) {
			if err := db.QueryRow(ctx, "select count(*) from events").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := count(); n != 622 {
			t.Fatalf("%d events are left, want all 622: none is old by the machine's clock", n)
		}
		week := sqldb.Micros(db.Wall().Add(-8 * 24 * time.Hour))
		if _, err := db.Exec(ctx, "update events set dispatched_at = $1", week); err != nil {
			t.Fatal(err)
		}
		if err := o.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != 2 {
			t.Errorf("%d events are left, want 2: the undelivered and the new one", n)
		}
	})
}

func BenchmarkDeliver(b *testing.B) {
	db := testenv.Open(b, sqldb.Config{URL: b.TempDir() + "/bench.db"})
	o := outbox.New(db, quiet)
	got := make(chan struct{}, 1)
	o.Subscribe("a", "bench", func(context.Context, outbox.Event) error { got <- struct{}{}; return nil })
	start(b, o)
	for b.Loop() {
		appendEvents(b, db, "a", 1)
		<-got
	}
}
