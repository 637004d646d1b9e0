package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var ctx = context.Background()

type thingPrefix struct{}

func (thingPrefix) Prefix() string { return "thg" }

type thingID = sqldb.ID[thingPrefix]

// insertLease writes a row into a table without references, whose name is its key.
const insertLease = "insert into leases (name, holder, until) values ($1, $2, $3)"

func count(t testing.TB, q sqldb.Queryer, table string) (n int64) {
	t.Helper()
	if err := q.QueryRow(ctx, "select count(*) from "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCommitAndRollback(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		no := errors.New("no")
		committed := 0
		insert := func(name string, then error) error {
			return db.Update(ctx, func(tx *sqldb.Tx) error {
				tx.OnCommit(func() { committed++ })
				if _, err := tx.Exec(ctx, insertLease, name, "x", 1); err != nil {
					return err
				}
				if n := count(t, tx, "leases"); n == 0 {
					t.Error("a transaction does not see what it wrote")
				}
				return then
			})
		}
		if err := insert("a", no); !errors.Is(err, no) {
			t.Errorf("Update = %v, want the function's own error", err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic did not come through")
				}
			}()
			_ = db.Update(ctx, func(tx *sqldb.Tx) error {
				if _, err := tx.Exec(ctx, insertLease, "b", "x", 1); err != nil {
					t.Error(err)
				}
				panic("in the middle")
			})
		}()
		if n := count(t, db, "leases"); n != 0 || committed != 0 {
			t.Errorf("%d rows, %d commits after an error and a panic, want none", n, committed)
		}
		if err := insert("c", nil); err != nil {
			t.Fatal(err)
		}
		if n := count(t, db, "leases"); n != 1 || committed != 1 {
			t.Errorf("%d rows, %d commits, want one", n, committed)
		}
	})
}

func TestCancelledTransactionLeavesNothing(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		cancelled, cancel := context.WithCancel(ctx)
		err := db.Update(cancelled, func(tx *sqldb.Tx) error {
			if _, err := tx.Exec(cancelled, insertLease, "a", "x", 1); err != nil {
				return err
			}
			cancel()
			return nil
		})
		if err == nil {
			t.Error("a cancelled transaction committed")
		}
		for i := range 20 { // no connection was left behind in a transaction
			err := db.Update(ctx, func(tx *sqldb.Tx) error {
				_, err := tx.Exec(ctx, insertLease, fmt.Sprint(i), "x", 1)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, db, "leases"); n != 20 {
			t.Errorf("%d rows, want 20", n)
		}
	})
}

// Invariant: after a failed statement a transaction refuses every further one, on both engines.
func TestFailedStatementEndsTheTransaction(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		err := db.Update(ctx, func(tx *sqldb.Tx) error {
			if _, err := tx.Exec(ctx, insertLease, "a", "x", 1); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, insertLease, "a", "x", 1); !sqldb.IsUnique(err) {
				t.Errorf("second insert: %v, want a violated key", err)
			}
			if _, err := tx.Exec(ctx, insertLease, "b", "x", 1); err == nil {
				t.Error("Exec goes on after a failure")
			}
			if _, err := tx.Query(ctx, "select name from leases"); err == nil {
				t.Error("Query goes on after a failure")
			}
			var n int64
			if err := tx.QueryRow(ctx, "select count(*) from leases").Scan(&n); err == nil {
				t.Error("QueryRow goes on after a failure")
			}
			return nil // swallowing the failure does not help
		})
		if !sqldb.IsUnique(err) {
			t.Errorf("Update = %v, want the failure that was swallowed", err)
		}
		if n := count(t, db, "leases"); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}

func TestNoRowsIsNoFailure(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		var holder string
		if err := db.QueryRow(ctx, "select holder from leases where name = 'none'").Scan(&holder); !errors.Is(err, sqldb.ErrNoRows) {
			t.Errorf("DB: %v", err)
		}
		err := db.Update(ctx, func(tx *sqldb.Tx) error {
			if err := tx.QueryRow(ctx, "select holder from leases where name = 'none'").Scan(&holder); !errors.Is(err, sqldb.ErrNoRows) {
				t.Errorf("Tx: %v", err)
			}
			_, err := tx.Exec(ctx, insertLease, "a", "x", 1)
			return err
		})
		if err != nil || count(t, db, "leases") != 1 {
			t.Errorf("Update = %v", err)
		}
	})
}

