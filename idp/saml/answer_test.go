package saml_test

import (
	"bytes"
	"compress/flate"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"portvakt/internal/testenv"
)

var counter = struct {
	sync.Mutex
	n int
}{}

func freshID() string {
	counter.Lock()
	defer counter.Unlock()
	counter.n++
	return "_" + hex.EncodeToString(fmt.Appendf(nil, "request-%d", counter.n))
}

// ask is a request: attributes of the root, children behind the issuer.
type ask struct {
	id, from, to, attributes, children, relay string
	base                                      string // the identity provider's addresses
	at                                        time.Time
}

func (d *door) fill(q ask) ask {
	if q.id == "" {
		q.id = freshID()
	}
	if q.from == "" {
		q.from = spID
	}
	if q.base == "" {
		q.base = "/saml"
	}
	if q.to == "" {
		q.to = issuer + q.base + "/sso"
	}
	if q.at.IsZero() {
		q.at = d.db.Now()
	}
	return q
}

func (q ask) xml() string {
	return `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="` + q.id +
		`" Version="2.0" IssueInstant="` + q.at.UTC().Format(time.RFC3339) + `" Destination="` + q.to + `" ` + q.attributes + `><saml:Issuer>` + q.from + `</saml:Issuer>` +
		q.children + `</samlp:AuthnRequest>`
}

// redirect is the address that a request by redirect asks for.
func (d *door) redirect(q ask) string {
	q = d.fill(q)
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.BestCompression)
	_, _ = w.Write([]byte(q.xml()))
	_ = w.Close()
	v := url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString(packed.Bytes())}}
	if q.relay != "" {
		v.Set("RelayState", q.relay)
	}
	return q.base + "/sso?" + v.Encode()
}

func (b *browser) ask(q ask) *reply { return b.get(b.d.redirect(q)) }

// answer is what would reach the service provider.
type answer struct {
	t      testing.TB
	action string
	relay  string
	raw    []byte
	root   *etree.Element
}

// answer reads the page that posts an answer.
func (r *reply) answer(t testing.TB) *answer {
	t.Helper()
	if r.StatusCode != http.StatusOK || !strings.Contains(r.body, `data-page="form-post"`) {
		t.Fatalf("no answer: %d, Location %q: %.1500s", r.StatusCode, r.Header.Get("Location"), r.body)
	}
	action, values := r.fields(t)
	raw, err := base64.StdEncoding.DecodeString(values.Get("SAMLResponse"))
	if err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, raw).with(action, values.Get("RelayState"))
}

func readAnswer(t testing.TB, raw []byte) *answer {
	t.Helper()
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(raw); err != nil {
		t.Fatal(err)
	}
	return &answer{t: t, raw: raw, root: doc.Root()}
}

func (a *answer) with(action, relay string) *answer {
	a.action, a.relay = action, relay
	return a
}

// text is the text of the first element at a path.
func (a *answer) text(path string) string {
	if el := a.root.FindElement(path); el != nil {
		return el.Text()
	}
	return ""
}

// at is an attribute of the first element at a path; "." is the root.
func (a *answer) at(path, key string) string {
	el := a.root
	if path != "." {
		el = a.root.FindElement(path)
	}
	if el == nil {
		return ""
	}
	return el.SelectAttrValue(key, "")
}

func (a *answer) instant(path, key string) time.Time {
	a.t.Helper()
	return must(time.Parse(time.RFC3339, a.at(path, key)))(a.t)
}

// status is the two codes, without what they all begin with.
func (a *answer) status() string {
	short := func(s string) string { return strings.TrimPrefix(s, "urn:oasis:names:tc:SAML:2.0:status:") }
	return strings.TrimSuffix(short(a.at("./Status/StatusCode", "Value"))+" "+short(a.at("./Status/StatusCode/StatusCode", "Value")), " ")
}

func (a *answer) attribute(name string) []string {
	var out []string
	for _, el := range a.root.FindElements("//Attribute[@Name='" + name + "']/AttributeValue") {
		out = append(out, el.Text())
	}
	return out
}

// verified checks the signature of the element at a path against the certificate that the metadata shows.
func (a *answer) verified(d *door, entityID string) {
	a.t.Helper()
	certificate := must(x509.ParseCertificate(must(d.certificates.Of(ctx, entityID))(a.t).Published[0]))(a.t)
	if err := verify(a.raw, certificate); err != nil {
		a.t.Errorf("the signature: %v\n%s", err, a.raw)
	}
}

// verify checks the enveloped signature of a response or, where that has none, of the assertion in it.
func verify(raw []byte, certificate *x509.Certificate) error {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(raw); err != nil {
		return err
	}
	el := doc.Root()
	if el.FindElement("./Signature") == nil {
		if el = el.FindElement("./Assertion"); el == nil {
			return errors.New("nothing is signed")
		}
	}
	judge := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{certificate}})
	judge.Clock = dsig.NewFakeClockAt(testenv.Start.Add(time.Minute))
	_, err := judge.Validate(el)
	return err
}
