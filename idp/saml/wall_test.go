package saml_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
)

// TestWall053_DisabledInTheMiddle: whatever was allowed when a sign-in began is asked again when it ends.
func TestWall053_DisabledInTheMiddle(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.withPassword()
		b := d.browser()
		page, carried := b.follow(b.ask(ask{})), b.post("/saml/sso", d.form(ask{})).Header.Get("Location")
		artifact := d.artifact(t, d.signedIn())
		moved := b.follow(b.ask(ask{}))

		d.change(func(p *directory.ServiceProvider) { p.Application.Disabled = true })
		refused := func(name string, res *reply) {
			if res.StatusCode < http.StatusBadRequest || strings.Contains(res.body, "SAMLResponse") {
				t.Errorf("%s of a disabled service provider: %d %.300s", name, res.StatusCode, res.body)
			}
		}
		refused("a conversation", b.signIn(page, d.member.Email))
		refused("a request carried on", b.get(carried))
		refused("a new request", b.ask(ask{}))
		if res := d.fetch(t, artifact); res.StatusCode != http.StatusInternalServerError || strings.Contains(res.body, "Assertion") {
			t.Errorf("an artifact of a disabled service provider: %d %s", res.StatusCode, res.body)
		}
		d.change(func(p *directory.ServiceProvider) {
			p.Application.Disabled = false
			p.Metadata.ACS = []directory.SAMLEndpoint{{Binding: byPOST, Location: "https://sp.example/moved"}}
		})
		refused("an address that was taken away", b.follow(b.get(moved.from))) // the sign-in itself has succeeded above
	})
}

// TestWall053_WhoseAccessEndsInTheMiddle: a membership or organization that ends during the sign-in.
func TestWall053_WhoseAccessEndsInTheMiddle(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		artifact := d.artifact(t, b)
		if _, err := d.dir.Organizations.Change(ctx, d.org.ID, func(o *directory.Organization) error { o.Suspended = true; return nil }); err != nil {
			t.Fatal(err)
		}
		if res := d.fetch(t, artifact); res.StatusCode != http.StatusOK || strings.Contains(res.body, "Assertion") {
			t.Errorf("an artifact of somebody without access: %d %s", res.StatusCode, res.body)
		}
		if res := b.follow(b.ask(ask{})); strings.Contains(res.body, "SAMLResponse") {
			t.Errorf("somebody without access was let in: %.300s", res.body)
		}
	})
}

func TestWall053_UnsolicitedIsOffByDefault(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		off, none := b.get("/saml/init/crm"), b.get("/saml/init/nothing")
		if off.StatusCode != http.StatusNotFound || none.StatusCode != http.StatusNotFound || off.body != none.body {
			t.Errorf("off: %d, none: %d", off.StatusCode, none.StatusCode)
		}
		d.change(func(p *directory.ServiceProvider) { p.Settings.IDPInitiated, p.Settings.RelayState = true, "/start" })
		for _, name := range []string{"crm", d.sp.ID().String()} {
			a := b.get("/saml/init/" + name + "?RelayState=https://evil.example").answer(t)
			if a.status() != "Success" || a.relay != "/start" || a.root.SelectAttr("InResponseTo") != nil || strings.Contains(string(a.raw), "InResponseTo") {
				t.Errorf("unsolicited: relay %q, %s", a.relay, a.raw)
			}
			a.verified(d, idpID)
		}
		d.withPassword()
		fresh := d.browser()
		if a := fresh.signIn(fresh.get("/saml/init/crm"), d.member.Email).answer(t); a.status() != "Success" {
			t.Error(a.status())
		}
		fresh = d.browser()
		page := fresh.follow(fresh.get("/saml/init/crm"))
		if res := fresh.send(page, map[string][]string{"action": {"cancel"}}); res.StatusCode != http.StatusForbidden || strings.Contains(res.body, "SAMLResponse") {
			t.Errorf("cancelled, and nobody had asked: %d %.300s", res.StatusCode, res.body)
		}
		d.change(func(p *directory.ServiceProvider) { p.Application.Disabled = true })
		if res := b.get("/saml/init/crm"); res.StatusCode != http.StatusNotFound {
			t.Errorf("disabled: %d", res.StatusCode)
		}
	})
}

