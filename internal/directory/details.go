package directory

import (
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"

	"portvakt/internal/fault"
)

// Details are how a person is presented: the user's own, or as one organization sees the member.
type Details struct {
	GivenName         string    `json:"given_name,omitempty"`
	FamilyName        string    `json:"family_name,omitempty"`
	MiddleName        string    `json:"middle_name,omitempty"`
	NamePrefix        string    `json:"name_prefix,omitempty"` // honorific
	NameSuffix        string    `json:"name_suffix,omitempty"`
	FormattedName     string    `json:"formatted_name,omitempty"`
	DisplayName       string    `json:"display_name,omitempty"`
	NickName          string    `json:"nick_name,omitempty"`
	Title             string    `json:"title,omitempty"`
	UserType          string    `json:"user_type,omitempty"`
	ProfileURL        string    `json:"profile_url,omitempty"`
	Picture           string    `json:"picture,omitempty"`
	Website           string    `json:"website,omitempty"`
	Gender            string    `json:"gender,omitempty"`
	Birthdate         string    `json:"birthdate,omitempty"`
	PreferredLanguage string    `json:"preferred_language,omitempty"`
	Locale            string    `json:"locale,omitempty"`
	Timezone          string    `json:"timezone,omitempty"`
	NameForm          NameForm  `json:"name_form,omitempty"` // a preference of the person's own
	Emails            []Contact `json:"emails,omitempty"`
	Phones            []Contact `json:"phones,omitempty"`
	Photos            []Contact `json:"photos,omitempty"`
	IMs               []Contact `json:"ims,omitempty"`
	Addresses         []Address `json:"addresses,omitempty"`
	Certificates      []Contact `json:"certificates,omitempty"` // X.509 in DER, base64 (RFC 7643 §4.1.2); nobody signs in with them

	// The enterprise extension of RFC 7643 §4.3.
	EmployeeNumber string `json:"employee_number,omitempty"`
	CostCenter     string `json:"cost_center,omitempty"`
	Company        string `json:"company,omitempty"`
	Division       string `json:"division,omitempty"`
	Department     string `json:"department,omitempty"`
}

// Contact is an e-mail address, telephone number or the like, with what it is for.
type Contact struct {
	Value     string `json:"value"`
	Type      string `json:"type,omitempty"`
	Display   string `json:"display,omitempty"`
	Primary   bool   `json:"primary,omitempty"`
	Secondary bool   `json:"secondary,omitempty"` // somebody said that it is not the primary one; it means no more than not Primary
}

// Address is a postal address.
type Address struct {
	Formatted  string `json:"formatted,omitempty"`
	Street     string `json:"street,omitempty"`
	Locality   string `json:"locality,omitempty"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country,omitempty"`
	Type       string `json:"type,omitempty"`
	Primary    bool   `json:"primary,omitempty"`
	Secondary  bool   `json:"secondary,omitempty"` // as of a Contact
}

// Limits on what is stored, in characters and items.
const (
	maxText         = 1000
	maxContacts     = 50
	maxCertificates = 5
	maxCertificate  = 6 << 10 // bytes of base64
	maxIndexed      = 2000    // bytes of a folded text that stands in an index: PostgreSQL takes no more than 2704 with what is beside it
)

// Name is how to call the person: as they prefer, else the display name, else the formatted name, else the parts put
// together.
func (d Details) Name() string {
	if name := d.NameForm.of(d); name != "" {
		return name
	}
	if d.DisplayName != "" {
		return d.DisplayName
	}
	if d.FormattedName != "" {
		return d.FormattedName
	}
	return strings.Join(strings.Fields(d.GivenName+" "+d.MiddleName+" "+d.FamilyName), " ")
}

// Phone is the primary telephone number, else the first, else "".
func (d Details) Phone() string { return primaryOf(d.Phones) }

// Email is the primary contact address, else the first, else "". It is not the sign-in address.
func (d Details) Email() string { return primaryOf(d.Emails) }

func primaryOf(cs []Contact) string {
	for _, c := range cs {
		if c.Primary {
			return c.Value
		}
	}
	if len(cs) > 0 {
		return cs[0].Value
	}
	return ""
}

// singles lists the single-valued texts with the field name that a fault carries.
func (d *Details) singles() map[string]*string {
	return map[string]*string{
		"given_name": &d.GivenName, "family_name": &d.FamilyName, "middle_name": &d.MiddleName, "name_prefix": &d.NamePrefix,
		"name_suffix": &d.NameSuffix, "formatted_name": &d.FormattedName, "display_name": &d.DisplayName, "nick_name": &d.NickName,
		"title": &d.Title, "user_type": &d.UserType, "profile_url": &d.ProfileURL, "picture": &d.Picture, "website": &d.Website,
		"gender": &d.Gender, "birthdate": &d.Birthdate, "preferred_language": &d.PreferredLanguage, "locale": &d.Locale,
		"timezone": &d.Timezone, "employee_number": &d.EmployeeNumber, "cost_center": &d.CostCenter, "company": &d.Company,
		"division": &d.Division, "department": &d.Department,
	}
}

