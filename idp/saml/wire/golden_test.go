package wire

import (
	"bytes"
	"testing"
	"time"

	"github.com/beevik/etree"
)

// signIn is a response with everything in it that the writer knows.
func signIn() Response {
	return Response{
		InResponseTo: "_req1", Destination: acs, Audience: spID, Now: now, Subject: NameID{Value: "Åse <ase@example.no> & \"co\"", Format: FormatPersistent, NameQualifier: idpID, SPNameQualifier: spID},
		AuthnInstant: now.Add(-time.Minute), SessionIndex: "_s1", SessionNotOnOrAfter: now.Add(8 * time.Hour), Class: classRefeds,
		Attributes: []Attribute{
			{Name: "urn:oid:0.9.2342.19200300.100.1.3", NameFormat: AttributeURI, FriendlyName: "mail", Values: []string{"ase@example.no"}},
			{Name: "groups", NameFormat: AttributeBasic, Values: []string{"a\r\nb", "<c>", "d\te", "\x00\x01"}},
			{Name: "nothing"},
		},
	}
}

// encryptTo is an encryption to the service provider's key.
func encryptTo(t testing.TB, o EncryptionOptions) *Encryption {
	t.Helper()
	e, err := NewEncryption(registered(t, UseEncryption, "sp"), o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// messages are all that we write, by name.
func messages(t testing.TB) map[string]func(Issuer) (*Message, error) {
	header := Header{InResponseTo: "_lr1", Destination: "https://sp.example.com/saml/slo?x=1&y=2", IssueInstant: now}
	return map[string]func(Issuer) (*Message, error){
		"response-assertion": func(i Issuer) (*Message, error) { return i.Response(signIn()) },
		"response-response":  func(i Issuer) (*Message, error) { r := signIn(); r.Sign = SignResponse; return i.Response(r) },
		"response-both":      func(i Issuer) (*Message, error) { r := signIn(); r.Sign = SignBoth; return i.Response(r) },
		"response-unsolicited": func(i Issuer) (*Message, error) {
			r := signIn()
			r.InResponseTo, r.Attributes, r.Until, r.SessionNotOnOrAfter = "", nil, now.Add(time.Minute), time.Time{}
			return i.Response(r)
		},
		"response-encrypted": func(i Issuer) (*Message, error) {
			r := signIn()
			r.Encrypt = encryptTo(t, EncryptionOptions{})
			return i.Response(r)
		},
		"response-encrypted-name": func(i Issuer) (*Message, error) {
			r := signIn()
			r.EncryptName = encryptTo(t, EncryptionOptions{Cipher: AES128GCM, OAEPSHA256: true})
			return i.Response(r)
		},
		"refusal": func(i Issuer) (*Message, error) {
			return i.Refuse(Refusal{InResponseTo: "_req1", Destination: acs, Now: now, Status: StatusNoPassive.Saying("Nobody is signed in")})
		},
		"logout-request": func(i Issuer) (*Message, error) {
			return i.LogoutRequest(LogoutRequest{Header: header, Subject: NameID{Value: "x1", Format: FormatTransient}, SessionIndexes: []string{"_s1", "_s2"}, Reason: ReasonUser, NotOnOrAfter: now.Add(5 * time.Minute)})
		},
		"logout-response": func(i Issuer) (*Message, error) {
			return i.LogoutResponse(LogoutResponse{Header: header, Status: StatusPartialLogout})
		},
		"artifact-response": func(i Issuer) (*Message, error) {
			inner, err := i.Response(signIn())
			if err != nil {
				return nil, err
			}
			doc, err := inner.XML()
			if err != nil {
				return nil, err
			}
			return i.ArtifactResponse("_ar1", now, doc)
		},
		"artifact-empty": func(i Issuer) (*Message, error) { return i.ArtifactResponse("_ar1", now, nil) },
	}
}

func ownMetadata(t testing.TB) Metadata {
	return Metadata{
		Certificates:       [][]byte{pemOf(t, "idp.crt"), pemOf(t, "idp-next.crt")},
		SSO:                []Endpoint{{Binding: BindingRedirect, Location: sso}, {Binding: BindingPOST, Location: sso}},
		SLO:                []Endpoint{{Binding: BindingRedirect, Location: slo}, {Binding: BindingPOST, Location: slo, ResponseLocation: slo + "/done"}, {Binding: BindingSOAP, Location: slo}},
		ArtifactResolution: []Endpoint{{Binding: BindingSOAP, Location: "https://id.example.no/saml/artifact", Default: true}},
		NameIDFormats:      []string{FormatPersistent, FormatTransient, FormatEmail}, WantAuthnRequestsSigned: true, ErrorURL: "https://id.example.no/help",
		ValidUntil: now.Add(7 * 24 * time.Hour), CacheDuration: 6 * time.Hour, DisplayName: "Eksempel & co",
		Organization: &Organization{Language: "nb", Name: "Eksempel", DisplayName: "Eksempel AS", URL: "https://example.no/"},
		Contacts:     []Contact{{Type: "technical", Company: "Eksempel AS", Given: "Kari", Surname: "Nordmann", Email: "drift@example.no", Phone: "+47 22 00 00 00"}, {Type: "support", Email: "hjelp@example.no"}},
	}
}

func TestGoldenMessages(t *testing.T) {
	t.Parallel()
	for name, build := range messages(t) {
		t.Run(name, func(t *testing.T) {
			golden(t, name, must(must(build(ours(t)))(t).XML())(t))
		})
	}
	golden(t, "metadata", must(ours(t).Metadata(ownMetadata(t)))(t))
	golden(t, "logout-redirect", []byte(must(must(messages(t)["logout-request"](ours(t)))(t).RedirectURL("state & more"))(t)))
	golden(t, "logout-soap", must(must(messages(t)["logout-request"](ours(t)))(t).SOAP())(t))
	form := must(must(messages(t)["refusal"](ours(t)))(t).Form("r"))(t)
	golden(t, "refusal-form", []byte(form.Action+"\n"+form.Parameter+"\n"+form.Value+"\n"+form.RelayState+"\n"))
}

// TestWeWriteCanonicalForm: whatever we write is what exclusive canonicalization would make of it, so that what is hashed
// when signing is what others hash when verifying.
func TestWeWriteCanonicalForm(t *testing.T) {
	t.Parallel()
	check := func(name string, doc []byte) {
		tree := etree.NewDocument()
		if err := tree.ReadFromBytes(doc); err != nil {
			t.Fatal(name, err)
		}
		if got := must(canonical(tree.Root(), ""))(t); !bytes.Equal(got, doc) {
			t.Errorf("%s is not canonical:\n%s\n%s", name, doc, got)
		}
	}
	all := messages(t)
	all["encrypted-logout"] = func(i Issuer) (*Message, error) {
		return i.LogoutRequest(LogoutRequest{Header: Header{Destination: acs, IssueInstant: now}, Subject: NameID{Value: "x"}, EncryptName: encryptTo(t, EncryptionOptions{})})
	}
	for name, build := range all {
		m := must(build(ours(t)))(t)
		check(name, must(m.XML())(t))
		check(name+" by SOAP", must(m.SOAP())(t))
	}
	check("metadata", must(ours(t).Metadata(ownMetadata(t)))(t))
}

// TestWall052_WhatEveryAssertionHas: one audience, recipient, request, an end within five minutes, fresh IDs, and no address.
func TestWall052_WhatEveryAssertionHas(t *testing.T) {
	t.Parallel()
	i := ours(t)
	seen := map[string]bool{}
	for _, lifetime := range []time.Duration{0, time.Minute, time.Hour, -time.Hour} {
		r := signIn()
		r.Lifetime = lifetime
		m := must(i.Response(r))(t)
		if seen[m.ID] || seen[m.AssertionID] || !validID(m.ID) || len(m.ID) < 33 {
			t.Errorf("an ID is used twice, or is short: %s %s", m.ID, m.AssertionID)
		}
		seen[m.ID], seen[m.AssertionID] = true, true
		tree := etree.NewDocument()
		if err := tree.ReadFromBytes(must(m.XML())(t)); err != nil {
			t.Fatal(err)
		}
		one := func(path string) *etree.Element {
			found := tree.FindElements(path)
			if len(found) != 1 {
				t.Fatalf("%d of %s", len(found), path)
			}
			return found[0]
		}
		data := one("//SubjectConfirmationData")
		end := must(parseInstant(attr(data, "NotOnOrAfter")))(t)
		if attr(data, "Recipient") != acs || attr(data, "InResponseTo") != "_req1" || end.After(now.Add(5*time.Minute)) || !end.After(now) || attr(data, "NotBefore") != "" || attr(data, "Address") != "" {
			t.Errorf("confirmation: %v", data.Attr)
		}
		if one("//Audience").Text() != spID || attr(one("//Conditions"), "NotOnOrAfter") != instant(end) || attr(one("//AuthnStatement"), "SessionNotOnOrAfter") == "" {
			t.Error("audience, conditions or session")
		}
	}
	for name, spoil := range map[string]func(*Response){
		"audience": func(r *Response) { r.Audience = "" }, "destination": func(r *Response) { r.Destination = "" }, "subject": func(r *Response) { r.Subject.Value = "" },
		"class": func(r *Response) { r.Class = "" }, "instant": func(r *Response) { r.AuthnInstant = time.Time{} }, "membership over": func(r *Response) { r.Until = now },
	} {
		r := signIn()
		spoil(&r)
		if _, err := i.Response(r); err == nil {
			t.Errorf("without %s a response is written", name)
		}
	}
}

func TestAMembershipsEndCapsEverything(t *testing.T) {
	t.Parallel()
	r := signIn()
	r.Until = now.Add(2 * time.Minute)
	doc := string(must(must(ours(t).Response(r))(t).XML())(t))
	if n := bytes.Count([]byte(doc), []byte(`"`+instant(r.Until)+`"`)); n != 3 {
		t.Errorf("the end stands %d times; want conditions, confirmation and session", n)
	}
}
