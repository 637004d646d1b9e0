package seed

import (
	"time"

	"portvakt/internal/config"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
)

// File is a parsed seed or apply file. Pointers and nil lists are absent keys.
type File struct {
	Modules          []Module          `yaml:"modules"`
	Packages         []Package         `yaml:"packages"`
	Features         []Feature         `yaml:"features"`
	Organizations    []Organization    `yaml:"organizations"`
	Applications     []Application     `yaml:"applications"`
	Operators        []Word            `yaml:"operators"` // e-mails of members
	ServiceProviders []ServiceProvider `yaml:"service_providers"`

	name string
	refs []reference
}

// Module is a function of an application.
type Module struct {
	config.Position
	ID          Word              `yaml:"id"`
	Name        map[string]string `yaml:"name"` // by language
	SelfService *bool             `yaml:"self_service"`
	Fields      []Word            `yaml:"fields"`
	Tools       []Word            `yaml:"tools"`
}

// Package is a named bundle of grants.
type Package struct {
	config.Position
	ID     Word              `yaml:"id"`
	Name   map[string]string `yaml:"name"`
	Base   *bool             `yaml:"base"`
	Grants Entries[Word]     `yaml:"grants"`
}

// Feature is something that can be switched on for an organization.
type Feature struct {
	config.Position
	ID    Word              `yaml:"id"`
	Name  map[string]string `yaml:"name"`
	Price *string           `yaml:"price"` // a label for people, such as "49 kr / month"
}

// Organization is an organization with everything in it.
type Organization struct {
	config.Position
	Slug                Word                 `yaml:"slug"`
	Name                *string              `yaml:"name"`
	Language            Word                 `yaml:"language"`
	Domains             []Word               `yaml:"domains"`
	Seats               *int64               `yaml:"seats"`
	SuspendedKeepSeats  *bool                `yaml:"suspended_keep_seats"`
	Features            []Word               `yaml:"features"`
	ManagedBy           Agency               `yaml:"managed_by"`
	SecondFactor        Word                 `yaml:"second_factor"`
	TrustedDeviceDays   *int64               `yaml:"trusted_device_days"` // 0: the second factor is asked for at every sign-in
	MailCodes           *bool                `yaml:"mail_codes"`          // a code by mail counts as second factor
	SessionIdle         *time.Duration       `yaml:"session_idle"`        // 0: the installation's
	SessionLimit        *time.Duration       `yaml:"session_limit"`       // 0: the installation's
	KeyPolicy           Word                 `yaml:"key_policy"`          // any, attested
	Brand               Brand                `yaml:"brand"`
	Segments            []Segment            `yaml:"segments"`
	Profiles            []Profile            `yaml:"profiles"`
	Roles               []Role               `yaml:"roles"`
	Groups              []Group              `yaml:"groups"`
	Sharing             Entries[Word]        `yaml:"sharing"`
	SharingRules        []SharingRule        `yaml:"sharing_rules"`
	ProvisioningClients []ProvisioningClient `yaml:"provisioning_clients"`
	ServiceAccounts     []ServiceAccount     `yaml:"service_accounts"`
	Members             []Member             `yaml:"members"`
}

// Profile is a permission profile.
type Profile struct {
	config.Position
	ID      Word                   `yaml:"id"`
	Name    *string                `yaml:"name"`
	Modules Entries[ProfileModule] `yaml:"modules"`
	Removed bool                   `yaml:"removed"`
}

// ProfileModule is what a profile allows in a module.
type ProfileModule struct {
	View   bool          `yaml:"view"`
	Create bool          `yaml:"create"`
	Edit   bool          `yaml:"edit"`
	Delete bool          `yaml:"delete"`
	Fields Entries[Word] `yaml:"fields"`
	Tools  []Word        `yaml:"tools"`
}

// Role is a node of the role tree with what stands below it.
type Role struct {
	config.Position
	ID       Word    `yaml:"id"`
	Name     *string `yaml:"name"`
	Profiles []Word  `yaml:"profiles"`
	Below    []Role  `yaml:"below"`
	Removed  bool    `yaml:"removed"`
	PeopleTo Word    `yaml:"people_to"` // with removed: the role that its people get
}

// Group collects members, groups and roles.
type Group struct {
	config.Position
	ID      Word          `yaml:"id"`
	Name    *string       `yaml:"name"`
	Members []GroupMember `yaml:"members"`
	Removed bool          `yaml:"removed"`
}

// GroupMember names one thing that is in a group, by exactly one of its keys.
type GroupMember struct {
	config.Position
	Member       Word `yaml:"member"` // an e-mail, or a user name
	Group        Word `yaml:"group"`
	Role         Word `yaml:"role"`
	RoleAndBelow Word `yaml:"role_and_below"`
	Removed      bool `yaml:"removed"`
}

// SharingRule opens what some own to others.
type SharingRule struct {
	config.Position
	Module  Word  `yaml:"module"`
	From    Party `yaml:"from"`
	To      Party `yaml:"to"`
	Access  Word  `yaml:"access"`
	Removed bool  `yaml:"removed"`
}

