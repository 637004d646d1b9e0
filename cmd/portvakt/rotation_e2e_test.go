//go:build e2e

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	madeToken = regexp.MustCompile(`token: (portvakt_scim_\S{43})\n`)
	tokenName = regexp.MustCompile(`token  (pvt_\S+)  made .* no end`)
	secretID  = regexp.MustCompile(`nordlys\.webshop .*\n  secret (crd_\S+)  made .* no end`)
)

// TestR34_AProvisioningTokenIsRotated beside the running service: both are valid until the overlap has passed, a revoked one
// is dead at once, and its use is noted.
func TestR34_AProvisioningTokenIsRotated(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		ask := func(token string) int {
			status, _, _ := s.call("GET", s.users()+"?count=1", token, nil)
			return status
		}
		do := func(want int, act string, more ...string) string {
			return portvakt(t, want, append([]string{"provisioning-client", act, "--database", database, "--organization", "nordlys"}, more...)...)
		}
		list := do(exitOK, "list")
		name := regexp.MustCompile(`(?m)^"([^"]+)"`).FindStringSubmatch(list)
		if name == nil {
			t.Fatalf("listed:\n%s", list)
		}
		about := []string{"--name", name[1]}
		printed := do(exitOK, "rotate", append(about, "--overlap", "1h")...)
		found := madeToken.FindStringSubmatch(printed)
		if found == nil || !strings.Contains(printed, "former token ends at") {
			t.Fatalf("printed:\n%s", printed)
		}
		if ask("scim-dev-nordlys") != 200 || ask(found[1]) != 200 {
			t.Error("not both are valid during the overlap")
		}
		if said := do(exitMistake, "rotate", about...); !strings.Contains(said, "revoke") {
			t.Errorf("a third: %s", said)
		}
		if said := portvakt(t, exitMistake, "provisioning-client", "rotate", "--database", database, "--organization", "tallsmia", "--name", "nobody"); !strings.Contains(said, "no such provisioning client") {
			t.Errorf("by the neighbour: %s", said)
		}
		eventually(t, "its use is noted", func() bool { return strings.Contains(do(exitOK, "list"), "last used about") })
		s.advance(time.Hour)
		if ask("scim-dev-nordlys") != 401 || ask(found[1]) != 200 {
			t.Errorf("after the overlap: %d, %d", ask("scim-dev-nordlys"), ask(found[1]))
		}
		list = do(exitOK, "list")
		id := tokenName.FindStringSubmatch(list)
		if id == nil || strings.Contains(list, found[1]) {
			t.Fatalf("listed:\n%s", list)
		}
		do(exitMistake, "revoke", append(about, "--token", "pvt_nothing")...)
		do(exitOK, "revoke", append(about, "--token", id[1])...)
		if ask(found[1]) != 401 {
			t.Error("revoked, and valid")
		}
		ended := madeToken.FindStringSubmatch(do(exitOK, "rotate", append(about, "--overlap", "0", "--lifetime", "2h")...))
		s.advance(2 * time.Hour)
		if ended == nil || ask(ended[1]) != 401 {
			t.Error("valid beyond its lifetime")
		}
	})
}

// TestR34_ASecretIsRevoked: which the refusal of a third one tells people to do.
func TestR34_ASecretIsRevoked(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		do := func(want int, act string, more ...string) string {
			return portvakt(t, want, append([]string{"service-account", act, "--database", database, "--organization", "nordlys"}, more...)...)
		}
		id := secretID.FindStringSubmatch(do(exitOK, "list"))
		if id == nil {
			t.Fatal("the account has no secret")
		}
		do(exitMistake, "revoke", "--id", "webshop", "--credential", "crd_nothing")
		do(exitOK, "revoke", "--id", "webshop", "--credential", id[1])
		withinASecond(t, "the secret is dead", func() bool {
			status, _ := s.machine("/oauth2/token", webshopClient, webshopSecret, ownGrant)
			return status == http.StatusUnauthorized
		})
	})
}

// TestR34_KeysAtAnAddress: an application and a service account sign with keys that they publish themselves.
func TestR34_KeysAtAnAddress(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		key := newMachineKey(t)
		keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(key.set())) }))
		defer keys.Close()
		file := filepath.Join(t.TempDir(), "seed.yaml")
		text := `organizations:
  - {slug: nordlys, name: Nordlys AS, service_accounts: [{id: webshop, name: Web shop, jwks_uri: "` + keys.URL + `"}]}
applications:
  - {client_id: signer, name: Signer, token_endpoint_auth_method: private_key_jwt, jwks_uri: "` + keys.URL + `", grant_types: [client_credentials], scopes: [authzen]}
`
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := serve(t, database, "--seed", file)
		for _, client := range []string{webshopClient, "signer"} {
			if status, out := s.machine("/oauth2/token", "", "", key.assertion(client, s.issuer, nil)); status != http.StatusOK {
				t.Errorf("%s: %d %v", client, status, out)
			}
			if status, _ := s.machine("/oauth2/token", "", "", newMachineKey(t).assertion(client, s.issuer, nil)); status != http.StatusUnauthorized {
				t.Errorf("%s, by another's key: %d", client, status)
			}
		}
		if said := portvakt(t, exitOK, "apply", "--dev", "--database", database, "-f", file); !strings.Contains(said, "as the file says already") {
			t.Errorf("the same file again changes something:\n%s", said)
		}
		next := newMachineKey(t)
		if err := os.WriteFile(file, []byte(strings.Replace(text, `jwks_uri: "`+keys.URL+`"}`, "jwks: "+next.set()+"}", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		portvakt(t, exitOK, "apply", "--dev", "--database", database, "-f", file)
		withinASecond(t, "the keys in the file count, those at the address do not", func() bool {
			fresh, _ := s.machine("/oauth2/token", "", "", next.assertion(webshopClient, s.issuer, nil))
			former, _ := s.machine("/oauth2/token", "", "", key.assertion(webshopClient, s.issuer, nil))
			return fresh == 200 && former == 401
		})
	})
}

// TestR47_TheHistoryNamesWhoCalledACommand: over the local socket and beside it, the operating system's user.
func TestR47_TheHistoryNamesWhoCalledACommand(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		serve(t, database)
		folder := t.TempDir()
		write := func(name, text string) string {
			path := filepath.Join(folder, name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		portvakt(t, exitOK, "operator", "appoint", "--database", database, "--organization", "nordlys", "--email", "emily.clarke@nordlys.example", "--reason", "r")
		portvakt(t, exitOK, "apply", "--dev", "--database", database, "-f", write("a.yaml", "organizations: [{slug: nordlys, segments: [hammerfest]}]\n"))
		portvakt(t, exitOK, "import", "--dev", "--database", database, "--organization", "nordlys", write("p.csv", "email\nimported@nordlys.example\n"))
		db := opened(t, database)
		for _, action := range []string{"administrator.appointed", "segment.created", "membership.created"} {
			var kind, id string
			if err := db.QueryRow(context.Background(), `select actor_kind, actor_id from audit_entries where action = $1 order by at desc, id desc limit 1`, action).Scan(&kind, &id); err != nil {
				t.Errorf("%s: %v", action, err)
			} else if kind != "system" || id != "os:"+thisUser() {
				t.Errorf("%s was done by %s %q", action, kind, id)
			}
		}
		if list := portvakt(t, exitOK, "audit", "list", "--dev", "--database", database, "--organization", "nordlys", "--actor", "os:"+thisUser()); !strings.Contains(list, "administrator.appointed") {
			t.Errorf("listed by actor:\n%s", list)
		}
	})
}
