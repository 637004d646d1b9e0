package demo_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// send is the issuer's call with a logout token.
func (p *place) send(token string) page {
	return p.visitor().post("/backchannel-logout", url.Values{"logout_token": {token}})
}

func TestBackchannelLogout(t *testing.T) {
	t.Parallel()
	p := open(t)
	a, b := p.visitor(), p.visitor()
	a.get("/login?login_hint=a")
	b.get("/login?login_hint=b")

	got := p.send(p.op.sign("logout+jwt", p.op.logoutClaims(nil)))
	if got.status != http.StatusOK || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("answered %d %v", got.status, got.header)
	}
	for range 2 { // not only once
		if got := a.get("/"); got.at() != "demo-home" || !strings.Contains(got.body, `id="ended-notice"`) || strings.Contains(got.body, "Kari") {
			t.Errorf("the ended browser sees %s", got.body)
		}
	}
	if got := a.get("/api/me"); got.status != http.StatusUnauthorized || !strings.Contains(got.body, `"ended"`) {
		t.Errorf("/api/me of the ended: %d", got.status)
	}
	for _, path := range []string{"/refresh", "/userinfo", "/sign-out"} {
		if got := a.post(path, url.Values{}); got.at() != "demo-home" {
			t.Errorf("%s of the ended: %d %s", path, got.status, got.at())
		}
	}
	if got := b.get("/"); got.at() != "demo-signed-in" {
		t.Errorf("the other session of the person: %s", got.at())
	}
	// Somebody else's sub with this sid, and a sub that nobody has, end nothing; both are valid.
	for _, changes := range []map[string]any{{"sid": "sid-b", "sub": "usr_ola"}, {"sid": nil, "sub": "usr_ola"}} {
		if got := p.send(p.op.sign("logout+jwt", p.op.logoutClaims(changes))); got.status != http.StatusOK || b.get("/").at() != "demo-signed-in" {
			t.Errorf("%v: answered %d", changes, got.status)
		}
	}
	// Without sid all of the person's sessions end.
	if got := p.send(p.op.sign("logout+jwt", p.op.logoutClaims(map[string]any{"sid": nil}))); got.status != http.StatusOK || b.get("/").at() != "demo-home" {
		t.Errorf("by sub: answered %d", got.status)
	}
	if got := a.get("/login?login_hint=a"); got.at() != "demo-signed-in" || strings.Contains(got.body, "ended-notice") {
		t.Errorf("signing in again: %s", got.body)
	}
}

func TestBackchannelLogoutRefused(t *testing.T) {
	t.Parallel()
	p := open(t)
	v := p.visitor()
	v.get("/login?login_hint=a")
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour).Unix()
	with := func(changes map[string]any) string { return p.op.sign("logout+jwt", p.op.logoutClaims(changes)) }
	for name, token := range map[string]string{
		"none":            "",
		"no token":        "hello",
		"wrong aud":       with(map[string]any{"aud": "another-app"}),
		"wrong iss":       with(map[string]any{"iss": "https://evil.example"}),
		"nonce":           with(map[string]any{"nonce": "n"}),
		"expired":         with(map[string]any{"exp": past}),
		"no exp":          with(map[string]any{"exp": nil}),
		"no iat":          with(map[string]any{"iat": nil}),
		"iat to come":     with(map[string]any{"iat": time.Now().Add(time.Hour).Unix()}),
		"no jti":          with(map[string]any{"jti": nil}),
		"no sub, no sid":  with(map[string]any{"sub": nil, "sid": nil}),
		"no events":       with(map[string]any{"events": nil}),
		"other event":     with(map[string]any{"events": map[string]any{"https://example.com/event": map[string]any{}}}),
		"event no object": with(map[string]any{"events": map[string]any{logoutEvent: "yes"}}),
		"event null":      with(map[string]any{"events": map[string]any{logoutEvent: nil}}),
		"wrong typ":       p.op.sign("JWT", p.op.logoutClaims(nil)),
		"no typ":          p.op.sign("", p.op.logoutClaims(nil)),
		"strange key":     sign(t, stranger, "logout+jwt", p.op.logoutClaims(nil)),
		"alg none":        "eyJhbGciOiJub25lIiwidHlwIjoibG9nb3V0K2p3dCJ9." + strings.Split(with(nil), ".")[1] + ".",
		"too large":       strings.Repeat("x", 100<<10),
	} {
		got := p.send(token)
		if got.status != http.StatusBadRequest || got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" || !strings.Contains(got.body, `"error":"invalid_request"`) {
			t.Errorf("%s: answered %d %s", name, got.status, got.body)
		}
		if v.get("/").at() != "demo-signed-in" {
			t.Fatalf("%s ended the session", name)
		}
	}
	padded := url.Values{"logout_token": {with(nil)}, "padding": {strings.Repeat("x", 100<<10)}}
	if got := p.visitor().post("/backchannel-logout", padded); got.status != http.StatusBadRequest {
		t.Errorf("a good token in a large body: %d", got.status)
	}
	good := p.op.logoutClaims(map[string]any{"sid": "sid-none"})
	if got := p.send(p.op.sign("application/logout+jwt", good)); got.status != http.StatusOK {
		t.Errorf("first: %d", got.status)
	}
	if got := p.send(p.op.sign("logout+jwt", good)); got.status != http.StatusBadRequest {
		t.Errorf("replayed jti: %d", got.status)
	}
	if got := p.visitor().get("/backchannel-logout?logout_token=" + with(nil)); got.status != http.StatusMethodNotAllowed && got.status != http.StatusNotFound {
		t.Errorf("GET: %d", got.status)
	}
}
