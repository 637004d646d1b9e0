package directory

import (
	"slices"
	"time"

	"portvakt/internal/fault"
)

// ServiceProvider is a SAML 2.0 service provider: an application of kind saml with what SAML needs to know of it. Its texts
// are those of the metadata; what they mean on the wire is idp/saml's affair.
type ServiceProvider struct {
	// Application is what it shares with OIDC clients: owner, name, who may enter, disabled, and of its metadata second_factor,
	// skip_consent, modules and the addresses for people. Its client id is its own identifier, which no client can have.
	Application Application
	EntityID    string
	Slug        string // its name in /saml/init/{application}; "": its identifier alone
	Settings    SAMLSettings
	Metadata    SAMLMetadata
	Refresh     MetadataRefresh
}

// ID is the application's identifier.
func (p ServiceProvider) ID() ApplicationID { return p.Application.ID }

// Owner is the organization that it belongs to; zero: the installation.
func (p ServiceProvider) Owner() OrganizationID { return p.Application.Organization }

// Version counts its changes.
func (p ServiceProvider) Version() int64 { return p.Application.Version }

// SAMLSign is what of a response is signed.
type SAMLSign string

// What can be signed.
const (
	SignAssertion SAMLSign = "assertion" // where the registration says nothing
	SignResponse  SAMLSign = "response"
	SignBoth      SAMLSign = "both"
)

// SAMLNameID is how people are called towards a service provider.
type SAMLNameID string

// The names.
const (
	NameIDUnspecified SAMLNameID = "" // as it asks; where it does not, persistent
	NameIDPersistent  SAMLNameID = "persistent"
	NameIDTransient   SAMLNameID = "transient"
	NameIDEmail       SAMLNameID = "email"
)

// SAMLSettings are what whoever registered a service provider decided; nothing of it comes from its metadata.
type SAMLSettings struct {
	Sign                  SAMLSign        `json:"sign,omitempty"`                    // "": assertion
	RequireSignedRequests bool            `json:"require_signed_requests,omitempty"` // also where the metadata does not say so
	Encrypt               bool            `json:"encrypt,omitempty"`                 // assertions
	EncryptNameID         bool            `json:"encrypt_name_id,omitempty"`
	NameIDFormat          SAMLNameID      `json:"name_id_format,omitempty"`
	Template              string          `json:"template,omitempty"`   // of attributes; idp/saml's
	Attributes            []SAMLAttribute `json:"attributes,omitempty"` // over those of the template, by name
	IDPInitiated          bool            `json:"idp_initiated,omitempty"`
	RelayState            string          `json:"relay_state,omitempty"`     // of sign-ins that begin here
	Artifact              bool            `json:"artifact,omitempty"`        // answers by artifact where the request leaves it open
	InsecureSHA1          bool            `json:"insecure_sha1,omitempty"`   // takes RSA-SHA1 signatures
	InsecureCBC           bool            `json:"insecure_cbc,omitempty"`    // encrypts by AES-CBC
	SessionSeconds        int64           `json:"session_seconds,omitempty"` // most that SessionNotOnOrAfter grants; 0: the session's
}

// SAMLAttribute is one attribute that a service provider is told.
type SAMLAttribute struct {
	Name         string   `json:"name"`
	NameFormat   string   `json:"name_format,omitempty"`   // uri, basic or unspecified; "": uri for a URI, else basic
	FriendlyName string   `json:"friendly_name,omitempty"` // for people
	Source       string   `json:"source,omitempty"`        // one of SAMLSources; "": Values as they stand here
	Prefix       string   `json:"prefix,omitempty"`        // stands before each value
	Values       []string `json:"values,omitempty"`        // of the source those alone; none: all
	Groups       []string `json:"groups,omitempty"`        // only for who is in one of these groups, by key; none: for all
	Omit         bool     `json:"omit,omitempty"`          // takes away what the template says
}

// SAMLSources are what attributes can be made of: what we know of a person and of the membership. Where one has no value, the
// attribute is left out.
var SAMLSources = []string{
	"user_id", "membership_id", "pairwise_id", "subject_id", "email", "user_name", "name", "given_name", "family_name",
	"middle_name", "nickname", "phone", "title", "locale", "zoneinfo", "employee_number", "department", "division", "cost_center",
	"external_id", "kind", "organization_id", "organization", "organization_name",
	"roles", "role_path", "groups", "entitlements", "profiles", "functions", "segments",
}

