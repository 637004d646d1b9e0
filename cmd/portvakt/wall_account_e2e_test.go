//go:build e2e

package main

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// poison puts what a request can say about the host into every request.
type poison struct {
	next    http.RoundTripper
	host    string
	headers []string
}

// RoundTrip changes a copy.
func (p poison) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if p.host != "" {
		r.Host = p.host
	}
	for i := 0; i+1 < len(p.headers); i += 2 {
		r.Header.Add(p.headers[i], p.headers[i+1])
	}
	return p.next.RoundTrip(r)
}

func TestWall076_NothingComesFromTheHost(t *testing.T) {
	poisons := map[string]poison{
		"Host": {host: "evil.example"}, "Host with port": {host: "localhost.evil.example:1"}, "Host with user": {host: "localhost@evil.example"},
		"X-Forwarded-Host": {headers: []string{"X-Forwarded-Host", "evil.example"}}, "Forwarded": {headers: []string{"Forwarded", `for=1.2.3.4;host="evil.example";proto=https`}},
		"proto": {headers: []string{"X-Forwarded-Proto", "https", "X-Forwarded-Port", "4433", "X-Forwarded-Prefix", "/evil.example", "X-Forwarded-Server", "evil.example"}},
		"others": {headers: []string{"X-Host", "evil.example", "X-Original-URL", "/evil.example", "X-Rewrite-URL", "/evil.example", "X-Forwarded-Uri", "/evil.example", "X-HTTP-Host-Override", "evil.example",
			"Referer", "https://evil.example/", "X-Forwarded-For", "evil.example", "Via", "1.1 evil.example"}},
	}
	eachWall(t, func(t *testing.T, w *wall) {
		links := map[string]int{}
		for name, poisoned := range poisons {
			email := fmt.Sprintf("host%d@nordlys.example", len(links))
			links[email] = 2
			poisoned.next = w.witness
			p := w.person()
			p.client.Transport = poisoned
			said := func(what string, got wallAnswer) {
				t.Helper()
				if all := fmt.Sprint(got.header) + got.body; strings.Contains(all, "evil.example") || strings.Contains(all, "4433") {
					t.Errorf("%s: %s repeats it: %v %.300s", name, what, got.header, got.body)
				}
				for _, c := range (&http.Response{Header: got.header}).Cookies() {
					if c.Domain != "" || c.Path != "/" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
						t.Errorf("%s: %s sets the cookie %s", name, what, c.Raw)
					}
				}
				if at := got.location(); at.Host != "" && !strings.HasPrefix(at.String(), w.issuer) {
					t.Errorf("%s: %s leads to %s", name, what, at)
				}
			}
			for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/oauth2/jwks", "/", "/account", "/account/password", "/.well-known/change-password", "/sign-in",
				"/oauth2/logout", "/nowhere", "/oauth2/authorize?" + authorization("c1", "v").Encode(), "/oauth2/authorize", "/account/setup?token=x", "/healthz", "/readyz"} {
				got := w.one(p, w.request("GET", path, ""))
				said(path, got)
				if strings.HasPrefix(path, "/.well-known/o") && got.json()["issuer"] != w.issuer {
					t.Errorf("%s: the issuer is %v", name, got.json()["issuer"])
				}
			}
			req := w.request("POST", "/scim/v2/nordlys/Users", user(email, ""), "Authorization", "Bearer "+hrToken, "Content-Type", "application/scim+json")
			made := w.one(p, req)
			said("SCIM", made)
			if !strings.HasPrefix(made.header.Get("Location"), w.issuer+"/scim/v2/nordlys/Users/") {
				t.Errorf("%s: SCIM's Location is %q", name, made.header.Get("Location"))
			}
			w.mails(email, 1)
			p.open(w.issuer+"/account").press("continue", "email", email).press("forgot-password").on("mail-sent")
		}
		for email, n := range links {
			for _, m := range w.mails(email, n) {
				if strings.Contains(m.Text+m.HTML+m.Subject, "evil.example") || strings.Contains(m.Text+m.HTML, "4433") {
					t.Errorf("the mail says what the request said: %s", m.Text)
				}
				for _, l := range m.Links {
					if !strings.HasPrefix(l, w.issuer+"/") {
						t.Errorf("a mail links to %s", l)
					}
				}
			}
		}
	})
}

