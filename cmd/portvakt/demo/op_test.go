package demo_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"portvakt/cmd/portvakt/demo"
)

const (
	clientID     = "demo-web"
	clientSecret = "the demo's secret: 100% + more"
	logoutEvent  = "http://schemas.openid.net/event/backchannel-logout"
)

// issuer is a small OpenID provider that signs everybody in at once, with knobs to make it lie.
type issuer struct {
	*httptest.Server
	t   *testing.T
	key *ecdsa.PrivateKey

	mu       sync.Mutex
	lie      lie
	asked    url.Values            // the last authorization request
	left     url.Values            // the last sign-out
	codes    map[string]url.Values // the requests of the codes that may be redeemed
	refusing bool                  // refresh tokens and userinfo are dead
	raw      []string              // every token, code and state made
	grants   int                   // numbers sids and tokens
	sub      string
}

// lie is what the issuer does wrong in the next sign-ins.
type lie struct {
	iss, nonce, state, error, userinfoSub, audience string
	omitIss                                         bool
	authTime                                        time.Time
}

func newIssuer(t *testing.T) *issuer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	op := &issuer{t: t, key: key, codes: map[string]url.Values{}, sub: "usr_kari"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", op.discovery)
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", op.authorize)
	mux.HandleFunc("POST /token", op.token)
	mux.HandleFunc("GET /userinfo", op.userinfo)
	mux.HandleFunc("GET /logout", op.logout)
	op.Server = httptest.NewServer(mux)
	t.Cleanup(op.Close)
	return op
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func (op *issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, 200, map[string]any{
		"issuer": op.URL, "authorization_endpoint": op.URL + "/authorize", "token_endpoint": op.URL + "/token",
		"jwks_uri": op.URL + "/jwks", "userinfo_endpoint": op.URL + "/userinfo", "end_session_endpoint": op.URL + "/logout",
		"id_token_signing_alg_values_supported": []string{"ES256"}, "authorization_response_iss_parameter_supported": true,
	})
}

// made notes what no page may show.
func (op *issuer) made(secret string) string {
	op.raw = append(op.raw, secret)
	return secret
}

func (op *issuer) authorize(w http.ResponseWriter, r *http.Request) {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.asked = r.URL.Query()
	back := url.Values{"state": {op.asked.Get("state")}, "iss": {op.URL}}
	if op.lie.state != "" {
		back.Set("state", op.lie.state)
	}
	if op.lie.iss != "" {
		back.Set("iss", op.lie.iss)
	}
	if op.lie.omitIss {
		back.Del("iss")
	}
	if op.lie.error != "" {
		back.Set("error", op.lie.error)
		back.Set("error_description", "<b>no</b> membership")
	} else {
		code := op.made(rand.Text())
		op.codes[code] = op.asked
		back.Set("code", code)
	}
	http.Redirect(w, r, op.asked.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (op *issuer) token(w http.ResponseWriter, r *http.Request) {
	op.mu.Lock()
	defer op.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	if secret, _ = url.QueryUnescape(secret); id != clientID || secret != clientSecret {
		answer(w, 401, map[string]string{"error": "invalid_client"})
		return
	}
	asked := url.Values{}
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		code := r.PostFormValue("code")
		asked = op.codes[code]
		delete(op.codes, code)
		if asked == nil || oauth2.S256ChallengeFromVerifier(r.PostFormValue("code_verifier")) != asked.Get("code_challenge") {
			answer(w, 400, map[string]string{"error": "invalid_grant"})
			return
		}
	default:
		if op.refusing {
			answer(w, 400, map[string]string{"error": "invalid_grant"})
			return
		}
	}
	op.grants++
	answer(w, 200, op.tokens(asked))
}

func (op *issuer) tokens(asked url.Values) map[string]any {
	now := time.Now()
	id := map[string]any{
		"iss": op.URL, "sub": op.sub, "aud": clientID, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "auth_time": now.Unix(),
		"sid": "sid-" + asked.Get("login_hint"), "org_slug": "nordlys",
	}
	if nonce := asked.Get("nonce"); nonce != "" {
		id["nonce"] = nonce
	}
	if op.lie.nonce != "" {
		id["nonce"] = op.lie.nonce
	}
	if op.lie.audience != "" {
		id["aud"] = op.lie.audience
	}
	if !op.lie.authTime.IsZero() {
		id["auth_time"] = op.lie.authTime.Unix()
	}
	access := map[string]any{"iss": op.URL, "sub": op.sub, "jti": rand.Text(), "entitlements": []string{"invoices:view"}, "n": op.grants}
	return map[string]any{
		"token_type": "Bearer", "expires_in": 300, "id_token": op.made(op.sign("JWT", id)),
		"access_token": op.made(op.sign("at+jwt", access)), "refresh_token": op.made(rand.Text()),
	}
}

func (op *issuer) userinfo(w http.ResponseWriter, r *http.Request) {
	op.mu.Lock()
	defer op.mu.Unlock()
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey") || op.refusing {
		answer(w, 401, map[string]string{"error": "invalid_token"})
		return
	}
	sub := op.sub
	if op.lie.userinfoSub != "" {
		sub = op.lie.userinfoSub
	}
	answer(w, 200, map[string]any{
		"sub": sub, "name": "Kari Nordmann", "email": "kari@nordlys.example", "org_name": "Nordlys AS", "org_slug": "nordlys",
		"roles": []string{"chief", "local_admin"}, "membership_end": 1798761600, "note": "<script>alert(1)</script>",
	})
}