// PostgreSQL has one result set a connection at a time; SQLite would allow more, so Tx refuses them on both.
func TestOneResultSetAtATime(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		err := db.Update(ctx, func(tx *sqldb.Tx) error {
			tx.Later(insertLease, "a", "x", 1)
			tx.Later(insertLease, "b", "x", 1)
			rows, err := tx.Query(ctx, "select name from leases order by name")
			if err != nil {
				return err
			}
			if !rows.Next() {
				t.Error("no row")
			}
			if _, err := tx.Exec(ctx, insertLease, "c", "x", 1); err == nil {
				t.Error("a statement ran beside an open result set")
			}
			rows.Close()
			rows.Close()
			_, err = tx.Exec(ctx, insertLease, "d", "x", 1)
			return err
		})
		if err != nil || count(t, db, "leases") != 3 {
			t.Errorf("Update = %v with %d rows, want 3", err, count(t, db, "leases"))
		}
		err = db.Update(ctx, func(tx *sqldb.Tx) error {
			_, err := tx.Query(ctx, "select name from leases")
			return err
		})
		if err == nil {
			t.Error("a transaction committed with an open result set")
		}
	})
}

func TestLater(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		err := db.Update(ctx, func(tx *sqldb.Tx) error {
			tx.Later(insertLease, "a", "x", 1)
			tx.Later("update leases set until = until + 1 where name = $1", "a")
			var until int64
			if err := tx.QueryRow(ctx, "select until from leases where name = 'a'").Scan(&until); err != nil || until != 2 {
				t.Errorf("until = %d, %v: queued writes must come before the next statement, in order", until, err)
			}
			tx.Later(insertLease, "b", "x", 1)
			return nil
		})
		if err != nil || count(t, db, "leases") != 2 {
			t.Errorf("Update = %v, want both rows", err)
		}
		err = db.Update(ctx, func(tx *sqldb.Tx) error {
			tx.Later(insertLease, "c", "x", 1)
			tx.Later(insertLease, "a", "x", 1)
			tx.Later(insertLease, "d", "x", 1)
			return nil
		})
		if !sqldb.IsUnique(err) {
			t.Errorf("at the commit: %v, want a violated key", err)
		}
		err = db.Update(ctx, func(tx *sqldb.Tx) error {
			tx.Later(insertLease, "a", "x", 1)
			if _, err := tx.Exec(ctx, insertLease, "e", "x", 1); !sqldb.IsUnique(err) {
				t.Errorf("in the next statement: %v, want a violated key", err)
			}
			return nil
		})
		if !sqldb.IsUnique(err) || count(t, db, "leases") != 2 {
			t.Errorf("Update = %v with %d rows, want a violated key and the two of before", err, count(t, db, "leases"))
		}
	})
}

func TestIsUnique(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		module := "insert into modules (key, names, self_service, position) values ($1, '{}', false, 1)"
		if _, err := db.Exec(ctx, module, "invoices"); err != nil {
			t.Fatal(err)
		}
		_, primary := db.Exec(ctx, module, "invoices")
		_, foreign := db.Exec(ctx, "insert into module_fields (module_key, field, position) values ('none', 'x', 1)")
		_, null := db.Exec(ctx, "insert into modules (key, names, self_service, position) values ('a', null, false, 1)")
		_, check := db.Exec(ctx, "insert into package_grants (package_key, module_key, grade) values ('x', 'invoices', 'all')")
		_, syntax := db.Exec(ctx, "insert nonsense")
		if _, err := db.Exec(ctx, "create table things (a text primary key, b text not null unique)"); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(ctx, "insert into things (a, b) values ('1', 'x')"); err != nil {
			t.Fatal(err)
		}
		_, unique := db.Exec(ctx, "insert into things (a, b) values ('2', 'x')")
		for name, err := range map[string]error{"primary key": primary, "unique column": unique, "wrapped": fmt.Errorf("x: %w", unique)} {
			if !sqldb.IsUnique(err) {
				t.Errorf("%s: IsUnique(%v) = false", name, err)
			}
		}
		for name, err := range map[string]error{"foreign key": foreign, "not null": null, "check": check, "syntax": syntax} {
			if err == nil || sqldb.IsUnique(err) {
				t.Errorf("%s: error %v must exist and not count as unique", name, err)
			}
		}
		if sqldb.IsUnique(nil) || sqldb.IsUnique(sqldb.ErrNoRows) {
			t.Error("IsUnique of no violation is true")
		}
	})
}

func TestViewSeesOneStateAndWritesNothing(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		err := db.View(ctx, func(tx *sqldb.Tx) error {
			before := count(t, tx, "leases")
			if _, err := db.Exec(ctx, insertLease, fmt.Sprint(before), "x", 1); err != nil {
				t.Fatal(err)
			}
			if after := count(t, tx, "leases"); after != before {
				t.Errorf("a view saw %d rows, then %d", before, after)
			}
			return nil
		})
		if err != nil || count(t, db, "leases") != 1 {
			t.Fatalf("View = %v", err)
		}
		err = db.View(ctx, func(tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, insertLease, "written", "x", 1)
			return err
		})
		if err == nil || count(t, db, "leases") != 1 {
			t.Errorf("a view wrote: %v", err)
		}
	})
}

