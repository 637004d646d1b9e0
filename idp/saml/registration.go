package saml

import (
	"time"

	"portvakt/idp/saml/wire"
	"portvakt/internal/directory"
)

// MetadataOf is what the wire read, in the directory's words.
func MetadataOf(w *wire.ServiceProvider) directory.SAMLMetadata {
	m := directory.SAMLMetadata{
		DisplayName: w.DisplayName, Names: w.Names, NameIDFormats: w.NameIDFormats, AuthnRequestsSigned: w.AuthnRequestsSigned,
		WantAssertionsSigned: w.WantAssertionsSigned, ValidUntil: w.ValidUntil, CacheSeconds: int64(w.CacheDuration / time.Second), Signed: w.Signed,
	}
	for _, e := range w.ACS {
		m.ACS = append(m.ACS, endpointOf(e))
	}
	for _, e := range w.SLO {
		m.SLO = append(m.SLO, endpointOf(e))
	}
	for _, k := range w.Keys {
		m.Keys = append(m.Keys, directory.SAMLKey{Use: string(k.Use), Certificate: k.Certificate, PublicKey: k.PublicKey, NotAfter: k.NotAfter, Methods: k.Methods})
	}
	for _, s := range w.AttributeServices {
		service := directory.SAMLAttributeService{Index: s.Index, Default: s.Default, Names: s.Names}
		for _, r := range s.Requested {
			service.Requested = append(service.Requested, attributeOf(r.Attribute, r.Required))
		}
		m.AttributeServices = append(m.AttributeServices, service)
	}
	for _, a := range w.EntityAttributes {
		m.EntityAttributes = append(m.EntityAttributes, attributeOf(a, false))
	}
	return m
}

func endpointOf(e wire.Endpoint) directory.SAMLEndpoint {
	return directory.SAMLEndpoint{Binding: string(e.Binding), Location: e.Location, ResponseLocation: e.ResponseLocation, Index: e.Index, Default: e.Default, Declined: e.Declined}
}

func attributeOf(a wire.Attribute, required bool) directory.SAMLMetaAttribute {
	return directory.SAMLMetaAttribute{Name: a.Name, NameFormat: a.NameFormat, FriendlyName: a.FriendlyName, Values: a.Values, Required: required}
}

// WireOf is a registration in the wire's words.
func WireOf(p *directory.ServiceProvider) *wire.ServiceProvider {
	m := &p.Metadata
	w := &wire.ServiceProvider{
		EntityID: p.EntityID, DisplayName: m.DisplayName, Names: m.Names, NameIDFormats: m.NameIDFormats, AuthnRequestsSigned: m.AuthnRequestsSigned,
		WantAssertionsSigned: m.WantAssertionsSigned, ValidUntil: m.ValidUntil, CacheDuration: time.Duration(m.CacheSeconds) * time.Second, Signed: m.Signed,
	}
	for _, e := range m.ACS {
		w.ACS = append(w.ACS, wireEndpoint(e))
	}
	for _, e := range m.SLO {
		w.SLO = append(w.SLO, wireEndpoint(e))
	}
	for _, k := range m.Keys {
		w.Keys = append(w.Keys, wire.Key{Use: wire.Use(k.Use), Certificate: k.Certificate, PublicKey: k.PublicKey, NotAfter: k.NotAfter, Methods: k.Methods})
	}
	for _, s := range m.AttributeServices {
		service := wire.AttributeConsumingService{Index: s.Index, Default: s.Default, Names: s.Names}
		for _, r := range s.Requested {
			service.Requested = append(service.Requested, wire.RequestedAttribute{Attribute: wireAttribute(r), Required: r.Required})
		}
		w.AttributeServices = append(w.AttributeServices, service)
	}
	for _, a := range m.EntityAttributes {
		w.EntityAttributes = append(w.EntityAttributes, wireAttribute(a))
	}
	return w
}

func wireEndpoint(e directory.SAMLEndpoint) wire.Endpoint {
	return wire.Endpoint{Binding: wire.Binding(e.Binding), Location: e.Location, ResponseLocation: e.ResponseLocation, Index: e.Index, Default: e.Default, Declined: e.Declined}
}

func wireAttribute(a directory.SAMLMetaAttribute) wire.Attribute {
	return wire.Attribute{Name: a.Name, NameFormat: a.NameFormat, FriendlyName: a.FriendlyName, Values: a.Values}
}

// Reading is how a document of metadata is to be read.
type Reading struct {
	Now      time.Time
	EntityID string // "": it describes one service provider alone
	SignedBy []byte // certificate (DER) of who must have signed it; nil: nobody need
}

// ReadMetadata reads a service provider's metadata. Whether its addresses may be used is for the directory to say when it is
// stored: http of this machine passes here.
func ReadMetadata(doc []byte, r Reading) (entityID string, m directory.SAMLMetadata, err error) {
	o := wire.MetadataOptions{Now: r.Now, EntityID: r.EntityID, InsecureLocalhost: true}
	if len(r.SignedBy) > 0 {
		key, err := wire.NewKey(wire.UseSigning, r.SignedBy)
		if err != nil {
			return "", m, err
		}
		if o.SignedBy, err = wire.VerificationKeys([]wire.Key{key}); err != nil {
			return "", m, err
		}
	}
	read, err := wire.ReadServiceProvider(doc, o)
	if err != nil {
		return "", m, err
	}
	return read.EntityID, MetadataOf(read), nil
}
