//go:build e2e

package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestWall013_SigningOutNeedsProof(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna, bob := w.signedIn("anna@nordlys.example", annaPassword), w.signedIn("bob@nordlys.example", bobPassword)
		mine, his := w.tokens(anna, "c1"), w.tokens(bob, "c1")
		elsewhere := w.tokens(w.signedIn("anna@nordlys.example", annaPassword), "c1") // the same person, another browser
		parts := strings.Split(mine.id, ".")
		hints := map[string]string{
			"none": "", "rubbish": "x", "another person's": his.id, "another session's": elsewhere.id, "an access token": mine.access, "a refresh token": mine.refresh,
			"tampered": parts[0] + "." + flip(parts[1], 20) + "." + parts[2], "bad signature": parts[0] + "." + parts[1] + "." + flip(parts[2], 5), "no signature": parts[0] + "." + parts[1] + ".",
			"alg none": encoded(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".",
		}
		for name, hint := range hints {
			for _, back := range []string{"", "https://c1.example/bye", "https://evil.example/"} {
				q := with(url.Values{}, "id_token_hint", hint, "post_logout_redirect_uri", back, "state", "s")
				got := w.one(anna, w.request("GET", "/oauth2/logout?"+q.Encode(), "", "Sec-Fetch-Site", "cross-site"))
				if at := got.location(); at.Host != "" {
					t.Errorf("%s with %q leads to %s", name, back, at)
				}
				if !w.signedInNow(anna) {
					t.Fatalf("%s with %q has signed the person out", name, back)
				}
			}
		}
		// The page that asks, and its form, without a token, with another's, and from another site.
		page := w.ownPage(anna, "/oauth2/logout", "sign-out")
		other := w.ownPage(bob, "/oauth2/logout", "sign-out")
		for name, form := range map[string]url.Values{"no token": with(page, "csrf", ""), "another session's": other, "nonsense": with(page, "csrf", "x")} {
			got := w.post(anna, "/oauth2/logout?confirm=1", with(form, "action", "sign-out"))
			if !w.signedInNow(anna) || got.status != http.StatusForbidden {
				t.Fatalf("%s: %d, or signed out", name, got.status)
			}
		}
		// The hint of this very session, meant for another client or another address, does not send anybody there.
		for _, q := range []url.Values{{"id_token_hint": {mine.id}, "client_id": {"c2"}}, {"id_token_hint": {mine.id}, "post_logout_redirect_uri": {"https://c2.example/bye"}},
			{"id_token_hint": {mine.id}, "post_logout_redirect_uri": {"https://c1.example/bye?x=1"}}, {"id_token_hint": {mine.id, mine.id}}} {
			got := w.one(anna, w.request("GET", "/oauth2/logout?"+q.Encode(), ""))
			if got.status != 400 || got.header.Get("Location") != "" || !w.signedInNow(anna) {
				t.Errorf("%v: %d %q", q, got.status, got.header.Get("Location"))
			}
		}
		// An expired hint of this very session is fine; a hint of a session that is over is not.
		got := w.one(anna, w.request("GET", "/oauth2/logout?"+url.Values{"id_token_hint": {mine.id}, "post_logout_redirect_uri": {"https://c1.example/bye"}, "state": {"s"}}.Encode(), ""))
		if got.header.Get("Location") != "https://c1.example/bye?state=s" || w.signedInNow(anna) {
			t.Errorf("the rightful hint: %d %q", got.status, got.header.Get("Location"))
		}
		again := w.signedIn("anna@nordlys.example", annaPassword)
		if w.one(again, w.request("GET", "/oauth2/logout?id_token_hint="+mine.id, "")); !w.signedInNow(again) {
			t.Error("a hint of a session that is over ends the next one")
		}
	})
}

// ownPage opens a page and answers its form's hidden fields.
func (w *wall) ownPage(p *person, path, want string) url.Values {
	w.t.Helper()
	return p.open(w.issuer + path).on(want).fields()
}

