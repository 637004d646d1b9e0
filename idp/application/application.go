package application

import (
	"slices"
	"strings"

	"portvakt/idp/gate"
	"portvakt/internal/directory"
)

// Grant types that an application may register.
const (
	GrantCode              = "authorization_code"
	GrantRefresh           = "refresh_token"
	GrantClientCredentials = "client_credentials"
)

// Client authentication methods that an application may register (RFC 7591 §2).
const (
	AuthBasic = "client_secret_basic"
	AuthPost  = "client_secret_post"
	AuthNone  = "none"
)

// The scopes that Portvakt knows.
const (
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopeEmail         = "email"
	ScopePhone         = "phone"
	ScopeAddress       = "address"
	ScopeOffline       = "offline_access"
	ScopeOrganization  = "organization"
	ScopeOrganizations = "organizations"
	ScopeAccess        = "access"
	ScopeSCIM          = "scim"
	ScopeAuthZEN       = "authzen"
)

// ScopeOrganizationPrefix begins a scope that binds a request to one organization: organization:<slug>.
const ScopeOrganizationPrefix = "organization:"

var knownScopes = []string{ScopeOpenID, ScopeProfile, ScopeEmail, ScopePhone, ScopeAddress, ScopeOffline,
	ScopeOrganization, ScopeOrganizations, ScopeAccess, ScopeSCIM, ScopeAuthZEN}

// personal are the scopes that speak of a person; a client's own token cannot have them.
var personal = []string{ScopeOpenID, ScopeProfile, ScopeEmail, ScopePhone, ScopeAddress, ScopeOffline, ScopeOrganizations, ScopeAccess}

// Client is an application or a service account, parsed. It is shared by all requests: nobody changes it.
type Client struct {
	ID             directory.ApplicationID // zero for a service account
	ServiceAccount directory.ServiceAccountID
	ClientID       string
	Name           string
	Organization   directory.OrganizationID // a service account's own
	Method         string                   // token_endpoint_auth_method
	Native         bool
	Gate           gate.Application
	Registered     directory.Application // zero for a service account
	Scopes         []string

	secrets     []directory.ApplicationSecret
	noPKCE      bool
	skipConsent bool
}

func ofApplication(a directory.Application) *Client {
	m := &a.Metadata
	c := &Client{
		ID: a.ID, ClientID: a.ClientID, Name: a.Name, Method: or(m.TokenEndpointAuthMethod, AuthBasic),
		Native: m.ApplicationType == "native", Registered: a, Scopes: m.Scopes, secrets: a.Secrets,
	}
	if c.Name == "" {
		c.Name = a.ClientID
	}
	grants := m.GrantTypes
	if len(grants) == 0 {
		grants = []string{GrantCode} // RFC 7591 §2
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{ScopeOpenID, ScopeProfile, ScopeEmail}
	}
	c.noPKCE = c.Method != AuthNone && m.RequirePKCE != nil && !*m.RequirePKCE
	c.skipConsent = a.Organization.IsZero() // the installation's own applications are trusted
	if m.SkipConsent != nil {
		c.skipConsent = *m.SkipConsent
	}
	c.Gate = gate.Application{
		ID: a.ID, Disabled: a.Disabled, AllOrganizations: a.AllOrganizations, Organizations: a.Organizations, Grants: grants,
		SelfService: len(m.Modules) == 0, // an absent list is all modules; Clients looks up what a list says
	}
	return c
}

func ofServiceAccount(s directory.ServiceAccount) *Client {
	return &Client{
		ServiceAccount: s.ID, ClientID: s.ClientID, Name: s.Name, Organization: s.Organization, Method: AuthBasic,
		Scopes:  []string{ScopeOrganization, ScopeSCIM, ScopeAuthZEN},
		Gate:    gate.Application{Disabled: s.Disabled, Organizations: []directory.OrganizationID{s.Organization}, Grants: []string{GrantClientCredentials}},
		secrets: []directory.ApplicationSecret{{Hash: s.SecretHash}},
	}
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// Allows reports whether the client registered the grant type.
func (c *Client) Allows(grant string) bool { return slices.Contains(c.Gate.Grants, grant) }

// Public reports whether the client has no secret to authenticate with.
func (c *Client) Public() bool { return c.Method == AuthNone }

// NeedsPKCE reports whether a request without code_challenge is refused: always, unless a confidential application
// registered otherwise.
func (c *Client) NeedsPKCE() bool { return !c.noPKCE }

// SkipsConsent reports whether the person is not asked.
func (c *Client) SkipsConsent() bool { return c.skipConsent }

// Grantable keeps of the scopes asked for those that the client registered, each once, in the order asked.
// organization:<slug> takes nothing but a wider choice away, so it needs no registration.
func (c *Client) Grantable(asked []string) []string {
	out := make([]string, 0, len(asked))
	for _, s := range asked {
		if (slices.Contains(c.Scopes, s) || strings.HasPrefix(s, ScopeOrganizationPrefix)) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// OwnScopes is Grantable for the client's own tokens, which speak of no person.
func (c *Client) OwnScopes(asked []string) []string {
	return slices.DeleteFunc(c.Grantable(asked), func(s string) bool {
		return slices.Contains(personal, s) || strings.HasPrefix(s, ScopeOrganizationPrefix)
	})
}
