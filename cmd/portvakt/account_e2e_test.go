//go:build e2e

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/html"
)

var freelancers atomic.Int64

// freelancer is a new member whose address is under no organization's rule, signed in.
func (w *wall) freelancer() (*person, string) {
	w.t.Helper()
	email := fmt.Sprintf("frida%d@frei.example", freelancers.Add(1))
	w.hire(email, "Frida", "Frei", nil)
	return w.person().setUp(w.link(email, 1)).on("account"), email
}

// at stands before a page of a freelancer's account.
func at(path string) func(w *wall) *person {
	return func(w *wall) *person {
		p, _ := w.freelancer()
		return p.open(w.issuer + path)
	}
}

func consented(w *wall) *person {
	p, email := w.freelancer()
	p.open(w.issuer + "/oauth2/authorize?" + authorization("evil", "v", "scope", "openid").Encode())
	if p.page() != "consent" {
		w.t.Fatalf("%s is at %q", email, p.page())
	}
	w.one(p, w.request("GET", p.at.RequestURI(), ""))
	w.post(p, p.at.RequestURI(), with(p.fields(), "action", "accept"))
	return p.open(w.issuer + "/account/applications")
}

func leaving(w *wall) *person {
	p, _ := w.freelancer()
	link := find(p.doc, func(n *html.Node) bool { return strings.HasPrefix(attribute(n, "href"), "/account/leave?") })
	if link == nil {
		w.t.Fatalf("nothing to leave:\n%s", p.text)
	}
	return p.open(w.issuer + attribute(link, "href"))
}

// linkTo is the first link of the newest of n mails to somebody that holds the text.
func (w *wall) linkTo(to, holding string, n int) string {
	w.t.Helper()
	for _, l := range w.mails(to, n)[0].Links {
		if strings.Contains(l, holding) {
			return l
		}
	}
	w.t.Fatalf("no link with %q was mailed to %s", holding, to)
	return ""
}

func (w *wall) moving() (p *person, old, now string) {
	p, old = w.freelancer()
	now = "new." + old
	p.open(w.issuer+"/account/email").on("account-email").press("continue", "email", now).on("account-email")
	return p, old, now
}

func confirming(w *wall) *person {
	p, _, now := w.moving()
	return p.open(w.linkTo(now, "/account/email/confirm", 1))
}

func undoing(w *wall) *person {
	p, old, now := w.moving()
	p.open(w.linkTo(now, "/account/email/confirm", 1)).on("account-email-link").press("continue").on("account-security")
	return p.open(w.linkTo(old, "/account/email/undo", 2))
}

// TestR46_APersonLooksAfterTheAccount: another address with a way back, another password, everything that the service knows, and
// the end of every session and token.
func TestR46_APersonLooksAfterTheAccount(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		p, old, now := w.moving()
		k := w.tokens(p, "c1", "scope", "openid email offline_access")
		p.open(w.linkTo(now, "/account/email/confirm", 1)).on("account-email-link").press("continue").on("account-security")
		if got := w.claims(k.access)["email"]; got != now {
			t.Errorf("userinfo says %v, want %s", got, now)
		}
		p.press("change-password").on("change-password").press("continue", "password", newPassword, "new_password", annaPassword+" two", "new_password_again", annaPassword+" two").on("account-security")
		if w.active("c1", k.access) || w.refreshed("c1", k.refresh).status != 400 {
			t.Error("tokens from before the new password live on")
		}
		k = w.tokens(p, "c1", "scope", "openid email offline_access")
		p.open(w.issuer + "/account/applications").on("account-applications")
		if !strings.Contains(p.text, "nav-history") {
			t.Error("no way to the other pages")
		}
		p.open(w.issuer + "/account/history").on("account-history")
		if !strings.Contains(p.text, "A new password was chosen") || !strings.Contains(p.text, old+"</bdi> → <bdi>"+now) {
			t.Errorf("history:\n%s", p.text)
		}
		got := w.post(p, "/account/data", with(p.open(w.issuer+"/account/data").fields(), "action", "export"))
		var all map[string]any
		if err := json.Unmarshal([]byte(got.body), &all); err != nil || got.status != http.StatusOK || all["history"] == nil || strings.Contains(got.body, "argon2") {
			t.Errorf("export: %d %v", got.status, err)
		}
		other := w.person().open(w.issuer+"/account").signIn(now, annaPassword+" two").on("account")
		p.open(w.issuer + "/account/security").press("sign-out-everywhere").on("signed-out")
		if w.active("c1", k.access) || w.refreshed("c1", k.refresh).status != 400 {
			t.Error("tokens live on after signing out everywhere")
		}
		if w.signedInNow(p) || w.signedInNow(other) {
			t.Error("a browser is still signed in")
		}
		w.person().open(w.linkTo(old, "/account/email/undo", 2)).on("account-email-link").press("continue").on("account-email-link")
		w.person().open(w.issuer+"/account").signIn(old, annaPassword+" two").on("account")
		if got := w.one(w.person(), w.request("GET", "/account/email/undo?token="+url.QueryEscape(canary), "")); got.status != http.StatusGone {
			t.Errorf("nonsense: %d", got.status)
		}
	})
}

// claims are what userinfo says.
func (w *wall) claims(access string) map[string]any {
	w.t.Helper()
	got := w.ask("GET", "/oauth2/userinfo", "", "Authorization", "Bearer "+access)
	var out map[string]any
	if err := json.Unmarshal([]byte(got.body), &out); err != nil {
		w.t.Fatalf("%d %s", got.status, got.body)
	}
	return out
}