func TestWall016_017_TokensOfTheWrongKind(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		mine := w.tokens(anna, "c1")
		own := ringOf("c1", w.as("c1", "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"authzen"}, "organization": {"nordlys"}}))
		if own.access == "" {
			t.Fatal("no token for the client itself")
		}
		spare := w.code(anna, "c1")
		bad := map[string]string{"ID token": mine.id, "refresh token": mine.refresh, "code": spare.code, "session cookie": w.cookie(anna, "portvakt-session"), "client's own token": own.access,
			"client secret": "wall-secret-one", "SCIM token": hrToken, "nothing": ""}
		for name, forged := range forgeries(mine.access) {
			bad["forged: "+name] = forged
		}
		for name, token := range bad {
			if code := w.userinfo(token); code != 401 && !(name == "client's own token" && code == 403) {
				t.Errorf("userinfo takes %s: %d", name, code)
			}
			if name != "client's own token" && name != "refresh token" && token != "" && w.active("c1", token) {
				t.Errorf("introspection takes %s", name)
			}
		}
		for name, token := range map[string]string{"ID token": mine.id, "access token": mine.access, "client's own token": own.access, "refresh token": mine.refresh, "session cookie": w.cookie(anna, "portvakt-session")} {
			if got := w.ask("GET", "/scim/v2/nordlys/Users", "", "Authorization", "Bearer "+token); got.status != 401 {
				t.Errorf("SCIM takes %s: %d", name, got.status)
			}
			if name != "session cookie" {
				got := w.ask("GET", "/account", "", "Cookie", w.cookieName("session")+"="+token)
				if got.status == 200 {
					t.Errorf("%s is taken for a session", name)
				}
			}
			if name != "refresh token" {
				w.refused(name+" as refresh token", w.refreshed("c1", token), 400, "invalid_grant")
			}
			w.refused(name+" as code", w.as("c1", "/oauth2/token", spare.form("code", token)), 400, "invalid_grant")
			if name != "ID token" {
				q := w.authorize(anna, authorization("c1", "v", "prompt", "none", "id_token_hint", token)).location().Query()
				if q.Get("error") != "invalid_request" || q.Has("code") {
					t.Errorf("%s as id_token_hint: %v", name, q)
				}
			}
			assertion := url.Values{"grant_type": {"client_credentials"}, "client_id": {"c1"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {token}}
			w.refused(name+" as client_assertion", w.as("", "/oauth2/token", assertion), 401, "invalid_client")
		}
		for name, forged := range forgeries(mine.id) {
			q := w.authorize(anna, authorization("c1", "v", "prompt", "none", "id_token_hint", forged)).location().Query()
			if q.Get("error") != "invalid_request" || q.Has("code") {
				t.Errorf("id_token_hint forged by %s: %v", name, q)
			}
		}
	})
}

// forgeries are a good token with a header that should fool nobody, or with its own changed.
func forgeries(token string) map[string]string {
	parts := strings.SplitN(token, ".", 3)
	head := decoded(parts[0])
	signed := func(header string) string { return encoded(header) + "." + parts[1] + "." + parts[2] }
	more := func(field string) string { return signed(strings.TrimSuffix(head, "}") + "," + field + "}") }
	claims := decoded(parts[1])
	return map[string]string{
		"alg none": encoded(`{"alg":"none"}`) + "." + parts[1] + ".", "alg NONE, signature kept": signed(`{"alg":"NONE"}`), "HS256": signed(strings.Replace(head, "ES256", "HS256", 1)),
		"RS256": signed(strings.Replace(head, "ES256", "RS256", 1)), "crit": more(`"crit":["x"],"x":1`), "b64": more(`"b64":false`), "jwk": more(`"jwk":{"kty":"oct","k":"AA"}`),
		"jku": more(`"jku":"https://evil.example/k"`), "x5u": more(`"x5u":"https://evil.example/k"`), "no kid": signed(`{"alg":"ES256","typ":"at+jwt"}`),
		"claims": parts[0] + "." + encoded(strings.Replace(claims, `"sub":"`, `"sub":"usr_`, 1)) + "." + parts[2], "signature of zeros": parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86),
		"short signature": parts[0] + "." + parts[1] + "." + parts[2][:84], "long signature": token + "AAAA", "four parts": token + ".e30", "two parts": parts[0] + "." + parts[1],
		"padding": token + "=", "blank in front": "\u00a0" + token, "JSON": `{"payload":"` + parts[1] + `"}`, "five parts": token + ".a.b", "dots": strings.Repeat(".", 2000),
	}
}

