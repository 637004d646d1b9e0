// Package testenv gives tests real databases, migrated and their own: a SQLite file always, a PostgreSQL database where
// TEST_POSTGRES_URL names a server (REQUIRE_POSTGRES=1 makes its absence a failure), and a clock that the test moves.
package testenv

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/migrations"
)

// Start is the moment at which every test clock begins.
var Start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// Trace is told the statements of all databases that Open opens without a trace of their own. A package's TestMain sets it, before any test runs.
var Trace func(sql string)

// Clock is a clock that stands still until a test moves it. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock begins at Start.
func NewClock() *Clock { return &Clock{now: Start} }

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Each runs the test once for each engine, in parallel, on a database of its own.
func Each(t *testing.T, test func(t *testing.T, db *sqldb.DB, clock *Clock)) {
	t.Helper()
	for name, open := range engines(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := NewClock()
			test(t, open(t, clock), clock)
		})
	}
}

// URLs gives each engine's name with a function that makes an empty database and answers its URL.
func URLs(t *testing.T) map[string]func(t *testing.T) string {
	t.Helper()
	urls := map[string]func(t *testing.T) string{
		"sqlite": func(t *testing.T) string { return filepath.Join(t.TempDir(), "test.db") },
	}
	if os.Getenv("TEST_POSTGRES_URL") != "" || os.Getenv("REQUIRE_POSTGRES") != "" {
		urls["postgresql"] = PostgreSQL
	}
	return urls
}

func engines(t *testing.T) map[string]func(t *testing.T, c *Clock) *sqldb.DB {
	out := map[string]func(t *testing.T, c *Clock) *sqldb.DB{}
	urls := URLs(t)
	if urls["postgresql"] != nil {
		urls["postgresql"] = migratedPostgreSQL
	}
	for name, url := range urls {
		out[name] = func(t *testing.T, c *Clock) *sqldb.DB {
			return Open(t, sqldb.Config{URL: url(t), Clock: c.Now, Relaxed: true, MaxConnections: 8})
		}
	}
	return out
}

// Vault is one that every test database shares, so that two of them can be nodes over one.
func Vault() sqldb.Vault {
	keys, err := secret.NewKeys([]byte("the vault of the tests, 32 bytes"))
	if err != nil {
		panic(err)
	}
	return keys
}

// Open opens and migrates a database and closes it when the test ends. It has a vault unless cfg brings another.
func Open(t testing.TB, cfg sqldb.Config) *sqldb.DB {
	t.Helper()
	ctx := context.Background()
	if cfg.Vault == nil {
		cfg.Vault = Vault()
	}
	if cfg.Trace == nil {
		cfg.Trace = Trace
	}
	if !strings.HasPrefix(cfg.URL, "postgres") {
		copyMigrated(t, cfg.URL)
	}
	db, err := sqldb.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if _, err := db.Migrate(ctx, migrations.Files); err != nil {
		t.Fatal(err)
	}
	return db
}

// migrated is what a SQLite file has in it after all migrations, made once a test program: they cost more than most tests.
var migrated = sync.OnceValues(func() (content []byte, err error) {
	dir, err := os.MkdirTemp("", "portvakt-migrated-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, path := context.Background(), filepath.Join(dir, "migrated.db")
	db, err := sqldb.Open(ctx, sqldb.Config{URL: path, Clock: NewClock().Now, Relaxed: true, MaxConnections: 1})
	if err != nil {
		return nil, err
	}
	_, err = db.Migrate(ctx, migrations.Files)
	db.Close() // everything is in the one file now
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// copyMigrated puts a migrated database where no file is yet; one that is there stays what it is.
func copyMigrated(t testing.TB, path string) {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		return
	}
	content, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(t.TempDir(), "migrated.db")
	if err := os.WriteFile(own, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(own, path); err != nil && !errors.Is(err, os.ErrExist) { // two may open one path at once: a link is there whole or not at all
		t.Fatal(err)
	}
}
