package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"portvakt/authz/client"
)

func TestVerifyAccepts(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	c := s.client(nil)
	for _, typ := range []string{"at+jwt", "AT+JWT", "application/at+jwt"} {
		for _, aud := range []any{"shop", []string{"other", "shop"}} {
			token, err := c.Verify(t.Context(), s.sign(sign{"k1", typ}, s.claims(func(m map[string]any) { m["aud"] = aud })))
			if err != nil {
				t.Fatal(typ, aud, err)
			}
			if token.Subject != "usr_kari" || token.Organization != "nordlys" || token.Membership != "mbr_kari" || !token.HasScope("access") || token.Session != "ses_1" ||
				!slices.Equal(token.Roles, []string{"chief"}) || !token.Expires.Equal(s.clock().Add(10*time.Minute)) {
				t.Errorf("%+v", token)
			}
		}
	}
	if n := s.count("/oauth2/jwks"); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	c := s.client(nil)
	with := func(name string, value any) func(map[string]any) {
		return func(m map[string]any) {
			if m[name] = value; value == nil {
				delete(m, name)
			}
		}
	}
	now := s.clock().Unix()
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := s.sign(sign{"k1", "at+jwt"}, s.claims(nil))
	parts := strings.Split(good, ".")
	kid := func() *jose.SignerOptions { return (&jose.SignerOptions{}).WithHeader("kid", "k1").WithType("at+jwt") }
	tokens := map[string]string{
		"nothing": "", "no JWT": "opaque", "no signature": parts[0] + "." + parts[1] + ".", "alg none": "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoiazEifQ." + parts[1] + ".",
		"another's signature": signWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: stranger}, kid(), s.claims(nil)),
		"a shared secret":     signWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("x", 32))}, kid(), s.claims(nil)),
		"changed claims":      parts[0] + "." + parts[1][:len(parts[1])-2] + "fQ." + parts[2],
		"an ID token":         s.sign(sign{"k1", "JWT"}, s.claims(nil)), "no type": s.sign(sign{"k1", ""}, s.claims(nil)), "a logout token": s.sign(sign{"k1", "logout+jwt"}, s.claims(nil)),
		"no key named":   signWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: stranger}, (&jose.SignerOptions{}).WithType("at+jwt"), s.claims(nil)),
		"too long":       s.sign(sign{"k1", "at+jwt"}, s.claims(with("x", strings.Repeat("x", 70_000)))),
		"a name twice":   s.sign(sign{"k1", "at+jwt"}, fmt.Sprintf(`{"iss":%q,"sub":"a","sub":"b","aud":"shop","exp":%d,"iat":%d,"jti":"j","client_id":"shop"}`, s.url, now+600, now)),
		"not an object":  s.sign(sign{"k1", "at+jwt"}, `"text"`),
		"JSON form":      `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"another issuer": s.sign(sign{"k1", "at+jwt"}, s.claims(with("iss", "https://other.example"))),
	}
	for name, edit := range map[string]func(map[string]any){
		"aud: another": with("aud", "bank"), "aud: others": with("aud", []string{"bank", "shop2"}), "aud: none": with("aud", nil), "aud: a number": with("aud", 7),
		"exp: over": with("exp", now-31), "exp: none": with("exp", nil), "exp: a text": with("exp", "never"), "nbf: later": with("nbf", now+31), "iat: later": with("iat", now+31), "iat: none": with("iat", nil),
		"sub: none": with("sub", nil), "client_id: none": with("client_id", nil), "jti: none": with("jti", nil), "bound": with("cnf", map[string]any{"jkt": "x"}), "SUB": func(m map[string]any) { m["SUB"] = m["sub"]; delete(m, "sub") },
		"exp: far in the past": with("exp", -1e300),
	} {
		tokens[name] = s.sign(sign{"k1", "at+jwt"}, s.claims(edit))
	}
	for name, token := range tokens {
		if got, err := c.Verify(t.Context(), token); !errors.Is(err, client.ErrToken) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := c.Verify(t.Context(), s.sign(sign{"k1", "at+jwt"}, s.claims(with("exp", now-29)))); err != nil {
		t.Error("within the leeway:", err)
	}
	only := s.client(func(cfg *client.Config) { cfg.Algorithms = []string{"RS256"} })
	if _, err := only.Verify(t.Context(), good); !errors.Is(err, client.ErrToken) {
		t.Error("an algorithm that is not allowed:", err)
	}
}

func TestRotatedKeyIsFound(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	c := s.client(nil)
	if _, err := c.Verify(t.Context(), s.sign(sign{"k1", "at+jwt"}, s.claims(nil))); err != nil {
		t.Fatal(err)
	}
	s.addKey("k2")
	s.advance(11 * time.Second)
	if _, err := c.Verify(t.Context(), s.sign(sign{"k2", "at+jwt"}, s.claims(nil))); err != nil {
		t.Error(err)
	}
	old := s.sign(sign{"k1", "at+jwt"}, s.claims(func(m map[string]any) { m["exp"] = s.clock().Add(time.Hour).Unix() }))
	s.with(func() { delete(s.keys, "k1") })
	s.advance(16 * time.Minute)
	if _, err := c.Verify(t.Context(), old); !errors.Is(err, client.ErrToken) {
		t.Error("a key that was taken back still counts:", err)
	}
}

// TestUnknownKeysDoNotHammer: whoever sends tokens with invented keys cannot make us ask the issuer for each.
func TestUnknownKeysDoNotHammer(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	c := s.client(nil)
	s.addKey("secret")
	token := s.sign(sign{"secret", "at+jwt"}, s.claims(nil))
	s.with(func() { delete(s.keys, "secret") })
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			if _, err := c.Verify(t.Context(), token); !errors.Is(err, client.ErrToken) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := s.count("/oauth2/jwks"); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}
	s.advance(11 * time.Second)
	_, _ = c.Verify(t.Context(), token)
	if n := s.count("/oauth2/jwks"); n != 2 {
		t.Errorf("after the pause the keys were read %d times", n)
	}
}

func TestKeysThatCannotBeReadAreNoVerdict(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer down.Close()
	s := newIssuer(t)
	c := s.client(func(cfg *client.Config) { cfg.Issuer, cfg.Attempts = down.URL, 1 })
	if _, err := c.Verify(t.Context(), s.sign(sign{"k1", "at+jwt"}, s.claims(nil))); !errors.Is(err, client.ErrUnavailable) || errors.Is(err, client.ErrToken) {
		t.Error(err)
	}
}

func TestMayAsksWhatTheTokenLeavesOut(t *testing.T) {
	t.Parallel()
	s := newIssuer(t)
	s.with(func() {
		s.decide = func(q question) answer {
			if q.Subject.Type != "member" || q.Subject.ID != "mbr_kari" || len(q.Resource.Properties) > 0 {
				return no("unknown_subject")
			}
			if q.Resource.Type == "payments" && q.Action.Name == "view" {
				return yes("module")
			}
			return no("no_permission")
		}
	})
	c := s.client(nil)
	read := func(edit func(map[string]any)) *client.Token {
		token, err := c.Verify(t.Context(), s.sign(sign{"k1", "at+jwt"}, s.claims(edit)))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	told, large := read(nil), read(func(m map[string]any) { delete(m, "entitlements"); m["access_ref"] = s.url + "/access/v1" })
	unsaid := read(func(m map[string]any) { delete(m, "entitlements") })
	// Where both stand there, something is wrong: it is asked, too.
	both := read(func(m map[string]any) { m["access_ref"] = s.url + "/access/v1" })
	for _, row := range []struct {
		name  string
		token *client.Token
		what  string
		want  bool
		asked int
	}{
		{"the token says yes", told, "invoices:view", true, 0}, {"the token says no", told, "payments:view", false, 0},
		{"too large, yes", large, "payments:view", true, 1}, {"too large, no", large, "invoices:view", false, 1},
		{"not said, yes", unsaid, "payments:view", true, 1}, {"both", both, "invoices:view", false, 1},
	} {
		s.advance(2 * time.Second) // nothing remembered counts
		before := s.count("/access/v1/evaluation")
		got, err := row.token.May(t.Context(), row.what)
		if asked := s.count("/access/v1/evaluation") - before; err != nil || got != row.want || asked != row.asked {
			t.Errorf("%s: %v, %v, asked %d times", row.name, got, err, asked)
		}
	}
	if ok, err := large.May(t.Context(), "bank_access"); ok || !errors.Is(err, client.ErrNotSaid) {
		t.Error("what cannot be asked:", ok, err)
	}
	nowhere := read(func(m map[string]any) { delete(m, "entitlements"); delete(m, "org_slug") })
	if ok, err := nowhere.May(t.Context(), "invoices:view"); ok || !errors.Is(err, client.ErrNotSaid) {
		t.Error("an organization that is not said:", ok, err)
	}
	s.with(func() { s.override = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) } })
	s.advance(2 * time.Second)
	if ok, err := large.May(t.Context(), "payments:view"); ok || !errors.Is(err, client.ErrUnavailable) {
		t.Error("trouble:", ok, err)
	}
}
