//go:build e2e

package main

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/beevik/etree"
	"golang.org/x/net/html"

	"portvakt/internal/testenv"
)

// caught is one SAML message as it passed through somebody's browser.
type caught struct {
	Method    string
	To        *url.URL
	Parameter string // SAMLRequest, SAMLResponse or SAMLart
	Fields    url.Values
	XML       []byte
}

// root is the message's element.
func (c *caught) root(t *testing.T) *etree.Element {
	t.Helper()
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(c.XML); err != nil {
		t.Fatalf("%s to %s: %v\n%s", c.Parameter, c.To, err, c.XML)
	}
	return doc.Root()
}

// tap writes down each SAML message that a browser carries.
type tap struct {
	t    *testing.T
	next http.RoundTripper
	mu   sync.Mutex
	all  []*caught
}

func (x *tap) RoundTrip(req *http.Request) (*http.Response, error) {
	fields := req.URL.Query()
	if req.Method == http.MethodPost && strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		if posted, err := url.ParseQuery(string(body)); err == nil {
			fields = posted
		}
	}
	for _, name := range []string{"SAMLRequest", "SAMLResponse", "SAMLart"} {
		if value := fields.Get(name); value != "" {
			x.catch(&caught{Method: req.Method, To: req.URL, Parameter: name, Fields: fields, XML: unpacked(value, req.Method)})
		}
	}
	return x.next.RoundTrip(req)
}

func (x *tap) catch(c *caught) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all = append(x.all, c)
}

// last is the newest message of the parameter.
func (x *tap) last(parameter string) *caught {
	x.t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := len(x.all) - 1; i >= 0; i-- {
		if x.all[i].Parameter == parameter {
			return x.all[i]
		}
	}
	x.t.Fatalf("no %s passed through the browser", parameter)
	return nil
}

// unpacked is a message out of its binding; what cannot be unpacked is given as it is.
func unpacked(value, method string) []byte {
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return []byte(value)
	}
	if method == http.MethodGet {
		if inflated, err := io.ReadAll(flate.NewReader(bytes.NewReader(raw))); err == nil {
			return inflated
		}
	}
	return raw
}

// tapped is a person whose browser is looked over the shoulder.
func tapped(t *testing.T) (*person, *tap) {
	t.Helper()
	p := newPerson(t)
	x := &tap{t: t, next: http.DefaultTransport}
	p.client.Transport = x
	p.client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if strings.HasSuffix(req.URL.Host, ".example") { // nobody lives there
			return http.ErrUseLastResponse
		}
		if len(via) > mostRedirects {
			return errors.New("the browser gives up: too many redirects")
		}
		return nil
	}
	return p, x
}

// mostRedirects is how many redirects in a row Chromium and Firefox follow.
const mostRedirects = 20

// carried submits forms with SAML messages in them, as their script or the person would, and passes the page that goes on by
// itself, until there is none.
func (p *person) carried() *person {
	p.t.Helper()
	for range 20 {
		if p.page() == "signing-out" {
			p.press("continue")
			continue
		}
		form := find(p.doc, func(n *html.Node) bool {
			return n.Data == "form" && find(n, func(n *html.Node) bool {
				return strings.HasPrefix(attribute(n, "name"), "SAMLRe")
			}) != nil
		})
		if form == nil {
			return p
		}
		target, err := p.at.Parse(attribute(form, "action"))
		if err != nil {
			p.t.Fatal(err)
		}
		p.post(target.String(), formValues(form))
	}
	p.t.Fatal("messages are sent round and round")
	return p
}

