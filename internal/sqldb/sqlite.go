package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"
)

// sqliteDB has one writing connection, whose transactions begin immediate (a read-then-write transaction that began
// deferred fails under contention), and a pool of readers that cannot write.
type sqliteDB struct {
	writer     *sqliteWriter
	reader     *sql.DB
	statements sync.Map // text → *sql.Stmt of the reader
	kept       atomic.Int64
}

func openSQLite(ctx context.Context, cfg Config) (driver, error) {
	path := strings.TrimPrefix(strings.TrimPrefix(cfg.URL, "sqlite:"), "//")
	if path == "" {
		return nil, errors.New("the SQLite path is empty")
	}
	if err := privateFile(path); err != nil {
		return nil, err
	}
	sync := "FULL"
	if cfg.Relaxed {
		sync = "OFF"
	}
	base := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=secure_delete(1)" +
		"&_pragma=temp_store(MEMORY)&_pragma=journal_mode(WAL)&_pragma=synchronous(" + sync + ")"
	pool, err := sql.Open("sqlite", base)
	if err != nil {
		return nil, err
	}
	writer, err := newSQLiteWriter(ctx, pool) // creates the file and sets WAL before the first reader comes
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("SQLite file %s: %w", path, err)
	}
	reader, err := sql.Open("sqlite", base+"&_pragma=query_only(1)")
	if err != nil {
		writer.close()
		return nil, err
	}
	reader.SetMaxOpenConns(cfg.MaxConnections)
	reader.SetMaxIdleConns(4)
	return &sqliteDB{writer: writer, reader: reader}, nil
}

// privateFile makes a database's file for this user alone; SQLite itself would let everybody read it. The files beside it
// get the same permissions from SQLite.
func privateFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil
	case err != nil:
		return fmt.Errorf("SQLite file: %w", err)
	}
	return f.Close()
}

// What is kept prepared is bounded: long texts are compiled lists and filters, used once, and whoever writes filters
// decides how many texts there are.
const (
	keepTexts  = 2000 // bytes of one
	keepNumber = 500
)

// prepared keeps one prepared statement a text; nil where there are enough.
func (s *sqliteDB) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if st, ok := s.statements.Load(text); ok {
		return st.(*sql.Stmt), nil
	}
	if s.kept.Load() >= keepNumber {
		return nil, nil
	}
	st, err := s.reader.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	if other, loaded := s.statements.LoadOrStore(text, st); loaded {
		st.Close()
		return other.(*sql.Stmt), nil
	}
	s.kept.Add(1)
	return st, nil
}

func (s *sqliteDB) Query(ctx context.Context, text string, args ...any) (Rows, error) {
	rows, err := s.reader.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	return &sqliteRows{rows}, nil
}

func (s *sqliteDB) QueryRow(ctx context.Context, text string, args ...any) Row {
	if len(text) > keepTexts {
		return sqliteRow{s.reader.QueryRowContext(ctx, text, args...)}
	}
	stmt, err := s.prepared(ctx, text)
	switch {
	case err != nil:
		return failedRow{err}
	case stmt == nil:
		return sqliteRow{s.reader.QueryRowContext(ctx, text, args...)}
	}
	return sqliteRow{stmt.QueryRowContext(ctx, args...)}
}

func (s *sqliteDB) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	if err := s.writer.take(ctx); err != nil {
		return 0, err
	}
	defer s.writer.give()
	return s.writer.exec(ctx, text, args...)
}

func (s *sqliteDB) begin(ctx context.Context, mode txMode) (txDriver, error) {
	if mode == readWrite {
		return s.writer.begin(ctx)
	}
	tx, err := s.reader.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	return &sqliteTx{tx}, nil
}

func (s *sqliteDB) close() {
	s.reader.Close()
	s.writer.close()
}

// sqliteTx is a transaction that only reads.
type sqliteTx struct{ tx *sql.Tx }

func (t *sqliteTx) Query(ctx context.Context, text string, args ...any) (Rows, error) {
	rows, err := t.tx.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	return &sqliteRows{rows}, nil
}

func (t *sqliteTx) QueryRow(ctx context.Context, text string, args ...any) Row {
	return sqliteRow{t.tx.QueryRowContext(ctx, text, args...)}
}

func (t *sqliteTx) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	return affected(t.tx.ExecContext(ctx, text, args...))
}

func (t *sqliteTx) batch(ctx context.Context, statements []statement) error {
	for _, s := range statements {
		if _, err := t.Exec(ctx, s.sql, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// load is refused: nothing is written here.
func (t *sqliteTx) load(context.Context, bulk) error {
	return errors.New("sqldb: nothing can be loaded into a state that is only read")
}

func (t *sqliteTx) script(ctx context.Context, text string) error {
	_, err := t.tx.ExecContext(ctx, text)
	return err
}

func (t *sqliteTx) commit(ctx context.Context, last []statement) error {
	if err := t.batch(ctx, last); err != nil {
		return err
	}
	return t.tx.Commit()
}

func (t *sqliteTx) rollback(context.Context) { _ = t.tx.Rollback() }

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

type sqliteRow struct{ row *sql.Row }

func (r sqliteRow) Scan(dest ...any) error {
	err := r.row.Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNoRows
	}
	return err
}

type sqliteRows struct{ *sql.Rows }

func (r *sqliteRows) Close() { _ = r.Rows.Close() }

func sqliteCode(err error) int {
	var se *sqlite.Error
	if errors.As(err, &se) {
		return se.Code()
	}
	return 0
}
