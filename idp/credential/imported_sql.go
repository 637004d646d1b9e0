package credential

import (
	"context"

	"portvakt/internal/audit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// SetImported stores a password hash of another system and reports whether it did: a password that is there stays.
//
// Invariant: only the home organization, or the installation's own seed, brings a password along, and never in place of
// one (TestAnImportedHashReplacesNothing), nor where a reset voided it (TestNobodyChoosesForWhoLostEverything).
func (c *Credentials) SetImported(ctx context.Context, tx *sqldb.Tx, i Imported) (bool, error) {
	home, err := c.homeOf(ctx, tx, i.User)
	if err != nil {
		return false, err
	}
	if !i.By.IsZero() && home != i.By {
		return false, ErrHashNotHome
	}
	cost, err := secret.CostOf(i.Hash)
	if err != nil {
		return false, ErrBadHash
	}
	if c.passwords.Current(i.Hash) {
		cost = ""
	}
	if err := roomFor(ctx, tx, cost); err != nil {
		return false, err
	}
	n, err := tx.Exec(ctx, `insert into passwords (user_id, hash, must_change, credentials_epoch, changed_at, imported_cost)
		select id, $2, false, credentials_epoch, $3, $4 from users where id = $1 and`+notDue+`
		on conflict (user_id) do update set hash = excluded.hash, must_change = excluded.must_change,
			credentials_epoch = excluded.credentials_epoch, changed_at = excluded.changed_at, imported_cost = excluded.imported_cost
			where passwords.credentials_epoch <> excluded.credentials_epoch`,
		i.User, i.Hash, sqldb.Micros(tx.Now()), cost)
	if err != nil || n == 0 {
		return false, err
	}
	if cost != "" {
		tx.Later(`insert into password_costs (cost) values ($1) on conflict (cost) do nothing`, cost)
	}
	return true, audit.Append(ctx, tx, i.By, audit.Entry{Action: "credential.password_imported", Object: i.User.String(), Person: i.User.String()})
}

// roomFor refuses one more cost than everybody's sign-in can bear.
func roomFor(ctx context.Context, tx *sqldb.Tx, cost string) error {
	if cost == "" {
		return nil
	}
	var others int
	if err := tx.QueryRow(ctx, `select count(*) from password_costs where cost <> $1`, cost).Scan(&others); err != nil {
		return err
	}
	if others >= maxCosts {
		return ErrManyCosts
	}
	return nil
}

// costs are those of the imported hashes that there are.
func (c *Credentials) costs(ctx context.Context) ([]string, error) {
	return sqldb.All(ctx, c.db, func(r sqldb.Row) (cost string, err error) { return cost, r.Scan(&cost) }, `select cost from password_costs order by cost`)
}

// Purge forgets costs that no imported hash has any more, and browsers that nobody has signed in with for long.
func (c *Credentials) Purge(ctx context.Context) error {
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(`delete from password_costs where not exists (select 1 from passwords p where p.imported_cost = password_costs.cost and p.imported_cost <> '')`)
		tx.Later(`delete from known_browsers where seen_at < $1`, sqldb.Micros(tx.Now().Add(-KnownFor)))
		return nil
	})
}
