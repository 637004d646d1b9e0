package wire

import (
	"strconv"
	"time"

	"github.com/beevik/etree"
)

// AuthnRequest asks that somebody be signed in (core §3.4.1).
type AuthnRequest struct {
	Header
	ACSURL string // where to answer, if the service provider is registered with it
	ACS    *int   // or the index of it
	// ProtocolBinding is how the answer is wanted; empty if the service provider leaves it to us.
	ProtocolBinding Binding
	// AttributeService is the index of the attributes that are asked for.
	AttributeService *int
	ForceAuthn       bool
	IsPassive        bool
	ProviderName     string
	NameIDPolicy     NameIDPolicy
	Context          *RequestedAuthnContext
	Subject          *NameID // who is expected
	Scoping          *Scoping
	// Unsupported names what the request demands and we do not do; such a request is answered StatusRequestUnsupported.
	Unsupported []string
}

// NameIDPolicy is which name of the person is wanted.
type NameIDPolicy struct {
	Format          string
	SPNameQualifier string
	AllowCreate     bool
}

// Scoping is which identity providers may answer; we ask no other.
type Scoping struct {
	ProxyCount *int
	IDPs       []string
	Requesters []string
}

// AuthnRequest verifies the message and reads it.
func (r *Received) AuthnRequest(e Expect) (*AuthnRequest, error) {
	root, header, err := r.proveKind(e, KindAuthnRequest)
	if err != nil {
		return nil, err
	}
	q := &AuthnRequest{Header: header}
	if err := q.attributes(root); err != nil {
		return nil, err
	}
	if policy, err := only(root, nsProtocol, "NameIDPolicy"); err != nil {
		return nil, err
	} else if policy != nil {
		q.NameIDPolicy.Format, q.NameIDPolicy.SPNameQualifier = attr(policy, "Format"), attr(policy, "SPNameQualifier")
		if q.NameIDPolicy.AllowCreate, err = boolean(policy, "AllowCreate"); err != nil {
			return nil, err
		}
	}
	if q.Context, err = readContext(root); err != nil {
		return nil, err
	}
	if q.Scoping, err = readScoping(root); err != nil {
		return nil, err
	}
	return q, q.subject(root)
}

// proveKind is prove for a message of one kind.
func (r *Received) proveKind(e Expect, kind Kind) (*etree.Element, Header, error) {
	if r.Kind != kind {
		return nil, Header{}, refusef(codeMessage, "A %s is expected here", string(kind))
	}
	return r.prove(e)
}

// attributes reads the attributes of the request itself.
func (q *AuthnRequest) attributes(root *etree.Element) (err error) {
	q.ACSURL, q.ProviderName = attr(root, "AssertionConsumerServiceURL"), attr(root, "ProviderName")
	q.ProtocolBinding = Binding(attr(root, "ProtocolBinding"))
	if len(q.ACSURL) > maxField || len(q.ProviderName) > maxField {
		return refuse(codeMessage, "An attribute of the request is too long")
	}
	if q.ACS, err = index(root, "AssertionConsumerServiceIndex"); err != nil {
		return err
	}
	if q.AttributeService, err = index(root, "AttributeConsumingServiceIndex"); err != nil {
		return err
	}
	if q.ACS != nil && (q.ACSURL != "" || q.ProtocolBinding != "") { // core §3.4.1: mutually exclusive
		return refuse(codeMessage, "The request names its answer's address by index and in words")
	}
	if q.ForceAuthn, err = boolean(root, "ForceAuthn"); err != nil {
		return err
	}
	q.IsPassive, err = boolean(root, "IsPassive")
	return err
}

// subject reads who is expected; what we cannot heed is noted.
func (q *AuthnRequest) subject(root *etree.Element) error {
	el, err := only(root, nsAssertion, "Subject")
	if err != nil || el == nil {
		return err
	}
	for _, child := range el.ChildElements() {
		if is(child, nsAssertion, "NameID") {
			if q.Subject, err = readNameID(child); err != nil {
				return err
			}
			continue
		}
		q.Unsupported = append(q.Unsupported, child.Tag) // EncryptedID, BaseID, SubjectConfirmation
	}
	return nil
}

// readNameID reads a NameID, whose value may not be empty.
func readNameID(el *etree.Element) (*NameID, error) {
	value, err := text(el)
	if err != nil {
		return nil, err
	}
	if value == "" || len(value) > 1024 {
		return nil, refuse(codeMessage, "A NameID is empty or longer than 1024 octets")
	}
	return &NameID{Value: value, Format: attr(el, "Format"), NameQualifier: attr(el, "NameQualifier"), SPNameQualifier: attr(el, "SPNameQualifier"), SPProvidedID: attr(el, "SPProvidedID")}, nil
}

// readScoping reads which identity providers may answer.
func readScoping(root *etree.Element) (*Scoping, error) {
	el, err := only(root, nsProtocol, "Scoping")
	if err != nil || el == nil {
		return nil, err
	}
	s := &Scoping{}
	if s.ProxyCount, err = index(el, "ProxyCount"); err != nil {
		return nil, err
	}
	list, err := only(el, nsProtocol, "IDPList")
	if err != nil {
		return nil, err
	}
	if list != nil {
		for _, entry := range all(list, nsProtocol, "IDPEntry") {
			s.IDPs = append(s.IDPs, attr(entry, "ProviderID"))
		}
	}
	for _, requester := range all(el, nsProtocol, "RequesterID") {
		id, err := text(requester)
		if err != nil {
			return nil, err
		}
		s.Requesters = append(s.Requesters, id)
	}
	return s, nil
}

// Excludes reports whether others are asked for and we are not; the answer is StatusNoSupportedIDP. A count of proxies is
// kept by never asking one.
func (s *Scoping) Excludes(entityID string) bool {
	if s == nil || len(s.IDPs) == 0 {
		return false
	}
	for _, id := range s.IDPs {
		if id == entityID {
			return false
		}
	}
	return true
}

// boolean reads xs:boolean; a missing one is false.
func boolean(el *etree.Element, key string) (bool, error) {
	switch attr(el, key) {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	}
	return false, refusef(codeMessage, "%s is neither true nor false", key)
}

// index reads a number from 0 to 65535; nil if it is missing.
func index(el *etree.Element, key string) (*int, error) {
	value, ok := lookupAttr(el, key)
	if !ok {
		return nil, nil
	}
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return nil, refusef(codeMessage, "%s is no number from 0 to 65535", key)
	}
	i := int(n)
	return &i, nil
}

// checkAge refuses what was issued too long ago, or later than now.
func (e Expect) checkAge(written string) (time.Time, error) {
	at, err := parseInstant(written)
	if err != nil {
		return at, err
	}
	skew, age := e.Skew, e.Age
	if skew == 0 {
		skew = 3 * time.Minute
	}
	if age == 0 {
		age = 5 * time.Minute
	}
	if at.After(e.Now.Add(skew)) || at.Before(e.Now.Add(-age-skew)) {
		return at, refuse(codeTime, "The message is too old, or from the future; the clocks may differ")
	}
	return at, nil
}
