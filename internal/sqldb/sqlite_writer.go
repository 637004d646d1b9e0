package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// sqliteWriter is the one connection that writes. Who has the turn uses it, for a statement or for a transaction. Its
// statements are kept prepared, which a third of a short write would go into otherwise; database/sql's own transactions
// prepare every text anew.
type sqliteWriter struct {
	pool       *sql.DB
	conn       *sql.Conn
	turn       chan struct{} // holds nothing while somebody has the turn
	closed     chan struct{}
	closing    sync.Once
	statements map[string]*sql.Stmt // of the connection; whoever has the turn reads and writes it
}

func newSQLiteWriter(ctx context.Context, pool *sql.DB) (*sqliteWriter, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &sqliteWriter{pool: pool, conn: conn, turn: make(chan struct{}, 1), closed: make(chan struct{}), statements: map[string]*sql.Stmt{}}
	w.turn <- struct{}{}
	return w, nil
}

// errClosed says that the database was closed.
var errClosed = errors.New("sqldb: the database is closed")

func (w *sqliteWriter) take(ctx context.Context) error {
	select {
	case <-w.closed:
		return errClosed
	default:
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.closed:
		return errClosed
	case <-w.turn:
		return nil
	}
}

func (w *sqliteWriter) give() { w.turn <- struct{}{} }

// closeWait is how long closing waits for a transaction that runs.
const closeWait = 5 * time.Second

func (w *sqliteWriter) close() {
	w.closing.Do(func() { close(w.closed) })
	select {
	case <-w.turn:
		for _, st := range w.statements {
			st.Close()
		}
	case <-time.After(closeWait):
	}
	w.conn.Close()
	w.pool.Close()
}

// prepared is the statement of the text; nil where it is not worth keeping.
func (w *sqliteWriter) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if st := w.statements[text]; st != nil {
		return st, nil
	}
	if len(text) > keepTexts || len(w.statements) >= keepNumber {
		return nil, nil
	}
	st, err := w.conn.PrepareContext(ctx, text)
	if err == nil {
		w.statements[text] = st
	}
	return st, err
}

func (w *sqliteWriter) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	st, err := w.prepared(ctx, text)
	switch {
	case err != nil:
		return nil, err
	case st == nil:
		return w.conn.QueryContext(ctx, text, args...)
	}
	return st.QueryContext(ctx, args...)
}

func (w *sqliteWriter) exec(ctx context.Context, text string, args ...any) (int64, error) {
	st, err := w.prepared(ctx, text)
	switch {
	case err != nil:
		return 0, err
	case st == nil:
		return affected(w.conn.ExecContext(ctx, text, args...))
	}
	return affected(st.ExecContext(ctx, args...))
}

// begin begins a transaction that may write, immediately: one that reads first and then wants to write would fail where
// another connection has written in between.
func (w *sqliteWriter) begin(ctx context.Context) (txDriver, error) {
	if err := w.take(ctx); err != nil {
		return nil, err
	}
	if _, err := w.exec(ctx, "begin immediate"); err != nil {
		w.stop()
		return nil, err
	}
	return &sqliteWriteTx{w: w}, nil
}

// stop takes back whatever has begun and gives the turn away.
func (w *sqliteWriter) stop() {
	_, _ = w.exec(context.Background(), "rollback") // an error says that nothing had begun, or that SQLite took it back itself
	w.give()
}

// sqliteWriteTx is a transaction of the writing connection.
type sqliteWriteTx struct {
	w    *sqliteWriter
	rows *sql.Rows // of the last question; whoever left them open has them closed at the end
	over bool
}

func (t *sqliteWriteTx) Query(ctx context.Context, text string, args ...any) (Rows, error) {
	rows, err := t.w.query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	t.rows = rows
	return &sqliteRows{rows}, nil
}

func (t *sqliteWriteTx) QueryRow(ctx context.Context, text string, args ...any) Row {
	rows, err := t.w.query(ctx, text, args...)
	if err != nil {
		return failedRow{err}
	}
	t.rows = rows
	return sqliteOneRow{rows}
}

// sqliteOneRow is the first of the rows, which are closed with it.
type sqliteOneRow struct{ rows *sql.Rows }

func (r sqliteOneRow) Scan(dest ...any) error {
	defer r.rows.Close()
	if !r.rows.Next() {
		return first(r.rows.Err(), ErrNoRows)
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	return r.rows.Close()
}

func (t *sqliteWriteTx) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	return t.w.exec(ctx, text, args...)
}

func (t *sqliteWriteTx) batch(ctx context.Context, statements []statement) error {
	for _, s := range statements {
		if _, err := t.w.exec(ctx, s.sql, s.args...); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteWriteTx) load(ctx context.Context, b bulk) error {
	text := b.insert()
	for _, row := range b.rows {
		if _, err := t.w.exec(ctx, text, row...); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteWriteTx) script(ctx context.Context, text string) error {
	_, err := t.w.conn.ExecContext(ctx, text)
	return err
}

// commit is not interrupted once it has begun: nobody could say what became of it.
func (t *sqliteWriteTx) commit(ctx context.Context, last []statement) error {
	if err := t.batch(ctx, last); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.rows != nil {
		t.rows.Close()
	}
	if _, err := t.w.exec(context.WithoutCancel(ctx), "commit"); err != nil {
		return err
	}
	t.over = true
	t.w.give()
	return nil
}

func (t *sqliteWriteTx) rollback(context.Context) {
	if !t.over {
		t.over = true
		if t.rows != nil {
			t.rows.Close()
		}
		t.w.stop()
	}
}
