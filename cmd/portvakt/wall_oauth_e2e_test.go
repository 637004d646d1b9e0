//go:build e2e

package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestWall001_CodeAndRefreshTokenAreBoundToTheClient(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		g := w.code(anna, "c1")
		for _, thief := range []string{"c2", "c3", "p1"} {
			for _, redirect := range []string{g.redirect, wallClients[thief].redirect} {
				w.refused(thief+" redeems c1's code with "+redirect, w.as(thief, "/oauth2/token", g.form("redirect_uri", redirect)), 400, "invalid_grant")
			}
		}
		// A service account and a client registered for fewer grants do not even get to ask.
		for thief, want := range map[string]string{"webshop": "unauthorized_client", "": "invalid_client"} {
			got := w.as(thief, "/oauth2/token", g.form())
			if got.status < 400 || got.status > 401 || got.json()["error"] != want {
				t.Errorf("%q redeems c1's code: %d %s", thief, got.status, got.body)
			}
		}
		// One secret with another's name, and the name in the body with another's secret in the header.
		got := w.ask("POST", "/oauth2/token", with(g.form(), "client_id", "c1").Encode(), "Content-Type", formType, "Authorization", "Basic YzI6d2FsbC1zZWNyZXQtdHdv")
		w.refused("c2's secret with client_id=c1", got, 400, "invalid_request")
		got = w.ask("POST", "/oauth2/token", with(g.form(), "client_id", "c1").Encode(), "Content-Type", formType)
		w.refused("c1 without its secret", got, 401, "invalid_client")
		got = w.ask("POST", "/oauth2/token", with(g.form(), "client_id", "c1", "client_secret", "wall-secret-two").Encode(), "Content-Type", formType)
		w.refused("c1 with c2's secret", got, 401, "invalid_client")
		for name, change := range map[string][]string{
			"another registered one": {"redirect_uri", "https://c1.example/second"},
			"a slash more":           {"redirect_uri", g.redirect + "/"}, "another client's": {"redirect_uri", "https://c2.example/cb"},
		} {
			w.refused(name, w.as("c1", "/oauth2/token", g.form(change...)), 400, "invalid_grant")
		}
		w.refused("no redirect_uri", w.as("c1", "/oauth2/token", g.form("redirect_uri", "")), 400, "invalid_request")
		mine := w.redeem(g) // nobody else's attempt has spent it

		for _, thief := range []string{"c2", "c3", "p1"} {
			w.refused(thief+" redeems c1's refresh token", w.refreshed(thief, mine.refresh), 400, "invalid_grant")
		}
		if got := w.refreshed("c1", mine.refresh); got.status != http.StatusOK {
			t.Errorf("the owner's refresh after others tried: %d %s", got.status, got.body)
		}
		public := w.tokens(anna, "p1", "scope", "openid offline_access")
		w.refused("c1 redeems p1's refresh token", w.refreshed("c1", public.refresh), 400, "invalid_grant")
		w.refused("nobody redeems p1's refresh token", w.refreshed("", public.refresh), 401, "invalid_client")
		// An application of another organization gets nothing about anna.
		if q := w.authorize(anna, authorization("c3", "x", "scope", "openid", "prompt", "none")).location().Query(); q.Get("error") != "access_denied" || q.Has("code") {
			t.Errorf("an application of another organization is answered %v", q)
		}
	})
}

func TestWall002_OneCodeOneRedemption(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		g := w.code(anna, "c1")
		var winners []ring
		for _, got := range race(24, func(int) wallAnswer { return w.as("c1", "/oauth2/token", g.form()) }) {
			if got.status == http.StatusOK {
				winners = append(winners, ringOf("c1", got))
				continue
			}
			w.refused("a loser of the race", got, 400, "invalid_grant")
		}
		if len(winners) != 1 {
			t.Fatalf("%d redemptions of one code succeeded", len(winners))
		}
		r := w.tokensReplayed(anna)
		for _, dead := range []ring{winners[0], r} {
			if w.active("c1", dead.access) || w.active("c1", dead.refresh) || w.userinfo(dead.access) != 401 {
				t.Error("tokens live on after their code came back")
			}
			w.refused("refresh after the replay", w.refreshed("c1", dead.refresh), 400, "invalid_grant")
		}
	})
}

