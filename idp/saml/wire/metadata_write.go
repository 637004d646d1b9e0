package wire

import (
	"fmt"
	"time"
)

// Endpoint is an address and the binding that is spoken there.
type Endpoint struct {
	Binding          Binding `json:"binding"`
	Location         string  `json:"location"`
	ResponseLocation string  `json:"response_location,omitempty"` // where answers go; Location if empty
	Index            int     `json:"index,omitempty"`             // of assertion consumer services and artifact resolution services
	Default          bool    `json:"default,omitempty"`
	// Declined is isDefault="false", which is not the same as saying nothing.
	Declined bool `json:"declined,omitempty"`
}

// Answers is the address that answers go to.
func (e Endpoint) Answers() string {
	if e.ResponseLocation != "" {
		return e.ResponseLocation
	}
	return e.Location
}

// Contact is somebody to ask (metadata §2.3.2.2).
type Contact struct {
	Type    string // technical, support, administrative, billing, other
	Company string
	Given   string
	Surname string
	Email   string
	Phone   string
}

// Organization is who runs an entity (metadata §2.3.2.1), in one language.
type Organization struct{ Language, Name, DisplayName, URL string }

// Metadata describes this identity provider to service providers.
type Metadata struct {
	// Certificates are those of our keys, DER: the one that signs, and during rollover the next or the last one too.
	Certificates            [][]byte
	SSO                     []Endpoint
	SLO                     []Endpoint
	ArtifactResolution      []Endpoint
	NameIDFormats           []string
	WantAuthnRequestsSigned bool
	ErrorURL                string
	ValidUntil              time.Time     // zero: not said
	CacheDuration           time.Duration // zero: not said
	// DisplayName is what people know the identity provider as, in English; empty: not said.
	DisplayName  string
	Organization *Organization
	Contacts     []Contact
}

// Metadata writes our metadata, signed where the issuer has a key. It is made once and kept.
func (i Issuer) Metadata(d Metadata) ([]byte, error) {
	id, err := i.newID()
	if err != nil {
		return nil, err
	}
	w := &writer{b: make([]byte, 0, 8<<10)}
	until := ""
	if !d.ValidUntil.IsZero() {
		until = instant(d.ValidUntil)
	}
	w.start("md:EntityDescriptor", "xmlns:md", nsMetadata, "ID", id, "cacheDuration", duration(d.CacheDuration), "entityID", i.EntityID, "validUntil", until)
	at := len(w.b)
	w.role(d)
	w.contacts(d)
	w.end("md:EntityDescriptor")
	m := &Message{ID: id, issuer: i, head: w.b[:at:at], tail: w.b[at:], unsigned: i.Key == nil}
	return m.XML()
}

// taken are the algorithms of signatures that we take of everybody, the usual first.
var taken = struct{ digests, signatures []string }{
	[]string{digestSHA256, digestSHA384, digestSHA512},
	[]string{algRSASHA256, algRSASHA384, algRSASHA512, algECDSASHA256, algECDSASHA384, algECDSASHA512},
}

// extensions says which signatures we take (Metadata Profile for Algorithm Support §2), and what we are called
// (Metadata Extensions for Login and Discovery User Interface §2.1).
func (w *writer) extensions(d Metadata) {
	w.start("md:Extensions")
	for _, a := range taken.digests {
		w.leaf("alg:DigestMethod", "", "xmlns:alg", nsAlgorithms, "Algorithm", a)
	}
	for _, a := range taken.signatures {
		least := ""
		if !signatureAlgorithms[a].ecdsa {
			least = fmt.Sprint(minRSA)
		}
		w.leaf("alg:SigningMethod", "", "xmlns:alg", nsAlgorithms, "Algorithm", a, "MinKeySize", least)
	}
	if d.DisplayName != "" {
		w.start("mdui:UIInfo", "xmlns:mdui", nsUI)
		w.leaf("mdui:DisplayName", d.DisplayName, "xml:lang", "en")
		w.end("mdui:UIInfo")
	}
	w.end("md:Extensions")
}

func (w *writer) role(d Metadata) {
	wants := "false"
	if d.WantAuthnRequestsSigned {
		wants = "true"
	}
	w.start("md:IDPSSODescriptor", "WantAuthnRequestsSigned", wants, "errorURL", d.ErrorURL, "protocolSupportEnumeration", nsProtocol)
	w.extensions(d)
	for _, certificate := range d.Certificates {
		w.start("md:KeyDescriptor", "use", string(UseSigning))
		w.start("ds:KeyInfo", "xmlns:ds", nsSignature)
		w.start("ds:X509Data")
		w.base64("ds:X509Certificate", certificate)
		w.end("ds:X509Data")
		w.end("ds:KeyInfo")
		w.end("md:KeyDescriptor")
	}
	for _, e := range d.ArtifactResolution {
		def := ""
		if e.Default {
			def = "true"
		}
		w.leaf("md:ArtifactResolutionService", "", "Binding", string(e.Binding), "Location", e.Location, "index", fmt.Sprint(e.Index), "isDefault", def)
	}
	for _, e := range d.SLO {
		w.leaf("md:SingleLogoutService", "", "Binding", string(e.Binding), "Location", e.Location, "ResponseLocation", e.ResponseLocation)
	}
	for _, format := range d.NameIDFormats {
		w.leaf("md:NameIDFormat", format)
	}
	for _, e := range d.SSO {
		w.leaf("md:SingleSignOnService", "", "Binding", string(e.Binding), "Location", e.Location)
	}
	w.end("md:IDPSSODescriptor")
}

func (w *writer) contacts(d Metadata) {
	if o := d.Organization; o != nil {
		w.start("md:Organization")
		w.leaf("md:OrganizationName", o.Name, "xml:lang", o.Language)
		w.leaf("md:OrganizationDisplayName", o.DisplayName, "xml:lang", o.Language)
		w.leaf("md:OrganizationURL", o.URL, "xml:lang", o.Language)
		w.end("md:Organization")
	}
	for _, c := range d.Contacts {
		w.start("md:ContactPerson", "contactType", c.Type)
		email := c.Email
		if email != "" {
			email = "mailto:" + email
		}
		for _, part := range [][2]string{{"md:Company", c.Company}, {"md:GivenName", c.Given}, {"md:SurName", c.Surname}, {"md:EmailAddress", email}, {"md:TelephoneNumber", c.Phone}} {
			if part[1] != "" {
				w.leaf(part[0], part[1])
			}
		}
		w.end("md:ContactPerson")
	}
}

// duration writes xs:duration; nothing for none.
func duration(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return fmt.Sprintf("PT%dS", int64(d/time.Second))
}
