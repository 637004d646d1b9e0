// Package testenv gives tests real databases, migrated and their own: a SQLite file always, a PostgreSQL schema where
// TEST_POSTGRES_URL names a server (REQUIRE_POSTGRES=1 makes its absence a failure), and a clock that the test moves.
package testenv

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/url"
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

// PostgreSQL is the URL of an empty database for a test that no SQLite can do: where several processes share one.
func PostgreSQL(t *testing.T) string {
	t.Helper()
	return schema(t, server(t))
}

// server is where PostgreSQL is. The test is skipped where there is none, and fails where there must be one.
func server(t *testing.T) string {
	t.Helper()
	url := os.Getenv("TEST_POSTGRES_URL")
	if url == "" && os.Getenv("REQUIRE_POSTGRES") != "" {
		t.Fatal("REQUIRE_POSTGRES is set, but TEST_POSTGRES_URL names no server")
	}
	if url == "" {
		t.Skip("needs PostgreSQL: TEST_POSTGRES_URL names no server")
	}
	return url
}

// Swedish makes an empty PostgreSQL database that sorts as Swedes do, and answers its URL. Some installation has such a
// database, and nothing may depend on it.
func Swedish(t *testing.T) string {
	t.Helper()
	server := server(t)
	ctx := context.Background()
	random := make([]byte, 8)
	_, _ = rand.Read(random)
	name := "swedish_" + hex.EncodeToString(random)
	admin, err := sqldb.Open(ctx, sqldb.Config{URL: server, MaxConnections: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	if _, err := admin.Exec(ctx, "create database "+name+" template template0 encoding 'UTF8' locale_provider icu icu_locale 'sv-SE'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = admin.Exec(ctx, "drop database "+name+" with (force)") })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func engines(t *testing.T) map[string]func(t *testing.T, c *Clock) *sqldb.DB {
	out := map[string]func(t *testing.T, c *Clock) *sqldb.DB{}
	for name, url := range URLs(t) {
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

// schema makes a PostgreSQL schema of the test's own and drops it when the test ends.
func schema(t *testing.T, server string) string {
	t.Helper()
	ctx := context.Background()
	random := make([]byte, 8)
	_, _ = rand.Read(random)
	name := "t_" + hex.EncodeToString(random)
	admin, err := sqldb.Open(ctx, sqldb.Config{URL: server, MaxConnections: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec(ctx, "create schema "+name); err != nil {
		admin.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = admin.Exec(ctx, "drop schema "+name+" cascade")
		admin.Close()
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}
