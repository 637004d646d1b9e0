package main

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"portvakt/idp/saml/wire"
	"portvakt/internal/fault"
)

type samlDebugCommand struct {
	Message  string `arg:"" optional:"" help:"A file; an address or form with SAMLRequest= or SAMLResponse=; or - for what is piped in. The address is not asked." default:"-"`
	Metadata string `help:"The service provider's metadata: signatures are verified by its keys." placeholder:"FILE" type:"path"`
	SHA1     bool   `name:"insecure-sha1" help:"Take signatures by SHA-1, as the registration option of that name does."`
	Quiet    bool   `help:"Leave the XML out."`
}

// maxDebug is how much is read; messages are far smaller.
const maxDebug = 2 << 20

// samlMessage is what somebody wants to understand.
type samlMessage struct {
	how   string // how it was packed
	query string // of the redirect binding, as it came
	form  url.Values
	doc   []byte
}

// Run decodes a message of SAML, or metadata, and says what is wrong with it. It asks nobody and needs no database.
func (c samlDebugCommand) Run(w world) error {
	text, err := c.input()
	if err != nil {
		return err
	}
	m, err := unpackSAML(text)
	if err != nil {
		return mistake{err}
	}
	facts, err := readFacts(m.doc)
	if err != nil {
		return mistakef("this is %s, and no XML that can be read: %w", m.how, err)
	}
	fmt.Fprintf(w.stdout, "%-14s %s\n%-14s %s\n", "packed", m.how, "what", facts.root)
	for _, f := range facts.list {
		fmt.Fprintf(w.stdout, "%-14s %s\n", f.name, f.value)
	}
	findings, err := c.judge(m, facts, time.Now())
	if err != nil {
		return err
	}
	for _, f := range findings {
		fmt.Fprintf(w.stdout, "%-14s %s\n", "WRONG", f)
	}
	if len(findings) == 0 {
		fmt.Fprintf(w.stdout, "%-14s %s\n", "ok", "nothing is wrong that can be seen from here")
	}
	if !c.Quiet {
		fmt.Fprintf(w.stdout, "\n%s\n", facts.indented)
	}
	if len(findings) > 0 {
		return errBadSAML
	}
	return nil
}

var errBadSAML = errors.New("the message is not in order")

func (c samlDebugCommand) input() (string, error) {
	in := io.Reader(os.Stdin)
	switch {
	case strings.Contains(c.Message, "SAMLRequest=") || strings.Contains(c.Message, "SAMLResponse="):
		return c.Message, nil
	case c.Message != "-":
		f, err := os.Open(c.Message)
		if err != nil {
			return "", mistake{err}
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxDebug+1))
	if err == nil && len(b) > maxDebug {
		err = mistakef("the message is larger than %d octets", maxDebug)
	}
	return string(b), err
}

// unpackSAML finds out how a message is packed: an address or form, base64 with or without DEFLATE, or XML as it is.
func unpackSAML(text string) (samlMessage, error) {
	text = strings.TrimSpace(strings.TrimPrefix(text, "\uFEFF"))
	if strings.HasPrefix(text, "<") {
		return samlMessage{how: "XML", doc: []byte(text)}, nil
	}
	if !strings.Contains(text, "SAMLRequest=") && !strings.Contains(text, "SAMLResponse=") {
		doc, how, err := unpackValue(text)
		return samlMessage{how: how, doc: doc}, err
	}
	query := text
	if _, after, found := strings.Cut(text, "?"); found {
		query = after
	}
	query, _, _ = strings.Cut(query, "#")
	values, err := url.ParseQuery(query)
	if err != nil {
		return samlMessage{}, fmt.Errorf("the address or form is not well-formed: %w", err)
	}
	value := values.Get("SAMLRequest") + values.Get("SAMLResponse")
	doc, how, err := unpackValue(value)
	if err != nil {
		return samlMessage{}, err
	}
	m := samlMessage{doc: doc, how: "HTTP-Redirect (" + how + ")", query: query}
	if how == packedPlain {
		m = samlMessage{doc: doc, how: "HTTP-POST (" + how + ")", form: values}
	}
	return m, nil
}

const (
	packedPlain   = "base64"
	packedDeflate = "base64 of DEFLATE"
)

