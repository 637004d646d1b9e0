package sqldb_test

import (
	"errors"
	"fmt"
	"testing"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestLoad: many rows arrive whole and typed, or not at all.
func TestLoad(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		columns := []string{"name", "holder", "until"}
		rows := make([][]any, 3000)
		for i := range rows {
			rows[i] = []any{fmt.Sprint("row-", i), "h", int64(i)}
		}
		load := func(rows [][]any) error {
			return db.Update(ctx, func(tx *sqldb.Tx) error { return tx.Load(ctx, "leases", columns, rows) })
		}
		count := func() (n, sum int64) {
			if err := db.QueryRow(ctx, "select count(*), coalesce(sum(until), 0) from leases").Scan(&n, &sum); err != nil {
				t.Fatal(err)
			}
			return n, sum
		}
		if err := load(nil); err != nil {
			t.Error(err)
		}
		if err := load(append(rows[:10:10], rows[3])); !sqldb.IsUnique(err) {
			t.Errorf("loading a row twice: %v", err)
		}
		if n, _ := count(); n != 0 {
			t.Errorf("%d rows of a failed load are there", n)
		}
		if err := load(rows); err != nil {
			t.Fatal(err)
		}
		if n, sum := count(); n != 3000 || sum != 2999*3000/2 {
			t.Errorf("%d rows with the sum %d", n, sum)
		}
		err := db.View(ctx, func(tx *sqldb.Tx) error { return tx.Load(ctx, "leases", columns, [][]any{{"view", "h", int64(1)}}) })
		if err == nil {
			t.Error("a state that is only read took rows")
		}
	})
}

// TestTry: what a part wrote goes with its failure; what came before and after stays.
func TestTry(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		const insert = "insert into watermarks (name, version) values ($1, 1)"
		refused := errors.New("refused")
		ran := 0
		err := db.Update(ctx, func(tx *sqldb.Tx) error {
			ran = 0
			tx.Later(insert, "before")
			err := tx.Try(ctx, func() error {
				if _, err := tx.Exec(ctx, insert, "refused now"); err != nil {
					return err
				}
				tx.Later(insert, "refused later")
				tx.OnCommit(func() { ran++ })
				return refused
			})
			if !errors.Is(err, refused) {
				t.Errorf("the part answers %v", err)
			}
			err = tx.Try(ctx, func() error { tx.Later(insert, "before"); return nil })
			if !sqldb.IsUnique(err) {
				t.Errorf("what stands there twice answers %v", err)
			}
			err = tx.Try(ctx, func() error {
				tx.OnCommit(func() { ran++ })
				_, err := tx.Exec(ctx, insert, "kept")
				return err
			})
			tx.Later(insert, "after")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		names, err := sqldb.All(ctx, db, func(r sqldb.Row) (s string, err error) { err = r.Scan(&s); return s, err },
			"select name from watermarks where name in ('before', 'refused now', 'refused later', 'kept', 'after') order by name")
		if err != nil || fmt.Sprint(names) != "[after before kept]" || ran != 1 {
			t.Errorf("there are %v, %v; %d of 1 hooks ran", names, err, ran)
		}
		err = db.Update(ctx, func(tx *sqldb.Tx) error {
			_ = tx.Try(ctx, func() error { _, err := tx.Exec(ctx, "insert into nowhere values (1)"); return err })
			return nil
		})
		if err == nil {
			t.Error("a broken statement inside of a part was forgotten")
		}
	})
}

// TestRecount: PostgreSQL counts a table that was just filled, once; a table that it knows as it is, and one that there is not,
// are left alone.
func TestRecount(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		known := func() (n int64) {
			if db.Engine() == sqldb.SQLite {
				return 0
			}
			if err := db.QueryRow(ctx, "select cast(reltuples as bigint) from pg_class where oid = to_regclass('leases')").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for i, want := range []int64{300, 300, 700} { // so many after 300, 500 and 700 rows
			from := []int{0, 300, 500}[i]
			rows := make([][]any, []int{300, 200, 200}[i])
			for j := range rows {
				rows[j] = []any{fmt.Sprint("row-", from+j), "h", int64(j)}
			}
			if err := db.Update(ctx, func(tx *sqldb.Tx) error { return tx.Load(ctx, "leases", []string{"name", "holder", "until"}, rows) }); err != nil {
				t.Fatal(err)
			}
			if err := db.Recount(ctx, "leases", []int{300, 250, 700}[i]); err != nil {
				t.Fatal(err)
			}
			if n := known(); n != want && db.Engine() == sqldb.PostgreSQL {
				t.Errorf("with %d rows, %d are known of", from+len(rows), n)
			}
		}
		if err := db.Recount(ctx, "no_such_table", 1); db.Engine() == sqldb.PostgreSQL && !errors.Is(err, sqldb.ErrNoRows) {
			t.Errorf("a table that there is not: %v", err)
		}
	})
}
