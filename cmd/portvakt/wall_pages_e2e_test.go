//go:build e2e

package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func TestWall112_NothingIsShownAsItCame(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		shown := 0
		clean := func(what string, body string) {
			t.Helper()
			if strings.Contains(body, `<x>`) || strings.Contains(body, canary) {
				t.Errorf("%s shows the canary as it came", what)
			}
			doc, err := html.Parse(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if find(doc, func(n *html.Node) bool { return n.Data == "x" }) != nil {
				t.Errorf("%s holds the canary's element", what)
			}
			if strings.Contains(body, "{{7*7}}") {
				shown++
			}
		}
		// Parameters and headers of every page.
		names := []string{"i", "token", "ui_locales", "login_hint", "state", "nonce", "error", "error_description", "organization", "done", "acr_values", "prompt", "client_id", "redirect_uri", "scope", "confirm",
			"post_logout_redirect_uri", "id_token_hint", "response_type", "response_mode", "email", "name", canary}
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		for _, path := range append(pageRoutes(), "/nowhere", "/"+url.PathEscape(canary), "/dev/mail", "/dev/mail/"+url.PathEscape(canary), "/oauth2/userinfo") {
			for _, name := range names {
				for _, base := range []url.Values{{}, authorization("c1", "v", "prompt", "none")} {
					q := with(base)
					q.Set(name, canary)
					for _, p := range []*person{anna, w.person()} {
						clean(path+"?"+name, w.one(p, w.request("GET", path+"?"+q.Encode(), "", "User-Agent", canary, "Accept-Language", canary, "Referer", canary, "X-Forwarded-For", canary, "X-Request-Id", canary)).body)
					}
				}
			}
			clean("POST "+path, w.post(anna, path, url.Values{"csrf": {canary}, "email": {canary}, "action": {canary}, "token": {canary}, "invitation": {canary}, "organization": {canary}}).body)
		}
		// The typed e-mail comes back on the page that refuses it.
		p := w.person().open(w.issuer + "/account").on("sign-in")
		for _, typed := range []string{canary, `"<x>"@nordlys.example`, canary + "@nordlys.example"} {
			got := w.post(p, "/sign-in", with(p.fields(), "email", typed))
			clean("the e-mail", got.body)
			if at := got.header.Get("Location"); at != "" {
				clean("the e-mail", w.one(p, w.request("GET", at, "")).body)
			}
		}
		w.canaryEverywhere(clean)
		if shown < 8 {
			t.Errorf("the canary was shown escaped only %d times: the test sees too little", shown)
		}
	})
}

// canaryFields are operations that put the canary into every text of a SCIM user.
func canaryFields() (operations []string) {
	value, _ := json.Marshal(canary)
	for _, path := range []string{"name.formatted", "name.givenName", "name.familyName", "name.middleName", "name.honorificPrefix", "name.honorificSuffix", "displayName", "nickName", "profileUrl", "title", "userType",
		"preferredLanguage", "locale", "timezone", "externalId", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"} {
		operations = append(operations, `{"op":"add","path":"`+path+`","value":`+string(value)+`}`)
	}
	for _, list := range []string{"phoneNumbers", "photos", "ims", "emails"} {
		operations = append(operations, `{"op":"add","path":"`+list+`","value":[{"value":`+string(value)+`,"type":`+string(value)+`,"display":`+string(value)+`}]}`)
	}
	return append(operations, `{"op":"add","path":"addresses","value":[{"formatted":`+string(value)+`,"locality":`+string(value)+`,"type":"work","primary":true}]}`,
		`{"op":"add","path":"userName","value":`+string(value)+`}`)
}