// tokensReplayed are tokens whose code is presented a second time.
func (w *wall) tokensReplayed(p *person) ring {
	g := w.code(p, "c1")
	r := w.redeem(g)
	w.refused("another client replays", w.as("c2", "/oauth2/token", g.form()), 400, "invalid_grant")
	if w.userinfo(r.access) != 200 {
		w.t.Error("another client's replay ended the tokens: anybody who sees a code could sign people out")
	}
	w.refused("the replay", w.as("c1", "/oauth2/token", g.form()), 400, "invalid_grant")
	return r
}

func TestWall004_RefreshRotation(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		t.Run("one child", func(t *testing.T) { w.under(t).oneChild(anna) })
		t.Run("grandparent", func(t *testing.T) {
			w := w.under(t)
			r := w.tokens(anna, "c1")
			child := ringOf("c1", w.refreshed("c1", r.refresh))
			grand := ringOf("c1", w.refreshed("c1", child.refresh)) // in the same second
			w.refused("the first one again", w.refreshed("c1", r.refresh), 400, "invalid_grant")
			w.refused("the newest one after the replay", w.refreshed("c1", grand.refresh), 400, "invalid_grant")
			if w.userinfo(grand.access) != 401 || w.active("c1", r.access) {
				t.Error("access tokens live on after a replay")
			}
		})
		t.Run("against revocation", func(t *testing.T) {
			w := w.under(t)
			r := w.tokens(anna, "c1")
			answers := race(16, func(i int) wallAnswer {
				if i == 8 {
					return w.as("c1", "/oauth2/revoke", url.Values{"token": {r.refresh}})
				}
				return w.refreshed("c1", r.refresh)
			})
			for _, got := range answers {
				child := ringOf("c1", got)
				if child.refresh == "" {
					continue
				}
				w.refused("a child of a revoked family", w.refreshed("c1", child.refresh), 400, "invalid_grant")
				if w.userinfo(child.access) != 401 {
					t.Error("an access token outlives the revocation that ran beside it")
				}
			}
		})
		t.Run("scope never grows", func(t *testing.T) {
			w := w.under(t)
			r := w.tokens(anna, "c1", "scope", "openid offline_access")
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {r.refresh}, "scope": {"openid offline_access email"}}
			w.refused("more scope", w.as("c1", "/oauth2/token", form), 400, "invalid_scope")
			w.refused("another's organization", w.as("c1", "/oauth2/token", with(form, "scope", "", "organization", "bjorkvik")), 400, "access_denied")
		})
	})
}

// oneChild: of any number at once all get the same child; after the window the parent is a thief's.
func (w *wall) oneChild(anna *person) {
	r := w.tokens(anna, "c1")
	children := map[string]bool{}
	for _, got := range race(24, func(int) wallAnswer { return w.refreshed("c1", r.refresh) }) {
		if got.status != http.StatusOK {
			w.t.Errorf("a refresh within the window: %d %s", got.status, got.body)
			continue
		}
		children[ringOf("c1", got).refresh] = true
	}
	if len(children) != 1 {
		w.t.Fatalf("one refresh token has %d children", len(children))
	}
	w.advance(11 * time.Second)
	w.refused("the parent after the window", w.refreshed("c1", r.refresh), 400, "invalid_grant")
	for child := range children {
		w.refused("the child after the parent's replay", w.refreshed("c1", child), 400, "invalid_grant")
	}
	if w.active("c1", r.access) {
		w.t.Error("an access token of a family that is dead")
	}
}

func TestWall007_PKCE(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		verifier := strings.Repeat("v", 43)
		for _, client := range []string{"c1", "p1", "legacy"} {
			rows := map[string][]string{
				"plain": {"code_challenge", verifier, "code_challenge_method", "plain"}, "no method": {"code_challenge_method", ""},
				"s256": {"code_challenge_method", "s256"}, "S512": {"code_challenge_method", "S512"}, "empty method": {"code_challenge_method", " "},
				"method alone": {"code_challenge", ""}, "short": {"code_challenge", s256(verifier)[:42]}, "long": {"code_challenge", s256(verifier) + "A"},
				"padding": {"code_challenge", s256(verifier) + "="}, "bad alphabet": {"code_challenge", strings.Repeat("+", 43)},
			}
			if client != "legacy" {
				rows["none"] = []string{"code_challenge", "", "code_challenge_method", ""}
			}
			for name, change := range rows {
				values := authorization(client, verifier, append([]string{"scope", "openid"}, change...)...)
				if q := w.authorize(anna, values).location().Query(); q.Get("error") != "invalid_request" || q.Has("code") {
					t.Errorf("%s %s: %v", client, name, q)
				}
			}
			twice := authorization(client, verifier, "scope", "openid")
			twice.Add("code_challenge", s256("other"))
			if q := w.authorize(anna, twice).location().Query(); q.Get("error") != "invalid_request" {
				t.Errorf("%s with two challenges: %v", client, q)
			}
		}
		other := w.code(anna, "c1", "scope", "openid")
		g := w.code(anna, "c1", "scope", "openid")
		for name, v := range map[string]string{
			"none": "", "short": g.verifier[:42], "long": strings.Repeat("a", 129), "bad alphabet": strings.Repeat("é", 30), "the challenge": s256(g.verifier),
			"another transaction's": other.verifier, "upper case": strings.ToUpper(g.verifier), "trailing blank": g.verifier + " ", "NUL": g.verifier + "\x00",
		} {
			got := w.as("c1", "/oauth2/token", g.form("code_verifier", v))
			if got.status != 400 || got.json()["access_token"] != nil {
				t.Errorf("verifier %s: %d %s", name, got.status, got.body)
			}
		}
		w.redeem(g)
		// Without a challenge a verifier does not help, and a challenge that was sent is enforced where none was needed.
		bare := w.code(anna, "legacy", "scope", "openid", "code_challenge", "", "code_challenge_method", "")
		w.refused("a verifier without a challenge", w.as("legacy", "/oauth2/token", bare.form()), 400, "invalid_grant")
		if got := w.as("legacy", "/oauth2/token", bare.form("code_verifier", "")); got.status != 200 {
			t.Errorf("an application that needs no PKCE: %d %s", got.status, got.body)
		}
		sent := w.code(anna, "legacy", "scope", "openid")
		w.refused("a challenge without its verifier", w.as("legacy", "/oauth2/token", sent.form("code_verifier", "")), 400, "invalid_grant")
		w.redeem(sent)
	})
}

// redirectMutants are addresses that look like the registered https://c1.example/cb.
var redirectMutants = []string{
	"https://c1.example/cb/", "https://c1.example/cb?", "https://c1.example/cb#", "https://c1.example/cb?x=1", "https://c1.example/cb#x", "https://c1.example/cb/x",
	"https://c1.example/cb/..", "https://c1.example/cb/../cb", "https://c1.example/x/../cb", "https://c1.example/./cb", "https://c1.example//cb", "https://c1.example/cb//",
	"https://c1.example/cb/..;/x", "https://c1.example/cb;x", "https://c1.example/cb%2f", "https://c1.example/cb%252f", "https://c1.example%2fcb", "https://c1.example/%63b",
	"https://c1.example/cB", "https://C1.example/cb", "HTTPS://c1.example/cb", "Https://c1.example/cb", "http://c1.example/cb", "https:/c1.example/cb", "https:c1.example/cb",
	"//c1.example/cb", "https:///c1.example/cb", "https://c1.example:443/cb", "https://c1.example:/cb", "https://c1.example:8443/cb", "https://c1.example./cb",
	"https://evil.example/cb", "https://c1.example.evil.example/cb", "https://evilc1.example/cb", "https://c1.example@evil.example/cb", "https://evil.example@c1.example/cb",
	"https://c1.example%40evil.example/cb", "https://c1.example:x@evil.example/cb", "https://evil.example/https://c1.example/cb", "https://evil.example?https://c1.example/cb",
	"https://evil.example#https://c1.example/cb", `https://evil.example\@c1.example/cb`, `https://c1.example\cb`, `https:\\c1.example\cb`, "https://c1.example /cb", " https://c1.example/cb",
	"https://c1.example/cb ", "https://c1.example/cb\t", "https://c1.example/cb\n", "https://c1.example/cb\r\nSet-Cookie: a=b", "https://c1.example/cb\x00", "https://c1.example/cb%00",
	"https://c1.example/cb%0a", "https://c1.example/cb%20", "https://ｃ1.example/cb", "https://c1。example/cb", "https://c1.éxample/cb", "https://xn--c1.example/cb", "https://[::1%25eth0]/cb",
	"javascript:alert(1)//https://c1.example/cb", "data:text/html,https://c1.example/cb", "https://c1.example/*", "https://*.example/cb", "https://c1.example/cb?code=1&state=2&iss=3",
	"https://c1.example/cb#code=1", "https://c1.example/q", "https://c1.example/q?a=b&a=b", "https://c1.example/q?a=B", "https://c1.example/q?a=b&code=1", "https://c2.example/cb", "", "/cb", "cb", "c1.example",
}

func TestWall008_OnlyRegisteredAddresses(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		if n := len(redirectMutants); n < 60 {
			t.Fatalf("only %d mutants", n)
		}
		local := func(what string, got wallAnswer) {
			t.Helper()
			if got.status != 400 || got.header.Get("Location") != "" || got.page() != "error" || !strings.Contains(got.body, "invalid_") {
				t.Errorf("%s: %d, Location %q, page %q", what, got.status, got.header.Get("Location"), got.page())
			}
		}
		for _, mutant := range redirectMutants {
			values := authorization("c1", "v")
			values.Set("redirect_uri", mutant)
			local("GET "+mutant, w.authorize(anna, values))
			posted := w.post(anna, "/oauth2/authorize", values)
			if at := posted.location(); posted.status == http.StatusSeeOther && at.Host == "" && at.Path == "/oauth2/authorize" {
				posted = w.one(anna, w.request("GET", posted.header.Get("Location"), ""))
			}
			local("POST "+mutant, posted)
		}
		twice := authorization("c1", "v")
		twice.Add("redirect_uri", "https://evil.example/cb")
		local("twice", w.authorize(anna, twice))
		local("twice, the evil one first", w.authorize(anna, url.Values{"redirect_uri": {"https://evil.example/cb", "https://c1.example/cb"}, "client_id": {"c1"}, "response_type": {"code"}}))
		for _, mutant := range []string{"http://127.0.0.1.evil.example/cb", "http://localhost/cb", "http://127.0.0.1:x/cb", "http://127.0.0.1:123456/cb", "http://127.0.0.1:80@evil.example/cb",
			"http://127.0.0.1:80/cb/", "http://127.0.0.1:80/cb?x=1", "https://127.0.0.1:80/cb", "http://127.0.0.2:80/cb", "http://2130706433/cb", "http://[::1]:80/cb", "http://127.1:80/cb",
			"http://127.0.0.1:80\\@evil.example/cb", "com.example.wall:/cb/", "com.example.wall://evil.example/cb", "com.example.wall2:/cb"} {
			local("native "+mutant, w.authorize(anna, authorization("native", "v", "scope", "openid", "redirect_uri", mutant)))
		}
		got := w.authorize(anna, authorization("native", "v", "scope", "openid", "redirect_uri", "http://127.0.0.1:51004/cb"))
		if at := got.location(); at.Host != "127.0.0.1:51004" || at.Query().Get("code") == "" {
			t.Errorf("a native application's port: %d %q", got.status, got.header.Get("Location"))
		}
	})
}

