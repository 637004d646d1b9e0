package sqldb_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// nodes opens two handles on one PostgreSQL database: two processes.
func nodes(t *testing.T) (a, b *sqldb.DB) {
	t.Helper()
	cfg := sqldb.Config{URL: testenv.PostgreSQL(t), MaxConnections: 4}
	return testenv.Open(t, cfg), testenv.Open(t, cfg)
}

func bump(t *testing.T, db *sqldb.DB, name string) {
	t.Helper()
	if err := db.Update(ctx, func(tx *sqldb.Tx) error { tx.Bump(name); return nil }); err != nil {
		t.Fatal(err)
	}
}

func version(t *testing.T, db *sqldb.DB, name string) int64 {
	t.Helper()
	v, err := db.Watermarks().Version(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWatermarks(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		if v := version(t, db, "applications"); v != 0 {
			t.Errorf("version %d before the first bump", v)
		}
		for want := range int64(3) {
			bump(t, db, "applications")
			if v := version(t, db, "applications"); v != want+1 {
				t.Errorf("version %d right after bump %d on the same node", v, want+1)
			}
		}
		if v := version(t, db, "keys"); v != 0 {
			t.Errorf("another name has version %d", v)
		}
		_ = db.Update(ctx, func(tx *sqldb.Tx) error { tx.Bump("applications"); return context.Canceled })
		if v := version(t, db, "applications"); v != 3 {
			t.Errorf("version %d after a bump that was rolled back, want 3", v)
		}
	})
}

// A reading that began before a bump must not count as fresh afterwards.
func TestBumpsAreNotLost(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		reading, stop := context.WithCancel(ctx)
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for reading.Err() == nil {
					_ = db.Watermarks().Refresh(reading)
				}
			})
		}
		for want := range int64(50) {
			bump(t, db, "n")
			if v := version(t, db, "n"); v != want+1 {
				t.Errorf("version %d after bump %d", v, want+1)
			}
		}
		stop()
		readers.Wait()
	})
}

func TestABumpIsSeenByOtherNodes(t *testing.T) {
	t.Parallel()
	a, b := nodes(t)
	running, stop := context.WithCancel(ctx)
	defer stop()
	go b.Watermarks().Run(running)
	if v := version(t, b, "n"); v != 0 {
		t.Fatalf("version %d", v)
	}
	bump(t, a, "n")
	testenv.Within(t, time.Second, "the other node sees the bump", func() bool { return version(t, b, "n") == 1 })
}

func TestNotifyReachesOtherNodes(t *testing.T) {
	t.Parallel()
	a, b := nodes(t)
	heard := make(chan struct{}, 100)
	b.Subscribe("topic", func() { heard <- struct{}{} })
	b.Subscribe("other", func() { t.Error("a topic was heard that nobody notified") })
	notify := func(fail error) {
		_ = a.Update(ctx, func(tx *sqldb.Tx) error {
			tx.Notify("topic")
			tx.Notify("topic")
			return fail
		})
	}
	deadline := time.After(10 * time.Second)
	for connected := false; !connected; { // until the other node listens
		notify(nil)
		select {
		case <-heard:
			connected = true
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatal("nothing was heard")
		}
	}
	time.Sleep(200 * time.Millisecond)
	for len(heard) > 0 {
		<-heard
	}
	notify(context.Canceled)
	notify(nil)
	began := time.Now()
	select {
	case <-heard:
		t.Logf("heard after %v", time.Since(began))
	case <-deadline:
		t.Fatal("nothing was heard")
	}
	time.Sleep(100 * time.Millisecond)
	if len(heard) != 0 {
		t.Error("one commit was heard more than once, or a rollback was heard")
	}
}

func TestNotifyOnTheSameNode(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		var mu sync.Mutex
		heard := 0
		db.Subscribe("topic", func() { mu.Lock(); heard++; mu.Unlock() })
		notify := func(fail error) {
			_ = db.Update(ctx, func(tx *sqldb.Tx) error { tx.Notify("topic"); return fail })
		}
		notify(context.Canceled)
		notify(nil)
		mu.Lock()
		defer mu.Unlock()
		if heard != 1 {
			t.Errorf("heard %d times when Update returned, want once, for the commit", heard)
		}
	})
}

func TestLease(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		lease := func(name, holder string, ttl time.Duration, want bool) {
			t.Helper()
			if got, err := db.Lease(ctx, name, holder, ttl); err != nil || got != want {
				t.Errorf("Lease(%s, %s) = %v, %v, want %v", name, holder, got, err, want)
			}
		}
		lease("purge", "a", time.Hour, true)
		lease("purge", "b", time.Hour, false)
		lease("rotate", "b", time.Hour, true)
		lease("purge", "a", -time.Second, true) // renewed, and over at once
		lease("purge", "b", time.Hour, true)
		lease("purge", "a", time.Hour, false)

		var won sync.Map
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				if ok, err := db.Lease(ctx, "race", string(rune('a'+i)), time.Hour); err != nil {
					t.Error(err)
				} else if ok {
					won.Store(i, true)
				}
			})
		}
		all.Wait()
		n := 0
		won.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%d of 16 got the lease", n)
		}
	})
}
