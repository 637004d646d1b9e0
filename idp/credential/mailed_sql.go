package credential

import (
	"context"
	"errors"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// insertMailed stores the person's newest code, unless one that was asked for later stands there.
func insertMailed(ctx context.Context, tx *sqldb.Tx, m Mailed, hash []byte) (bool, error) {
	n, err := tx.Exec(ctx, `insert into mailed_codes (user_id, hash, user_epoch, bound_to, sent_at, expires_at)
		select id, $2, epoch, $3, $4, $5 from users where id = $1 and epoch = $6 and state = 'active'
		on conflict (user_id) do update set hash = excluded.hash, user_epoch = excluded.user_epoch, bound_to = excluded.bound_to,
			sent_at = excluded.sent_at, expires_at = excluded.expires_at
			where mailed_codes.sent_at <= excluded.sent_at`,
		m.User, hash, boundMailed(m.Bound), sqldb.Micros(m.AskedAt), sqldb.Micros(tx.Now().Add(MailedFor)), m.Epoch)
	return n == 1, err
}

// takeMailed takes a code; of any number of requests one gets it. That the person has shown one stays known (Mailing).
func takeMailed(ctx context.Context, tx *sqldb.Tx, user directory.UserID, bound, hash []byte) (epoch int64, taken bool, err error) {
	err = tx.QueryRow(ctx, `update mailed_codes set used_at = $4, expires_at = 0
		where user_id = $1 and bound_to = $2 and hash = $3 and expires_at > $4
			and user_epoch = (select epoch from users where id = $1 and state = 'active')
		returning user_epoch`, user, bound, hash, sqldb.Micros(tx.Now())).Scan(&epoch)
	if errors.Is(err, sqldb.ErrNoRows) {
		return 0, false, nil
	}
	return epoch, err == nil, err
}

// Mailing is what the person has had to do with codes by mail.
type Mailing struct {
	Asked bool // for one: the next sign-in goes that way by itself
	Shown bool // one: it is what protects the account beside the password
}

// Mailing says whether the person has ever asked for a code by mail, and shown one.
func (c *Credentials) Mailing(ctx context.Context, user directory.UserID) (m Mailing, err error) {
	var asked, shown int64
	err = c.db.QueryRow(ctx, `select count(*), count(used_at) from mailed_codes where user_id = $1`, user).Scan(&asked, &shown)
	return Mailing{Asked: asked > 0, Shown: shown > 0}, err
}
