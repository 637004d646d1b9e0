package sqldb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

type postgres struct{ pool *pgxpool.Pool }

func openPostgres(ctx, background context.Context, cfg Config, b *bus) (driver, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, errors.New("the database URL cannot be read") // pgx's text may repeat the password
	}
	pc.MaxConns = int32(cfg.MaxConnections)
	pc.MinIdleConns = 2 // a burst after a quiet minute must not wait for new connections
	pc.ConnConfig.ConnectTimeout = 5 * time.Second
	pc.ConnConfig.RuntimeParams["application_name"] = "portvakt"
	pool, err := pgxpool.NewWithConfig(background, pc)
	if err != nil {
		return nil, err
	}
	var schema string
	if err := pool.QueryRow(ctx, "select current_schema()").Scan(&schema); err != nil {
		pool.Close()
		return nil, fmt.Errorf("PostgreSQL at %s:%d does not answer: %w", pc.ConnConfig.Host, pc.ConnConfig.Port, err)
	}
	b.attach(background, pool, "portvakt_"+schema)
	return &postgres{pool}, nil
}

func (p *postgres) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	return p.pool.Query(ctx, sql, planned(ctx, sql, args)...)
}

func (p *postgres) QueryRow(ctx context.Context, sql string, args ...any) Row {
	return pgRow{p.pool.QueryRow(ctx, sql, planned(ctx, sql, args)...)}
}

func (p *postgres) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	tag, err := p.pool.Exec(ctx, sql, args...)
	return tag.RowsAffected(), err
}

func (p *postgres) begin(ctx context.Context, mode txMode) (txDriver, error) {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	start := "begin"
	if mode == readOnly {
		start = "begin isolation level repeatable read read only"
	}
	return &pgTx{conn: conn, start: start}, nil
}

func (p *postgres) close() { p.pool.Close() }

// planned makes a long text be planned anew each time, with the values at hand: it is a compiled list or filter, and the one
// plan that a prepared statement settles for may read a whole table because it was small at that time.
func planned(ctx context.Context, sql string, args []any) []any {
	if !anew(ctx, sql) {
		return args
	}
	return append([]any{pgx.QueryExecModeCacheDescribe}, args...)
}

func anew(ctx context.Context, sql string) bool {
	return len(sql) > keepTexts || ctx.Value(withValues{}) != nil
}

type pgRow struct{ row pgx.Row }

func (r pgRow) Scan(dest ...any) error {
	err := r.row.Scan(dest...)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNoRows
	}
	return err
}

func pgCode(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}
