package sqldb

import (
	"context"
	"strconv"
	"strings"
)

// bulk is many rows for one table.
type bulk struct {
	table   string
	columns []string
	rows    [][]any
}

// insert is the statement that writes one of the rows.
func (b bulk) insert() string {
	var places strings.Builder
	for i := range b.columns {
		if i > 0 {
			places.WriteString(", ")
		}
		places.WriteString("$" + strconv.Itoa(i+1))
	}
	return "insert into " + b.table + " (" + strings.Join(b.columns, ", ") + ") values (" + places.String() + ")"
}

// Load writes many rows into a table as fast as the engine can: by COPY on PostgreSQL, by one prepared insert on SQLite.
// The names of table and columns are constants of the program. A row that breaks a constraint fails the transaction.
func (tx *Tx) Load(ctx context.Context, table string, columns []string, rows [][]any) error {
	if err := tx.ready(ctx); err != nil || len(rows) == 0 {
		return err
	}
	return tx.fail(tx.driver.load(ctx, bulk{table, columns, rows}))
}

// Try runs fn so that its failure takes back what fn wrote, and nothing else: the transaction can go on. It is for work of
// many parts of which each may be refused. An error that running the whole transaction again may mend still fails it.
func (tx *Tx) Try(ctx context.Context, fn func() error) error {
	if err := tx.ready(ctx); err != nil {
		return err
	}
	if _, err := tx.driver.Exec(ctx, "savepoint part"); err != nil {
		return tx.fail(err)
	}
	hooks := len(tx.onCommit)
	err := fn()
	if err == nil {
		err = tx.ready(ctx)
	}
	if err == nil {
		_, err := tx.driver.Exec(ctx, "release savepoint part")
		return tx.fail(err)
	}
	if tx.open || ctx.Err() != nil || tx.failed != nil && (isRetryable(tx.failed) || !IsUnique(tx.failed)) {
		return tx.fail(err)
	}
	tx.later, tx.onCommit = nil, tx.onCommit[:hooks]
	tx.failed = nil
	for _, back := range []string{"rollback to savepoint part", "release savepoint part"} {
		if _, failed := tx.driver.Exec(ctx, back); failed != nil {
			return tx.fail(failed)
		}
	}
	return err
}

// Recount lets the engine count a table of which it knows fewer rows than there are known to be, so that what is asked next is
// planned for what the table holds. PostgreSQL counts by itself, once a minute; while a new installation is being filled, that
// is the minute in which it takes each table for empty, and any index for as good as another. SQLite plans without counting.
func (db *DB) Recount(ctx context.Context, table string, atLeast int) error {
	if db.engine != PostgreSQL {
		return nil
	}
	var stale bool
	err := db.QueryRow(ctx, "select reltuples < $2 from pg_class where oid = to_regclass($1)", table, atLeast).Scan(&stale)
	if err != nil || !stale {
		return err
	}
	_, err = db.Exec(ctx, "analyze "+table)
	return err
}
