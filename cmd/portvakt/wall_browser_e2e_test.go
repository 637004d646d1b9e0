//go:build e2e

package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"portvakt/idp/account"
	"portvakt/idp/interaction"
	"portvakt/idp/oidc"
	"portvakt/internal/console"
)

func TestWall106_SessionsAreNeverAdopted(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		planted := strings.Repeat("p", 43)
		p := w.person()
		u, _ := url.Parse(w.issuer)
		p.client.Jar.SetCookies(u, []*http.Cookie{{Name: w.cookieName("session"), Value: planted, Path: "/"}, {Name: w.cookieName("browser"), Value: planted, Path: "/"}})
		p.open(w.issuer+"/account").on("sign-in").press("continue", "email", "anna@nordlys.example").on("password")
		before := p.fields().Get("csrf")
		i := p.at.Query().Get("i")
		p.press("continue", "password", annaPassword).on("account")
		session := w.cookie(p, "portvakt-session")
		if session == planted || len(session) != 43 {
			t.Errorf("the session's cookie is %q", session)
		}
		if p.fields().Get("csrf") == before {
			t.Error("the form's token is the same before and after the sign-in")
		}
		for _, attack := range [][]string{{"Cookie", w.cookieName("session") + "=" + planted}, {"Cookie", w.cookieName("browser") + "=" + planted}} {
			for _, path := range []string{"/account", "/sign-in/password?i=" + i, "/sign-in?i=" + i} {
				if got := w.ask("GET", path, "", attack...); got.page() == "account" || got.page() == "password" || strings.Contains(got.body, "anna@") {
					t.Errorf("the planted cookie opens %s: %q", path, got.page())
				}
			}
		}
		// What is proven without being a session yet is bound to a browser's cookie that nobody can have planted.
		half := w.person()
		half.client.Jar.SetCookies(u, []*http.Cookie{{Name: w.cookieName("browser"), Value: planted, Path: "/"}})
		half.open(w.issuer+"/account").press("continue", "email", "admin@nordlys.example").press("continue", "password", adminPassword).on("second-factor")
		if w.cookie(half, "portvakt-browser") == planted {
			t.Error("the browser's cookie is the same before and after the password")
		}
		if got := w.ask("GET", half.at.RequestURI(), "", "Cookie", w.cookieName("browser")+"="+planted); got.page() != "error" {
			t.Errorf("the planted cookie opens %q", got.page())
		}
		// Two cookies of the name are none: who planted the second must not choose.
		both := w.cookieName("session") + "=" + session
		for _, pair := range []string{both + "; " + both, w.cookieName("session") + "=" + planted + "; " + both, both + "; " + w.cookieName("session") + "=" + planted} {
			if got := w.ask("GET", "/account", "", "Cookie", pair); got.status == 200 {
				t.Error("two session cookies are taken for one")
			}
		}
		// A new sign-in makes a new session and ends the old one.
		verifier := "v"
		p.open(w.issuer + "/oauth2/authorize?" + authorization("c1", verifier, "prompt", "login").Encode()).on("password")
		got := w.post(p, p.at.RequestURI(), with(p.fields(), "password", annaPassword))
		if !got.location().Query().Has("code") {
			t.Fatalf("the new sign-in: %d %q", got.status, got.header.Get("Location"))
		}
		again := w.cookie(p, "portvakt-session")
		if again == session || w.ask("GET", "/account", "", "Cookie", both).status == 200 {
			t.Error("the old session lives beside the new one")
		}
		// Signed out is signed out, and the next person gets nothing of it.
		mine := w.tokens(p, "c2", "scope", "openid organization")
		p.open(w.issuer + "/account").press("sign-out").on("signed-out")
		if w.ask("GET", "/account", "", "Cookie", w.cookieName("session")+"="+again).status == 200 {
			t.Error("the cookie lives on after the sign-out")
		}
		p.open(w.issuer+"/account").signIn("bob@nordlys.example", bobPassword).on("account")
		his := w.tokens(p, "c2", "scope", "openid organization")
		if claimOf(mine.id, "sid") == claimOf(his.id, "sid") || claimOf(mine.id, "sub") == claimOf(his.id, "sub") || strings.Contains(p.text, "Anna") {
			t.Error("the second person has something of the first")
		}
		if w.userinfo(mine.access) != 401 {
			t.Error("an access token without offline_access outlives the sign-out")
		}
	})
}

