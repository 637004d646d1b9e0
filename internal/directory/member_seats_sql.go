package directory

import (
	"context"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// lockedOrganization locks the organization's row and reads it as it then is.
//
// Invariant: seats are counted under that lock, never from a stored counter (TestLastSeatRace).
func lockedOrganization(ctx context.Context, tx *sqldb.Tx, org OrganizationID) (Organization, error) {
	if err := lockOrganization(ctx, tx, org); err != nil {
		return Organization{}, err
	}
	return scanOrganization(tx.QueryRow(ctx, `select `+organizationColumns+` from organizations o where o.id = $1`, org))
}

// unchanged is ErrStale where somebody has changed the member since it was read.
func unchanged(ctx context.Context, tx *sqldb.Tx, was *Member) error {
	var version int64
	err := tx.QueryRow(ctx, `select version from memberships where organization_id = $1 and id = $2`, was.Organization, was.ID).Scan(&version)
	if err == nil && version != was.Version {
		return ErrStale
	}
	return err
}

const countSeatsText = `select count(*) from memberships m where m.organization_id = $1 and m.id <> $2
	and m.kind in ('employee', 'external', 'reseller') and (m.suspended_at is null or $4 = true) and m.ended_at is null and m.deleted_at is null
	and m.archived_at is null and (m.end_at is null or m.end_at > $3) and (m.accepted_at is not null or m.accept_by is null or m.accept_by > $3)`

// countSeats counts the members but one that take a seat: takesSeat in SQL.
func countSeats(ctx context.Context, tx *sqldb.Tx, o *Organization, but MembershipID) (n int64, err error) {
	err = tx.QueryRow(ctx, countSeatsText, o.ID, but, sqldb.Micros(tx.Now()), o.SuspendedKeepSeats).Scan(&n)
	return n, err
}

var countAdministratorsText = `select count(*) from memberships m join users u on u.id = m.user_id
	where m.organization_id = $1 and m.id <> $2 and m.administrator = true and u.state = 'active' and m.end_at is null and` + alive("$3")

// countAdministrators counts the members but one who administer the organization now and have no end set. It locks their
// users first: somebody who is being disabled is waited for, and counts no longer then.
func countAdministrators(ctx context.Context, tx *sqldb.Tx, org OrganizationID, but MembershipID, now time.Time) (n int64, err error) {
	if _, err := tx.Exec(ctx, lockAdministratorsText, org, but); err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, countAdministratorsText, org, but, sqldb.Micros(now)).Scan(&n)
	return n, err
}

// checkLinks refuses a role, manager, successor or provisioning client that is not the organization's own: what a
// neighbour has does not exist here (TestNeighbourSeesNothing). was is the zero member for a new one.
func checkLinks(ctx context.Context, tx *sqldb.Tx, m, was *Member) error {
	const member = `select count(*) from memberships where organization_id = $1 and id = $2 and deleted_at is null and archived_at is null and id <> $3`
	for _, link := range []struct {
		field   string
		changed bool
		text    string
		args    []any
	}{
		{"role", m.Role != was.Role && !m.Role.IsZero(), `select count(*) from roles where organization_id = $1 and id = $2`, []any{m.Role}},
		{"manager", m.Manager != was.Manager && !m.Manager.IsZero(), member, []any{m.Manager, m.ID}},
		{"successor", m.Successor != was.Successor && !m.Successor.IsZero(), member, []any{m.Successor, m.ID}},
		{"managed_by", m.ManagedBy != was.ManagedBy && !m.ManagedBy.IsZero(),
			`select count(*) from provisioning_clients where organization_id = $1 and id = $2`, []any{m.ManagedBy}},
	} {
		if !link.changed {
			continue
		}
		var n int64
		if err := tx.QueryRow(ctx, link.text, append([]any{m.Organization}, link.args...)...).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Invalid, "unknown_"+link.field, "The organization has no such "+link.field).On(link.field)
		}
	}
	return nil
}
