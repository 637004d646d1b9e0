package ratelimit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/ratelimit"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var (
	ctx     = context.Background()
	mails   = ratelimit.Rule{Scope: "mails", Max: 5, Window: time.Hour}
	guesses = ratelimit.Rule{Scope: "guesses", Max: 5, Window: 24 * time.Hour}
)

func TestTake(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		l := ratelimit.New(db)
		take := func(key ...string) (bool, time.Duration) {
			t.Helper()
			peeked, peekedAfter, err := l.Peek(ctx, mails, key...)
			if err != nil {
				t.Fatal(err)
			}
			allowed, after, err := l.Take(ctx, mails, key...)
			if err != nil {
				t.Fatal(err)
			}
			if peeked != allowed || peekedAfter != after {
				t.Errorf("Peek answered %v, %v, then Take %v, %v", peeked, peekedAfter, allowed, after)
			}
			return allowed, after
		}
		for i := range 5 {
			if ok, after := take("kari"); !ok || after != 0 {
				t.Fatalf("take %d: %v, %v", i, ok, after)
			}
			clock.Advance(time.Minute)
		}
		for range 10 {
			if ok, after := take("kari"); ok || after != 55*time.Minute {
				t.Fatalf("the sixth: %v, %v, want refused for 55 m", ok, after)
			}
		}
		if ok, _ := take("ola"); !ok {
			t.Error("another key is refused")
		}
		if ok, _, err := l.Take(ctx, ratelimit.Rule{Scope: "other", Max: 1, Window: time.Hour}, "kari"); !ok || err != nil {
			t.Errorf("another rule is refused: %v", err)
		}
		clock.Advance(55 * time.Minute)
		if ok, _ := take("kari"); !ok {
			t.Error("refused after the window")
		}
		if err := l.Reset(ctx, mails, "kari"); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if ok, _ := take("kari"); !ok {
				t.Error("refused after Reset")
			}
		}
	})
}

func TestNothingIsAllowed(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		l := ratelimit.New(db)
		never := ratelimit.Rule{Scope: "never", Max: 0, Window: time.Hour}
		if ok, _, err := l.Peek(ctx, never, "x"); ok || err != nil {
			t.Errorf("Peek = %v, %v", ok, err)
		}
		if ok, _, err := l.Take(ctx, never, "x"); ok || err != nil {
			t.Errorf("Take = %v, %v", ok, err)
		}
	})
}

func parallel(t *testing.T, n int, f func() (bool, error)) int64 {
	t.Helper()
	var allowed atomic.Int64
	var all sync.WaitGroup
	begin := make(chan struct{})
	for range n {
		all.Go(func() {
			<-begin
			ok, err := f()
			if err != nil {
				t.Error(err)
			}
			if ok {
				allowed.Add(1)
			}
		})
	}
	close(begin)
	all.Wait()
	return allowed.Load()
}

func TestParallelTakes(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		l := ratelimit.New(db)
		for round := range 5 {
			n := parallel(t, 16, func() (bool, error) {
				ok, _, err := l.Take(ctx, mails, "kari")
				return ok, err
			})
			if n != 5 {
				t.Errorf("round %d: %d of 16 parallel takes were allowed, want 5", round, n)
			}
			clock.Advance(time.Hour)
		}
	})
}

func TestParallelAttempts(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		l := ratelimit.New(db)
		n := parallel(t, 16, func() (bool, error) {
			wait, err := l.Attempt(ctx, guesses, "kari")
			return wait == 0, err
		})
		if n != 6 {
			t.Errorf("%d of 16 parallel guesses were let through, want 6: five free ones and the one that starts the pauses", n)
		}
	})
}

func TestPausesGrow(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		l := ratelimit.New(db)
		attempt := func() time.Duration {
			t.Helper()
			wait, err := l.Attempt(ctx, guesses, "kari")
			if err != nil {
				t.Fatal(err)
			}
			return wait
		}
		for i := range 6 {
			if wait := attempt(); wait != 0 {
				t.Fatalf("guess %d has to wait %v", i+1, wait)
			}
		}
		pauses := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900}
		for i, p := range pauses {
			p *= time.Second
			if wait := attempt(); wait != p {
				t.Fatalf("pause %d: %v, want %v", i, wait, p)
			}
			clock.Advance(p - time.Microsecond)
			if wait := attempt(); wait != time.Microsecond {
				t.Fatalf("pause %d: a microsecond before its end %v", i, wait)
			}
			clock.Advance(time.Microsecond)
			if wait := attempt(); wait != 0 {
				t.Fatalf("pause %d: after its end %v", i, wait)
			}
		}
		clock.Advance(24 * time.Hour)
		for i := range 6 {
			if wait := attempt(); wait != 0 {
				t.Fatalf("guess %d a day later has to wait %v", i+1, wait)
			}
		}
		if err := l.Reset(ctx, guesses, "kari"); err != nil {
			t.Fatal(err)
		}
		if wait := attempt(); wait != 0 {
			t.Errorf("after Reset: %v", wait)
		}
	})
}

