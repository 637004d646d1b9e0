package wire

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/url"
	"strings"
	"time"
)

// Issuer writes and signs our messages. It is one identity provider: the installation's, or an organization's own.
type Issuer struct {
	EntityID string
	Key      *SigningKey
	Random   io.Reader // crypto/rand if nil
}

// Message is one of our messages, written and not yet packed: which signature it gets follows from how it travels.
type Message struct {
	Kind        Kind
	ID          string
	AssertionID string // of a response that says who signed in
	Destination string

	issuer     Issuer
	head, tail []byte // the signature belongs between them
	unsigned   bool   // where only the assertion is signed
}

// Form is what the HTTP-POST binding needs: fields of a form that posts itself. Whoever writes the page escapes them.
type Form struct {
	Action     string
	Parameter  string // SAMLRequest or SAMLResponse
	Value      string
	RelayState string // left out of the form where it is empty
}

// XML is the message with its own signature, as it is posted, resolved by artifact, or logged.
func (m *Message) XML() ([]byte, error) {
	if m.unsigned {
		return bytes.Join([][]byte{m.head, m.tail}, nil), nil
	}
	if m.issuer.Key == nil {
		return nil, errNoKey
	}
	signature, err := m.issuer.Key.enveloped(m.issuer.random(), m.ID, m.head, m.tail)
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{m.head, signature, m.tail}, nil), nil
}

// Form packs the message for the HTTP-POST binding.
func (m *Message) Form(relayState string) (Form, error) {
	if m.Destination == "" {
		return Form{}, errDestination
	}
	doc, err := m.XML()
	if err != nil {
		return Form{}, err
	}
	return Form{Action: m.Destination, Parameter: m.Kind.parameter(), Value: base64.StdEncoding.EncodeToString(doc), RelayState: relayState}, nil
}

// RedirectURL packs the message for the HTTP-Redirect binding: deflated, and signed in the query.
func (m *Message) RedirectURL(relayState string) (string, error) {
	switch {
	case m.Kind == KindResponse || m.Kind == KindArtifactResponse:
		return "", errNoRedirect
	case m.Destination == "":
		return "", errDestination
	case m.issuer.Key == nil:
		return "", errNoKey
	}
	var packed bytes.Buffer
	deflater, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return "", err
	}
	deflater.Write(m.head) // into memory: Close says if anything went wrong
	deflater.Write(m.tail)
	if err := deflater.Close(); err != nil {
		return "", err
	}
	octets := m.Kind.parameter() + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(packed.Bytes()))
	if relayState != "" {
		octets += "&RelayState=" + url.QueryEscape(relayState)
	}
	octets += "&SigAlg=" + url.QueryEscape(m.issuer.Key.algorithm)
	value, err := m.issuer.Key.sign(m.issuer.random(), []byte(octets))
	if err != nil {
		return "", err
	}
	join := "?"
	if strings.Contains(m.Destination, "?") {
		join = "&"
	}
	return m.Destination + join + octets + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(value)), nil
}

// SOAP packs the message into a SOAP 1.1 envelope; it is sent as text/xml.
func (m *Message) SOAP() ([]byte, error) {
	doc, err := m.XML()
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{
		[]byte(`<soap11:Envelope xmlns:soap11="` + nsEnvelope + `"><soap11:Body>`), doc, []byte(`</soap11:Body></soap11:Envelope>`),
	}, nil), nil
}

func (i Issuer) random() io.Reader {
	if i.Random == nil {
		return rand.Reader
	}
	return i.Random
}

// newID makes an identifier of 160 random bits (core §1.3.4 asks for 128 at least).
func (i Issuer) newID() (string, error) {
	var b [20]byte
	if _, err := io.ReadFull(i.random(), b[:]); err != nil {
		return "", err
	}
	return "_" + hex.EncodeToString(b[:]), nil
}

// opening is what the roots of our messages have in common.
type opening struct {
	kind                      Kind
	inResponseTo, destination string
	now, notOnOrAfter         time.Time
	reason                    string
}

// open begins a message, up to where its signature belongs.
func (i Issuer) open(o opening) (*Message, *writer, error) {
	id, err := i.newID()
	if err != nil {
		return nil, nil, err
	}
	w := &writer{b: make([]byte, 0, 8<<10)}
	until := ""
	if !o.notOnOrAfter.IsZero() {
		until = instant(o.notOnOrAfter)
	}
	w.start("samlp:"+string(o.kind), "xmlns:samlp", nsProtocol, "Destination", o.destination, "ID", id, "InResponseTo", o.inResponseTo,
		"IssueInstant", instant(o.now), "NotOnOrAfter", until, "Reason", o.reason, "Version", "2.0")
	w.leaf("saml:Issuer", i.EntityID, "xmlns:saml", nsAssertion)
	return &Message{Kind: o.kind, ID: id, Destination: o.destination, issuer: i, head: w.b}, w, nil
}

// close ends a message; what was written after open is its tail.
func (m *Message) close(w *writer) *Message {
	at := len(m.head)
	w.end("samlp:" + string(m.Kind))
	m.head, m.tail = w.b[:at:at], w.b[at:]
	return m
}
