//go:build e2e

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"portvakt/internal/testenv"
)

// metadata writes metadata that knows of no model and is due on the day, and answers the configuration that names it.
func metadata(t *testing.T, due string) (config string) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	certificate := func(made, above *x509.Certificate, key, signer *ecdsa.PrivateKey) []byte {
		made.NotBefore, made.NotAfter, made.BasicConstraintsValid = time.Now().AddDate(-1, 0, 0), time.Now().AddDate(9, 0, 0), true
		der, err := x509.CreateCertificate(rand.Reader, made, above, key.Public(), signer)
		must(err)
		return der
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true}
	rootDER := certificate(root, root, rootKey, rootKey)
	header, err := json.Marshal(map[string]any{"alg": "ES256", "x5c": [][]byte{certificate(&x509.Certificate{SerialNumber: big.NewInt(2)}, root, key, rootKey)}})
	must(err)
	text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"no":7,"nextUpdate":"`+due+`","entries":[]}`))
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	must(err)
	text += "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		must(os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	return "passkeys:\n  metadata: " + write("mds.blob", text) + "\n  metadata_root: " +
		write("root.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}))) + "\n"
}

// TestKeysThatNobodyVouchesFor are no factor for the organization that takes attested ones alone, and stay one for the other:
// who wants to enter it sets up one-time codes, and says no more than that afterwards.
func TestKeysThatNobodyVouchesFor(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		w := newWallOf(t, database, nil, metadata(t, "2090-01-01"))
		p := w.joined()
		w.settle("organizations: [{slug: bjorkvik, session_idle: 0s, session_limit: 0s}]")
		d := w.addKey(p, "passkey")
		write := func(text string) string {
			file := filepath.Join(t.TempDir(), "file.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return file
		}
		policy := write("organizations: [{slug: bjorkvik, second_factor: required, key_policy: attested}]")
		if code, _, errs := operate(t, w.database, "apply", "--dev", "--config", write(metadata(t, "2090-01-01")), "-f", policy); code != exitOK {
			t.Fatalf("apply ended with %d: %s", code, errs)
		}
		for config, want := range map[string]string{metadata(t, "2090-01-01"): "ok       key metadata", metadata(t, "2020-01-01"): "warning  key metadata", "": "BROKEN   key metadata"} {
			if _, out, errs := operate(t, w.database, "doctor", "--dev", "--config", write(config)); !strings.Contains(out, want) {
				t.Errorf("doctor says nothing of %q:\n%s%s", want, out, errs)
			}
		}
		byKey := func(q *person, path string) {
			t.Helper()
			got := w.post(q, path, w.sign(d, q, w.challenge(q, "/sign-in/webauthn/options", "passkey")))
			if got.status != 303 {
				t.Fatalf("the passkey was answered %d", got.status)
			}
			q.open(q.at.ResolveReference(got.location()).String())
		}
		q := w.person().open(w.issuer + "/sign-in").on("sign-in")
		byKey(q, "/sign-in")
		q.on("account")
		if lax := w.tokens(q, "c1", "organization", "nordlys"); claimOf(lax.id, "acr") != "urn:portvakt:acr:phr" {
			t.Errorf("in the other organization: acr %v", claimOf(lax.id, "acr"))
		}
		if got := w.silently(q, "c1", "bjorkvik"); got != "login_required" {
			t.Errorf("prompt=none: %q", got)
		}
		q.open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v", "organization", "bjorkvik").Encode()).on("password")
		byKey(q, "/sign-in/password")
		w.wantsAttested(q.on("enrol-factor"), "/sign-in/webauthn/options", "register", "Your organization accepts only passkeys and security keys of certified makers, and the one that you used is none of them.")
		if got := w.post(q, q.at.RequestURI(), with(q.fields(), "code", totp(t, q.totpKey(), time.Now()))); !got.location().Query().Has("code") {
			t.Fatalf("after enrolment: %d %q", got.status, got.header.Get("Location"))
		}
		strict := w.tokens(q, "c1", "organization", "bjorkvik")
		if claimOf(strict.id, "acr") != "urn:portvakt:acr:mfa" || w.userinfo(strict.access) != 200 || w.refreshed("c1", strict.refresh).status != 200 {
			t.Errorf("acr %v", claimOf(strict.id, "acr"))
		}
		if got := w.silently(q, "c1", "bjorkvik", "claims", `{"id_token":{"acr":{"essential":true,"value":"phr"}}}`); got == "code" {
			t.Error("a key that nobody vouches for is called phishing-resistant")
		}
		fresh := w.person().open(w.issuer + "/sign-in").on("sign-in")
		byKey(fresh, "/sign-in")
		w.wantsAttested(fresh.on("account").open(w.issuer+"/account/keys").on("keys"), "/account/webauthn/options", "passkey", "")
		fresh.open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v", "organization", "bjorkvik").Encode()).on("password")
		byKey(fresh, "/sign-in/password")
		fresh.on("second-factor") // the code this time
	})
}

// wantsAttested: the page says which keys count before one is made, and why another one was not taken.
func (w *wall) wantsAttested(p *person, options, purpose, more string) {
	w.t.Helper()
	for _, text := range []string{`id="attested-only"`, "such as a security key that it hands out", more} {
		if !strings.Contains(p.text, text) {
			w.t.Errorf("the page %s does not say %q:\n%s", p.page(), text, p.text)
		}
	}
	ceremony, challenge := w.opened(w.challenge(p, options, purpose))
	o, err := virtualwebauthn.ParseAttestationOptions(challenge)
	if err != nil {
		w.t.Fatal(err)
	}
	d := &device{virtualwebauthn.RelyingParty{Name: "Portvakt", ID: "localhost", Origin: w.issuer}, virtualwebauthn.NewAuthenticator(), testenv.Passkey(virtualwebauthn.KeyTypeEC2)}
	d.own.Options.UserHandle = []byte(o.UserID)
	got := w.post(p, p.at.RequestURI(), with(p.fields(), "action", "add-passkey", "ceremony", ceremony, "credential", virtualwebauthn.CreateAttestationResponse(d.rp, d.own, d.key, *o)))
	if got.page() != p.page() || !strings.Contains(got.body, "Use another key, or contact the administrator") {
		w.t.Errorf("a key that nobody vouches for: %d %s", got.status, got.body)
	}
}
