package directory

import (
	"context"
	"errors"
	"slices"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// The events of memberships.
const (
	EventMembershipCreated     = "membership.created"
	EventMembershipAccepted    = "membership.accepted"
	EventMembershipDeclined    = "membership.declined"
	EventMembershipChanged     = "membership.changed"
	EventMembershipSuspended   = "membership.suspended"
	EventMembershipReactivated = "membership.reactivated"
	EventMembershipEnded       = "membership.ended"
)

// MembershipEvent is what an event about a membership says.
type MembershipEvent struct {
	Membership   string `json:"membership"`
	Organization string `json:"organization"`
	User         string `json:"user,omitempty"`
	// Quiet says that nobody is to be written to: the installation's own seed made the member.
	Quiet bool `json:"quiet,omitempty"`
	// Invitation is the one that an event of invitations is about.
	Invitation string `json:"invitation,omitempty"`
}

// NewMember is who becomes a member, and how.
type NewMember struct {
	Member
	// Trusted is for the installation's own seed alone: active without acceptance, the e-mail verified, no mail sent.
	Trusted bool
	// Quiet is for imports: nobody is written to.
	Quiet bool
}

// manner is how somebody becomes a member.
type manner struct{ trusted, quiet bool }

var errNoEmail = fault.New(fault.Invalid, "missing", "A member needs an e-mail address to sign in with").On("email")

// Create makes somebody a member. A known address makes an invited membership of the same person and answers exactly as
// an unknown one (identity is not the organization's to take); only the home organization's members and the
// installation's own are accepted at once.
func (s Memberships) Create(ctx context.Context, org OrganizationID, n NewMember) (Member, error) {
	var m *Member
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		m = n.Member.clone()
		m.Organization = org
		return create(ctx, tx, m, manner{n.Trusted, n.Trusted || n.Quiet})
	})
	if sqldb.IsUnique(err) && s.tx == nil { // a function, taken at the same moment
		return Member{}, s.whichTaken(ctx, m)
	}
	if err != nil {
		return Member{}, err
	}
	return *m, nil
}

func create(ctx context.Context, tx *sqldb.Tx, m *Member, how manner) error {
	if err := prepare(ctx, m, tx.Now()); err != nil {
		return err
	}
	g, err := groundOf(ctx, tx, m)
	if err != nil {
		return err
	}
	if m.Kind != ContactOnly {
		if err := attachUser(ctx, tx, m, &g, how.trusted); err != nil {
			return err
		}
	}
	if err := vouched(ctx, tx, &g.organization, m); err != nil {
		return err
	}
	if err := takeSeat(ctx, tx, &g.organization, &nobody, m); err != nil {
		return err
	}
	was := Member{}
	if g.client {
		was.ManagedBy = m.ManagedBy // looked at already
	}
	if err := checkLinks(ctx, tx, m, &was); err != nil {
		return err
	}
	made, err := insertMember(ctx, tx, m)
	if err != nil {
		return err
	}
	if !made {
		return Memberships{store{tx: tx}}.whichTaken(ctx, m)
	}
	if g.locked {
		bumpAccess(tx, m.Organization)
	} else { // no version, so that nobody waits; whoever keeps a compiled model counts new members
		tx.Notify(AccessTopic)
	}
	if !g.user.ID.IsZero() {
		if err := refuseErased(ctx, tx, m.User); err != nil {
			return err
		}
	}
	if err := saveAccess(ctx, tx, m, nil); err != nil {
		return err
	}
	return announce(ctx, tx, m, EventMembershipCreated, how.quiet)
}

// prepare makes of what was asked for the member that is to be, and refuses what needs no look at the database.
func prepare(ctx context.Context, m *Member, now time.Time) error {
	complete(ctx, m, now)
	if err := m.check(); err != nil {
		return err
	}
	m.InvitedBy = inviter(ctx)
	return checkDates(ctx, &Member{}, m, now)
}

// complete fills in what may be left out, and takes away what nobody may bring along.
func complete(ctx context.Context, m *Member, now time.Time) {
	m.ID = sqldb.NewID[membershipPrefix](now)
	m.CreatedAt, m.ChangedAt, m.Version, m.Epoch = now, now, 1, 1
	m.User, m.EmailVerified, m.Operator = UserID{}, false, false
	m.AcceptedAt, m.EndedAt, m.AnnouncedAt, m.DeletedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	m.SuspendedAt, m.ArchivedAt = since(time.Time{}, m.SuspendedAt, now), time.Time{}
	if m.Start.IsZero() {
		m.Start = now
	}
	if m.Kind == "" {
		m.Kind = Employee
	}
	m.nameDefault()
	if m.Kind == ContactOnly {
		m.AcceptBy = time.Time{}
		m.Email = "" // it is a user name, and whatever contact details were given
	}
	if len(m.Segments) == 0 {
		m.AllSegments = true
	}
	m.settle()
	if m.Held = nil; actsAs(ctx, m.ManagedBy) {
		m.HoldAll()
	}
}

// inviter is the person who makes the member, zero where a system does.
func inviter(ctx context.Context) UserID {
	a := actor.From(ctx)
	if a.Kind != actor.Person && a.Kind != actor.Operator {
		return UserID{}
	}
	id, err := ParseUserID(a.ID)
	if err != nil {
		return UserID{}
	}
	return id
}

// nameDefault is the user name of whoever was given none: the sign-in address, else the identifier.
func (m *Member) nameDefault() {
	if m.UserName == "" {
		m.UserName = m.Email
	}
	if m.UserName == "" {
		m.UserName = m.ID.String()
	}
}