func TestWall077_NoStepIsSkipped(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		// Every step, from the first two pages, with a good token and everything a later page would ask for.
		everything := []string{"email", "bob@nordlys.example", "code", "000000", "organization", "nordlys", "action", "accept", "new_password", newPassword, "new_password_again", newPassword, "invitation", "mbr_x"}
		for _, at := range []string{"sign-in", "password"} {
			for _, path := range conversationPaths[1:] {
				p := w.person().open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v").Encode()).on("sign-in")
				i := p.at.Query().Get("i")
				if at == "password" {
					p.press("continue", "email", "admin@nordlys.example")
				}
				for _, form := range []url.Values{with(p.fields(), everything...), p.fields(), {}, with(p.fields(), "i", i)} {
					got := w.post(p, path+"?i="+i, form)
					if at := got.location(); at.Query().Has("code") || at.Host != "" || w.signedInNow(p) || got.status >= 500 {
						t.Fatalf("from %s to %s: %d %q", at, path, got.status, got.header.Get("Location"))
					}
				}
				if p.open(w.issuer + path + "?i=" + i); p.page() != at && p.page() != "mail-sent" && p.page() != "sign-in" {
					t.Errorf("from %s the address %s shows %q", at, path, p.page())
				}
			}
		}
		// Half a sign-in: the password is right, the code is not there. Every page of ours still says no.
		half := w.person().open(w.issuer+"/oauth2/authorize?"+authorization("c1", "v").Encode()).signIn("admin@nordlys.example", adminPassword).on("second-factor")
		i := half.at.Query().Get("i")
		for _, path := range append(append([]string{}, conversationPaths...), "/account", "/account/password", "/oauth2/authorize?"+authorization("c1", "v", "prompt", "none").Encode()) {
			if !strings.Contains(path, "?") {
				path += "?i=" + i
			}
			got := w.one(half, w.request("GET", path, ""))
			if at := got.location(); at.Query().Has("code") || at.Path == "/cb" && at.Query().Get("error") == "" || got.page() == "account" || w.signedInNow(half) {
				t.Errorf("half a sign-in at %s: %d %q %q", path, got.status, got.header.Get("Location"), got.page())
			}
		}
		for _, code := range []string{"", "000000", " ", "null", "１２３４５６", "0", strings.Repeat("1", 64)} {
			half.open(w.issuer + "/sign-in/second-factor?i=" + i)
			if got := w.post(half, "/sign-in/second-factor?i="+i, with(half.fields(), "code", code, "password", adminPassword)); got.location().Host != "" || w.signedInNow(half) {
				t.Errorf("code %q: %d", code, got.status)
			}
		}
		// The person is frozen when the mail goes out: another name typed afterwards changes nothing about the link.
		p := w.person().open(w.issuer+"/account").press("continue", "email", "anna@nordlys.example").press("forgot-password").on("mail-sent")
		p.open(w.issuer+"/sign-in?i="+p.at.Query().Get("i")).on("sign-in").press("continue", "email", "bob@nordlys.example").on("password")
		link := w.link("anna@nordlys.example", 1)
		p.open(link).on("new-password")
		token := p.at.Query().Get("token")
		for name, form := range map[string]url.Values{
			"no token": with(p.fields(), "new_password", newPassword, "new_password_again", newPassword), "another one's form": {"csrf": {w.person().open(w.issuer + "/account").fields().Get("csrf")}, "token": {token}, "new_password": {newPassword}, "new_password_again": {newPassword}},
			"blank": with(p.fields(), "token", " ", "new_password", newPassword, "new_password_again", newPassword), "twice": {"token": {token, token}, "csrf": p.fields()["csrf"], "new_password": {newPassword}, "new_password_again": {newPassword}},
			"empty": {}, "no password": with(p.fields(), "token", token), "user": with(p.fields(), "token", "x", "email", "bob@nordlys.example", "user", "bob@nordlys.example", "new_password", newPassword, "new_password_again", newPassword),
		} {
			if got := w.post(p, "/account/setup", form); got.status < 400 || w.signedInNow(p) {
				t.Errorf("setup with %s: %d", name, got.status)
			}
		}
		got := w.post(p, "/account/setup?token="+token, with(p.fields(), "token", token, "email", "bob@nordlys.example", "new_password", newPassword, "new_password_again", newPassword))
		if got.status != http.StatusSeeOther {
			t.Fatalf("the rightful form: %d %s", got.status, got.body)
		}
		w.signedIn("bob@nordlys.example", bobPassword)
		w.signedIn("anna@nordlys.example", newPassword)
	})
}

