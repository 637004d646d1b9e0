package audit

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/sqldb"
)

const storedColumns = `id, organization_id, at, actor_kind, actor_id, behalf, action, object, detail, request_id, address, user_agent, person,
	sealed, salt, origin, coalesce(position, 0), link`

func scanStored(r sqldb.Row) (e stored, err error) {
	err = r.Scan(&e.id, &e.organization, &e.at, &e.actorKind, &e.actorID, &e.behalf, &e.action, &e.object, &e.detail, &e.requestID,
		&e.address, &e.userAgent, &e.person, &e.sealed, &e.salt, &e.origin, &e.position, &e.link)
	return e, err
}

// end is where a chain has come to.
type end struct {
	position int64
	link     []byte
}

// endOf is the chain's end; before its first entry that is its genesis.
func endOf(ctx context.Context, q sqldb.Queryer, chain string) (e end, err error) {
	err = q.QueryRow(ctx, `select position, link from audit_chains where chain = $1`, chain).Scan(&e.position, &e.link)
	if errors.Is(err, sqldb.ErrNoRows) {
		return end{0, genesis(chain)}, nil
	}
	return e, err
}

// moveEnd is false where the chain is not any more where it was.
func moveEnd(ctx context.Context, tx *sqldb.Tx, chain string, from, to end) (bool, error) {
	if from.position == 0 {
		n, err := tx.Exec(ctx, `insert into audit_chains (chain, position, link, changed_at) values ($1, $2, $3, $4) on conflict (chain) do nothing`,
			chain, to.position, to.link, sqldb.Micros(tx.Now()))
		return n == 1, err
	}
	n, err := tx.Exec(ctx, `update audit_chains set position = $2, link = $3, changed_at = $4 where chain = $1 and position = $5`,
		chain, to.position, to.link, sqldb.Micros(tx.Now()), from.position)
	return n == 1, err
}

// holdLease makes the transaction wait for, and exclude, every other that seals; false where the lease is another's.
// Without it a transaction could have read entries as waiting that another one was just sealing.
func holdLease(ctx context.Context, tx *sqldb.Tx, holder string) (bool, error) {
	n, err := tx.Exec(ctx, `update leases set holder = holder where name = $1 and holder = $2`, leaseName, holder)
	return n == 1, err
}

func releaseLease(ctx context.Context, db *sqldb.DB, holder string) error {
	_, err := db.Exec(ctx, `delete from leases where name = $1 and holder = $2`, leaseName, holder)
	return err
}

func anyWaiting(ctx context.Context, q sqldb.Queryer) (any bool, err error) {
	err = q.QueryRow(ctx, `select exists (select 1 from audit_entries where position is null)`).Scan(&any)
	return any, err
}

func waitingEntries(ctx context.Context, tx *sqldb.Tx) ([]stored, error) {
	return sqldb.All(ctx, tx, scanStored, `select `+storedColumns+` from audit_entries where position is null order by id limit $1`, sealBatch)
}

func setPosition(tx *sqldb.Tx, id EntryID, at end) {
	tx.Later(`update audit_entries set position = $1, link = $2 where id = $3 and position is null`, at.position, at.link, id)
}

// unsigned are the ends of chains that have grown since they were last signed.
func unsigned(ctx context.Context, q sqldb.Queryer) ([]Head, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (h Head, err error) { return h, r.Scan(&h.Chain, &h.Position, &h.Link) },
		`select c.chain, c.position, c.link from audit_chains c
		where c.position > coalesce((select max(h.position) from audit_heads h where h.chain = c.chain), 0) order by c.chain`)
}

// insertHead is false where the head was signed before.
func insertHead(ctx context.Context, tx *sqldb.Tx, h Head) (bool, error) {
	n, err := tx.Exec(ctx, `insert into audit_heads (chain, position, link, signature, at) values ($1, $2, $3, $4, $5)
		on conflict (chain, position) do nothing`, h.Chain, h.Position, h.Link, h.Signature, sqldb.Micros(h.At))
	return n == 1, err
}

func insertSigner(tx *sqldb.Tx, kid string, jwk []byte) {
	tx.Later(`insert into audit_signers (kid, jwk, created_at) values ($1, $2, $3) on conflict (kid) do nothing`, kid, jwk, sqldb.Micros(tx.Now()))
}

// Waiting tells how many entries are in no chain yet, and since when the oldest of them is.
func Waiting(ctx context.Context, q sqldb.Queryer) (n int64, since time.Time, err error) {
	err = q.QueryRow(ctx, `select count(*), min(at) from audit_entries where position is null`).Scan(&n, sqldb.Time(&since))
	return n, since, err
}
