package directory

import (
	"context"
	"errors"

	"portvakt/internal/sqldb"
)

// raiseEpochFrom raises the person's epoch from the one given; of any number of requests one does.
func raiseEpochFrom(ctx context.Context, tx *sqldb.Tx, id UserID, epoch int64) (User, error) {
	u, err := scanUser(tx.QueryRow(ctx, `update users set epoch = epoch + 1, version = version + 1, changed_at = $3
		where id = $1 and epoch = $2 and state = 'active' returning `+userColumns, id, epoch, sqldb.Micros(tx.Now())))
	if errors.Is(err, ErrUserNotFound) {
		err = ErrEpoch
	}
	return u, err
}

// proveEmail notes that the person has shown to read the present address.
func proveEmail(ctx context.Context, tx *sqldb.Tx, id UserID) error {
	return oneUser(tx.Exec(ctx, `update users set email_verified_at = $2 where id = $1`, id, sqldb.Micros(tx.Now())))
}

// Operators are the people who run the installation.
func (s Users) Operators(ctx context.Context) ([]User, error) {
	return sqldb.All(ctx, s.q(), scanUser, `select `+userColumns+` from users where operator = true and state = 'active' order by id`)
}
