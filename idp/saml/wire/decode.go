package wire

import (
	"encoding/base64"
	"regexp"
	"strings"
	"time"

	"github.com/beevik/etree"
)

const (
	// MaxRelayState is how long a RelayState may be (bindings §3.4.3); many service providers send more.
	MaxRelayState = 80
	// hardRelayState is how long we endure.
	hardRelayState = 2048

	maxID    = 256
	maxField = 2048 // addresses, entity IDs, names
)

// Received is a message as it arrived: within the limits and of a known kind, and trusted by nobody yet.
type Received struct {
	Binding    Binding
	Kind       Kind
	RelayState string // opaque; only ever handed back to the service provider whose message it came with
	ID         string // unproven
	// Issuer is who the message says it is from: unproven, good only for finding the registration.
	Issuer string

	root  *etree.Element
	query *querySignature // of the redirect binding
}

// Signed reports whether the message carries a signature, good or bad.
func (r *Received) Signed() bool {
	return r.query != nil || len(all(r.root, nsSignature, "Signature")) > 0
}

// LongRelayState reports whether the RelayState is longer than the bindings allow.
func (r *Received) LongRelayState() bool { return len(r.RelayState) > MaxRelayState }

// XML is the message in canonical form, for a person to look at; nothing of it is proven.
func (r *Received) XML() ([]byte, error) { return canonical(r.root, "") }

// Expect is what the receiver of a message knows before it reads it.
type Expect struct {
	Now          time.Time
	Destinations []string      // the addresses at which the message could have arrived
	Skew         time.Duration // how wrong the other's clock may be; three minutes if zero
	Age          time.Duration // how old a message may be; five minutes if zero
	Trust        Trust
}

// Header is what all messages have.
type Header struct {
	ID           string
	Issuer       string
	Destination  string
	InResponseTo string // of responses
	IssueInstant time.Time
	Binding      Binding
	RelayState   string
	// Signed is true where a signature was there and good.
	Signed bool
}

// readable are the messages that may arrive.
var readable = map[string]Kind{
	"AuthnRequest": KindAuthnRequest, "LogoutRequest": KindLogoutRequest, "LogoutResponse": KindLogoutResponse, "ArtifactResolve": KindArtifactResolve,
}

// read parses a message that came in a parameter.
func read(binding Binding, parameter string, doc []byte) (*Received, error) {
	root, err := messageLimits.parse(doc)
	if err != nil {
		return nil, err
	}
	return receive(binding, parameter, root)
}

// receive looks at the root of a message: what it is, and whose it says it is.
func receive(binding Binding, parameter string, root *etree.Element) (*Received, error) {
	kind, ok := readable[root.Tag]
	if !ok || !is(root, nsProtocol, root.Tag) {
		return nil, refuse(codeMessage, "This is no SAML 2.0 message that an identity provider takes")
	}
	if parameter != "" && kind.parameter() != parameter {
		return nil, refusef(codeParameters, "A %s may not come as %s", string(kind), parameter)
	}
	if (kind == KindArtifactResolve) && binding != BindingSOAP || kind == KindAuthnRequest && binding == BindingSOAP {
		return nil, refusef(codeMessage, "A %s may not come by this binding", string(kind))
	}
	r := &Received{Binding: binding, Kind: kind, root: root, ID: attr(root, "ID")}
	if err := checkShape(root); err != nil {
		return nil, err
	}
	if !validID(r.ID) {
		return nil, refuse(codeMessage, "The message has no valid ID")
	}
	var err error
	if r.Issuer, err = issuerOf(root); err != nil {
		return nil, err
	}
	return r, nil
}

var idForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// validID reports whether an identifier has the form that we take: an xs:ID of ASCII.
func validID(id string) bool { return len(id) <= maxID && idForm.MatchString(id) }