func TestWall023_TokensOfOtherClients(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		mine := w.tokens(anna, "c1")
		public := w.tokens(anna, "p1", "scope", "openid offline_access")
		for _, token := range []string{mine.access, mine.refresh, public.access, public.refresh} {
			for _, asker := range []string{"c2", "c3", "legacy", "webshop"} {
				if w.active(asker, token) {
					t.Errorf("%s introspects another client's token", asker)
				}
			}
			w.refused("a public client introspects", w.as("p1", "/oauth2/introspect", url.Values{"token": {token}}), 401, "invalid_client")
			w.refused("nobody introspects", w.as("", "/oauth2/introspect", url.Values{"token": {token}}), 401, "invalid_client")
		}
		for _, hint := range []string{"", "access_token", "refresh_token", "nonsense"} {
			for _, asker := range []string{"c2", "p1", "webshop"} {
				for _, token := range []string{mine.access, mine.refresh} {
					if got := w.as(asker, "/oauth2/revoke", with(url.Values{"token": {token}}, "token_type_hint", hint)); got.status != 200 || got.body != "" {
						t.Errorf("%s revokes another client's token: %d %s", asker, got.status, got.body)
					}
				}
			}
		}
		if !w.active("c1", mine.access) || !w.active("c1", mine.refresh) || w.userinfo(mine.access) != 200 {
			t.Error("another client has revoked a token")
		}
		own := ringOf("c1", w.as("c1", "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"authzen"}, "organization": {"nordlys"}}))
		for _, asker := range []string{"c2", "p1", "webshop"} {
			if w.as(asker, "/oauth2/revoke", url.Values{"token": {own.access}}); !w.active("c1", own.access) || w.active("c2", own.access) {
				t.Errorf("%s has revoked, or c2 may see, a token that c1 got for itself", asker)
			}
		}
		if w.as("c1", "/oauth2/revoke", url.Values{"token": {own.access}}); w.active("c1", own.access) {
			t.Error("a client's own token lives on after its revocation")
		}
		if got := w.as("p1", "/oauth2/revoke", url.Values{"token": {public.refresh}, "token_type_hint": {"access_token"}}); got.status != 200 {
			t.Errorf("a public client revokes its own: %d", got.status)
		}
		if w.userinfo(public.access) != 401 {
			t.Error("the access token lives on after its family was revoked")
		}
		w.refused("refresh after revocation", w.refreshed("p1", public.refresh), 400, "invalid_grant")
	})
}

func TestWall035_NothingAboutATokenCanChange(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		g, r := w.code(anna, "c1"), w.tokens(anna, "c1")
		session := w.cookie(anna, "portvakt-session")
		for _, bad := range mutants(g.code) {
			if got := w.as("c1", "/oauth2/token", g.form("code", bad)); got.status != 400 {
				t.Errorf("code %q: %d", bad, got.status)
			}
		}
		for _, bad := range mutants(r.refresh) {
			if got := w.refreshed("c1", bad); got.status != 400 {
				t.Errorf("refresh token %q: %d", bad, got.status)
			}
		}
		for _, bad := range mutants(r.access) {
			if code := w.userinfo(bad); code != 401 {
				t.Errorf("access token %q: %d", bad, code)
			}
		}
		for _, bad := range mutants(session) {
			if got := w.ask("GET", "/account", "", "Cookie", w.cookieName("session")+"="+bad); got.status == 200 {
				t.Errorf("session cookie %q is taken", bad)
			}
		}
		if got := w.ask("GET", "/account", "", "Cookie", w.cookieName("session")+"="+session); got.status != 200 {
			t.Errorf("the cookie itself: %d", got.status)
		}
		w.redeem(g)
		if got := w.refreshed("c1", r.refresh); got.status != 200 {
			t.Errorf("a mutant has done something to the family: %d %s", got.status, got.body)
		}
		seen := map[string]bool{}
		for range 200 {
			code := w.code(anna, "c1", "scope", "openid").code
			if len(code) != 43 || seen[code] {
				t.Fatalf("code %q", code)
			}
			seen[code] = true
		}
		keys := w.ask("GET", "/oauth2/jwks", "")
		for _, private := range []string{`"d"`, `"p"`, `"q"`, `"dp"`, `"dq"`, `"qi"`, `"k"`, `"oct"`} {
			if strings.Contains(keys.body, private+":") || strings.Contains(keys.body, ":"+private) {
				t.Errorf("the key set holds %s", private)
			}
		}
	})
}

// mutants are the value with each of some characters changed, dropped, doubled or in the other case, and with things
// around it.
func mutants(value string) []string {
	out := []string{value[1:], value[:len(value)-1], value + "A", value + "=", "A" + value, value + "\u00a0", value + "%00"}
	if !strings.Contains(value, ".") {
		out = append(out, flip(value, len(value)-1)) // the spare bits of the last character
	}
	for _, i := range []int{0, 1, 5, 26, 27, 40, len(value) / 2, len(value) - 2} {
		if value[i] == '.' {
			continue
		}
		out = append(out, flip(value, i), value[:i]+value[i+1:], value[:i]+value[i:i+1]+value[i:])
		if other := otherCase(value[i]); other != value[i] {
			out = append(out, value[:i]+string(other)+value[i+1:])
		}
	}
	out = slices.DeleteFunc(out, func(m string) bool { return m == value })
	return out
}

func otherCase(c byte) byte {
	switch {
	case c >= 'a' && c <= 'z':
		return c - 32
	case c >= 'A' && c <= 'Z':
		return c + 32
	}
	return c
}

// flip changes one character to its neighbour in the alphabet of base64url: the last bit of it.
func flip(value string, i int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	at := strings.IndexByte(alphabet, value[i])
	return value[:i] + alphabet[at^1:at^1+1] + value[i+1:]
}
