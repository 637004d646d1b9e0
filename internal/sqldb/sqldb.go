package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Engine names the database behind a DB.
type Engine string

// The two engines.
const (
	PostgreSQL Engine = "postgresql"
	SQLite     Engine = "sqlite"
)

// Config says which database to open and whose clock it goes by.
type Config struct {
	URL            string           // postgres://… , or sqlite:PATH, or a file path
	MaxConnections int              // pool size on PostgreSQL, readers on SQLite; 0: 16
	Relaxed        bool             // SQLite: synchronous=OFF (a power cut may destroy the file); tests alone
	Clock          func() time.Time // nil: time.Now
	Vault          Vault            // nil: what must be sealed cannot be stored
	Trace          func(sql string) // told every statement by the goroutine that runs it; tests look at plans
}

// Vault seals what must not stand in the database in clear, under a key that is not in the database.
type Vault interface {
	// Seal encrypts plain for a purpose; Open needs the same purpose.
	Seal(purpose string, plain []byte) []byte
	Open(purpose string, sealed []byte) ([]byte, error)
}

// Row is one result row to scan.
type Row interface{ Scan(dest ...any) error }

// Rows is a result set; Close may be called twice.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// Queryer runs statements: a DB, or a Tx inside Update.
type Queryer interface {
	Query(ctx context.Context, sql string, args ...any) (Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) Row
	// Exec answers how many rows the statement touched.
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
	Now() time.Time
	// Vault is nil where the database was opened without one.
	Vault() Vault
}

type withValues struct{}

// PlanWithValues makes the queries under the context be planned with their values at hand, each time anew. It is for texts
// that find many rows with one value and none with another; without it a database may keep one plan for both.
func PlanWithValues(ctx context.Context) context.Context {
	return context.WithValue(ctx, withValues{}, true)
}

// ErrNoRows is what Scan answers where no row was found, on both engines.
var ErrNoRows = errors.New("sqldb: no rows")

// driver is what an engine must offer; nothing above this file sees it.
type driver interface {
	Query(ctx context.Context, sql string, args ...any) (Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) Row
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
	begin(ctx context.Context, mode txMode) (txDriver, error)
	close()
}

type txMode uint8

const (
	readWrite txMode = iota
	readOnly
)

type statement struct {
	sql  string
	args []any
}

type txDriver interface {
	Query(ctx context.Context, sql string, args ...any) (Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) Row
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
	batch(ctx context.Context, statements []statement) error
	load(ctx context.Context, b bulk) error
	script(ctx context.Context, text string) error
	// commit runs the last statements and ends the transaction; after an error the caller rolls back.
	commit(ctx context.Context, last []statement) error
	rollback(ctx context.Context)
}

// DB is an open database.
type DB struct {
	driver
	engine     Engine
	clock      func() time.Time
	bus        *bus
	watermarks *Watermarks
	vault      Vault
	opened     time.Time
	stop       context.CancelFunc
}

// Open connects and checks that the database answers. It does not migrate.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = 16
	}
	db := &DB{clock: cfg.Clock, bus: newBus(), vault: cfg.Vault, opened: time.Now()}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	db.stop = stop
	var err error
	if strings.HasPrefix(cfg.URL, "postgres://") || strings.HasPrefix(cfg.URL, "postgresql://") {
		db.engine = PostgreSQL
		db.driver, err = openPostgres(ctx, background, cfg, db.bus)
	} else {
		db.engine = SQLite
		db.driver, err = openSQLite(ctx, cfg)
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("open database: %w", err)
	}
	if cfg.Trace != nil {
		db.driver = traced{db.driver, cfg.Trace}
	}
	db.watermarks = newWatermarks(db)
	return db, nil
}

// Close ends the background work of the database and closes its connections.
func (db *DB) Close() {
	db.stop()
	db.bus.close()
	db.close()
}

// Engine tells which database it is; only messages and tests have a reason to ask.
func (db *DB) Engine() Engine { return db.engine }

// Now is the domain's time: UTC, whole microseconds, from the configured clock.
func (db *DB) Now() time.Time { return db.clock().UTC().Truncate(time.Microsecond) }

// Vault seals what must not stand in the database in clear; nil where the database was opened without one.
func (db *DB) Vault() Vault { return db.vault }

// Wall is the machine's time, for leases and retries that must not follow a moved clock.
func (db *DB) Wall() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	var one int64
	return db.QueryRow(ctx, "select 1").Scan(&one)
}

// All scans every row of a query.
func All[T any](ctx context.Context, q Queryer, scan func(Row) (T, error), sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
