package directory

import (
	"context"
	"errors"
	"slices"

	"portvakt/internal/actor"
	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// EventAdministratorAppointed tells that an operator gave an organization an administrator (R10).
const EventAdministratorAppointed = "administrator.appointed"

// Appointment is whom an operator makes an organization's administrator, and why.
type Appointment struct {
	Membership MembershipID // a member, or
	Email      string       // whoever signs in with this address
	Reason     string       // kept in the history
}

// AppointmentEvent is what the event about an appointment says.
type AppointmentEvent struct {
	Organization string `json:"organization"`
	Membership   string `json:"membership"`
	User         string `json:"user,omitempty"`
	Reason       string `json:"reason"` // for the letter to the administrators
}

const maxReason = 500

// Faults of appointments.
var (
	ErrNotOperator  = fault.New(fault.Forbidden, "not_operator", "Only an operator of the installation may do this")
	errReason       = fault.New(fault.Invalid, "missing", "An appointment needs a reason").On("reason")
	errReasonLength = fault.Newf(fault.Invalid, "too_long", "The reason is longer than %d bytes", maxReason).On("reason")
	errAppointee    = fault.New(fault.Conflict, "bad_appointee", "A suspended member cannot become an administrator; reactivate the member first").On("email")
	errDisabled     = fault.New(fault.Conflict, "appointee_disabled", "This person may not sign in at all, so nobody would administer the organization").On("email")
	// errAppointeeName is what an operator hears of ErrUserNameTaken: the user name is one that nobody has typed.
	errAppointeeName = fault.New(fault.Conflict, "appointee_name", "Another member, such as a contact, has this address as user name; change that user name first").On("email")
)

// Appoint makes somebody an organization's administrator by the operators' right, whether or not it has others. A member
// becomes one at once; somebody else becomes a member as whoever is invited, and acts after accepting.
//
// Invariant: nobody but an operator, or the installation itself, appoints, and never without a reason (TestR10_Appoint).
func (s Memberships) Appoint(ctx context.Context, org OrganizationID, a Appointment) (Member, error) {
	if kind := actor.From(ctx).Kind; kind != actor.Operator && kind != actor.System {
		return Member{}, ErrNotOperator
	}
	var err error
	if a.Reason, err = givenReason(a.Reason, errReason); err != nil {
		return Member{}, err
	}
	var m Member
	err = s.update(ctx, func(tx *sqldb.Tx) (err error) {
		if err := lockOrganization(ctx, tx, org); err != nil {
			return err
		}
		if m, err = appoint(ctx, Memberships{store{db: s.db, tx: tx}}, org, a); err != nil {
			return err
		}
		if err := audit.Append(ctx, tx, org, audit.Entry{Action: EventAdministratorAppointed, Object: m.ID.String(),
			Detail: map[string]any{"reason": a.Reason}}); err != nil {
			return err
		}
		return outbox.Append(tx, org, EventAdministratorAppointed, m.ID.String(),
			AppointmentEvent{Organization: org.String(), Membership: m.ID.String(), User: m.User.String(), Reason: a.Reason})
	})
	return m, err
}

func appoint(ctx context.Context, all Memberships, org OrganizationID, a Appointment) (Member, error) {
	m, err := appointee(ctx, all, org, a)
	switch {
	case fault.Is(err, fault.NotFound) && a.Membership.IsZero(), err == nil && m.isOver(all.now()) && a.Membership.IsZero():
		m, err = all.Create(ctx, org, NewMember{Member: Member{Email: a.Email, Administrator: true}})
		if errors.Is(err, ErrUserNameTaken) {
			err = errAppointeeName
		}
		if err == nil {
			err = refuseDisabled(ctx, all.tx, m.User)
		}
		return m, err
	case err != nil:
		return m, err
	case m.isOver(all.now()):
		return m, ErrMemberNotFound
	case !m.SuspendedAt.IsZero():
		return m, errAppointee
	}
	if err := refuseDisabled(ctx, all.tx, m.User); err != nil {
		return m, err
	}
	m, err = all.Change(ctx, org, m.ID, 0, func(m *Member) error { m.Administrator = true; return nil })
	if err == nil && m.AcceptedAt.IsZero() { // whoever invited may be the administrator who is gone
		m.InvitedBy = inviter(ctx)
		answersFor(all.tx, &m)
	}
	return m, err
}

// refuseDisabled locks the person, so that nobody is disabled while being appointed. A contact has no user; what is said of
// that is said by the change.
func refuseDisabled(ctx context.Context, tx *sqldb.Tx, user UserID) error {
	if user.IsZero() {
		return nil
	}
	u, err := lockUser(ctx, tx, user)
	if err == nil && u.State != UserActive {
		return errDisabled
	}
	return err
}

func appointee(ctx context.Context, all Memberships, org OrganizationID, a Appointment) (Member, error) {
	if !a.Membership.IsZero() {
		return all.ByID(ctx, org, a.Membership)
	}
	e, err := ParseEmail(a.Email)
	if err != nil {
		return Member{}, err
	}
	return all.ByEmail(ctx, org, e)
}

// guardAdministratorsOfUser refuses what would shut out a person who is the last administrator of some organization:
// disabling or erasing the user.
//
// Invariant: it locks the organizations that the person administers, in the order of their ids, and then the person, before
// the others are counted (TestR10_LastAdministratorOverEveryPath). Whoever made the person an administrator meanwhile is
// seen by then, and whoever steps down for the person's sake waits for the person's row (TestR10_WhoIsDisabledIsNoSuccessor).
func guardAdministratorsOfUser(ctx context.Context, tx *sqldb.Tx, user UserID) error {
	administered, err := administeredBy(ctx, tx, user)
	if err != nil {
		return err
	}
	slices.SortFunc(administered, func(a, b administration) int { return slices.Compare(a.organization[:], b.organization[:]) })
	for _, a := range administered {
		if err := lockOrganization(ctx, tx, a.organization); err != nil {
			return err
		}
	}
	if _, err := lockUser(ctx, tx, user); err != nil {
		return err
	}
	if administered, err = administeredBy(ctx, tx, user); err != nil { // as it stands behind the locks
		return err
	}
	for _, a := range administered {
		others, err := countAdministrators(ctx, tx, a.organization, a.membership, tx.Now())
		if err != nil {
			return err
		}
		if others == 0 {
			return namedLast(ctx, tx, a.organization, ErrLastAdministrator)
		}
	}
	return nil
}

// namedLast says of which organization somebody is the last administrator, to who acts on a person everywhere at once.
func namedLast(ctx context.Context, tx *sqldb.Tx, org OrganizationID, err error) error {
	if !errors.Is(err, ErrLastAdministrator) {
		return err
	}
	o, err := organizationRow(ctx, tx, org)
	if err != nil {
		return err
	}
	return fault.Newf(fault.Conflict, "last_administrator", "This is the last administrator of %s; appoint another one first", o.Name).On("organization")
}
