package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
)

func TestCodeFlow(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		res := b.authorize()
		q := res.location(t)
		if !strings.HasPrefix(res.Header.Get("Location"), callback+"?") || q.Get("state") != "s&t=a te" || q.Get("iss") != issuer || len(q.Get("code")) < 43 || res.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("answer %v", res.Header)
		}
		tokens := d.call("/oauth2/token", "demo", codeForm(q.Get("code")))
		if tokens.StatusCode != 200 || tokens.Header.Get("Cache-Control") != "no-store" || tokens.Header.Get("Pragma") != "no-cache" || !strings.HasPrefix(tokens.Header.Get("Content-Type"), "application/json") {
			t.Fatalf("%d %v %s", tokens.StatusCode, tokens.Header, tokens.body)
		}
		m := tokens.json(t)
		access, _ := m["access_token"].(string)
		info := d.userinfo(access)
		if i := info.json(t); info.StatusCode != 200 || i["sub"] != d.user.ID.String() || i["name"] != "Kari Nordmann" || i["org_slug"] != "nordlys" || info.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("userinfo %d %v", info.StatusCode, i)
		}
		intro := d.call("/oauth2/introspect", "demo", url.Values{"token": {access}}).json(t)
		if intro["active"] != true || intro["sub"] != d.user.ID.String() || intro["client_id"] != "demo" || intro["token_type"] != "Bearer" || intro["org_slug"] != "nordlys" {
			t.Errorf("introspection %v", intro)
		}
		refreshed := d.call("/oauth2/token", "demo", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {m["refresh_token"].(string)}})
		if refreshed.StatusCode != 200 || refreshed.json(t)["refresh_token"] == m["refresh_token"] {
			t.Errorf("refresh %d %s", refreshed.StatusCode, refreshed.body)
		}
		again := d.call("/oauth2/token", "demo", codeForm(q.Get("code")))
		if again.StatusCode != 400 || again.json(t)["error"] != "invalid_grant" || d.active(access) {
			t.Errorf("replay %d %s", again.StatusCode, again.body)
		}
	})
}

func TestPublicAndLegacyClients(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		form := codeForm(b.authorize("client_id", "spa").location(t).Get("code"))
		form.Set("client_id", "spa")
		m := d.call("/oauth2/token", "", form)
		if m.StatusCode != 200 {
			t.Fatalf("public client: %d %s", m.StatusCode, m.body)
		}
		if res := d.call("/oauth2/revoke", "", url.Values{"client_id": {"spa"}, "token": {m.json(t)["refresh_token"].(string)}}); res.StatusCode != 200 {
			t.Errorf("a public client revokes its own: %d %s", res.StatusCode, res.body)
		}
		if res := d.call("/oauth2/introspect", "", url.Values{"client_id": {"spa"}, "token": {"x"}}); res.StatusCode != 401 {
			t.Errorf("a public client introspects: %d", res.StatusCode)
		}
		legacy := func(pairs ...string) url.Values {
			code := b.authorize(append([]string{"client_id", "legacy"}, pairs...)...).location(t).Get("code")
			f := codeForm(code)
			f.Set("client_id", "legacy")
			f.Set("client_secret", secret1)
			return f
		}
		with := legacy()
		with.Del("code_verifier")
		if res := d.call("/oauth2/token", "", with); res.StatusCode != 400 || res.json(t)["error"] != "invalid_grant" {
			t.Errorf("a challenge that was sent is not enforced: %d %s", res.StatusCode, res.body)
		}
		without := legacy("code_challenge", "", "code_challenge_method", "")
		if res := d.call("/oauth2/token", "", without); res.StatusCode != 400 {
			t.Errorf("a verifier without a challenge: %d %s", res.StatusCode, res.body)
		}
		without = legacy("code_challenge", "", "code_challenge_method", "")
		without.Del("code_verifier")
		if res := d.call("/oauth2/token", "", without); res.StatusCode != 200 {
			t.Errorf("a confidential client without PKCE: %d %s", res.StatusCode, res.body)
		}
	})
}

