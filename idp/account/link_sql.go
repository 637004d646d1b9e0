package account

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// invitable says in SQL that the user u may choose a password at the moment $2: active, and an operator or with a membership
// that is or may become active by itself or by the person's own yes.
const invitable = ` u.state = 'active' and (u.operator = true or exists (select 1 from memberships m join organizations o on o.id = m.organization_id
	where m.user_id = u.id and ` + directory.OrganizationOpen + ` and m.kind <> 'contact' and m.suspended_at is null and m.ended_at is null
		and m.deleted_at is null and m.archived_at is null and (m.end_at is null or m.end_at > $2)
		and (m.accepted_at is not null or m.accept_by is null or m.accept_by > $2)))`

// mayGetLink is the person with the address, if that person may get a link; else the zero id.
func mayGetLink(ctx context.Context, tx *sqldb.Tx, emailKey string) (id directory.UserID, err error) {
	err = tx.QueryRow(ctx, `select u.id from users u where u.email_key = $1 and`+invitable, emailKey, sqldb.Micros(tx.Now())).Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		return directory.UserID{}, nil
	}
	return id, err
}

// mayChoose reports whether the person may choose a password now.
func mayChoose(ctx context.Context, q sqldb.Queryer, id directory.UserID) (ok bool, err error) {
	err = q.QueryRow(ctx, `select`+invitable+` from users u where u.id = $1`, id, sqldb.Micros(q.Now())).Scan(&ok)
	if errors.Is(err, sqldb.ErrNoRows) {
		return false, nil
	}
	return ok, err
}

func voidLinks(tx *sqldb.Tx, user directory.UserID) {
	tx.Later(`update account_links set voided_at = $2 where user_id = $1 and used_at is null and voided_at is null`,
		user, sqldb.Micros(tx.Now()))
}

// askedSince reports whether the person has a link that was asked for after the moment.
func askedSince(ctx context.Context, tx *sqldb.Tx, user directory.UserID, moment time.Time) (bool, error) {
	var n int64
	err := tx.QueryRow(ctx, `select count(*) from account_links where user_id = $1 and created_at > $2 and voided_at is null`,
		user, sqldb.Micros(moment)).Scan(&n)
	return n > 0, err
}

func insertLink(tx *sqldb.Tx, hash []byte, l link) {
	tx.Later(`insert into account_links (hash, user_id, purpose, membership_id, interaction_id, email_key, created_at, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		hash, l.user, string(l.purpose), l.membership, l.interaction, l.emailKey, sqldb.Micros(l.askedAt), sqldb.Micros(l.expiresAt))
}

const linkColumns = `user_id, purpose, membership_id, interaction_id, email_key, expires_at, used_at, voided_at`

var errUnknownLink = fault.New(fault.Expired, "link_expired", "The link works no more")

func scanLink(r sqldb.Row) (l link, err error) {
	err = r.Scan(&l.user, &l.purpose, &l.membership, &l.interaction, &l.emailKey, sqldb.Time(&l.expiresAt), sqldb.Time(&l.usedAt),
		sqldb.Time(&l.voidedAt))
	if errors.Is(err, sqldb.ErrNoRows) {
		err = errUnknownLink
	}
	return l, err
}

func findLink(ctx context.Context, q sqldb.Queryer, hash []byte) (link, error) {
	return scanLink(q.QueryRow(ctx, `select `+linkColumns+` from account_links where hash = $1`, hash))
}

// consumeLink takes the link; of any number of requests one gets it.
func consumeLink(ctx context.Context, tx *sqldb.Tx, hash []byte) (link, error) {
	return scanLink(tx.QueryRow(ctx, `update account_links set used_at = $1
		where hash = $2 and used_at is null and voided_at is null and expires_at > $1 returning `+linkColumns, sqldb.Micros(tx.Now()), hash))
}

// keepLinks is how long a link that is over can still ask for a new one.
const keepLinks = 30 * 24 * time.Hour

// Purge deletes links that are long over and answers how many.
func (a *Account) Purge(ctx context.Context) (int64, error) {
	if _, err := a.purgeEmailChanges(ctx); err != nil {
		return 0, err
	}
	return a.db.Exec(ctx, `delete from account_links where expires_at < $1`, sqldb.Micros(a.db.Now().Add(-keepLinks)))
}

// eventTime is when an event happened.
func eventTime(ctx context.Context, q sqldb.Queryer, id outbox.EventID) (at time.Time, err error) {
	err = q.QueryRow(ctx, `select at from events where id = $1`, id).Scan(sqldb.Time(&at))
	return at, err
}