// AccessMappings are the attributes that are made of access, in the form of claims: groups, roles and the like. The name of
// each is the attribute's.
func (s *SAMLSettings) AccessMappings() []ClaimMapping { return AccessMappings(s.Attributes) }

// AccessMappings are those of the attributes that are made of access, in the form of claims.
func AccessMappings(attributes []SAMLAttribute) []ClaimMapping {
	var out []ClaimMapping
	for _, a := range attributes {
		if slices.Contains(ClaimSources, ClaimSource(a.Source)) && !a.Omit {
			out = append(out, ClaimMapping{Source: ClaimSource(a.Source), Name: a.Name, Prefix: a.Prefix, Values: a.Values})
		}
	}
	return out
}

// SAMLMetadata is what a service provider's metadata says, as it was parsed; the JSON is that of the wire's ServiceProvider.
type SAMLMetadata struct {
	DisplayName          string                 `json:"display_name,omitempty"`
	Names                map[string]string      `json:"names,omitempty"`
	ACS                  []SAMLEndpoint         `json:"acs"`
	SLO                  []SAMLEndpoint         `json:"slo,omitempty"`
	NameIDFormats        []string               `json:"name_id_formats,omitempty"`
	Keys                 []SAMLKey              `json:"keys,omitempty"`
	AuthnRequestsSigned  bool                   `json:"authn_requests_signed,omitempty"`
	WantAssertionsSigned bool                   `json:"want_assertions_signed,omitempty"`
	AttributeServices    []SAMLAttributeService `json:"attribute_services,omitempty"`
	EntityAttributes     []SAMLMetaAttribute    `json:"entity_attributes,omitempty"`
	ValidUntil           time.Time              `json:"valid_until,omitzero"`
	CacheSeconds         int64                  `json:"cache_seconds,omitempty"`
	Signed               bool                   `json:"signed,omitempty"`
}

// SAMLEndpoint is an address of a service provider; the binding is its URI.
type SAMLEndpoint struct {
	Binding          string `json:"binding"`
	Location         string `json:"location"`
	ResponseLocation string `json:"response_location,omitempty"`
	Index            int    `json:"index,omitempty"`
	Default          bool   `json:"default,omitempty"`
	Declined         bool   `json:"declined,omitempty"`
}

// SAMLKey is a public key of a service provider.
type SAMLKey struct {
	Use         string    `json:"use,omitempty"`         // signing, encryption; "": both
	Certificate []byte    `json:"certificate,omitempty"` // DER
	PublicKey   []byte    `json:"public_key,omitempty"`  // DER, where there is no certificate
	NotAfter    time.Time `json:"not_after,omitzero"`
	Methods     []string  `json:"methods,omitempty"`
}

// SAMLAttributeService is a set of attributes that a service provider asks for.
type SAMLAttributeService struct {
	Index     int                 `json:"index"`
	Default   bool                `json:"default,omitempty"`
	Names     map[string]string   `json:"names,omitempty"`
	Requested []SAMLMetaAttribute `json:"requested,omitempty"`
}

// SAMLMetaAttribute is an attribute that metadata names.
type SAMLMetaAttribute struct {
	Name         string   `json:"name"`
	NameFormat   string   `json:"name_format,omitempty"`
	FriendlyName string   `json:"friendly_name,omitempty"`
	Values       []string `json:"values,omitempty"`
	Required     bool     `json:"required,omitempty"`
}

// MetadataRefresh is where a service provider's metadata is read anew, and how that went.
type MetadataRefresh struct {
	URL       string    // "": it is registered by hand
	SignedBy  []byte    // certificate (DER) of who must have signed it; nil: nobody need
	FetchedAt time.Time // when it was last read well; zero: never
	NextAt    time.Time // when it will be asked
	Failure   string    // of the last attempt; "": it went well
	Failures  int64     // in a row
}

// ServiceProviders is the store of service providers. Its changes bump ApplicationsWatermark: they are applications.
type ServiceProviders struct{ store }

// ErrServiceProviderNotFound says that the owner has no such service provider; a neighbour's and the installation's are none.
var ErrServiceProviderNotFound = fault.New(fault.NotFound, "service_provider_not_found", "There is no such service provider")
