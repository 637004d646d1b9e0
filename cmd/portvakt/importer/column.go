package importer

import (
	"maps"
	"slices"
	"strings"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// column puts what a line says under one name into the line.
type column func(l *entry, values []string) error

// columns is everything that a file can say; the names are those of members in the file of `apply`.
var columns = map[string]column{
	"email":           email,
	"user_name":       func(l *entry, v []string) error { return one(&l.UserName, v) },
	"external_id":     func(l *entry, v []string) error { return one(&l.ExternalID, v) },
	"kind":            func(l *entry, v []string) error { return one((*string)(&l.Kind), v) },
	"start":           func(l *entry, v []string) error { return moment(&l.Start, "start", v) },
	"end":             func(l *entry, v []string) error { return moment(&l.End, "end", v) },
	"administrator":   administrator,
	"role":            func(l *entry, v []string) error { return one(&l.Role, v) },
	"manager":         func(l *entry, v []string) error { return one(&l.Manager, v) },
	"packages":        func(l *entry, v []string) error { l.Packages = v; return nil },
	"segments":        func(l *entry, v []string) error { l.Segments = v; return nil },
	"functions":       functions,
	"phone":           phone,
	"password_hash":   passwordHash,
	"name":            func(l *entry, v []string) error { return one(&l.Details.FormattedName, v) },
	"given_name":      func(l *entry, v []string) error { return one(&l.Details.GivenName, v) },
	"family_name":     func(l *entry, v []string) error { return one(&l.Details.FamilyName, v) },
	"middle_name":     func(l *entry, v []string) error { return one(&l.Details.MiddleName, v) },
	"nickname":        func(l *entry, v []string) error { return one(&l.Details.NickName, v) },
	"display_name":    func(l *entry, v []string) error { return one(&l.Details.DisplayName, v) },
	"title":           func(l *entry, v []string) error { return one(&l.Details.Title, v) },
	"locale":          func(l *entry, v []string) error { return one(&l.Details.Locale, v) },
	"zoneinfo":        func(l *entry, v []string) error { return one(&l.Details.Timezone, v) },
	"employee_number": func(l *entry, v []string) error { return one(&l.Details.EmployeeNumber, v) },
	"cost_center":     func(l *entry, v []string) error { return one(&l.Details.CostCenter, v) },
	"company":         func(l *entry, v []string) error { return one(&l.Details.Company, v) },
	"division":        func(l *entry, v []string) error { return one(&l.Details.Division, v) },
	"department":      func(l *entry, v []string) error { return one(&l.Details.Department, v) },
}

// lists are the columns of several values: a JSON array, or texts with a semicolon between them.
var lists = map[string]bool{"packages": true, "segments": true, "functions": true}

// Columns are the names of the columns, in order.
func Columns() []string { return slices.Sorted(maps.Keys(columns)) }

// set puts a value into the line; an empty one says nothing.
func set(l *entry, name string, values []string) error {
	var said []string
	for _, v := range values {
		if v = strings.TrimSpace(v); v != "" {
			said = append(said, v)
		}
	}
	if len(said) == 0 {
		return nil
	}
	if err := columns[name](l, said); err != nil {
		return fault.Of(err).On(name)
	}
	return nil
}

var errSeveral = fault.New(fault.Invalid, "bad_value", "One value is expected here")

func one(to *string, values []string) error {
	if len(values) > 1 {
		return errSeveral
	}
	*to = values[0]
	return nil
}

// email takes an address as mail programs copy it; the name before it serves where the line gives none.
func email(l *entry, values []string) error {
	if err := one(&l.Email, values); err != nil {
		return err
	}
	m, err := directory.ParseMailbox(l.Email)
	if err != nil {
		return err
	}
	l.Email = m.Email.Address
	if l.Details.DisplayName == "" {
		l.Details.DisplayName = m.Name
	}
	return nil
}

func moment(to *time.Time, field string, values []string) error {
	if len(values) > 1 {
		return errSeveral
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, values[0]); err == nil {
			*to = t.UTC()
			return nil
		}
	}
	return fault.New(fault.Invalid, "bad_date", "A date is written as 2026-03-31, or with a time as 2026-03-31T16:00:00+02:00").On(field)
}

func administrator(l *entry, values []string) error {
	yes := strings.EqualFold(values[0], "true")
	if len(values) > 1 || !yes && !strings.EqualFold(values[0], "false") {
		return fault.New(fault.Invalid, "bad_value", "This is true or false")
	}
	l.Administrator = &yes
	return nil
}

func functions(l *entry, values []string) error {
	for _, v := range values {
		l.Functions = append(l.Functions, directory.Function(v))
	}
	return nil
}

func phone(l *entry, values []string) error {
	if len(values) > 1 {
		return errSeveral
	}
	l.Details.Phones = []directory.Contact{{Value: values[0], Type: "work", Primary: true}}
	return nil
}

// passwordHash takes the hash of a password that the person has chosen in another system.
func passwordHash(l *entry, values []string) (err error) {
	var text string
	if err := one(&text, values); err != nil {
		return err
	}
	l.hash, err = credential.ReadHash(text)
	return err
}
