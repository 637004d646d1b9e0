package jwk_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"portvakt/internal/jwk"
)

func public(t testing.TB, key any, kid string) string {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: kid})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type keys struct {
	ec *ecdsa.PrivateKey
	ed ed25519.PrivateKey
	rs *rsa.PrivateKey
}

func newKeys(t testing.TB) keys {
	t.Helper()
	ec, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, err2 := ed25519.GenerateKey(rand.Reader)
	rs, err3 := rsa.GenerateKey(rand.Reader, 2048)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	return keys{ec, ed, rs}
}

func TestSets(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	small, _ := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // to be refused
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	ec, ed, rs := public(t, k.ec.Public(), "a"), public(t, k.ed.Public(), "b"), public(t, k.rs.Public(), "c")
	many := make([]string, 11)
	for i := range many {
		many[i] = public(t, k.ec.Public(), fmt.Sprint(i))
	}
	with := func(key, member string) string { return strings.TrimSuffix(key, "}") + "," + member + "}" }
	for _, row := range []struct {
		name, set string
		want      int
	}{
		{"three", `{"keys":[` + ec + "," + ed + "," + rs + `]}`, 3},
		{"one without kid", `{"keys":[` + public(t, k.ec.Public(), "") + `]}`, 1},
		{"for signatures", `{"keys":[` + with(ec, `"use":"sig","alg":"ES256","x5c":["ignored"]`) + `]}`, 1},
		{"ten", `{"keys":[` + strings.Join(many[:10], ",") + `]}`, 10},
		{"eleven", `{"keys":[` + strings.Join(many, ",") + `]}`, 0},
		{"none", `{"keys":[]}`, 0},
		{"no set", `[]`, 0},
		{"no JSON", `{`, 0},
		{"same kid", `{"keys":[` + ec + "," + public(t, k.ed.Public(), "a") + `]}`, 0},
		{"two without kid", `{"keys":[` + public(t, k.ec.Public(), "") + "," + public(t, k.ed.Public(), "") + `]}`, 0},
		{"private EC", `{"keys":[` + public(t, k.ec, "a") + `]}`, 0},
		{"private RSA", `{"keys":[` + public(t, k.rs, "a") + `]}`, 0},
		{"private member in other letters", `{"keys":[` + with(ec, `"D":"AA"`) + `]}`, 0},
		{"symmetric", `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`, 0},
		{"RSA 1024", `{"keys":[` + public(t, small.Public(), "a") + `]}`, 0},
		{"P-384", `{"keys":[` + public(t, p384.Public(), "a") + `]}`, 0},
		{"off the curve", `{"keys":[{"kty":"EC","crv":"P-256","x":"` + strings.Repeat("A", 42) + `A","y":"` + strings.Repeat("A", 42) + `E"}]}`, 0},
		{"for encryption", `{"keys":[` + with(ec, `"use":"enc"`) + `]}`, 0},
		{"alg of another kind", `{"keys":[` + with(ec, `"alg":"RS256"`) + `]}`, 0},
		{"alg HS256", `{"keys":[` + with(ec, `"alg":"HS256"`) + `]}`, 0},
		{"exponent 1", `{"keys":[` + strings.Replace(rs, `"e":"AQAB"`, `"e":"AQ"`, 1) + `]}`, 0},
		{"kid is a number", `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":1}]}`, 0},
		{"RFC 8037 A.2", `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`, 1},
	} {
		got, err := jwk.ParseSet([]byte(row.set))
		if len(got) != row.want || (err == nil) != (row.want > 0) {
			t.Errorf("%s: %d keys, %v", row.name, len(got), err)
		}
		for _, key := range got { // what is kept is read back the same
			again, err := jwk.Parse([]byte(key.JSON()))
			if err != nil || again.JSON() != key.JSON() || again.ID != key.ID || again.Algorithm != key.Algorithm {
				t.Errorf("%s: kept as %s, %v", row.name, key.JSON(), err)
			}
		}
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	all := map[string]jwk.Key{}
	for name, key := range map[string]crypto.PublicKey{"EC": k.ec.Public(), "OKP": k.ed.Public(), "RSA": k.rs.Public()} {
		parsed, err := jwk.Parse([]byte(public(t, key, name)))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = parsed
	}
	for _, row := range []struct {
		alg jose.SignatureAlgorithm
		key any
		by  string // "" where the algorithm is none of ours
	}{
		{jose.ES256, k.ec, "EC"}, {jose.EdDSA, k.ed, "OKP"}, {jose.PS256, k.rs, "RSA"}, {jose.RS256, k.rs, "RSA"},
		{jose.RS512, k.rs, ""}, {jose.PS384, k.rs, ""}, {jose.HS256, []byte("0123456789abcdef0123456789abcdef"), ""},
	} {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: row.alg, Key: row.key}, nil)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign([]byte(`{"a":1}`))
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		got, err := jwk.Open(text)
		if (err == nil) != (row.by != "") {
			t.Errorf("%s: %v", row.alg, err)
			continue
		}
		for name, key := range all {
			if got.By(key) != (name == row.by) {
				t.Errorf("%s by %s: %v", row.alg, name, got.By(key))
			}
		}
		if row.by == "" {
			continue
		}
		changed, _ := jwk.Open(strings.Replace(text, ".eyJhIjoxfQ.", ".eyJhIjoyfQ.", 1))
		if changed.By(all[row.by]) {
			t.Errorf("%s: other claims under the signature", row.alg)
		}
	}
}

