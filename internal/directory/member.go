package directory

import (
	"maps"
	"slices"
	"time"

	"portvakt/internal/fault"
)

// Kind is what sort of member somebody is (R26-R30).
type Kind string

// The kinds of members.
const (
	Employee    Kind = "employee" // with system access
	External    Kind = "external" // with system access for a period
	Limited     Kind = "limited"  // self-service functions only
	ContactOnly Kind = "contact"  // a person without user
	Reseller    Kind = "reseller" // administered by the agency
)

// Function is a duty that one or several members have (R04).
type Function string

// The functions; at most one member of an organization has each of the last two.
const (
	InformationRecipient Function = "information_recipient"
	InvoiceRecipient     Function = "invoice_recipient"
	MainRecipient        Function = "main_recipient"
)

// isSingle reports whether at most one member of an organization has the function.
func (f Function) isSingle() bool { return f == InvoiceRecipient || f == MainRecipient }

// Grade is how much of a module somebody may use (R22).
type Grade string

// The grades.
const (
	GradeNone Grade = "none"
	GradeView Grade = "view"
	GradeEdit Grade = "edit"
)

// State is what a membership is shown as; it is computed, never stored.
type State string

// The states of a membership.
const (
	StateInvited   State = "invited"   // not accepted yet
	StateScheduled State = "scheduled" // accepted, before its start
	StateActive    State = "active"
	StateSuspended State = "suspended"
	StateEnded     State = "ended"
	StateArchived  State = "archived"
	StateContact   State = "contact" // cannot sign in
)

// ResellerRole is what an agency's employee does for an organization that the agency manages (R30).
type ResellerRole string

// What an agency's employee can be for an organization.
const (
	Accountant ResellerRole = "accountant"
	Auditor    ResellerRole = "auditor"
)

// ResellerAccess is what a member of kind reseller may do; zero for every other kind.
type ResellerAccess struct {
	Role               ResellerRole
	BankAccess         bool // added explicitly
	UserAdministration bool // added explicitly
}

// Member is a membership with its person: a user in one organization for the span [Start, End).
type Member struct {
	ID           MembershipID
	Organization OrganizationID
	User         UserID // zero for a contact
	Kind         Kind

	Start time.Time // inclusive; on creation zero means now
	End   time.Time // exclusive; zero: open

	AcceptedAt  time.Time
	AcceptBy    time.Time // an invitation that nobody has accepted is over then; zero: it stays open
	SuspendedAt time.Time
	EndedAt     time.Time // ended by somebody, whatever End says
	AnnouncedAt time.Time // when the end was announced
	DeletedAt   time.Time
	ArchivedAt  time.Time

	SecondFactor  SecondFactor // SecondFactorRequired, or empty: what the organization says
	InvitedBy     UserID       // who made the member, where that was a person
	Reseller      ResellerAccess
	Administrator bool
	Role          RoleID
	AllSegments   bool
	Segments      []string // keys; read when AllSegments is false
	Packages      []string // keys
	Grants        map[string]Grade
	Functions     []Function

	UserName    string // the organization's own name for the member, unique in it without regard to case
	ExternalID  string
	ManagedBy   ProvisioningClientID // whose member it is; zero: made elsewhere
	Held        []string             // what that client has set and nobody else changes: names of details, user_name, external_id, manager
	Manager     MembershipID
	ManagerText string
	Successor   MembershipID
	Details     Details

	Email         string // the sign-in address; only the home organization's change of it counts
	EmailVerified bool
	Operator      bool // the person runs the installation; nothing of a membership changes that

	Epoch     int64
	Version   int64
	CreatedAt time.Time
	ChangedAt time.Time
}

// Faults of memberships.
var (
	ErrMemberNotFound    = fault.New(fault.NotFound, "member_not_found", "There is no such member")
	ErrAlreadyMember     = fault.New(fault.Conflict, "already_member", "This person is a member already").On("email")
	ErrUserNameTaken     = fault.New(fault.Conflict, "user_name_taken", "Another member has this user name").On("user_name")
	ErrExternalIDTaken   = fault.New(fault.Conflict, "external_id_taken", "Another member has this external id").On("external_id")
	ErrStale             = fault.New(fault.Stale, "stale", "The member has been changed meanwhile")
	ErrLastAdministrator = fault.New(fault.Conflict, "last_administrator", "This is the organization's last administrator; appoint another one first")
	ErrFunctionTaken     = fault.New(fault.Conflict, "function_taken", "Another member has this function").On("functions")
)