func TestWall079_ALinkWorksOnce(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		w.hire("link@nordlys.example", "Lars", "Berg", nil)
		link := w.link("link@nordlys.example", 1)
		for _, method := range []string{"GET", "HEAD", "GET", "HEAD"} {
			if got := w.ask(method, link, ""); got.status != 200 {
				t.Fatalf("%s of a fresh link: %d", method, got.status)
			}
		}
		// A race of sixteen browsers, each with a password of its own.
		people := make([]*person, 16)
		for i := range people {
			people[i] = w.person().open(link).on("new-password")
		}
		var winner int
		won := 0
		for i, got := range race(len(people), func(i int) wallAnswer {
			p := people[i]
			password := fmt.Sprintf("racing horse number %d", i)
			return w.post(p, "/account/setup", with(p.fields(), "token", p.at.Query().Get("token"), "new_password", password, "new_password_again", password))
		}) {
			switch {
			case got.status == http.StatusSeeOther:
				won, winner = won+1, i
			case got.page() != "link-expired" || got.status != http.StatusGone:
				t.Errorf("a loser: %d %q", got.status, got.page())
			}
		}
		if won != 1 {
			t.Fatalf("%d browsers have used one link", won)
		}
		for i, p := range people {
			if w.signedInNow(p) != (i == winner) {
				t.Errorf("browser %d, the winner is %d, is signed in: %v", i, winner, i != winner)
			}
		}
		w.signedIn("link@nordlys.example", fmt.Sprintf("racing horse number %d", winner))
		expired := func(what, link string) {
			t.Helper()
			if p := w.person().open(link); p.page() != "link-expired" || p.status != http.StatusGone {
				t.Errorf("%s opens %q (%d)", what, p.page(), p.status)
			}
		}
		expired("a used link", link)
		// A newer one, another password, another address, the end of its time.
		ask := func(n int) string {
			w.person().open(w.issuer+"/account").press("continue", "email", "link@nordlys.example").press("forgot-password").on("mail-sent")
			return w.link("link@nordlys.example", n)
		}
		first := ask(2)
		form := w.person().open(first).on("new-password") // open already when the newer one comes
		second := ask(3)
		expired("a link with a newer one", first)
		if form.press("continue", "new_password", newPassword, "new_password_again", newPassword); form.page() != "link-expired" {
			t.Errorf("a form that was open when a newer link came leads to %q", form.page())
		}
		w.person().setUp(second).on("account")
		expired("a link after its use", second)
		third := ask(5) // a mail told of the new password
		w.advance(31 * time.Minute)
		expired("an old link", third)
		fourth := ask(6)
		w.scimDone(w.member("nordlys", "link@nordlys.example"), "PATCH", patch(`{"op":"replace","path":"userName","value":"renamed@nordlys.example"}`))
		expired("a link to an address that is not the person's any more", fourth)
		for _, bad := range []string{"", "?token=", "?token=%00", "?token=null", "?token=" + strings.Repeat("a", 43), "?token=" + strings.Repeat("a", 10_000), "?token=x&token=y", "?token[]=x"} {
			if got := w.ask("GET", "/account/setup"+bad, ""); got.status != http.StatusGone || got.page() != "link-expired" {
				t.Errorf("%.40q: %d %q", bad, got.status, got.page())
			}
		}
	})
}

