package wire

import (
	"crypto"
	"crypto/subtle"
	"strings"

	"github.com/beevik/etree"
)

// prove verifies a message against what is expected, and returns the root to read: parsed anew from the octets that the
// signature covers, or the one that came where nothing is signed and nothing has to be.
//
// Invariant: what is read is what was verified; a signature that is there must be good even where none is required; keys
// come from the registration alone (TestWall043_KeysComeFromTheRegistration).
func (r *Received) prove(e Expect) (*etree.Element, Header, error) {
	root, signed, err := r.verified(e.Trust)
	if err != nil {
		return nil, Header{}, err
	}
	h := Header{ID: attr(root, "ID"), InResponseTo: attr(root, "InResponseTo"), Destination: attr(root, "Destination"), Binding: r.Binding, RelayState: r.RelayState, Signed: signed}
	if version := attr(root, "Version"); version != "2.0" {
		return nil, Header{}, refuse(codeVersion, "The message has another version than 2.0")
	}
	if h.Issuer, err = issuerOf(root); err != nil {
		return nil, Header{}, err
	}
	if h.ID != r.ID || h.Issuer != r.Issuer {
		return nil, Header{}, refuse(codeSignature, "The signature covers another message than was sent")
	}
	if h.IssueInstant, err = e.checkAge(attr(root, "IssueInstant")); err != nil {
		return nil, Header{}, err
	}
	return root, h, e.checkDestination(h)
}

// verified finds the signature of the binding and verifies it.
func (r *Received) verified(t Trust) (*etree.Element, bool, error) {
	signature, err := only(r.root, nsSignature, "Signature")
	switch {
	case err != nil:
		return nil, false, err
	case r.query != nil:
		return r.root, true, t.check(r.query.algorithm, []byte(r.query.octets), r.query.value)
	case signature != nil:
		root, err := t.verifyEnveloped(r.root, messageLimits)
		return root, true, err
	case t.Required:
		return nil, false, refuse(codeUnsigned, "The message is not signed, and the registration requires it")
	}
	return r.root, false, nil
}

func (e Expect) checkDestination(h Header) error {
	if h.Destination == "" {
		if h.Signed && h.Binding != BindingSOAP { // bindings §3.4.5.2, §3.5.5.2
			return refuse(codeDestination, "The message is signed and has no Destination")
		}
		return nil
	}
	for _, d := range e.Destinations {
		if d == h.Destination {
			return nil
		}
	}
	return refuse(codeDestination, "The message is meant for another address")
}

// verifyEnveloped verifies the one signature that is a child of root and covers root, and parses root anew from the octets
// that were verified, so that nothing else can be read.
func (t Trust) verifyEnveloped(root *etree.Element, l limits) (*etree.Element, error) {
	el, err := only(root, nsSignature, "Signature")
	if err != nil {
		return nil, err
	}
	if el == nil {
		return nil, refuse(codeUnsigned, "The document is not signed")
	}
	s, err := t.readSignature(el, attr(root, "ID"))
	if err != nil {
		return nil, err
	}
	// First the small part, which only the holder of a key can make; then the work with the rest.
	if err := t.check(s.algorithm, s.signedInfo, s.value); err != nil {
		return nil, err
	}
	without := detached(root)
	for i, child := range without.Child {
		if c, ok := child.(*etree.Element); ok && is(c, nsSignature, "Signature") {
			without.RemoveChildAt(i)
			break
		}
	}
	octets, err := canonical(without, s.prefixes)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(sum(s.digest, octets), s.digestValue) != 1 {
		return nil, refuse(codeSignature, "The message was changed after it was signed")
	}
	return l.parse(octets)
}

// enveloped is a signature whose shape is the only one that we take.
type enveloped struct {
	signedInfo  []byte // canonical
	algorithm   string
	value       []byte
	digest      crypto.Hash
	digestValue []byte
	prefixes    string // to be treated inclusively in what is signed
}

// readSignature takes a signature apart and refuses every shape but one: SignedInfo, SignatureValue, perhaps KeyInfo,
// which is passed over; one reference, to the ID of what it stands in; the enveloped transform, then exclusive
// canonicalization.
//
// Invariant: TestWall039_SignatureWrapping, TestWall044_TransformsOutsideTheListAreRefused.
func (t Trust) readSignature(el *etree.Element, id string) (s enveloped, err error) {
	bad := refuse(codeSignature, "The signature has a form that is not allowed")
	parts, ok := children(el, "SignedInfo", "SignatureValue", "KeyInfo?")
	if !ok || !validID(id) {
		return s, bad
	}
	info, ok := children(parts[0], "CanonicalizationMethod", "SignatureMethod", "Reference")
	if !ok || attr(info[0], "Algorithm") != transformExclusive || len(info[1].ChildElements()) > 0 {
		return s, bad
	}
	reference, ok := children(info[2], "Transforms", "DigestMethod", "DigestValue")
	if !ok || attr(info[2], "URI") != "#"+id || len(reference[1].ChildElements()) > 0 {
		return s, bad
	}
	transforms, ok := children(reference[0], "Transform", "Transform")
	if !ok || attr(transforms[0], "Algorithm") != transformEnveloped || attr(transforms[1], "Algorithm") != transformExclusive || len(transforms[0].ChildElements()) > 0 {
		return s, bad
	}
	infoPrefixes, ok := inclusive(info[0])
	if !ok {
		return s, bad
	}
	if s.prefixes, ok = inclusive(transforms[1]); !ok {
		return s, bad
	}
	digest, known := digestAlgorithms[attr(reference[1], "Algorithm")]
	if !known || digest == crypto.SHA1 && !t.InsecureSHA1 {
		return s, refuse(codeAlgorithm, "The signature has a digest that is not allowed")
	}
	s.algorithm, s.digest = attr(info[1], "Algorithm"), digest
	if s.digestValue, err = octetsOf(reference[2], 64); err != nil {
		return s, err
	}
	if s.value, err = octetsOf(parts[1], 2048); err != nil {
		return s, err
	}
	s.signedInfo, err = canonical(parts[0], infoPrefixes)
	return s, err
}

// children are the children of an element of the signature, which must be exactly these, in this order; the last may be
// missing where its name ends with a question mark.
func children(el *etree.Element, names ...string) ([]*etree.Element, bool) {
	found := el.ChildElements()
	for i, name := range names {
		plain := strings.TrimSuffix(name, "?")
		if i == len(found) && plain != name {
			return found, true
		}
		if i >= len(found) || !is(found[i], nsSignature, plain) {
			return nil, false
		}
	}
	return found, len(found) == len(names)
}

// inclusive reads the list of prefixes that a canonicalization treats inclusively.
func inclusive(el *etree.Element) (string, bool) {
	found := el.ChildElements()
	if len(found) == 0 {
		return "", true
	}
	if len(found) > 1 || !is(found[0], transformExclusive, "InclusiveNamespaces") || len(found[0].ChildElements()) > 0 {
		return "", false
	}
	prefixes := attr(found[0], "PrefixList")
	// #default is left out: the library would take it for a prefix.
	return prefixes, len(prefixes) <= 256 && !strings.Contains(prefixes, "#default")
}

// octetsOf reads base64 of limited size.
func octetsOf(el *etree.Element, most int) ([]byte, error) {
	s, err := text(el)
	if err != nil {
		return nil, err
	}
	out, err := decodeBase64(s)
	if err != nil || len(out) == 0 || len(out) > most {
		return nil, refuse(codeSignature, "The signature is not base64")
	}
	return out, nil
}
