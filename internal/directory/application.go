package directory

import (
	"encoding/json"
	"time"

	"portvakt/internal/fault"
)

// ApplicationKind is which protocol an application speaks.
type ApplicationKind string

// The kinds. None is ever another: an application is registered as one and stays it.
const (
	KindOIDC ApplicationKind = "oidc"
	KindSAML ApplicationKind = "saml" // a ServiceProvider; its client id is its own identifier
)

// Application is whoever relies on us: an OIDC client, or a SAML service provider. The installation owns it, or one organization does.
type Application struct {
	ID               ApplicationID
	Kind             ApplicationKind
	ClientID         string
	Organization     OrganizationID // the owner; zero: the installation
	Name             string
	AllOrganizations bool             // members of every organization may enter
	Organizations    []OrganizationID // else of these
	Disabled         bool
	Metadata         ClientMetadata
	AccessClaims     []ClaimMapping // how it wants to be told of access; none: as it is
	Secrets          []ApplicationSecret
	Version          int64
	CreatedAt        time.Time
	ChangedAt        time.Time
}

// ApplicationSecret is the hash of a client secret; two are valid during a rotation.
type ApplicationSecret struct {
	Hash      []byte
	ExpiresAt time.Time // zero: open
}

// ClientMetadata is what an application registered, in the names of RFC 7591 and OpenID Connect Dynamic Client Registration.
type ClientMetadata struct {
	RedirectURIs                 []string        `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs       []string        `json:"post_logout_redirect_uris,omitempty"`
	BackchannelLogoutURI         string          `json:"backchannel_logout_uri,omitempty"`
	BackchannelSessionRequired   bool            `json:"backchannel_logout_session_required,omitempty"`
	WebhookURI                   string          `json:"webhook_uri,omitempty"` // where security event tokens go
	GrantTypes                   []string        `json:"grant_types,omitempty"`
	ResponseTypes                []string        `json:"response_types,omitempty"`
	TokenEndpointAuthMethod      string          `json:"token_endpoint_auth_method,omitempty"`
	TokenEndpointAuthSigningAlg  string          `json:"token_endpoint_auth_signing_alg,omitempty"` // absent: any that fits the keys
	JWKS                         json.RawMessage `json:"jwks,omitempty"`                            // public keys, for private_key_jwt
	JWKSURI                      string          `json:"jwks_uri,omitempty"`                        // where they are read, instead
	ApplicationType              string          `json:"application_type,omitempty"`                // web or native
	IDTokenSignedResponseAlg     string          `json:"id_token_signed_response_alg,omitempty"`
	AccessTokenSignedResponseAlg string          `json:"access_token_signed_response_alg,omitempty"`
	Scopes                       []string        `json:"scopes,omitempty"`
	Audience                     []string        `json:"audience,omitempty"`
	RequirePKCE                  *bool           `json:"require_pkce,omitempty"`
	SkipConsent                  *bool           `json:"skip_consent,omitempty"`
	ClaimsInIDToken              bool            `json:"claims_in_id_token,omitempty"`
	Modules                      []string        `json:"modules,omitempty"` // absent: all
	ClientURI                    string          `json:"client_uri,omitempty"`
	InitiateLoginURI             string          `json:"initiate_login_uri,omitempty"`
	PolicyURI                    string          `json:"policy_uri,omitempty"`
	TermsURI                     string          `json:"tos_uri,omitempty"`
	DefaultMaxAge                *int64          `json:"default_max_age,omitempty"`       // seconds; absent: none
	AccessTokenSeconds           int64           `json:"access_token_seconds,omitempty"`  // 0: the installation's
	RefreshTokenSeconds          int64           `json:"refresh_token_seconds,omitempty"` // 0: the installation's
	SecondFactor                 SecondFactor    `json:"second_factor,omitempty"`         // required: nobody is let in without one; absent: optional
	ClaimsBudget                 int64           `json:"claims_budget,omitempty"`         // most bytes of access claims in a token; 0: the installation's
	Extra                        json.RawMessage `json:"extra,omitempty"`
}

// ErrApplicationNotFound says that no application has the client id.
var ErrApplicationNotFound = fault.New(fault.NotFound, "application_not_found", "There is no such application")

// Applications is the store of applications.
type Applications struct{ store }

// ApplicationsWatermark is bumped by every change of an application, so that caches know.
const ApplicationsWatermark = "applications"
