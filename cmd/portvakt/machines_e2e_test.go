//go:build e2e

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"portvakt/internal/secret"
)

// machineKey is a system's key pair.
type machineKey struct {
	t   *testing.T
	key *ecdsa.PrivateKey
}

func newMachineKey(t *testing.T) machineKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return machineKey{t, key}
}

func (k machineKey) set() string {
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.key.Public(), KeyID: "2026"}}})
	if err != nil {
		k.t.Fatal(err)
	}
	return string(b)
}

// assertion is a form that proves the client; changes replace claims.
func (k machineKey) assertion(client, audience string, changes map[string]any) url.Values {
	k.t.Helper()
	claims := map[string]any{"iss": client, "sub": client, "aud": audience, "jti": secret.NewToken(), "exp": time.Now().Add(time.Minute).Unix()}
	for name, value := range changes {
		claims[name] = value
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k.key}, (&jose.SignerOptions{}).WithHeader("kid", "2026"))
	if err != nil {
		k.t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		k.t.Fatal(err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		k.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		k.t.Fatal(err)
	}
	return url.Values{"grant_type": {"client_credentials"}, "client_assertion": {text},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
}

// machine posts a form to the back channel, by secret where a client is named.
func (s *service) machine(path, client, password string, form url.Values) (int, map[string]any) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != "" {
		req.SetBasicAuth(client, password)
	}
	status, out, _ := s.send(req)
	return status, out
}

// portvakt runs a command of the program beside the service.
func portvakt(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if code := run(world{ctx: context.Background(), stdout: &out, stderr: &out}, args); code != want {
		t.Fatalf("portvakt %s ended with %d:\n%s", strings.Join(args, " "), code, &out)
	}
	return out.String()
}

var (
	ownGrant  = url.Values{"grant_type": {"client_credentials"}}
	newSecret = regexp.MustCompile(`client_secret: (\S{43})\n`)
)

const webshopClient, webshopSecret = "nordlys.webshop", "dev-webshop-secret"

// A web shop's account: its secret is rotated beside the running service, both are valid until the overlap has passed,
// and switched off it is dead at once.
func TestR34_ServiceAccountIsRotated(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		about := []string{"--database", database, "--organization", "nordlys", "--id", "webshop"}
		by := func(password string) int {
			status, _ := s.machine("/oauth2/token", webshopClient, password, ownGrant)
			return status
		}
		status, out := s.machine("/oauth2/token", webshopClient, webshopSecret, ownGrant)
		if status != http.StatusOK {
			t.Fatalf("by secret: %d %v", status, out)
		}
		printed := portvakt(t, exitOK, append([]string{"service-account", "rotate", "--overlap", "1h"}, about...)...)
		found := newSecret.FindStringSubmatch(printed)
		if found == nil {
			t.Fatalf("no secret in:\n%s", printed)
		}
		withinASecond(t, "both secrets are valid", func() bool { return by(webshopSecret) == 200 && by(found[1]) == 200 })
		portvakt(t, exitMistake, append([]string{"service-account", "rotate"}, about...)...)
		if list := portvakt(t, exitOK, "service-account", "list", "--database", database, "--organization", "nordlys"); strings.Count(list, " crd_") != 3 || // one is the HR system's
			strings.Contains(list, found[1]) {
			t.Errorf("listed:\n%s", list)
		}
		if said := portvakt(t, exitMistake, "service-account", "rotate", "--database", database, "--organization", "tallsmia", "--id", "webshop"); !strings.Contains(said, "no such service account") {
			t.Errorf("by the neighbour: %s", said)
		}
		s.advance(time.Hour)
		if by(webshopSecret) != 401 || by(found[1]) != 200 {
			t.Errorf("after the overlap: %d, %d", by(webshopSecret), by(found[1]))
		}
		_, out = s.machine("/oauth2/token", webshopClient, found[1], ownGrant)
		access, _ := out["access_token"].(string)
		if _, seen := s.machine("/oauth2/introspect", webshopClient, found[1], url.Values{"token": {access}}); seen["active"] != true || seen["org_slug"] != "nordlys" {
			t.Errorf("introspection: %v", seen)
		}
		if status, out = s.machine("/oauth2/token", webshopClient, found[1], url.Values{"grant_type": {"client_credentials"}, "organization": {"tallsmia"}}); status != 400 {
			t.Errorf("for the neighbour: %d %v", status, out)
		}
		portvakt(t, exitOK, append([]string{"service-account", "disable"}, about...)...)
		withinASecond(t, "the account is dead", func() bool { return by(found[1]) == 401 })
		portvakt(t, exitOK, append([]string{"service-account", "enable"}, about...)...)
		withinASecond(t, "it is back", func() bool { return by(found[1]) == 200 })
		eventually(t, "its use is noted", func() bool {
			return strings.Contains(portvakt(t, exitOK, "service-account", "list", "--database", database, "--organization", "nordlys"), "last used about")
		})
	})
}

