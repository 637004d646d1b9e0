package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

func rolePositions(ctx context.Context, q sqldb.Queryer, org OrganizationID) (map[RoleID]int64, error) {
	positions := map[RoleID]int64{}
	_, err := sqldb.All(ctx, q, func(r sqldb.Row) (struct{}, error) {
		var id RoleID
		var position int64
		err := r.Scan(&id, &position)
		positions[id] = position
		return struct{}{}, err
	}, `select id, position from roles where organization_id = $1`, org)
	return positions, err
}

// moveRoles puts roles with everything below them below another one; zero makes them roots.
func moveRoles(tx *sqldb.Tx, org OrganizationID, roles []RoleID, parent RoleID) {
	for _, id := range roles {
		tx.Later(`update roles set parent_id = $3 where organization_id = $1 and id = $2`, org, id, parent)
	}
}

func placeRole(tx *sqldb.Tx, org OrganizationID, role RoleID, position int64) {
	tx.Later(`update roles set position = $3 where organization_id = $1 and id = $2`, org, role, position)
}

// closeRole lets nobody get the role any more. Members are made without a lock where seats are unlimited, and what they refer
// to is held by the foreign key alone: changing the role's key, a column of a unique index, waits on PostgreSQL for those who
// have referred to it and not committed, and makes those who come later wait for the removal.
func closeRole(ctx context.Context, tx *sqldb.Tx, org OrganizationID, role RoleID) error {
	_, err := tx.Exec(ctx, `update roles set key = $3 where organization_id = $1 and id = $2`, org, role, role.String())
	return err
}

const moveMembersText = `update memberships set role_id = $3, version = version + 1, changed_at = $4 where organization_id = $1 and role_id = $2`

func moveMembers(ctx context.Context, tx *sqldb.Tx, org OrganizationID, role, to RoleID) (int64, error) {
	return tx.Exec(ctx, moveMembersText, org, role, to, sqldb.Micros(tx.Now()))
}

func countMembers(ctx context.Context, q sqldb.Queryer, org OrganizationID, role RoleID) (n int64, err error) {
	err = q.QueryRow(ctx, `select count(*) from memberships where organization_id = $1 and role_id = $2`, org, role).Scan(&n)
	return n, err
}

func deleteRole(tx *sqldb.Tx, org OrganizationID, role RoleID) {
	tx.Later(`delete from roles where organization_id = $1 and id = $2`, org, role)
}
