package sqldb

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Tx is a running transaction. It is not safe for concurrent use.
type Tx struct {
	driver   txDriver
	db       *DB
	now      time.Time
	failed   error
	open     bool // a result set is being read
	later    []statement
	onCommit []func()
	topics   map[string]bool
}

const updateTries = 4

// Update runs fn in one transaction and commits if it returns nil. fn may run again after a serialization failure or a
// deadlock, so it must keep no state from an earlier run.
func (db *DB) Update(ctx context.Context, fn func(tx *Tx) error) error {
	return db.transact(ctx, readWrite, fn)
}

// View runs fn on one consistent, read-only state.
func (db *DB) View(ctx context.Context, fn func(tx *Tx) error) error {
	return db.transact(ctx, readOnly, fn)
}

func (db *DB) transact(ctx context.Context, mode txMode, fn func(tx *Tx) error) error {
	var err error
	for try := range updateTries {
		if try > 0 {
			pause := time.NewTimer(time.Duration(try*try) * 5 * time.Millisecond)
			select {
			case <-ctx.Done():
				pause.Stop()
				return ctx.Err()
			case <-pause.C:
			}
		}
		if err = db.once(ctx, mode, fn); err == nil || !isRetryable(err) {
			return err
		}
	}
	return err
}

func (db *DB) once(ctx context.Context, mode txMode, fn func(tx *Tx) error) (err error) {
	d, err := db.begin(ctx, mode)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	tx := &Tx{driver: d, db: db, now: db.Now()}
	done := false
	defer func() {
		if !done { // an error or a panic in fn
			d.rollback(context.WithoutCancel(ctx))
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	if tx.open {
		return errOpenRows
	}
	if tx.failed != nil { // fn swallowed a failure: PostgreSQL would roll back, so both do
		return tx.failed
	}
	if err := d.commit(ctx, tx.later); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	done = true
	for _, f := range tx.onCommit {
		f()
	}
	for topic := range tx.topics {
		db.bus.publish(topic)
	}
	return nil
}

// Now is fixed for the whole transaction, so that the rows of one change agree.
func (tx *Tx) Now() time.Time { return tx.now }

// Vault is the database's.
func (tx *Tx) Vault() Vault { return tx.db.vault }

// OnCommit runs f after a successful commit, before Update returns.
func (tx *Tx) OnCommit(f func()) { tx.onCommit = append(tx.onCommit, f) }

// Notify tells every node's subscribers of the topic after the commit, at most once for each topic.
func (tx *Tx) Notify(topic string) {
	if tx.topics == nil {
		tx.topics = map[string]bool{}
	}
	tx.topics[topic] = true
}

// Query runs a statement that answers rows.
func (tx *Tx) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	if err := tx.ready(ctx); err != nil {
		return nil, err
	}
	rows, err := tx.driver.Query(ctx, sql, args...)
	if err != nil {
		return nil, tx.fail(err)
	}
	tx.open = true
	return &txRows{Rows: rows, tx: tx}, nil
}

// QueryRow runs a statement that answers at most one row.
func (tx *Tx) QueryRow(ctx context.Context, sql string, args ...any) Row {
	if err := tx.ready(ctx); err != nil {
		return failedRow{err}
	}
	return txRow{tx.driver.QueryRow(ctx, sql, args...), tx}
}

// Exec runs a statement and answers how many rows it touched.
func (tx *Tx) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if err := tx.ready(ctx); err != nil {
		return 0, err
	}
	n, err := tx.driver.Exec(ctx, sql, args...)
	return n, tx.fail(err)
}

// Later queues a write whose answer nobody needs; all queued writes go in one round trip before the next statement that
// answers something, or at the commit. Their failure fails the transaction.
func (tx *Tx) Later(sql string, args ...any) {
	tx.later = append(tx.later, statement{sql, args})
}

// errOpenRows: PostgreSQL cannot run a statement while a result set of its connection is being read; SQLite could.
var errOpenRows = errors.New("sqldb: a result set of this transaction is still open")

func (tx *Tx) ready(ctx context.Context) error {
	if tx.failed != nil {
		return fmt.Errorf("transaction has failed before: %w", tx.failed)
	}
	if tx.open {
		return errOpenRows
	}
	return tx.flush(ctx)
}

func (tx *Tx) flush(ctx context.Context) error {
	if len(tx.later) == 0 || tx.failed != nil {
		return tx.failed
	}
	queued := tx.later
	tx.later = nil
	return tx.fail(tx.driver.batch(ctx, queued))
}

// fail remembers the first failure; "no rows" is an answer, not a failure.
func (tx *Tx) fail(err error) error {
	if err != nil && !errors.Is(err, ErrNoRows) && tx.failed == nil {
		tx.failed = err
	}
	return err
}

type txRow struct {
	row Row
	tx  *Tx
}

func (r txRow) Scan(dest ...any) error { return r.tx.fail(r.row.Scan(dest...)) }

type txRows struct {
	Rows
	tx *Tx
}

func (r *txRows) Next() bool {
	more := r.Rows.Next()
	r.tx.open = r.tx.open && more
	return more
}

func (r *txRows) Close() {
	r.Rows.Close()
	r.tx.open = false
}

func (r *txRows) Err() error { return r.tx.fail(r.Rows.Err()) }

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }
