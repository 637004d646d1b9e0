package main

import (
	"context"
	"database/sql"
	"errors"

	_ "modernc.org/sqlite" // the driver

	"portvakt/authz/client"
)

// invoice is one row. Owner is in the form that the service's filters are in, so that the database can compare them.
type invoice struct {
	Number   int64        `json:"number"`
	Customer string       `json:"customer"`
	Amount   int64        `json:"amount"`
	Owner    client.Party `json:"owner"`
	Segment  string       `json:"segment,omitempty"`
	MayEdit  bool         `json:"may_edit"`
}

var errNotFound = errors.New("no such invoice")

type invoices struct{ db *sql.DB }

func openInvoices(file string) (*invoices, error) {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return nil, err
	}
	_, err = db.Exec(`
		create table if not exists invoices (
			number       integer primary key,
			organization text    not null,
			customer     text    not null,
			amount       integer not null,
			owner        text    not null, -- user:usr_… or group:grp_…
			segment      text              -- null: in no segment
		);
		create index if not exists invoices_by_owner on invoices (organization, owner);`)
	return &invoices{db}, err
}

// list is an ordinary query with one more condition. The application's own arguments come first; the filter's follow.
func (s *invoices) list(ctx context.Context, organization string, visible client.Filter) ([]invoice, error) {
	where, args := visible.SQL("owner", "segment", client.SQLite(1))
	rows, err := s.db.QueryContext(ctx, `
		select number, customer, amount, owner, coalesce(segment, '')
		from invoices
		where organization = ?1 and `+where+`
		order by number`, append([]any{organization}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := []invoice{}
	for rows.Next() {
		var i invoice
		if err := rows.Scan(&i.Number, &i.Customer, &i.Amount, &i.Owner, &i.Segment); err != nil {
			return nil, err
		}
		found = append(found, i)
	}
	return found, rows.Err()
}

func (s *invoices) byNumber(ctx context.Context, organization string, number int64) (invoice, error) {
	i := invoice{Number: number}
	err := s.db.QueryRowContext(ctx, `select customer, amount, owner, coalesce(segment, '') from invoices where organization = ?1 and number = ?2`, organization, number).
		Scan(&i.Customer, &i.Amount, &i.Owner, &i.Segment)
	if errors.Is(err, sql.ErrNoRows) {
		return invoice{}, errNotFound
	}
	return i, err
}

func (s *invoices) add(ctx context.Context, organization string, i invoice) (invoice, error) {
	err := s.db.QueryRowContext(ctx, `insert into invoices (organization, customer, amount, owner, segment) values (?1, ?2, ?3, ?4, nullif(?5, '')) returning number`,
		organization, i.Customer, i.Amount, i.Owner, i.Segment).Scan(&i.Number)
	return i, err
}

// setAmount changes the row that was asked about: one whose owner or segment is another meanwhile is not found, because
// the decision was not about it.
func (s *invoices) setAmount(ctx context.Context, organization string, i invoice, amount int64) (invoice, error) {
	done, err := s.db.ExecContext(ctx, `update invoices set amount = ?1 where organization = ?2 and number = ?3 and owner = ?4 and coalesce(segment, '') = ?5`,
		amount, organization, i.Number, i.Owner, i.Segment)
	if err != nil {
		return invoice{}, err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return invoice{}, errors.Join(errNotFound, err)
	}
	i.Amount = amount
	return i, nil
}