func TestWall010_011_032_034_AnswersGoWhereTheyMay(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		// 10: a registered query and the answer's parameters, each once.
		for name, change := range map[string][]string{"code": {}, "error": {"scope", "openid", "prompt", "unknown"}} {
			got := w.authorize(anna, authorization("c1", "v", append(change, "redirect_uri", "https://c1.example/q?a=b")...))
			q := got.location().Query()
			for _, one := range []string{"a", "state", "iss", name} {
				if len(q[one]) != 1 {
					t.Errorf("%s: %s stands there %d times in %q", name, one, len(q[one]), got.header.Get("Location"))
				}
			}
		}
		// 11: nothing redirects before client and address are proven.
		for who, base := range map[string]url.Values{
			"an unregistered address": authorization("c1", "v", "redirect_uri", "https://evil.example/cb"), "an unknown client": authorization("c1", "v", "client_id", "nobody"),
			"a disabled client": authorization("off", "v", "scope", "openid"), "a service account": authorization("c1", "v", "client_id", "nordlys.webshop"), "no client": authorization("c1", "v", "client_id", ""),
		} {
			for _, change := range [][]string{{}, {"prompt", "none"}, {"scope", "\"bad\""}, {"response_type", "token"}, {"request", "e30.e30."}, {"request_uri", "https://evil.example/r"},
				{"response_mode", "form_post"}, {"response_mode", "fragment"}, {"max_age", "x"}, {"id_token_hint", "x"}, {"organization", "bjorkvik"}} {
				got := w.authorize(anna, with(base, change...))
				if got.status != 400 || got.header.Get("Location") != "" || got.page() != "error" {
					t.Errorf("%s with %v: %d %q %q", who, change, got.status, got.header.Get("Location"), got.page())
				}
			}
		}
		// 32, 34: every answer names the issuer; no token ever comes from the front.
		for _, change := range [][]string{{"response_type", "token"}, {"response_type", "id_token"}, {"response_type", "id_token token"}, {"response_type", "code id_token"}, {"response_type", "code token"},
			{"response_type", "none"}, {"response_type", "CODE"}, {"response_type", "code code"}, {"response_mode", "fragment"}, {"response_mode", "web_message"}, {"response_mode", "jwt"},
			{"response_mode", "form_post.jwt"}, {"prompt", "none login"}, {"scope", "openid organization:bjorkvik", "prompt", "none"}} {
			got := w.authorize(anna, authorization("c1", "v", change...))
			at := got.location()
			if q := at.Query(); got.status != 303 || at.Fragment != "" || q.Get("error") == "" || q.Get("iss") != w.issuer || q.Get("state") != "state-1" || strings.Contains(at.String(), "token=") {
				t.Errorf("%v: %d %q", change, got.status, got.header.Get("Location"))
			}
		}
		got := w.authorize(anna, authorization("c1", "v", "response_mode", "form_post", "state", canary))
		if got.status != 200 || strings.Contains(got.body, canary) || !strings.Contains(got.body, `name="iss" value="`+w.issuer+`"`) {
			t.Errorf("form_post: %d %s", got.status, got.body)
		}
	})
}

