//go:build e2e

package main

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	"golang.org/x/net/html"
)

// What the kit's service providers are called; both addresses of the first serve its sign-outs, by either binding.
const (
	ctkSLO    = "https://ctk.example/slo"
	ctkOthers = `
  - {slug: by-post, entity_id: "https://other-post.example", acs: [{url: "https://other-post.example/acs", binding: post}],
     slo: [{url: "https://other-post.example/slo", binding: post}], certificates: [CERTIFICATE], require_signed_requests: true}
  - {slug: by-redirect, entity_id: "https://other-redirect.example", acs: [{url: "https://other-redirect.example/acs", binding: post}],
     slo: [{url: "https://other-redirect.example/slo", binding: redirect}], certificates: [CERTIFICATE], require_signed_requests: true}
`
)

// another is a service provider of the kit beside the first.
func (k *ctk) another(t *testing.T, entity string) *saml.ServiceProvider {
	t.Helper()
	acs, err := url.Parse(entity + "/acs")
	if err != nil {
		t.Fatal(err)
	}
	sp := *k.sp
	sp.EntityID, sp.AcsURL = entity, *acs
	return &sp
}

// seat is what a service provider knows of who is signed in there.
type seat struct {
	sp    *saml.ServiceProvider
	name  *saml.NameID
	index string
}

// seated signs somebody in at service providers, in one session.
func (k *ctk) seated(t *testing.T, all ...*saml.ServiceProvider) (p *person, seats []seat) {
	t.Helper()
	p, _ = tapped(t)
	p.open(k.s.issuer+"/account").signIn(samlPerson, samlPassword)
	for _, sp := range all {
		own := &ctk{t: t, s: k.s, sp: sp, sso: k.sso, jar: p, pair: k.pair}
		a := own.ask(t, saml.HTTPPostBinding, "", nil).succeeded()
		name := a.root.FindElement("./Assertion/Subject/NameID")
		seats = append(seats, seat{sp, &saml.NameID{Value: name.Text(), Format: name.SelectAttrValue("Format", ""), NameQualifier: name.SelectAttrValue("NameQualifier", ""), SPNameQualifier: name.SelectAttrValue("SPNameQualifier", "")},
			value1(a.root, "./Assertion/AuthnStatement/@SessionIndex")})
	}
	return p, seats
}

// leave asks for the sign-out of the seat, and answers the request's ID.
func (k *ctk) leave(t *testing.T, p *person, s seat, binding, relay string) string {
	t.Helper()
	q, err := s.sp.MakeLogoutRequest(k.s.issuer+"/saml/slo", s.name.Value)
	if err != nil {
		t.Fatal(err)
	}
	q.NameID, q.SessionIndex, q.Signature = s.name, &saml.SessionIndex{Value: s.index}, nil
	if binding == saml.HTTPPostBinding {
		if err := s.sp.SignLogoutRequest(q); err != nil {
			t.Fatal(err)
		}
	}
	k.carry(t, p, binding, "SAMLRequest", q.Element(), relay)
	return q.ID
}

// reply answers a request of ours to sign out.
func (k *ctk) reply(t *testing.T, p *person, s seat, binding, to, status string) {
	t.Helper()
	a, err := s.sp.MakeLogoutResponse(k.s.issuer+"/saml/slo", to)
	if err != nil {
		t.Fatal(err)
	}
	a.Status.StatusCode.Value, a.Signature = status, nil
	if binding == saml.HTTPPostBinding {
		if err := s.sp.SignLogoutResponse(a); err != nil {
			t.Fatal(err)
		}
	}
	k.carry(t, p, binding, "SAMLResponse", a.Element(), "")
}

// carry takes a message to us; crewjam's own redirects have the signature where it may not be.
func (k *ctk) carry(t *testing.T, p *person, binding, parameter string, message *etree.Element, relay string) {
	t.Helper()
	doc := etree.NewDocument()
	doc.SetRoot(message)
	octets, err := doc.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	if binding == saml.HTTPPostBinding {
		fields := url.Values{parameter: {base64.StdEncoding.EncodeToString(octets)}}
		if relay != "" {
			fields.Set("RelayState", relay)
		}
		p.post(k.s.issuer+"/saml/slo", fields)
		return
	}
	var deflated bytes.Buffer
	w, _ := flate.NewWriter(&deflated, flate.DefaultCompression)
	_, _ = w.Write(octets)
	_ = w.Close()
	query := parameter + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(deflated.Bytes()))
	if relay != "" {
		query += "&RelayState=" + url.QueryEscape(relay)
	}
	query += "&SigAlg=" + url.QueryEscape("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")
	digest := sha256.Sum256([]byte(query))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.pair.PrivateKey.(*rsa.PrivateKey), crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	p.open(k.s.issuer + "/saml/slo?" + query + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature)))
}

// said is a message of ours that a browser shall carry.
type said struct {
	to    string
	root  *etree.Element
	relay string
	sent  bool // with a RelayState
}

