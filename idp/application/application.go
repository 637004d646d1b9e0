package application

import (
	"slices"
	"strings"
	"time"

	"portvakt/idp/gate"
	"portvakt/internal/directory"
	"portvakt/internal/jwk"
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
	AuthKey   = "private_key_jwt" // RFC 7523
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
	ScopeTransfers     = directory.ScopeTransfers
	ScopeMail          = "mail"
	ScopeAccessAdmin   = "access_admin"
)

// ScopeOrganizationPrefix begins a scope that binds a request to one organization: organization:<slug>.
const ScopeOrganizationPrefix = "organization:"

var knownScopes = []string{ScopeOpenID, ScopeProfile, ScopeEmail, ScopePhone, ScopeAddress, ScopeOffline,
	ScopeOrganization, ScopeOrganizations, ScopeAccess, ScopeSCIM, ScopeAuthZEN, ScopeTransfers, ScopeMail, ScopeAccessAdmin}

// personal are the scopes that speak of a person; a client's own token cannot have them.
var personal = []string{ScopeOpenID, ScopeProfile, ScopeEmail, ScopePhone, ScopeAddress, ScopeOffline, ScopeOrganizations, ScopeAccess}

// impersonal are the scopes that a client's own token alone can have: no person moves records for an application.
var impersonal = []string{ScopeTransfers, ScopeMail, ScopeAccessAdmin}

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

	credentials []credential
	assertion   string   // token_endpoint_auth_signing_alg; "": any that fits a key
	keysURI     string   // where its keys are read; "": credentials hold them
	used        *lastUse // of a service account
	noPKCE      bool
	skipConsent bool
}

// credential is a secret or a public key of a client.
type credential struct {
	id   directory.CredentialID // zero for an application's
	hash []byte                 // SHA-256 of a secret; nil for a key
	key  jwk.Key
	ends time.Time // zero: open
}

func (c *credential) inForce(now time.Time) bool { return c.ends.IsZero() || now.Before(c.ends) }

func ofApplication(a directory.Application) *Client {
	m := &a.Metadata
	c := &Client{
		ID: a.ID, ClientID: a.ClientID, Name: a.Name, Method: or(m.TokenEndpointAuthMethod, AuthBasic),
		Native: m.ApplicationType == "native", Registered: a, Scopes: m.Scopes,
		assertion: m.TokenEndpointAuthSigningAlg, keysURI: m.JWKSURI,
	}
	for _, s := range a.Secrets {
		c.credentials = append(c.credentials, credential{hash: s.Hash, ends: s.ExpiresAt})
	}
	keys, _ := jwk.ParseSet(m.JWKS) // checked when it was registered; a set that is none opens nothing
	for _, k := range keys {
		c.credentials = append(c.credentials, credential{key: k})
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
		SecondFactor: m.SecondFactor == directory.SecondFactorRequired,
		SelfService:  len(m.Modules) == 0, // an absent list is all modules; Clients looks up what a list says
	}
	return c
}

func ofServiceAccount(s directory.ServiceAccount) *Client {
	c := &Client{
		ServiceAccount: s.ID, ClientID: s.ClientID, Name: s.Name, Organization: s.Organization, Method: string(s.Method),
		Scopes: []string{ScopeOrganization, ScopeSCIM, ScopeAuthZEN},
		Gate:   gate.Application{Disabled: s.Disabled, Organizations: []directory.OrganizationID{s.Organization}, Grants: []string{GrantClientCredentials}},
		used:   newLastUse(s.LastUsedAt), keysURI: s.KeysURI,
	}
	for _, x := range s.Credentials {
		own := credential{id: x.ID, hash: x.Hash, ends: x.ExpiresAt}
		if !x.IsSecret() {
			k, err := jwk.Parse([]byte(x.JWK))
			if err != nil { // checked when it was set
				continue
			}
			own.key = k
		}
		c.credentials = append(c.credentials, own)
	}
	return c
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// Allows reports whether the client registered the grant type.
func (c *Client) Allows(grant string) bool { return slices.Contains(c.Gate.Grants, grant) }

// Holds reports whether a credential of a service account is still in force, so that what was issued by it counts.
func (c *Client) Holds(id directory.CredentialID, now time.Time) bool {
	return slices.ContainsFunc(c.credentials, func(x credential) bool { return x.id == id && x.inForce(now) })
}

// Public reports whether the client has no secret to authenticate with.
func (c *Client) Public() bool { return c.Method == AuthNone }

// NeedsPKCE reports whether a request without code_challenge is refused: always, unless a confidential application
// registered otherwise.
func (c *Client) NeedsPKCE() bool { return !c.noPKCE }

// SkipsConsent reports whether the person is not asked.
func (c *Client) SkipsConsent() bool { return c.skipConsent }

// Grantable keeps of the scopes asked for those that the client registered and that can be had on behalf of a person, each
// once, in the order asked. organization:<slug> takes nothing but a wider choice away, so it needs no registration.
func (c *Client) Grantable(asked []string) []string {
	return slices.DeleteFunc(c.registered(asked), func(s string) bool { return slices.Contains(impersonal, s) })
}

func (c *Client) registered(asked []string) []string {
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
	return slices.DeleteFunc(c.registered(asked), func(s string) bool {
		return slices.Contains(personal, s) || strings.HasPrefix(s, ScopeOrganizationPrefix)
	})
}
