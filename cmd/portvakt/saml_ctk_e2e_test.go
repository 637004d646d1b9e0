//go:build e2e

package main

import (
	"crypto"
	"crypto/tls"
	"encoding/asn1"
	"encoding/base64"
	"encoding/xml"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	"golang.org/x/net/html"
)

const (
	ctkEntity = "https://ctk.example/metadata"
	ctkACS    = "https://ctk.example/acs"
	ctkSecond = "https://ctk.example/second"

	statusOf = "urn:oasis:names:tc:SAML:2.0:status:"
)

// ctk is a service provider that behaves as the conformance test kit of SAML does: crewjam's, with requests changed by hand.
// It has no address that could be reached: what we send there is read from the page that would post it.
type ctk struct {
	t    *testing.T
	s    *service
	sp   *saml.ServiceProvider
	sso  string
	jar  *person // somebody who has signed in
	pair tls.Certificate
}

func startCTK(t *testing.T, database string) *ctk {
	t.Helper()
	key, certificate := selfSigned(t, "ctk")
	indented := strings.ReplaceAll(strings.TrimSpace(string(certificate)), "\n", "\n          ")
	file := filepath.Join(t.TempDir(), "seed.yaml")
	text := samlSeed + `
service_providers:
  - slug: ctk
    entity_id: ` + ctkEntity + `
    acs:
      - {url: "` + ctkSecond + `", binding: post, index: 1}
      - {url: "` + ctkACS + `", binding: post, index: 2, default: true}
    certificates:
      - |
          ` + indented + `
    slo: [{url: "` + ctkSLO + `", binding: post}, {url: "` + ctkSLO + `", binding: redirect}]
    require_signed_requests: true
    attributes: {mail: email}
` + strings.ReplaceAll(ctkOthers, "CERTIFICATE", strconv.Quote(string(certificate)))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	k := &ctk{t: t, s: serve(t, database, "--seed", file)}
	var err error
	if k.pair, err = tls.X509KeyPair(certificate, key); err != nil {
		t.Fatal(err)
	}
	k.sso = k.s.issuer + "/saml/sso"
	var metadata saml.EntityDescriptor
	if err := xml.Unmarshal(fetched(t, k.s.issuer+"/saml/metadata"), &metadata); err != nil {
		t.Fatal(err)
	}
	acs, _ := url.Parse(ctkACS)
	k.sp = &saml.ServiceProvider{EntityID: ctkEntity, AcsURL: *acs, IDPMetadata: &metadata, Key: k.pair.PrivateKey.(crypto.Signer), Certificate: k.pair.Leaf, SignatureMethod: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"}
	k.jar = newPerson(t)
	k.jar.open(k.s.issuer+"/account").signIn(samlPerson, samlPassword)
	return k
}

// ask sends a request, changed, by a binding, and answers the page that comes.
func (k *ctk) ask(t *testing.T, binding, relay string, change func(q *saml.AuthnRequest)) *answered {
	t.Helper()
	q, err := k.sp.MakeAuthenticationRequest(k.sso, binding, saml.HTTPPostBinding)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(q)
	}
	a := &answered{t: t, k: k, request: q, person: &person{t: t, client: &http.Client{Jar: k.jar.client.Jar, Timeout: 20 * time.Second}}}
	if binding == saml.HTTPRedirectBinding {
		q.Signature = nil
		address, err := q.Redirect(url.QueryEscape(relay), k.sp) // crewjam puts it into the query as it is
		if err != nil {
			t.Fatal(err)
		}
		return a.read(func() { a.open(k.sso + "?" + address.RawQuery) })
	}
	q.Signature = nil
	if err := k.sp.SignAuthnRequest(q); err != nil {
		t.Fatal(err)
	}
	doc := etree.NewDocument()
	doc.SetRoot(q.Element())
	octets, err := doc.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	fields := url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString(octets)}}
	if relay != "" {
		fields.Set("RelayState", relay)
	}
	return a.read(func() { a.post(k.sso, fields) })
}

// answered is what came of a request: a response on its way, or a page of ours.
type answered struct {
	*person
	t       *testing.T
	k       *ctk
	request *saml.AuthnRequest
	action  string
	fields  url.Values
	root    *etree.Element
}