// unindexed are the single-valued texts by which nobody is searched, or by their beginning alone.
var unindexed = map[string]bool{"middle_name": true, "name_prefix": true, "name_suffix": true, "picture": true, "website": true, "gender": true, "birthdate": true}

// check refuses what may not be stored: control characters, broken UTF-8, over-long values, too many contacts, two primaries.
func (d *Details) check() error {
	if err := d.NameForm.check(); err != nil {
		return err
	}
	for field, text := range d.singles() {
		if err := checkText(field, *text); err != nil {
			return err
		}
		if unindexed[field] {
			continue
		}
		if err := checkIndexed(field, *text); err != nil {
			return err
		}
	}
	for field, list := range map[string][]Contact{"emails": d.Emails, "phones": d.Phones, "photos": d.Photos, "ims": d.IMs} {
		if err := checkContacts(field, list); err != nil {
			return err
		}
	}
	if err := checkCertificates(d.Certificates); err != nil {
		return err
	}
	if len(d.Addresses) > maxContacts {
		return fault.Newf(fault.Invalid, "too_many", "At most %d addresses can be kept", maxContacts).On("addresses")
	}
	for _, a := range d.Addresses {
		for _, text := range []string{a.Street, a.Formatted} { // these alone may have lines
			if err := checkText("addresses", strings.NewReplacer("\n", " ", "\r", " ", "\t", " ").Replace(text)); err != nil {
				return err
			}
		}
		for _, text := range []string{a.Locality, a.Region, a.PostalCode, a.Country, a.Type} {
			if err := checkText("addresses", text); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkContacts(field string, list []Contact) error {
	if len(list) > maxContacts {
		return fault.Newf(fault.Invalid, "too_many", "At most %d values can be kept", maxContacts).On(field)
	}
	for _, c := range list {
		for _, text := range []string{c.Value, c.Type, c.Display} {
			if err := checkText(field, text); err != nil {
				return err
			}
		}
		if c.Value == "" {
			return fault.New(fault.Invalid, "missing", "Each entry needs a value").On(field)
		}
		if err := checkIndexed(field, c.Value); err != nil {
			return err
		}
	}
	return checkPrimaries(field, list)
}

func checkPrimaries(field string, list []Contact) error {
	primaries := 0
	for _, c := range list {
		if c.Primary {
			primaries++
		}
	}
	if primaries > 1 {
		return fault.New(fault.Invalid, "two_primaries", "Only one entry can be primary").On(field)
	}
	return nil
}

func checkCertificates(list []Contact) error {
	const field = "certificates"
	if len(list) > maxCertificates {
		return fault.Newf(fault.Invalid, "too_many", "At most %d values can be kept", maxCertificates).On(field)
	}
	for _, c := range list {
		if len(c.Value) > maxCertificate {
			return fault.Newf(fault.Invalid, "too_long", "A certificate is longer than %d bytes", maxCertificate).On(field)
		}
		if der, err := base64.StdEncoding.Strict().DecodeString(c.Value); err != nil || len(der) == 0 {
			return fault.New(fault.Invalid, "bad_certificate", "A certificate has to be its DER form in base64").On(field)
		}
		for _, text := range []string{c.Type, c.Display} {
			if err := checkText(field, text); err != nil {
				return err
			}
		}
	}
	return checkPrimaries(field, list)
}

// checkText refuses a single-line text that is not storable or not showable.
func checkText(field, text string) error {
	if text == "" {
		return nil
	}
	if !utf8.ValidString(text) {
		return fault.New(fault.Invalid, "bad_text", "The text is not valid UTF-8").On(field)
	}
	if utf8.RuneCountInString(text) > maxText {
		return fault.Newf(fault.Invalid, "too_long", "The text is longer than %d characters", maxText).On(field)
	}
	for _, r := range text {
		if unicode.IsControl(r) || r >= '\u2028' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' { // lines, overrides of direction
			return fault.New(fault.Invalid, "bad_text", "The text holds control characters").On(field)
		}
	}
	return nil
}

// checkIndexed refuses a text whose key an index cannot hold, which characters of several bytes make longer than maxText.
func checkIndexed(field, text string) error {
	if len(Fold(text)) > maxIndexed {
		return fault.Newf(fault.Invalid, "too_long", "The text is longer than %d bytes", maxIndexed).On(field)
	}
	return nil
}