// said reads the message that the browser would carry next. It must be signed, and come by the binding.
func (k *ctk) said(t *testing.T, p *person, binding string) said {
	t.Helper()
	var out said
	var fields url.Values
	if binding == saml.HTTPRedirectBinding {
		to, err := url.Parse(p.header.Get("Location"))
		if err != nil || to.Host == "" {
			t.Fatalf("no redirect: %d %q\n%s", p.status, p.page(), p.text)
		}
		fields, out.to = to.Query(), strings.TrimSuffix(to.String(), "?"+to.RawQuery)
		k.signedQuery(t, to.RawQuery)
	} else {
		form := find(p.doc, func(n *html.Node) bool { return n.Data == "form" && attribute(n, "id") == "form-post" })
		if form == nil {
			t.Fatalf("no form: %d %q %s\n%s", p.status, p.page(), p.header.Get("Location"), p.text)
		}
		fields, out.to = formValues(form), attribute(form, "action")
	}
	out.relay, out.sent = fields.Get("RelayState"), fields.Has("RelayState")
	method := map[string]string{saml.HTTPRedirectBinding: http.MethodGet, saml.HTTPPostBinding: http.MethodPost}[binding]
	c := caught{XML: unpacked(fields.Get("SAMLRequest")+fields.Get("SAMLResponse"), method)}
	out.root = c.root(t)
	if value1(out.root, "./Issuer") != k.sp.IDPMetadata.EntityID || value1(out.root, "./@Destination") != out.to {
		t.Errorf("to %s: %s", out.to, c.XML)
	}
	if binding == saml.HTTPPostBinding && value1(out.root, "./Signature//Reference/@URI") != "#"+value1(out.root, "./@ID") {
		t.Errorf("not signed: %s", c.XML)
	}
	return out
}

// signedQuery proves the signature of a query with the certificate of our metadata.
func (k *ctk) signedQuery(t *testing.T, query string) {
	t.Helper()
	octets, signature, ok := strings.Cut(query, "&Signature=")
	signature, err := url.QueryUnescape(signature)
	raw, problem := base64.StdEncoding.DecodeString(signature)
	if !ok || err != nil || problem != nil {
		t.Fatalf("not signed: %s", query)
	}
	metadata, err := xml.Marshal(k.sp.IDPMetadata)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(certificatesIn(t, metadata)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := certificate.CheckSignature(x509.SHA256WithRSA, []byte(octets), raw); err != nil {
		t.Errorf("%v: %s", err, query)
	}
}

// answered fails unless the first service provider is answered now, to its request, and the session is over.
func (k *ctk) answered(t *testing.T, p *person, binding, to, relay string, status ...string) {
	t.Helper()
	m := k.said(t, p, binding)
	if m.root.Tag != "LogoutResponse" || m.to != ctkSLO || value1(m.root, "./@InResponseTo") != to || m.relay != relay || m.sent != (relay != "") {
		t.Errorf("%s to %s answers %s, RelayState %q", m.root.Tag, m.to, value1(m.root, "./@InResponseTo"), m.relay)
	}
	got := []string{value1(m.root, "./Status/StatusCode/@Value"), value1(m.root, "./Status/StatusCode/StatusCode/@Value")}
	if got[0] != statusOf+status[0] || len(status) == 1 && got[1] != "" || len(status) == 2 && got[1] != statusOf+status[1] {
		t.Errorf("the status is %q, want %q", got, status)
	}
	if g := (&samlGround{s: k.s}); g.signedIn(p) {
		t.Error("the session lives on")
	}
}

// signsOut are the kit's sign-outs by one binding; the others are asked by either.
func (k *ctk) signsOut(t *testing.T, binding string) {
	byPOST, byRedirect := k.another(t, "https://other-post.example"), k.another(t, "https://other-redirect.example")
	t.Run("single SP", func(t *testing.T) {
		p, seats := k.seated(t, k.sp)
		k.answered(t, p, binding, k.leave(t, p, seats[0], binding, ""), "", "Success")
	})
	t.Run("several SPs", func(t *testing.T) {
		p, seats := k.seated(t, k.sp, byPOST, byRedirect)
		id := k.leave(t, p, seats[0], binding, "last")
		k.asked(t, p, seats[1], saml.HTTPPostBinding, saml.StatusSuccess)
		k.asked(t, p, seats[2], saml.HTTPRedirectBinding, saml.StatusSuccess)
		k.answered(t, p, binding, id, "last", "Success")
	})
	t.Run("RelayState", func(t *testing.T) {
		const state = `ss:mem:<"é'> &amp; +%20`
		p, seats := k.seated(t, k.sp)
		k.answered(t, p, binding, k.leave(t, p, seats[0], binding, state), state, "Success")
	})
	t.Run("PartialLogout", func(t *testing.T) {
		p, seats := k.seated(t, k.sp, byPOST, byRedirect)
		id := k.leave(t, p, seats[0], binding, "")
		k.asked(t, p, seats[1], saml.HTTPPostBinding, saml.StatusResponder)
		k.asked(t, p, seats[2], saml.HTTPRedirectBinding, saml.StatusSuccess)
		k.answered(t, p, binding, id, "", "Success", "PartialLogout")
	})
	// As with sign-ins: the standard lets us hand it back, and it goes to the service provider alone.
	t.Run("RelayState over 80 bytes", func(t *testing.T) {
		state := strings.Repeat("x", 81)
		p, seats := k.seated(t, k.sp)
		k.answered(t, p, binding, k.leave(t, p, seats[0], binding, state), state, "Success")
	})
}

// asked fails unless the service provider of the seat is asked now for exactly its own, and has it answer.
func (k *ctk) asked(t *testing.T, p *person, s seat, binding, status string) {
	t.Helper()
	m := k.said(t, p, binding)
	if m.root.Tag != "LogoutRequest" || m.to != s.sp.EntityID+"/slo" || value1(m.root, "./NameID") != s.name.Value || value1(m.root, "./SessionIndex") != s.index ||
		value1(m.root, "./@NotOnOrAfter") == "" {
		t.Errorf("%s to %s of %q, %q", m.root.Tag, m.to, value1(m.root, "./NameID"), value1(m.root, "./SessionIndex"))
	}
	k.reply(t, p, s, binding, value1(m.root, "./@ID"), status)
}
