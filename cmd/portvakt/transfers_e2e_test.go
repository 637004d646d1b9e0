//go:build e2e

package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
)

const transferSeed = `
modules:
  - {id: invoices, name: {en: Invoices}}
  - {id: calendar, name: {en: Calendar}}
organizations:
  - slug: nordlys
    name: Nordlys AS
    domains: [nordlys.example]
    features: [archive]
    provisioning_clients: [{name: HR, token: scim-dev-nordlys}]
    members:
      - {email: kari@nordlys.example, given_name: Kari, password: seven brown horses swim}
      - {email: ola@nordlys.example, given_name: Ola, password: seven brown horses swim}
      - {email: liv@nordlys.example, given_name: Liv}
  - {slug: bjorkvik, name: Björkvik AB}
applications:
  - {client_id: crm, secret: secret-of-crm, webhook_uri: "HOOK/crm", modules: [invoices, calendar], organizations: [nordlys],
     grant_types: [client_credentials], scopes: [transfers, organization], disabled: CRM_OFF}
  - {client_id: neighbour, secret: secret-of-neighbour, webhook_uri: "HOOK/neighbour", organizations: [bjorkvik],
     grant_types: [client_credentials], scopes: [transfers, mail]}
`

// receiver is an application's own end: it keeps the tokens that were posted to it, by the application's name.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	tokens map[string][]string
	media  string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{tokens: map[string][]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		name := strings.TrimPrefix(req.URL.Path, "/")
		r.tokens[name], r.media = append(r.tokens[name], string(body)), req.Header.Get("Content-Type")
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(r.Close)
	return r
}

// of are the events of a kind that an application was told of, each with its signature and header judged.
func (r *receiver) of(s *service, name, kind string) []map[string]string {
	s.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := gooidc.NewRemoteKeySet(context.Background(), s.issuer+"/oauth2/jwks")
	var out []map[string]string
	for _, token := range r.tokens[name] {
		raw, err := keys.VerifySignature(context.Background(), token)
		if err != nil {
			s.t.Fatalf("the token's signature: %v", err)
		}
		header, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
		var claims struct {
			Issuer   string                       `json:"iss"`
			Audience string                       `json:"aud"`
			Events   map[string]map[string]string `json:"events"`
		}
		if err := json.Unmarshal(raw, &claims); err != nil {
			s.t.Fatal(err)
		}
		if claims.Issuer != s.issuer || claims.Audience != name || !strings.Contains(string(header), `"secevent+jwt"`) || r.media != "application/secevent+jwt" {
			s.t.Errorf("%s got %s with the header %s as %s", name, raw, header, r.media)
		}
		if about, ok := claims.Events["urn:portvakt:event:"+kind]; ok {
			out = append(out, about)
		}
	}
	return out
}

// own is a client's own token.
func (s *service) own(client, scope string, more ...string) string {
	s.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	req, err := http.NewRequest(http.MethodPost, s.issuer+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(client, "secret-of-"+client)
	status, out, _ := s.send(req)
	if status != http.StatusOK {
		s.t.Fatalf("%s asked for %s: %d %v", client, scope, status, out)
	}
	return out["access_token"].(string)
}

func (s *service) programs(method, path, token string, body any) (int, map[string]any, http.Header) {
	s.t.Helper()
	raw := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		raw = string(b)
	}
	req, err := http.NewRequest(method, s.issuer+"/api/v1/"+path, strings.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	return s.send(req)
}

// member is the SCIM id of the member with the user name.
func (s *service) member(userName string) string {
	s.t.Helper()
	_, out, _ := s.call(http.MethodGet, s.users()+"?filter="+url.QueryEscape(`userName eq "`+userName+`"`), hrToken, nil)
	list, _ := out["Resources"].([]any)
	if len(list) != 1 {
		s.t.Fatalf("%s is %v", userName, out)
	}
	return list[0].(map[string]any)["id"].(string)
}

func (s *service) succeededBy(id, successor string) {
	s.t.Helper()
	status, out, _ := s.call(http.MethodPatch, s.users()+"/"+id, hrToken, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
		"Operations": []any{map[string]any{"op": "replace", "value": successor,
			"path": "urn:portvakt:params:scim:schemas:extension:membership:1.0:User:successor"}},
	})
	if status != http.StatusOK {
		s.t.Fatalf("naming the successor: %d %v", status, out)
	}
}