// Ten wrong guesses in a row are exhausted, however the limit is drawn inside.
func TestTenInARowAreExhausted(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		l := ratelimit.New(db)
		var last time.Duration
		for range 10 {
			var err error
			if last, err = l.Attempt(ctx, guesses, "kari", "password"); err != nil {
				t.Fatal(err)
			}
			clock.Advance(50 * time.Millisecond)
		}
		f := ratelimit.Refusal(last)
		if last == 0 || f.Kind != fault.Exhausted || f.Retry != last || !errors.Is(f, ratelimit.ErrExhausted) {
			t.Errorf("the tenth: wait %v, fault %v", last, f)
		}
	})
}

func TestKeysAreHashed(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		l := ratelimit.New(db)
		for _, key := range [][]string{{"kari@nordlys.example", "10.0.0.1"}, {"kari@nordlys.example10.0.0.1"}, {"kari@nordlys.example1", "0.0.0.1"}, {"", "x"}, {"x"}, {"x", ""}} {
			if _, _, err := l.Take(ctx, mails, key...); err != nil {
				t.Fatal(err)
			}
		}
		keys, err := sqldb.All(ctx, db, func(r sqldb.Row) (k []byte, err error) { return k, r.Scan(&k) }, "select key from attempts where failures = 1")
		if err != nil || len(keys) != 6 {
			t.Fatalf("%d keys, %v; want 6 different ones", len(keys), err)
		}
		for _, k := range keys {
			if len(k) != 32 || bytes.Contains(k, []byte("kari")) {
				t.Errorf("key %q", k)
			}
		}
	})
}

func TestPurge(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		l := ratelimit.New(db)
		err := db.Update(ctx, func(tx *sqldb.Tx) error {
			for i := range 1200 {
				tx.Later("insert into attempts (scope, key, failures, window_ends) values ($1, $2, 1, $3)", "old", fmt.Appendf(nil, "%032d", i), sqldb.Micros(tx.Now()))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Minute)
		if _, _, err := l.Take(ctx, mails, "kari"); err != nil {
			t.Fatal(err)
		}
		if err := l.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		var n int64
		if err := db.QueryRow(ctx, "select count(*) from attempts").Scan(&n); err != nil || n != 1 {
			t.Errorf("%d counters are left, %v; want the one that still counts", n, err)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	db := testenv.Open(b, sqldb.Config{URL: b.TempDir() + "/bench.db", Relaxed: true})
	l := ratelimit.New(db)
	for b.Loop() {
		if _, _, err := l.Take(ctx, mails, "kari"); err != nil {
			b.Fatal(err)
		}
	}
}

// What was counted in advance and then not guessed leaves the next guess where it was.
func TestGiveBack(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		l := ratelimit.New(db)
		for i := range 20 {
			if wait, err := l.Attempt(ctx, guesses, "kari"); wait != 0 || err != nil {
				t.Fatalf("guess %d: %v, %v", i, wait, err)
			}
			if err := l.GiveBack(ctx, guesses, "kari"); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.GiveBack(ctx, guesses, "kari"); err != nil { // nothing is left to give back
			t.Fatal(err)
		}
		free := 0
		for range 10 {
			wait, err := l.Attempt(ctx, guesses, "kari")
			if err != nil {
				t.Fatal(err)
			}
			if wait == 0 {
				free++
			}
		}
		if free != 6 {
			t.Errorf("%d guesses without a pause, want 6", free)
		}
	})
}

// TestTakeSome: all or what is left, never less than the least, and in parallel never more than the rule allows.
func TestTakeSome(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		l, ctx := ratelimit.New(db), context.Background()
		rule := ratelimit.Rule{Scope: "test.some", Max: 100, Window: time.Minute}
		take := func(least, most int, key string) int {
			t.Helper()
			n, ends, err := l.TakeSome(ctx, rule, ratelimit.Amount{Least: least, Most: most}, key)
			if err != nil || !ends.After(clock.Now()) {
				t.Fatalf("%d until %s: %v", n, ends, err)
			}
			return n
		}
		for i, step := range []struct{ least, most, want int }{{1, 40, 40}, {1, 40, 40}, {21, 40, 0}, {20, 40, 20}, {1, 1, 0}} {
			if got := take(step.least, step.most, "one"); got != step.want {
				t.Errorf("step %d: took %d, want %d", i, got, step.want)
			}
		}
		if take(1, 1, "another") != 1 {
			t.Error("keys are counted together")
		}
		clock.Advance(time.Minute)
		if take(100, 100, "one") != 100 {
			t.Error("the window does not end")
		}
		var group sync.WaitGroup
		var total atomic.Int64
		for range 30 {
			group.Go(func() {
				n, _, err := l.TakeSome(ctx, rule, ratelimit.Amount{Least: 1, Most: 7}, "race")
				if err != nil {
					t.Error(err)
				}
				total.Add(int64(n))
			})
		}
		group.Wait()
		if total.Load() != 100 {
			t.Errorf("%d taken of 100", total.Load())
		}
	})
}
