package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// The events of an organization's domains; people of the domain have another home from then on.
const (
	EventDomainVerified = "organization.domain_verified"
	EventDomainGivenUp  = "organization.domain_given_up"
)

// DomainEvent is what an event about a domain says.
type DomainEvent struct {
	Organization string `json:"organization"`
	Domain       string `json:"domain"`
	People       int64  `json:"people"` // whose home changed with it
	// Quiet says that nobody is to be written to: the installation's own seed said so.
	Quiet bool `json:"quiet,omitempty"`
}

// Domain is a domain name that an organization has proven, or wants to prove.
type Domain struct {
	Name       string
	Token      string // what the record holds; "" once verified
	ClaimedAt  time.Time
	CheckedAt  time.Time // when the record was last looked for in vain
	VerifiedAt time.Time // zero: not yet
}

// Record is the TXT record that proves the domain: its name and its text.
func (d Domain) Record() (name, text string) {
	return "_portvakt-challenge." + d.Name, "portvakt-domain-verification=" + d.Token
}

// Resolver looks up TXT records; *net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// Faults of domains.
var (
	ErrDomainShared   = fault.New(fault.Invalid, "domain_shared", "People of many organizations have addresses in this domain").On("domains")
	ErrDomainNotFound = fault.New(fault.NotFound, "domain_not_found", "The organization has no such domain")
	ErrDomainUnproven = fault.New(fault.Conflict, "domain_unproven", "The domain's TXT record does not hold the text that was asked for").On("domain")
)

// sharedMail are domains in which anybody gets an address.
var sharedMail = []string{
	"163.com", "126.com", "aol.com", "bluewin.ch", "comhem.se", "fastmail.com", "free.fr", "freenet.de", "gmail.com", "gmx.at", "gmx.ch", "gmx.com",
	"gmx.de", "gmx.net", "googlemail.com", "hey.com", "hotmail.com", "hotmail.de", "hotmail.no", "hotmail.se", "icloud.com", "live.com", "live.no",
	"live.se", "mac.com", "mail.com", "mail.ru", "me.com", "msn.com", "online.no", "orange.fr", "outlook.com", "outlook.de", "pm.me", "posteo.de",
	"proton.me", "protonmail.com", "qq.com", "rocketmail.com", "spray.se", "t-online.de", "telia.com", "tutanota.com", "web.de", "yahoo.com",
	"yahoo.de", "yahoo.no", "yahoo.se", "yandex.com", "yandex.ru", "ymail.com", "zoho.com",
}

// checkDomain is the stored form of a domain that one organization can have.
func checkDomain(name string) (string, error) {
	key, err := DomainKey(name)
	if err != nil {
		return "", err
	}
	if suffix, _ := publicsuffix.PublicSuffix(key); suffix == key || slices.Contains(sharedMail, key) {
		return "", ErrDomainShared
	}
	return key, nil
}

// ClaimDomain answers what to publish in DNS so that VerifyDomain finds it. Asking again answers the same. Whether
// somebody else has the domain is said only to whoever proves to run it.
func (s Organizations) ClaimDomain(ctx context.Context, org OrganizationID, name string) (Domain, error) {
	key, err := checkDomain(name)
	if err != nil {
		return Domain{}, err
	}
	var d Domain
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		if err := lockOrganization(ctx, tx, org); err != nil {
			return err
		}
		if d, err = domainOf(ctx, tx, org, key); !errors.Is(err, ErrDomainNotFound) {
			return err
		}
		d = Domain{Name: key, Token: strings.ToLower(rand.Text()), ClaimedAt: tx.Now()}
		insertClaim(tx, org, d)
		return audit.Append(ctx, tx, org, audit.Entry{Action: "domain.claimed", Object: org.String(), Detail: map[string]any{"domain": key}})
	})
	return d, err
}

