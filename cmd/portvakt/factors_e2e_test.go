//go:build e2e

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"
)

// enrolling is a new administrator who has set up an authenticator and is shown the recovery codes.
func (w *wall) enrolling() *person {
	w.t.Helper()
	email := fmt.Sprintf("enrol%d@nordlys.example", len(w.mails("", 0))+len(w.witness.seen))
	w.hire(email, "En", "Rol", nil)
	w.person().setUp(w.link(email, 1)).on("account")
	p := w.person().open(w.issuer+"/oauth2/authorize?"+authorization("c1", "v", "claims", essentialMFA).Encode()).signIn(email, newPassword).on("enrol-factor")
	return p.press("continue", "code", totp(w.t, p.totpKey(), time.Now()))
}

// enrolled is a new member who is signed in and has set up an authenticator just now.
func (w *wall) enrolled() *person {
	w.t.Helper()
	email := fmt.Sprintf("enrolled%d@nordlys.example", len(w.mails("", 0))+len(w.witness.seen))
	w.hire(email, "En", "Rolled", nil)
	p := w.person().setUp(w.link(email, 1)).on("account").open(w.issuer + "/account/factors/totp").on("enrol-factor")
	return p.press("continue", "code", totp(w.t, p.totpKey(), time.Now())).on("recovery-codes")
}

const essentialMFA = `{"id_token":{"acr":{"essential":true,"values":["https://refeds.org/profile/mfa"]}}}`

// enrolAsAsked sets up an authenticator where the sign-in demands one.
func (p *person) enrolAsAsked() *person {
	p.t.Helper()
	if p.page() == "enrol-factor" {
		p.press("continue", "code", totp(p.t, p.totpKey(), time.Now())).on("recovery-codes").press("continue")
	}
	return p
}

// totpKey is the key that the page shows.
func (p *person) totpKey() string { return strings.ReplaceAll(p.textOf("totp-key"), " ", "") }

// recoveryCodes are the codes that the page shows.
func (p *person) recoveryCodes() (codes []string) {
	list := find(p.doc, func(n *html.Node) bool { return attribute(n, "id") == "recovery-codes" })
	if list == nil {
		p.t.Fatalf("no codes on the page %q", p.page())
	}
	for n := range list.Descendants() {
		if n.Type == html.ElementNode && n.Data == "code" {
			codes = append(codes, textOf(n))
		}
	}
	return codes
}

// TestEssentialClassIsSaidAsAsked: a request that insists is answered under the name that it used, and by refresh as well;
// what nobody can reach is refused.
func TestEssentialClassIsSaidAsAsked(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		p := w.signedIn("anna@nordlys.example", annaPassword)
		silent := w.authorize(p, authorization("c1", "v", "claims", essentialMFA, "prompt", "none"))
		if got := silent.location().Query().Get("error"); got != "login_required" {
			t.Errorf("prompt=none: %q", got)
		}
		p.open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v", "claims", essentialMFA).Encode()).on("enrol-factor")
		p.press("continue", "code", totp(t, p.totpKey(), time.Now())).on("recovery-codes")
		if codes := p.recoveryCodes(); len(codes) != 10 {
			t.Fatalf("%d codes", len(codes))
		}
		if got := w.post(p, p.at.RequestURI(), p.fields()); !got.location().Query().Has("code") {
			t.Fatalf("after the codes: %d %q", got.status, got.header.Get("Location"))
		}
		for name, pairs := range map[string][]string{
			"https://refeds.org/profile/mfa": {"claims", essentialMFA}, "urn:portvakt:acr:mfa": {},
			"mfa": {"acr_values", "phr mfa"}, "http://schemas.openid.net/pape/policies/2007/06/multi-factor": {"acr_values", "http://schemas.openid.net/pape/policies/2007/06/multi-factor"},
		} {
			held := w.tokens(p, "c1", pairs...)
			again := ringOf("c1", w.refreshed("c1", held.refresh))
			if claimOf(held.id, "acr") != name || claimOf(again.id, "acr") != name || w.userinfo(held.access) != 200 {
				t.Errorf("acr %v, refreshed %v, want %s", claimOf(held.id, "acr"), claimOf(again.id, "acr"), name)
			}
		}
		for _, bad := range []string{`{`, `[]`, `{"id_token":{"acr":{"essential":true,"value":7}}}`} {
			if got := w.authorize(p, authorization("c1", "v", "claims", bad)).location().Query().Get("error"); got != "invalid_request" {
				t.Errorf("%s: %q", bad, got)
			}
		}
		unknown := `{"id_token":{"acr":{"essential":true,"value":"urn:nobody:knows"}}}`
		if got := w.authorize(p, authorization("c1", "v", "claims", unknown)).location().Query().Get("error"); got != "unmet_authentication_requirements" {
			t.Errorf("an unknown class: %q", got)
		}
		if got := w.authorize(p, authorization("c1", "v", "claims", `{"userinfo":{"name":null},"id_token":{"acr":null}}`)).location().Query(); !got.Has("code") {
			t.Errorf("claims that we pass over: %v", got)
		}
	})
}

