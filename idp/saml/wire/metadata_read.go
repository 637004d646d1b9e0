package wire

import (
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// MaxMetadata is how large a metadata document may be.
const MaxMetadata = maxOctets

// MetadataOptions are how a service provider's metadata is to be read.
type MetadataOptions struct {
	Now time.Time
	// EntityID picks one entity; without it the document must describe exactly one service provider.
	EntityID string
	// SignedBy are the keys of whoever vouches for the document. Where there are any, a document without a good signature
	// is refused. Without any, a signature is passed over: nobody knows whose it is.
	SignedBy []VerificationKey
	// InsecureLocalhost takes http addresses of this machine, for development.
	InsecureLocalhost bool
}

// ReadServiceProvider reads a service provider's metadata.
//
// Invariant: a document that is expired, describes two, or has an address that is not https is refused whole
// (TestWall056_MetadataThatIsRefused, TestWall046_NoScriptAsAddress).
func ReadServiceProvider(doc []byte, o MetadataOptions) (*ServiceProvider, error) {
	root, err := metadataLimits.parse(doc)
	if err != nil {
		return nil, err
	}
	signed := false
	if len(o.SignedBy) > 0 && len(all(root, nsSignature, "Signature")) > 0 {
		if root, err = (Trust{Keys: o.SignedBy}).verifyEnveloped(root, metadataLimits); err != nil {
			return nil, err
		}
		signed = true
	}
	entity, err := o.pick(root)
	if err != nil {
		return nil, err
	}
	m := metadataReader{options: o, sp: &ServiceProvider{EntityID: attr(entity, "entityID")}}
	for up := entity; up != nil; up = up.Parent() { // before the entity is detached from what is around it
		if err := m.validity(up); err != nil {
			return nil, err
		}
	}
	if len(o.SignedBy) > 0 && !signed {
		if entity, err = (Trust{Keys: o.SignedBy}).verifyEnveloped(entity, metadataLimits); err != nil {
			return nil, err
		}
		m.sp.EntityID, signed = attr(entity, "entityID"), true
	}
	m.sp.Signed = signed
	return m.read(entity)
}

// pick finds the entity that is meant.
func (o MetadataOptions) pick(root *etree.Element) (*etree.Element, error) {
	var found []*etree.Element
	for _, entity := range entities(root) {
		if o.EntityID == "" && len(roles(entity)) > 0 || o.EntityID != "" && attr(entity, "entityID") == o.EntityID {
			found = append(found, entity)
		}
	}
	switch {
	case len(found) == 0:
		return nil, refuse(codeMetadata, "The metadata does not describe the service provider")
	case len(found) > 1:
		return nil, refuse(codeMetadata, "The metadata describes more than one service provider; say which by its entity ID")
	}
	if id := attr(found[0], "entityID"); id == "" || len(id) > 1024 || strings.TrimSpace(id) != id {
		return nil, refuse(codeMetadata, "The service provider has no valid entity ID")
	}
	return found[0], nil
}

// entities are all EntityDescriptors of a document.
func entities(root *etree.Element) []*etree.Element {
	if is(root, nsMetadata, "EntityDescriptor") {
		return []*etree.Element{root}
	}
	var out []*etree.Element
	if is(root, nsMetadata, "EntitiesDescriptor") {
		for _, child := range root.ChildElements() {
			out = append(out, entities(child)...)
		}
	}
	return out
}

// roles are the descriptions of a service provider of SAML 2.0 in an entity.
func roles(entity *etree.Element) []*etree.Element {
	var out []*etree.Element
	for _, role := range all(entity, nsMetadata, "SPSSODescriptor") {
		for protocol := range strings.FieldsSeq(attr(role, "protocolSupportEnumeration")) {
			if protocol == nsProtocol {
				out = append(out, role)
				break
			}
		}
	}
	return out
}

// metadataReader reads one entity.
type metadataReader struct {
	options MetadataOptions
	sp      *ServiceProvider
}

func (m metadataReader) read(entity *etree.Element) (*ServiceProvider, error) {
	found := roles(entity)
	if len(found) != 1 {
		return nil, refuse(codeMetadata, "The entity must be one service provider of SAML 2.0")
	}
	role := found[0]
	if err := m.validity(role); err != nil {
		return nil, err
	}
	var err error
	if m.sp.AuthnRequestsSigned, err = boolean(role, "AuthnRequestsSigned"); err != nil {
		return nil, err
	}
	if m.sp.WantAssertionsSigned, err = boolean(role, "WantAssertionsSigned"); err != nil {
		return nil, err
	}
	for _, step := range []func(*etree.Element) error{m.keys, m.consumers, m.logouts, m.formats, m.attributeServices} {
		if err := step(role); err != nil {
			return nil, err
		}
	}
	if err := m.extensions(entity); err != nil {
		return nil, err
	}
	if err := m.names(role); err != nil {
		return nil, err
	}
	if m.sp.AuthnRequestsSigned && !m.verifies() {
		return nil, refuse(codeMetadata, "The service provider signs its requests and its metadata has no key to verify them")
	}
	return m.sp, nil
}

// verifies reports whether there is a key that can verify.
func (m metadataReader) verifies() bool {
	for _, k := range m.sp.Keys {
		if k.Use != UseEncryption {
			return true
		}
	}
	return false
}

// validity takes validUntil and cacheDuration of an element into account.
func (m metadataReader) validity(el *etree.Element) error {
	if written, ok := lookupAttr(el, "validUntil"); ok {
		until, err := parseInstant(written)
		if err != nil {
			return err
		}
		if !m.options.Now.Before(until) {
			return refuse(codeExpired, "The metadata has expired")
		}
		m.sp.ValidUntil = sooner(m.sp.ValidUntil, until)
	}
	if written, ok := lookupAttr(el, "cacheDuration"); ok {
		d, err := parseDuration(written)
		if err != nil {
			return err
		}
		if d > 0 && (m.sp.CacheDuration == 0 || d < m.sp.CacheDuration) {
			m.sp.CacheDuration = d
		}
	}
	return nil
}

// consumers reads where responses may go; bindings that we do not speak are passed over.
func (m metadataReader) consumers(role *etree.Element) error {
	used := map[int]bool{}
	for _, el := range all(role, nsMetadata, "AssertionConsumerService") {
		e, ok, err := m.endpoint(el, BindingPOST, BindingArtifact)
		if err != nil {
			return err
		}
		i, err := index(el, "index")
		if err != nil {
			return err
		}
		if i == nil || used[*i] {
			return refuse(codeMetadata, "An assertion consumer service has no index of its own")
		}
		used[*i], e.Index = true, *i
		if e.Default, err = boolean(el, "isDefault"); err != nil {
			return err
		}
		_, said := lookupAttr(el, "isDefault")
		e.Declined = said && !e.Default
		if ok {
			m.sp.ACS = append(m.sp.ACS, e)
		}
	}
	if len(m.sp.ACS) == 0 {
		return refuse(codeMetadata, "The metadata has no assertion consumer service by HTTP-POST or artifact")
	}
	return nil
}

// logouts reads where sign-outs go.
func (m metadataReader) logouts(role *etree.Element) error {
	for _, el := range all(role, nsMetadata, "SingleLogoutService") {
		e, ok, err := m.endpoint(el, BindingRedirect, BindingPOST, BindingSOAP)
		if err != nil {
			return err
		}
		if ok {
			m.sp.SLO = append(m.sp.SLO, e)
		}
	}
	return nil
}

// endpoint reads an endpoint of one of the bindings; false for another one.
func (m metadataReader) endpoint(el *etree.Element, bindings ...Binding) (Endpoint, bool, error) {
	e := Endpoint{Binding: Binding(attr(el, "Binding")), Location: attr(el, "Location"), ResponseLocation: attr(el, "ResponseLocation")}
	for _, b := range bindings {
		if e.Binding != b {
			continue
		}
		if err := m.options.CheckAddress(e.Location); err != nil {
			return e, false, err
		}
		if e.ResponseLocation != "" {
			return e, true, m.options.CheckAddress(e.ResponseLocation)
		}
		return e, true, nil
	}
	return e, false, nil
}

// CheckAddress refuses an address that nothing may be sent to. Whoever stores one from elsewhere asks too.
func (o MetadataOptions) CheckAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxField || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" || strings.TrimSpace(address) != address || strings.ContainsAny(address, "\\\"'<> ") {
		return refuse(codeMetadata, "An address in the metadata is no plain https address")
	}
	if u.Scheme == "https" || u.Scheme == "http" && o.InsecureLocalhost && local(u.Hostname()) {
		return nil
	}
	return refuse(codeMetadata, "An address in the metadata is not https")
}

// local reports whether a host is this machine by its name or number.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

func (m metadataReader) formats(role *etree.Element) error {
	for _, el := range all(role, nsMetadata, "NameIDFormat") {
		format, err := text(el)
		if err != nil {
			return err
		}
		m.sp.NameIDFormats = append(m.sp.NameIDFormats, format)
	}
	return nil
}