func TestWall080_AResetDoesNotSkipTheSecondFactor(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		const admin = "admin@nordlys.example"
		now := time.Now()
		old := w.person().open(w.issuer+"/account").signIn(admin, adminPassword).on("second-factor").press("continue", "code", totp(t, adminSecret, now)).on("account")
		held := w.tokens(old, "c1")
		w.person().open(w.issuer+"/account").press("continue", "email", admin).press("forgot-password").on("mail-sent")
		link := w.link(admin, 1)
		for _, code := range []string{"", "000000", totp(t, adminSecret, now), totp(t, adminSecret, now.Add(-10*time.Minute))} { // nothing, a guess, one that was used, an old one
			p := w.person().open(link).on("new-password")
			p.press("continue", "new_password", newPassword, "new_password_again", newPassword, "code", code)
			if p.page() != "new-password" || w.signedInNow(p) {
				t.Fatalf("code %q leads to %q", code, p.page())
			}
		}
		if !w.signedInNow(old) || w.userinfo(held.access) != 200 {
			t.Error("a reset that did not happen has ended the session")
		}
		w.person().open(w.issuer+"/account").signIn(admin, adminPassword).on("second-factor") // the old password still counts
		w.advance(31 * time.Second)
		p := w.person().open(link).on("new-password")
		p.press("continue", "new_password", newPassword, "new_password_again", newPassword, "code", totp(t, adminSecret, now.Add(31*time.Second))).on("account")
		if w.signedInNow(old) || w.userinfo(held.access) != 401 {
			t.Error("sessions from before the reset live on")
		}
		w.refused("refresh after the reset", w.refreshed("c1", held.refresh), 400, "invalid_grant")
		w.mails(admin, 2) // which tells of it
		w.person().open(w.issuer+"/account").signIn(admin, newPassword).on("second-factor")
	})
}

// masks hide what differs in every answer: the e-mail that was typed, tokens, ids, lengths of time.
var masks = regexp.MustCompile(`portvakt-email-\d+=[A-Za-z0-9_-]+|name="csrf" value="[^"]+"|(int|wac)_[a-z0-9]+|[A-Za-z0-9_-]{43}|[a-z2-7]{26}|(after|in|i|om|nach|efter|etter) \d+ \w+|\d+ (seconds?|minutes?)`)

func (w *wall) masked(got wallAnswer, email string) string {
	var lines []string
	for name, values := range got.header {
		switch name {
		case "Date", "X-Request-Id", "Retry-After":
			values = []string{"·"}
		case "Set-Cookie":
			values = slices.Clone(values)
			slices.Sort(values)
		}
		lines = append(lines, name+": "+strings.Join(values, " | "))
	}
	slices.Sort(lines)
	text := fmt.Sprint(got.status, "\n", strings.Join(lines, "\n"), "\n", got.body)
	for _, spelled := range []string{email, url.QueryEscape(email), strings.ReplaceAll(email, "@", "&#64;")} {
		text = strings.ReplaceAll(text, spelled, "·")
	}
	return masks.ReplaceAllString(text, "·")
}

func TestWall086_EverybodyIsAnsweredAlike(t *testing.T) {
	t.Parallel()
	now := time.Now() // and stays: a pause that passes while a slow machine computes is no difference between people
	eachEngine(t, func(t *testing.T, database string) {
		w := newWall(t, database, func() time.Time { return now })
		w.setUpStrangers()
		// Addresses of one length, so that the lengths of answers can be compared as well.
		people := map[string]string{"unknown": "nobodyatall@nordlys.example", "known": "kindofknown@nordlys.example", "no password": "nopassword1@nordlys.example", "suspended": "suspendedyy@nordlys.example",
			"ended": "endedperson@nordlys.example", "another organization": "organotherx@bjorkvi.example", "second factor": "secondfacto@nordlys.example", "invited": "invitedones@bjorkvi.example",
			"unknown elsewhere": "nobodyatall@unknown.example", "passkey": "passkeyhold@nordlys.example"}
		answers := map[string][]string{}
		for name, email := range people {
			answers[name] = w.walk(email)
		}
		for name, got := range answers {
			for i, want := range answers["unknown"] {
				if i < len(got) && got[i] != want {
					t.Errorf("%s differs from unknown at step %d:\n%s\n----\n%s", name, i, difference(got[i], want), difference(want, got[i]))
				}
			}
			if len(got) != len(answers["unknown"]) {
				t.Errorf("%s has %d steps", name, len(got))
			}
		}
	})
}

