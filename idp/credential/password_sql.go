package credential

import (
	"context"
	"errors"

	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// byEmail reads the person with the address; nobody is the zero known, not an error.
func (c *Credentials) byEmail(ctx context.Context, key string) (who known, err error) {
	err = c.db.QueryRow(ctx, `select u.id, u.epoch, u.state = 'active', p.hash
		from users u left join passwords p on p.user_id = u.id and p.credentials_epoch = u.credentials_epoch`+present+`
		where u.email_key = $1`, key, c.oldestInitial(c.db)).Scan(&who.user, &who.epoch, &who.active, sqldb.NullText(&who.hash))
	if errors.Is(err, sqldb.ErrNoRows) {
		return known{}, nil
	}
	return who, err
}

func (c *Credentials) replaceHash(ctx context.Context, who known, hash string) error {
	_, err := c.db.Exec(ctx, `update passwords set hash = $1, imported_cost = '' where user_id = $2 and hash = $3`, hash, who.user, who.hash)
	return err
}

// Set stores a password's hash as the person's present one.
func (c *Credentials) Set(ctx context.Context, tx *sqldb.Tx, user directory.UserID, hash string) error {
	n, err := tx.Exec(ctx, `insert into passwords (user_id, hash, must_change, credentials_epoch, changed_at)
		select id, $2, false, credentials_epoch, $3 from users where id = $1
		on conflict (user_id) do update set hash = excluded.hash, must_change = excluded.must_change,
			credentials_epoch = excluded.credentials_epoch, changed_at = excluded.changed_at, imported_cost = ''`,
		user, hash, sqldb.Micros(tx.Now()))
	if err != nil {
		return err
	}
	if n == 0 {
		return directory.ErrUserNotFound
	}
	return audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{Action: "credential.password_set", Object: user.String(), Person: user.String()})
}

// removePassword takes the person's password away, an initial one too; false where there was none that counted.
func removePassword(ctx context.Context, tx *sqldb.Tx, user directory.UserID) (had bool, err error) {
	n, err := tx.Exec(ctx, `delete from passwords where user_id = $1
		and credentials_epoch = (select credentials_epoch from users where id = $1)`, user)
	if err != nil || n == 0 {
		return false, err
	}
	return true, audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{
		Action: "credential.password_removed", Object: user.String(), Person: user.String(),
	})
}

// Enrolled says which credentials of a person count at present.
type Enrolled struct {
	Password   bool
	MustChange bool // the password is an initial one, good for choosing another and nothing else
	Code       bool // an authenticator that makes one-time codes
	Keys       int  // security keys and passkeys
	Passkeys   int  // those of them that are good without a password
	Recovery   int  // recovery codes that are left; they are no factor by themselves
	Due        bool // factors were taken away, and the next sign-in sets one up
}

// Newcomer reports whether the person has never had a way to sign in, or what they had was voided as somebody else's.
func (e Enrolled) Newcomer() bool { return !e.Password && e.Passkeys == 0 && !e.Due }

// SecondFactor reports whether the person has one, which is then always asked for.
func (e Enrolled) SecondFactor() bool { return e.Code || e.Keys > 0 }

// Of says which credentials the person has.
func (c *Credentials) Of(ctx context.Context, q sqldb.Queryer, user directory.UserID) (has Enrolled, err error) {
	err = q.QueryRow(ctx, `select p.user_id is not null, coalesce(p.must_change, false), t.user_id is not null,
			(select count(*) from webauthn_keys k where k.user_id = u.id and k.credentials_epoch = u.credentials_epoch),
			(select count(*) from webauthn_keys k where k.user_id = u.id and k.credentials_epoch = u.credentials_epoch and k.discoverable = true),
			(select count(*) from recovery_codes r where r.user_id = u.id and r.credentials_epoch = u.credentials_epoch and r.used_at is null),
			exists (select 1 from totp_secrets d where d.user_id = u.id and d.credentials_epoch = 0)
		from users u
		left join passwords p on p.user_id = u.id and p.credentials_epoch = u.credentials_epoch`+present+`
		left join totp_secrets t on t.user_id = u.id and t.credentials_epoch = u.credentials_epoch
		where u.id = $1`, user, c.oldestInitial(q)).Scan(&has.Password, &has.MustChange, &has.Code,
		&has.Keys, &has.Passkeys, &has.Recovery, &has.Due)
	if errors.Is(err, sqldb.ErrNoRows) {
		return has, directory.ErrUserNotFound
	}
	return has, err
}