func (a *answered) read(send func()) *answered {
	a.t.Helper()
	send()
	form := find(a.doc, func(n *html.Node) bool { return n.Data == "form" && attribute(n, "id") == "form-post" })
	if form == nil {
		return a
	}
	a.action, a.fields = attribute(form, "action"), formValues(form)
	octets, err := base64.StdEncoding.DecodeString(a.fields.Get("SAMLResponse"))
	if err != nil {
		a.t.Fatal(err)
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(octets); err != nil {
		a.t.Fatal(err)
	}
	a.root = doc.Root()
	return a
}

// succeeded fails unless crewjam's service provider takes the response.
func (a *answered) succeeded() *answered {
	a.t.Helper()
	if a.root == nil {
		a.t.Fatalf("no response, but %d %q:\n%s", a.status, a.page(), a.text)
	}
	octets, err := base64.StdEncoding.DecodeString(a.fields.Get("SAMLResponse"))
	if err != nil {
		a.t.Fatal(err)
	}
	acs, err := url.Parse(a.action)
	if err != nil {
		a.t.Fatal(err)
	}
	if _, err := a.k.sp.ParseXMLResponse(octets, []string{a.request.ID}, *acs); err != nil {
		if said, ok := err.(*saml.InvalidResponseError); ok {
			err = said.PrivateErr
		}
		a.t.Errorf("the response is not taken: %v\n%s", err, octets)
	}
	return a
}

// refused fails unless the response says the status, below its first code.
func (a *answered) refused(code, second string) {
	a.t.Helper()
	if a.root == nil {
		a.t.Fatalf("no response, but %d %q:\n%s", a.status, a.page(), a.text)
	}
	if got := value1(a.root, "./Status/StatusCode/@Value"); got != statusOf+code {
		a.t.Errorf("the status is %q", got)
	}
	if got := value1(a.root, "./Status/StatusCode/StatusCode/@Value"); got != statusOf+second {
		a.t.Errorf("the second status is %q", got)
	}
	if a.root.FindElement("./Assertion") != nil || a.root.FindElement("./EncryptedAssertion") != nil {
		a.t.Error("a refusal with an assertion")
	}
	if value1(a.root, "./@InResponseTo") != a.request.ID || a.root.FindElement("./Signature") == nil {
		a.t.Error("the refusal is not signed or answers nothing")
	}
}

// page400 fails unless the person was shown an error that leads nowhere, with the code.
func (a *answered) page400(code string) {
	a.t.Helper()
	if a.status != http.StatusBadRequest || a.page() != "error" || a.root != nil || !strings.Contains(a.text, code) {
		a.t.Errorf("want a page with %s; got %d %q:\n%s", code, a.status, a.page(), a.text)
	}
}

// value1 is an attribute or a text under an element by its path, whose last step may be @name.
func value1(root *etree.Element, path string) string {
	at := root
	before, name, isAttribute := strings.Cut(path, "/@")
	if before != "." {
		at = root.FindElement(before)
	}
	switch {
	case at == nil:
		return ""
	case isAttribute:
		return at.SelectAttrValue(name, "")
	}
	return at.Text()
}

// TestCTK is the list of the SAML conformance test kit, by name, asked of the running service.
func TestCTK(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		k := startCTK(t, database)
		for name, binding := range map[string]string{"POST": saml.HTTPPostBinding, "Redirect": saml.HTTPRedirectBinding} {
			t.Run("SSO/"+name, func(t *testing.T) { k.signsIn(t, binding) })
			t.Run("Errors/"+name, func(t *testing.T) { k.errors(t, binding) })
			t.Run("SLO/"+name, func(t *testing.T) { k.signsOut(t, binding) })
		}
		t.Run("SSO/Redirect/DSA-SHA1", k.dsa)
		t.Run("Errors/Redirect/incomplete query", k.incomplete)
		t.Run("Response", k.response)
		t.Run("Response/TLS-only endpoints", k.overTLS)
	})
}

// signsIn are the requests that succeed.
func (k *ctk) signsIn(t *testing.T, binding string) {
	t.Run("plain", func(t *testing.T) {
		if a := k.ask(t, binding, "", nil).succeeded(); a.fields.Has("RelayState") {
			t.Error("a RelayState that nobody sent")
		}
	})
	t.Run("RelayState", func(t *testing.T) {
		const state = `ss:mem:<"é'> &amp; +%20`
		if a := k.ask(t, binding, state, nil).succeeded(); a.fields.Get("RelayState") != state {
			t.Errorf("RelayState came back as %q", a.fields.Get("RelayState"))
		}
	})
	t.Run("without ACS", func(t *testing.T) {
		a := k.ask(t, binding, "", func(q *saml.AuthnRequest) { q.AssertionConsumerServiceURL, q.ProtocolBinding = "", "" }).succeeded()
		if a.action != ctkACS {
			t.Errorf("answered to %s, the default is %s", a.action, ctkACS)
		}
	})
	t.Run("ACS by index", func(t *testing.T) {
		a := k.ask(t, binding, "", func(q *saml.AuthnRequest) {
			q.AssertionConsumerServiceURL, q.ProtocolBinding, q.AssertionConsumerServiceIndex = "", "", "1"
		})
		if a.action != ctkSecond {
			t.Errorf("answered to %q", a.action)
		}
	})
	t.Run("NameIDPolicy emailAddress", func(t *testing.T) {
		format := string(saml.EmailAddressNameIDFormat)
		a := k.ask(t, binding, "", func(q *saml.AuthnRequest) { q.NameIDPolicy = &saml.NameIDPolicy{Format: &format} }).succeeded()
		if name := a.root.FindElement("./Assertion/Subject/NameID"); name.Text() != samlPerson || name.SelectAttrValue("Format", "") != format {
			t.Errorf("the name is %q %v", name.Text(), name.Attr)
		}
	})
}

