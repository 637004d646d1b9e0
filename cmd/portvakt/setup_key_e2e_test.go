//go:build e2e

package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/descope/virtualwebauthn"

	"portvakt/internal/testenv"
)

// TestBrowserPasskeyAtSetUp: somebody new never has a password.
func TestBrowserPasskeyAtSetUp(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		for language, button := range map[string]string{"nb": "Sett opp en passnøkkel", "sv": "Skapa en passnyckel"} {
			email := "lars." + language + "@nordlys.example"
			s.hire(email, "Lars", "Berg", nil)
			b := newBrowser(t)
			telephone := b.authenticator(webauthn.AuthenticatorTransportInternal)
			b.present(telephone, false) // or the field's suggestion would be tried
			b.open(in(s.demo+"/login", language)).on("sign-in").fill("email", email).press("continue").on("password")
			b.present(telephone, true)
			b.open(in(s.mails(email, 1)[0].setupLink(t), language)).on("new-password")
			if got := b.text("add-passkey"); got != button {
				t.Errorf("the button says %q", got)
			}
			b.press("add-passkey").arrives("recovery-codes").press("continue").arrives("demo-signed-in")
			if acr := value(b, chromedp.Text(`[data-claim="acr"]`)); acr != "urn:portvakt:acr:phr" {
				t.Errorf("the application is told %q", acr)
			}
			b.open(s.issuer + "/account").press("sign-out").on("signed-out")
			b.open(in(s.demo+"/login", language)).arrives("demo-signed-in") // suggested and taken
			s.mails(email, 2)                                               // what was added
		}
	})
}

// protected is a member with a password, an authenticator and recovery codes.
func (s *service) protected(email string) (secret string, codes []string) {
	s.t.Helper()
	s.hire(email, "Lars", "Berg", nil)
	p := newPerson(s.t).setUp(s.setupMails(email, 1)[0].setupLink(s.t)).on("account").open(s.issuer + "/account/factors/totp").on("enrol-factor")
	secret = p.totpKey()
	p.press("continue", "code", totp(s.t, secret, time.Now())).on("recovery-codes")
	return secret, p.recoveryCodes()
}

// told waits for a mail, in the organization's language.
func (s *service) told(to, subject string) {
	s.t.Helper()
	eventually(s.t, subject, func() bool {
		return slices.ContainsFunc(s.mails(to, 1), func(m captured) bool { return m.Subject == subject })
	})
}

// TestBrowserPasskeyAtReset: with a factor enrolled its code goes along, and the password of before is void.
func TestBrowserPasskeyAtReset(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		for _, language := range []string{"en", "de"} {
			email := "lars." + language + "@nordlys.example"
			_, codes := s.protected(email)
			b := newBrowser(t)
			telephone := b.authenticator(webauthn.AuthenticatorTransportInternal)
			b.present(telephone, false)
			b.open(in(s.issuer+"/sign-in", language)).on("sign-in").fill("email", email).press("continue").on("password").press("forgot-password").on("mail-sent")
			b.present(telephone, true)
			b.open(in(s.setupMails(email, 2)[0].setupLink(t), language)).on("new-password").press("add-passkey").on("new-password")
			if missing := value(b, chromedp.Evaluate[bool](`document.getElementById("code").validity.valueMissing && document.activeElement.id === "code"`)); !missing {
				t.Error("the browser does not ask for the code")
			}
			b.fill("code", "aaaa-bbbb-cccc-dddd").press("add-passkey").shows("#code-problem")
			b.fill("code", codes[0]).press("add-passkey").arrives("account")
			if p := newPerson(t).open(s.issuer+"/account").signIn(email, newPassword); p.page() != "password" || p.status != http.StatusForbidden {
				t.Errorf("the old password leads to %q", p.page())
			}
			b.press("sign-out").on("signed-out").open(in(s.issuer+"/sign-in", language)).arrives("account")
			s.told(email, "En passnøkkel har erstattet passordet ditt")
		}
	})
}

// TestBrowserLostEverything: an operator takes away what was lost; a mailed link and a new factor follow, with scripts and without.
func TestBrowserLostEverything(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		for language, b := range map[string]*browser{"en": newBrowser(t), "sv": withoutScripts(t)} {
			email := "lars." + language + "@nordlys.example"
			_, codes := s.protected(email)
			if code, _, errs := operate(t, database, "operator", "reset-factors", email); code != exitMistake || !strings.Contains(errs, "--reason") {
				t.Errorf("without a reason: %d %s", code, errs)
			}
			if code, _, errs := operate(t, database, "operator", "reset-factors", "nobody@nordlys.example", "--reason", "r"); code != exitMistake {
				t.Errorf("of nobody: %d %s", code, errs)
			}
			code, out, errs := operate(t, database, "operator", "reset-factors", email, "--reason", "telephone lost, passport seen")
			if code != exitOK || !strings.Contains(out, "begins with a mailed link") {
				t.Fatalf("%d %s %s", code, out, errs)
			}
			for _, known := range []string{newPassword, codes[0]} {
				if p := newPerson(t).open(s.issuer+"/account").signIn(email, known); p.page() != "password" {
					t.Errorf("%s leads to %q", known, p.page())
				}
			}
			b.open(in(s.issuer+"/sign-in", language)).on("sign-in").fill("email", email).press("continue").on("password").press("forgot-password").on("mail-sent")
			b.open(in(s.setupMails(email, 2)[0].setupLink(t), language)).on("new-password").fill("new_password", newPassword).fill("new_password_again", newPassword).press("continue")
			b.on("enrol-factor").fill("code", totp(t, strings.ReplaceAll(b.text("totp-key"), " ", ""), time.Now())).press("continue").on("recovery-codes").press("continue").on("account")
			s.told(email, "Innloggingen din er nullstilt")
		}
	})
}

