//go:build e2e

package main

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/crewjam/saml"
	"github.com/crewjam/saml/samlsp"
	"golang.org/x/net/html"
)

// signOut is what the application adds to the library: the library writes and judges the messages of a sign-out, and has no
// address for them.
func (sp *relyingSP) signOut(w http.ResponseWriter, r *http.Request) {
	page := func(body []byte) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(append([]byte("<!doctype html><body data-page=\"sp\">"), body...))
	}
	refuse := func(err error) { sp.OnError(w, r, err) }
	session, _ := sp.Session.GetSession(r)
	switch {
	case r.URL.Path == "/saml/leave":
		name := session.(samlsp.JWTSessionClaims).Subject
		form, err := sp.ServiceProvider.MakePostLogoutRequest(name, "over <here> & there")
		if err != nil {
			refuse(err)
			return
		}
		page(form)
	case r.PostFormValue("SAMLResponse") != "":
		if err := sp.ServiceProvider.ValidateLogoutResponseRequest(r); err != nil {
			refuse(err)
			return
		}
		_ = sp.Session.DeleteSession(w, r)
		page([]byte("signed out: " + r.PostFormValue("RelayState")))
	default:
		raw, err := base64.StdEncoding.DecodeString(r.PostFormValue("SAMLRequest"))
		var q saml.LogoutRequest
		if err == nil {
			err = xml.Unmarshal(raw, &q)
		}
		if err != nil {
			refuse(err)
			return
		}
		_ = sp.Session.DeleteSession(w, r)
		form, err := sp.ServiceProvider.MakePostLogoutResponse(q.ID, r.PostFormValue("RelayState"))
		if err != nil {
			refuse(err)
			return
		}
		page(form)
	}
}

// in reports whether the application shows the person an account, without asking again.
func (sp *relyingSP) in(p *person) bool {
	p.t.Helper()
	p.open(sp.url + "/desk")
	return strings.HasPrefix(p.at.String(), sp.url) && json.Valid([]byte(p.text))
}

// TestSAMLSignOut: from an application, from an application of OpenID Connect, and from our own page; each ends everything.
func TestSAMLSignOut(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		registration := "    name_id_format: email\n"
		first := newSP(w, "/saml", registration, samlsp.Options{CookieName: "first"}, nil)
		second := newSP(w, "/saml", "    entity_id: second\n"+registration, samlsp.Options{EntityID: "second", CookieName: "second"}, nil)
		begin := func() (*person, ring) {
			p := w.signedIn("anna@nordlys.example", annaPassword)
			for _, sp := range []*relyingSP{first, second} {
				p.open(sp.url).on("form-post").press("continue").seen(sp)
			}
			return p, w.tokens(p, "c1", "scope", "openid profile") // offline_access outlives a sign-out
		}
		over := func(how string, p *person, keys ring) {
			t.Helper()
			if w.signedInNow(p) || w.active("c1", keys.access) || first.in(p) || second.in(p) {
				t.Errorf("%s: signed in with us %v, token %v, applications %v %v", how, w.signedInNow(p), w.active("c1", keys.access), first.in(p), second.in(p))
			}
		}
		p, keys := begin()
		p.open(first.url + "/saml/leave").press("SAMLSubmitButton") // to us, and on to the other
		p.on("form-post").press("continue").on("sp").press("SAMLSubmitButton").on("form-post").press("continue")
		if p.on("sp"); !strings.HasPrefix(p.at.String(), first.url) || !strings.Contains(p.text, "signed out: over <here> & there") {
			t.Fatalf("the application heard %s %v: %s", p.at, first.refused, p.text)
		}
		over("from an application", p, keys)

		p, keys = begin()
		hint := url.Values{"id_token_hint": {keys.id}, "post_logout_redirect_uri": {"https://c1.example/bye"}, "state": {"s"}}
		p.open(w.issuer + "/oauth2/logout?" + hint.Encode()).on("signing-out")
		if w.signedInNow(p) {
			t.Error("others are visited while the session lives")
		}
		p.press("continue").on("form-post").press("continue").on("sp").press("SAMLSubmitButton").on("form-post").press("continue").on("sp")
		if last := lastAnswer(w, p); last != "https://c1.example/bye?state=s" {
			t.Errorf("the application of OpenID Connect is returned to by %q", last)
		}
		over("from OpenID Connect", p, keys)

		p, keys = begin()
		p.open(w.issuer + "/account").press("sign-out").on("signing-out").press("continue").on("form-post").press("continue").on("sp").
			press("SAMLSubmitButton").on("form-post").press("continue").on("sp").press("SAMLSubmitButton").on("signed-out")
		if strings.Contains(p.text, `id="remaining"`) {
			t.Errorf("somebody is left: %s", p.text)
		}
		over("from our own page", p, keys)

		p, keys = begin()
		p.open(w.issuer + "/account/security").press("sign-out-everywhere").on("signing-out").press("continue").on("form-post")
		if w.signedInNow(p) || w.active("c1", keys.access) {
			t.Error("everywhere: something lives on")
		}
	})
}

// lastAnswer posts the answer on the page without going where it leads.
func lastAnswer(w *wall, p *person) string {
	w.t.Helper()
	form := find(p.doc, func(n *html.Node) bool { return n.Data == "form" })
	values := formValues(form)
	res := w.post(p, "/saml/slo", values, "Origin", "null")
	if res.status != http.StatusSeeOther {
		w.t.Fatalf("the answer was answered %d %s", res.status, res.body)
	}
	on := w.one(p, w.request(http.MethodGet, strings.TrimPrefix(res.header.Get("Location"), w.issuer), ""))
	return on.header.Get("Location")
}
