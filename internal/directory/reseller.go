package directory

import (
	"context"
	"time"

	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// A reseller stands on another membership: the person's active employee membership in the agency that manages the
// organization. What that one loses, all that stand on it lose in the same transaction.
//
// Lock order: a new reseller membership locks its organization, the person, and then the agency membership; what ends or
// shortens the agency membership has locked that one before it looks for what stands on it. So either the new one sees
// the end, or the end sees the new one (TestR30_LeavingWhileBecomingReseller).

// vouches reports whether a membership lets the person be a reseller where the membership's organization is the agency.
func vouches(m *Member, now time.Time) bool { return m.Kind == Employee && m.ActiveAt(now) }

// vouched refuses a reseller whom no active employee membership in the agency stands behind, and lets the reseller's
// access end with that membership at the latest: the end is dead at its moment, whether or not a worker runs.
// o is the organization, locked, and m has its user.
//
// Invariant: nobody becomes a reseller, by creation, change or revival, who is no active employee of the agency
// (TestR30_OnlyEmployeesOfTheAgency).
func vouched(ctx context.Context, tx *sqldb.Tx, o *Organization, m *Member) error {
	if m.Kind != Reseller {
		return nil
	}
	if o.ManagedBy.IsZero() || m.User.IsZero() {
		return ErrNotOfAgency
	}
	end, err := lockVoucher(ctx, tx, o.ManagedBy, m.User)
	if err != nil {
		return err
	}
	if !end.IsZero() && (m.End.IsZero() || m.End.After(end)) {
		m.End = end
	}
	return checkSpan(m.Start, m.End)
}

// opensReseller reports whether a change gives reseller access that was not there, or for longer.
func opensReseller(was, m *Member, now time.Time) bool {
	if m.Kind != Reseller || m.isOver(now) {
		return false
	}
	return was.Kind != Reseller || was.isOver(now) || !was.End.Equal(m.End) || was.Reseller != m.Reseller ||
		!was.SuspendedAt.IsZero() && m.SuspendedAt.IsZero() || !was.ArchivedAt.IsZero() && m.ArchivedAt.IsZero()
}

// followAgency lets the person's reseller memberships follow what became of the agency membership. It is called after the
// agency membership's row was written, in that transaction.
//
// Invariant: leaving the agency ends all such access everywhere with the same commit, over every path that ends, suspends,
// archives, shortens or turns the membership into another kind (TestR30_LeavingTheAgencyEndsAll).
func followAgency(ctx context.Context, tx *sqldb.Tx, was, m *Member) error {
	now := tx.Now()
	if m.User.IsZero() || !vouches(was, now) {
		return nil
	}
	if !vouches(m, now) {
		return endResellers(ctx, tx, resellersOf{agency: m.Organization, user: m.User})
	}
	if m.End.IsZero() || m.End.Equal(was.End) {
		return nil
	}
	return eachReseller(ctx, tx, resellersOf{agency: m.Organization, user: m.User}, func(was, r *Member) error {
		if !r.End.IsZero() && !r.End.After(m.End) {
			return nil
		}
		if !r.Start.Before(m.End) { // it would never begin
			return endNow(ctx, tx, was, r)
		}
		r.End, r.Version, r.ChangedAt = m.End, was.Version+1, now
		forgetReminders(tx, r.ID)
		bumpAccess(tx, r.Organization)
		if err := updateMember(ctx, tx, was.Version, r); err != nil {
			return err
		}
		if err := followMaker(ctx, tx, was, r); err != nil {
			return err
		}
		return announce(ctx, tx, r, EventMembershipChanged, false)
	})
}

// resellersOf says which reseller memberships are meant; what is zero does not matter.
type resellersOf struct {
	agency       OrganizationID // that manages their organization
	user         UserID
	organization OrganizationID // whose members they are
}

func endResellers(ctx context.Context, tx *sqldb.Tx, which resellersOf) error {
	return eachReseller(ctx, tx, which, func(was, m *Member) error { return endNow(ctx, tx, was, m) })
}

func endNow(ctx context.Context, tx *sqldb.Tx, was, m *Member) error {
	m.EndedAt = tx.Now()
	if err := announceEnd(ctx, tx, was, m); err != nil {
		return err
	}
	return outbox.Append(tx, m.Organization, EventAgencyLeft, m.ID.String(),
		NoticeEvent{Organization: m.Organization.String(), Membership: m.ID.String(), User: m.User.String()})
}

// eachReseller locks and reads the memberships that are not over, one after the other in the order of their ids.
func eachReseller(ctx context.Context, tx *sqldb.Tx, which resellersOf, do func(was, m *Member) error) error {
	open, err := openResellers(ctx, tx, which)
	if err != nil {
		return err
	}
	for _, r := range open {
		was, there, err := lockReseller(ctx, tx, r.organization, r.id)
		if err != nil {
			return err
		}
		if !there || was.isOver(tx.Now()) {
			continue
		}
		if err := do(&was, was.clone()); err != nil {
			return err
		}
	}
	return nil
}
