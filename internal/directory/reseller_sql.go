package directory

import (
	"context"
	"errors"
	"time"

	"portvakt/internal/sqldb"
)

// OrganizationOpen says in SQL that the organization o lets the membership m in: it is not suspended, nor, for a reseller,
// is the agency that manages it.
const OrganizationOpen = `(o.state = 'active' and (m.kind <> 'reseller' or not exists (
	select 1 from organizations a where a.id = o.managed_by and a.state = 'suspended')))`

// lockVoucher locks the person and the active employee membership in the agency, and answers when that one ends.
func lockVoucher(ctx context.Context, tx *sqldb.Tx, agency OrganizationID, user UserID) (end time.Time, err error) {
	n, err := tx.Exec(ctx, `update users set version = version where id = $1 and state = 'active'`, user)
	if err != nil {
		return end, err
	}
	if n == 0 {
		return end, ErrNotOfAgency
	}
	err = tx.QueryRow(ctx, lockVoucherText, agency, user, sqldb.Micros(tx.Now())).Scan(sqldb.Time(&end))
	if errors.Is(err, sqldb.ErrNoRows) {
		return end, ErrNotOfAgency
	}
	return end, err
}

var lockVoucherText = `update memberships as m set version = m.version where m.organization_id = $1 and m.user_id = $2 and m.kind = 'employee'
	and exists (select 1 from organizations o where o.id = $1 and o.state = 'active') and` + alive("$3") + ` returning end_at`

// openReseller is a reseller membership that nobody has ended.
type openReseller struct {
	organization OrganizationID
	id           MembershipID
}

const (
	openResellersText = `select m.organization_id, m.id from memberships m join organizations o on o.id = m.organization_id
	where m.kind = 'reseller' and m.ended_at is null and m.deleted_at is null and m.end_announced_at is null`
	resellersOfUser         = openResellersText + ` and m.user_id = $1 order by m.id`
	resellersOfAgent        = openResellersText + ` and m.user_id = $1 and o.managed_by = $2 order by m.id`
	resellersOfOrganization = openResellersText + ` and m.organization_id = $1 order by m.id`
)

func openResellers(ctx context.Context, tx *sqldb.Tx, which resellersOf) ([]openReseller, error) {
	text, args := resellersOfUser, []any{which.user}
	switch {
	case !which.organization.IsZero():
		text, args = resellersOfOrganization, []any{which.organization}
	case !which.agency.IsZero():
		text, args = resellersOfAgent, []any{which.user, which.agency}
	}
	return sqldb.All(ctx, tx, func(r sqldb.Row) (o openReseller, err error) {
		err = r.Scan(&o.organization, &o.id)
		return o, err
	}, text, args...)
}

// lockReseller locks the membership alone, not its organization: ending a reseller takes nothing that an organization has
// few of.
func lockReseller(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id MembershipID) (m Member, there bool, err error) {
	n, err := tx.Exec(ctx, `update memberships set version = version where organization_id = $1 and id = $2 and deleted_at is null`, org, id)
	if err != nil || n == 0 {
		return m, false, err
	}
	m, err = Memberships{store{tx: tx}}.ByID(ctx, org, id)
	return m, err == nil, err
}
