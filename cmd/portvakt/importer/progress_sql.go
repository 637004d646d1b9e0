package importer

import (
	"context"
	"errors"

	"portvakt/internal/sqldb"
)

type importPrefix struct{}

func (importPrefix) Prefix() string { return "imp" }

type importID = sqldb.ID[importPrefix]

// begin finds the import that was interrupted, or makes one. One that is done begins anew.
func (r *run) begin(ctx context.Context, fingerprint []byte) error {
	return r.DB.Update(ctx, func(tx *sqldb.Tx) error {
		s := state{Progress: Progress{Total: r.state.Total}}
		now, done := sqldb.Micros(tx.Now()), false
		err := tx.QueryRow(ctx, `select id, line, lines, created, linked, refused, done_at is not null from imports
			where organization_id = $1 and fingerprint = $2`, r.org, fingerprint).
			Scan(&s.id, &s.line, &s.Done, &s.Created, &s.Linked, &s.Refused, &done)
		switch {
		case errors.Is(err, sqldb.ErrNoRows):
			s.id = sqldb.NewID[importPrefix](tx.Now())
			_, err = tx.Exec(ctx, `insert into imports (id, organization_id, fingerprint, line, lines, created, linked, refused, started_at, changed_at)
				values ($1, $2, $3, 0, 0, 0, 0, 0, $4, $4)`, s.id, r.org, fingerprint, now)
		case err == nil && done:
			s = state{Progress: Progress{Total: s.Total}, id: s.id}
			tx.Later(`delete from import_refusals where import_id = $1`, s.id)
			_, err = tx.Exec(ctx, `update imports set line = 0, lines = 0, created = 0, linked = 0, refused = 0, started_at = $2, changed_at = $2,
				done_at = null where id = $1`, s.id, now)
		}
		r.state = s
		return err
	})
}

// errElsewhere: two processes import the same file at once.
var errElsewhere = errors.New("the same file is being imported by another process")

// save notes in the chunk's transaction how far the import has come.
func (r *run) save(ctx context.Context, tx *sqldb.Tx, next state) error {
	n, err := tx.Exec(ctx, `update imports set line = $2, lines = $3, created = $4, linked = $5, refused = $6, changed_at = $7
		where id = $1 and line = $8 and done_at is null`,
		next.id, next.line, next.Done, next.Created, next.Linked, next.Refused, sqldb.Micros(tx.Now()), r.state.line)
	if err != nil {
		return err
	}
	if n == 0 {
		return errElsewhere
	}
	rows := make([][]any, len(next.refusals))
	for i, x := range next.refusals {
		rows[i] = []any{next.id, int64(x.Line), x.Field, x.Code, x.Text}
	}
	return tx.Load(ctx, "import_refusals", []string{"import_id", "line", "field", "code", "text"}, rows)
}

// finish notes that the import is done and answers every line that was refused, by whichever run.
func (r *run) finish(ctx context.Context) (refusals []Refusal, err error) {
	err = r.DB.Update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(`update imports set done_at = $2, changed_at = $2 where id = $1`, r.state.id, sqldb.Micros(tx.Now()))
		var err error
		refusals, err = sqldb.All(ctx, tx, func(row sqldb.Row) (x Refusal, err error) {
			err = row.Scan(&x.Line, &x.Field, &x.Code, &x.Text)
			return x, err
		}, `select line, field, code, text from import_refusals where import_id = $1 order by line`, r.state.id)
		return err
	})
	return refusals, err
}
