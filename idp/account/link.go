package account

import (
	"context"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// purpose is what a link is for.
type purpose string

const (
	forSetup purpose = "setup" // a first password
	forReset purpose = "reset"
)

// link is a stored link.
type link struct {
	user        directory.UserID
	purpose     purpose
	membership  directory.MembershipID // accepted with the link; zero: none
	interaction interaction.ID         // the sign-in that waits for it; zero: none
	emailKey    string                 // the address that it was mailed to
	askedAt     time.Time
	expiresAt   time.Time
	usedAt      time.Time
	voidedAt    time.Time
}

// good reports whether the link still opens anything for the person as they are now.
func (l *link) good(u directory.User, now time.Time) bool {
	return l.usedAt.IsZero() && l.voidedAt.IsZero() && now.Before(l.expiresAt) && l.belongs(u)
}

// belongs reports whether it is still the address that the link was mailed to.
func (l *link) belongs(u directory.User) bool {
	return u.State == directory.UserActive && u.Email.Key == l.emailKey
}

// The rules of mails: an address gets few, whoever asks; a network asks for few.
var (
	recipientRule = ratelimit.Rule{Scope: "mail.recipient", Max: 5, Window: time.Hour}
	networkRule   = ratelimit.Rule{Scope: "mail.network", Max: 60, Window: time.Hour}
)

// Request sends a link where somebody with the address may get one. Whoever they are: the same counters, one statement
// that looks, one event. An exhausted address gets no mail and nobody is told; an exhausted network is.
func (a *Account) Request(ctx context.Context, email directory.Email, from string, i interaction.ID) error {
	if network, ok := credential.Network(from); ok {
		allowed, wait, err := a.limiter.Take(ctx, networkRule, network)
		if err != nil {
			return err
		}
		if !allowed {
			return ratelimit.Refusal(wait)
		}
	}
	allowed, _, err := a.limiter.Take(ctx, recipientRule, email.Key)
	if err != nil {
		return err
	}
	return a.db.Update(ctx, func(tx *sqldb.Tx) error {
		user, err := mayGetLink(ctx, tx, email.Key)
		if err != nil {
			return err
		}
		e := event{User: user.String(), Interaction: i.String()}
		if !allowed {
			e.User = ""
		}
		return outbox.Append(tx, directory.OrganizationID{}, EventLinkRequested, e.User, e)
	})
}

// makeLink stores a new link and voids those asked for before; the token that it answers is nowhere else. It is "" where
// the person has asked again since: mails may be delivered late and out of order, and the newest request wins.
func (a *Account) makeLink(ctx context.Context, l link) (token string, err error) {
	token = secret.NewToken()
	superseded := false
	err = a.db.Update(ctx, func(tx *sqldb.Tx) error {
		var err error
		if superseded, err = askedSince(ctx, tx, l.user, l.askedAt); err != nil || superseded {
			return err
		}
		voidLinks(tx, l.user)
		insertLink(tx, secret.HashToken(token), l)
		return nil
	})
	if superseded {
		token = ""
	}
	return token, err
}

func (a *Account) validity(p purpose) time.Duration {
	if p == forReset {
		return a.cfg.ResetValid
	}
	return a.cfg.SetupValid
}
