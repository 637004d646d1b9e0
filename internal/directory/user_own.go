package directory

import (
	"context"
	"strings"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// What people do with their own account.

// EventErasureRequested is the event of a person who asks to be erased; EventErasureWithdrawn takes that back.
const (
	EventErasureRequested = "user.erasure_requested"
	EventErasureWithdrawn = "user.erasure_withdrawn"
)

// EventErasureAsked tells one organization that one of its members has asked to be erased everywhere.
const EventErasureAsked = "membership.erasure_requested"

// ReasonSetUp is the reason of sessions that end with somebody's first credential: there were none.
const ReasonSetUp = "set_up"

// ReasonOwn is the reason of what a person did to the own account.
const ReasonOwn = "own"

// Faults of what people do with their own account.
var (
	// ErrEpoch says that the person was signed out, or the account changed, since the request's session began.
	ErrEpoch     = fault.New(fault.Unauthenticated, "sign_in_again", "Please sign in again")
	errHomeStays = fault.New(fault.Conflict, "home_membership", "The home organization decides about this membership; ask its administrator")
	// ErrEmailRuled says that the address is not the person's to choose.
	ErrEmailRuled = fault.New(fault.Conflict, "email_ruled", "An organization decides about addresses of this domain; ask its administrator").On("email")
)

// EndSessionsUnder is EndSessions for whoever still has the epoch, and ErrEpoch for everybody else: of two who change a
// credential with the same session's right one does (TestPasswordChangeHappensOnce).
func (s Users) EndSessionsUnder(ctx context.Context, id UserID, epoch int64, reason string) (User, error) {
	var u User
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		var err error
		if u, err = raiseEpochFrom(ctx, tx, id, epoch); err != nil {
			return err
		}
		return announceUser(ctx, tx, id, EventUserSessionsEnded, UserEvent{User: id.String(), Reason: reason})
	})
	return u, err
}

// MayMove reports which organization keeps a person from choosing a sign-in address: the one in whose verified domain
// the address is. Zero: the person decides.
func (s Users) MayMove(ctx context.Context, e Email) (OrganizationID, error) {
	return Organizations(s).OfDomain(ctx, e.Domain())
}

// Move gives a person another sign-in address, at the person's own wish, who has shown to read it. from is the address
// that the person has at present: where it is another one by now, that is ErrEpoch.
//
// Invariant: no person takes an address into or out of an organization's verified domain (TestEmailOfAnOrganizationStays).
func (s Users) Move(ctx context.Context, id UserID, from, to Email) (User, error) {
	var u User
	err := s.update(ctx, func(tx *sqldb.Tx) (err error) {
		for _, e := range []Email{from, to} {
			if ruled, err := (Users{store{db: s.db, tx: tx}}).MayMove(ctx, e); err != nil || !ruled.IsZero() {
				return orFault(err, ErrEmailRuled)
			}
		}
		u, err = move(ctx, tx, id, func(u User) bool { return u.Email.Key == from.Key }, to)
		return err
	})
	return u, err
}

// MoveBack gives a person an earlier address back, whatever it is at present.
func (s Users) MoveBack(ctx context.Context, id UserID, to Email) (User, error) {
	var u User
	err := s.update(ctx, func(tx *sqldb.Tx) (err error) {
		u, err = move(ctx, tx, id, func(User) bool { return true }, to)
		return err
	})
	return u, err
}

func orFault(err error, otherwise *fault.Fault) error {
	if err != nil {
		return err
	}
	return otherwise
}

// move renames the person, if may, and lets the home follow the address.
func move(ctx context.Context, tx *sqldb.Tx, id UserID, may func(User) bool, to Email) (User, error) {
	was, err := lockUser(ctx, tx, id)
	if err != nil {
		return was, err
	}
	if was.State != UserActive || !may(was) {
		return was, ErrEpoch
	}
	if was.Email == to {
		return was, nil
	}
	home, err := Organizations{store{tx: tx}}.OfDomain(ctx, to.Domain())
	if err != nil {
		return was, err
	}
	if err := renameUser(ctx, tx, id, to); err != nil {
		return was, taken(err)
	}
	if err := proveEmail(ctx, tx, id); err != nil {
		return was, err
	}
	if err := keepHome(ctx, tx, &was, home); err != nil {
		return was, err
	}
	e := UserEvent{User: id.String(), Reason: ReasonOwn, Old: was.Email.Address, New: to.Address}
	if err := announceUser(ctx, tx, id, EventUserEmailChanged, e); err != nil {
		return was, err
	}
	was.Email = to
	return was, nil
}

