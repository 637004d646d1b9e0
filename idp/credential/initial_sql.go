package credential

import (
	"cmp"
	"context"
	"errors"

	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// present says in SQL that a password p still counts: an initial one does for some days only.
const present = ` and (p.must_change = false or p.changed_at > $2)`

func (c *Credentials) oldestInitial(q sqldb.Queryer) any {
	return sqldb.Micros(q.Now().Add(-InitialValid))
}

// SetInitial stores an initial password (R35).
//
// Invariant: only the home organization, or the installation's own seed, gives one, and only to somebody who has no
// password: nobody else ever chooses a password in use (TestR35_OnlyTheHomeGivesAnInitialPassword). Nor for somebody whose
// factors were reset: whoever knew that password would set up the new ones (TestNobodyChoosesForWhoLostEverything).
func (c *Credentials) SetInitial(ctx context.Context, tx *sqldb.Tx, i Initial) error {
	if !i.By.IsZero() {
		u, err := c.homeOf(ctx, tx, i.User)
		if err != nil {
			return err
		}
		if u != i.By {
			return ErrNotHome
		}
	}
	n, err := tx.Exec(ctx, `insert into passwords (user_id, hash, must_change, credentials_epoch, changed_at)
		select id, $2, true, credentials_epoch, $3 from users where id = $1 and`+notDue+`
		on conflict (user_id) do update set hash = excluded.hash, must_change = excluded.must_change,
			credentials_epoch = excluded.credentials_epoch, changed_at = excluded.changed_at, imported_cost = ''
			where passwords.credentials_epoch <> excluded.credentials_epoch or passwords.must_change = true`,
		i.User, i.Hash, sqldb.Micros(tx.Now()))
	if err != nil {
		return err
	}
	if n == 0 {
		if _, err := c.homeOf(ctx, tx, i.User); err != nil {
			return err
		}
		has, err := c.Of(ctx, tx, i.User)
		if err == nil && has.Due {
			return ErrReset
		}
		return cmp.Or(err, error(ErrHasPassword))
	}
	return audit.Append(ctx, tx, i.By, audit.Entry{Action: "credential.initial_password_set", Object: i.User.String()})
}

func (c *Credentials) homeOf(ctx context.Context, q sqldb.Queryer, user directory.UserID) (home directory.OrganizationID, err error) {
	err = q.QueryRow(ctx, `select home_organization_id from users where id = $1`, user).Scan(&home)
	if errors.Is(err, sqldb.ErrNoRows) {
		return home, directory.ErrUserNotFound
	}
	return home, err
}

// initialHash is the hash of the person's initial password; "" where the password is the person's own, or none.
func (c *Credentials) initialHash(ctx context.Context, user directory.UserID) (hash string, err error) {
	err = c.db.QueryRow(ctx, `select p.hash from passwords p join users u on u.id = p.user_id and u.credentials_epoch = p.credentials_epoch
		where p.user_id = $1 and p.must_change = true`, user).Scan(&hash)
	if errors.Is(err, sqldb.ErrNoRows) {
		return "", nil
	}
	return hash, err
}

// Replace stores the password that the person has chosen in place of the initial one, once: where it has been replaced
// meanwhile, or the person's epoch is another than that of the evidence, nothing is stored.
func (c *Credentials) Replace(ctx context.Context, tx *sqldb.Tx, e Evidence, hash string) error {
	n, err := tx.Exec(ctx, `update passwords set hash = $2, must_change = false, changed_at = $3, imported_cost = '' where user_id = $1 and must_change = true
		and changed_at > $4 and credentials_epoch = (select credentials_epoch from users where id = $1 and epoch = $5 and state = 'active')`,
		e.User, hash, sqldb.Micros(tx.Now()), c.oldestInitial(tx), e.Epoch)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrNotMustReset
	}
	return audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{Action: "credential.password_set", Object: e.User.String(), Person: e.User.String()})
}
