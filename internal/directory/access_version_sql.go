package directory

import (
	"context"
	"errors"

	"portvakt/internal/sqldb"
)

// lockAccess makes the transaction the only one that changes the organization's access model, and answers its version.
func lockAccess(ctx context.Context, tx *sqldb.Tx, org OrganizationID) (version int64, err error) {
	err = tx.QueryRow(ctx, `update organizations set version = version where id = $1 returning access_version`, org).Scan(&version)
	if errors.Is(err, sqldb.ErrNoRows) {
		err = ErrOrganizationNotFound
	}
	return version, err
}

const bumpAccessText = `update organizations set access_version = access_version + 1 where id = $1`

// bumpAccess marks that the organization's access model changed. The caller has locked the organization.
func bumpAccess(tx *sqldb.Tx, id OrganizationID) {
	tx.Later(bumpAccessText, id)
	tx.Notify(AccessTopic)
}

// bumpEverywhere marks that every organization's access model changed.
func bumpEverywhere(tx *sqldb.Tx) {
	tx.Later(`update organizations set access_version = access_version + 1`)
	tx.Notify(AccessTopic)
}

// bumpManaged marks that the access of an agency's people changed where it manages.
func bumpManaged(tx *sqldb.Tx, agency OrganizationID) {
	tx.Later(`update organizations set access_version = access_version + 1 where managed_by = $1`, agency)
	tx.Notify(AccessTopic)
}

func scanOrganizationID(r sqldb.Row) (id OrganizationID, err error) {
	err = r.Scan(&id)
	return id, err
}

func organizationsOfUser(ctx context.Context, q sqldb.Queryer, user UserID) ([]OrganizationID, error) {
	return sqldb.All(ctx, q, scanOrganizationID, `select distinct organization_id from memberships where user_id = $1`, user)
}

func managedBy(ctx context.Context, q sqldb.Queryer, agency OrganizationID) ([]OrganizationID, error) {
	return sqldb.All(ctx, q, scanOrganizationID, `select id from organizations where managed_by = $1`, agency)
}

// followersText finds where the holder of an agency's membership is a reseller by it.
const followersText = `select distinct r.organization_id from memberships a join memberships r on r.user_id = a.user_id
		join organizations o on o.id = r.organization_id
	where a.organization_id = $1 and a.id = $2 and a.kind = 'employee' and r.kind = 'reseller' and o.managed_by = $1
		and r.end_announced_at is null and r.deleted_at is null`

func followersOf(ctx context.Context, q sqldb.Queryer, org OrganizationID, id MembershipID) ([]OrganizationID, error) {
	return sqldb.All(ctx, q, scanOrganizationID, followersText, org, id)
}

// dueText finds the memberships whose end has passed unannounced: $1 the moment.
const dueText = `select id, end_at as over_at from memberships where end_at is not null and end_announced_at is null and end_at <= $1
			union select id, accept_by from memberships where accept_by is not null and accepted_at is null and end_announced_at is null and accept_by <= $1`

// vacatedText finds the organizations that lose the holder of a function by an end that nobody has announced yet.
const vacatedText = `select distinct m.organization_id from memberships m where m.id in (select id from (` + dueText + `) o)
	and exists (select 1 from member_functions f where f.membership_id = m.id)`

// lockVacated locks these before the memberships' rows; vacateAll raises their versions.
func lockVacated(ctx context.Context, tx *sqldb.Tx) error {
	orgs, err := sqldb.All(ctx, tx, scanOrganizationID, vacatedText, sqldb.Micros(tx.Now()))
	if err != nil {
		return err
	}
	return lockOrdered(ctx, tx, orgs)
}
