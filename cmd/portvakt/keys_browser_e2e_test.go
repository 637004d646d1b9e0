//go:build e2e

package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"portvakt/internal/testenv"
)

// authenticator gives the browser a virtual authenticator: a telephone's or laptop's own, or a key on USB that knows no PIN.
func (b *browser) authenticator(transport webauthn.AuthenticatorTransport) webauthn.AuthenticatorID {
	b.t.Helper()
	own := transport == webauthn.AuthenticatorTransportInternal
	if _, err := chromedp.Call(b.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		b.t.Fatal(err)
	}
	made, err := chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: transport, HasResidentKey: own, HasUserVerification: own, IsUserVerified: own,
		AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	return made.AuthenticatorID
}

func (b *browser) present(authenticator webauthn.AuthenticatorID, enabled bool) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: authenticator, Enabled: enabled})
	if err != nil {
		b.t.Fatal(err)
	}
}

// arrives waits until a script has led to the page; a wait inside the page would end with it.
func (b *browser) arrives(page string) *browser {
	b.t.Helper()
	testenv.Within(b.t, stepLimit, "the page "+page, func() bool { return b.page() == page })
	return b.on(page)
}

// shows waits until the page that a script leads to has the element.
func (b *browser) shows(selector string) *browser {
	b.t.Helper()
	testenv.Within(b.t, stepLimit, selector, func() bool {
		ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
		defer cancel()
		there, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.readyState === "complete" && !!document.querySelector("`+selector+`")`))
		return err == nil && there
	})
	return b
}

// says waits for a notice.
func (b *browser) says(text string) *browser {
	b.t.Helper()
	b.shows("#notice")
	if got := b.text("notice"); got != text {
		b.t.Errorf("the page says %q, want %q", got, text)
	}
	return b
}

// in is an address in a language.
func in(address, language string) string {
	if strings.Contains(address, "?") {
		return address + "&ui_locales=" + language
	}
	return address + "?ui_locales=" + language
}

// TestBrowserPasskey: a passkey is added on the account's page, signs in by itself, is suggested at the field for the
// e-mail, and opens nothing any more once it is removed.
func TestBrowserPasskey(t *testing.T) {
	t.Parallel()
	words := map[string]struct{ added, removed, unknown, used string }{
		"en": {"The key has been added. You can use it the next time you sign in.", "The key has been removed. It no longer opens your account.",
			"This passkey is not registered here (any more). Sign in another way; you can add a new passkey in your account.", "Passkey"},
		"nb": {"Nøkkelen er lagt til. Du kan bruke den neste gang du logger inn.", "Nøkkelen er fjernet. Den åpner ikke kontoen din lenger.",
			"Denne passnøkkelen er ikke registrert her (lenger). Logg inn på en annen måte; du kan legge til en ny passnøkkel på kontoen din.", "Passnøkkel"},
	}
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		for language, says := range words {
			email := "lars." + language + "@nordlys.example"
			s.hire(email, "Lars", "Berg", nil)
			newPerson(t).setUp(s.mails(email, 1)[0].setupLink(t)).on("account")

			b := newBrowser(t)
			telephone := b.authenticator(webauthn.AuthenticatorTransportInternal)
			b.open(in(s.issuer+"/sign-in", language)).on("sign-in").fill("email", email).press("continue").on("password").fill("password", newPassword).press("continue").on("account")
			b.open(in(s.issuer+"/account/keys", language)).on("keys").fill("new-name", "My <telephone>").press("add-passkey").arrives("recovery-codes").press("continue").says(says.added)
			if name := value(b, chromedp.Text("#keys b")); name != "My <telephone>" {
				t.Errorf("the list says %q", name)
			}
			s.mails(email, 2)

			b.open(s.issuer + "/account").press("sign-out").on("signed-out")
			b.present(telephone, false) // or the suggestion would be taken at once
			b.open(in(s.issuer+"/sign-in", language)).on("sign-in")
			value(b, chromedp.WaitVisible("#use-passkey"))
			// The touch comes between the button, which ends the suggestion, and the question of the telephone, which asks once.
			value(b, chromedp.Evaluate[bool](`(() => { const ask = fetch; fetch = (...a) => new Promise((go) => { goOn = go; }).then(() => ask(...a)); return true; })()`))
			b.press("use-passkey")
			value(b, chromedp.WaitVisible("#use-passkey:disabled"))
			b.present(telephone, true)
			value(b, chromedp.Evaluate[bool](`goOn(), true`))
			b.arrives("account")

			b.open(s.issuer + "/account").press("sign-out").on("signed-out")
			b.open(in(s.demo+"/login", language)).arrives("demo-signed-in") // nothing typed, nothing pressed: suggested and taken

			b.open(in(s.issuer+"/account/keys", language)).on("keys").press("remove").says(says.removed)
			s.mails(email, 3)
			b.open(s.issuer + "/account").press("sign-out").on("signed-out")
			b.open(in(s.issuer+"/sign-in", language)).says(says.unknown).on("sign-in")
		}
	})
}

// TestBrowserSecurityKey: a key without a PIN is the second step beside the password, and the sign-in counts as one that
// nobody can phish.
func TestBrowserSecurityKey(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		for _, language := range []string{"de", "sv"} {
			email := "lars." + language + "@nordlys.example"
			s.hire(email, "Lars", "Berg", nil)
			newPerson(t).setUp(s.mails(email, 1)[0].setupLink(t)).on("account")

			b := newBrowser(t)
			key := b.authenticator(webauthn.AuthenticatorTransportUsb)
			b.open(in(s.issuer+"/sign-in", language)).on("sign-in").fill("email", email).press("continue").on("password").fill("password", newPassword).press("continue").on("account")
			b.open(in(s.issuer+"/account/keys", language)).on("keys").press("add-security-key").arrives("recovery-codes").press("continue")
			b.shows("#keys b")
			b.open(s.issuer + "/account").press("sign-out").on("signed-out")

			b.open(in(s.demo+"/login", language)).on("sign-in").fill("email", email).press("continue").on("password").fill("password", newPassword).press("continue")
			b.on("second-factor").press("use-passkey").arrives("demo-signed-in")
			if acr := value(b, chromedp.Text(`[data-claim="acr"]`)); acr != "urn:portvakt:acr:phr" {
				t.Errorf("the application is told %q", acr)
			}

			s.advance(11 * time.Minute)
			b.open(in(s.issuer+"/account/keys", language)).on("keys").press("add-security-key").arrives("password").fill("password", newPassword).press("continue")
			b.on("second-factor").press("use-passkey").arrives("keys")
			if _, err := chromedp.Call(b.ctx, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: key}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
