package directory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// The events of invitations. Unanswered comes once, some days before the invitation is over.
const (
	EventInvitationCreated    = "invitation.created"
	EventInvitationResent     = "invitation.resent"
	EventInvitationWithdrawn  = "invitation.withdrawn"
	EventInvitationBounced    = "invitation.bounced"
	EventInvitationUnanswered = "invitation.unanswered"
	EventInvitationExpired    = "invitation.expired"
)

// InvitationState is how far an invitation has come; it is computed, never stored.
type InvitationState string

// The states of an invitation.
const (
	InvitationCreated   InvitationState = "created"   // nothing sent yet
	InvitationSent      InvitationState = "sent"      // the mail server took it
	InvitationBounced   InvitationState = "bounced"   // the mail came back
	InvitationOpened    InvitationState = "opened"    // the link was followed, perhaps by a scanner of mails
	InvitationAccepted  InvitationState = "accepted"  // or, at home, the account is in use
	InvitationDeclined  InvitationState = "declined"  // by the person
	InvitationWithdrawn InvitationState = "withdrawn" // by the organization, in whatever way
	InvitationExpired   InvitationState = "expired"   // unanswered for too long
)

// Limits of invitations.
const (
	MaxInvitees     = 1000                // in one batch
	AcceptWithin    = 30 * 24 * time.Hour // unless a batch says otherwise
	maxAcceptWithin = 366 * 24 * time.Hour
	minAcceptWithin = time.Hour
	maxResent       = 5 // a day: nobody's mailbox is anybody's to fill
)

// Invitee is somebody to be invited.
type Invitee struct {
	Line       int    // where the entry stands in a file, for the outcome; 0: its place in the list
	Email      string // also as mail programs write it: Kari Nordmann <kari@example.com>
	GivenName  string
	FamilyName string

	shown string // the name beside the address, where there is no other
}

// Batch is a list of people to invite as the same.
type Batch struct {
	Language     string // of the mails, until the person chooses one; "" is the organization's
	Kind         Kind   // "" is employee
	Start, End   time.Time
	Packages     []string // the base package first, then add-ons; none where the organization uses roles or grants alone
	Grants       map[string]Grade
	Role         RoleID
	Segments     []string      // none: all
	AcceptWithin time.Duration // 0: 30 days
	People       []Invitee
}

// Outcome is what became of one line of a batch: a membership and its invitation, or a fault with code, text and field.
type Outcome struct {
	Line       int // of the file, or the place in the list, from 1
	Email      string
	Membership MembershipID
	Invitation InvitationID
	Fault      *fault.Fault
}

// Faults of invitations.
var (
	ErrInvitationOver = fault.New(fault.Conflict, "invitation_over", "The invitation is over; invite the person again")
	ErrNotWaiting     = fault.New(fault.Conflict, "invitation_answered", "The person has answered already")
	// ErrInvitationVoid is what the person hears whose invitation was made by somebody who may invite nobody any more. To
	// them it is gone like any other.
	ErrInvitationVoid = fault.New(fault.NotFound, "invitation_void", "The invitation is no longer valid")
)

// Invitations is the store of invitations: each time that somebody was asked to join.
type Invitations struct{ store }

