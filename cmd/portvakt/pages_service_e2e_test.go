//go:build e2e

package main

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"portvakt/internal/testenv"
)

// sights are pages of the running service that stand before no form that changes something; stations are the others.
var sights = []struct {
	page  string
	stand func(w *wall) *person
	press string // the button that leads there, where no address does
}{
	{"mail-sent", func(w *wall) *person { return w.typed("nopassword@nordlys.example").press("forgot-password") }, ""},
	{"link-expired", func(w *wall) *person { return w.person().open(w.issuer + "/account/setup?token=nonsense") }, ""},
	{"signed-out", func(w *wall) *person { return w.signedIn("anna@nordlys.example", annaPassword) }, "sign-out"},
	{"account-history", at("/account/history"), ""},
	{"error", func(w *wall) *person { return w.person().open(w.issuer + "/oauth2/authorize?client_id=nobody") }, ""},
	{"form-post", func(w *wall) *person {
		p := w.signedIn("bob@nordlys.example", bobPassword)
		return p.open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v", "response_mode", "form_post", "scope", "openid").Encode())
	}, ""},
	{"dev-mail", func(w *wall) *person { return w.person().open(w.issuer + "/dev/mail") }, ""},
	{"dev-mail", func(w *wall) *person {
		return w.person().open(w.issuer + "/dev/mail/" + w.mails("nopassword@nordlys.example", 1)[0].ID)
	}, ""},
	{"operator-second-factor", func(w *wall) *person {
		p := w.signedIn("bob@nordlys.example", bobPassword)
		w.grant("bob@nordlys.example")
		return p.open(w.issuer + "/console/operator/appoint")
	}, ""},
	{"operator-appoint", func(w *wall) *person {
		const email = "secondfacto@nordlys.example"
		w.grant(email)
		p := w.person().open(w.issuer+"/account").signIn(email, "wall secret of sec 6").on("second-factor")
		p.press("continue", "code", totp(w.t, "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU", time.Now())).on("account")
		return p.open(w.issuer + "/console/operator/appoint")
	}, ""},
}

// grant makes somebody an operator.
func (w *wall) grant(email string) {
	w.t.Helper()
	if code, _, errs := operate(w.t, w.database, "operator", "grant", "--email", email); code != exitOK {
		w.t.Fatal(errs)
	}
}

// TestPagesOfTheService: every page of the catalogue, as the running service shows it in its own headers.
func TestPagesOfTheService(t *testing.T) {
	t.Parallel()
	w := newWall(t, t.TempDir()+"/portvakt.db", nil)
	tools := testenv.Installed(t, "testdata/page-judges")
	j := newJudge(t, tools)
	v := visit{width: 320, language: "en"}
	value(j.browser, chromedp.EmulateViewport(v.width, 740))
	visited, texts := map[string]bool{}, map[string]string{}
	look := func(what, page string, p *person, press string) {
		t.Helper()
		j.become(w, p)
		at := *p.at
		q := at.Query()
		q.Set("ui_locales", v.language)
		at.RawQuery = q.Encode()
		wrong := j.looked(at.String(), v.language)
		if press != "" {
			j.press(press).on(page)
			wrong = j.look(v.language, true)
		}
		if got := j.page(); got != page {
			t.Errorf("%s: the browser is at %q", what, got)
			return
		}
		visited[page], texts[what] = true, p.text
		for _, w := range append(wrong, j.judged("service/"+what, v)...) {
			t.Errorf("%s: %s", what, w)
		}
	}
	for i, s := range stations {
		look(fmt.Sprintf("%s-%d", s.page, i), s.page, s.stand(w), "")
	}
	for i, s := range sights {
		look(fmt.Sprintf("%s-sight-%d", s.page, i), s.page, s.stand(w), s.press)
	}
	valid(t, tools, texts)
	// A browser does not stay on signing-out: it goes on by itself to a service provider. The page is looked at among the
	// samples, and TestSAMLSignOut comes by.
	visited["signing-out"] = true
	for _, name := range catalogue(t) {
		if !visited[name] {
			t.Errorf("nobody has come to the page %s", name)
		}
	}
}

// become gives the browser the cookies of somebody, and nobody else's.
func (j *judge) become(w *wall, p *person) {
	j.t.Helper()
	issuer, err := url.Parse(w.issuer)
	if err != nil {
		j.t.Fatal(err)
	}
	call(j, "cookies", func(ctx context.Context) error {
		if _, err := chromedp.Call(ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
			return err
		}
		for _, c := range p.client.Jar.Cookies(issuer) {
			if _, err := chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: w.issuer, Path: "/"}); err != nil {
				return err
			}
		}
		return nil
	})
}