func unpackValue(value string) (doc []byte, how string, err error) {
	value = strings.NewReplacer(" ", "+", "\n", "", "\r", "", "\t", "").Replace(value)
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		if raw, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "=")); err != nil {
			return nil, "", errors.New("this is neither XML, nor base64, nor an address with SAMLRequest or SAMLResponse")
		}
	}
	if bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\uFEFF"))), []byte("<")) {
		return raw, packedPlain, nil
	}
	doc, err = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(raw)), maxDebug))
	if err != nil || len(doc) == 0 {
		return nil, "", errors.New("this is base64, and what is inside is neither XML nor deflated")
	}
	return doc, packedDeflate, nil
}

// judge says what the service would object to, as far as that can be told without knowing the registration.
func (c samlDebugCommand) judge(m samlMessage, facts *samlFacts, now time.Time) ([]string, error) {
	trust, err := c.trust(now)
	if err != nil {
		return nil, err
	}
	switch facts.root {
	case "EntityDescriptor", "EntitiesDescriptor":
		_, err := wire.ReadServiceProvider(m.doc, wire.MetadataOptions{Now: now, InsecureLocalhost: true})
		return findings(err), nil
	case "Response", "Assertion":
		return facts.lapsed(now), nil
	}
	r, err := m.receive(facts)
	if err != nil {
		return findings(err), nil
	}
	var out []string
	if r.LongRelayState() {
		out = append(out, fmt.Sprintf("the RelayState is longer than %d octets; it is taken, others would refuse it", wire.MaxRelayState))
	}
	e := wire.Expect{Now: now, Destinations: []string{facts.destination}, Trust: trust}
	err = prove(r, e)
	if fault.Of(err) != nil && err != nil && fault.Of(err).Code == "saml_time" && !facts.issued.IsZero() { // old ones are what people look at
		out = append(out, fault.Of(err).Text)
		e.Now = facts.issued
		err = prove(r, e)
	}
	if c.Metadata == "" && r.Signed() && err != nil && fault.Of(err).Code == "saml_signature" {
		return append(out, "it is signed; give the service provider's metadata with --metadata to have that verified"), nil
	}
	return append(out, findings(err)...), nil
}

func findings(err error) []string {
	if err == nil {
		return nil
	}
	return []string{fault.Of(err).Text + " (" + fault.Of(err).Code + ")"}
}

// receive reads the message as the service would.
func (m samlMessage) receive(facts *samlFacts) (*wire.Received, error) {
	switch {
	case m.query != "":
		return wire.DecodeRedirect(m.query)
	case m.form != nil:
		return wire.DecodePOST(m.form)
	case facts.root == "Envelope" || facts.root == "ArtifactResolve":
		return wire.DecodeSOAP(m.doc)
	}
	parameter := "SAMLRequest"
	if strings.HasSuffix(facts.root, "Response") {
		parameter = "SAMLResponse"
	}
	return wire.DecodePOST(url.Values{parameter: {base64.StdEncoding.EncodeToString(m.doc)}})
}

// prove verifies a message and reads it.
func prove(r *wire.Received, e wire.Expect) (err error) {
	switch r.Kind {
	case wire.KindAuthnRequest:
		_, err = r.AuthnRequest(e)
	case wire.KindLogoutRequest:
		_, err = r.LogoutRequest(e)
	case wire.KindLogoutResponse:
		_, err = r.LogoutResponse(e)
	case wire.KindArtifactResolve:
		_, err = r.ArtifactResolve(e)
	}
	return err
}

func (c samlDebugCommand) trust(now time.Time) (t wire.Trust, err error) {
	t.InsecureSHA1 = c.SHA1
	if c.Metadata == "" {
		return t, nil
	}
	doc, err := os.ReadFile(c.Metadata)
	if err != nil {
		return t, mistake{err}
	}
	sp, err := wire.ReadServiceProvider(doc, wire.MetadataOptions{Now: now, InsecureLocalhost: true})
	if err != nil {
		return t, mistakef("%s: %s", c.Metadata, fault.Of(err).Text)
	}
	t.Required = sp.AuthnRequestsSigned
	t.Keys, err = wire.VerificationKeys(sp.Keys)
	return t, err
}
