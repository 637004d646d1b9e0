//go:build e2e

package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// brevSeed is an organization that demands a second factor and takes a code by mail for one.
const brevSeed = `
organizations:
  - slug: brev
    name: Brev AS
    second_factor: required
    mail_codes: true
    members:
      - {email: eva@brev.example, given_name: Eva, family_name: Lind, locale: sv, password: wall secret of eva 99}
`

const (
	eva         = "eva@brev.example"
	evaPassword = "wall secret of eva 99"
)

var eightDigits = regexp.MustCompile(`(?m)^\d{4} \d{4}$`)

// mailedCode waits for the nth code that is mailed to somebody.
func (s *service) mailedCode(to string, n int) string {
	s.t.Helper()
	var codes []string
	eventually(s.t, fmt.Sprintf("%d codes to %s", n, to), func() bool {
		codes = nil
		for _, m := range s.mails(to, 0) {
			if code := eightDigits.FindString(m.Text); code != "" {
				codes = append(codes, code)
			}
		}
		return len(codes) >= n
	})
	return codes[0]
}

// asksByMail is a person who has shown the password and chosen a code by mail.
func (w *wall) asksByMail(start string) *person {
	w.t.Helper()
	p := w.person().open(start).signIn(eva, evaPassword)
	if p.page() == "enrol-factor" {
		p.press("use-mail-code")
	}
	return p.on("second-factor")
}

// mailStation stands before the form that asks for a mailed code.
func mailStation(w *wall) *person {
	w.settle(brevSeed)
	return w.asksByMail(w.issuer + "/oauth2/authorize?" + authorization("c1", "v").Encode())
}

// TestWall091_MailedCodes: a class of its own, never more; its tokens die with the permission; nothing of a code is printed.
func TestWall091_MailedCodes(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		w.settle(brevSeed)
		p := w.asksByMail(w.issuer + "/account")
		for _, bad := range []string{"", "0000 0000", "00000000 ", "１２３４５６７８", "%00", strings.Repeat("1", 64)} {
			if p.press("continue", "code", bad); p.page() != "second-factor" || w.signedInNow(p) {
				t.Fatalf("%q leads to %q", bad, p.page())
			}
		}
		w.advance(time.Minute)
		code := w.mailedCode(eva, 1)
		other := w.asksByMail(w.issuer + "/account") // in another browser, by which the first code is void
		second := w.mailedCode(eva, 2)
		for _, old := range []string{code, second} {
			if p.press("continue", "code", old); p.page() != "second-factor" {
				t.Fatalf("the code of another sign-in leads to %q", p.page())
			}
		}
		w.advance(20 * time.Minute) // past every pause, and the code's time
		if other.press("continue", "code", second); other.page() != "second-factor" {
			t.Fatalf("a code of twenty minutes ago leads to %q", other.page())
		}
		w.advance(20 * time.Minute)
		other.press("resend").on("second-factor").press("continue", "code", w.mailedCode(eva, 3)).on("account")
		held := w.tokens(other, "c1")
		if claimOf(held.id, "acr") != "urn:portvakt:acr:mail" || fmt.Sprint(claimOf(held.id, "amr")) != "[pwd otp]" {
			t.Errorf("acr %v, amr %v", claimOf(held.id, "acr"), claimOf(held.id, "amr"))
		}
		again := ringOf("c1", w.refreshed("c1", held.refresh))
		if w.userinfo(again.access) != 200 {
			t.Error("its token is worth nothing")
		}
		silent := w.authorize(other, authorization("c1", "v", "claims", essentialMFA, "prompt", "none"))
		if got := silent.location().Query().Get("error"); got != "login_required" {
			t.Errorf("two factors by a mailed code: %q", got)
		}
		w.settle("organizations: [{slug: brev, mail_codes: false}]")
		if w.userinfo(again.access) != 401 {
			t.Error("an access token lives on without the permission")
		}
		w.refused("refresh", w.refreshed("c1", again.refresh), 400, "interaction_required")
		other.open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v").Encode())
		if other.page() != "second-factor" && other.page() != "password" { // what was shown before protects what is set up now
			t.Errorf("asked by %q", other.page())
		}
		for _, digits := range []string{code, second, strings.ReplaceAll(code, " ", ""), strings.ReplaceAll(second, " ", "")} {
			if strings.Contains(w.output.String(), digits) {
				t.Error("a code was printed")
			}
		}
	})
}

