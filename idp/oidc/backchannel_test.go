package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"portvakt/internal/directory"
)

func TestBackChannelIsStrict(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		form := func() url.Values { return url.Values{"grant_type": {"client_credentials"}, "token": {"x"}} }
		send := func(method, target, body, kind string, edit func(*http.Request)) *reply {
			r := httptest.NewRequest(method, target, strings.NewReader(body))
			r.Header.Set("Content-Type", kind)
			r.SetBasicAuth("demo", secret1)
			if edit != nil {
				edit(r)
			}
			return d.browser().do(r)
		}
		const ok = "application/x-www-form-urlencoded"
		for _, path := range []string{"/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"} {
			if res := send("POST", path, form().Encode(), ok+"; charset=UTF-8", nil); res.StatusCode != 200 {
				t.Errorf("%s: a good request: %d %s", path, res.StatusCode, res.body)
			}
			rows := []struct {
				name   string
				res    *reply
				status int
				code   string
			}{
				{"GET", send("GET", path+"?"+form().Encode(), "", ok, nil), 405, "invalid_request"},
				{"PUT", send("PUT", path, form().Encode(), ok, nil), 405, "invalid_request"},
				{"query", send("POST", path+"?grant_type=client_credentials", form().Encode(), ok, nil), 400, "invalid_request"},
				{"empty query", send("POST", path+"?", form().Encode(), ok, nil), 400, "invalid_request"},
				{"JSON", send("POST", path, `{"grant_type":"client_credentials"}`, "application/json", nil), 400, "invalid_request"},
				{"no type", send("POST", path, form().Encode(), "", nil), 400, "invalid_request"},
				{"multipart", send("POST", path, form().Encode(), "multipart/form-data; boundary=x", nil), 400, "invalid_request"},
				{"twice", send("POST", path, form().Encode()+"&token=y", ok, nil), 400, "invalid_request"},
				{"twice the same", send("POST", path, form().Encode()+"&foo=1&foo=1", ok, nil), 400, "invalid_request"},
				{"NUL", send("POST", path, form().Encode()+"&x=%00", ok, nil), 400, "invalid_request"},
				{"not UTF-8", send("POST", path, form().Encode()+"&x=%ff", ok, nil), 400, "invalid_request"},
				{"bad escape", send("POST", path, form().Encode()+"&x=%zz", ok, nil), 400, "invalid_request"},
				{"large", send("POST", path, form().Encode()+"&x="+strings.Repeat("a", 70<<10), ok, nil), 400, "invalid_request"},
				{"two methods", send("POST", path, form().Encode()+"&client_secret="+secret1, ok, nil), 400, "invalid_request"},
				{"another client_id", send("POST", path, form().Encode()+"&client_id=other", ok, nil), 400, "invalid_request"},
				{"assertion beside", send("POST", path, form().Encode()+"&client_assertion=x", ok, nil), 400, "invalid_request"},
				{"two headers", send("POST", path, form().Encode(), ok, func(r *http.Request) { r.Header.Add("Authorization", "Basic eDp5") }), 400, "invalid_request"},
				{"wrong secret", send("POST", path, form().Encode(), ok, func(r *http.Request) { r.SetBasicAuth("demo", "x") }), 401, "invalid_client"},
				{"unknown client", send("POST", path, form().Encode(), ok, func(r *http.Request) { r.SetBasicAuth("nobody", secret1) }), 401, "invalid_client"},
				{"NUL in client", send("POST", path, form().Encode(), ok, func(r *http.Request) { r.SetBasicAuth("demo\x00", secret1) }), 401, "invalid_client"},
				{"bad escape in client", send("POST", path, form().Encode(), ok, func(r *http.Request) { r.SetBasicAuth("%zz", secret1) }), 401, "invalid_client"},
				{"bearer", send("POST", path, form().Encode(), ok, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }), 401, "invalid_client"},
				{"nobody", send("POST", path, form().Encode(), ok, func(r *http.Request) { r.Header.Del("Authorization") }), 401, "invalid_client"},
				{"assertion with aud array", send("POST", path, form().Encode()+"&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOlsxXX0.eA", ok,
					func(r *http.Request) { r.Header.Del("Authorization") }), 401, "invalid_client"},
			}
			for _, row := range rows {
				m := row.res.json(t)
				if row.res.StatusCode != row.status || m["error"] != row.code || row.res.Header.Get("Cache-Control") != "no-store" || row.res.Header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s %s: %d %s %v", path, row.name, row.res.StatusCode, row.res.body, row.res.Header)
				}
				if (row.status == 401) != (row.res.Header.Get("WWW-Authenticate") != "") {
					t.Errorf("%s %s: WWW-Authenticate %q", path, row.name, row.res.Header.Get("WWW-Authenticate"))
				}
			}
		}
	})
}

