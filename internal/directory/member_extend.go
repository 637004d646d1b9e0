package directory

import (
	"context"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Extend gives an external member more time, in one step; reminders begin anew. It brings back who lapsed by itself, not
// whom somebody has ended, and never shortens. Resellers last as long as their membership in the agency, and employees have
// no period, so both are refused.
//
// Invariant: of several extensions at once to the same end exactly one happens (TestR27_ExtendingIsOneStep).
func (s Memberships) Extend(ctx context.Context, org OrganizationID, id MembershipID, until time.Time) (Member, error) {
	var m *Member
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		if err := lockMember(ctx, tx, org, id); err != nil {
			return err
		}
		was, err := Memberships{store{db: s.db, tx: tx}}.ByID(ctx, org, id)
		if err != nil {
			return err
		}
		if err := was.extensible(until, tx.Now()); err != nil {
			return err
		}
		m = was.clone()
		m.End = until
		return change(ctx, tx, &was, m)
	})
	if err != nil {
		return Member{}, err
	}
	return *m, nil
}

// extensible refuses an extension that is none.
func (m *Member) extensible(until, now time.Time) error {
	switch {
	case m.Kind != External:
		return fault.New(fault.Conflict, "not_external", "Only the access of external members is extended").On("kind")
	case !m.EndedAt.IsZero() || !m.ArchivedAt.IsZero():
		return fault.New(fault.Conflict, "ended", "Somebody has ended the membership; it does not go on by itself").On("end")
	case !until.After(now):
		return fault.New(fault.Invalid, "end_in_past", "The new end is in the past").On("end")
	case !until.After(m.End):
		return fault.New(fault.Conflict, "not_later", "The new end is no later than the present one").On("end")
	}
	return nil
}
