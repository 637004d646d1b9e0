package directory

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"portvakt/internal/fault"
)

const (
	maxUserName   = 254
	maxExternalID = 1000
)

var (
	earliest = time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// check refuses what no membership may be, whatever the organization says.
func (m *Member) check() error {
	if !slices.Contains([]Kind{Employee, External, Limited, ContactOnly, Reseller}, m.Kind) {
		return fault.New(fault.Invalid, "bad_kind", "The kind is employee, external, limited, contact or reseller").On("kind")
	}
	if m.Kind != ContactOnly && m.Email == "" {
		return errNoEmail
	}
	if m.Kind != ContactOnly {
		if _, err := ParseEmail(m.Email); err != nil {
			return err
		}
	}
	if m.Kind == External && m.End.IsZero() {
		return fault.New(fault.Invalid, "missing", "An external member needs an end date").On("end")
	}
	if err := m.checkKind(); err != nil {
		return err
	}
	if m.SecondFactor != "" && m.SecondFactor != SecondFactorRequired {
		return fault.New(fault.Invalid, "bad_second_factor", "The second factor is optional or required").On("second_factor")
	}
	if m.Kind == ContactOnly && len(m.Functions) > 0 {
		return fault.New(fault.Invalid, "contact_function", "Somebody who cannot sign in cannot have a function").On("functions")
	}
	if err := checkSpan(m.Start, m.End); err != nil {
		return err
	}
	if err := m.checkNames(); err != nil {
		return err
	}
	for _, f := range m.Functions {
		if f != InformationRecipient && f != InvoiceRecipient && f != MainRecipient {
			return fault.New(fault.Invalid, "bad_function", "The functions are information_recipient, invoice_recipient and main_recipient").On("functions")
		}
	}
	for _, g := range m.Grants {
		if g != GradeNone && g != GradeView && g != GradeEdit {
			return fault.New(fault.Invalid, "bad_grade", "The grades are none, view and edit").On("grants")
		}
	}
	return m.Details.check()
}

// checkNames refuses what cannot be stored, and user names that look like another one.
func (m *Member) checkNames() error {
	if strings.TrimSpace(m.UserName) != m.UserName || m.UserName == "" || len(m.UserName) > maxUserName || strings.ContainsFunc(m.UserName, invisible) {
		return fault.New(fault.Invalid, "bad_user_name", "A user name has 1 to 254 visible bytes and no space around them").On("user_name")
	}
	if len(m.ExternalID) > maxExternalID {
		return fault.Newf(fault.Invalid, "too_long", "The external id is longer than %d bytes", maxExternalID).On("external_id")
	}
	if err := cmp.Or(checkIndexed("user_name", m.UserName), checkIndexed("manager", m.ManagerText)); err != nil {
		return err
	}
	for field, text := range map[string]string{"user_name": m.UserName, "external_id": m.ExternalID, "manager": m.ManagerText} {
		if err := checkText(field, text); err != nil {
			return err
		}
	}
	for field, keys := range map[string][]string{"packages": m.Packages, "segments": m.Segments, "grants": slices.Collect(maps.Keys(m.Grants))} {
		for _, key := range keys {
			if err := checkText(field, key); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkSpan(start, end time.Time) error {
	if start.Before(earliest) || start.After(latest) {
		return fault.New(fault.Invalid, "bad_date", "The start is not a date that can be kept").On("start")
	}
	if end.IsZero() {
		return nil
	}
	if end.Before(earliest) || end.After(latest) {
		return fault.New(fault.Invalid, "bad_date", "The end is not a date that can be kept").On("end")
	}
	if !start.Before(end) {
		return fault.New(fault.Invalid, "end_before_start", "The end is before the start").On("end")
	}
	return nil
}