func TestGrants(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		machine := func(client string, pairs ...string) *reply {
			f := url.Values{"grant_type": {"client_credentials"}}
			for i := 0; i+1 < len(pairs); i += 2 {
				f.Set(pairs[i], pairs[i+1])
			}
			return d.call("/oauth2/token", client, f)
		}
		must(d.dir.Organizations.Create(ctx, directory.Organization{Slug: "bjorkvik", Name: "B", Seats: directory.UnlimitedSeats}))(t)
		rows := []struct {
			name   string
			res    *reply
			status int
			code   string
		}{
			{"no grant type", machine("demo", "grant_type", ""), 400, "invalid_request"},
			{"unknown grant", machine("demo", "grant_type", "password"), 400, "unsupported_grant_type"},
			{"implicit", machine("demo", "grant_type", "implicit"), 400, "unsupported_grant_type"},
			{"token exchange", machine("demo", "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token", "opaque", "subject_token_type", "urn:ietf:params:oauth:token-type:access_token"), 400, "unauthorized_client"},
			{"jwt bearer with aud array", machine("demo", "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOlsxXX0.eA"), 400, "unsupported_grant_type"},
			{"device code", machine("demo", "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", "x"), 400, "unauthorized_client"},
			{"not registered", machine("machine", "grant_type", "authorization_code", "code", "x", "redirect_uri", callback), 400, "unauthorized_client"},
			{"no code", machine("demo", "grant_type", "authorization_code", "redirect_uri", callback), 400, "invalid_request"},
			{"no redirect", machine("demo", "grant_type", "authorization_code", "code", "x"), 400, "invalid_request"},
			{"wrong code", machine("demo", "grant_type", "authorization_code", "code", strings.Repeat("x", 43), "redirect_uri", callback), 400, "invalid_grant"},
			{"no refresh token", machine("demo", "grant_type", "refresh_token"), 400, "invalid_request"},
			{"wrong refresh token", machine("demo", "grant_type", "refresh_token", "refresh_token", "x"), 400, "invalid_grant"},
			{"personal scope", machine("machine", "scope", "openid"), 400, "invalid_scope"},
			{"unregistered scope", machine("machine", "scope", "scim"), 400, "invalid_scope"},
			{"bad scope", machine("machine", "scope", "a\"b"), 400, "invalid_scope"},
			{"unknown organization", machine("machine", "organization", "nowhere"), 400, "access_denied"},
			{"a service account elsewhere", machine("nordlys.webshop", "organization", "bjorkvik"), 400, "access_denied"},
		}
		for _, row := range rows {
			if m := row.res.json(t); row.res.StatusCode != row.status || m["error"] != row.code {
				t.Errorf("%s: %d %s", row.name, row.res.StatusCode, row.res.body)
			}
		}
		good := machine("machine", "organization", "nordlys", "scope", "authzen")
		m := good.json(t)
		intro := d.call("/oauth2/introspect", "machine", url.Values{"token": {m["access_token"].(string)}}).json(t)
		if good.StatusCode != 200 || m["refresh_token"] != nil || m["id_token"] != nil || intro["active"] != true || intro["sub"] != "machine" || intro["org_slug"] != "nordlys" || intro["aud"] != issuer+"/access/v1" {
			t.Errorf("client credentials %s, %v", good.body, intro)
		}
		account := machine("nordlys.webshop").json(t)
		intro = d.call("/oauth2/introspect", "nordlys.webshop", url.Values{"token": {account["access_token"].(string)}}).json(t)
		if intro["active"] != true || intro["sub"] != "nordlys.webshop" || intro["org_slug"] != "nordlys" {
			t.Errorf("service account %v", intro)
		}
		if res := d.userinfo(m["access_token"].(string)); res.StatusCode != 403 || !strings.Contains(res.Header.Get("WWW-Authenticate"), "insufficient_scope") {
			t.Errorf("userinfo of a client's own token: %d", res.StatusCode)
		}
		must(d.dir.Organizations.Change(ctx, d.org.ID, func(o *directory.Organization) error { o.Suspended = true; return nil }))(t)
		for client, token := range map[string]any{"machine": m["access_token"], "nordlys.webshop": account["access_token"]} {
			res := d.call("/oauth2/introspect", client, url.Values{"token": {token.(string)}})
			if res.StatusCode == 200 && res.json(t)["active"] == true {
				t.Errorf("%s: a token of a suspended organization is active", client)
			}
		}
		if res := machine("machine", "organization", "nordlys"); res.StatusCode != 400 {
			t.Errorf("a token for a suspended organization: %d %s", res.StatusCode, res.body)
		}
	})
}