// TestWall092_TokensFromBeforeTheDemand: what was issued by password alone dies when a second factor is demanded.
func TestWall092_TokensFromBeforeTheDemand(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		p := w.signedIn("anna@nordlys.example", annaPassword)
		held := w.tokens(p, "c1")
		w.settle("organizations: [{slug: nordlys, second_factor: required, trusted_device_days: 14}]")
		if w.userinfo(held.access) != 401 || w.active("c1", held.access) {
			t.Error("an access token by password alone lives on")
		}
		w.refused("refresh", w.refreshed("c1", held.refresh), 400, "interaction_required")
		if got := w.authorize(p, authorization("c1", "v", "prompt", "none")).location().Query().Get("error"); got != "login_required" {
			t.Errorf("prompt=none: %q", got)
		}
		p.open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v").Encode()).on("enrol-factor") // the password is fresh
		secret := p.totpKey()
		p.press("continue", "code", totp(t, secret, time.Now())).on("recovery-codes")
		if got := w.post(p, p.at.RequestURI(), p.fields()); !got.location().Query().Has("code") {
			t.Fatalf("after the codes: %d %q", got.status, got.header.Get("Location"))
		}
		if now := w.refreshed("c1", held.refresh); now.status != 400 {
			t.Error("a family of the weak sign-in is stepped up by another one")
		}
		// A trusted browser carries through code, token, userinfo and refresh, and its session opens no changes.
		w.advance(time.Minute)
		at := func(d time.Duration) string { return totp(t, secret, time.Now().Add(time.Minute+d)) }
		q := w.person().open(w.issuer+"/account").signIn("anna@nordlys.example", annaPassword).on("second-factor")
		q.press("continue", "code", at(0), "trust_device", "yes").on("account").press("sign-out").on("signed-out")
		q.open(w.issuer+"/account").signIn("anna@nordlys.example", annaPassword).on("account")
		trusted := w.tokens(q, "c1")
		if claimOf(trusted.id, "acr") != "urn:portvakt:acr:password" || w.userinfo(trusted.access) != 200 || w.refreshed("c1", trusted.refresh).status != 200 {
			t.Errorf("a trusted browser: acr %v", claimOf(trusted.id, "acr"))
		}
		trusted = w.tokens(q, "c1")
		if q.open(w.issuer + "/account/factors/totp"); q.page() != "second-factor" {
			t.Errorf("changes from a trusted browser lead to %q", q.page())
		}
		w.settle("organizations: [{slug: nordlys, trusted_device_days: 0}]")
		w.refused("refresh after the trust is gone", w.refreshed("c1", trusted.refresh), 400, "interaction_required")
	})
}

// settle brings the running service up to date with a seed.
func (w *wall) settle(text string) {
	w.t.Helper()
	if code, _, errs := w.apply(w.database, text); code != exitOK {
		w.t.Fatalf("apply ended with %d: %s", code, errs)
	}
}

// newAdministrator is an administrator who has chosen a password and nothing else.
const newAdministrator = `
organizations:
  - slug: nordlys
    name: Nordlys AS
    domains: [nordlys.example]
    members:
      - {email: ada@nordlys.example, given_name: Ada, family_name: Min, locale: nb, password: dev only secret 1, administrator: true}
`

const adaPassword = "dev only secret 1"

// TestBrowserFactors is the life of a second factor in a real browser without JavaScript: forced at the first sign-in, used,
// replaced by a recovery code, shown at a reset.
func TestBrowserFactors(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		seed := filepath.Join(t.TempDir(), "seed.yaml")
		if err := os.WriteFile(seed, []byte(newAdministrator), 0o600); err != nil {
			t.Fatal(err)
		}
		s := serve(t, database, "--seed", seed)
		const email = "ada@nordlys.example"
		b := withoutScripts(t)
		signIn := func(password string) {
			b.open(s.demo).press("sign-in").on("sign-in").fill("email", email).press("continue").on("password").fill("password", password).press("continue")
		}
		out := func() { b.on("demo-signed-in").press("sign-out"); value(b, chromedp.WaitVisible("#sign-in")) }

		signIn(adaPassword)
		b.on("enrol-factor")
		value(b, chromedp.WaitVisible("svg#qr"))
		secret := strings.ReplaceAll(b.text("totp-key"), " ", "")
		b.fill("code", totp(t, secret, time.Now())).press("continue").on("recovery-codes")
		codes := strings.Fields(b.text("recovery-codes"))
		if len(codes) != 10 {
			t.Fatalf("codes %q", codes)
		}
		b.press("continue")
		out()

		s.advance(time.Minute)
		moved := time.Minute
		signIn(adaPassword)
		b.on("second-factor").fill("code", totp(t, secret, time.Now().Add(moved))).press("continue")
		out()
		signIn(adaPassword)
		b.on("second-factor").press("use-recovery-code").on("second-factor")
		value(b, chromedp.WaitVisible("#use-totp"))
		b.fill("code", codes[0]).press("continue")
		out()

		b.open(s.issuer+"/account").on("sign-in").fill("email", email).press("continue").on("password").press("forgot-password").on("mail-sent")
		b.open(s.setupMails(email, 1)[0].setupLink(t)).on("new-password").fill("new_password", newPassword).fill("new_password_again", newPassword).
			fill("code", codes[1]).press("continue").on("account")
		b.press("factors").on("factors")
		b.press("remove-totp").on("factors")
		if !strings.Contains(b.text("notice"), "kan ikke fjerne") {
			t.Errorf("the last factor: %q", b.text("notice"))
		}
		b.press("new-recovery-codes").on("recovery-codes").press("continue").on("factors").press("add-totp").on("enrol-factor")
		value(b, chromedp.WaitVisible("#back"))
		eventually(t, "the mails", func() bool { return len(s.mails(email, 1)) >= 6 })
		if got := s.mails(email, 1); !strings.Contains(fmt.Sprint(got), "gjenopprettingskode") {
			t.Errorf("mails %v", got)
		}
	})
}
