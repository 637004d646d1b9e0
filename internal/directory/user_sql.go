package directory

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"portvakt/internal/audit"
	"portvakt/internal/sqldb"
)

const userColumns = `id, email, email_key, email_verified_at, home_organization_id, state, operator, details,
	epoch, credentials_epoch, version, created_at, changed_at`

func scanUser(r sqldb.Row) (u User, err error) {
	var details string
	err = r.Scan(&u.ID, &u.Email.Address, &u.Email.Key, sqldb.Time(&u.EmailVerifiedAt), &u.Home, &u.State, &u.Operator, &details,
		&u.Epoch, &u.CredentialsEpoch, &u.Version, sqldb.Time(&u.CreatedAt), sqldb.Time(&u.ChangedAt))
	if errors.Is(err, sqldb.ErrNoRows) {
		return u, ErrUserNotFound
	}
	if err != nil {
		return u, err
	}
	return u, readDetails(details, &u.Details)
}

func readDetails(text string, into *Details) error {
	if text == "" || text == "{}" {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}

func writeDetails(d Details) (string, error) {
	b, err := json.Marshal(d)
	return string(b), err
}

// ByID is the user.
func (s Users) ByID(ctx context.Context, id UserID) (User, error) {
	return scanUser(s.q().QueryRow(ctx, `select `+userColumns+` from users where id = $1`, id))
}

// ByEmail is the user who signs in with the address.
func (s Users) ByEmail(ctx context.Context, e Email) (User, error) {
	return scanUser(s.q().QueryRow(ctx, `select `+userColumns+` from users where email_key = $1`, e.Key))
}

// lockUser makes the transaction the only one that changes the person.
func lockUser(ctx context.Context, tx *sqldb.Tx, id UserID) (User, error) {
	return scanUser(tx.QueryRow(ctx, `update users set version = version where id = $1 returning `+userColumns, id))
}

// userInserted are the columns of a new user, in the order of userValues.
var userInserted = []string{"id", "email", "email_key", "email_verified_at", "home_organization_id", "state", "operator", "details",
	"epoch", "credentials_epoch", "version", "created_at", "changed_at", "email_domain"}

func userValues(u *User) ([]any, error) {
	details, err := writeDetails(u.Details)
	return []any{u.ID, u.Email.Address, u.Email.Key, sqldb.Micros(u.EmailVerifiedAt), u.Home, string(u.State), u.Operator, details,
		u.Epoch, u.CredentialsEpoch, u.Version, sqldb.Micros(u.CreatedAt), sqldb.Micros(u.ChangedAt), u.Email.Domain()}, err
}

var insertUserText = `insert into users (` + strings.Join(userInserted, ", ") + `)
	values (` + placeholders(1, len(userInserted)) + `) on conflict (email_key) do nothing`

func insertUser(ctx context.Context, tx *sqldb.Tx, u *User) (made bool, err error) {
	values, err := userValues(u)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(ctx, insertUserText, values...)
	return n == 1, err
}

func setHome(ctx context.Context, tx *sqldb.Tx, id UserID, home OrganizationID) error {
	return oneUser(tx.Exec(ctx, `update users set home_organization_id = $2, version = version + 1, changed_at = $3 where id = $1`,
		id, home, sqldb.Micros(tx.Now())))
}

func raiseUserEpoch(ctx context.Context, tx *sqldb.Tx, id UserID) (User, error) {
	return scanUser(tx.QueryRow(ctx, `update users set epoch = epoch + 1, version = version + 1, changed_at = $2
		where id = $1 returning `+userColumns, id, sqldb.Micros(tx.Now())))
}

func raiseCredentialsEpoch(ctx context.Context, tx *sqldb.Tx, id UserID) error {
	return oneUser(tx.Exec(ctx, `update users set credentials_epoch = credentials_epoch + 1 where id = $1`, id))
}

func updateUserState(ctx context.Context, tx *sqldb.Tx, id UserID, state UserState) error {
	return oneUser(tx.Exec(ctx, `update users set state = $2 where id = $1 and state <> 'erased'`, id, string(state)))
}

// setEmailVerified is false where the address was verified before.
func setEmailVerified(ctx context.Context, tx *sqldb.Tx, id UserID) (changed bool, err error) {
	n, err := tx.Exec(ctx, `update users set email_verified_at = $2, version = version + 1, changed_at = $2
		where id = $1 and email_verified_at is null`, id, sqldb.Micros(tx.Now()))
	if err != nil || n == 1 {
		return n == 1, err
	}
	_, err = Users{store{tx: tx}}.ByID(ctx, id)
	return false, err
}

func setOperator(ctx context.Context, tx *sqldb.Tx, id UserID, operator bool) error {
	return oneUser(tx.Exec(ctx, `update users set operator = $2, version = version + 1, changed_at = $3 where id = $1`,
		id, operator, sqldb.Micros(tx.Now())))
}

// renameUser gives a person another sign-in address.
func renameUser(ctx context.Context, tx *sqldb.Tx, id UserID, e Email) error {
	var taken int64
	if err := tx.QueryRow(ctx, `select count(*) from users where email_key = $1 and id <> $2`, e.Key, id).Scan(&taken); err != nil {
		return err
	}
	if taken > 0 {
		return ErrEmailTaken
	}
	return oneUser(tx.Exec(ctx, `update users set email = $2, email_key = $3, version = version + 1, changed_at = $4, email_domain = $5 where id = $1 and state <> 'erased'`,
		id, e.Address, e.Key, sqldb.Micros(tx.Now()), e.Domain()))
}

// SetDetails stores the person's own details.
func (s Users) SetDetails(ctx context.Context, id UserID, d Details) error {
	if err := d.check(); err != nil {
		return err
	}
	text, err := writeDetails(d)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx *sqldb.Tx) error {
		was, err := lockUser(ctx, tx, id)
		if err != nil {
			return err
		}
		if was.State == UserErased {
			return ErrUserNotFound
		}
		n, err := tx.Exec(ctx, `update users set details = $2, version = version + 1, changed_at = $3 where id = $1 and details <> $2`,
			id, text, sqldb.Micros(tx.Now()))
		if err != nil || n == 0 { // as it was
			return err
		}
		return audit.Append(ctx, tx, OrganizationID{}, audit.Entry{Action: "user.changed", Object: id.String(), Person: id.String(),
			Changes: detailChanges(&was.Details, &d)})
	})
}

func oneUser(n int64, err error) error {
	if err == nil && n == 0 {
		return ErrUserNotFound
	}
	return err
}