func TestIntrospectionAndRevocationAcrossClients(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		m := d.tokensOf(d.signedIn())
		access, refresh, id := m["access_token"].(string), m["refresh_token"].(string), m["id_token"].(string)
		for _, token := range []string{access, refresh, id, "nonsense", access[:len(access)-1], access + "A"} {
			if res := d.call("/oauth2/introspect", "other", url.Values{"token": {token}}); res.StatusCode != 200 || strings.TrimSpace(res.body) != `{"active":false}` {
				t.Errorf("another client hears %d %s", res.StatusCode, res.body)
			}
			if res := d.call("/oauth2/revoke", "other", url.Values{"token": {token}}); res.StatusCode != 200 || res.body != "" {
				t.Errorf("another client revokes: %d %q", res.StatusCode, res.body)
			}
		}
		if res := d.call("/oauth2/introspect", "demo", url.Values{"token": {id}}); strings.TrimSpace(res.body) != `{"active":false}` {
			t.Errorf("an ID token is %s", res.body)
		}
		if res := d.call("/oauth2/introspect", "demo", url.Values{"token": {refresh}}).json(t); res["active"] != true || res["sub"] != d.user.ID.String() {
			t.Errorf("own refresh token: %v", res)
		}
		if res := d.call("/oauth2/introspect", "demo", url.Values{}); res.StatusCode != 400 {
			t.Errorf("no token: %d", res.StatusCode)
		}
		if !d.active(access) {
			t.Fatal("another client's revocation worked")
		}
		if res := d.call("/oauth2/revoke", "demo", url.Values{"token": {access}}); res.StatusCode != 200 {
			t.Errorf("revoke: %d", res.StatusCode)
		}
		if d.active(access) || d.userinfo(access).StatusCode != 401 {
			t.Error("a revoked token is alive")
		}
		if res := d.call("/oauth2/token", "demo", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}); res.StatusCode != 400 || res.json(t)["error"] != "invalid_grant" {
			t.Errorf("refresh after revocation: %d %s", res.StatusCode, res.body)
		}
	})
}

