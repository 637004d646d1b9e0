package account

import (
	"context"
	"encoding/json"
	"time"

	"portvakt/idp/interaction"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/mail"
	"portvakt/internal/outbox"
)

// gone makes nothing of what is not there any more: there is nobody to write to.
func gone(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// sendLink writes to somebody who asked for a link. A repeated delivery makes a new link and voids the one before.
func (a *Account) sendLink(ctx context.Context, e outbox.Event) error {
	var about event
	if err := json.Unmarshal(e.Data, &about); err != nil {
		return err
	}
	if about.User == "" {
		return nil
	}
	id, err := directory.ParseUserID(about.User)
	if err != nil {
		return err
	}
	var waiting interaction.ID
	if about.Interaction != "" {
		if waiting, err = interaction.ParseID(about.Interaction); err != nil {
			return err
		}
	}
	may, err := mayChoose(ctx, a.db, id)
	if err != nil || !may {
		return err
	}
	u, err := a.dir.Users.ByID(ctx, id)
	if err != nil {
		return gone(err)
	}
	st, err := a.introducing(ctx, id)
	if err != nil {
		return err
	}
	return a.mailLink(ctx, letter{to: u, about: st, waiting: waiting, event: e.ID})
}

// introducing is the membership that a mail speaks of: the person's only one that is not over; nil where there is none or
// several.
func (a *Account) introducing(ctx context.Context, user directory.UserID) (*directory.Standing, error) {
	all, err := a.dir.Memberships.StandingsOf(ctx, user)
	if err != nil {
		return nil, err
	}
	var found *directory.Standing
	for i := range all {
		switch all[i].State(a.db.Now()) {
		case directory.StateActive, directory.StateInvited, directory.StateScheduled:
			if found != nil || all[i].OrgSuspended {
				return nil, nil // several: the mail speaks of none
			}
			found = &all[i]
		}
	}
	return found, nil
}

// letter is a link to be mailed.
type letter struct {
	to      directory.User
	about   *directory.Standing // the membership that it speaks of; nil: none
	waiting interaction.ID      // the sign-in that waits for it; zero: none
	event   outbox.EventID      // that asks for it

	asked    *directory.Asked // what is known of the invitation; nil where the person asked for the link
	reminder bool
}

// mailLink makes a link and mails it. Its token exists in this function alone.
func (a *Account) mailLink(ctx context.Context, m letter) error {
	has, err := a.credentials.Of(ctx, a.db, m.to.ID)
	if err != nil {
		return err
	}
	l := link{user: m.to.ID, purpose: forSetup, interaction: m.waiting, emailKey: m.to.Email.Key}
	if l.askedAt, err = eventTime(ctx, a.db, m.event); err != nil {
		return err
	}
	if !has.Newcomer() {
		l.purpose = forReset
	} else if m.about != nil && m.about.State(a.db.Now()) == directory.StateInvited {
		l.membership = m.about.Membership
	}
	l.expiresAt = a.db.Now().Add(a.validity(l.purpose))
	token, err := a.makeLink(ctx, l)
	if err != nil || token == "" {
		return err
	}
	return a.sender.Send(ctx, a.write(m, l.purpose, a.cfg.Issuer+pathSetup+"?token="+token))
}

func (a *Account) write(m letter, p purpose, address string) mail.Message {
	to, valid := recipient(m.to, m.about), a.validity(p)
	if p == forReset {
		return a.texts.Reset(mail.Reset{Recipient: to, Link: address, ValidFor: valid})
	}
	if m.asked != nil && m.about.State(a.db.Now()) == directory.StateInvited {
		text := a.invitation(m, address)
		text.ValidFor, text.SignInURL = valid, a.cfg.Issuer+pathSignIn
		return a.texts.Invitation(text)
	}
	text := mail.Setup{Recipient: to, Link: address, ValidFor: valid, SignInURL: a.cfg.Issuer + pathSignIn}
	if m.about != nil {
		text.OrganizationName = m.about.Name
	}
	return a.texts.Setup(text)
}

// recipient is the person as a mail greets them, in their own language, else in the organization's.
func recipient(u directory.User, st *directory.Standing) mail.Recipient {
	to := mail.Recipient{To: u.Email.Address, Name: u.Details.Name(), Language: interaction.Language(u.Details)}
	if st == nil {
		return to
	}
	to.Organization, to.Accent = st.Name, st.Accent
	if to.Name == "" {
		to.Name = st.Details.Name()
	}
	if to.Language == "" {
		to.Language = interaction.Language(st.Details)
	}
	if to.Language == "" {
		to.Language = st.Language
	}
	return to
}

// tellPasswordChanged tells the person, in case it was somebody else.
func (a *Account) tellPasswordChanged(ctx context.Context, e outbox.Event) error {
	u, st, at, err := a.told(ctx, e)
	if err != nil {
		return gone(err)
	}
	return a.sender.Send(ctx, a.texts.PasswordChanged(mail.PasswordChanged{
		Recipient: recipient(u, st), At: at, ResetURL: a.cfg.Issuer + pathSignIn,
	}))
}

// told reads whom an event about a user is to be told, and when it happened in the person's own time zone.
func (a *Account) told(ctx context.Context, e outbox.Event) (u directory.User, st *directory.Standing, at time.Time, err error) {
	var about event
	if err = json.Unmarshal(e.Data, &about); err != nil {
		return u, nil, at, err
	}
	id, err := directory.ParseUserID(about.User)
	if err != nil {
		return u, nil, at, err
	}
	if u, err = a.dir.Users.ByID(ctx, id); err != nil {
		return u, nil, at, err
	}
	if u.State == directory.UserErased {
		return u, nil, at, directory.ErrUserNotFound
	}
	if st, err = a.introducing(ctx, id); err != nil {
		return u, nil, at, err
	}
	if at, err = eventTime(ctx, a.db, e.ID); err != nil {
		return u, nil, at, err
	}
	if zone := interaction.Location(u.Details); zone != nil {
		at = at.In(zone)
	}
	return u, st, at, nil
}

func inZone(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(zone)
}
