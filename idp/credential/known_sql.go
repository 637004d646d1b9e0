package credential

import (
	"context"
	"errors"

	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// Remember makes a browser known for somebody who has just signed in with it, and answers its new token. Whoever copied or
// planted the old one holds nothing.
//
// Invariant: a known browser proves nothing and opens nothing; guesses in it are counted by themselves, so that guesses
// elsewhere do not keep the person out (TestGuessesElsewhereKeepNobodyOut).
func (c *Credentials) Remember(ctx context.Context, user directory.UserID, old string) (fresh string, err error) {
	fresh = secret.NewToken()
	hash := secret.HashToken(fresh)
	return fresh, c.db.Update(ctx, func(tx *sqldb.Tx) error {
		if old != "" {
			tx.Later(`update known_browsers set hash = $1 where hash = $2`, hash, secret.HashToken(old))
		}
		tx.Later(`insert into known_browsers (hash, user_id, user_epoch, seen_at) select $1, id, epoch, $3 from users where id = $2
			on conflict (hash, user_id) do update set user_epoch = excluded.user_epoch, seen_at = excluded.seen_at`,
			hash, user, sqldb.Micros(tx.Now()))
		return nil
	})
}

// knows reports whether the person with the address has signed in with the browser, and not signed out everywhere since.
func (c *Credentials) knows(ctx context.Context, browser []byte, emailKey string) (bool, error) {
	var one int
	err := c.db.QueryRow(ctx, `select 1 from known_browsers k join users u on u.id = k.user_id and u.epoch = k.user_epoch
		where k.hash = $1 and u.email_key = $2 and k.seen_at >= $3`, browser, emailKey, sqldb.Micros(c.db.Now().Add(-KnownFor))).Scan(&one)
	if errors.Is(err, sqldb.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
