package directory

import (
	"context"
	"reflect"
	"regexp"
	"slices"
	"time"

	"portvakt/internal/audit"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// SecondFactor is an organization's demand on its members' sign-in.
type SecondFactor string

// Whether members need a second factor.
const (
	SecondFactorOptional SecondFactor = "optional"
	SecondFactorRequired SecondFactor = "required"
)

// Organization holds members; slug and id never change and never come back.
type Organization struct {
	ID            OrganizationID
	Slug          string
	Name          string
	Language      string // of mails to members without a language of their own
	Seats         int64  // UnlimitedSeats, or how many members may have access at a time
	SecondFactor  SecondFactor
	ManagedBy     OrganizationID // the agency; zero if none
	Suspended     bool
	Domains       []string // verified
	Features      []string // switched on
	AccessVersion int64    // rises with every change of roles, profiles, groups, sharing
	Version       int64
	CreatedAt     time.Time
	ChangedAt     time.Time

	// SuspendedKeepSeats says that suspended members keep their seats, and so come back without needing one.
	SuspendedKeepSeats bool

	// TrustedDays is for how many days a browser in which the second factor was shown is not asked for it again; 0: it is
	// asked for at every sign-in.
	TrustedDays int64

	// MailCodes permits a code by mail as the second factor of members who have no better one; never administrators'.
	MailCodes bool
	// IdleLimit and SessionLimit are how long after its last use, and after the sign-in, a browser session is good for this
	// organization; 0: as long as the installation allows.
	IdleLimit, SessionLimit time.Duration
	KeyPolicy               KeyPolicy

	// Accent is the colour of the organization's pages and mails, #rrggbb; "" is the installation's. Its logo is set by
	// SetLogo.
	Accent string
}

// MaxTrustedDays is the longest time that an organization may trust a browser.
const MaxTrustedDays = 90

// UnlimitedSeats says that the organization's members are not counted.
const UnlimitedSeats = -1

// Languages that pages and mails are written in.
var Languages = []string{"en", "nb", "sv", "de"}

// Faults of organizations.
var (
	ErrOrganizationNotFound = fault.New(fault.NotFound, "organization_not_found", "There is no such organization")
	ErrSlugTaken            = fault.New(fault.Conflict, "slug_taken", "Another organization has this slug").On("slug")
	ErrDomainTaken          = fault.New(fault.Conflict, "domain_taken", "Another organization has this domain").On("domains")
)

// Organizations is the store of organizations.
type Organizations struct{ store }

var slugForm = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)

func (o *Organization) check() error {
	if !slugForm.MatchString(o.Slug) {
		return fault.New(fault.Invalid, "bad_slug", "A slug is 1 to 63 lower-case letters, digits and hyphens").On("slug")
	}
	if o.Name == "" {
		return fault.New(fault.Invalid, "missing", "An organization needs a name").On("name")
	}
	if err := checkText("name", o.Name); err != nil {
		return err
	}
	if o.Seats < UnlimitedSeats {
		return fault.New(fault.Invalid, "bad_seats", "Seats cannot be negative").On("seats")
	}
	if o.SecondFactor != SecondFactorOptional && o.SecondFactor != SecondFactorRequired {
		return fault.New(fault.Invalid, "bad_second_factor", "The second factor is optional or required").On("second_factor")
	}
	if o.TrustedDays < 0 || o.TrustedDays > MaxTrustedDays {
		return fault.New(fault.Invalid, "bad_trusted_device_days", "Browsers are trusted for 0 to 90 days").On("trusted_device_days")
	}
	if err := o.checkLimits(); err != nil {
		return err
	}
	if err := checkAccent(o); err != nil {
		return err
	}
	if !slices.Contains(Languages, o.Language) {
		return fault.New(fault.Invalid, "bad_language", "The language is one of en, nb, sv and de").On("language")
	}
	for _, f := range o.Features {
		if err := checkText("features", f); err != nil {
			return err
		}
	}
	domains := make([]string, len(o.Domains))
	for i, d := range o.Domains {
		key, err := checkDomain(d)
		if err != nil {
			return err
		}
		domains[i] = key
	}
	o.Domains, o.Features = sorted(domains), sorted(o.Features)
	return nil
}

// Create makes an organization. Its domains count as verified, so only the installation's own seed and operators call it.
func (s Organizations) Create(ctx context.Context, o Organization) (Organization, error) {
	if o.Language == "" {
		o.Language = "en"
	}
	if o.SecondFactor == "" {
		o.SecondFactor = SecondFactorOptional
	}
	if o.KeyPolicy == "" {
		o.KeyPolicy = KeysAny
	}
	if err := o.check(); err != nil {
		return o, err
	}
	if err := s.allows.judge(&Organization{KeyPolicy: KeysAny}, &o); err != nil {
		return o, err
	}
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		o.ID = sqldb.NewID[organizationPrefix](tx.Now())
		o.CreatedAt, o.ChangedAt, o.Version, o.AccessVersion = tx.Now(), tx.Now(), 1, 1
		if err := insertOrganization(ctx, tx, &o); err != nil {
			return err
		}
		if err := saveDomains(ctx, tx, &o, nil); err != nil {
			return err
		}
		if err := saveFeatures(ctx, tx, &o, nil); err != nil {
			return err
		}
		tx.Bump(ApplicationsWatermark)
		return audit.Append(ctx, tx, o.ID, audit.Entry{Action: "organization.created", Object: o.ID.String()})
	})
	return o, err
}

// Change edits an organization; slug and id stay what they are. An edit that changes nothing writes nothing.
func (s Organizations) Change(ctx context.Context, id OrganizationID, edit func(*Organization) error) (Organization, error) {
	var o Organization
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		if err := lockToChange(ctx, tx, id, edit); err != nil {
			return err
		}
		was, err := Organizations{store{db: s.db, tx: tx}}.ByID(ctx, id)
		if err != nil {
			return err
		}
		o = was
		o.Domains, o.Features = slices.Clone(was.Domains), slices.Clone(was.Features)
		if err := edit(&o); err != nil {
			return err
		}
		o.ID, o.Slug, o.AccessVersion, o.Version, o.CreatedAt, o.ChangedAt = id, was.Slug, was.AccessVersion, was.Version, was.CreatedAt, was.ChangedAt
		if err := o.check(); err != nil {
			return err
		}
		if reflect.DeepEqual(was, o) {
			return nil
		}
		if err := s.allows.judge(&was, &o); err != nil {
			return err
		}
		o.Version, o.ChangedAt = was.Version+1, tx.Now()
		if err := updateOrganization(ctx, tx, &o); err != nil {
			return err
		}
		if o.Name != was.Name || o.ManagedBy != was.ManagedBy || o.Suspended != was.Suspended {
			bumpAccess(tx, o.ID)
		}
		if o.Suspended != was.Suspended {
			bumpManaged(tx, o.ID)
		}
		if err := saveDomains(ctx, tx, &o, was.Domains); err != nil {
			return err
		}
		if o.ManagedBy != was.ManagedBy { // who came by the agency leaves with it (R30)
			if err := endResellers(ctx, tx, resellersOf{organization: o.ID}); err != nil {
				return err
			}
		}
		if err := saveFeatures(ctx, tx, &o, was.Features); err != nil {
			return err
		}
		if err := checkSeats(ctx, tx, &was, &o); err != nil {
			return err
		}
		tx.Bump(ApplicationsWatermark) // a suspended organization's clients are switched off
		return audit.Append(ctx, tx, o.ID, audit.Entry{Action: "organization.changed", Object: o.ID.String(),
			Detail: openChanges(organizationOpen, &was, &o)})
	})
	return o, err
}