// issuerOf reads the Issuer, which every message to us must have.
func issuerOf(root *etree.Element) (string, error) {
	el, err := only(root, nsAssertion, "Issuer")
	if err != nil {
		return "", err
	}
	if el == nil {
		return "", refuse(codeMessage, "The message has no Issuer")
	}
	issuer, err := text(el)
	if err != nil {
		return "", err
	}
	if issuer == "" || len(issuer) > 1024 {
		return "", refuse(codeMessage, "The message's Issuer is empty or longer than 1024 characters")
	}
	if format := attr(el, "Format"); format != "" && format != FormatEntity {
		return "", refuse(codeMessage, "The message's Issuer is no entity")
	}
	return issuer, nil
}

// repeatable are the elements of the protocol that may stand more than once beside each other.
var repeatable = map[string]bool{
	"AuthnContextClassRef": true, "AuthnContextDeclRef": true, "SubjectConfirmation": true, "SessionIndex": true,
	"IDPEntry": true, "RequesterID": true, "AudienceRestriction": true, "Audience": true,
}

// checkShape refuses what a lenient reader could read in two ways: elements twice, attributes of other namespaces on ours,
// strangers outside Extensions, a second signature anywhere.
//
// Invariant: the only signature is a child of the message itself (TestWall039_SignatureWrapping).
func checkShape(root *etree.Element) error {
	return shapeOf(root, root)
}

func shapeOf(root, el *etree.Element) error {
	namespace := el.NamespaceURI()
	if is(el, nsSignature, "Signature") {
		if el.Parent() != root {
			return refuse(codeSignature, "A signature stands where none may")
		}
		return nil // its shape is looked at when it is verified
	}
	if is(el, nsProtocol, "Extensions") && el.Parent() == root {
		return noSignatureIn(el)
	}
	if namespace != nsProtocol && namespace != nsAssertion && namespace != nsXenc {
		if namespace == nsSignature && el.Parent().NamespaceURI() != nsProtocol && el.Parent().NamespaceURI() != nsAssertion {
			return nil // KeyInfo and the like inside of encrypted things, which we do not read
		}
		return refusef(codeMessage, "%s does not belong into the message", el.Tag)
	}
	for _, a := range el.Attr {
		if a.Space != "" && a.Space != "xml" && !declares(a) && namespace != nsXenc {
			if a.NamespaceURI() != "http://www.w3.org/2001/XMLSchema-instance" {
				return refusef(codeMessage, "An attribute of %s has another namespace", el.Tag)
			}
		}
	}
	seen := map[string]bool{}
	for _, child := range el.ChildElements() {
		if seen[child.Tag] && !repeatable[child.Tag] {
			return refusef(codeMessage, "%s holds more than one %s", el.Tag, child.Tag)
		}
		seen[child.Tag] = true
		if err := shapeOf(root, child); err != nil {
			return err
		}
	}
	return nil
}

// noSignatureIn refuses signatures, and our messages, inside of what others may put anything into.
func noSignatureIn(el *etree.Element) error {
	for _, child := range el.ChildElements() {
		if _, message := readable[child.Tag]; message || child.NamespaceURI() == nsSignature {
			return refuse(codeSignature, "A signature or message hides in the extensions")
		}
		if err := noSignatureIn(child); err != nil {
			return err
		}
	}
	return nil
}

// decodeBase64 takes base64 with line breaks, after its size was looked at.
func decodeBase64(s string) ([]byte, error) {
	if len(s) > maxOctets/3*4+4096 {
		return nil, refusef(codeSize, "The message is larger than %d octets", maxOctets)
	}
	if strings.ContainsAny(s, " \t") {
		s = strings.NewReplacer(" ", "", "\t", "").Replace(s)
	}
	out, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, refuse(codeEncoding, "The message is not base64")
	}
	return out, nil
}

// parseInstant reads xs:dateTime with a zone.
func parseInstant(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || len(s) > 40 {
		return time.Time{}, refuse(codeTime, "A time is not written as xs:dateTime in UTC")
	}
	return t.UTC(), nil
}