func TestWall055_ForceAuthnIsANewSignIn(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.withPassword()
		b := d.signedIn()
		before := b.ask(ask{}).answer(t).instant("//AuthnStatement", "AuthnInstant")
		d.clock.Advance(10 * time.Minute)
		if same := b.ask(ask{}).answer(t).instant("//AuthnStatement", "AuthnInstant"); !same.Equal(before) {
			t.Errorf("the time of the sign-in moved from %s to %s", before, same)
		}
		if a := b.signIn(b.ask(ask{attributes: `ForceAuthn="true"`}), d.member.Email).answer(t); !a.instant("//AuthnStatement", "AuthnInstant").Equal(d.db.Now()) {
			t.Errorf("ForceAuthn: signed in at %s", a.at("//AuthnStatement", "AuthnInstant"))
		}
	})
}

func TestWall055_IsPassiveShowsNothing(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		for name, b := range map[string]*browser{"nobody": d.browser(), "somebody who must sign in again": d.signedIn()} {
			attributes := `IsPassive="true"`
			if name != "nobody" {
				attributes += ` ForceAuthn="true"`
			}
			if a := b.ask(ask{attributes: attributes, relay: "r"}).answer(t); a.status() != "Responder NoPassive" || a.relay != "r" || a.root.FindElement("//Assertion") != nil {
				t.Errorf("%s: %s", name, a.status())
			} else {
				a.verified(d, idpID)
			}
		}
		if a := d.signedIn().ask(ask{attributes: `IsPassive="1"`}).answer(t); a.status() != "Success" {
			t.Errorf("signed in: %s", a.status())
		}
	})
}

// TestWall055_RequestedContext: what is asked for is reached, or nobody is let in; nothing is claimed that was not.
func TestWall055_RequestedContext(t *testing.T) {
	const mfa, refeds, phr = "urn:portvakt:acr:mfa", "https://refeds.org/profile/mfa", "urn:portvakt:acr:phr"
	rows := []struct {
		comparison, class, password, two string // what is claimed after a password, after two factors; "": NoAuthnContext
	}{
		{"", ppt, ppt, ppt}, {"exact", ppt, ppt, ppt}, {"exact", mfa, "", mfa}, {"exact", refeds, "", refeds}, {"exact", phr, "", ""}, {"exact", "urn:unknown", "", ""},
		{"minimum", ppt, ppt, refeds}, {"minimum", mfa, "", refeds}, {"minimum", phr, "", ""},
		{"better", ppt, "", refeds}, {"better", mfa, "", ""}, {"better", phr, "", ""},
		{"maximum", ppt, ppt, ppt}, {"maximum", mfa, ppt, refeds},
	}
	each(t, func(t *testing.T, d *door) {
		one, two := d.signedIn(), d.signedInAs(d.user, true)
		for _, row := range rows {
			comparison := ""
			if row.comparison != "" {
				comparison = ` Comparison="` + row.comparison + `"`
			}
			q := ask{attributes: `IsPassive="true"`, children: `<samlp:RequestedAuthnContext` + comparison + `><saml:AuthnContextClassRef>` + row.class + `</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>`}
			for b, want := range map[*browser]string{one: row.password, two: row.two} {
				a := b.ask(q).answer(t)
				if got := a.text("//AuthnContextClassRef"); got != want || want == "" && !strings.HasPrefix(a.status(), "Responder No") || want != "" && a.status() != "Success" {
					t.Errorf("%s %s: %s claims %q, want %q", row.comparison, row.class, a.status(), got, want)
				}
			}
		}
		// What nobody could reach is refused at once, without a page.
		for _, class := range []string{"urn:unknown", "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"} {
			a := d.browser().ask(ask{children: `<samlp:RequestedAuthnContext><saml:AuthnContextClassRef>` + class + `</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>`}).answer(t)
			if a.status() != "Responder NoAuthnContext" {
				t.Errorf("%s: %s", class, a.status())
			}
		}
	})
}

