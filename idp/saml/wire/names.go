package wire

import (
	"time"

	"github.com/crewjam/saml"
)

// The namespaces that we read and write.
const (
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsMetadata  = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
	nsXenc      = "http://www.w3.org/2001/04/xmlenc#"
	nsXML       = "http://www.w3.org/XML/1998/namespace"
	nsEnvelope  = "http://schemas.xmlsoap.org/soap/envelope/"
	nsEntityAtt = "urn:oasis:names:tc:SAML:metadata:attribute"
	nsUI        = "urn:oasis:names:tc:SAML:metadata:ui"

	nsAlgorithms = "urn:oasis:names:tc:SAML:metadata:algsupport"
)

// Binding is how a message travels.
type Binding string

// The bindings that we speak.
const (
	BindingRedirect Binding = saml.HTTPRedirectBinding
	BindingPOST     Binding = saml.HTTPPostBinding
	BindingArtifact Binding = saml.HTTPArtifactBinding
	BindingSOAP     Binding = saml.SOAPBinding
)

// The formats of names.
const (
	FormatUnspecified = string(saml.UnspecifiedNameIDFormat)
	FormatEmail       = string(saml.EmailAddressNameIDFormat)
	FormatPersistent  = string(saml.PersistentNameIDFormat)
	FormatTransient   = string(saml.TransientNameIDFormat)
	FormatEntity      = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
	// FormatEncrypted in a NameIDPolicy asks that the name be encrypted, whatever its format.
	FormatEncrypted = "urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted"
)

// The formats of attributes' names.
const (
	AttributeURI         = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
	AttributeBasic       = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
	AttributeUnspecified = "urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified"
)

// Kind is which message it is.
type Kind string

// The messages that we read or write, by the names of their elements.
const (
	KindAuthnRequest     Kind = "AuthnRequest"
	KindLogoutRequest    Kind = "LogoutRequest"
	KindLogoutResponse   Kind = "LogoutResponse"
	KindArtifactResolve  Kind = "ArtifactResolve"
	KindResponse         Kind = "Response"
	KindArtifactResponse Kind = "ArtifactResponse"
)

// parameter is the name of the query or form parameter that carries the message.
func (k Kind) parameter() string {
	switch k {
	case KindResponse, KindLogoutResponse, KindArtifactResponse:
		return "SAMLResponse"
	}
	return "SAMLRequest"
}

// NameID names a person to one service provider.
type NameID struct {
	Value           string `json:"value"`
	Format          string `json:"format,omitempty"`
	NameQualifier   string `json:"name_qualifier,omitempty"`
	SPNameQualifier string `json:"sp_name_qualifier,omitempty"`
	SPProvidedID    string `json:"sp_provided_id,omitempty"`
}

// Attribute is one attribute with all its values.
type Attribute struct {
	Name         string   `json:"name"`
	NameFormat   string   `json:"name_format,omitempty"`
	FriendlyName string   `json:"friendly_name,omitempty"`
	Values       []string `json:"values,omitempty"`
}

// instant writes a time as SAML wants it: UTC, milliseconds (core §1.3.3).
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