// ActiveAt reports whether the membership gives access at a moment. It is the one place that says so.
func (m *Member) ActiveAt(now time.Time) bool { return m.StateAt(now) == StateActive }

// StateAt is what the membership is shown as at a moment.
func (m *Member) StateAt(now time.Time) State {
	return stateAt(m.facts(), now)
}

func (m *Member) facts() facts {
	return facts{m.Kind, m.Start, m.End, m.AcceptedAt, m.AcceptBy, m.SuspendedAt, m.EndedAt, m.DeletedAt, m.ArchivedAt}
}

// facts are what a membership's state is computed from.
type facts struct {
	kind                                                                Kind
	start, end, accepted, acceptBy, suspended, ended, deleted, archived time.Time
}

// over reports whether a membership has ended, by somebody or by itself: at its end, or unaccepted for too long.
func (f facts) over(now time.Time) bool {
	return !f.deleted.IsZero() || !f.ended.IsZero() || !f.end.IsZero() && !now.Before(f.end) ||
		f.accepted.IsZero() && !f.acceptBy.IsZero() && !now.Before(f.acceptBy)
}

func stateAt(f facts, now time.Time) State {
	switch {
	case !f.archived.IsZero():
		return StateArchived
	case f.over(now):
		return StateEnded
	case f.kind == ContactOnly:
		return StateContact
	case !f.suspended.IsZero():
		return StateSuspended
	case f.accepted.IsZero():
		return StateInvited
	case now.Before(f.start):
		return StateScheduled
	}
	return StateActive
}

// ListedActive is SCIM's "active": true while invited or before the start, false once suspended or over.
func (m *Member) ListedActive(now time.Time) bool {
	switch m.StateAt(now) {
	case StateActive, StateInvited, StateScheduled, StateContact:
		return true
	}
	return false
}

// TakesSeat reports whether the membership uses one of the organization's seats (R32): people with access do, also
// invited ones and future starts; suspended and ended ones do not.
func (m *Member) TakesSeat(now time.Time) bool {
	if m.Kind == Limited || m.Kind == ContactOnly {
		return false
	}
	switch m.StateAt(now) {
	case StateActive, StateInvited, StateScheduled:
		return true
	}
	return false
}

// isOver reports whether the membership has ended, whether or not it was archived since.
func (m *Member) isOver(now time.Time) bool { return m.facts().over(now) }

// clone is a deep copy, so that an edit leaves the loaded state to compare with.
func (m *Member) clone() *Member {
	c := *m
	c.Segments = slices.Clone(m.Segments)
	c.Packages = slices.Clone(m.Packages)
	c.Functions = slices.Clone(m.Functions)
	c.Grants = maps.Clone(m.Grants)
	c.Held = slices.Clone(m.Held)
	c.Details.Emails = slices.Clone(m.Details.Emails)
	c.Details.Phones = slices.Clone(m.Details.Phones)
	c.Details.Photos = slices.Clone(m.Details.Photos)
	c.Details.IMs = slices.Clone(m.Details.IMs)
	c.Details.Addresses = slices.Clone(m.Details.Addresses)
	c.Details.Certificates = slices.Clone(m.Details.Certificates)
	return &c
}

// settle brings a member into the one form in which it is stored and compared: whole microseconds UTC, sorted lists
// without repetitions, nothing empty beside nothing.
func (m *Member) settle() {
	for _, t := range []*time.Time{&m.Start, &m.End, &m.AcceptedAt, &m.AcceptBy, &m.SuspendedAt, &m.EndedAt, &m.AnnouncedAt, &m.DeletedAt, &m.ArchivedAt} {
		if !t.IsZero() {
			*t = t.UTC().Truncate(time.Microsecond)
		}
	}
	if m.SecondFactor == SecondFactorOptional {
		m.SecondFactor = ""
	}
	m.Packages, m.Functions, m.Segments = sorted(m.Packages), sorted(m.Functions), sorted(m.Segments)
	if m.AllSegments {
		m.Segments = nil
	}
	if m.Grants == nil {
		m.Grants = map[string]Grade{}
	}
	for _, list := range []*[]Contact{&m.Details.Emails, &m.Details.Phones, &m.Details.Photos, &m.Details.IMs, &m.Details.Certificates} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	if len(m.Details.Addresses) == 0 {
		m.Details.Addresses = nil
	}
}

func sorted[T ~string](in []T) []T {
	if len(in) == 0 {
		return nil
	}
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Compact(out)
}

// Memberships is the store of memberships.
type Memberships struct{ store }
