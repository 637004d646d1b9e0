package sqldb

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pgTx is a transaction on a connection of its own. Begin travels with the first statement and commit with the writes
// that nobody waits for, so a transaction costs two round trips less than statements sent one by one.
type pgTx struct {
	conn  *pgxpool.Conn // nil once the transaction is over
	start string        // how it begins, until that was sent
}

// send puts statements behind the begin that is still owed, in one round trip. The begin's answer has been read.
func (t *pgTx) send(ctx context.Context, statements ...statement) (pgx.BatchResults, error) {
	var b pgx.Batch
	begin := t.start != ""
	if begin {
		b.Queue(t.start)
		t.start = ""
	}
	for _, s := range statements {
		b.Queue(s.sql, s.args...)
	}
	results := t.conn.SendBatch(ctx, &b)
	if begin {
		if _, err := results.Exec(); err != nil {
			_ = results.Close()
			return nil, err
		}
	}
	return results, nil
}

func (t *pgTx) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	if t.start != "" && anew(ctx, sql) { // a batch prepares its statements
		if err := t.started(ctx); err != nil {
			return nil, err
		}
	}
	if t.start == "" {
		return t.conn.Query(ctx, sql, planned(ctx, sql, args)...)
	}
	results, err := t.send(ctx, statement{sql, args})
	if err != nil {
		return nil, err
	}
	rows, err := results.Query()
	if err != nil {
		_ = results.Close()
		return nil, err
	}
	return &batchRows{Rows: rows, results: results}, nil
}

func (t *pgTx) QueryRow(ctx context.Context, sql string, args ...any) Row {
	if t.start != "" && anew(ctx, sql) {
		if err := t.started(ctx); err != nil {
			return failedRow{err}
		}
	}
	if t.start == "" {
		return pgRow{t.conn.QueryRow(ctx, sql, planned(ctx, sql, args)...)}
	}
	results, err := t.send(ctx, statement{sql, args})
	if err != nil {
		return failedRow{err}
	}
	return batchRow{results}
}

func (t *pgTx) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if t.start == "" {
		tag, err := t.conn.Exec(ctx, sql, args...)
		return tag.RowsAffected(), err
	}
	results, err := t.send(ctx, statement{sql, args})
	if err != nil {
		return 0, err
	}
	tag, err := results.Exec()
	return tag.RowsAffected(), first(err, results.Close())
}

func (t *pgTx) batch(ctx context.Context, statements []statement) error {
	results, err := t.send(ctx, statements...)
	if err != nil {
		return err
	}
	return results.Close()
}

// started sends the begin that is still owed.
func (t *pgTx) started(ctx context.Context) error {
	if t.start == "" {
		return nil
	}
	_, err := t.conn.Exec(ctx, t.start)
	t.start = ""
	return err
}

func (t *pgTx) load(ctx context.Context, b bulk) error {
	if err := t.started(ctx); err != nil {
		return err
	}
	_, err := t.conn.CopyFrom(ctx, pgx.Identifier{b.table}, b.columns, pgx.CopyFromRows(b.rows))
	return err
}

func (t *pgTx) script(ctx context.Context, text string) error {
	if err := t.started(ctx); err != nil {
		return err
	}
	_, err := t.conn.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol)
	return err
}

// errRolledBack: PostgreSQL answers commit with ROLLBACK where a statement had failed.
var errRolledBack = errors.New("sqldb: the transaction was rolled back")

func (t *pgTx) commit(ctx context.Context, last []statement) error {
	if t.start != "" && len(last) == 0 { // nothing was asked
		t.release()
		return nil
	}
	results, err := t.send(ctx, append(last, statement{sql: "commit"})...)
	if err != nil {
		return err
	}
	for range last {
		if _, err := results.Exec(); err != nil {
			_ = results.Close()
			return err
		}
	}
	tag, err := results.Exec()
	if err := first(err, results.Close()); err != nil {
		return err
	}
	t.release()
	if tag.String() != "COMMIT" {
		return errRolledBack
	}
	return nil
}

// rollbackWait is how long a rollback may take before the connection is given up; the server then rolls back itself.
const rollbackWait = 5 * time.Second

func (t *pgTx) rollback(ctx context.Context) {
	if t.conn == nil {
		return
	}
	if t.start == "" {
		ctx, cancel := context.WithTimeout(ctx, rollbackWait)
		defer cancel()
		_, _ = t.conn.Exec(ctx, "rollback")
	}
	t.release()
}

// release gives the connection back; the pool throws away one that is still in a transaction or busy.
func (t *pgTx) release() {
	t.conn.Release()
	t.conn = nil
}

// batchRow is the row of a statement that was sent with the begin.
type batchRow struct{ results pgx.BatchResults }

func (r batchRow) Scan(dest ...any) error {
	err := pgRow{r.results.QueryRow()}.Scan(dest...)
	return first(err, r.results.Close())
}

// batchRows are the rows of a statement that was sent with the begin; the connection is free after the last.
type batchRows struct {
	pgx.Rows
	results pgx.BatchResults
	closed  bool
	err     error
}

func (r *batchRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *batchRows) Close() {
	if r.closed {
		return
	}
	r.closed = true
	r.Rows.Close()
	r.err = first(r.Rows.Err(), r.results.Close())
}

func (r *batchRows) Err() error {
	if r.closed {
		return r.err
	}
	return r.Rows.Err()
}

// first is the first of two errors.
func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
