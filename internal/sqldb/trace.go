package sqldb

import "context"

// traced tells the text of every statement before it runs.
type traced struct {
	driver
	tell func(text string)
}

func (t traced) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	t.tell(sql)
	return t.driver.Query(ctx, sql, args...)
}

func (t traced) QueryRow(ctx context.Context, sql string, args ...any) Row {
	t.tell(sql)
	return t.driver.QueryRow(ctx, sql, args...)
}

func (t traced) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	t.tell(sql)
	return t.driver.Exec(ctx, sql, args...)
}

func (t traced) begin(ctx context.Context, mode txMode) (txDriver, error) {
	tx, err := t.driver.begin(ctx, mode)
	return tracedTx{tx, t.tell}, err
}

type tracedTx struct {
	txDriver
	tell func(text string)
}

func (t tracedTx) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	t.tell(sql)
	return t.txDriver.Query(ctx, sql, args...)
}

func (t tracedTx) QueryRow(ctx context.Context, sql string, args ...any) Row {
	t.tell(sql)
	return t.txDriver.QueryRow(ctx, sql, args...)
}

func (t tracedTx) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	t.tell(sql)
	return t.txDriver.Exec(ctx, sql, args...)
}

func (t tracedTx) batch(ctx context.Context, statements []statement) error {
	t.each(statements)
	return t.txDriver.batch(ctx, statements)
}

func (t tracedTx) commit(ctx context.Context, last []statement) error {
	t.each(last)
	return t.txDriver.commit(ctx, last)
}

func (t tracedTx) each(statements []statement) {
	for _, s := range statements {
		t.tell(s.sql)
	}
}