// taken is ErrEmailTaken where somebody else was quicker.
func taken(err error) error {
	if sqldb.IsUnique(err) {
		return ErrEmailTaken
	}
	return err
}

// SetOwn stores what the person prefers, and what the person calls themself; an organization that has a name for its member
// goes on using that.
func (s Users) SetOwn(ctx context.Context, id UserID, p Preferences, given, family string) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		in := Users{store{db: s.db, tx: tx}}
		if err := in.SetPreferences(ctx, id, p); err != nil {
			return err
		}
		u, err := in.ByID(ctx, id)
		if err != nil {
			return err
		}
		d := u.Details
		d.GivenName, d.FamilyName = strings.TrimSpace(given), strings.TrimSpace(family)
		return in.SetDetails(ctx, id, d)
	})
}

// AskErasure is RequestErasure at the person's own wish; the person, the operators and the organizations are told by events.
// The erasure itself stays the operator's act.
func (s Users) AskErasure(ctx context.Context, user UserID) (Erasure, error) {
	var e Erasure
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		in := Users{store{db: s.db, tx: tx}}
		if _, err := lockUser(ctx, tx, user); err != nil {
			return err
		}
		waiting, err := in.WaitingErasure(ctx, user)
		if err == nil { // asked before: nobody is told again
			e = waiting
			return nil
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		if e, err = in.RequestErasure(ctx, user); err != nil {
			return err
		}
		return tellErasure(ctx, tx, user, e)
	})
	return e, err
}

func tellErasure(ctx context.Context, tx *sqldb.Tx, user UserID, e Erasure) error {
	err := outbox.Append(tx, OrganizationID{}, EventErasureRequested, user.String(), UserEvent{User: user.String(), Reason: e.ID.String()})
	if err != nil {
		return err
	}
	open, err := undeletedOf(ctx, tx, user)
	if err != nil {
		return err
	}
	for _, m := range open {
		err := outbox.Append(tx, m.Organization, EventErasureAsked, m.ID.String(),
			NoticeEvent{Organization: m.Organization.String(), Membership: m.ID.String(), User: user.String()})
		if err != nil {
			return err
		}
	}
	return nil
}

// TakeBackErasure withdraws what the person has asked for; a request of the operator's is not the person's to withdraw.
func (s Users) TakeBackErasure(ctx context.Context, user UserID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		in := Users{store{db: s.db, tx: tx}}
		e, err := in.WaitingErasure(ctx, user)
		if err != nil {
			return err
		}
		if !e.Own() {
			return ErrErasureNotFound
		}
		if err := in.WithdrawErasure(ctx, e.ID); err != nil {
			return err
		}
		return outbox.Append(tx, OrganizationID{}, EventErasureWithdrawn, user.String(), UserEvent{User: user.String()})
	})
}

// Own reports whether the person asked for it.
func (e Erasure) Own() bool { return e.RequestedBy == "person "+e.User.String() }

// Leave ends the person's own membership. The home organization decides about its own people; whoever has a function that
// one member alone has hands it over first. Who takes over what the member owned stays open for the administrators.
//
// Invariant: the last administrator does not leave (TestLeaving).
func (s Memberships) Leave(ctx context.Context, user UserID, id MembershipID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		all := Memberships{store{db: s.db, tx: tx}}
		st, err := all.Standing(ctx, id)
		if err != nil {
			return err
		}
		if st.User != user {
			return ErrMemberNotFound
		}
		if err := lockMember(ctx, tx, st.Organization, id); err != nil {
			return err
		}
		was, err := all.ByID(ctx, st.Organization, id)
		if err != nil {
			return err
		}
		if was.User != user || was.AcceptedAt.IsZero() || was.isOver(tx.Now()) {
			return ErrMemberNotFound
		}
		if err := mayLeave(ctx, tx, &was); err != nil {
			return err
		}
		if err := end(ctx, tx, &was, Ending{Choice: EndPending}); err != nil {
			return namedLast(ctx, tx, st.Organization, err)
		}
		return audit.Append(ctx, tx, st.Organization, audit.Entry{Action: "membership.left", Object: id.String(), Person: user.String()})
	})
}

func mayLeave(ctx context.Context, tx *sqldb.Tx, was *Member) error {
	u, err := Users{store{tx: tx}}.ByID(ctx, was.User)
	if err != nil {
		return err
	}
	if u.Home == was.Organization {
		return errHomeStays
	}
	return handOverFunctions(ctx, tx, was, MembershipID{})
}
