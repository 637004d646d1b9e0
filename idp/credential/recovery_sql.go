package credential

import (
	"context"
	"errors"

	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

func insertRecovery(tx *sqldb.Tx, user directory.UserID, hash []byte) {
	tx.Later(`insert into recovery_codes (user_id, hash, credentials_epoch, made_at) select id, $2, credentials_epoch, $3 from users where id = $1`,
		user, hash, sqldb.Micros(tx.Now()))
}

func hadRecovery(ctx context.Context, tx *sqldb.Tx, user directory.UserID) (had bool, err error) {
	var n int64
	err = tx.QueryRow(ctx, `select count(*) from recovery_codes where user_id = $1`, user).Scan(&n)
	return n > 0, err
}

func voidRecovery(tx *sqldb.Tx, user directory.UserID) {
	tx.Later(`delete from recovery_codes where user_id = $1`, user)
}

// takeRecovery takes a code of an active person who has a second factor that it can stand in for; of any number of requests
// one gets it.
func takeRecovery(ctx context.Context, tx *sqldb.Tx, user directory.UserID, hash []byte) (epoch int64, taken bool, err error) {
	n, err := tx.Exec(ctx, `update recovery_codes set used_at = $3 where user_id = $1 and hash = $2 and used_at is null
		and credentials_epoch = (select credentials_epoch from users where id = $1 and state = 'active')`, user, hash, sqldb.Micros(tx.Now()))
	if err != nil || n == 0 {
		return 0, false, err
	}
	err = tx.QueryRow(ctx, `select epoch from users where id = $1`, user).Scan(&epoch)
	if errors.Is(err, sqldb.ErrNoRows) {
		return 0, false, nil
	}
	return epoch, err == nil, err
}

func auditRecovery(ctx context.Context, tx *sqldb.Tx, user directory.UserID, action string) error {
	return audit.Append(ctx, tx, directory.OrganizationID{}, audit.Entry{Action: action, Object: user.String(), Person: user.String()})
}