// VerifyDomain looks for the record and makes the domain the organization's: it becomes the home of everybody who signs in
// with an address there, and a former home has no say any more. Memberships stay as they are, wherever they are. It
// cannot be part of another transaction, because it asks DNS.
//
// Invariant: a domain is verified for one organization at most, also at the same moment (TestDomainRace).
func (s Organizations) VerifyDomain(ctx context.Context, org OrganizationID, name string, dns Resolver) (Domain, error) {
	key, err := checkDomain(name)
	if err != nil {
		return Domain{}, err
	}
	if s.tx != nil {
		return Domain{}, errors.New("directory: DNS is not asked inside a transaction")
	}
	d, err := domainOf(ctx, s.db, org, key)
	if err != nil || !d.VerifiedAt.IsZero() {
		return d, err
	}
	record, want := d.Record()
	texts, failure := dns.LookupTXT(ctx, record)
	proven := slices.ContainsFunc(texts, func(text string) bool { return strings.TrimSpace(text) == want })
	if !proven {
		if err := s.update(ctx, func(tx *sqldb.Tx) error { noteChecked(tx, org, key); return nil }); err != nil {
			return d, err
		}
		return d, ErrDomainUnproven.Because(failure)
	}
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		if err := lockOrganization(ctx, tx, org); err != nil {
			return err
		}
		now, err := domainOf(ctx, tx, org, key)
		if err != nil {
			return err
		}
		if now.Token != d.Token { // verified meanwhile, or given up and claimed anew
			if d = now; now.VerifiedAt.IsZero() {
				return ErrDomainUnproven
			}
			return nil
		}
		if d, err = takeDomain(ctx, tx, org, key, false); err != nil {
			return err
		}
		touchOrganization(tx, org)
		return nil
	})
	return d, err
}

// takeDomain makes a proven domain the organization's, whose row is locked, and the home of its people.
func takeDomain(ctx context.Context, tx *sqldb.Tx, org OrganizationID, name string, quiet bool) (Domain, error) {
	taken, err := insertDomain(ctx, tx, org, name)
	if err != nil {
		return Domain{}, err
	}
	if !taken {
		return Domain{}, ErrDomainTaken
	}
	people, err := moveHomes(ctx, tx, org, name)
	if err != nil {
		return Domain{}, err
	}
	return Domain{Name: name, VerifiedAt: tx.Now()}, noteDomain(ctx, tx, org, "domain.verified", DomainEvent{Domain: name, People: people, Quiet: quiet})
}

// GiveUpDomain takes a domain, or the claim of one, from the organization. Its people have no home then.
func (s Organizations) GiveUpDomain(ctx context.Context, org OrganizationID, name string) error {
	key, err := DomainKey(name)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx *sqldb.Tx) error {
		if err := lockOrganization(ctx, tx, org); err != nil {
			return err
		}
		d, err := domainOf(ctx, tx, org, key)
		if err != nil {
			return err
		}
		if d.VerifiedAt.IsZero() {
			deleteClaim(tx, org, key)
			return audit.Append(ctx, tx, org, audit.Entry{Action: "domain.claim_withdrawn", Object: org.String(), Detail: map[string]any{"domain": key}})
		}
		if err := loseDomain(ctx, tx, org, key); err != nil {
			return err
		}
		touchOrganization(tx, org)
		return nil
	})
}

func loseDomain(ctx context.Context, tx *sqldb.Tx, org OrganizationID, name string) error {
	people, err := clearHomes(ctx, tx, org, name)
	if err != nil {
		return err
	}
	return noteDomain(ctx, tx, org, "domain.given_up", DomainEvent{Domain: name, People: people})
}

// noteDomain tells that a domain came or went. The people are counted, not named: one entry, however many they are.
func noteDomain(ctx context.Context, tx *sqldb.Tx, org OrganizationID, action string, e DomainEvent) error {
	e.Organization = org.String()
	kind := EventDomainVerified
	if action == "domain.given_up" {
		kind = EventDomainGivenUp
	}
	if err := outbox.Append(tx, org, kind, e.Organization, e); err != nil {
		return err
	}
	return audit.Append(ctx, tx, org, audit.Entry{Action: action, Object: e.Organization, Detail: map[string]any{"domain": e.Domain, "people": e.People}})
}