func (w *wall) canaryEverywhere(clean func(what, body string)) {
	w.t.Helper()
	id, taken := w.member("nordlys", "anna@nordlys.example"), 0
	for _, operation := range canaryFields() {
		switch got := w.scim("nordlys", "PATCH", "/Users/"+id, patch(operation)); {
		case got.status < 300:
			taken++
		case got.status != 400:
			w.t.Errorf("%s: %d %s", operation, got.status, got.body)
		}
	}
	if taken < 12 {
		w.t.Errorf("only %d fields took the canary", taken)
	}
	for _, path := range []string{"/Users/" + id, "/Users", "/Groups"} {
		if got := w.scim("nordlys", "GET", path, ""); !strings.HasPrefix(got.header.Get("Content-Type"), "application/scim+json") || got.header.Get("X-Content-Type-Options") != "nosniff" {
			w.t.Errorf("SCIM answers %v", got.header)
		}
	}
	hired := w.scim("nordlys", "POST", "/Users", user("canary@nordlys.example", `"name":{"givenName":`+quoted(canary)+`,"familyName":`+quoted(canary)+`},"displayName":`+quoted(canary)))
	if hired.status != 201 {
		w.t.Fatalf("%d %s", hired.status, hired.body)
	}
	mail := w.mails("canary@nordlys.example", 1)[0]
	clean("a mail", mail.HTML)
	clean("/dev/mail", w.ask("GET", "/dev/mail", "").body)
	clean("/dev/mail/…", w.ask("GET", "/dev/mail/"+mail.ID, "").body)
	p := w.person().open(w.link("canary@nordlys.example", 1))
	clean("the link's page", p.text)
	clean("the account", p.press("continue", "new_password", newPassword, "new_password_again", newPassword).on("account").text)

	evil := w.person().open(w.issuer + "/oauth2/authorize?" + authorization("evil", "v", "scope", "openid profile organization access").Encode()).on("sign-in")
	clean("the sign-in page of an application", evil.text)
	evil.press("continue", "email", "mallory@evil.example")
	clean("the password page", evil.text)
	evil.press("continue", "password", malloryPassword).on("organization")
	clean("the organizations", evil.text)
	evil.press("continue", "organization", "evil").on("consent")
	clean("the consent page", evil.text)
	clean("the account", evil.open(w.issuer+"/account").on("account").text)
	clean("the sign-out page", evil.open(w.issuer+"/oauth2/logout").text)
	if got := w.scim("bjorkvik", "POST", "/Users", user("canary@nordlys.example", `"title":`+quoted(canary))); got.status != 201 {
		w.t.Fatalf("%d %s", got.status, got.body)
	}
	clean("an invitation", p.open(w.issuer+"/account").text)

	evil.open(w.demo).press("sign-in").on("organization").press("continue", "organization", "evil").on("demo-signed-in")
	clean("the demo application", evil.text)
	for _, button := range []string{"refresh", "userinfo"} {
		clean("the demo application", evil.press(button).text)
	}
	for _, path := range []string{"/callback", "/login", "/signed-out", "/nowhere/" + url.PathEscape(strings.ReplaceAll(canary, "/", ""))} {
		q := url.Values{}
		for _, name := range []string{"code", "state", "iss", "error", "error_description", "organization", "prompt", "ui_locales", "login_hint", "max_age"} {
			q.Set(name, canary)
		}
		got := w.one(evil, w.request("GET", w.demo+path+"?"+q.Encode(), ""))
		clean("the demo's "+path, got.body)
		if policy := got.header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") {
			w.t.Errorf("the demo's %s has the policy %q", path, policy)
		}
	}
}

func quoted(s string) string { b, _ := json.Marshal(s); return string(b) }