func claimOf(token, name string) any {
	var claims map[string]any
	parts := strings.Split(token, ".")
	if len(parts) == 3 {
		_ = json.Unmarshal([]byte(decoded(parts[1])), &claims)
	}
	return claims[name]
}

// pageRoutes are the addresses of pages, from the tables that the service itself is routed by.
func pageRoutes() (paths []string) {
	for _, r := range (&interaction.Service{}).Routes() {
		paths = append(paths, r.Path)
	}
	for _, r := range (&account.Account{}).Routes() {
		paths = append(paths, r.Path)
	}
	for _, r := range (&console.Console{}).Routes() {
		paths = append(paths, r.Path)
	}
	for _, r := range (&oidc.Handler{}).Routes() {
		if r.Who == oidc.Browser {
			paths = append(paths, r.Path)
		}
	}
	return paths
}

// stations stand before the form of each page that changes something: the page, how to come there, and its answer.
var stations = []struct {
	path, page string
	stand      func(w *wall) *person
	answer     []string
}{
	{"/sign-in", "sign-in", func(w *wall) *person {
		return w.person().open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v").Encode())
	}, []string{"email", "anna@nordlys.example"}},
	{"/sign-in/password", "password", func(w *wall) *person { return w.typed("anna@nordlys.example") }, []string{"password", annaPassword}},
	{"/sign-in/forgot", "password", func(w *wall) *person { return w.typed("anna@nordlys.example") }, []string{"action", "forgot"}},
	{"/sign-in/second-factor", "second-factor", func(w *wall) *person {
		return w.typed("admin@nordlys.example").press("continue", "password", adminPassword)
	}, []string{"code", "000000"}},
	{"/sign-in/second-factor", "second-factor", mailStation, []string{"action", "mail-code"}},
	{"/sign-in/enrol-factor", "enrol-factor", func(w *wall) *person {
		return w.typed("bare@nordlys.example").press("continue", "password", "wall secret of bare 8")
	}, []string{"code", "000000"}},
	{"/sign-in/recovery-codes", "recovery-codes", func(w *wall) *person { return w.enrolling() }, []string{"action", ""}},
	{"/account/factors", "factors", func(w *wall) *person {
		return w.enrolled().open(w.issuer + "/account/factors")
	}, []string{"action", "new-recovery-codes"}},
	{"/account/factors/totp", "enrol-factor", func(w *wall) *person {
		return w.signedIn("anna@nordlys.example", annaPassword).open(w.issuer + "/account/factors/totp")
	}, []string{"code", "000000"}},
	{"/sign-in/new-password", "new-password", func(w *wall) *person {
		return w.typed("initial@nordlys.example").press("continue", "password", "wall secret at first 7")
	}, []string{"new_password", newPassword, "new_password_again", newPassword}},
	{"/sign-in/organization", "organization", func(w *wall) *person {
		return w.person().open(w.issuer+"/oauth2/authorize?"+authorization("evil", "v", "scope", "openid").Encode()).signIn("mallory@evil.example", malloryPassword)
	}, []string{"organization", "evil"}},
	{"/sign-in/invitation", "invitation", func(w *wall) *person { w.invite(); return w.signedInAt("c3", "anna@nordlys.example", annaPassword) }, []string{"action", "accept"}},
	{"/sign-in/consent", "consent", func(w *wall) *person { return w.signedInAt("evil", "bob@nordlys.example", bobPassword) }, []string{"action", "accept"}},
	{"/account", "account", func(w *wall) *person { return w.signedIn("anna@nordlys.example", annaPassword) }, []string{"action", "sign-out"}},
	{"/account/sign-out", "account", func(w *wall) *person { return w.signedIn("anna@nordlys.example", annaPassword) }, nil},
	{"/account/preferences", "preferences", func(w *wall) *person {
		return w.signedIn("anna@nordlys.example", annaPassword).open(w.issuer + "/account/preferences")
	}, []string{"language", "de"}},
	{"/account/security", "account-security", at("/account/security"), []string{"action", "sign-out-everywhere"}},
	{"/account/applications", "account-applications", consented, []string{"action", "revoke"}},
	{"/account/data", "account-data", at("/account/data"), []string{"action", "withdraw-erasure"}},
	{"/account/erasure", "account-erasure", at("/account/erasure"), []string{"action", "request-erasure"}},
	{"/account/leave", "account-leave", leaving, []string{"action", "leave"}},
	{"/account/email", "account-email", at("/account/email"), []string{"email", "another@frei.example"}},
	{"/account/email/confirm", "account-email-link", confirming, nil},
	{"/account/email/undo", "account-email-link", undoing, nil},
	{"/account/password", "change-password", at("/account/password"), []string{"password", newPassword, "new_password", annaPassword, "new_password_again", annaPassword}},
	{"/account/keys", "keys", func(w *wall) *person {
		return w.signedIn("anna@nordlys.example", annaPassword).open(w.issuer + "/account/keys")
	}, []string{"action", "remove-key"}},
	{"/account/setup", "new-password", func(w *wall) *person {
		email := fmt.Sprintf("csrf%d@nordlys.example", len(w.mails("", 0))+len(w.witness.seen))
		w.hire(email, "Csrf", "Csrf", nil)
		return w.person().open(w.link(email, 1))
	}, []string{"new_password", newPassword, "new_password_again", newPassword}},
	{"/oauth2/logout", "sign-out", func(w *wall) *person {
		return w.signedIn("anna@nordlys.example", annaPassword).open(w.issuer + "/oauth2/logout")
	}, []string{"action", "sign-out"}},
}