// attachUser finds or makes the person and decides whether the membership is accepted. The ground's user is then whoever was
// there before, also somebody whom others made since the ground was read.
func attachUser(ctx context.Context, tx *sqldb.Tx, m *Member, g *ground, trusted bool) error {
	home := g.home
	u, fresh, err := findUser(ctx, tx, g)
	if err != nil {
		return err
	}
	m.User = u.ID
	if g.user = u; fresh {
		g.user = User{}
	}
	if !fresh || home != m.Organization { // of a stranger it finds nothing, but asks as for anybody else (R09)
		if err := makeRoom(ctx, tx, m.Organization, u.ID); err != nil {
			return err
		}
		if err := keepHome(ctx, tx, &u, home); err != nil {
			return err
		}
	}
	admit(m, &u, trusted, tx.Now())
	switch {
	case trusted:
		return Users{store{tx: tx}}.VerifyEmail(ctx, u.ID)
	case u.Home == m.Organization && !fresh:
		return voidUnlessElsewhere(ctx, tx, u.ID)
	}
	return nil
}

// admit decides whether the person's membership is accepted from its beginning.
func admit(m *Member, u *User, trusted bool, now time.Time) {
	m.User = u.ID
	if trusted || u.Home == m.Organization {
		m.AcceptedAt = now
	}
	if !m.AcceptedAt.IsZero() {
		m.AcceptBy = time.Time{}
	}
	m.Email, m.EmailVerified = shownAddress(m, u.Email), !m.AcceptedAt.IsZero() && (trusted || !u.EmailVerifiedAt.IsZero())
}

// voidUnlessElsewhere voids the credentials of a person whom the home organization makes again and who is active nowhere:
// the address may have gone to somebody else since, and what the former holder knew must open nothing.
func voidUnlessElsewhere(ctx context.Context, tx *sqldb.Tx, user UserID) error {
	others, err := countAlive(ctx, tx, user, tx.Now())
	if err != nil || others > 0 {
		return err
	}
	return Users{store{tx: tx}}.VoidCredentials(ctx, user)
}

// makeRoom takes the person's former membership away where it is over, so that a new one can have its user name and
// external id, and refuses where it is not. What nobody had announced is announced here.
func makeRoom(ctx context.Context, tx *sqldb.Tx, org OrganizationID, user UserID) error {
	formers, err := membershipsOf(ctx, tx, org, user)
	if err != nil {
		return err
	}
	for i := range formers {
		if !formers[i].isOver(tx.Now()) {
			return ErrAlreadyMember
		}
	}
	for i := range formers {
		if err := supersede(ctx, tx, org, formers[i].ID); err != nil {
			return err
		}
	}
	return nil
}

func supersede(ctx context.Context, tx *sqldb.Tx, org OrganizationID, id MembershipID) error {
	if err := lockMember(ctx, tx, org, id); err != nil {
		return err
	}
	was, err := Memberships{store{tx: tx}}.ByID(ctx, org, id)
	if err != nil {
		return err
	}
	if !was.isOver(tx.Now()) { // revived meanwhile
		return ErrAlreadyMember
	}
	m := was.clone()
	m.DeletedAt = tx.Now()
	if was.AnnouncedAt.IsZero() {
		return announceEnd(ctx, tx, &was, m)
	}
	m.Functions = nil
	m.Version, m.ChangedAt = was.Version+1, tx.Now()
	bumpAccess(tx, org)
	if err := updateMember(ctx, tx, was.Version, m); err != nil {
		return err
	}
	if err := saveAccess(ctx, tx, m, &was); err != nil {
		return err
	}
	return audit.Append(ctx, tx, org, changed("membership.superseded", &was, m))
}

// whichTaken finds out which of the unique things somebody else has.
func (s Memberships) whichTaken(ctx context.Context, m *Member) error {
	if m.Kind != ContactOnly && !m.User.IsZero() {
		others, err := membershipsOf(ctx, s.q(), m.Organization, m.User)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(others, func(o Member) bool { return o.ID != m.ID && o.AnnouncedAt.IsZero() }) {
			return ErrAlreadyMember
		}
	}
	if err := checkTaken(ctx, s.q(), m, &Member{}); err != nil {
		return err
	}
	if e, err := ParseEmail(m.Email); err == nil {
		if u, err := (Users(s)).ByEmail(ctx, e); err == nil && u.ID != m.User {
			return ErrEmailTaken
		}
	}
	return ErrAlreadyMember.Because(errGone)
}

// errGone: what stood in the way was taken away while we looked.
var errGone = errors.New("directory: a unique constraint refused, and nobody is left who has the same")

func announce(ctx context.Context, tx *sqldb.Tx, m *Member, kind string, quiet bool) error {
	return tell(ctx, tx, m, audit.Entry{Action: kind, Object: m.ID.String(), Person: m.about()}, quiet)
}

// tell writes the entry and its event. Everything that begins, changes or ends a membership comes by here, so what the
// member made for the organization ends here too, or is told of where it goes on.
func tell(ctx context.Context, tx *sqldb.Tx, m *Member, e audit.Entry, quiet bool) error {
	if err := audit.Append(ctx, tx, m.Organization, e); err != nil {
		return err
	}
	if losesAccess(e.Action) {
		if err := endMade(ctx, tx, m); err != nil {
			return err
		}
		if err := tellLeft(ctx, tx, m); err != nil {
			return err
		}
	}
	return outbox.Append(tx, m.Organization, e.Action, m.ID.String(), eventFor(m, quiet))
}

func eventFor(m *Member, quiet bool) MembershipEvent {
	return MembershipEvent{Membership: m.ID.String(), Organization: m.Organization.String(), User: m.User.String(), Quiet: quiet}
}