// post sends a form from the page where the person is, which is another site's where the address is.
func (p *person) post(target string, fields url.Values) *person {
	p.t.Helper()
	req, err := http.NewRequest(http.MethodPost, target, strings.NewReader(fields.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if p.at != nil {
		req.Header.Set("Origin", p.at.Scheme+"://"+p.at.Host)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	res, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.read(res)
}

// document is a message or metadata of ours.
type document struct {
	xml     []byte
	decrypt string // the key of who it is for, where it is a message
	bare    bool   // signed by its binding, not in itself
}

// kind is what documents have in common that are signed alike: for whom, what, how it went, what is encrypted, and by which key.
func (d document) kind(t *testing.T) string {
	t.Helper()
	root := (&caught{XML: d.xml}).root(t)
	return strings.Join([]string{d.decrypt, root.Tag, value1(root, "./@entityID"), value1(root, "./Status/StatusCode/@Value"), strconv.FormatBool(root.FindElement(".//EncryptedData") != nil),
		strconv.FormatBool(d.bare), value1(root, ".//Signature//X509Certificate")}, " ")
}

// judged hands documents of ours to the OASIS schemas, and the signatures in one of each kind to libxmlsec with the certificates
// that our metadata showed.
func judged(t *testing.T, certificates [][]byte, documents map[string]document) {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	all := map[string][]byte{}
	kinds := map[string]bool{}
	trusted := map[string]string{} // the certificate as it stands in a signature → its file
	for i, der := range certificates {
		trusted[base64.StdEncoding.EncodeToString(der)] = put(strconv.Itoa(i)+".crt", pemCertificate(der))
	}
	for name, doc := range documents {
		path := put(strings.ReplaceAll(name, " ", "-")+".xml", doc.xml)
		all[name] = doc.xml
		if kind := doc.kind(t); kinds[kind] {
			continue
		} else {
			kinds[kind] = true
		}
		only := ""
		if bytes.Contains(doc.xml, []byte("EncryptedAssertion")) {
			only = "Response" // what is inside is looked at in clear
		}
		if bytes.Contains(doc.xml, []byte("EncryptedData")) {
			out, err := exec.Command("xmlsec1", "--decrypt", "--privkey-pem", doc.decrypt, path).Output()
			if err != nil || bytes.Contains(out, []byte("EncryptedData")) {
				t.Errorf("%s: xmlsec1 cannot decrypt it: %v", name, err)
				continue
			}
			if only != "" {
				verified(t, name+" in clear", put("clear.xml", out), trusted, "Assertion")
			}
		}
		if !doc.bare {
			verified(t, name, path, trusted, only)
		}
	}
	testenv.ValidSAML(t, all)
}

// verified hands the signatures of a document to xmlsec1: those of the element only, if one is named. The certificate that
// a signature names must be one that our metadata showed.
func verified(t *testing.T, name, path string, trusted map[string]string, only string) {
	t.Helper()
	tree := etree.NewDocument()
	if err := tree.ReadFromFile(path); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	signatures := tree.FindElements("//Signature")
	if len(signatures) == 0 {
		t.Errorf("%s has no signature", name)
	}
	for _, signature := range signatures {
		signed := signature.Parent()
		if only != "" && signed.Tag != only {
			continue
		}
		certificate := trusted[strings.Join(strings.Fields(value1(signature, ".//X509Certificate")), "")]
		if certificate == "" {
			t.Errorf("%s: the %s is signed by a certificate that our metadata has never shown", name, signed.Tag)
			continue
		}
		out, err := exec.Command("xmlsec1", "--verify", "--pubkey-cert-pem", certificate, "--enabled-reference-uris", "same-doc",
			"--id-attr:ID", signed.NamespaceURI()+":"+signed.Tag, "--node-xpath", "//*[@ID='"+signed.SelectAttrValue("ID", "")+"']/*[local-name()='Signature']", path).CombinedOutput()
		if err != nil {
			t.Errorf("%s: xmlsec1 does not verify the %s's signature: %s", name, signed.Tag, out)
		}
	}
}

// certificatesIn are the certificates of our metadata, DER, in their order.
func certificatesIn(t *testing.T, metadata []byte) (out [][]byte) {
	t.Helper()
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(metadata); err != nil {
		t.Fatal(err)
	}
	for _, e := range doc.FindElements("//KeyDescriptor//X509Certificate") {
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(e.Text()), ""))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, der)
	}
	return out
}

func pemCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
