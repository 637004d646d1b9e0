package seed

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"

	"portvakt/internal/config"
	"portvakt/internal/directory"
)

// ServiceProvider is a SAML 2.0 service provider: by its metadata, or by hand.
type ServiceProvider struct {
	config.Position
	EntityID         Word             `yaml:"entity_id"` // at first what the metadata says
	Slug             Word             `yaml:"slug"`      // its name in /saml/init/{application}
	Name             *string          `yaml:"name"`
	Organization     Word             `yaml:"organization"`  // whose it is; absent: the installation's
	Organizations    OrganizationList `yaml:"organizations"` // of the installation's: who may enter; at first every one
	Disabled         *bool            `yaml:"disabled"`
	Removed          bool             `yaml:"removed"`
	Metadata         Word             `yaml:"metadata"` // XML
	MetadataFile     Word             `yaml:"metadata_file"`
	MetadataURL      Word             `yaml:"metadata_url"`       // read anew as long as it is registered; or none
	MetadataSignedBy SAMLCertificate  `yaml:"metadata_signed_by"` // of who must have signed the metadata
	ACS              []SAMLAddress    `yaml:"acs"`
	SLO              []SAMLAddress    `yaml:"slo"`

	Certificates          []SAMLCertificate      `yaml:"certificates"`
	Sign                  Word                   `yaml:"sign"` // assertion, response, both
	RequireSignedRequests *bool                  `yaml:"require_signed_requests"`
	Encrypt               *bool                  `yaml:"encrypt"`
	EncryptNameID         *bool                  `yaml:"encrypt_name_id"`
	NameIDFormat          Word                   `yaml:"name_id_format"` // persistent, transient, email, unspecified
	AttributeTemplate     Word                   `yaml:"attribute_template"`
	Attributes            Entries[SAMLAttribute] `yaml:"attributes"`
	IDPInitiated          *bool                  `yaml:"idp_initiated"`
	RelayState            *string                `yaml:"relay_state"`
	Artifact              *bool                  `yaml:"artifact"`
	InsecureSHA1          *bool                  `yaml:"insecure_sha1"`
	InsecureCBC           *bool                  `yaml:"insecure_cbc"`
	SessionSeconds        *int64                 `yaml:"session_seconds"`

	SecondFactor Word    `yaml:"second_factor"`
	SkipConsent  *bool   `yaml:"skip_consent"`
	Modules      []Word  `yaml:"modules"` // absent: all
	ClientURI    *string `yaml:"client_uri"`
	PolicyURI    *string `yaml:"policy_uri"`
	TermsURI     *string `yaml:"tos_uri"`

	read     *directory.SAMLMetadata // what the file says, by whichever keys; nil: nothing
	signedBy []byte
}

// SAMLAddress is one address of a service provider.
type SAMLAddress struct {
	config.Position
	URL         Word `yaml:"url"`
	Binding     Word `yaml:"binding"` // post, artifact; of a sign-out redirect, post, soap
	Index       *int `yaml:"index"`   // at first its place in the list
	Default     bool `yaml:"default"`
	ResponseURL Word `yaml:"response_url"` // of a sign-out: where answers go, if elsewhere
}

// UnmarshalYAML reads an address alone, or a mapping.
func (a *SAMLAddress) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		a.Position = positionOf(n)
		return a.URL.UnmarshalYAML(n)
	}
	type plain SAMLAddress
	err := config.DecodeNode(n, (*plain)(a))
	if err == nil && !a.URL.present() {
		return errors.New("url is missing")
	}
	a.Position = positionOf(n)
	return err
}

// SAMLCertificate is a certificate, in the file or in one of its own.
type SAMLCertificate struct {
	Use  Word `yaml:"use"`         // signing, encryption; at first both
	Text Word `yaml:"certificate"` // PEM or base64
	File Word `yaml:"file"`
	at   config.Position
}

// UnmarshalYAML reads a certificate in PEM, the path of one, or a mapping.
func (s *SAMLCertificate) UnmarshalYAML(n *yaml.Node) error {
	s.at = positionOf(n)
	if n.Kind == yaml.ScalarNode {
		if strings.Contains(n.Value, "-----BEGIN") {
			return s.Text.UnmarshalYAML(n)
		}
		return s.File.UnmarshalYAML(n)
	}
	type plain SAMLCertificate
	at := s.at
	err := config.DecodeNode(n, (*plain)(s))
	s.at = at
	if err == nil && s.Text.present() == s.File.present() {
		return errors.New("a certificate stands in certificate or in file")
	}
	return err
}

func (s *SAMLCertificate) present() bool { return s.at.Line > 0 }

