package account

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

type emailChangePrefix struct{}

func (emailChangePrefix) Prefix() string { return "emc" }

type emailChangeID = sqldb.ID[emailChangePrefix]

// emailChange is a sign-in address in place of another.
type emailChange struct {
	id          emailChangeID
	user        directory.UserID
	old, new    directory.Email
	createdAt   time.Time
	expiresAt   time.Time // of the link that confirms
	confirmedAt time.Time
	undoneAt    time.Time
	voidedAt    time.Time
}

const emailChangeColumns = `id, user_id, old_email, new_email, new_key, created_at, expires_at, confirmed_at, undone_at, voided_at`

func scanEmailChange(r sqldb.Row) (c emailChange, err error) {
	err = r.Scan(&c.id, &c.user, &c.old.Address, &c.new.Address, &c.new.Key, sqldb.Time(&c.createdAt), sqldb.Time(&c.expiresAt),
		sqldb.Time(&c.confirmedAt), sqldb.Time(&c.undoneAt), sqldb.Time(&c.voidedAt))
	if errors.Is(err, sqldb.ErrNoRows) {
		return c, errUnknownLink
	}
	if err != nil {
		return c, err
	}
	c.old, err = directory.ParseEmail(c.old.Address)
	return c, err
}

func insertEmailChange(tx *sqldb.Tx, c emailChange, hash []byte) {
	tx.Later(`insert into email_changes (id, user_id, old_email, new_email, new_key, confirm_hash, created_at, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		c.id, c.user, c.old.Address, c.new.Address, c.new.Key, hash, sqldb.Micros(tx.Now()), sqldb.Micros(c.expiresAt))
}

// voidEmailChanges takes back the changes that wait to be confirmed.
func voidEmailChanges(tx *sqldb.Tx, user directory.UserID) {
	tx.Later(`update email_changes set voided_at = $2 where user_id = $1 and confirmed_at is null and voided_at is null`,
		user, sqldb.Micros(tx.Now()))
}

// waiting is what a change that waits to be confirmed at the moment $2 is.
const waiting = ` confirmed_at is null and voided_at is null and expires_at > $2`

// waitingChange is the change that waits for the person; the zero one where none does.
func (a *Account) waitingChange(ctx context.Context, user directory.UserID) (emailChange, error) {
	c, err := scanEmailChange(a.db.QueryRow(ctx, `select `+emailChangeColumns+` from email_changes where user_id = $1 and`+waiting+`
		order by created_at desc, id desc limit 1`, user, sqldb.Micros(a.db.Now())))
	if errors.Is(err, errUnknownLink) {
		return emailChange{}, nil
	}
	return c, err
}

// armConfirm gives a waiting change the link that its mail will hold.
func armConfirm(ctx context.Context, tx *sqldb.Tx, id emailChangeID, hash []byte) (emailChange, error) {
	return scanEmailChange(tx.QueryRow(ctx, `update email_changes set confirm_hash = $3 where id = $1 and`+waiting+` returning `+emailChangeColumns,
		id, sqldb.Micros(tx.Now()), hash))
}

func changeToConfirm(ctx context.Context, q sqldb.Queryer, hash []byte) (emailChange, error) {
	return scanEmailChange(q.QueryRow(ctx, `select `+emailChangeColumns+` from email_changes where confirm_hash = $1 and`+waiting,
		hash, sqldb.Micros(q.Now())))
}

// confirmChange takes the link; of any number of requests one gets it.
func confirmChange(ctx context.Context, tx *sqldb.Tx, hash []byte, user directory.UserID) (emailChange, error) {
	return scanEmailChange(tx.QueryRow(ctx, `update email_changes set confirmed_at = $2 where confirm_hash = $1 and user_id = $3 and`+waiting+`
		returning `+emailChangeColumns, hash, sqldb.Micros(tx.Now()), user))
}

// undoable is what a change whose link back still works is; $2 is the latest moment at which it was confirmed too early.
const undoable = ` confirmed_at > $2 and undone_at is null and voided_at is null`

// confirmedChange is the person's own change from one address to another, if it can still be undone.
func (a *Account) confirmedChange(ctx context.Context, user directory.UserID, old, to string) (emailChange, error) {
	return scanEmailChange(a.db.QueryRow(ctx, `select `+emailChangeColumns+` from email_changes where user_id = $1 and`+undoable+`
		and old_email = $3 and new_email = $4 order by confirmed_at desc limit 1`, user, sqldb.Micros(a.db.Now().Add(-undoValid)), old, to))
}

func armUndo(ctx context.Context, tx *sqldb.Tx, id emailChangeID, hash []byte) error {
	n, err := tx.Exec(ctx, `update email_changes set undo_hash = $3 where id = $1 and`+undoable, id, sqldb.Micros(tx.Now().Add(-undoValid)), hash)
	if err == nil && n == 0 {
		return errUnknownLink
	}
	return err
}

func changeToUndo(ctx context.Context, q sqldb.Queryer, hash []byte) (emailChange, error) {
	return scanEmailChange(q.QueryRow(ctx, `select `+emailChangeColumns+` from email_changes where undo_hash = $1 and`+undoable,
		hash, sqldb.Micros(q.Now().Add(-undoValid))))
}

// undoChange takes the link back, once, and every later change's with it: whoever made those came by the first.
func undoChange(ctx context.Context, tx *sqldb.Tx, hash []byte) (emailChange, error) {
	c, err := scanEmailChange(tx.QueryRow(ctx, `update email_changes set undone_at = $3 where undo_hash = $1 and`+undoable+` returning `+emailChangeColumns,
		hash, sqldb.Micros(tx.Now().Add(-undoValid)), sqldb.Micros(tx.Now())))
	if err != nil {
		return c, err
	}
	tx.Later(`update email_changes set voided_at = $2 where user_id = $1 and undone_at is null and voided_at is null
		and (confirmed_at is null or confirmed_at >= $3)`, c.user, sqldb.Micros(tx.Now()), sqldb.Micros(c.confirmedAt))
	return c, nil
}

// purgeEmailChanges deletes what has long been over.
func (a *Account) purgeEmailChanges(ctx context.Context) (int64, error) {
	return a.db.Exec(ctx, `delete from email_changes where expires_at < $1`, sqldb.Micros(a.db.Now().Add(-keepLinks)))
}
