package sqldb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"
)

// words are the type names in which the engines differ; a migration writes them in braces.
var words = map[Engine]*strings.Replacer{
	PostgreSQL: strings.NewReplacer("{ID}", "uuid", "{BOOL}", "boolean", "{BYTES}", "bytea", "{INT}", "bigint", "{STRICT}", ""),
	SQLite:     strings.NewReplacer("{ID}", "blob", "{BOOL}", "integer", "{BYTES}", "blob", "{INT}", "integer", "{STRICT}", "strict"),
}

const migrationTable = `create table if not exists schema_migrations (
  number {INT} primary key, name text not null, checksum text not null, applied_at {INT} not null
) {STRICT}`

// Migration is one applied or pending step.
type Migration struct {
	Number  int64
	Name    string
	Applied bool
	text    string
	sum     string
}

// Migrate applies what is pending, each step in a transaction of its own, and refuses to go on where an applied step was
// changed afterwards or the database is newer than the program. It answers the steps it applied.
func (db *DB) Migrate(ctx context.Context, files fs.FS) ([]Migration, error) {
	steps, err := readMigrations(files)
	if err != nil {
		return nil, err
	}
	var applied []Migration
	for {
		var next *Migration
		err := db.Update(ctx, func(tx *Tx) error {
			next = nil
			if db.engine == PostgreSQL { // two processes starting together: one migrates, the other waits
				if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock(7240911)"); err != nil {
					return err
				}
			}
			if err := tx.driver.script(ctx, words[db.engine].Replace(migrationTable)); err != nil {
				return err
			}
			pending, err := pendingOf(ctx, tx, steps)
			if err != nil || len(pending) == 0 {
				return err
			}
			next = &pending[0]
			if err := tx.driver.script(ctx, words[db.engine].Replace(next.text)); err != nil {
				return fmt.Errorf("migration %s: %w", next.Name, err)
			}
			if err := compareBytes(ctx, tx); err != nil {
				return fmt.Errorf("migration %s: %w", next.Name, err)
			}
			_, err = tx.Exec(ctx, "insert into schema_migrations (number, name, checksum, applied_at) values ($1, $2, $3, $4)",
				next.Number, next.Name, next.sum, Micros(tx.Now()))
			return err
		})
		if err != nil {
			return applied, err
		}
		if next == nil {
			return applied, nil
		}
		applied = append(applied, *next)
	}
}

// errLooked ends a transaction that was only to look.
var errLooked = errors.New("sqldb: looked")

// Pending answers the steps that Migrate would apply, and changes nothing.
func (db *DB) Pending(ctx context.Context, files fs.FS) (pending []Migration, err error) {
	steps, err := readMigrations(files)
	if err != nil {
		return nil, err
	}
	err = db.Update(ctx, func(tx *Tx) error {
		if err := tx.driver.script(ctx, words[db.engine].Replace(migrationTable)); err != nil {
			return err
		}
		if pending, err = pendingOf(ctx, tx, steps); err != nil {
			return err
		}
		return errLooked
	})
	if !errors.Is(err, errLooked) {
		return nil, err
	}
	return pending, nil
}

func pendingOf(ctx context.Context, tx *Tx, steps []Migration) ([]Migration, error) {
	done := map[int64]string{}
	rows, err := tx.Query(ctx, "select number, checksum from schema_migrations")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		var sum string
		if err := rows.Scan(&n, &sum); err != nil {
			return nil, err
		}
		done[n] = sum
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var pending []Migration
	for _, s := range steps {
		sum, ok := done[s.Number]
		switch {
		case !ok:
			pending = append(pending, s)
		case sum != s.sum:
			return nil, fmt.Errorf("migration %s was changed after it had been applied", s.Name)
		}
		delete(done, s.Number)
	}
	for n := range done {
		return nil, fmt.Errorf("the database has migration %d, which this program does not know: it is older than the database", n)
	}
	return pending, nil
}

func readMigrations(files fs.FS) ([]Migration, error) {
	names, err := fs.Glob(files, "[0-9]*.sql")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var out []Migration
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || len(out) > 0 && out[len(out)-1].Number >= n {
			return nil, fmt.Errorf("migration %s: names are NNNN_name.sql with ascending numbers", name)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		out = append(out, Migration{Number: n, Name: strings.TrimSuffix(name, ".sql"), text: string(text), sum: hex.EncodeToString(sum[:])})
	}
	return out, nil
}
