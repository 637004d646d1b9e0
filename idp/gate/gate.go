// Package gate holds the one question before every token, assertion and session of every grant and protocol: may this
// be issued to this membership, for this application, now? It knows no protocol and issues nothing itself.
//
// Whoever issues demands a Pass, and only the gate makes one: a path that forgot to ask does not compile.
//
// Invariants:
//   - No Pass without a standing that gives access at this moment (TestGateMatrix).
//   - What was made under another epoch of person or membership is dead (TestGateMatrix).
//   - Nothing issued under a Pass outlives Cap.
//   - An application that demands a second factor hears of nobody without one; neither a mailed code nor a trusted browser
//     stands in for it there (TestApplicationDemandsAFactor).
//   - No Pass on a session that is older, or was unused for longer, than the organization allows (TestSessionLimitMatrix).
package gate

import (
	"context"
	"slices"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// MultiFactor is the authentication context class of a sign-in with two factors; package credential gives it.
const MultiFactor = "urn:portvakt:acr:mfa"

// MailCode is the class of a sign-in with a password and a code by mail.
const MailCode = "urn:portvakt:acr:mail"

// levels are the authentication context classes, from the least to the most.
var levels = []string{"urn:portvakt:acr:password", MailCode, MultiFactor, "urn:portvakt:acr:phr"}

// Reaches reports whether a sign-in of the class have is worth at least want. Both may be said by an alias; a class that
// is neither ours nor an alias reaches nothing.
func Reaches(have, want string) bool {
	h, w := slices.Index(levels, Class(have)), slices.Index(levels, Class(want))
	return w >= 0 && h >= w
}

// The things that are issued without an OAuth grant of the same name.
const (
	GrantSession   = "session"   // our own pages, or a sign-in before it is known for whom
	GrantAuthorize = "authorize" // an authorization code
	GrantAssertion = "assertion" // of SAML, to a service provider; registered by this name
)

// Application is what the gate must know of who will rely on what is issued.
type Application struct {
	ID               directory.ApplicationID
	Disabled         bool
	AllOrganizations bool
	Organizations    []directory.OrganizationID
	Grants           []string // registered grant types
	SecondFactor     bool     // lets nobody in without one, whatever the organization says
	SelfService      bool     // declares a self-service module, or all modules
}

// Serves reports whether members of the organization may enter.
func (a *Application) Serves(organization directory.OrganizationID) bool {
	return a.AllOrganizations || slices.Contains(a.Organizations, organization)
}

// Request is who asks for what. The epochs are those under which the session, code or family at hand was made; 0 where
// nothing was made yet. Application is the zero Application for our own pages.
type Request struct {
	Membership      directory.MembershipID
	UserEpoch       int64
	MembershipEpoch int64
	Application     Application
	Grant           string // the grant type, or one of the constants
	ACR             string
	AMR             []string
	// FactorAt is when the second factor was shown in a browser that has been trusted since; zero where it was not, or
	// where ACR says all.
	FactorAt time.Time
	Use      Use
}

// Pass is the proof that the gate said yes. It holds for the transaction or the moment in which it was given; it is not
// kept.
type Pass struct {
	standing    directory.Standing
	application directory.ApplicationID
	now         time.Time
	class       string
	sessionEnd  time.Time // zero: none of the organization's own
}

// Standing is how the member stood when the gate looked.
func (p Pass) Standing() directory.Standing { return p.standing }

// Application is whom the pass is for; zero for our own pages.
func (p Pass) Application() directory.ApplicationID { return p.application }

// Now is the moment for which the gate answered.
func (p Pass) Now() time.Time { return p.now }

// Cap is the end of the membership: nothing that is issued under the pass may be valid later. Zero: no end.
func (p Pass) Cap() time.Time { return p.standing.End }

// Until is t, or the membership's end where that comes first.
func (p Pass) Until(t time.Time) time.Time {
	if end := p.standing.End; !end.IsZero() && end.Before(t) {
		return end
	}
	return t
}

// Class is what the sign-in is worth for the membership.
func (p Pass) Class() string { return p.class }

// InSession is Until, or the end that the organization sets to the session at hand, where that comes first.
func (p Pass) InSession(t time.Time) time.Time {
	if t = p.Until(t); !p.sessionEnd.IsZero() && p.sessionEnd.Before(t) {
		return p.sessionEnd
	}
	return t
}

// Valid reports whether the gate made the pass; the zero Pass opens nothing.
func (p Pass) Valid() bool { return !p.now.IsZero() && !p.standing.Membership.IsZero() }

// Why the gate says no. Texts are fit for the person.
var (
	ErrNoMembership  = fault.New(fault.Forbidden, "no_membership", "There is no such membership")
	ErrUser          = fault.New(fault.Forbidden, "user_disabled", "The user is disabled")
	ErrOrganization  = fault.New(fault.Forbidden, "organization_suspended", "The organization is suspended")
	ErrMembership    = fault.New(fault.Forbidden, "membership_inactive", "The membership is not active")
	ErrEpoch         = fault.New(fault.Unauthenticated, "signed_out", "The sign-in has ended")
	ErrApplication   = fault.New(fault.Forbidden, "application_disabled", "The application is disabled")
	ErrNotServed     = fault.New(fault.Forbidden, "application_not_for_organization", "The application is not available in this organization")
	ErrSelfService   = fault.New(fault.Forbidden, "no_self_service", "The application has nothing for members without system access")
	ErrGrant         = fault.New(fault.Forbidden, "grant_not_registered", "The application is not registered for this grant type")
	ErrSecondFactor  = fault.New(fault.Unauthenticated, "second_factor_required", "A second factor is required")
	ErrSessionLimit  = fault.New(fault.Unauthenticated, "session_limit", "The sign-in is too old for the organization, or was not in use for too long")
	errNoApplication = fault.New(fault.Internal, "no_application", "Only our own pages have no application")
)

// Gate answers from the directory.
type Gate struct{ dir *directory.Directory }

// New makes the gate.
func New(dir *directory.Directory) *Gate { return &Gate{dir} }

// MayIssue reads the standing, inside the transaction where q is one, and judges.
func (g *Gate) MayIssue(ctx context.Context, q sqldb.Queryer, r Request) (Pass, error) {
	dir := g.dir
	if tx, ok := q.(*sqldb.Tx); ok {
		dir = dir.WithTx(tx)
	}
	standing, err := dir.Memberships.Standing(ctx, r.Membership)
	if fault.Is(err, fault.NotFound) {
		return Pass{}, ErrNoMembership.Because(err)
	}
	if err != nil {
		return Pass{}, err
	}
	return Judge(standing, q.Now(), r)
}

// Judge is MayIssue for a standing that was read in the same statement as what hangs on it (directory.ScanStanding).
func Judge(s directory.Standing, now time.Time, r Request) (Pass, error) {
	if s.Membership != r.Membership || s.Membership.IsZero() {
		return Pass{}, ErrNoMembership
	}
	if err := judgePerson(&s, now, r); err != nil {
		return Pass{}, err
	}
	if err := judgeApplication(&s, r); err != nil {
		return Pass{}, err
	}
	class := Counts(&s, r.ACR, r.AMR)
	if !r.Use.within(&s, now) {
		return Pass{}, ErrSessionLimit
	}
	if r.Application.SecondFactor && !Reaches(class, MultiFactor) || Demands(&s) && !Reaches(class, Least(&s)) && !trusted(&s, now, r.FactorAt) {
		return Pass{}, ErrSecondFactor
	}
	return Pass{standing: s, application: r.Application.ID, now: now, sessionEnd: r.Use.end(&s), class: class}, nil
}

func judgePerson(s *directory.Standing, now time.Time, r Request) error {
	switch {
	case s.UserState != directory.UserActive:
		return ErrUser
	case r.UserEpoch != 0 && r.UserEpoch != s.UserEpoch, r.MembershipEpoch != 0 && r.MembershipEpoch != s.Epoch:
		return ErrEpoch
	case s.OrgSuspended:
		return ErrOrganization
	case !s.ActiveAt(now):
		return ErrMembership
	}
	return nil
}

func judgeApplication(s *directory.Standing, r Request) error {
	a := &r.Application
	if a.ID.IsZero() {
		if r.Grant != GrantSession {
			return errNoApplication
		}
		return nil
	}
	registered := r.Grant
	if r.Grant == GrantAuthorize {
		registered = "authorization_code"
	}
	switch {
	case a.Disabled:
		return ErrApplication
	case !a.Serves(s.Organization):
		return ErrNotServed
	case s.Kind == directory.Limited && !a.SelfService:
		return ErrSelfService
	case r.Grant != GrantSession && !slices.Contains(a.Grants, registered):
		return ErrGrant
	}
	return nil
}