// TestWall080_097_098_PasskeyByLink: a link alone, an answer from elsewhere, of another link or browser, or sent again adds
// no key, and leaves the link as it was.
func TestWall080_097_098_PasskeyByLink(t *testing.T) {
	const challenges = "/account/setup/webauthn/options"
	eachWall(t, func(t *testing.T, w *wall) {
		hired := func(email string) (*person, string) {
			w.hire(email, "Link", "Link", nil)
			link := w.link(email, 1)
			return w.person().open(link).on("new-password"), link
		}
		p, link := hired("linked@nordlys.example")
		other, _ := hired("other@nordlys.example")
		ask := func(p *person, headers ...string) wallAnswer {
			if len(headers) == 0 {
				headers = []string{"Origin", w.issuer, "Sec-Fetch-Site", "same-origin"}
			}
			body := `{"i":"","csrf":` + quoted(p.fields().Get("csrf")) + `,"purpose":"register","token":` + quoted(p.at.Query().Get("token")) + `}`
			return w.one(p, w.request(http.MethodPost, challenges, body, append([]string{"Content-Type", "application/json"}, headers...)...))
		}
		for _, headers := range [][]string{{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Origin", "http://localhost:1"}, {"Sec-Fetch-Site", "cross-site"}} {
			if got := ask(p, headers...); got.status != 403 {
				t.Errorf("%v: %d", headers, got.status)
			}
		}
		if got := w.challenge(p, challenges, "register"); got.status != 410 {
			t.Errorf("without the link: %d", got.status)
		}
		answer := func(p *person, bend func(*device)) url.Values {
			d := &device{virtualwebauthn.RelyingParty{Name: "Portvakt", ID: "localhost", Origin: w.issuer}, virtualwebauthn.NewAuthenticator(), testenv.Passkey(virtualwebauthn.KeyTypeEC2)}
			bend(d)
			ceremony, options := w.opened(ask(p))
			o, err := virtualwebauthn.ParseAttestationOptions(options)
			if err != nil {
				t.Fatal(err)
			}
			d.own.Options.UserHandle = []byte(o.UserID)
			return url.Values{"csrf": p.fields()["csrf"], "token": {p.at.Query().Get("token")}, "action": {"add-passkey"}, "ceremony": {ceremony},
				"credential": {virtualwebauthn.CreateAttestationResponse(d.rp, d.own, d.key, *o)}}
		}
		plain := func(*device) {}
		thief := w.person().open(link).on("new-password")
		refused := func(what string, p *person, form url.Values) {
			t.Helper()
			if got := w.post(p, "/account/setup", form); got.status < 400 || got.status >= 500 || w.signedInNow(p) {
				t.Errorf("%s: %d", what, got.status)
			}
		}
		refused("another port", p, answer(p, func(d *device) { d.rp.Origin = "http://localhost:1" }))
		refused("a subdomain", p, answer(p, func(d *device) { d.rp.Origin = strings.Replace(w.issuer, "//", "//evil.", 1) }))
		refused("another party", p, answer(p, func(d *device) { d.rp.ID = "evil.example" }))
		refused("not verified", p, answer(p, func(d *device) { d.own.Options.UserNotVerified = true }))
		refused("another browser's", p, with(answer(thief, plain), "csrf", p.fields().Get("csrf")))
		refused("another link's", p, with(answer(other, plain), "csrf", p.fields().Get("csrf"), "token", p.at.Query().Get("token")))
		good := answer(p, plain)
		if got := w.post(p, "/account/setup", good); got.status != http.StatusSeeOther {
			t.Fatalf("the person's own: %d %s", got.status, got.body)
		}
		refused("once more", thief, with(good, "csrf", thief.fields().Get("csrf")))
		refused("a used link", thief, with(good, "csrf", thief.fields().Get("csrf"), "new_password", newPassword, "new_password_again", newPassword, "action", ""))
		refused("with another link", other, with(good, "csrf", other.fields().Get("csrf"), "token", other.at.Query().Get("token")))
	})
}
