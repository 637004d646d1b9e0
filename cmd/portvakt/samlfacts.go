package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// samlFacts are what a message says of itself; nobody believes any of it.
type samlFacts struct {
	root        string
	destination string
	issued      time.Time
	list        []samlFact
	indented    string
}

type samlFact struct{ name, value string }

// told are the attributes of elements that people ask for, in the names of the standard.
var told = map[string][]string{
	"AuthnRequest":            {"ID", "IssueInstant", "Destination", "AssertionConsumerServiceURL", "AssertionConsumerServiceIndex", "ProtocolBinding", "ForceAuthn", "IsPassive"},
	"Response":                {"ID", "IssueInstant", "Destination", "InResponseTo"},
	"LogoutRequest":           {"ID", "IssueInstant", "Destination", "NotOnOrAfter", "Reason"},
	"LogoutResponse":          {"ID", "IssueInstant", "Destination", "InResponseTo"},
	"ArtifactResolve":         {"ID", "IssueInstant", "Destination"},
	"Assertion":               {"ID", "IssueInstant"},
	"EntityDescriptor":        {"entityID", "validUntil", "cacheDuration"},
	"StatusCode":              {"Value"},
	"NameIDPolicy":            {"Format", "SPNameQualifier"},
	"RequestedAuthnContext":   {"Comparison"},
	"NameID":                  {"Format", "NameQualifier", "SPNameQualifier"},
	"SubjectConfirmationData": {"Recipient", "InResponseTo", "NotOnOrAfter"},
	"Conditions":              {"NotBefore", "NotOnOrAfter"},
	"AuthnStatement":          {"AuthnInstant", "SessionIndex", "SessionNotOnOrAfter"},
	"Attribute":               {"Name", "FriendlyName"},
	"SignatureMethod":         {"Algorithm"}, "DigestMethod": {"Algorithm"}, "Reference": {"URI"}, "EncryptionMethod": {"Algorithm"},
	"AssertionConsumerService": {"Binding", "Location", "index"}, "SingleLogoutService": {"Binding", "Location"},
	"KeyDescriptor": {"use"}, "SPSSODescriptor": {"AuthnRequestsSigned", "WantAssertionsSigned"}, "EncryptedAssertion": {}, "Signature": {},
}

// spoken are the elements whose text is told.
var spoken = map[string]bool{"Issuer": true, "NameID": true, "Audience": true, "AuthnContextClassRef": true, "SessionIndex": true, "AttributeValue": true,
	"StatusMessage": true, "Artifact": true, "NameIDFormat": true}

const (
	maxFactDepth = 100
	maxFact      = 300
)

// readFacts goes through a document without building anything of it; what is no part of a message is refused.
func readFacts(doc []byte) (*samlFacts, error) {
	f := &samlFacts{}
	var out strings.Builder
	d := xml.NewDecoder(bytes.NewReader(doc))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errors.New("it is not UTF-8") }
	var open []string
	var text strings.Builder // hostile documents divide it into very many pieces
	for {
		token, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.Directive:
			return nil, errors.New("it has a document type, which no message may have")
		case xml.StartElement:
			if len(open) == maxFactDepth {
				return nil, errors.New("it is nested too deep")
			}
			f.element(token, len(open))
			writeIndented(&out, len(open), token)
			open = append(open, token.Name.Local)
			text.Reset()
		case xml.CharData:
			text.Write(token)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != token.Name.Local {
				return nil, errors.New("its elements do not match")
			}
			open = open[:len(open)-1]
			f.ended(&out, token.Name, strings.TrimSpace(text.String()), len(open))
			text.Reset()
		}
	}
	if f.root == "" || len(open) > 0 {
		return nil, errors.New("it is not whole")
	}
	f.indented = strings.TrimSpace(out.String())
	return f, nil
}

func (f *samlFacts) element(e xml.StartElement, depth int) {
	attributes := map[string]string{}
	for _, a := range e.Attr {
		attributes[a.Name.Local] = a.Value
	}
	name := e.Name.Local
	if depth == 0 {
		f.root = name
	}
	if depth == 0 || f.root == "Envelope" && attributes["IssueInstant"] != "" && f.issued.IsZero() {
		f.destination = attributes["Destination"]
		f.issued, _ = time.Parse(time.RFC3339, attributes["IssueInstant"])
	}
	keys, ok := told[name]
	if !ok {
		return
	}
	var parts []string
	for _, key := range keys {
		if v := attributes[key]; v != "" {
			parts = append(parts, key+" "+shown(v))
		}
	}
	if len(parts) > 0 || len(keys) == 0 {
		f.list = append(f.list, samlFact{short(name), strings.Join(parts, ", ")})
	}
}

func (f *samlFacts) ended(out *strings.Builder, name xml.Name, text string, depth int) {
	if spoken[name.Local] && text != "" {
		f.list = append(f.list, samlFact{short(name.Local), shown(text)})
	}
	if text != "" {
		fmt.Fprintf(out, "%s%s\n", strings.Repeat("  ", depth+1), escaped(text))
	}
	fmt.Fprintf(out, "%s</%s>\n", strings.Repeat("  ", depth), qualified(name))
}

// short keeps the first column narrow.
func short(name string) string {
	if len(name) > 14 {
		return name[:14]
	}
	return name
}

// shown is a value as a terminal may show it: on one line, and not for ever.
func shown(v string) string {
	v = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, v)
	if r := []rune(v); len(r) > maxFact {
		v = string(r[:maxFact]) + "…"
	}
	return v
}

func writeIndented(out *strings.Builder, depth int, e xml.StartElement) {
	fmt.Fprintf(out, "%s<%s", strings.Repeat("  ", depth), qualified(e.Name))
	for _, a := range e.Attr {
		fmt.Fprintf(out, ` %s="%s"`, qualified(a.Name), escaped(a.Value))
	}
	out.WriteString(">\n")
}

func qualified(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

func escaped(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r == 0x1b || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, b.String())
}

// lapsed are the times of a response that have passed, and those that have not come.
func (f *samlFacts) lapsed(now time.Time) []string {
	var out []string
	for _, fact := range f.list {
		for part := range strings.SplitSeq(fact.value, ", ") {
			key, value, _ := strings.Cut(part, " ")
			at, err := time.Parse(time.RFC3339, value)
			switch {
			case err != nil:
			case (key == "NotOnOrAfter" || key == "SessionNotOnOrAfter") && !now.Before(at):
				out = append(out, fmt.Sprintf("%s: %s has passed; by the clock of this machine it is %s", fact.name, part, now.UTC().Format(time.RFC3339)))
			case key == "NotBefore" && now.Before(at):
				out = append(out, fmt.Sprintf("%s: %s has not come; by the clock of this machine it is %s", fact.name, part, now.UTC().Format(time.RFC3339)))
			}
		}
	}
	return out
}
