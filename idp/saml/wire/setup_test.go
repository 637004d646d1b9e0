package wire

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"

	"portvakt/internal/fault"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	idpID = "https://id.example.no/saml/metadata"
	spID  = "https://sp.example.com/saml"
	acs   = "https://sp.example.com/saml/acs"
	sso   = "https://id.example.no/saml/sso"
	slo   = "https://id.example.no/saml/slo"
)

var now = time.Date(2027, 3, 1, 9, 30, 0, 0, time.UTC)

// counting is randomness that is the same each time.
type counting struct {
	n    uint64
	rest []byte
}

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		if len(c.rest) == 0 {
			sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, c.n))
			c.n, c.rest = c.n+1, sum[:]
		}
		p[i], c.rest = c.rest[0], c.rest[1:]
	}
	return len(p), nil
}

func pemOf(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	return block.Bytes
}

func keyPair(t testing.TB, name string) (crypto.Signer, []byte) {
	t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(pemOf(t, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return key.(crypto.Signer), pemOf(t, name+".crt")
}

func certificate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	return must(x509.ParseCertificate(pemOf(t, name+".crt")))(t)
}

func signingKey(t testing.TB, name string) *SigningKey {
	t.Helper()
	k, err := NewSigningKey(keyPair(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ours is our identity provider with fixed randomness.
func ours(t testing.TB) Issuer {
	return Issuer{EntityID: idpID, Key: signingKey(t, "idp"), Random: &counting{}}
}

// theirs is a service provider that writes with our writer, for messages that only need the issuer changed.
func theirs(t testing.TB, key string) Issuer {
	return Issuer{EntityID: spID, Key: signingKey(t, key), Random: &counting{n: 1000}}
}

func registered(t testing.TB, use Use, names ...string) []Key {
	t.Helper()
	var out []Key
	for _, name := range names {
		k, err := NewKey(use, pemOf(t, name+".crt"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, k)
	}
	return out
}

func trust(t testing.TB, names ...string) Trust {
	t.Helper()
	keys, err := VerificationKeys(registered(t, UseSigning, names...))
	if err != nil {
		t.Fatal(err)
	}
	return Trust{Keys: keys}
}

func expect(tr Trust) Expect {
	return Expect{Now: now, Destinations: []string{sso, slo}, Trust: tr}
}

// authnRequest is a request in plain text; more goes into the root's attributes, inner after the Issuer.
func authnRequest(more, inner string) string {
	return `<samlp:AuthnRequest xmlns:samlp="` + nsProtocol + `" xmlns:saml="` + nsAssertion + `" ID="_req1" Version="2.0" IssueInstant="2027-03-01T09:29:58Z" Destination="` + sso + `" ` + more + `><saml:Issuer>` + spID + `</saml:Issuer>` + inner + `</samlp:AuthnRequest>`
}

// signed puts an enveloped signature of a key into a message, after its Issuer.
func signed(t testing.TB, doc, key string) string {
	t.Helper()
	tree := etree.NewDocument()
	if err := tree.ReadFromString(doc); err != nil {
		t.Fatal(err)
	}
	octets, err := canonical(tree.Root(), "")
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signingKey(t, key).enveloped(&counting{}, tree.Root().SelectAttrValue("ID", ""), octets, nil)
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(doc, "</saml:Issuer>")
	if !ok {
		t.Fatal("no Issuer")
	}
	return before + "</saml:Issuer>" + string(signature) + after
}

func posted(doc string) url.Values {
	return url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString([]byte(doc))}}
}

// readRequest takes a posted request the whole way.
func readRequest(doc string, e Expect) (*AuthnRequest, error) {
	r, err := DecodePOST(posted(doc))
	if err != nil {
		return nil, err
	}
	return r.AuthnRequest(e)
}

// wantCode fails unless err is a refusal of the code; several codes are divided by "|".
func wantCode(t *testing.T, err error, codes string) {
	t.Helper()
	if err == nil {
		t.Errorf("accepted; want %s", codes)
		return
	}
	f := fault.Of(err)
	for code := range strings.SplitSeq(codes, "|") {
		if f.Kind == fault.Invalid && f.Code == code {
			return
		}
	}
	t.Errorf("got %v; want %s", err, codes)
}

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s differs from its golden file:\n%s", name, got)
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