func TestNothingRedirectsUnproven(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.save("off", directory.ClientMetadata{RedirectURIs: []string{callback}})
		off := d.app
		off.ClientID, off.Disabled = "off", true
		must(d.dir.Applications.Save(ctx, off))(t)
		for name, broken := range map[string]func(v url.Values){
			"unknown client":            func(v url.Values) { v.Set("client_id", "nobody") },
			"no client":                 func(v url.Values) { v.Del("client_id") },
			"two clients":               func(v url.Values) { v["client_id"] = []string{"demo", "demo"} },
			"client with NUL":           func(v url.Values) { v.Set("client_id", "demo\x00") },
			"disabled client":           func(v url.Values) { v.Set("client_id", "off") },
			"service account":           func(v url.Values) { v.Set("client_id", "nordlys.webshop") },
			"no redirect URI":           func(v url.Values) { v.Del("redirect_uri") },
			"two redirect URIs":         func(v url.Values) { v["redirect_uri"] = []string{callback, "https://evil.example"} },
			"another client's URI":      func(v url.Values) { v.Set("redirect_uri", "https://other.example/cb") },
			"unregistered URI":          func(v url.Values) { v.Set("redirect_uri", callback+"/x") },
			"URI with a response":       func(v url.Values) { v.Set("redirect_uri", callback+"?code=x&state=y&iss=z") },
			"URI with fragment":         func(v url.Values) { v.Set("redirect_uri", callback+"#code=x") },
			"URI escaped once more":     func(v url.Values) { v.Set("redirect_uri", "https%3A%2F%2Frp.example%2Fcb") },
			"URI with an escaped slash": func(v url.Values) { v.Set("redirect_uri", "https://rp.example%2Fcb") },
		} {
			for _, and := range [][2]string{{"", ""}, {"prompt", "none"}, {"scope", "\"bad\""}, {"response_type", "token"}, {"request", "e30.e30."}, {"response_mode", "form_post"}} {
				v := request()
				broken(v)
				if and[0] != "" {
					v.Set(and[0], and[1])
				}
				res := d.signedIn().get("/oauth2/authorize?" + v.Encode())
				if res.StatusCode != 400 || res.Header.Get("Location") != "" || !strings.Contains(res.body, `data-page="error"`) || !strings.Contains(res.body, "invalid_") {
					t.Fatalf("%s and %v: %d %v", name, and, res.StatusCode, res.Header)
				}
			}
		}
		if res := d.browser().authorize("redirect_uri", callback+"/x"); !strings.Contains(res.body, "redirect_uri") {
			t.Error("the page does not name redirect_uri")
		}
	})
}