// difference is the first line in which a differs from b, with what stands around it.
func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range x {
		if i >= len(y) || x[i] != y[i] {
			return x[i]
		}
	}
	return "(nothing more)"
}

// setUpStrangers makes people of every state.
func (w *wall) setUpStrangers() {
	w.t.Helper()
	password := func(email string, n int) {
		w.person().setUp(w.link(email, n))
	}
	w.hire("kindofknown@nordlys.example", "Known", "Known", nil)
	password("kindofknown@nordlys.example", 1)
	w.hire("nopassword1@nordlys.example", "No", "Password", nil)
	suspended := w.hire("suspendedyy@nordlys.example", "Sus", "Pended", nil)
	password("suspendedyy@nordlys.example", 1)
	w.setActive(suspended, false)
	ended := w.hire("endedperson@nordlys.example", "En", "Ded", nil)
	password("endedperson@nordlys.example", 1)
	w.scimDone(ended, "DELETE", "")
	for _, email := range []string{"organotherx@bjorkvi.example", "invitedones@bjorkvi.example"} {
		if got := w.scim("bjorkvik", "POST", "/Users", user(email, "")); got.status != 201 {
			w.t.Fatalf("%d %s", got.status, got.body)
		}
	}
	password("organotherx@bjorkvi.example", 1)
	w.mails("invitedones@bjorkvi.example", 1)
	w.hire("passkeyhold@nordlys.example", "Pass", "Key", nil)
	password("passkeyhold@nordlys.example", 1)
	w.addKey(w.signedIn("passkeyhold@nordlys.example", newPassword), "passkey")
}

// walk is everything that somebody without a password can see of a person, masked.
func (w *wall) walk(email string) (out []string) {
	w.t.Helper()
	keep := func(got wallAnswer) wallAnswer {
		out = append(out, w.masked(got, email))
		return got
	}
	p := w.person()
	hinted := keep(w.authorize(p, authorization("c1", "v", "login_hint", email)))
	keep(w.one(p, w.request("GET", hinted.header.Get("Location"), "")))
	keep(w.authorize(p, authorization("c1", "v", "login_hint", email, "prompt", "none")))
	p = w.person().open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v").Encode()).on("sign-in")
	i := p.at.Query().Get("i")
	keep(w.challenge(p, "/sign-in/webauthn/options", "passkey"))
	keep(w.post(p, "/sign-in?i="+i, with(p.fields(), "i", i, "email", email, "remember", "yes")))
	keep(w.one(p, w.request("GET", "/sign-in/password?i="+i, "")))
	p.open(w.issuer + "/sign-in/password?i=" + i)
	keep(w.challenge(p, "/sign-in/webauthn/options", "passkey"))
	keep(w.challenge(p, "/sign-in/webauthn/options", "second_factor"))
	for n := range 7 { // the pauses begin within
		got := keep(w.post(p, "/sign-in/password?i="+i, with(p.fields(), "i", i, "password", fmt.Sprintf("a wrong password %d", n))))
		if want := 403; got.status != want && got.status != http.StatusTooManyRequests {
			w.t.Errorf("a wrong password of %s: %d", email, got.status)
		}
	}
	keep(w.post(p, "/sign-in/password?i="+i, with(p.fields(), "i", i, "action", "forgot")))
	keep(w.one(p, w.request("GET", "/sign-in/forgot?i="+i, "")))
	keep(w.post(p, "/sign-in/forgot?i="+i, with(p.fields(), "i", i)))
	keep(w.one(p, w.request("GET", "/sign-in/second-factor?i="+i, "")))
	keep(w.one(p, w.request("GET", "/sign-in/organization?i="+i, "")))
	return out
}