func TestWall022_StrictBackChannel(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		g, r := w.code(anna, "c1"), w.tokens(anna, "c1")
		paths := map[string]url.Values{"/oauth2/token": g.form(), "/oauth2/introspect": {"token": {r.access}}, "/oauth2/revoke": {"token": {r.refresh}}}
		basic := []string{"Content-Type", formType, "Authorization", "Basic YzE6d2FsbC1zZWNyZXQtb25l"}
		for path, form := range paths {
			body := form.Encode()
			for _, query := range []string{"?" + body, "?", "?x=1", "?client_id=c1", "?access_token=" + r.access} {
				for _, inBody := range []string{"", body} {
					if got := w.ask("POST", path+query, inBody, basic...); got.status != 400 {
						t.Errorf("POST %s%.20s: %d %s", path, query, got.status, got.body)
					}
				}
			}
			for name := range form {
				twice := with(form)
				twice[name] = append(twice[name], "other")
				w.refused(path+" with "+name+" twice", w.ask("POST", path, twice.Encode(), basic...), 400, "invalid_request")
				w.refused(path+" with "+name+" twice alike", w.ask("POST", path, body+"&"+url.Values{name: form[name]}.Encode(), basic...), 400, "invalid_request")
			}
			for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"} {
				if got := w.ask(method, path, "", basic[2:]...); got.status != 405 && !(method == "OPTIONS" && got.status == 204) {
					t.Errorf("%s %s: %d", method, path, got.status)
				}
			}
			for _, kind := range []string{"", "application/json", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencodedx", "application/x-www-form-urlencoded, text/plain"} {
				if got := w.ask("POST", path, body, "Content-Type", kind, "Authorization", basic[3]); got.status != 400 {
					t.Errorf("%s as %q: %d", path, kind, got.status)
				}
			}
			got := w.ask("POST", path, body, append(basic, "Authorization", basic[3])...)
			if got.status != 400 {
				t.Errorf("%s with two Authorization headers: %d", path, got.status)
			}
			w.refused(path+" with two methods", w.ask("POST", path, with(form, "client_id", "c1", "client_secret", "wall-secret-one").Encode(), basic...), 400, "invalid_request")
			w.refused(path+" with the secret in the body of a client of client_secret_basic", w.ask("POST", path, with(form, "client_id", "c1", "client_secret", "wall-secret-one").Encode(), basic[:2]...), 401, "invalid_client")
			w.refused(path+" with an empty secret", w.ask("POST", path, with(form).Encode(), "Content-Type", formType, "Authorization", "Basic YzE6"), 401, "invalid_client")
			w.refused(path+" as a disabled client", w.as("off", path, form), 401, "invalid_client")
		}
		for _, kind := range []string{"password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:device_code", "AUTHORIZATION_CODE"} {
			form := with(g.form(), "grant_type", kind, "username", "anna@nordlys.example", "password", annaPassword, "assertion", r.access, "subject_token", r.access, "device_code", "x")
			if got := w.as("c1", "/oauth2/token", form); got.status != 400 || got.json()["error"] != "unsupported_grant_type" && got.json()["error"] != "unauthorized_client" {
				t.Errorf("%s: %d %s", kind, got.status, got.body)
			}
		}
		if got := w.ask("GET", "/oauth2/userinfo?access_token="+r.access, ""); got.status != 400 {
			t.Errorf("a bearer token in the address: %d", got.status)
		}
		if w.userinfo(r.access) != 200 {
			t.Error("what was refused has revoked something")
		}
		w.redeem(g) // nothing of all that was taken
	})
}

func TestWall031_ConversationsAreBoundToTheBrowser(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		attacker := w.person().open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v").Encode()).on("sign-in")
		attacker.press("continue", "email", "bob@nordlys.example").on("password")
		i := attacker.at.Query().Get("i")
		fields := attacker.fields()
		for _, path := range conversationPaths {
			for name, victim := range map[string]*person{"a signed-in browser": anna, "a fresh browser": w.person()} {
				for _, got := range []wallAnswer{
					w.one(victim, w.request("GET", path+"?i="+i, "")),
					w.post(victim, path+"?i="+i, with(fields, "i", i, "email", "anna@nordlys.example", "password", annaPassword)),
				} {
					if at := got.location(); at.Query().Has("code") || at.Host != "" || got.status < 400 {
						t.Errorf("%s at %s: %d %q %s", name, path, got.status, got.header.Get("Location"), got.page())
					}
					if strings.Contains(got.body, "bob@nordlys.example") {
						t.Errorf("%s at %s shows what was typed in another browser", name, path)
					}
				}
			}
		}
		// The attacker's own browser gets nothing of it either.
		if w.signedInNow(attacker) || attacker.open(w.issuer+"/sign-in/password?i="+i).page() != "password" {
			t.Error("another browser's steps have moved the conversation")
		}
		for _, bad := range []string{"", "int_", "int_00000000000000000000000000", strings.Repeat("i", 4000), "' or 1=1", "\x00", i + "x", strings.ToUpper(i)} {
			got := w.one(attacker, w.request("GET", "/sign-in/password?"+url.Values{"i": {bad}}.Encode(), ""))
			if got.status >= 500 || got.page() == "password" {
				t.Errorf("i=%.30q: %d %s", bad, got.status, got.page())
			}
		}
	})
}

var conversationPaths = []string{"/sign-in", "/sign-in/password", "/sign-in/forgot", "/sign-in/second-factor", "/sign-in/organization", "/sign-in/invitation", "/sign-in/consent"}
