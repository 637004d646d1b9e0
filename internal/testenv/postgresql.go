package testenv

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"sync"
	"testing"

	"portvakt/internal/sqldb"
	"portvakt/migrations"
)

// PostgreSQL is the URL of an empty database for a test that no SQLite can do: where several processes share one.
func PostgreSQL(t *testing.T) string {
	t.Helper()
	server := server(t)
	ctx, name := context.Background(), "t_"+randomHex()
	admin, err := sqldb.Open(ctx, sqldb.Config{URL: server, MaxConnections: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	if _, err := admin.Exec(ctx, "create schema "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = admin.Exec(ctx, "drop schema "+name+" cascade") })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// Swedish makes an empty PostgreSQL database that sorts as Swedes do, and answers its URL. Some installation has such a
// database, and nothing may depend on it.
func Swedish(t *testing.T) string {
	t.Helper()
	return ownDatabase(t, server(t), "template template0 encoding 'UTF8' locale_provider icu icu_locale 'sv-SE'")
}

// migratedPostgreSQL is the URL of a PostgreSQL database that has all migrations: a copy, because they cost more than most tests.
func migratedPostgreSQL(t *testing.T) string {
	t.Helper()
	server := server(t)
	name, err := template()
	if err != nil {
		t.Fatal(err)
	}
	return ownDatabase(t, server, "template "+name+" strategy file_copy"+"")
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

// ownDatabase makes a database, drops it when the test ends, and answers its URL.
func ownDatabase(t *testing.T, server, how string) string {
	t.Helper()
	ctx, name := context.Background(), "t_"+randomHex()
	admin, err := sqldb.Open(ctx, sqldb.Config{URL: server, MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	if _, err := admin.Exec(ctx, "create database "+name+" "+how); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = admin.Exec(ctx, "drop database "+name+" with (force)") })
	address, err := at(server, name)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// at is the URL of another database of the same server.
func at(server, name string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

func randomHex() string {
	random := make([]byte, 8)
	_, _ = rand.Read(random)
	return hex.EncodeToString(random)
}

// template is the name of a migrated database that nobody is connected to. The first test program that needs it makes it
// for all that use the server, under a lock and another name, so that it is there whole or not at all.
var template = sync.OnceValues(func() (name string, err error) {
	server := os.Getenv("TEST_POSTGRES_URL")
	hash, err := migrationsHash()
	if err != nil {
		return "", err
	}
	name = "migrated_" + hash
	ctx := context.Background()
	admin, err := sqldb.Open(ctx, sqldb.Config{URL: server, MaxConnections: 2})
	if err != nil {
		return "", err
	}
	defer admin.Close()
	return name, admin.Update(ctx, func(lock *sqldb.Tx) error {
		if _, err := lock.Exec(ctx, "select pg_advisory_xact_lock(4242)"); err != nil {
			return err
		}
		var there int
		if err := admin.QueryRow(ctx, "select count(*) from pg_database where datname = $1", name).Scan(&there); err != nil || there > 0 {
			return err
		}
		half := "half_" + randomHex()
		if _, err := admin.Exec(ctx, "create database "+half); err != nil {
			return err
		}
		address, err := at(server, half)
		if err != nil {
			return err
		}
		db, err := sqldb.Open(ctx, sqldb.Config{URL: address, Clock: NewClock().Now, Relaxed: true, MaxConnections: 1})
		if err != nil {
			return err
		}
		_, err = db.Migrate(ctx, migrations.Files)
		db.Close()
		if err != nil {
			return err
		}
		_, err = admin.Exec(ctx, "alter database "+half+" rename to "+name)
		return err
	})
})

// migrationsHash tells one set of migrations from another.
func migrationsHash() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(migrations.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(migrations.Files, path)
		h.Write([]byte(path))
		h.Write(content)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:12]), err
}