// TestWall092_ApplicationDemandsAFactor: what the application demands holds for every grant, also for what was issued before.
func TestWall092_ApplicationDemandsAFactor(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		p := w.signedIn("anna@nordlys.example", annaPassword)
		one, two, early := w.tokens(p, "c1"), w.tokens(p, "c2"), w.code(p, "c1")
		w.settle("applications: [{client_id: c1, second_factor: required}]")
		eventually(t, "the registration on this node", func() bool { return w.userinfo(one.access) == 401 })
		if w.active("c1", one.access) || w.userinfo(two.access) != 200 {
			t.Error("tokens by password alone: the application's die, another one's live on")
		}
		w.refused("refresh", w.refreshed("c1", one.refresh), 400, "interaction_required")
		if got := w.as("c1", "/oauth2/token", early.form()); got.status != 400 {
			t.Errorf("a code from before: %d %s", got.status, got.body)
		}
		if w.refreshed("c2", two.refresh).status != 200 {
			t.Error("another application's refresh token")
		}
		for _, pairs := range [][]string{{"prompt", "none"}, {"prompt", "none", "acr_values", "urn:portvakt:acr:password"}} {
			if got := w.authorize(p, authorization("c1", "v", pairs...)).location().Query().Get("error"); got != "interaction_required" {
				t.Errorf("%v: %q", pairs, got)
			}
		}
		if got := w.authorize(p, authorization("c2", "v", "prompt", "none")).location().Query(); !got.Has("code") {
			t.Errorf("another application: %v", got)
		}
		if got := w.as("c1", "/oauth2/token", url.Values{"grant_type": {"client_credentials"}}); got.status != 200 {
			t.Errorf("its own token: %d %s", got.status, got.body)
		}
		p.open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v").Encode()).on("enrol-factor")
		p.press("continue", "code", totp(t, p.totpKey(), time.Now())).on("recovery-codes")
		if got := w.post(p, p.at.RequestURI(), p.fields()); !got.location().Query().Has("code") {
			t.Fatalf("after the codes: %d %q", got.status, got.header.Get("Location"))
		}
		if held := w.tokens(p, "c1", "prompt", "none"); claimOf(held.id, "acr") != "urn:portvakt:acr:mfa" || w.userinfo(held.access) != 200 || w.refreshed("c1", held.refresh).status != 200 {
			t.Errorf("with a factor: acr %v", claimOf(held.id, "acr"))
		}
		if w.refreshed("c1", one.refresh).status != 400 {
			t.Error("a family of the weak sign-in is stepped up by another one")
		}
	})
}

// TestBrowserMailCode is a sign-in by a mailed code in a real browser without JavaScript, whose person has the e-mail
// remembered, and later sets up something better.
func TestBrowserMailCode(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		seed := filepath.Join(t.TempDir(), "seed.yaml")
		if err := os.WriteFile(seed, []byte(brevSeed), 0o600); err != nil {
			t.Fatal(err)
		}
		s := serve(t, database, "--seed", seed)
		b := withoutScripts(t)
		out := func() { b.on("demo-signed-in").press("sign-out"); value(b, chromedp.WaitVisible("#sign-in")) }

		b.open(s.demo).press("sign-in").on("sign-in").fill("email", eva).press("remember").press("continue")
		b.on("password").fill("password", evaPassword).press("continue").on("enrol-factor").press("use-mail-code").on("second-factor")
		b.fill("code", s.mailedCode(eva, 1)).press("continue")
		out()

		b.open(s.demo).press("sign-in").on("sign-in")
		value(b, chromedp.WaitVisible("#forget-email"))
		b.press("continue").on("password").fill("password", evaPassword).press("continue").on("second-factor") // mailed at once
		b.press("resend").again("second-factor")
		if !strings.Contains(b.text("notice"), "ny kod") {
			t.Errorf("after resending: %q", b.text("notice"))
		}
		b.fill("code", "0000 0000").press("continue").again("second-factor")
		if !strings.Contains(b.text("notice"), "senaste mejlet") {
			t.Errorf("a wrong code: %q", b.text("notice"))
		}
		b.fill("code", s.mailedCode(eva, 3)).press("continue")
		out()

		b.open(s.demo).press("sign-in").on("sign-in").press("forget-email").again("sign-in")
		if b.page(); len(value(b, chromedp.Nodes("#forget-email", chromedp.AtLeast(0)))) != 0 {
			t.Error("the e-mail is not forgotten")
		}
		b.fill("email", eva).press("continue").on("password").fill("password", evaPassword).press("continue").on("second-factor")
		b.press("set-up-factor").again("second-factor") // not around the code
		b.fill("code", s.mailedCode(eva, 4)).press("set-up-factor").on("enrol-factor")
		secret := strings.ReplaceAll(b.text("totp-key"), " ", "")
		b.fill("code", totp(t, secret, time.Now())).press("continue").on("recovery-codes").press("continue")
		out()
	})
}