// Single use is one statement: of sixteen at once exactly one gets it.
func TestSingleUse(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		for round := range 5 {
			id := sqldb.NewID[thingPrefix](db.Now())
			_, err := db.Exec(ctx, "insert into events (id, kind, subject, data, at) values ($1, 'k', 's', '{}', 1)", id)
			if err != nil {
				t.Fatal(err)
			}
			var won, lost atomic.Int64
			var all sync.WaitGroup
			begin := make(chan struct{})
			for range 16 {
				all.Go(func() {
					<-begin
					var subject string
					err := db.Update(ctx, func(tx *sqldb.Tx) error {
						err := tx.QueryRow(ctx, "update events set dispatched_at = $1 where id = $2 and dispatched_at is null returning subject",
							sqldb.Micros(tx.Now()), id).Scan(&subject)
						if errors.Is(err, sqldb.ErrNoRows) {
							subject = ""
							return nil
						}
						return err
					})
					switch {
					case err != nil:
						t.Error(err)
					case subject == "s":
						won.Add(1)
					default:
						lost.Add(1)
					}
				})
			}
			close(begin)
			all.Wait()
			if won.Load() != 1 || lost.Load() != 15 {
				t.Errorf("round %d: %d won and %d lost, want 1 and 15", round, won.Load(), lost.Load())
			}
		}
	})
}

// Two transactions that lock two rows crosswise: PostgreSQL ends one of them, and Update runs it again.
func TestDeadlockIsRetried(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		for _, name := range []string{"a", "b"} {
			if _, err := db.Exec(ctx, insertLease, name, "x", 0); err != nil {
				t.Fatal(err)
			}
		}
		var runs atomic.Int64
		meet := make(chan struct{}, 2)
		both := sync.OnceFunc(func() { close(meet) })
		var arrived atomic.Int64
		var all sync.WaitGroup
		for _, order := range [][2]string{{"a", "b"}, {"b", "a"}} {
			all.Go(func() {
				err := db.Update(ctx, func(tx *sqldb.Tx) error {
					runs.Add(1)
					if _, err := tx.Exec(ctx, "update leases set until = until + 1 where name = $1", order[0]); err != nil {
						return err
					}
					if arrived.Add(1) == 2 || db.Engine() == sqldb.SQLite {
						both() // SQLite has one writer: the other cannot come here meanwhile
					}
					<-meet
					_, err := tx.Exec(ctx, "update leases set until = until + 1 where name = $1", order[1])
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		var sum int64
		if err := db.QueryRow(ctx, "select sum(until) from leases").Scan(&sum); err != nil || sum != 4 {
			t.Errorf("sum = %d, %v, want 4: each change once", sum, err)
		}
		// SQLite never deadlocks; PostgreSQL gives up one of the two, or both where their waits ran out together.
		least := map[sqldb.Engine]int64{sqldb.SQLite: 2, sqldb.PostgreSQL: 3}[db.Engine()]
		if n := runs.Load(); n < least || db.Engine() == sqldb.SQLite && n != least {
			t.Errorf("%d runs, want %d at least", n, least)
		}
	})
}

// What reads and then writes under contention loses no update; a second handle is another process.
func TestTwoHandlesOneFile(t *testing.T) {
	t.Parallel()
	cfg := sqldb.Config{URL: t.TempDir() + "/test.db", Relaxed: true}
	handles := []*sqldb.DB{testenv.Open(t, cfg), testenv.Open(t, cfg)}
	if _, err := handles[0].Exec(ctx, insertLease, "n", "x", 0); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var runs atomic.Int64
	for _, db := range handles {
		all.Go(func() {
			for range 50 {
				err := db.Update(ctx, func(tx *sqldb.Tx) error {
					runs.Add(1)
					var n int64
					if err := tx.QueryRow(ctx, "select until from leases where name = 'n'").Scan(&n); err != nil {
						return err
					}
					_, err := tx.Exec(ctx, "update leases set until = $1 where name = 'n'", n+1)
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	var n int64
	if err := handles[1].QueryRow(ctx, "select until from leases").Scan(&n); err != nil || n != 100 || runs.Load() != 100 {
		t.Errorf("n = %d after %d runs, %v, want 100 of each: a transaction begins by taking the writer's place", n, runs.Load(), err)
	}
}

func TestTransactionTimeStandsStill(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		clock.Advance(1500 * time.Nanosecond)
		err := db.Update(ctx, func(tx *sqldb.Tx) error {
			first := tx.Now()
			clock.Advance(time.Hour)
			if !tx.Now().Equal(first) || first.Nanosecond()%1000 != 0 {
				t.Errorf("Now = %v, then %v", first, tx.Now())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(db.Wall()); d < 0 || d > time.Minute {
			t.Errorf("Wall is %v away from the machine's clock", d)
		}
	})
}
