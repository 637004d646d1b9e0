package main

import (
	"portvakt/idp/gate"
	"portvakt/idp/saml"
	"portvakt/idp/saml/wire"
)

// SAMLConfig is what our metadata says of who runs the service.
type SAMLConfig struct {
	TechnicalContact string `yaml:"technical_contact" doc:"E-mail address in the metadata for whoever connects applications by SAML; empty for none." example:"it@example.com"`
	SupportContact   string `yaml:"support_contact" doc:"E-mail address in the metadata for people who cannot sign in; empty for none." example:"help@example.com"`
	OrganizationURL  string `yaml:"organization_url" doc:"Address in the metadata of who runs the service, whose name is brand.name; empty for none." example:"https://www.example.com"`
}

func (c *SAMLConfig) contacts() []wire.Contact {
	var out []wire.Contact
	for _, one := range []wire.Contact{{Type: "technical", Email: c.TechnicalContact}, {Type: "support", Email: c.SupportContact}} {
		if one.Email != "" {
			out = append(out, one)
		}
	}
	return out
}

func (o *options) samlOrganization() *wire.Organization {
	if o.SAML.OrganizationURL == "" {
		return nil
	}
	name := o.installationName()
	return &wire.Organization{Language: "en", Name: name, DisplayName: name, URL: o.SAML.OrganizationURL}
}

// buildSAML puts the SAML door before the sign-in that stands.
func (h *house) buildSAML(o *options) (err error) {
	h.saml, err = saml.New(saml.Deps{DB: h.db, Directory: h.dir, Providers: saml.NewProviders(h.db, h.dir), Clients: h.clients,
		Certificates: saml.NewCertificates(h.db, h.ring), Gate: gate.New(h.dir), Claims: claims{h.engine}, Keys: h.keys, Sessions: h.sessions,
		Interactions: h.talks, Pages: h.pages, Outside: h.outside, Log: h.log, Issuer: o.Issuer, Name: o.installationName(), Contacts: o.SAML.contacts(), Organization: o.samlOrganization()})
	if err == nil {
		h.saml.Subscribe(h.events)
	}
	return err
}