func (w *wall) typed(email string) *person {
	return w.person().open(w.issuer+"/oauth2/authorize?"+authorization("c1", "v").Encode()).press("continue", "email", email)
}

func (w *wall) signedInAt(client, email, password string) *person {
	return w.person().open(w.issuer+"/oauth2/authorize?"+authorization(client, "v", "scope", "openid").Encode()).signIn(email, password)
}

// invite makes anna an invited member of the other organization.
func (w *wall) invite() {
	if got := w.scim("bjorkvik", "POST", "/Users", user("anna@nordlys.example", "")); got.status != 201 && got.status != 409 {
		w.t.Fatalf("%d %s", got.status, got.body)
	}
}

func TestWall110_NoFormFromElsewhere(t *testing.T) {
	foreign := map[string][]string{
		"evil origin": {"Origin", "https://evil.example"}, "null": {"Origin", "null"}, "subdomain": {"Origin", "http://evil.localhost"}, "cross-site": {"Sec-Fetch-Site", "cross-site"},
		"same-site": {"Sec-Fetch-Site", "same-site"}, "cross-site with our origin": {"Sec-Fetch-Site", "cross-site", "Origin", ""}, "https": {"Origin", "https://localhost"},
	}
	eachWall(t, func(t *testing.T, w *wall) {
		covered := map[string]bool{"/oauth2/authorize": true, "/account/history": true, "/.well-known/change-password": true} // change nothing
		covered["/sign-in/webauthn/options"], covered["/account/webauthn/options"] = true, true                               // take JSON: TestWall110_NoChallengeForElsewhere
		covered["/account/setup/webauthn/options"] = true                                                                     // too
		covered["/brand/{organization}/logo"], covered["/brand/{organization}/accent.css"] = true, true                       // pictures and colours: change nothing
		for _, r := range (&console.Console{}).Routes() {
			covered[r.Path] = true // its tokens are tried in internal/console, by an operator with a second factor
		}
		for _, s := range stations {
			covered[s.path] = true
		}
		for _, path := range pageRoutes() {
			if !covered[path] {
				t.Errorf("the page %s has no station in this test", path)
			}
			for name, headers := range foreign {
				if headers[1] == "" {
					headers[1] = w.issuer
				}
				if len(headers) == 4 && headers[3] == "" {
					headers = []string{headers[0], headers[1], headers[2], w.issuer}
				}
				if got := w.ask("POST", path, "csrf=x", append([]string{"Content-Type", formType}, headers...)...); path != "/oauth2/authorize" && path != "/oauth2/logout" && got.status != 403 {
					t.Errorf("POST %s, %s: %d", path, name, got.status)
				}
			}
		}
		mails := len(w.mails("anna@nordlys.example", 0))
		others := w.signedIn("bob@nordlys.example", bobPassword).fields().Get("csrf")
		for _, s := range stations {
			t.Run(strings.ReplaceAll(strings.TrimPrefix(s.path, "/"), "/", " "), func(t *testing.T) {
				w := w.under(t)
				p := s.stand(w).on(s.page)
				good := with(p.fields(), s.answer...)
				if key := find(p.doc, func(n *html.Node) bool { return attribute(n, "name") == "key" }); key != nil {
					good.Set("key", attribute(key, "value"))
				}
				if s.page == "invitation" {
					good.Set("invitation", attribute(find(p.doc, func(n *html.Node) bool { return attribute(n, "name") == "invitation" }), "value"))
				}
				target := s.path + "?" + p.at.RawQuery
				cookies := fmt.Sprint(w.cookie(p, "portvakt-session"), w.signedInNow(p))
				unmoved := func(what string, got wallAnswer) {
					t.Helper()
					if now := fmt.Sprint(w.cookie(p, "portvakt-session"), w.signedInNow(p)); now != cookies || got.location().Host != "" || got.status >= 500 {
						t.Fatalf("%s has changed something: %d %q", what, got.status, got.header.Get("Location"))
					}
					back := s.path == "/sign-in/forgot" && got.location().Path == "/sign-in/password" // its own page comes only after a mail
					if got.status < 400 && !back || back && len(w.mails("anna@nordlys.example", 0)) != mails {
						t.Errorf("%s: %d %q", what, got.status, got.header.Get("Location"))
					}
				}
				for name, token := range map[string]string{"none": "", "nonsense": "x", "another session's": others, "short": good.Get("csrf")[:42], "other case": strings.ToUpper(good.Get("csrf"))} {
					unmoved("token "+name, w.post(p, target, with(good, "csrf", token)))
				}
				unmoved("token twice", w.post(p, target, url.Values{"csrf": {good.Get("csrf"), good.Get("csrf")}, "action": good["action"], "password": good["password"], "email": good["email"]}))
				unmoved("token in the address", w.post(p, target+"&csrf="+good.Get("csrf"), with(good, "csrf", "")))
				for _, kind := range []string{"text/plain", "application/json", "multipart/form-data; boundary=x", ""} {
					unmoved("as "+kind, w.one(p, w.request("POST", target, good.Encode(), "Content-Type", kind, "Origin", w.issuer)))
				}
				for _, method := range []string{"GET", "HEAD"} {
					got := w.one(p, w.request(method, target+"&"+good.Encode()+"&_method=POST", ""))
					if now := fmt.Sprint(w.cookie(p, "portvakt-session"), w.signedInNow(p)); now != cookies || got.status >= 500 {
						t.Fatalf("%s has changed something: %d", method, got.status)
					}
				}
				for _, method := range []string{"PUT", "PATCH", "DELETE", "OPTIONS"} {
					if got := w.one(p, w.request(method, target, good.Encode(), "Content-Type", formType, "Origin", w.issuer)); got.status != 405 {
						t.Errorf("%s: %d", method, got.status)
					}
				}
				if s.path != "/oauth2/logout" {
					for name, headers := range foreign {
						unmoved("the good form, "+name, w.post(p, target, good, headers...))
					}
				}
				if got := w.post(p, target, good); got.status == 403 && s.page != "second-factor" && s.page != "enrol-factor" || got.status >= 500 {
					t.Errorf("the good form at last: %d %s", got.status, got.page())
				}
			})
		}
	})
}

// TestWall106_CookiesOverHTTPS: names, flags and HSTS as production has them.
func TestWall106_CookiesOverHTTPS(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir()+"/portvakt.db", "--tls")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // the test's own server
	res, err := client.Get(s.issuer + "/sign-in")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if len(res.Cookies()) == 0 || !strings.HasPrefix(res.Header.Get("Strict-Transport-Security"), "max-age=31536000") {
		t.Errorf("headers %v", res.Header)
	}
	for _, c := range res.Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %s", c.Raw)
		}
	}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: version}}} //nolint:gosec // must fail
		if res, err := old.Get(s.issuer + "/healthz"); err == nil {
			res.Body.Close()
			t.Errorf("TLS version %x is spoken", version)
		}
	}
}