func TestWall116_PagesLeakNothing(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		seen := map[string]bool{}
		check := func(got wallAnswer, p *person) {
			t.Helper()
			seen[got.page()] = true
			w.pageHeaders(got)
			w.ownContent(got)
		}
		for _, s := range stations {
			p := s.stand(w).on(s.page)
			check(w.one(p, w.request("GET", p.at.RequestURI(), "")), p)
		}
		p := w.typed("bob@nordlys.example").press("forgot-password").on("mail-sent")
		check(w.one(p, w.request("GET", p.at.RequestURI(), "")), p)
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		check(w.authorize(anna, authorization("c1", "v", "response_mode", "form_post")), anna)
		check(w.ask("GET", "/account/setup?token=x", ""), nil)
		check(w.ask("GET", "/nowhere", ""), nil)
		check(w.ask("GET", "/oauth2/authorize", ""), nil)
		check(w.ask("GET", "/oauth2/logout", ""), nil)
		check(w.post(anna, "/account/sign-out", url.Values{}), anna)
		for _, page := range []string{"sign-in", "password", "second-factor", "organization", "invitation", "consent", "account", "mail-sent", "signed-out", "sign-out", "error", "new-password", "link-expired", "form-post", "keys"} {
			if !seen[page] {
				t.Errorf("the page %q was not looked at", page)
			}
		}
		// What is no page: nothing with a person's or client's data may be kept.
		for _, path := range []string{"/account", "/oauth2/userinfo", "/scim/v2/nordlys/Users", "/sign-in/password", "/account/password", "/dev/mail.json", "/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"} {
			for _, method := range []string{"GET", "POST"} {
				if got := w.ask(method, path, ""); got.body != "" && got.header.Get("Cache-Control") != "no-store" || got.header.Get("Referrer-Policy") != "no-referrer" || got.header.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%s %s (%d): %v", method, path, got.status, got.header)
				}
			}
		}
		// 115: no answer lets another origin's script read it with cookies; only documents that anybody may read are open.
		for _, path := range append(pageRoutes(), "/oauth2/token", "/oauth2/introspect", "/oauth2/userinfo", "/scim/v2/nordlys/Users", "/dev/mail.json", "/dev/clock") {
			for _, method := range []string{"GET", "POST", "OPTIONS"} {
				got := w.one(anna, w.request(method, path, "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST"))
				if got.header.Get("Access-Control-Allow-Credentials") != "" || got.header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s %s is open to other origins: %v", method, path, got.header)
				}
			}
		}
		// The tools of --dev move the clock; no other site's form may.
		for _, path := range []string{"/dev/clock", "/dev/keys/rotate"} {
			got := w.ask("POST", path, `{"advance":"1s"}`, "Content-Type", "text/plain", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
			if got.status != 403 {
				t.Errorf("another site's form at %s: %d", path, got.status)
			}
		}
	})
}

// scripted are the pages that have a script: one sends its form, the others use passkeys.
var scripted = []string{"form-post", "sign-in", "password", "second-factor", "enrol-factor", "new-password", "keys"}

// pageHeaders checks what every page must carry.
func (w *wall) pageHeaders(got wallAnswer) {
	w.t.Helper()
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin"} {
		if got.header.Get(name) != want {
			w.t.Errorf("%s of the page %q is %q", name, got.page(), got.header.Get(name))
		}
	}
	policy := got.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action "} {
		if !strings.Contains(policy, want) {
			w.t.Errorf("the policy of %q lacks %s: %s", got.page(), want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, "script-src 'self'") != slices.Contains(scripted, got.page()) {
		w.t.Errorf("the policy of %q: %s", got.page(), policy)
	}
	for _, c := range (&http.Response{Header: got.header}).Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			w.t.Errorf("the page %q sets %s", got.page(), c.Raw)
		}
	}
}

// ownContent: everything that a page loads or sends comes from us, and no script stands in it.
func (w *wall) ownContent(got wallAnswer) {
	w.t.Helper()
	doc, err := html.Parse(strings.NewReader(got.body))
	if err != nil {
		w.t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if (n.Data == "script" && attribute(n, "src") == "") || n.Data == "style" || n.Data == "iframe" || n.Data == "object" || n.Data == "base" {
			w.t.Errorf("the page %q holds <%s>", got.page(), n.Data)
		}
		for _, a := range n.Attr {
			foreign := slices.Contains([]string{"src", "srcset", "poster", "background"}, a.Key) || n.Data == "link" && a.Key == "href"
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || foreign && (strings.Contains(a.Val, "//") && !strings.HasPrefix(a.Val, "data:image/")) {
				w.t.Errorf("the page %q holds %s=%q", got.page(), a.Key, a.Val)
			}
		}
	}
}
