package seed

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"portvakt/internal/directory"
)

// samlBindings are the short names of the bindings.
var samlBindings = map[string]string{
	"post": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST", "redirect": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
	"artifact": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact", "soap": "urn:oasis:names:tc:SAML:2.0:bindings:SOAP",
}

const noWayToAnswer = "metadata, metadata_file, metadata_url or acs"

// serviceProviders checks every service provider and reads what it names.
func (c *checker) serviceProviders() {
	seen := map[[2]string]bool{}
	for i := range c.file.ServiceProviders {
		x := &c.file.ServiceProviders[i]
		c.samlWords(x)
		c.samlOwner(x)
		c.samlMetadata(x)
		c.samlAttributes(x)
		if !x.EntityID.present() {
			if !x.Metadata.present() && !x.MetadataFile.present() { // else what keeps them from being read has been said
				c.say(x.Position, "a service provider has no entity_id")
			}
			continue
		}
		key := [2]string{x.Organization.Text, x.EntityID.Text}
		if seen[key] {
			c.say(x.EntityID.at, "service provider %s stands here again", quoted(x.EntityID.Text))
			continue
		}
		seen[key] = true
		if x.read == nil && !x.MetadataURL.present() && !x.Removed {
			c.refer(x.EntityID, reference{noun: "service provider", organization: x.Organization.Text, key: x.EntityID.Text, needs: noWayToAnswer})
		}
	}
}

func (c *checker) samlWords(x *ServiceProvider) {
	c.oneOf(x.Sign, "sign", string(directory.SignAssertion), string(directory.SignResponse), string(directory.SignBoth))
	c.oneOf(x.NameIDFormat, "name_id_format", string(directory.NameIDPersistent), string(directory.NameIDTransient), string(directory.NameIDEmail), "unspecified")
	c.oneOf(x.AttributeTemplate, "attribute_template", append(slices.Clone(c.options.AttributeTemplates), nothing)...)
	c.oneOf(x.SecondFactor, "second_factor", string(directory.SecondFactorRequired), string(directory.SecondFactorOptional))
	if x.Slug.present() {
		c.sayFault(x.Slug.at, "slug "+quoted(x.Slug.Text), directory.CheckKey(x.Slug.Text))
	}
	for _, w := range x.Modules {
		c.module(w)
	}
	if x.Modules != nil && len(x.Modules) == 0 {
		c.say(x.Position, "a service provider has an empty list of modules; leave the key out for all modules")
	}
}

func (c *checker) samlOwner(x *ServiceProvider) {
	c.slug(x.Organization)
	for _, w := range x.Organizations.Slugs {
		c.slug(w)
	}
	if x.Organization.present() && x.Organizations.given {
		c.say(x.Position, "an organization's own service provider serves that organization alone; take organizations out")
	}
}

// samlMetadata reads what the file says of addresses and keys, by whichever of the ways.
func (c *checker) samlMetadata(x *ServiceProvider) {
	if x.MetadataSignedBy.present() {
		x.signedBy = c.certificate(&x.MetadataSignedBy, "metadata_signed_by")
	}
	byHand := x.ACS != nil || x.SLO != nil || x.Certificates != nil
	switch {
	case x.Metadata.present() && x.MetadataFile.present():
		c.say(x.MetadataFile.at, "metadata and metadata_file exclude each other")
	case byHand && (x.Metadata.present() || x.MetadataFile.present() || x.MetadataURL.present() && x.MetadataURL.Text != nothing):
		c.say(x.Position, "acs, slo and certificates stand in the metadata; take them out, or the metadata")
	case byHand:
		c.samlByHand(x)
	case x.Metadata.present():
		c.samlDocument(x, x.Metadata, []byte(x.Metadata.Text))
	case x.MetadataFile.present():
		if doc, ok := c.fileBeside(x.MetadataFile, "metadata_file"); ok {
			c.samlDocument(x, x.MetadataFile, doc)
		}
	}
}

func (c *checker) samlDocument(x *ServiceProvider, w Word, doc []byte) {
	if c.options.ReadMetadata == nil {
		c.say(w.at, "metadata cannot be read here")
		return
	}
	entity, m, err := c.options.ReadMetadata(doc, x.EntityID.Text, x.signedBy)
	if err != nil {
		c.sayFault(w.at, "metadata", err)
		return
	}
	x.read = &m
	if !x.EntityID.present() {
		x.EntityID = Word{entity, w.at}
	}
}

func (c *checker) samlByHand(x *ServiceProvider) {
	m := &directory.SAMLMetadata{}
	for i, a := range x.ACS {
		e := c.samlAddress(a, "acs", "post", "artifact")
		if e.Index = i; a.Index != nil {
			e.Index = *a.Index
		}
		m.ACS = append(m.ACS, e)
	}
	for _, a := range x.SLO {
		m.SLO = append(m.SLO, c.samlAddress(a, "slo", "redirect", "post", "soap"))
	}
	for i := range x.Certificates {
		s := &x.Certificates[i]
		c.oneOf(s.Use, "use", "signing", "encryption")
		if der := c.certificate(s, "certificates"); der != nil {
			m.Keys = append(m.Keys, directory.SAMLKey{Use: s.Use.Text, Certificate: der})
		}
	}
	x.read = m
}

func (c *checker) samlAddress(a SAMLAddress, key string, bindings ...string) directory.SAMLEndpoint {
	c.oneOf(a.Binding, key+".binding", bindings...)
	binding := a.Binding.Text
	if binding == "" {
		binding = bindings[0]
	}
	return directory.SAMLEndpoint{Binding: samlBindings[binding], Location: a.URL.Text, ResponseLocation: a.ResponseURL.Text, Default: a.Default}
}

// certificate reads a certificate; nil after saying what is wrong with it.
func (c *checker) certificate(s *SAMLCertificate, key string) []byte {
	text := s.Text.Text
	if s.File.present() {
		b, ok := c.fileBeside(s.File, key)
		if !ok {
			return nil
		}
		text = string(b)
	}
	der, err := parseCertificate(text)
	if err != nil {
		c.say(s.at, "%s: %v", key, err)
	}
	return der
}

// fileBeside reads a file whose path is relative to this one.
func (c *checker) fileBeside(w Word, key string) ([]byte, bool) {
	path := w.Text
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.options.Folder, path)
	}
	read := c.options.ReadFile
	if read == nil {
		read = os.ReadFile
	}
	b, err := read(path)
	if err != nil {
		c.say(w.at, "%s cannot be read: %v", key, err)
	}
	return b, err == nil
}

func (c *checker) samlAttributes(x *ServiceProvider) {
	for _, e := range x.Attributes {
		a := e.Value.attribute(e.Key.Text)
		if a.Source != "" && !slices.Contains(directory.SAMLSources, a.Source) {
			c.say(e.Value.Position, "attribute %s is made of %q; it can be made of: %s", quoted(a.Name), a.Source, strings.Join(directory.SAMLSources, ", "))
			continue
		}
		c.oneOf(e.Value.NameFormat, "name_format", "uri", "basic", "unspecified")
		c.sayFault(e.Key.at, "attribute "+quoted(a.Name), directory.CheckSAMLAttributes([]directory.SAMLAttribute{a}))
	}
}