// SAMLAttribute is what an attribute is made of: a source alone, none, or a mapping.
type SAMLAttribute struct {
	config.Position
	Source       Word   `yaml:"source"`
	FriendlyName Word   `yaml:"friendly_name"`
	NameFormat   Word   `yaml:"name_format"` // uri, basic, unspecified
	Prefix       Word   `yaml:"prefix"`
	Values       []Word `yaml:"values"` // of the source those alone; without a source: these
	Groups       []Word `yaml:"groups"` // only for who is in one of them
	Omit         bool   `yaml:"omit"`   // takes away what the template says
}

// UnmarshalYAML reads a source, or a mapping.
func (a *SAMLAttribute) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		a.Position = positionOf(n)
		if a.Omit = n.Value == nothing; a.Omit {
			return nil
		}
		return a.Source.UnmarshalYAML(n)
	}
	type plain SAMLAttribute
	err := config.DecodeNode(n, (*plain)(a))
	a.Position = positionOf(n)
	return err
}

func (a *SAMLAttribute) attribute(name string) directory.SAMLAttribute {
	out := directory.SAMLAttribute{Name: name, NameFormat: a.NameFormat.Text, FriendlyName: a.FriendlyName.Text, Source: a.Source.Text, Prefix: a.Prefix.Text, Omit: a.Omit}
	if len(a.Values) > 0 {
		out.Values = texts(a.Values)
	}
	if len(a.Groups) > 0 {
		out.Groups = texts(a.Groups)
	}
	return out
}

// parseCertificate reads PEM, or base64 as metadata has it.
func parseCertificate(text string) ([]byte, error) {
	if block, rest := pem.Decode([]byte(text)); block != nil {
		if block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
			return nil, errors.New("expected one certificate")
		}
		return block.Bytes, nil
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil || len(der) == 0 {
		return nil, errors.New("expected a certificate in PEM")
	}
	return der, nil
}

// settings lays the keys that stand in the file over what is registered.
func (x *ServiceProvider) settings(s *directory.SAMLSettings) {
	for _, w := range []struct {
		from Word
		to   *string
	}{{x.Sign, (*string)(&s.Sign)}, {x.NameIDFormat, (*string)(&s.NameIDFormat)}, {x.AttributeTemplate, &s.Template}} {
		switch {
		case !w.from.present():
		case w.from.Text == nothing, w.from.Text == "unspecified":
			*w.to = ""
		default:
			*w.to = w.from.Text
		}
	}
	set(&s.RequireSignedRequests, x.RequireSignedRequests)
	set(&s.Encrypt, x.Encrypt)
	set(&s.EncryptNameID, x.EncryptNameID)
	set(&s.IDPInitiated, x.IDPInitiated)
	set(&s.RelayState, x.RelayState)
	set(&s.Artifact, x.Artifact)
	set(&s.InsecureSHA1, x.InsecureSHA1)
	set(&s.InsecureCBC, x.InsecureCBC)
	set(&s.SessionSeconds, x.SessionSeconds)
	if x.Attributes != nil {
		s.Attributes = nil
		for _, e := range x.Attributes {
			s.Attributes = append(s.Attributes, e.Value.attribute(e.Key.Text))
		}
	}
}

// shared lays the keys that OIDC clients have too over what is registered.
func (x *ServiceProvider) shared(m *directory.ClientMetadata) {
	if x.SecondFactor.present() {
		m.SecondFactor = directory.SecondFactor(x.SecondFactor.Text)
	}
	if x.SkipConsent != nil {
		m.SkipConsent = x.SkipConsent
	}
	if x.Modules != nil {
		m.Modules = texts(x.Modules)
	}
	set(&m.ClientURI, x.ClientURI)
	set(&m.PolicyURI, x.PolicyURI)
	set(&m.TermsURI, x.TermsURI)
}

// at is where a key stands, or else the service provider.
func (x *ServiceProvider) at(field string) config.Position {
	for key, w := range map[string]Word{"entity_id": x.EntityID, "slug": x.Slug, "id": x.Slug, "metadata_url": x.MetadataURL, "sign": x.Sign,
		"name_id_format": x.NameIDFormat, "template": x.AttributeTemplate, "metadata": x.Metadata, "metadata_file": x.MetadataFile} {
		if key == field && w.present() {
			return w.at
		}
	}
	switch {
	case field == "acs" && len(x.ACS) > 0:
		return x.ACS[0].Position
	case field == "slo" && len(x.SLO) > 0:
		return x.SLO[0].Position
	case field == "certificates" && len(x.Certificates) > 0:
		return x.Certificates[0].at
	case field == "attributes" && len(x.Attributes) > 0:
		return x.Attributes[0].Key.at
	case field == "metadata_signed_by" && x.MetadataSignedBy.present():
		return x.MetadataSignedBy.at
	}
	return x.Position
}
