package client_test

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"portvakt/authz/client"
)

// issuer is a small installation that speaks the wire: metadata, keys, tokens, and a decision API whose rules a test sets.
type issuer struct {
	t    *testing.T
	url  string
	stop func()

	mu       sync.Mutex
	now      time.Time
	keys     map[string]*ecdsa.PrivateKey
	lifetime int // seconds of its access tokens
	tokens   map[string]string
	called   [2]string // what the two documents call the issuer, where that is not its address
	calls    map[string]int
	version  int
	until    string
	decide   func(q question) answer
	override http.HandlerFunc // answers instead, where set
	filter   func(page string) (int, any)
	subjects func(page string) (int, any)
}

type entity struct {
	Type, ID   string
	Properties map[string]string
}

type question struct {
	Subject, Resource entity
	Action            struct{ Name string }
	Context           struct {
		Organization, Language string
		Explain, Fields        bool
	}
}

type answer map[string]any

func yes(reason string) answer { return answer{"decision": true, "context": answer{"reason": reason}} }
func no(reason string) answer  { return answer{"decision": false, "context": answer{"reason": reason}} }

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	s := &issuer{t: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), lifetime: 600, tokens: map[string]string{}, calls: map[string]int{},
		keys: map[string]*ecdsa.PrivateKey{}, version: 7, decide: func(question) answer { return no("not_shared") }}
	s.addKey("k1")
	server := httptest.NewServer(s)
	s.stop = sync.OnceFunc(server.Close)
	t.Cleanup(s.stop)
	s.url = server.URL
	return s
}

func (s *issuer) addKey(id string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	s.with(func() { s.keys[id] = key })
}

func (s *issuer) with(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *issuer) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *issuer) advance(d time.Duration) { s.with(func() { s.now = s.now.Add(d) }) }

func (s *issuer) count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[path]
}

func (s *issuer) client(edit func(*client.Config)) *client.Client {
	s.t.Helper()
	cfg := client.Config{Issuer: s.url, ClientID: "shop", ClientSecret: "s:e/cret", Organization: "nordlys", Now: s.clock}
	if edit != nil {
		edit(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

func (s *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls[r.URL.Path]++
	override := s.override
	s.mu.Unlock()
	if override != nil && strings.HasPrefix(r.URL.Path, "/access/") {
		override(w, r)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		s.write(w, 200, answer{"issuer": cmp.Or(s.called[0], s.url), "token_endpoint": s.url + "/oauth2/token", "jwks_uri": s.url + "/oauth2/jwks"})
	case "/.well-known/authzen-configuration":
		at := s.url + "/access/v1/"
		s.write(w, 200, answer{"policy_decision_point": cmp.Or(s.called[1], s.url), "access_evaluation_endpoint": at + "evaluation", "access_evaluations_endpoint": at + "evaluations",
			"search_subject_endpoint": at + "search/subject", "search_resource_endpoint": at + "search/resource", "search_action_endpoint": at + "search/action"})
	case "/oauth2/jwks":
		s.write(w, 200, s.jwks())
	case "/oauth2/token":
		s.token(w, r)
	default:
		s.decision(w, r)
	}
}

func (s *issuer) write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (s *issuer) refuse(w http.ResponseWriter, status int, code string) {
	s.write(w, status, answer{"error": code, "error_description": "text"})
}

func (s *issuer) jwks() jose.JSONWebKeySet {
	s.mu.Lock()
	defer s.mu.Unlock()
	var set jose.JSONWebKeySet
	for id, key := range s.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Algorithm: "ES256", Use: "sig"})
	}
	return set
}

func (s *issuer) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if id != "shop" || secret != "s%3Ae%2Fcret" || r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("scope") != "authzen" {
		s.refuse(w, 401, "invalid_client")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprintf("token-%d", s.calls[r.URL.Path])
	s.tokens[text] = r.PostFormValue("organization")
	s.write(w, 200, answer{"access_token": text, "token_type": "Bearer", "expires_in": s.lifetime, "scope": "authzen"})
}

func (s *issuer) decision(w http.ResponseWriter, r *http.Request) {
	var body struct {
		question
		Evaluations []question
		Page        struct {
			Token string
			Limit int
		}
	}
	s.mu.Lock()
	organization, known := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	version, until, decide, filter, subjects := s.version, s.until, s.decide, s.filter, s.subjects
	s.mu.Unlock()
	switch err := json.NewDecoder(r.Body).Decode(&body); {
	case !known:
		s.refuse(w, 401, "invalid_token")
		return
	case err != nil || r.Header.Get("Content-Type") != "application/json":
		s.refuse(w, 400, "bad_json")
		return
	case body.Context.Organization != organization:
		s.refuse(w, 404, "not_found")
		return
	}
	fresh := func(a answer) answer {
		inner, _ := a["context"].(answer)
		inner = maps.Clone(inner)
		if inner == nil {
			inner = answer{}
		}
		if inner["version"] == nil {
			inner["version"] = fmt.Sprint(version)
		}
		if until != "" {
			inner["until"] = until
		}
		return answer{"decision": a["decision"], "context": inner}
	}
	switch r.URL.Path {
	case "/access/v1/evaluation":
		s.write(w, 200, fresh(decide(body.question)))
	case "/access/v1/evaluations":
		var all []answer
		for _, q := range body.Evaluations {
			all = append(all, fresh(decide(q)))
		}
		s.write(w, 200, answer{"evaluations": all})
	case "/access/v1/search/resource":
		status, out := filter(body.Page.Token)
		s.write(w, status, out)
	case "/access/v1/search/subject":
		status, out := subjects(body.Page.Token)
		s.write(w, status, out)
	case "/access/v1/search/action":
		s.write(w, 200, answer{"results": []answer{{"name": "view"}, {"name": "edit"}, {"name": "export"}}})
	default:
		s.refuse(w, 404, "not_found")
	}
}

// claims are those of a person's access token.
func (s *issuer) claims(edit func(map[string]any)) map[string]any {
	now := s.clock().Unix()
	c := map[string]any{"iss": s.url, "sub": "usr_kari", "aud": "shop", "exp": now + 600, "iat": now, "jti": "j1", "client_id": "shop", "scope": "openid access organization",
		"sid": "ses_1", "org_id": "org_1", "org_slug": "nordlys", "membership_id": "mbr_kari", "entitlements": []string{"invoices:view"}, "roles": []string{"chief"}}
	if edit != nil {
		edit(c)
	}
	return c
}

type sign struct{ kid, typ string }

func (s *issuer) sign(how sign, claims any) string {
	s.t.Helper()
	s.mu.Lock()
	key := s.keys[how.kid]
	s.mu.Unlock()
	options := (&jose.SignerOptions{}).WithHeader("kid", how.kid)
	if how.typ != "" {
		options = options.WithType(jose.ContentType(how.typ))
	}
	return signWith(s.t, jose.SigningKey{Algorithm: jose.ES256, Key: key}, options, claims)
}

func signWith(t *testing.T, key jose.SigningKey, options *jose.SignerOptions, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		t.Fatal(err)
	}
	raw, ok := claims.(string)
	if !ok {
		b, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		raw = string(b)
	}
	jws, err := signer.Sign([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func viewInvoices() client.Question {
	return client.Question{Subject: client.User("usr_kari"), Action: "view", Module: "invoices", Owner: client.Group("sales")}
}
