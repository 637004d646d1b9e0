package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// groupsOf are the groups that a member is in directly.
func groupsOf(ctx context.Context, q sqldb.Queryer, org OrganizationID, id MembershipID) ([]GroupID, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (g GroupID, err error) {
		err = r.Scan(&g)
		return g, err
	}, `select group_id from group_members where organization_id = $1 and member_id = $2 order by group_id`, org, id)
}