func TestErrorsGoToTheApplication(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		signedIn := d.signedIn()
		rows := []struct {
			name  string
			pairs []string
			want  string
		}{
			{"no response type", []string{"response_type", ""}, "invalid_request"},
			{"token", []string{"response_type", "token"}, "unsupported_response_type"},
			{"hybrid", []string{"response_type", "code id_token"}, "unsupported_response_type"},
			{"none", []string{"response_type", "none"}, "unsupported_response_type"},
			{"web_message", []string{"response_mode", "web_message"}, "invalid_request"},
			{"fragment", []string{"response_mode", "fragment"}, "invalid_request"},
			{"jwt", []string{"response_mode", "form_post.jwt"}, "invalid_request"},
			{"request", []string{"request", "e30.e30."}, "request_not_supported"},
			{"request_uri", []string{"request_uri", "https://evil.example/r"}, "request_uri_not_supported"},
			{"registration", []string{"registration", "{}"}, "registration_not_supported"},
			{"no challenge", []string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
			{"method without challenge", []string{"code_challenge", ""}, "invalid_request"},
			{"plain", []string{"code_challenge_method", "plain"}, "invalid_request"},
			{"no method means plain", []string{"code_challenge_method", ""}, "invalid_request"},
			{"s256", []string{"code_challenge_method", "s256"}, "invalid_request"},
			{"short challenge", []string{"code_challenge", challenge[:42]}, "invalid_request"},
			{"challenge with spare bits", []string{"code_challenge", challenge[:42] + "N"}, "invalid_request"},
			{"bad scope", []string{"scope", "open\"id"}, "invalid_scope"},
			{"unknown prompt", []string{"prompt", "create"}, "invalid_request"},
			{"none and login", []string{"prompt", "none login"}, "invalid_request"},
			{"max_age", []string{"max_age", "-1"}, "invalid_request"},
			{"max_age word", []string{"max_age", "x"}, "invalid_request"},
			{"bad hint", []string{"id_token_hint", "e30.e30.x"}, "invalid_request"},
			{"NUL in nonce", []string{"nonce", "a\x00b"}, "invalid_request"},
			{"not UTF-8", []string{"login_hint", "a\xff"}, "invalid_request"},
			{"long nonce", []string{"nonce", strings.Repeat("n", 1025)}, "invalid_request"},
			{"disagreeing organizations", []string{"organization", "nordlys", "scope", "openid organization:tallsmia"}, "invalid_request"},
			{"two organizations", []string{"scope", "openid organization:nordlys organization:tallsmia"}, "invalid_request"},
		}
		for _, row := range rows {
			q := signedIn.authorize(row.pairs...).location(t)
			if q.Get("error") != row.want || q.Get("state") != "s&t=a te" || q.Get("iss") != issuer || q.Has("code") {
				t.Errorf("%s: %v", row.name, q)
			}
		}
		twice := request()
		twice.Add("nonce", "n-2")
		if q := signedIn.get("/oauth2/authorize?" + twice.Encode()).location(t); q.Get("error") != "invalid_request" {
			t.Errorf("a parameter twice: %v", q)
		}
		if q := signedIn.authorize("organization", "nowhere", "prompt", "none").location(t); q.Get("error") != "access_denied" {
			t.Errorf("not a member: %v", q)
		}
		if q := d.browser().authorize("prompt", "none").location(t); q.Get("error") != "login_required" {
			t.Errorf("prompt=none without a session: %v", q)
		}
	})
}

func TestWhatIsIgnoredOrObeyed(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		first := d.tokensOf(b)
		id := first["id_token"].(string)
		for name, pairs := range map[string][]string{
			"unknown parameter": {"foo", "bar"}, "display": {"display", "popup"}, "claims": {"claims", `{"userinfo":{"name":{"essential":true}}}`},
			"claims_locales": {"claims_locales", "se"}, "ui_locales": {"ui_locales", "se"}, "login_hint": {"login_hint", "buffy@id.example"},
			"acr_values": {"acr_values", "urn:portvakt:acr:password 1 2"}, "no nonce": {"nonce", ""}, "no state": {"state", ""}, "unknown scope": {"scope", "openid superuser"},
			"prompt none": {"prompt", "none"}, "prompt none with hint": {"prompt", "none", "id_token_hint", id}, "long max_age": {"max_age", "10000"},
			"organization": {"organization", "nordlys"}, "organization as scope": {"scope", "openid organization:nordlys"}, "query mode": {"response_mode", "query"},
		} {
			if q := b.authorize(pairs...).location(t); q.Get("code") == "" || q.Get("iss") != issuer {
				t.Errorf("%s: %v", name, q)
			}
		}
		if q := b.authorize("state", "").location(t); q.Has("state") {
			t.Errorf("a state that was not sent: %v", q)
		}
		d.clock.Advance(10 * time.Second)
		for name, pairs := range map[string][]string{"prompt login": {"prompt", "login"}, "max_age": {"max_age", "5"}, "max_age 0": {"max_age", "0"}} {
			res := b.authorize(pairs...)
			if res.StatusCode != 303 || !strings.HasPrefix(res.Header.Get("Location"), "/sign-in") {
				t.Errorf("%s: %d %q", name, res.StatusCode, res.Header.Get("Location"))
			}
		}
		if q := b.authorize("prompt", "none", "max_age", "5").location(t); q.Get("error") != "login_required" {
			t.Errorf("prompt=none with an old session: %v", q)
		}
	})
}

