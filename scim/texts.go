package scim

import "portvakt/internal/directory"

// text is a single-valued text attribute and where it stands in a member's details.
type text struct {
	urn, attr, sub string
	at             func(*directory.Details) *string
}

// texts is every such attribute.
var texts = []text{
	{coreURN, "name", "formatted", func(d *directory.Details) *string { return &d.FormattedName }},
	{coreURN, "name", "familyName", func(d *directory.Details) *string { return &d.FamilyName }},
	{coreURN, "name", "givenName", func(d *directory.Details) *string { return &d.GivenName }},
	{coreURN, "name", "middleName", func(d *directory.Details) *string { return &d.MiddleName }},
	{coreURN, "name", "honorificPrefix", func(d *directory.Details) *string { return &d.NamePrefix }},
	{coreURN, "name", "honorificSuffix", func(d *directory.Details) *string { return &d.NameSuffix }},
	{coreURN, "displayName", "", func(d *directory.Details) *string { return &d.DisplayName }},
	{coreURN, "nickName", "", func(d *directory.Details) *string { return &d.NickName }},
	{coreURN, "profileUrl", "", func(d *directory.Details) *string { return &d.ProfileURL }},
	{coreURN, "title", "", func(d *directory.Details) *string { return &d.Title }},
	{coreURN, "userType", "", func(d *directory.Details) *string { return &d.UserType }},
	{coreURN, "preferredLanguage", "", func(d *directory.Details) *string { return &d.PreferredLanguage }},
	{coreURN, "locale", "", func(d *directory.Details) *string { return &d.Locale }},
	{coreURN, "timezone", "", func(d *directory.Details) *string { return &d.Timezone }},
	{enterpriseURN, "employeeNumber", "", func(d *directory.Details) *string { return &d.EmployeeNumber }},
	{enterpriseURN, "costCenter", "", func(d *directory.Details) *string { return &d.CostCenter }},
	{enterpriseURN, "organization", "", func(d *directory.Details) *string { return &d.Company }},
	{enterpriseURN, "division", "", func(d *directory.Details) *string { return &d.Division }},
	{enterpriseURN, "department", "", func(d *directory.Details) *string { return &d.Department }},
}

// contacts are the lists of a member's details.
var contacts = []struct {
	attr string
	at   func(*directory.Details) *[]directory.Contact
}{
	{"emails", func(d *directory.Details) *[]directory.Contact { return &d.Emails }},
	{"phoneNumbers", func(d *directory.Details) *[]directory.Contact { return &d.Phones }},
	{"ims", func(d *directory.Details) *[]directory.Contact { return &d.IMs }},
	{"photos", func(d *directory.Details) *[]directory.Contact { return &d.Photos }},
	{"x509Certificates", func(d *directory.Details) *[]directory.Contact { return &d.Certificates }},
}

// addressParts is every part of a postal address.
var addressParts = []struct {
	sub string
	at  func(*directory.Address) *string
}{
	{"formatted", func(a *directory.Address) *string { return &a.Formatted }},
	{"streetAddress", func(a *directory.Address) *string { return &a.Street }},
	{"locality", func(a *directory.Address) *string { return &a.Locality }},
	{"region", func(a *directory.Address) *string { return &a.Region }},
	{"postalCode", func(a *directory.Address) *string { return &a.PostalCode }},
	{"country", func(a *directory.Address) *string { return &a.Country }},
	{"type", func(a *directory.Address) *string { return &a.Type }},
}
