package webhook

import (
	"context"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// organizationsOf are all organizations in which a person is or was a member, by their own yes or from the beginning.
func organizationsOf(ctx context.Context, q sqldb.Queryer, user directory.UserID) ([]directory.OrganizationID, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (id directory.OrganizationID, err error) {
		err = r.Scan(&id)
		return id, err
	}, `select distinct organization_id from memberships where user_id = $1 and accepted_at is not null`, user)
}