// errors are the requests that are refused.
func (k *ctk) errors(t *testing.T, binding string) {
	// A kit wants a refusal. Service providers that people run send more, and the standard lets us hand it back: it goes
	// to the service provider alone.
	t.Run("RelayState over 80 bytes", func(t *testing.T) {
		state := strings.Repeat("x", 81)
		if a := k.ask(t, binding, state, nil).succeeded(); a.fields.Get("RelayState") != state {
			t.Error("RelayState came back changed")
		}
	})
	t.Run("empty SAMLRequest", func(t *testing.T) {
		a := &answered{t: t, k: k, person: newPerson(t)}
		if binding == saml.HTTPPostBinding {
			a.read(func() { a.post(k.sso, url.Values{"SAMLRequest": {""}}) }).page400("saml_")
			return
		}
		a.read(func() { a.open(k.sso + "?SAMLRequest=") }).page400("saml_")
	})
	t.Run("Subject with invalid NameID", func(t *testing.T) {
		a := k.ask(t, binding, "", func(q *saml.AuthnRequest) {
			q.Subject = &saml.Subject{NameID: &saml.NameID{Value: "nobody-by-this-name", Format: string(saml.PersistentNameIDFormat)}}
		})
		a.on("password") // whoever is signed in is not the one: the person may be somebody else
		a.read(func() { a.press("continue", "password", samlPassword) }).refused("Responder", "UnknownPrincipal")
	})
	t.Run("Destination mismatch", func(t *testing.T) {
		k.ask(t, binding, "", func(q *saml.AuthnRequest) {
			q.Destination = "https://elsewhere.example/saml/sso"
		}).page400("saml_destination")
	})
	t.Run("unregistered ACS", func(t *testing.T) {
		k.ask(t, binding, "", func(q *saml.AuthnRequest) { q.AssertionConsumerServiceURL = "https://evil.example/acs" }).page400("saml_acs")
	})
	t.Run("unknown Issuer", func(t *testing.T) {
		k.ask(t, binding, "", func(q *saml.AuthnRequest) { q.Issuer.Value = "https://unknown.example" }).page400("saml_unknown_issuer")
	})
	t.Run("unknown NameIDPolicy", func(t *testing.T) {
		format := "urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos"
		k.ask(t, binding, "", func(q *saml.AuthnRequest) { q.NameIDPolicy = &saml.NameIDPolicy{Format: &format} }).refused("Requester", "InvalidNameIDPolicy")
	})
}

// dsa is a request with a signature that the kit expects to be taken: it has been broken for too long, and is refused.
func (k *ctk) dsa(t *testing.T) {
	q, err := k.sp.MakeAuthenticationRequest(k.sso, saml.HTTPRedirectBinding, saml.HTTPPostBinding)
	if err != nil {
		t.Fatal(err)
	}
	address, err := q.Redirect("", k.sp)
	if err != nil {
		t.Fatal(err)
	}
	unsigned, _, _ := strings.Cut(address.RawQuery, "&SigAlg=")
	signed := unsigned + "&SigAlg=" + url.QueryEscape("http://www.w3.org/2000/09/xmldsig#dsa-sha1")
	// Nobody can register a key of that kind, so what the signature says is of no matter.
	signature, err := asn1.Marshal(struct{ R, S *big.Int }{big.NewInt(1), big.NewInt(1)})
	if err != nil {
		t.Fatal(err)
	}
	a := &answered{t: t, k: k, person: newPerson(t)}
	a.read(func() {
		a.open(k.sso + "?" + signed + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature)))
	}).page400("saml_algorithm")
}

// incomplete are queries from which a part of the signature is missing.
func (k *ctk) incomplete(t *testing.T) {
	for name, keep := range map[string]func(string) bool{
		"SigAlg without Signature": func(p string) bool { return !strings.HasPrefix(p, "Signature=") },
		"Signature without SigAlg": func(p string) bool { return !strings.HasPrefix(p, "SigAlg=") },
		"neither":                  func(p string) bool { return strings.HasPrefix(p, "SAMLRequest=") },
		"no SAMLRequest":           func(p string) bool { return !strings.HasPrefix(p, "SAMLRequest=") },
	} {
		t.Run(name, func(t *testing.T) {
			q, err := k.sp.MakeAuthenticationRequest(k.sso, saml.HTTPRedirectBinding, saml.HTTPPostBinding)
			if err != nil {
				t.Fatal(err)
			}
			address, err := q.Redirect("", k.sp)
			if err != nil {
				t.Fatal(err)
			}
			var kept []string
			for part := range strings.SplitSeq(address.RawQuery, "&") {
				if keep(part) {
					kept = append(kept, part)
				}
			}
			a := &answered{t: t, k: k, person: newPerson(t)}
			a.read(func() { a.open(k.sso + "?" + strings.Join(kept, "&")) }).page400("saml_")
		})
	}
}