func TestUserinfo(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		m := d.tokensOf(d.signedIn())
		access := m["access_token"].(string)
		send := func(method, target, body string, edit func(*http.Request)) *reply {
			r := httptest.NewRequest(method, target, strings.NewReader(body))
			if body != "" {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			if edit != nil {
				edit(r)
			}
			return d.browser().do(r)
		}
		bearer := func(text string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set("Authorization", text) }
		}
		for name, row := range map[string]struct {
			res    *reply
			status int
			code   string
		}{
			"GET":               {send("GET", "/oauth2/userinfo", "", bearer("Bearer "+access)), 200, ""},
			"lower case":        {send("GET", "/oauth2/userinfo", "", bearer("bearer "+access)), 200, ""},
			"POST header":       {send("POST", "/oauth2/userinfo", "", bearer("Bearer "+access)), 200, ""},
			"POST body":         {send("POST", "/oauth2/userinfo", "access_token="+access, nil), 200, ""},
			"both":              {send("POST", "/oauth2/userinfo", "access_token="+access, bearer("Bearer "+access)), 400, "invalid_request"},
			"query":             {send("GET", "/oauth2/userinfo?access_token="+access, "", nil), 400, "invalid_request"},
			"twice in the body": {send("POST", "/oauth2/userinfo", "access_token="+access+"&access_token="+access, nil), 400, "invalid_request"},
			"nothing":           {send("GET", "/oauth2/userinfo", "", nil), 401, ""},
			"basic":             {send("GET", "/oauth2/userinfo", "", bearer("Basic eDp5")), 401, ""},
			"ID token":          {send("GET", "/oauth2/userinfo", "", bearer("Bearer "+m["id_token"].(string))), 401, "invalid_token"},
			"refresh token":     {send("GET", "/oauth2/userinfo", "", bearer("Bearer "+m["refresh_token"].(string))), 401, "invalid_token"},
			"nonsense":          {send("GET", "/oauth2/userinfo", "", bearer("Bearer \"x\x01")), 401, "invalid_token"},
			"DELETE":            {send("DELETE", "/oauth2/userinfo", "", bearer("Bearer "+access)), 405, "invalid_request"},
		} {
			challenge := row.res.Header.Get("WWW-Authenticate")
			if row.res.StatusCode != row.status || row.status == 401 && !strings.HasPrefix(challenge, "Bearer realm=") || row.res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %q %s", name, row.res.StatusCode, challenge, row.res.body)
			}
			if row.code != "" && row.res.json(t)["error"] != row.code {
				t.Errorf("%s: %s", name, row.res.body)
			}
		}
		if _, err := d.dir.Memberships.Change(ctx, d.org.ID, d.member.ID, 0, func(m *directory.Member) error { m.SuspendedAt = d.db.Now(); return nil }); err != nil {
			t.Fatal(err)
		}
		if res := d.userinfo(access); res.StatusCode != 401 || d.active(access) {
			t.Errorf("after the suspension: %d", res.StatusCode)
		}
	})
}

func TestDocuments(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		b := d.browser()
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
			r := httptest.NewRequest("GET", path, nil)
			r.Host = "evil.example"
			res := b.do(r)
			m := res.json(t)
			for name, want := range map[string]any{
				"issuer": issuer, "token_endpoint": issuer + "/oauth2/token", "end_session_endpoint": issuer + "/oauth2/logout", "request_parameter_supported": false,
				"request_uri_parameter_supported": false, "claims_parameter_supported": false, "authorization_response_iss_parameter_supported": true,
				"backchannel_logout_supported": true, "backchannel_logout_session_supported": true,
			} {
				if m[name] != want {
					t.Errorf("%s: %s = %v", path, name, m[name])
				}
			}
			if !strings.Contains(res.body, `"RS256"`) || !strings.Contains(res.body, `"code_challenge_methods_supported":["S256"]`) || strings.Contains(res.body, "evil") {
				t.Errorf("%s: %s", path, res.body)
			}
		}
		for _, path := range []string{"/.well-known/openid-configuration", "/oauth2/jwks"} {
			first := b.get(path)
			etag := first.Header.Get("Etag")
			if first.StatusCode != 200 || !json.Valid([]byte(first.body)) || !strings.HasPrefix(etag, `"`) || first.Header.Get("Cache-Control") == "" {
				t.Errorf("%s: %d %v", path, first.StatusCode, first.Header)
			}
			for _, tag := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
				r := httptest.NewRequest("GET", path, nil)
				r.Header.Set("If-None-Match", tag)
				if res := b.do(r); res.StatusCode != 304 || res.body != "" || res.Header.Get("Etag") != etag {
					t.Errorf("%s with %s: %d", path, tag, res.StatusCode)
				}
			}
			if res := b.post(path, url.Values{}); res.StatusCode != 405 {
				t.Errorf("POST %s: %d", path, res.StatusCode)
			}
		}
	})
}
