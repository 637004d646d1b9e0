package directory

import (
	"context"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// EventSeatsFull tells that the last seat has gone, once each time it goes.
const EventSeatsFull = "organization.seats_full"

// SeatsEvent is what an event about seats says.
type SeatsEvent struct {
	Organization string `json:"organization"`
	Seats        int64  `json:"seats"`
}

// Usage is how an organization's seats are used (R32).
type Usage struct {
	Seats int64 // UnlimitedSeats, or how many there are
	Used  int64 // taken by whoever of the following has access, now or soon
	Extra int64 // of those used, beyond Seats: the organization has extra users

	Active, Invited, Scheduled int64
	Suspended                  int64 // they take seats where SuspendedKeepSeats says so
	SuspendedKeepSeats         bool
	ExtraUsers                 FeatureSwitch

	Limited  int64 // counted apart: they take none
	Contacts int64 // likewise
}

// Free is how many more can be had, UnlimitedSeats where nothing bounds them.
func (u Usage) Free() int64 {
	if u.Seats == UnlimitedSeats || u.ExtraUsers == FeatureOn {
		return UnlimitedSeats
	}
	return max(0, u.Seats-u.Used)
}

// takesSeat is TakesSeat by the organization's own choice: keep says that suspended members keep their seats.
func (m *Member) takesSeat(now time.Time, keep bool) bool {
	if keep && m.StateAt(now) == StateSuspended {
		return m.Kind != Limited && m.Kind != ContactOnly
	}
	return m.TakesSeat(now)
}

// nobody has no seat.
var nobody = Member{Kind: ContactOnly}

// mayTakeSeat reports whether a change takes a seat that the member did not have, whatever the organization chose.
func mayTakeSeat(was, m *Member, now time.Time) bool {
	return m.takesSeat(now, false) && !was.takesSeat(now, false) || m.takesSeat(now, true) && !was.takesSeat(now, true)
}

// takeSeat reserves the seat that a membership takes and did not have before; nobody is what it was for a new one. The
// caller has locked the organization.
//
// Invariant: whoever makes a membership, or brings one back, comes by here in that transaction: the limit is never
// passed, not by two at the same moment and on whatever path (TestLastSeatRace, TestR32_LastSeatOverEveryPath).
func takeSeat(ctx context.Context, tx *sqldb.Tx, o *Organization, was, m *Member) error {
	now, keep := tx.Now(), o.SuspendedKeepSeats
	if o.Seats == UnlimitedSeats || !m.takesSeat(now, keep) || was.takesSeat(now, keep) {
		return nil
	}
	used, err := countSeats(ctx, tx, o, m.ID)
	if err != nil || used+1 < o.Seats {
		return err
	}
	extra, err := featureOn(ctx, tx, o.ID, FeatureExtraUsers)
	switch {
	case err != nil || extra == FeatureOn:
		return err
	case used+1 == o.Seats:
		return seatsFull(tx, o)
	}
	return fault.Newf(fault.Forbidden, "seats_full", "All %d seats are in use", o.Seats)
}

func seatsFull(tx *sqldb.Tx, o *Organization) error {
	return outbox.Append(tx, o.ID, EventSeatsFull, o.ID.String(), SeatsEvent{Organization: o.ID.String(), Seats: o.Seats})
}

// checkSeats refuses to bound an organization below what it uses, by its seats or by who counts; the row is locked.
func checkSeats(ctx context.Context, tx *sqldb.Tx, was, o *Organization) error {
	fewer := o.Seats != UnlimitedSeats && (was.Seats == UnlimitedSeats || o.Seats < was.Seats)
	lost := has(was, FeatureExtraUsers) && !has(o, FeatureExtraUsers)
	if !fewer && !lost && o.SuspendedKeepSeats == was.SuspendedKeepSeats {
		return nil
	}
	return seatsSuffice(ctx, tx, o)
}

func has(o *Organization, feature string) bool {
	for _, f := range o.Features {
		if f == feature {
			return true
		}
	}
	return false
}

// seatsSuffice refuses where more seats are in use than there are.
func seatsSuffice(ctx context.Context, tx *sqldb.Tx, o *Organization) error {
	if o.Seats == UnlimitedSeats {
		return nil
	}
	used, err := countSeats(ctx, tx, o, sqldb.NewID[membershipPrefix](tx.Now()))
	if err != nil || used < o.Seats {
		return err
	}
	extra, err := featureOn(ctx, tx, o.ID, FeatureExtraUsers)
	switch {
	case err != nil || extra == FeatureOn:
		return err
	case used == o.Seats:
		return seatsFull(tx, o)
	}
	return fault.Newf(fault.Conflict, "seats_in_use", "%d seats are in use", used).On("seats")
}
