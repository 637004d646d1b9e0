package sqldb_test

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// A write through QueryRow of a DB would go past the one writer of SQLite; it belongs into Update.
func TestReadersCannotWrite(t *testing.T) {
	t.Parallel()
	db := testenv.Open(t, sqldb.Config{URL: t.TempDir() + "/test.db", Relaxed: true})
	var name string
	if err := db.QueryRow(ctx, insertLease+" returning name", "a", "x", 1).Scan(&name); err == nil {
		t.Error("a reader wrote")
	}
}

// Many different texts: the statements that SQLite keeps prepared are bounded, and every text still works.
func TestManyTexts(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		for i := range 700 {
			var n int64
			if err := db.QueryRow(ctx, fmt.Sprintf("select %d + $1", i), int64(1)).Scan(&n); err != nil || n != int64(i+1) {
				t.Fatalf("text %d: %d, %v", i, n, err)
			}
		}
		var n int64
		long := "select 1 /* " + strings.Repeat("x", 3000) + " */"
		if err := db.QueryRow(ctx, long).Scan(&n); err != nil || n != 1 {
			t.Fatalf("long text: %d, %v", n, err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "sqlite:", "/no/such/folder/x.db", "postgres://u:top-secret@127.0.0.1:1/x?connect_timeout=1", "postgres://u:top-secret@[bad"} {
		db, err := sqldb.Open(ctx, sqldb.Config{URL: url})
		if err == nil {
			db.Close()
			t.Errorf("%q was opened", url)
			continue
		}
		if strings.Contains(err.Error(), "top-secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	for engine, url := range testenv.URLs(t) {
		t.Run(engine, func(t *testing.T) {
			address := url(t)
			before := goleak.IgnoreCurrent()
			db, err := sqldb.Open(ctx, sqldb.Config{URL: address})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Ping(ctx); err != nil {
				t.Fatal(err)
			}
			db.Close()
			goleak.VerifyNone(t, before)
		})
	}
}
