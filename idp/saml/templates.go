package saml

import (
	"maps"
	"slices"

	"portvakt/internal/directory"
)

// templates are the attributes that common applications expect, by what their makers document; none has been tried against
// the service itself. What has to be set at their side stands in docs/integration/saml.md.
var templates = map[string][]directory.SAMLAttribute{
	// Microsoft Entra ID as a service provider (federation of a domain): the name is the person's ImmutableID there, the address
	// the user principal name.
	"microsoft-365": {
		{Name: "IDPEmail", NameFormat: "unspecified", FriendlyName: "User principal name", Source: "email"},
	},
	"google-workspace": {}, // the name alone, as e-mail: other attributes than short ASCII ones make its sign-in fail
	// Those of just-in-time provisioning. User.ProfileId is the owner's to say; User.FederationIdentifier is left out: it would
	// have to be the name, which is taken where it is missing.
	"salesforce": {
		{Name: "User.Email", NameFormat: "unspecified", Source: "email"},
		{Name: "User.Username", NameFormat: "unspecified", Source: "email"},
		{Name: "User.FirstName", NameFormat: "unspecified", Source: "given_name"},
		{Name: "User.LastName", NameFormat: "unspecified", Source: "family_name"},
	},
	"slack": {
		{Name: "User.Email", NameFormat: "unspecified", Source: "email"},
		{Name: "User.Username", NameFormat: "unspecified", Source: "user_name"},
		{Name: "first_name", NameFormat: "unspecified", Source: "given_name"},
		{Name: "last_name", NameFormat: "unspecified", Source: "family_name"},
	},
	"zoom": {
		{Name: "email", NameFormat: "basic", Source: "email"},
		{Name: "firstName", NameFormat: "basic", Source: "given_name"},
		{Name: "lastName", NameFormat: "basic", Source: "family_name"},
		{Name: "phoneNumber", NameFormat: "basic", Source: "phone"},
		{Name: "department", NameFormat: "basic", Source: "department"},
	},
	"edu-person": { // eduPerson, inetOrgPerson and the subject identifiers of OASIS, for federations of research and education
		{Name: "urn:oasis:names:tc:SAML:attribute:subject-id", NameFormat: "uri", FriendlyName: "subject-id", Source: "subject_id"},
		{Name: "urn:oasis:names:tc:SAML:attribute:pairwise-id", NameFormat: "uri", FriendlyName: "pairwise-id", Source: "pairwise_id"},
		{Name: "urn:oid:1.3.6.1.4.1.5923.1.1.1.6", NameFormat: "uri", FriendlyName: "eduPersonPrincipalName", Source: "subject_id"},
		{Name: "urn:oid:0.9.2342.19200300.100.1.3", NameFormat: "uri", FriendlyName: "mail", Source: "email"},
		{Name: "urn:oid:2.16.840.1.113730.3.1.241", NameFormat: "uri", FriendlyName: "displayName", Source: "name"},
		{Name: "urn:oid:2.5.4.42", NameFormat: "uri", FriendlyName: "givenName", Source: "given_name"},
		{Name: "urn:oid:2.5.4.4", NameFormat: "uri", FriendlyName: "sn", Source: "family_name"},
		{Name: "urn:oid:2.5.4.3", NameFormat: "uri", FriendlyName: "cn", Source: "name"},
		{Name: "urn:oid:2.5.4.10", NameFormat: "uri", FriendlyName: "o", Source: "organization_name"},
		{Name: "urn:oid:2.16.840.1.113730.3.1.39", NameFormat: "uri", FriendlyName: "preferredLanguage", Source: "locale"},
		{Name: "urn:oid:1.3.6.1.4.1.5923.1.1.1.7", NameFormat: "uri", FriendlyName: "eduPersonEntitlement", Source: "entitlements"},
		{Name: "urn:oid:1.3.6.1.4.1.5923.1.5.1.1", NameFormat: "uri", FriendlyName: "isMemberOf", Source: "groups"},
	},
	"basic": { // short names, as most libraries' examples have them
		{Name: "email", NameFormat: "basic", Source: "email"},
		{Name: "name", NameFormat: "basic", Source: "name"},
		{Name: "given_name", NameFormat: "basic", Source: "given_name"},
		{Name: "family_name", NameFormat: "basic", Source: "family_name"},
		{Name: "organization", NameFormat: "basic", Source: "organization"},
		{Name: "membership_id", NameFormat: "basic", Source: "membership_id"},
		{Name: "groups", NameFormat: "basic", Source: "groups"},
	},
	"ws-federation": { // the claim types that .NET and many products of Microsoft's read
		{Name: "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", NameFormat: "uri", FriendlyName: "E-mail", Source: "email"},
		{Name: "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", NameFormat: "uri", FriendlyName: "Name", Source: "email"},
		{Name: "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname", NameFormat: "uri", FriendlyName: "Given name", Source: "given_name"},
		{Name: "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", NameFormat: "uri", FriendlyName: "Surname", Source: "family_name"},
		{Name: "http://schemas.microsoft.com/identity/claims/displayname", NameFormat: "uri", FriendlyName: "Display name", Source: "name"},
		{Name: "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups", NameFormat: "uri", FriendlyName: "Groups", Source: "groups"},
		{Name: "http://schemas.microsoft.com/ws/2008/06/identity/claims/role", NameFormat: "uri", FriendlyName: "Roles", Source: "roles"},
	},
}

// templateNames are how a template's applications want people to be called, where the registration does not say.
var templateNames = map[string]directory.SAMLNameID{
	"microsoft-365": directory.NameIDPersistent, "google-workspace": directory.NameIDEmail, "salesforce": directory.NameIDEmail,
	"slack": directory.NameIDPersistent, "zoom": directory.NameIDEmail,
}

// Templates are the names of the attribute templates, in alphabetical order.
func Templates() []string { return slices.Sorted(maps.Keys(templates)) }

// Attributes are what a service provider is told: the template's attributes, with those of the registration in the place of
// what has the same name. Nothing where neither says anything: a registration tells only what somebody decided.
func Attributes(s *directory.SAMLSettings) []directory.SAMLAttribute {
	var out []directory.SAMLAttribute
	for _, a := range templates[s.Template] {
		if !slices.ContainsFunc(s.Attributes, func(own directory.SAMLAttribute) bool { return own.Name == a.Name }) {
			out = append(out, a)
		}
	}
	for _, a := range s.Attributes {
		if !a.Omit {
			out = append(out, a)
		}
	}
	return out
}

// NameIDOf is how people are called where a request leaves it open: as the registration says, else the template; empty where
// neither does.
func NameIDOf(s *directory.SAMLSettings) directory.SAMLNameID {
	if s.NameIDFormat != directory.NameIDUnspecified {
		return s.NameIDFormat
	}
	return templateNames[s.Template]
}
