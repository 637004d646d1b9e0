package saml_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"portvakt/idp/saml/wire"
	"portvakt/internal/directory"
)

// TestTheSameBrowserGoesOn: an address that began a sign-in and is asked for again leads the same browser back into it, in
// whatever language; another browser, and one whose sign-in has been answered, reads where to begin anew. Whatever was asked,
// one answer is given.
func TestTheSameBrowserGoesOn(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.withPassword()
		d.change(func(p *directory.ServiceProvider) { p.Application.Metadata.ClientURI = "https://sp.example/" })
		for name, first := range map[string]func(b *browser) string{
			"by redirect": func(*browser) string { return d.redirect(ask{}) },
			"by POST": func(b *browser) string {
				return b.post("/saml/sso", d.form(ask{})).Header.Get("Location")
			},
		} {
			b := d.browser()
			target := first(b)
			begun := b.get(target)
			for _, again := range []string{target, target + "&ui_locales=nb"} {
				res := b.get(again)
				got, want := must(url.Parse(res.Header.Get("Location")))(t), must(url.Parse(begun.Header.Get("Location")))(t)
				if res.StatusCode != http.StatusSeeOther || want.Query().Get("i") == "" || got.Query().Get("i") != want.Query().Get("i") {
					t.Errorf("%s, once more: %d to %s, not %s: %.300s", name, res.StatusCode, got, want, res.body)
				}
			}
			if res := d.browser().get(target); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "saml_replayed") {
				t.Errorf("%s, another browser: %d", name, res.StatusCode)
			}
			b.signIn(b.get(target), d.user.Email.Address).answer(t)
			res := b.get(target)
			if res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "saml_replayed") || strings.Contains(res.body, "SAMLResponse") {
				t.Errorf("%s, after the answer: %d", name, res.StatusCode)
			}
			if !strings.Contains(res.body, `href="https://sp.example/"`) || strings.Contains(res.body, "not set up correctly") {
				t.Errorf("%s: the page does not say what to do: %.900s", name, res.body)
			}
		}
	})
}

// TestTheNameIsSettledAgain: what the registration stops to allow while somebody signs in is not told at the end.
func TestTheNameIsSettledAgain(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.withPassword()
		for name, row := range map[string]struct {
			format        string
			before, after func(*directory.SAMLSettings)
		}{
			"an address": {byEmail, func(s *directory.SAMLSettings) { s.NameIDFormat = directory.NameIDEmail },
				func(s *directory.SAMLSettings) { s.NameIDFormat = directory.NameIDPersistent }},
			"in clear": {wire.FormatEncrypted, func(s *directory.SAMLSettings) { s.NameIDFormat, s.EncryptNameID = directory.NameIDPersistent, true },
				func(s *directory.SAMLSettings) { s.EncryptNameID = false }},
		} {
			d.change(func(p *directory.ServiceProvider) { row.before(&p.Settings) })
			b := d.browser()
			res := b.ask(ask{children: `<samlp:NameIDPolicy Format="` + row.format + `"/>`})
			d.change(func(p *directory.ServiceProvider) { row.after(&p.Settings) })
			a := b.signIn(res, d.user.Email.Address).answer(t)
			if a.status() != "Requester InvalidNameIDPolicy" || a.root.FindElement("//NameID") != nil {
				t.Errorf("%s: %s, %s", name, a.status(), a.text("//NameID"))
			}
		}
	})
}