func TestWall088_089_PasswordsAreWhole(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		try := func(email, password string) *person {
			p := w.person().open(w.issuer+"/account").press("continue", "email", email)
			return p.press("continue", "password", password)
		}
		for i, guesses := range [][]string{{"", "null", "undefined", "0"}, {"true", "[]", "{}", "*"}, {"\x00", "%00", strings.Repeat("a", 1024), strings.Repeat("a", 5000)}, {"nopassword", "password", "' or '1'='1", "$argon2id$"}} {
			email := fmt.Sprintf("sentinel%d@nordlys.example", i)
			w.hire(email, "No", "Password", nil)
			for _, guess := range guesses {
				if p := try(email, guess); p.page() != "password" || w.signedInNow(p) {
					t.Errorf("%.20q leads to %q", guess, p.page())
				}
			}
			p := w.person().open(w.issuer+"/account").press("continue", "email", email)
			for _, form := range []url.Values{{}, {"password": {"", "x"}}, {"password[]": {"x"}}, {"password": {"x", "x"}}} {
				form.Set("csrf", p.fields().Get("csrf"))
				if got := w.post(p, "/sign-in/password?i="+p.at.Query().Get("i"), form); got.page() != "password" || got.status >= 500 {
					t.Errorf("%v: %d %q", form, got.status, got.page())
				}
			}
		}
		long := strings.Repeat("correct horse ", 8) + "staple"
		w.hire("whole@nordlys.example", "Who", "Le", nil)
		w.person().open(w.link("whole@nordlys.example", 1)).on("new-password").press("continue", "new_password", long, "new_password_again", long).on("account")
		for _, near := range []string{long[:72], long[:len(long)-1], long + " ", long + "\x00", long + "x", strings.ToUpper(long[:1]) + long[1:]} {
			if p := try("whole@nordlys.example", near); w.signedInNow(p) {
				t.Errorf("a password that only begins alike (%d of %d) is taken", len(near), len(long))
			}
		}
		w.advance(time.Hour) // the pause after wrong guesses
		w.signedIn("whole@nordlys.example", long)
	})
}

func TestWall083_091_GuessesAreCountedOnce(t *testing.T) {
	t.Parallel()
	now := time.Now() // and stays: a pause that passes while a slow machine computes would rightly let somebody guess again
	eachEngine(t, func(t *testing.T, database string) {
		w := newWall(t, database, func() time.Time { return now })
		// Twenty browsers at once, four spellings of one address: one counter.
		spellings := []string{"bob@nordlys.example", "BOB@nordlys.example", " Bob@Nordlys.Example ", "bob@NORDLYS.example"}
		at := func(email, password string) *person {
			p := w.person().open(w.issuer+"/account").press("continue", "email", email).on("password")
			if password != "" {
				p.press("continue", "password", password).on("second-factor")
			}
			return p
		}
		people := make([]*person, 20)
		for i := range people {
			people[i] = at(spellings[i%len(spellings)], "")
		}
		guessed := 0
		for i, got := range race(len(people), func(i int) wallAnswer {
			return w.post(people[i], people[i].at.RequestURI(), with(people[i].fields(), "password", fmt.Sprintf("a wrong guess %d", i)))
		}) {
			switch got.status {
			case http.StatusForbidden:
				guessed++
			case http.StatusTooManyRequests:
				if got.header.Get("Retry-After") == "" {
					t.Error("a pause of unknown length")
				}
			default:
				t.Errorf("guess %d: %d %q", i, got.status, got.page())
			}
		}
		if guessed != 6 { // five cost no pause, the sixth begins one
			t.Errorf("%d passwords were tried at once, over %d spellings", guessed, len(spellings))
		}
		// One code, eight browsers that know the password: one gets in.
		for i := range people[:8] {
			people[i] = at("secondfacto@nordlys.example", "wall secret of sec 6")
		}
		in := 0
		for i, got := range race(8, func(i int) wallAnswer {
			return w.post(people[i], people[i].at.RequestURI(), with(people[i].fields(), "code", totp(t, "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU", now)))
		}) {
			if got.status == http.StatusSeeOther && w.signedInNow(people[i]) {
				in++
			}
		}
		if in != 1 {
			t.Errorf("one code let %d browsers in", in)
		}
		// A right password does not give new guesses at the code.
		tried := 0
		for i := range 12 {
			p := at("admin@nordlys.example", adminPassword)
			got := w.post(p, p.at.RequestURI(), with(p.fields(), "code", fmt.Sprintf("%06d", i)))
			if got.status != http.StatusTooManyRequests {
				tried++
			}
			if w.signedInNow(p) {
				t.Fatal("a guessed code")
			}
		}
		if tried != 6 {
			t.Errorf("%d codes were tried, each after a new sign-in", tried)
		}
	})
}
