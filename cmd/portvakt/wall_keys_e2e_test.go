//go:build e2e

package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"portvakt/internal/testenv"
)

// device is a person's authenticator, in software.
type device struct {
	rp  virtualwebauthn.RelyingParty
	own virtualwebauthn.Authenticator
	key virtualwebauthn.Credential
}

// challenge is what the script of the page asks for.
func (w *wall) challenge(p *person, path, purpose string, headers ...string) wallAnswer {
	w.t.Helper()
	body, err := json.Marshal(map[string]string{"i": p.at.Query().Get("i"), "csrf": p.fields().Get("csrf"), "purpose": purpose})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(headers) == 0 {
		headers = []string{"Origin", w.issuer, "Sec-Fetch-Site", "same-origin"}
	}
	return w.one(p, w.request(http.MethodPost, path, string(body), append([]string{"Content-Type", "application/json"}, headers...)...))
}

// opened reads a challenge.
func (w *wall) opened(got wallAnswer) (ceremony, options string) {
	w.t.Helper()
	var out struct {
		Ceremony string          `json:"ceremony"`
		Options  json.RawMessage `json:"publicKey"`
	}
	if err := json.Unmarshal([]byte(got.body), &out); err != nil || got.status != http.StatusOK {
		w.t.Fatalf("%d %s", got.status, got.body)
	}
	return out.Ceremony, string(out.Options)
}

// addKey registers a device of the signed-in person.
func (w *wall) addKey(p *person, kind string) *device {
	w.t.Helper()
	d := &device{virtualwebauthn.RelyingParty{Name: "Portvakt", ID: "localhost", Origin: w.issuer}, virtualwebauthn.NewAuthenticator(), testenv.Passkey(virtualwebauthn.KeyTypeEC2)}
	p.open(w.issuer + "/account/keys").on("keys")
	ceremony, options := w.opened(w.challenge(p, "/account/webauthn/options", kind))
	o, err := virtualwebauthn.ParseAttestationOptions(options)
	if err != nil {
		w.t.Fatal(err)
	}
	d.own.Options.UserHandle = []byte(o.UserID)
	got := w.post(p, "/account/keys", url.Values{"csrf": p.fields()["csrf"], "action": {"add-passkey"}, "name": {"Key"}, "ceremony": {ceremony},
		"credential": {virtualwebauthn.CreateAttestationResponse(d.rp, d.own, d.key, *o)}})
	if got.page() != "recovery-codes" {
		w.t.Fatalf("the key was not added: %d %s", got.status, got.body)
	}
	return d
}

// sign answers a challenge as the form's fields.
func (w *wall) sign(d *device, p *person, got wallAnswer) url.Values {
	w.t.Helper()
	ceremony, options := w.opened(got)
	o, err := virtualwebauthn.ParseAssertionOptions(options)
	if err != nil {
		w.t.Fatal(err)
	}
	d.key.Counter++
	return url.Values{"csrf": p.fields()["csrf"], "i": {p.at.Query().Get("i")}, "action": {"use-passkey"}, "ceremony": {ceremony},
		"credential": {virtualwebauthn.CreateAssertionResponse(d.rp, d.own, d.key, *o)}}
}

// TestRelatedOrigins are told where they are configured, and nowhere else.
func TestRelatedOrigins(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "portvakt.yaml")
	if err := os.WriteFile(file, []byte("passkeys:\n  related_origins: [https://id.example.org]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[int][]string{http.StatusOK: {"--config", file}, http.StatusNotFound: nil} {
		s := serve(t, t.TempDir()+"/portvakt.db", args...)
		status, out, header := s.call(http.MethodGet, s.issuer+"/.well-known/webauthn", "", nil)
		if status != want {
			t.Errorf("%d, want %d", status, want)
		}
		if origins, _ := out["origins"].([]any); want == http.StatusOK && (len(origins) != 2 || origins[0] != s.issuer || header.Get("Content-Type") != "application/json") {
			t.Errorf("%v %v", out, header)
		}
	}
}

// TestWall110_NoChallengeForElsewhere: the script's requests are taken from our own pages alone.
func TestWall110_NoChallengeForElsewhere(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		p := w.person().open(w.issuer + "/sign-in").on("sign-in")
		for name, headers := range map[string][]string{
			"evil origin": {"Origin", "https://evil.example"}, "null": {"Origin", "null"}, "another port": {"Origin", "http://localhost:1"}, "cross-site": {"Sec-Fetch-Site", "cross-site"},
		} {
			if got := w.challenge(p, "/sign-in/webauthn/options", "passkey", headers...); got.status != 403 {
				t.Errorf("%s: %d", name, got.status)
			}
		}
		if got := w.challenge(p, "/sign-in/webauthn/options", "passkey"); got.status != 200 || got.header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
			t.Errorf("%d %v", got.status, got.header)
		}
	})
}

// TestWall097_098_PasskeysOfAnotherPlace: an answer made for another origin, made before, or taken to another browser
// signs nobody in.
func TestWall097_098_PasskeysOfAnotherPlace(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		d := w.addKey(w.signedIn("anna@nordlys.example", annaPassword), "passkey")
		ask := func(p *person) wallAnswer { return w.challenge(p, "/sign-in/webauthn/options", "passkey") }
		fresh := func() *person { return w.person().open(w.issuer + "/sign-in").on("sign-in") }
		refused := func(what string, p *person, form url.Values) {
			t.Helper()
			if got := w.post(p, "/sign-in", form); got.status < 400 || got.status >= 500 || w.signedInNow(p) {
				t.Errorf("%s: %d", what, got.status)
			}
		}
		for what, bend := range map[string]func(*device){
			"another port":     func(d *device) { d.rp.Origin = "http://localhost:1" },
			"another scheme":   func(d *device) { d.rp.Origin = strings.Replace(w.issuer, "http:", "https:", 1) },
			"a suffix":         func(d *device) { d.rp.Origin = strings.Replace(w.issuer, "//", "//evil", 1) },
			"a subdomain":      func(d *device) { d.rp.Origin = strings.Replace(w.issuer, "//", "//evil.", 1) },
			"another party":    func(d *device) { d.rp.ID = "evil.example" },
			"not verified":     func(d *device) { d.own.Options.UserNotVerified = true },
			"not present":      func(d *device) { d.own.Options.UserNotPresent = true },
			"another's handle": func(d *device) { d.own.Options.UserHandle = []byte("somebody else") },
			"another's key":    func(d *device) { d.key.Key = testenv.Passkey(virtualwebauthn.KeyTypeEC2).Key },
			"backed up":        func(d *device) { d.own.Options.BackupEligible, d.own.Options.BackupState = true, true },
		} {
			bent, p := *d, fresh()
			bend(&bent)
			refused(what, p, w.sign(&bent, p, ask(p)))
		}
		p, thief := fresh(), fresh()
		form := w.sign(d, p, ask(p))
		refused("in another browser", thief, with(form, "csrf", thief.fields().Get("csrf")))
		if got := w.post(p, "/sign-in", form); got.status != http.StatusSeeOther || !w.signedInNow(p) {
			t.Fatalf("the person's own browser: %d", got.status)
		}
		refused("once more", thief, with(form, "csrf", thief.fields().Get("csrf")))
	})
}
