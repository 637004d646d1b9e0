//go:build e2e

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"portvakt/internal/testenv"
)

// typist uses a browser by its keyboard alone, and reads pages in one language.
type typist struct {
	*browser
	language string
}

// on waits for the page, and until the browser has moved the focus to where the page wants it.
func (k typist) on(page string) typist {
	k.t.Helper()
	k.browser.on(page)
	if got := value(k.browser, chromedp.Evaluate[string](`document.documentElement.lang`)); got != k.language && !strings.HasPrefix(page, "demo-") {
		k.t.Errorf("the page %s is in %q, not in %q", page, got, k.language)
	}
	testenv.Within(k.t, stepLimit, "the focus", func() bool {
		return value(k.browser, chromedp.Evaluate[bool](`[null, document.activeElement].includes(document.querySelector("[autofocus]"))`))
	})
	return k
}

func (k typist) open(url string) typist {
	k.t.Helper()
	k.browser.open(url)
	return k
}

// types writes where the focus is.
func (k typist) types(text string) typist {
	k.t.Helper()
	value(k.browser, chromedp.KeyEvent(text))
	return k
}

// to presses Tab until the focus is at the element.
func (k typist) to(id string) typist {
	k.t.Helper()
	for range 60 {
		if value(k.browser, chromedp.Evaluate[string](`document.activeElement ? document.activeElement.id : ""`)) == id {
			return k
		}
		k.types(kb.Tab)
	}
	k.t.Fatalf("the Tab key does not come to %s on the page %s", id, k.page())
	return k
}

// enter presses the Enter key where the focus is.
func (k typist) enter() typist {
	k.t.Helper()
	before := value(k.browser, chromedp.Evaluate[float64](`performance.timeOrigin`))
	k.types(kb.Enter)
	testenv.Within(k.t, stepLimit, "another page after Enter", func() bool {
		now, err := chromedp.Run(k.ctx, chromedp.Evaluate[float64](`document.readyState === "complete" ? performance.timeOrigin : 0`))
		return err == nil && now != 0 && now != before
	})
	return k
}

// TestWithoutJavaScriptByKeyboard: the first sign-in by link, a second step set up and used, a recovery code, an expired link,
// another organization and the account's pages, in a browser whose scripts are off, without a mouse; in German over one
// engine and in English over the other.
func TestWithoutJavaScriptByKeyboard(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		b := withoutScripts(t)
		if _, err := chromedp.Call(b.ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
			t.Fatal(err)
		}
		k := typist{b, "en"}
		if strings.HasPrefix(database, "postgres") {
			k.language = "de"
		}
		b.speaks(k.language)
		const email = "lars@nordlys.example"
		s.hire(email, "Lars", "Berg", nil)

		// The first sign-in.
		k.open(s.demo).to("sign-in").enter().on("sign-in").types(email).enter().on("password")
		if value(b, chromedp.Evaluate[bool](`document.getElementById("passkey-form").checkVisibility()`)) {
			t.Error("a button that needs scripts shows without them")
		}
		k.to("forgot-password").enter().on("mail-sent")
		k.open(s.mails(email, 2)[0].setupLink(t)).on("new-password").types(newPassword).to("new_password_again").types(newPassword).enter().on("demo-signed-in")

		k.secondStep(s, email)
		k.expiredLink(s)
		k.organizations(s)
	})
}

// secondStep sets up an authenticator, signs in with it, then with a recovery code, and sees the account's pages.
func (k typist) secondStep(s *service, email string) {
	k.t.Helper()
	again := func() typist {
		return k.open(s.issuer + "/account").on("account").to("sign-out").enter().on("signed-out").to("sign-in").enter().on("sign-in").
			types(email).enter().on("password").types(newPassword).enter().on("second-factor")
	}
	k.open(s.issuer + "/account").on("account").to("factors").enter().on("factors").to("add-totp").enter().on("enrol-factor")
	secret := value(k.browser, chromedp.Evaluate[string](`document.getElementById("totp-key").textContent.replaceAll(" ", "")`))
	k.to("code").types(totp(k.t, secret, time.Now())).enter().on("recovery-codes")
	recovery := value(k.browser, chromedp.Evaluate[string](`document.querySelector("#recovery-codes code").textContent`))
	k.to("continue").enter().on("factors")

	s.advance(time.Minute)
	again().types("000000").enter().on("second-factor").types(totp(k.t, secret, time.Now().Add(time.Minute))).enter().on("account")
	again().to("use-recovery-code").enter().on("second-factor").types(recovery).enter().on("account")

	for _, page := range []string{"security", "applications", "history", "data"} {
		k.to("nav-" + page).enter().on("account-" + page)
	}
	k.to("preferences").enter().on("preferences").to("language").types("Norsk").to("save").enter()
	chosen := typist{k.browser, "nb"}
	chosen.on("account").open(s.issuer + "/account").to("sign-out").enter()
	k.on("signed-out") // which knows nobody
}

// expiredLink asks for a new link where the old one has run out.
func (k typist) expiredLink(s *service) {
	k.t.Helper()
	const email = "mona@nordlys.example"
	s.hire(email, "Mona", "Lie", nil)
	link := s.mails(email, 1)[0].setupLink(k.t)
	s.advance(25 * time.Hour)
	sent := len(s.mails(email, 1))
	k.open(link).on("link-expired").to("continue").enter().on("mail-sent")
	k.open(s.mails(email, sent+1)[0].setupLink(k.t)).on("new-password").types(newPassword).to("new_password_again").types("another one than that").enter().
		on("new-password").types(newPassword).to("new_password_again").types(newPassword).enter().on("account")
	k.to("sign-out").enter().on("signed-out")
}

// organizations chooses one and then another.
func (k typist) organizations(s *service) {
	k.t.Helper()
	const email = "ola@tallsmia.example"
	k.open(in(s.demo+"/login?prompt=select_account", k.language)).on("sign-in").types(email).enter().on("password").types("dev only secret 11").enter().on("organization")
	choose := func(slug string) {
		k.t.Helper()
		for range 20 {
			if value(k.browser, chromedp.Evaluate[string](`document.activeElement.name === "organization" ? (document.querySelector("input[name=organization]:checked") || {value: ""}).value : "elsewhere"`)) == slug {
				break
			}
			if value(k.browser, chromedp.Evaluate[string](`document.activeElement.name || ""`)) != "organization" {
				k.types(kb.Tab)
			} else {
				k.types(kb.ArrowDown)
			}
		}
		k.enter().on("demo-signed-in")
		if got := k.text("organization"); got == "" {
			k.t.Errorf("no organization is shown")
		}
	}
	choose("tallsmia")
	k.language = "nb" // his own
	k.to("switch-organization").enter().on("organization")
	choose("nordlys")
}