// The same by keys, as the seed declares them, for a service account and for an application.
func TestR34_PrivateKeyJWT(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		shop, app := newMachineKey(t), newMachineKey(t)
		file := filepath.Join(t.TempDir(), "seed.yaml")
		text := `organizations:
  - {slug: nordlys, name: Nordlys AS, service_accounts: [{id: webshop, name: Web shop, jwks: ` + shop.set() + `}]}
applications:
  - {client_id: signer, name: Signer, token_endpoint_auth_method: private_key_jwt, jwks: ` + app.set() + `, grant_types: [client_credentials], scopes: [authzen]}
`
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := serve(t, database, "--seed", file)
		for client, key := range map[string]machineKey{webshopClient: shop, "signer": app} {
			good := key.assertion(client, s.issuer, nil)
			status, out := s.machine("/oauth2/token", "", "", good)
			if status != http.StatusOK {
				t.Errorf("%s: %d %v", client, status, out)
				continue
			}
			for what, form := range map[string]url.Values{
				"replayed": good, "token endpoint as audience": key.assertion(client, s.issuer+"/oauth2/token", nil),
				"audience in a list": key.assertion(client, s.issuer, map[string]any{"aud": []string{s.issuer}}),
				"too long":           key.assertion(client, s.issuer, map[string]any{"exp": time.Now().Add(time.Hour).Unix()}),
				"another's key":      newMachineKey(t).assertion(client, s.issuer, nil),
				"another client":     key.assertion("demo-web", s.issuer, nil),
			} {
				if status, out := s.machine("/oauth2/token", "", "", form); status != 401 || out["error"] != "invalid_client" {
					t.Errorf("%s, %s: %d %v", client, what, status, out)
				}
			}
			form := key.assertion(client, s.issuer, nil)
			form.Set("token", out["access_token"].(string))
			if status, seen := s.machine("/oauth2/introspect", "", "", form); status != 200 || seen["active"] != true {
				t.Errorf("%s, introspection: %d %v", client, status, seen)
			}
			form = key.assertion(client, s.issuer, nil)
			form.Set("token", out["access_token"].(string))
			if status, _ := s.machine("/oauth2/revoke", "", "", form); status != 200 {
				t.Errorf("%s, revocation: %d", client, status)
			}
		}
		if said := portvakt(t, exitOK, "apply", "--dev", "--database", database, "-f", file); strings.Contains(said, "service account") {
			t.Errorf("the same file again changes something:\n%s", said)
		}
		next := newMachineKey(t)
		if err := os.WriteFile(file, []byte(strings.Replace(text, shop.set(), next.set(), 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		portvakt(t, exitOK, "apply", "--dev", "--database", database, "-f", file)
		withinASecond(t, "the new key counts, the former does not", func() bool {
			fresh, _ := s.machine("/oauth2/token", "", "", next.assertion(webshopClient, s.issuer, nil))
			former, _ := s.machine("/oauth2/token", "", "", shop.assertion(webshopClient, s.issuer, nil))
			return fresh == 200 && former == 401
		})
	})
}
