package directory

import (
	"context"
	"slices"
	"time"

	"portvakt/internal/fault"
)

// Invitation is what an organization sees of somebody whom it has asked to join: what it said itself, and how far it has
// come. There is no link in it and none to be had: what accepts it is known to the mailbox alone.
type Invitation struct {
	ID         InvitationID
	Batch      BatchID
	Membership MembershipID
	Email      string // in the organization's own spelling until the person has accepted
	Details    Details
	Kind       Kind
	Language   string
	Start, End time.Time
	AcceptBy   time.Time
	InvitedBy  UserID
	CreatedAt  time.Time // when the person was last asked
	SentAt     time.Time
	OpenedAt   time.Time
	BouncedAt  time.Time
	Reason     string // why the mail came back

	facts      facts
	made       time.Time // the membership
	verified   bool
	declined   time.Time
	withdrawn  time.Time
	signInMail Email
}

// StateAt is how far the invitation has come at a moment. Somebody who belongs to the organization's own home needs no
// consent and is accepted at once; that counts once the account is in use.
func (i *Invitation) StateAt(now time.Time) InvitationState {
	f := i.facts
	switch {
	case !f.accepted.IsZero() && (!f.accepted.Equal(i.made) || i.verified):
		return InvitationAccepted
	case !i.declined.IsZero():
		return InvitationDeclined
	case !i.withdrawn.IsZero(), !f.ended.IsZero(), !f.deleted.IsZero():
		return InvitationWithdrawn
	case f.over(now):
		return InvitationExpired
	case !i.BouncedAt.IsZero():
		return InvitationBounced
	case !i.OpenedAt.IsZero():
		return InvitationOpened
	case !i.SentAt.IsZero():
		return InvitationSent
	}
	return InvitationCreated
}

// InvitationPlace is a place in the list of invitations: the last one of a page.
type InvitationPlace struct {
	Created time.Time
	ID      InvitationID
}

// InvitationQuery says which invitations to list, the newest first.
type InvitationQuery struct {
	States []InvitationState // none: all
	Batch  BatchID           // zero: all
	After  *InvitationPlace
	Limit  int // 0: 100; at most 1000
}

// List are the organization's invitations, each person's newest, the newest first.
func (s Invitations) List(ctx context.Context, org OrganizationID, q InvitationQuery) ([]Invitation, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	q.Limit = min(q.Limit, 1000)
	for _, state := range q.States {
		if _, known := invitationStates[state]; !known {
			return nil, fault.New(fault.Invalid, "bad_state", "There is no such state of an invitation").On("state")
		}
	}
	return s.list(ctx, org, q)
}

// Asked is what a mail or a page tells the person about an invitation: who asks, as what, until when.
type Asked struct {
	ID        InvitationID // zero where the member was made without, by a provisioning system for example
	Inviter   string       // "" where no person invited, or one without a name
	Language  string
	AcceptBy  time.Time
	Packages  []Package
	Answered  bool // accepted
	Withdrawn bool // by the organization, whether or not by that word
}

// Asked is what to tell the person about the invitation of a membership. It is for the person alone.
func (s Invitations) Asked(ctx context.Context, org OrganizationID, id MembershipID) (Asked, error) {
	var a Asked
	m, err := (Memberships(s)).ByID(ctx, org, id)
	if err != nil {
		return a, err
	}
	a.AcceptBy, a.Answered, a.Withdrawn = m.AcceptBy, !m.AcceptedAt.IsZero(), !m.EndedAt.IsZero()
	i, err := currentInvitation(ctx, s.q(), org, id)
	if err != nil {
		return a, err
	}
	a.ID, a.Language = i.id, i.language
	if len(m.Packages) > 0 {
		all, err := Access{store: s.store}.Packages(ctx)
		if err != nil {
			return a, err
		}
		a.Packages = slices.DeleteFunc(all, func(p Package) bool { return !slices.Contains(m.Packages, p.Key) })
		slices.SortStableFunc(a.Packages, func(x, y Package) int { return order(y.Base) - order(x.Base) })
	}
	a.Inviter, err = s.nameOf(ctx, org, m.InvitedBy)
	return a, err
}

func order(base bool) int {
	if base {
		return 1
	}
	return 0
}

// nameOf is the inviter's name as the organization knows it, else as the person gave it.
func (s Invitations) nameOf(ctx context.Context, org OrganizationID, user UserID) (string, error) {
	if user.IsZero() {
		return "", nil
	}
	here, err := membershipsOf(ctx, s.q(), org, user)
	if err != nil {
		return "", err
	}
	for i := range here {
		if name := here[i].Details.Name(); name != "" {
			return name, nil
		}
	}
	u, err := (Users(s)).ByID(ctx, user)
	if fault.Is(err, fault.NotFound) || u.State == UserErased {
		return "", nil
	}
	return u.Details.Name(), err
}

// NameIn is the package's name in a language, else in English, else its key.
func (p *Package) NameIn(language string) string {
	for _, l := range []string{language, "en"} {
		if name := p.Names[l]; name != "" {
			return name
		}
	}
	return p.Key
}