// Party is one end of a sharing rule, named by exactly one of its keys.
type Party struct {
	config.Position
	Role         Word `yaml:"role"`
	RoleAndBelow Word `yaml:"role_and_below"`
	Group        Word `yaml:"group"`
}

// ServiceAccount is an organization's account for a system.
type ServiceAccount struct {
	config.Position
	ID         Word        `yaml:"id"`
	Name       *string     `yaml:"name"`
	Secret     secret.Text `yaml:"secret"`
	SecretFile string      `yaml:"secret_file"`
	AuthMethod Word        `yaml:"auth_method"` // client_secret_basic or private_key_jwt
	JWKS       KeySet      `yaml:"jwks"`
	JWKSURI    *string     `yaml:"jwks_uri"` // where they are read, instead
	Disabled   *bool       `yaml:"disabled"`
}

// Member is a person in the organization. The personal keys are the standard claims of OpenID Connect.
type Member struct {
	config.Position
	Email         Word          `yaml:"email"`
	UserName      Word          `yaml:"user_name"`
	ExternalID    *string       `yaml:"external_id"`
	Like          Word          `yaml:"like"` // an e-mail, or a user name: whose access a new member begins with
	Kind          Word          `yaml:"kind"`
	Administrator *bool         `yaml:"administrator"`
	Reseller      *Reseller     `yaml:"reseller"`
	Start         *time.Time    `yaml:"start"`
	End           *time.Time    `yaml:"end"`
	Role          Word          `yaml:"role"`
	Packages      []Word        `yaml:"packages"`
	Grants        Entries[Word] `yaml:"grants"`
	Functions     []Word        `yaml:"functions"`
	Segments      []Word        `yaml:"segments"`
	SecondFactor  Word          `yaml:"second_factor"` // required, or optional: what the organization says
	Password      secret.Text   `yaml:"password"`
	Initial       secret.Text   `yaml:"initial_password"` // must be changed at the first sign-in
	Imported      secret.Text   `yaml:"password_hash"`    // of a password chosen in another system
	TOTP          secret.Text   `yaml:"totp"`
	Person        `yaml:",inline"`
}

// Reseller is what a member of kind reseller is; bank access and user administration are added by saying so alone.
type Reseller struct {
	Role               Word `yaml:"role"`
	BankAccess         bool `yaml:"bank_access"`
	UserAdministration bool `yaml:"user_administration"`
}

// Person is how a member is presented.
type Person struct {
	Name           *string  `yaml:"name"`
	GivenName      *string  `yaml:"given_name"`
	FamilyName     *string  `yaml:"family_name"`
	MiddleName     *string  `yaml:"middle_name"`
	Nickname       *string  `yaml:"nickname"`
	DisplayName    *string  `yaml:"display_name"`
	Title          *string  `yaml:"title"`
	Phone          *string  `yaml:"phone"`
	Profile        Word     `yaml:"profile"`
	Picture        Word     `yaml:"picture"`
	Website        Word     `yaml:"website"`
	Gender         *string  `yaml:"gender"`
	Birthdate      Word     `yaml:"birthdate"`
	Zoneinfo       Word     `yaml:"zoneinfo"`
	Locale         Word     `yaml:"locale"`
	Address        *Address `yaml:"address"`
	EmployeeNumber *string  `yaml:"employee_number"`
	CostCenter     *string  `yaml:"cost_center"`
	Division       *string  `yaml:"division"`
	Department     *string  `yaml:"department"`
}

// Address is a postal address in the names of OpenID Connect Core §5.1.1.
type Address struct {
	Formatted  string `yaml:"formatted"`
	Street     string `yaml:"street_address"`
	Locality   string `yaml:"locality"`
	Region     string `yaml:"region"`
	PostalCode string `yaml:"postal_code"`
	Country    string `yaml:"country"`
}