// TestWall047_RelayStateIsOnlyHandedBack: what it holds goes to the service provider, and nowhere else.
func TestWall047_RelayStateIsOnlyHandedBack(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.withPassword()
		for _, relay := range []string{"https://evil.example/x", `{"a":"b'<>"}`, `"><script>alert(1)</script>`, "/account", "a\r\nSet-Cookie: x=y", strings.Repeat("x", 2048), "ø&=+%20 "} {
			b := d.signedIn()
			res := b.ask(ask{relay: relay})
			if a := res.answer(t); a.relay != strings.ReplaceAll(relay, "\r\n", "\n") || a.action != acs || strings.Contains(res.body, "<script>alert") || res.Header.Get("Set-Cookie") != "" {
				t.Errorf("%q came back as %q, to %s", relay, a.relay, a.action)
			}
			slow := d.browser()
			if a := slow.signIn(slow.post("/saml/sso", d.form(ask{relay: relay})), d.member.Email).answer(t); a.relay != strings.ReplaceAll(relay, "\r\n", "\n") {
				t.Errorf("%q came back as %q after a sign-in", relay, a.relay)
			}
			to := b.ask(ask{relay: relay, attributes: `AssertionConsumerServiceIndex="1"`}).Header.Get("Location")
			if !strings.HasPrefix(to, acs+"/artifact?SAMLart=") || strings.ContainsAny(to, "\r\n\"<> ") {
				t.Errorf("%q leads to %q", relay, to)
			}
		}
		for _, relay := range []string{strings.Repeat("x", 2049), strings.Repeat("x", 64<<10)} {
			if res := d.signedIn().ask(ask{relay: relay}); res.StatusCode != http.StatusBadRequest || strings.Contains(res.body, "<form") {
				t.Errorf("%d octets: %d", len(relay), res.StatusCode)
			}
		}
	})
}

// TestWall046_ThePageThatPosts: its policy lets forms go to the service provider's scheme alone, and no script but ours run.
func TestWall046_ThePageThatPosts(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		if _, err := d.dir.ServiceProviders.Register(ctx, directory.ServiceProvider{EntityID: "https://script.example", Application: directory.Application{AllOrganizations: true},
			Metadata: directory.SAMLMetadata{ACS: []directory.SAMLEndpoint{{Binding: byPOST, Location: "javascript:alert(1)"}}}}); err == nil {
			t.Error("a script was registered as an address")
		}
		d.change(func(p *directory.ServiceProvider) { p.Application.Name = `<b>"CRM"</b>` })
		res := d.signedIn().ask(ask{relay: `"><img src=x onerror=alert(1)>`})
		policy := res.Header.Get("Content-Security-Policy")
		if res.answer(t).action != acs || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "form-action 'self' https:;") || !strings.Contains(policy, "script-src 'self'") ||
			strings.Contains(policy, "unsafe") || strings.Contains(res.body, "<img") || strings.Contains(res.body, `<b>"`) || !strings.Contains(res.body, `id="continue"`) {
			t.Errorf("policy %q, page %s", policy, res.body)
		}
	})
}

// TestWall052_EveryAssertionIsForOneRequest: who it is for, for how long, and that no two are the same.
func TestWall052_EveryAssertionIsForOneRequest(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b, seen := d.signedIn(), map[string]bool{}
		for range 5 {
			id := freshID()
			a := b.ask(ask{id: id}).answer(t)
			for _, own := range []string{a.at(".", "ID"), a.at("//Assertion", "ID")} {
				if seen[own] || len(own) < 33 {
					t.Errorf("the ID %q", own)
				}
				seen[own] = true
			}
			if len(a.root.FindElements("//Audience")) != 1 || a.text("//Audience") != spID || len(a.root.FindElements("//SubjectConfirmationData")) != 1 ||
				a.at("//SubjectConfirmationData", "InResponseTo") != id || a.at("//SubjectConfirmationData", "Recipient") != acs || a.at("//SubjectConfirmationData", "NotBefore") != "" {
				t.Errorf("assertion %s", a.raw)
			}
			for _, path := range []string{"//SubjectConfirmationData", "//Conditions"} {
				if end := a.instant(path, "NotOnOrAfter"); end.After(d.db.Now().Add(5*time.Minute)) || !end.After(d.db.Now()) {
					t.Errorf("%s ends at %s", path, end)
				}
			}
		}
	})
}
