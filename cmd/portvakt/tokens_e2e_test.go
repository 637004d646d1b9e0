//go:build e2e

package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// keyring is what a relying party holds after a sign-in.
type keyring struct {
	s      *service
	access string
	child  string
	id     string
}

const (
	demoClient = "demo-web"
	demoSecret = "dev-demo-secret"
)

func s256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authorizeURL is an authorization request of the demo application with its own callback.
func (s *service) authorizeURL(verifier string, more ...string) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {demoClient}, "redirect_uri": {s.demo + "/callback"}, "state": {"state-1"}, "nonce": {"nonce-1"},
		"scope": {"openid profile email offline_access organization access"}, "code_challenge": {s256(verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return s.issuer + "/oauth2/authorize?" + q.Encode()
}

// answer walks an authorization request through and answers the parameters that would have reached the application.
func (p *person) answer(s *service, walk func(p *person)) url.Values {
	p.t.Helper()
	var got url.Values
	follow := p.client.CheckRedirect
	defer func() { p.client.CheckRedirect = follow }()
	p.client.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), s.demo+"/callback") {
			got = req.URL.Query()
			return http.ErrUseLastResponse
		}
		return nil
	}
	walk(p)
	if got == nil {
		p.t.Fatalf("the application was not answered; the page is %q (%s):\n%s", p.page(), p.at, p.text)
	}
	return got
}

func obtainTokens(t *testing.T, s *service, email string) *keyring {
	t.Helper()
	verifier := oauth2.GenerateVerifier()
	got := newPerson(t).answer(s, func(p *person) { p.open(s.authorizeURL(verifier)).signIn(email, newPassword) })
	if got.Get("iss") != s.issuer || got.Get("state") != "state-1" {
		t.Errorf("the answer's iss %q, state %q", got.Get("iss"), got.Get("state"))
	}
	status, out := s.token(url.Values{"grant_type": {"authorization_code"}, "code": {got.Get("code")}, "redirect_uri": {s.demo + "/callback"}, "code_verifier": {verifier}})
	if status != http.StatusOK {
		t.Fatalf("the code was answered %d: %v", status, out)
	}
	k := &keyring{s: s}
	k.take(out)
	return k
}

func (k *keyring) take(out map[string]any) {
	k.access, _ = out["access_token"].(string)
	k.child, _ = out["refresh_token"].(string)
	k.id, _ = out["id_token"].(string)
}

// token calls the token endpoint as the demo application.
func (s *service) token(form url.Values) (int, map[string]any) {
	return s.backChannel("/oauth2/token", form)
}

func (s *service) backChannel(path string, form url.Values) (int, map[string]any) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(demoClient, demoSecret)
	status, out, _ := s.send(req)
	return status, out
}

func (k *keyring) userinfo() int {
	status, _, _ := k.s.call(http.MethodGet, k.s.issuer+"/oauth2/userinfo", k.access, nil)
	return status
}

func (k *keyring) active() bool {
	status, out := k.s.backChannel("/oauth2/introspect", url.Values{"token": {k.access}})
	if status != http.StatusOK {
		k.s.t.Fatalf("introspection answered %d: %v", status, out)
	}
	active, _ := out["active"].(bool)
	if !active && len(out) != 1 {
		k.s.t.Errorf("an inactive token is told more of than that: %v", out)
	}
	return active
}

// refresh redeems the refresh token; the ring keeps what comes.
func (k *keyring) refresh() int {
	status, out := k.s.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {k.child}})
	if status == http.StatusOK {
		k.take(out)
	}
	return status
}

func (k *keyring) deadWithinASecond(name string) {
	t := k.s.t
	t.Helper()
	withinASecond(t, name+": userinfo", func() bool { return k.userinfo() == http.StatusUnauthorized })
	withinASecond(t, name+": introspection", func() bool { return !k.active() })
	withinASecond(t, name+": refresh", func() bool { return k.refresh() == http.StatusBadRequest })
}

func (k *keyring) claims(token string) map[string]any {
	k.s.t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		k.s.t.Fatalf("not a JWT: %q", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		k.s.t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		k.s.t.Fatal(err)
	}
	return out
}

func (k *keyring) latestExpiry() time.Time {
	var latest time.Time
	for _, token := range []string{k.access, k.id} {
		exp, _ := k.claims(token)["exp"].(float64)
		if at := time.Unix(int64(exp), 0); at.After(latest) {
			latest = at
		}
	}
	return latest
}
