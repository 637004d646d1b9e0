package directory

import (
	"context"
	"strings"
	"time"
	_ "time/tzdata" // time zones are known where the machine has none

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// NameForm is how somebody wants their name to be put together (R37).
type NameForm string

// The forms of a name; the empty one leaves it to whoever shows it.
const (
	GivenFamily NameForm = "given_family" // Kari Nordmann
	FamilyGiven NameForm = "family_given" // Nordmann Kari
	DisplayForm NameForm = "display"      // the name to be shown, as it was written
)

// of is the name in the form; "" where the form says nothing or the parts are missing.
func (f NameForm) of(d Details) string {
	if d.GivenName == "" || d.FamilyName == "" {
		return ""
	}
	parts := d.GivenName + " " + d.MiddleName
	switch f {
	case GivenFamily:
		return strings.Join(strings.Fields(parts+" "+d.FamilyName), " ")
	case FamilyGiven:
		return strings.Join(strings.Fields(d.FamilyName+" "+parts), " ")
	}
	return ""
}

func (f NameForm) check() error {
	switch f {
	case "", GivenFamily, FamilyGiven, DisplayForm:
		return nil
	}
	return fault.New(fault.Invalid, "bad_name_form", "The name form is given_family, family_given or display").On("name_form")
}

// Preferences are what a person decides for themselves, whatever organizations say (R37). Empty is no preference.
type Preferences struct {
	Language string // a BCP 47 tag
	NameForm NameForm
	TimeZone string // a name of the IANA database
}

// Preferences are what of the details the person decides.
func (d Details) Preferences() Preferences {
	language := d.PreferredLanguage
	if language == "" {
		language = d.Locale
	}
	return Preferences{language, d.NameForm, d.Timezone}
}

const maxTimeZone = 64

// Check refuses a language that is no tag, a form of name that is not ours, and a time zone that nobody knows.
func (p Preferences) Check() error {
	if err := checkLanguage(p.Language); err != nil {
		return err
	}
	if err := p.NameForm.check(); err != nil {
		return err
	}
	if p.TimeZone == "" {
		return nil
	}
	if _, err := time.LoadLocation(p.TimeZone); err != nil || p.TimeZone == "Local" || len(p.TimeZone) > maxTimeZone {
		return fault.New(fault.Invalid, "bad_time_zone", "The time zone is a name such as Europe/Oslo").On("time_zone")
	}
	return nil
}

// SetPreferences stores what the person prefers; nothing else of their details changes.
//
// Invariant: preferences are the person's own; no organization's details override them (TestR37_OrganizationsDoNotOverridePreferences).
func (s Users) SetPreferences(ctx context.Context, id UserID, p Preferences) error {
	if err := p.Check(); err != nil {
		return err
	}
	return s.update(ctx, func(tx *sqldb.Tx) error {
		if _, err := lockUser(ctx, tx, id); err != nil {
			return err
		}
		in := Users{store{db: s.db, tx: tx}}
		u, err := in.ByID(ctx, id)
		if err != nil {
			return err
		}
		d := u.Details
		d.Locale, d.PreferredLanguage, d.NameForm, d.Timezone = p.Language, p.Language, p.NameForm, p.TimeZone
		return in.SetDetails(ctx, id, d)
	})
}

// prefer lays the person's preferences over details to be shown.
func prefer(own, shown Details) Details {
	p := own.Preferences()
	if p.Language != "" {
		shown.Locale, shown.PreferredLanguage = own.Locale, own.PreferredLanguage
	}
	if p.TimeZone != "" {
		shown.Timezone = p.TimeZone
	}
	shown.NameForm = p.NameForm
	return shown
}