// Invite invites everybody on the list, each in a transaction of their own, so that one bad address does not lose the
// others. A mistake that concerns all is an error, and nobody is invited. Where trouble stops the work on the way, it is
// answered beside the outcomes so far.
//
// Invariant: a known address has the same outcome as an unknown one, at the same cost (TestR09_KnownAndUnknownAreInvitedAlike).
func (s Invitations) Invite(ctx context.Context, org OrganizationID, b Batch) ([]Outcome, error) {
	if err := s.checkBatch(ctx, org, &b); err != nil {
		return nil, err
	}
	batch := sqldb.NewID[batchPrefix](s.now())
	seen := map[string]int{}
	outcomes := make([]Outcome, 0, len(b.People))
	for i, p := range b.People {
		o := Outcome{Line: cmp.Or(p.Line, i+1), Email: p.Email}
		box, err := ParseMailbox(p.Email) // lists come out of mail programs
		e := box.Email
		if first := seen[e.Key]; err == nil && first > 0 {
			err = fault.Newf(fault.Conflict, "duplicate", "The same address stands on line %d", first).On("email")
		}
		if err == nil {
			seen[e.Key], p.Email = o.Line, e.Address
			if p.GivenName == "" && p.FamilyName == "" {
				p.shown = box.Name
			}
			o.Membership, o.Invitation, err = s.invite(ctx, org, batch, b.member(p, s.now()), b.Language)
		}
		if f := fault.Of(err); err != nil && f.Kind == fault.Internal {
			return outcomes, err
		} else if err != nil {
			o.Fault = f
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// invite makes one membership with its invitation.
func (s Invitations) invite(ctx context.Context, org OrganizationID, batch BatchID, n NewMember, language string) (id MembershipID, invitation InvitationID, err error) {
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		m, err := (Memberships{store{db: s.db, tx: tx}}).Create(ctx, org, n)
		if err != nil {
			return err
		}
		id, invitation = m.ID, sqldb.NewID[invitationPrefix](tx.Now())
		i := invitationRow{id: invitation, organization: org, membership: m.ID, batch: batch, language: language}
		insertInvitation(tx, i)
		return announceInvitation(ctx, tx, EventInvitationCreated, i)
	})
	if sqldb.IsUnique(err) { // made at the same moment by somebody else
		return MembershipID{}, InvitationID{}, ErrAlreadyMember
	}
	if err != nil {
		return MembershipID{}, InvitationID{}, err
	}
	return id, invitation, nil
}

// member is what the batch makes of one person.
func (b *Batch) member(p Invitee, now time.Time) NewMember {
	m := Member{
		Email: strings.TrimSpace(p.Email), Kind: b.Kind, Start: b.Start, End: b.End, Packages: b.Packages, Grants: b.Grants, Role: b.Role,
		Segments: b.Segments, AcceptBy: now.Add(b.AcceptWithin),
		Details: Details{GivenName: strings.TrimSpace(p.GivenName), FamilyName: strings.TrimSpace(p.FamilyName), DisplayName: p.shown, PreferredLanguage: b.Language},
	}
	return NewMember{Member: m}
}

// checkBatch refuses what would be refused of everybody, and fills in what may be left out.
func (s Invitations) checkBatch(ctx context.Context, org OrganizationID, b *Batch) error {
	switch {
	case len(b.People) == 0:
		return fault.New(fault.Invalid, "missing", "There is nobody to invite").On("people")
	case len(b.People) > MaxInvitees:
		return fault.Newf(fault.Invalid, "too_many", "At most %d people can be invited at once", MaxInvitees).On("people")
	}
	if b.AcceptWithin == 0 {
		b.AcceptWithin = AcceptWithin
	}
	if b.AcceptWithin < minAcceptWithin || b.AcceptWithin > maxAcceptWithin {
		return fault.New(fault.Invalid, "bad_duration", "People have between an hour and a year to answer").On("accept_within")
	}
	if b.Kind == "" {
		b.Kind = Employee
	}
	if b.Kind == ContactOnly || b.Kind == Reseller {
		return fault.New(fault.Invalid, "bad_kind", "Employees, external and limited members are invited; contacts and resellers are not").On("kind")
	}
	if err := checkLanguage(b.Language); err != nil {
		return err
	}
	if !b.End.IsZero() && !b.End.After(s.now()) {
		return fault.New(fault.Invalid, "end_in_past", "The end has passed").On("end")
	}
	if err := s.checkPackages(ctx, b.Packages); err != nil {
		return err
	}
	if _, err := (Organizations(s)).ByID(ctx, org); err != nil {
		return err
	}
	sample := b.member(Invitee{Email: "somebody@organization.example"}, s.now())
	sample.Organization = org
	complete(ctx, &sample.Member, s.now())
	return sample.check()
}

// checkPackages refuses anything but exactly one base package, first, with add-ons behind it; or no package at all.
func (s Invitations) checkPackages(ctx context.Context, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	all, err := Access{store: s.store}.Packages(ctx)
	if err != nil {
		return err
	}
	for i, key := range keys {
		p, there := find(all, func(p Package) bool { return p.Key == key })
		switch {
		case !there:
			return fault.Newf(fault.Invalid, "unknown_package", "There is no package %q", key).On("packages")
		case p.Base != (i == 0):
			return fault.New(fault.Invalid, "base_package", "One base package comes first, add-on packages follow").On("packages")
		case slices.Contains(keys[:i], key):
			return fault.New(fault.Invalid, "duplicate", "A package stands there twice").On("packages")
		}
	}
	return nil
}

func announceInvitation(ctx context.Context, tx *sqldb.Tx, kind string, i invitationRow) error {
	err := audit.Append(ctx, tx, i.organization, audit.Entry{Action: kind, Object: i.membership.String(), Detail: map[string]any{"invitation": i.id.String()}})
	if err != nil {
		return err
	}
	return outbox.Append(tx, i.organization, kind, i.membership.String(),
		MembershipEvent{Membership: i.membership.String(), Organization: i.organization.String(), Invitation: i.id.String()})
}