func transferService(t *testing.T, database string) (*service, *receiver, func(crmOff string)) {
	t.Helper()
	hook := newReceiver(t)
	file := filepath.Join(t.TempDir(), "seed.yaml")
	write := func(off string) {
		text := strings.NewReplacer("HOOK", hook.URL, "CRM_OFF", off).Replace(transferSeed)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("false")
	s := serve(t, database, "--seed", file)
	return s, hook, func(off string) {
		t.Helper()
		write(off)
		out := &syncBuffer{}
		if code := run(world{ctx: context.Background(), stdout: out, stderr: out}, []string{"apply", "-f", file, "--dev", "--database", database}); code != exitOK {
			t.Fatalf("apply: %s", out)
		}
	}
}

// TestR19_AnApplicationIsToldAndMovesTheRecords: from the HR system's DELETE to the last acknowledgement, over real HTTP; and
// R07: what the ended member held is dead meanwhile.
func TestR19_AnApplicationIsToldAndMovesTheRecords(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s, hook, _ := transferService(t, database)
		kari, ola := s.member("kari@nordlys.example"), s.member("ola@nordlys.example")
		ring := obtainTokens(t, s, "kari@nordlys.example")
		s.succeededBy(kari, ola)
		if status, out, _ := s.call(http.MethodDelete, s.users()+"/"+kari, hrToken, nil); status != http.StatusNoContent {
			t.Fatalf("DELETE: %d %v", status, out)
		}
		ring.deadWithinASecond("after DELETE")

		var told []map[string]string
		eventually(t, "the application is told", func() bool { told = hook.of(s, "crm", "transfer.requested"); return len(told) > 0 })
		if told[0]["from"] != kari || told[0]["to"] != ola || told[0]["organization_slug"] != "nordlys" {
			t.Errorf("told %v", told)
		}
		eventually(t, "the end is told", func() bool { return len(hook.of(s, "crm", "membership.ended")) > 0 })
		token := s.own("crm", "transfers")
		_, out, _ := s.programs(http.MethodGet, "transfers?organization=nordlys", token, nil)
		list, _ := out["transfers"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["id"] != told[0]["transfer"] {
			t.Fatalf("the list: %v", out)
		}
		id := told[0]["transfer"]
		strange := s.own("neighbour", "transfers")
		if status, out, _ := s.programs(http.MethodGet, "transfers/"+id, strange, nil); status != http.StatusNotFound || out["code"] != "transfer_not_found" {
			t.Errorf("the neighbour reads it: %d %v", status, out)
		}
		if status, _, _ := s.programs(http.MethodPost, "transfers/"+id+"/acknowledge", strange, map[string]any{}); status != http.StatusNotFound {
			t.Errorf("the neighbour acknowledges it: %d", status)
		}
		if status, out, _ := s.programs(http.MethodPost, "transfers/"+id+"/acknowledge", token, map[string]any{"module": "invoices", "moved": 12}); status != http.StatusOK || out["state"] != "waiting" {
			t.Errorf("invoices: %d %v", status, out)
		}
		if status, out, _ := s.programs(http.MethodPost, "transfers/"+id+"/acknowledge", token, map[string]any{"module": "calendar"}); status != http.StatusOK || out["state"] != "done" {
			t.Errorf("calendar: %d %v", status, out)
		}
		eventually(t, "the end of the transfer is told", func() bool { return len(hook.of(s, "crm", "transfer.completed")) == 1 })
		if n := len(hook.tokens["neighbour"]); n != 0 {
			t.Errorf("the neighbour's application was told %d times", n)
		}
	})
}

// TestWall122_TheAPIAsksWhatCountsNow: a token that was good a moment ago is refused at once when what it stood on has gone.
func TestWall122_TheAPIAsksWhatCountsNow(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s, _, apply := transferService(t, database)
		want := func(what, token string, status int) {
			t.Helper()
			if got, out, header := s.programs(http.MethodGet, "transfers", token, nil); got != status || (status == http.StatusOK) != (header.Get("WWW-Authenticate") == "") {
				t.Errorf("%s: %d %v", what, got, out)
			}
		}
		first, second := s.own("crm", "transfers"), s.own("crm", "transfers", "organization", "nordlys")
		want("a token", first, http.StatusOK)
		want("one of the organization", second, http.StatusOK)
		want("without the scope", s.own("crm", "organization"), http.StatusUnauthorized) // it is not for this address
		want("with another scope", s.own("neighbour", "mail"), http.StatusForbidden)
		want("a person's", obtainTokens(t, s, "ola@nordlys.example").access, http.StatusUnauthorized)
		want("SCIM's", hrToken, http.StatusUnauthorized)
		form := url.Values{"token": {first}}
		req, _ := http.NewRequest(http.MethodPost, s.issuer+"/oauth2/revoke", strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth("crm", "secret-of-crm")
		if status, out, _ := s.send(req); status != http.StatusOK {
			t.Fatalf("revoking: %d %v", status, out)
		}
		want("a revoked one", first, http.StatusUnauthorized)
		want("the other one", second, http.StatusOK)
		apply("true")
		withinASecond(t, "a disabled application's token is refused", func() bool {
			status, _, _ := s.programs(http.MethodGet, "transfers", second, nil)
			return status == http.StatusUnauthorized
		})
		apply("false")
		if status, _, _ := s.call(http.MethodGet, s.issuer+"/api/v1/openapi.json", "", nil); status != http.StatusOK {
			t.Errorf("the description: %d", status)
		}
	})
}