func (op *issuer) logout(w http.ResponseWriter, r *http.Request) {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.left = r.URL.Query()
	http.Redirect(w, r, op.left.Get("post_logout_redirect_uri")+"?state="+url.QueryEscape(op.left.Get("state")), http.StatusFound)
}

// sign makes a token of a type.
func (op *issuer) sign(typ string, claims map[string]any) string {
	return sign(op.t, op.key, typ, claims)
}

func sign(t *testing.T, key *ecdsa.PrivateKey, typ string, claims map[string]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithHeader("kid", "k1")
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(data)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// set changes the issuer while it runs.
func (op *issuer) set(change func()) {
	op.mu.Lock()
	defer op.mu.Unlock()
	change()
}

// logoutClaims are those of a good logout token, with changes; a nil value takes a claim away.
func (op *issuer) logoutClaims(changes map[string]any) map[string]any {
	now := time.Now()
	c := map[string]any{
		"iss": op.URL, "aud": clientID, "sub": op.sub, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(),
		"jti": rand.Text(), "sid": "sid-a", "events": map[string]any{logoutEvent: map[string]any{}},
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, value any) bool { return value == nil })
	return c
}

// place is the demo under test, with its issuer and what it logged.
type place struct {
	*httptest.Server
	t   *testing.T
	op  *issuer
	log *syncedBuilder
}

type syncedBuilder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncedBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncedBuilder) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func open(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, op: newIssuer(t), log: &syncedBuilder{}}
	p.Server = httptest.NewUnstartedServer(nil)
	p.Config.Handler = demo.New(demo.Config{
		Issuer: p.op.URL, ClientID: clientID, ClientSecret: clientSecret, BaseURL: "http://" + p.Listener.Addr().String() + "/",
		Log: slog.New(slog.NewTextHandler(p.log, nil)),
	}).Handler()
	p.Start()
	t.Cleanup(p.Close)
	return p
}

// visitor is one browser.
type visitor struct {
	t      *testing.T
	place  *place
	client *http.Client
}

func (p *place) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return &visitor{p.t, p, &http.Client{Jar: jar}}
}

// says is true if the page holds the text.
func (v *visitor) says(path, text string) bool { return strings.Contains(v.get(path).body, text) }

// page is an answer, read.
type page struct {
	status int
	body   string
	url    *url.URL
	header http.Header
}

func (v *visitor) get(path string) page { return v.do(http.MethodGet, path, nil) }

func (v *visitor) post(path string, form url.Values) page { return v.do(http.MethodPost, path, form) }

func (v *visitor) do(method, path string, form url.Values) page {
	v.t.Helper()
	request, err := http.NewRequest(method, v.place.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := v.client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return page{response.StatusCode, string(body), response.Request.URL, response.Header}
}

// at is the name that a page gives itself.
func (p page) at() string { return first(p.body, `data-page="([^"]*)"`) }

// code is the error code that a page shows.
func (p page) code() string { return first(p.body, `id="error-code">([^<]*)<`) }

func first(text, pattern string) string {
	if found := regexp.MustCompile(pattern).FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}