// Application is an OpenID Connect client in the names of RFC 7591.
type Application struct {
	config.Position
	ClientID                     Word             `yaml:"client_id"`
	Name                         *string          `yaml:"name"`
	Secret                       secret.Text      `yaml:"secret"`
	SecretFile                   string           `yaml:"secret_file"`
	Organizations                OrganizationList `yaml:"organizations"` // at first every one
	Disabled                     *bool            `yaml:"disabled"`
	RedirectURIs                 []string         `yaml:"redirect_uris"`
	PostLogoutRedirectURIs       []string         `yaml:"post_logout_redirect_uris"`
	BackchannelLogoutURI         *string          `yaml:"backchannel_logout_uri"`
	BackchannelSessionRequired   *bool            `yaml:"backchannel_logout_session_required"`
	WebhookURI                   *string          `yaml:"webhook_uri"`
	GrantTypes                   []string         `yaml:"grant_types"`
	ResponseTypes                []string         `yaml:"response_types"`
	TokenEndpointAuthMethod      *string          `yaml:"token_endpoint_auth_method"`
	TokenEndpointAuthSigningAlg  *string          `yaml:"token_endpoint_auth_signing_alg"`
	JWKS                         KeySet           `yaml:"jwks"` // public keys, for private_key_jwt
	JWKSURI                      *string          `yaml:"jwks_uri"`
	ApplicationType              *string          `yaml:"application_type"`
	IDTokenSignedResponseAlg     *string          `yaml:"id_token_signed_response_alg"`
	AccessTokenSignedResponseAlg *string          `yaml:"access_token_signed_response_alg"`
	Scopes                       []string         `yaml:"scopes"`
	Audience                     []string         `yaml:"audience"`
	RequirePKCE                  *bool            `yaml:"require_pkce"`
	SkipConsent                  *bool            `yaml:"skip_consent"`
	ClaimsInIDToken              *bool            `yaml:"claims_in_id_token"`
	Modules                      []Word           `yaml:"modules"` // absent: all
	ClientURI                    *string          `yaml:"client_uri"`
	InitiateLoginURI             *string          `yaml:"initiate_login_uri"`
	PolicyURI                    *string          `yaml:"policy_uri"`
	TermsURI                     *string          `yaml:"tos_uri"`
	DefaultMaxAge                *int64           `yaml:"default_max_age"` // seconds; -1: none
	AccessTokenSeconds           *int64           `yaml:"access_token_seconds"`
	RefreshTokenSeconds          *int64           `yaml:"refresh_token_seconds"`
	SecondFactor                 *string          `yaml:"second_factor"` // required, or optional as if absent
	ClaimsBudget                 *int64           `yaml:"claims_budget"` // bytes
	AccessClaims                 []AccessClaim    `yaml:"access_claims"`
}

// public reports whether the application keeps no secret.
func (a *Application) public() bool {
	return a.TokenEndpointAuthMethod != nil && *a.TokenEndpointAuthMethod == "none"
}

// byKey reports whether the application proves itself by a key and needs no secret.
func (a *Application) byKey() bool {
	return a.TokenEndpointAuthMethod != nil && *a.TokenEndpointAuthMethod == "private_key_jwt"
}

// metadata lays the keys that stand in the file over what is registered.
func (a *Application) metadata(m directory.ClientMetadata) directory.ClientMetadata {
	for _, l := range []struct {
		to   *[]string
		from []string
	}{
		{&m.RedirectURIs, a.RedirectURIs}, {&m.PostLogoutRedirectURIs, a.PostLogoutRedirectURIs}, {&m.GrantTypes, a.GrantTypes},
		{&m.ResponseTypes, a.ResponseTypes}, {&m.Scopes, a.Scopes}, {&m.Audience, a.Audience}, {&m.Modules, texts(a.Modules)},
	} {
		if l.from != nil {
			*l.to = l.from
		}
	}
	set(&m.BackchannelLogoutURI, a.BackchannelLogoutURI)
	set(&m.BackchannelSessionRequired, a.BackchannelSessionRequired)
	set(&m.WebhookURI, a.WebhookURI)
	set(&m.TokenEndpointAuthMethod, a.TokenEndpointAuthMethod)
	set(&m.TokenEndpointAuthSigningAlg, a.TokenEndpointAuthSigningAlg)
	if a.JWKS.present() {
		m.JWKS, m.JWKSURI = a.JWKS.JSON, "" // one replaces the other, unless both stand here
	} else if a.JWKSURI != nil {
		m.JWKS = nil
	}
	set(&m.JWKSURI, a.JWKSURI)
	set(&m.ApplicationType, a.ApplicationType)
	set(&m.IDTokenSignedResponseAlg, a.IDTokenSignedResponseAlg)
	set(&m.AccessTokenSignedResponseAlg, a.AccessTokenSignedResponseAlg)
	set(&m.ClaimsInIDToken, a.ClaimsInIDToken)
	set(&m.ClientURI, a.ClientURI)
	set(&m.InitiateLoginURI, a.InitiateLoginURI)
	set(&m.PolicyURI, a.PolicyURI)
	set(&m.TermsURI, a.TermsURI)
	if a.DefaultMaxAge != nil {
		if m.DefaultMaxAge = a.DefaultMaxAge; *a.DefaultMaxAge == -1 {
			m.DefaultMaxAge = nil
		}
	}
	set(&m.AccessTokenSeconds, a.AccessTokenSeconds)
	set(&m.RefreshTokenSeconds, a.RefreshTokenSeconds)
	set(&m.ClaimsBudget, a.ClaimsBudget)
	if a.SecondFactor != nil {
		m.SecondFactor = directory.SecondFactor(*a.SecondFactor)
	}
	if a.RequirePKCE != nil {
		m.RequirePKCE = a.RequirePKCE
	}
	if a.SkipConsent != nil {
		m.SkipConsent = a.SkipConsent
	}
	return m
}

// set takes a value that stands in the file.
func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// texts are the words' texts; nil stays nil.
func texts(words []Word) []string {
	if words == nil {
		return nil
	}
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w.Text
	}
	return out
}