func TestFormPost(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		res := d.signedIn().authorize("response_mode", "form_post", "state", `"><script>`)
		if res.StatusCode != 200 || res.Header.Get("Location") != "" || res.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", res.StatusCode, res.Header)
		}
		for _, want := range []string{`data-page="form-post"`, `action="` + callback + `"`, `name="code"`, `name="state" value="&#34;&gt;&lt;script&gt;"`, `name="iss" value="` + issuer + `"`} {
			if !strings.Contains(res.body, want) {
				t.Errorf("the page lacks %s", want)
			}
		}
		res = d.browser().authorize("response_mode", "form_post", "prompt", "none")
		if res.StatusCode != 200 || !strings.Contains(res.body, `name="error" value="login_required"`) || !strings.Contains(res.body, `name="iss"`) {
			t.Errorf("errors by form_post: %d", res.StatusCode)
		}
	})
}

func TestAuthorizeByPost(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.signedIn()
		res := d.browser().post("/oauth2/authorize", request()) // another site's form comes without cookies
		if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/oauth2/authorize?") {
			t.Fatalf("%d %v", res.StatusCode, res.Header)
		}
		if q := b.get(res.Header.Get("Location")).location(t); q.Get("code") == "" || q.Get("state") != "s&t=a te" {
			t.Errorf("answer %v", q)
		}
		if res := b.post("/oauth2/authorize?client_id=demo", request()); res.StatusCode != 400 {
			t.Errorf("parameters in both: %d", res.StatusCode)
		}
		if res := b.post("/oauth2/authorize", request("state", strings.Repeat("x", 20<<10))); res.StatusCode != 400 {
			t.Errorf("too long: %d", res.StatusCode)
		}
		if res := b.get("/oauth2/authorize?" + request("state", strings.Repeat("x", 20<<10)).Encode()); res.StatusCode != 400 {
			t.Errorf("too long: %d", res.StatusCode)
		}
	})
}

func TestRedirectURIWithQuery(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		for _, pairs := range [][]string{{}, {"prompt", "create"}} {
			res := d.signedIn().authorize(append([]string{"redirect_uri", "https://rp.example/q?a=b"}, pairs...)...)
			q := res.location(t)
			if !strings.HasPrefix(res.Header.Get("Location"), "https://rp.example/q?a=b&") {
				t.Errorf("Location %q", res.Header.Get("Location"))
			}
			for name, values := range q {
				if len(values) != 1 {
					t.Errorf("%s stands there %d times", name, len(values))
				}
			}
		}
	})
}

func TestTheConversationAnswers(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.browser()
		res := b.authorize()
		if res.StatusCode != 303 || !strings.HasPrefix(res.Header.Get("Location"), "/sign-in?") {
			t.Fatalf("%d %q", res.StatusCode, res.Header.Get("Location"))
		}
		place := res.Header.Get("Location")
		// Another browser, even a signed-in one, gets nothing of it.
		if other := d.signedIn().get(place); other.StatusCode != 400 || strings.Contains(other.Header.Get("Location"), "code=") {
			t.Errorf("another browser: %d %q", other.StatusCode, other.Header.Get("Location"))
		}
		b.signIn()
		if q := b.get(place).location(t); q.Get("code") == "" || q.Get("state") != "s&t=a te" || q.Get("iss") != issuer {
			t.Errorf("answer %v", q)
		}
		if res := b.get(place); strings.Contains(res.Header.Get("Location"), "code=") {
			t.Error("a conversation answered twice")
		}
	})
}

func TestPromptNoneIsSilentHoweverItIsWritten(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		for _, prompt := range []string{"none", " none", "none "} {
			if q := d.browser().authorize("prompt", prompt).location(t); q.Get("error") != "login_required" {
				t.Errorf("%q: %v", prompt, q)
			}
		}
	})
}

// An application that was not told the address learns it from no page either.
func TestHintShowsNoAddress(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		m := d.tokensOf(d.signedIn(), "scope", "openid")
		stranger := d.browser()
		res := stranger.authorize("id_token_hint", m["id_token"].(string))
		for res.StatusCode == http.StatusSeeOther {
			res = stranger.get(res.Header.Get("Location"))
		}
		if res.StatusCode != http.StatusOK || strings.Contains(res.body, d.member.Email) {
			t.Errorf("%d: whoever has the ID token is shown the address", res.StatusCode)
		}
	})
}
