package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

func someNames(ctx context.Context, q sqldb.Queryer, org OrganizationID, ids []MembershipID, names map[MembershipID]string) error {
	args := []any{org}
	for _, id := range ids {
		args = append(args, id)
	}
	_, err := sqldb.All(ctx, q, func(r sqldb.Row) (struct{}, error) {
		var id MembershipID
		var details, userName string
		if err := r.Scan(&id, &details, &userName); err != nil {
			return struct{}{}, err
		}
		var d Details
		err := readDetails(details, &d)
		if names[id] = d.Name(); names[id] == "" {
			names[id] = userName
		}
		return struct{}{}, err
	}, `select id, details, user_name from memberships where organization_id = $1 and id in (`+placeholders(2, len(ids))+`)`, args...)
	return err
}