// Headers that bring keys along, change how the rest is read, or name something else: refused whatever is signed.
func TestHeaders(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	key, err := jwk.Parse([]byte(public(t, k.ec.Public(), "a")))
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	sign := func(header string) string {
		input := encode([]byte(header)) + "." + encode([]byte(`{"a":1}`))
		sum := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, k.ec, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return input + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	}
	for header, want := range map[string]bool{
		`{"alg":"ES256"}`: true,
		`{"alg":"ES256","typ":"JWT","kid":"a","future":true}`: true,
		`{"alg":"ES256","typ":"client-authentication+jwt"}`:   true,
		`{"alg":"ES256","typ":"at+jwt"}`:                      false,
		`{"alg":"ES256","typ":"logout+jwt"}`:                  false,
		`{"alg":"none"}`:                                      false,
		`{"alg":"es256"}`:                                     false,
		`{"ALG":"ES256"}`:                                     false,
		`{"alg":null}`:                                        false,
		`{"alg":["ES256"]}`:                                   false,
		`{"alg":"PS256"}`:                                     false,
		`{"alg":"HS256"}`:                                     false,
		`{"alg":"ES256","crit":["x"],"x":1}`:                  false,
		`{"alg":"ES256","crit":["b64"],"b64":false}`:          false,
		`{"alg":"ES256","b64":false}`:                         false,
		`{"alg":"ES256","jku":"https://evil.example/"}`:       false,
		`{"alg":"ES256","x5u":"https://evil.example/"}`:       false,
		`{"alg":"ES256","x5c":[]}`:                            false,
		`{"alg":"ES256","jwk":{}}`:                            false,
		`{"alg":"ES256","zip":"DEF"}`:                         false,
		`{"alg":"ES256","kid":1}`:                             false,
		`[]`:                                                  false,
		`x`:                                                   false,
	} {
		s, err := jwk.Open(sign(header))
		if got := err == nil && s.By(key); got != want {
			t.Errorf("%s: %v, %v", header, got, err)
		}
	}
	good := sign(`{"alg":"ES256"}`)
	for _, text := range []string{"", ".", "..", "a.b.c", good + ".", good + "=", good[:len(good)-1] + "\n", " " + good, strings.Replace(good, ".", "..", 1),
		good[:strings.LastIndex(good, ".")+1], good + "A", strings.Repeat("a", 9000) + good} {
		if s, err := jwk.Open(text); err == nil && s.By(key) {
			t.Errorf("%.60q was taken", text)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add("eyJhbGciOiJFUzI1NiJ9.eyJhdWQiOlsxXX0.eA")
	f.Fuzz(func(t *testing.T, text string) { _, _ = jwk.Open(text) })
}

func FuzzParse(f *testing.F) {
	f.Add(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)
	f.Fuzz(func(t *testing.T, text string) {
		k, err := jwk.Parse([]byte(text))
		if err == nil && k.JSON() == "" {
			t.Errorf("%s is taken but cannot be kept", text)
		}
	})
}
