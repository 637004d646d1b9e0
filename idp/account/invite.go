package account

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"portvakt/idp/interaction"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/mail"
	"portvakt/internal/outbox"
)

// welcome writes to somebody who was made a member, was asked again, or has not answered yet: how to choose a password,
// or, where they can sign in, that they are invited. Somebody who needs neither is not written to.
func (a *Account) welcome(ctx context.Context, e outbox.Event) error {
	var about directory.MembershipEvent
	if err := json.Unmarshal(e.Data, &about); err != nil {
		return err
	}
	if about.Quiet || about.User == "" && about.Invitation == "" {
		return nil
	}
	id, err := directory.ParseMembershipID(about.Membership)
	if err != nil {
		return err
	}
	st, err := a.dir.Memberships.Standing(ctx, id)
	if err != nil {
		return gone(err)
	}
	switch st.State(a.db.Now()) {
	case directory.StateActive, directory.StateInvited, directory.StateScheduled:
	default: // ended, suspended before the mail was written
		return nil
	}
	asked, err := a.dir.Invitations.Asked(ctx, st.Organization, st.Membership)
	if err != nil {
		return gone(err)
	}
	u, err := a.dir.Users.ByID(ctx, st.User)
	if err != nil {
		return gone(err)
	}
	m := letter{to: u, about: &st, asked: &asked, event: e.ID, reminder: e.Kind == directory.EventInvitationUnanswered}
	return a.delivered(ctx, m, a.ask(ctx, m))
}

// errNotWritten: the person needs no mail, so none was sent.
var errNotWritten = errors.New("account: nobody needs a mail")

// ask writes the mail about a membership. Somebody who is shut out everywhere gets none, and the organization, which must
// not learn of it, sees what it would see of anybody else.
func (a *Account) ask(ctx context.Context, m letter) error {
	if m.to.State != directory.UserActive {
		return nil
	}
	has, err := a.credentials.Of(ctx, a.db, m.to.ID)
	switch {
	case err != nil:
		return err
	case has.Newcomer():
		return a.mailLink(ctx, m)
	case m.about.State(a.db.Now()) != directory.StateInvited:
		return errNotWritten
	}
	link := a.cfg.Issuer + pathAccount
	if !m.asked.ID.IsZero() { // made by SCIM, or otherwise without a list: there is nothing to follow up
		link += "?invitation=" + m.asked.ID.String()
	}
	return a.sender.Send(ctx, a.texts.Invitation(a.invitation(m, link)))
}

// delivered notes on the invitation what the mail server said. A mail that it will never take has bounced; there is
// nothing to try again.
func (a *Account) delivered(ctx context.Context, m letter, err error) error {
	switch {
	case errors.Is(err, errNotWritten):
		return nil
	case err != nil && !m.asked.ID.IsZero() && (fault.Of(err).Code == "mail_rejected" || errors.Is(err, mail.ErrRecipient)):
		a.log.WarnContext(ctx, "invitation bounced", "membership", m.about.Membership.String(), "error", err)
		return a.dir.Invitations.Bounced(ctx, m.to.Email.Address, fault.Of(err).Text)
	case err != nil || m.asked.ID.IsZero():
		return err
	}
	return a.dir.Invitations.Sent(ctx, m.asked.ID)
}

// invitation is what the mail says: who invites, as what, until when.
func (a *Account) invitation(m letter, link string) mail.Invitation {
	to := recipient(m.to, m.about)
	i := mail.Invitation{
		Recipient: to, OrganizationName: m.about.Name, Inviter: m.asked.Inviter, Kind: string(m.about.Kind), End: m.about.End,
		AnswerBy: m.asked.AcceptBy, Link: link, Reminder: m.reminder,
	}
	for n := range m.asked.Packages {
		i.Packages = append(i.Packages, m.asked.Packages[n].NameIn(a.texts.Language(to.Language)))
	}
	if zone := interaction.Location(m.to.Details); zone != nil {
		i.AnswerBy, i.End = inZone(i.AnswerBy, zone), inZone(i.End, zone)
	}
	return i
}

// opened notes that an invitation's mail was followed: whoever has the address of the page has read the mail, or is a
// program that looks at mails. Nothing is consumed. A failure is no reason to show nothing.
func (a *Account) opened(r *http.Request, id directory.InvitationID) {
	if id.IsZero() {
		return
	}
	if err := a.dir.Invitations.Opened(r.Context(), id); err != nil {
		a.log.ErrorContext(r.Context(), "invitation not noted as opened", "error", err)
	}
}

// askedBy is the invitation of a link that accepts one; the zero one where it accepts none.
func (a *Account) askedBy(ctx context.Context, l *link) (asked directory.Asked, st directory.Standing, err error) {
	if l.membership.IsZero() {
		return asked, st, nil
	}
	if st, err = a.dir.Memberships.Standing(ctx, l.membership); err != nil {
		return asked, st, gone(err)
	}
	asked, err = a.dir.Invitations.Asked(ctx, st.Organization, st.Membership)
	if fault.Is(err, fault.NotFound) { // taken out of the organization's sight for good
		asked, err = directory.Asked{Withdrawn: true}, nil
	}
	return asked, st, err
}
