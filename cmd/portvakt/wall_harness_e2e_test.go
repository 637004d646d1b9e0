//go:build e2e

package main

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238's default
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// wallSeed is a small world with everything that an attacker wants: two organizations, confidential and public clients,
// people of every state.
const wallSeed = `
modules:
  - {id: invoices, name: {en: Invoices}}
  - {id: expenses, name: {en: Expenses}, self_service: true}
organizations:
  - slug: nordlys
    name: Nordlys AS
    domains: [nordlys.example]
    provisioning_clients: [{name: HR, token: scim-dev-nordlys}]
    service_accounts: [{id: webshop, name: Web shop, secret: dev-webshop-secret}]
    roles: [{id: chief, name: Chief}]
    groups: [{id: accounting, name: Accounting, members: [{member: anna@nordlys.example}]}]
    members:
      - {email: admin@nordlys.example, given_name: Ada, family_name: Min, password: wall secret of ada 1, totp: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP, administrator: true}
      - {email: anna@nordlys.example, given_name: Anna, family_name: Aas, password: wall secret of anna 2}
      - {email: bob@nordlys.example, given_name: Bob, family_name: Berg, password: wall secret of bob 33}
      - {email: secondfacto@nordlys.example, given_name: Second, family_name: Factor, password: wall secret of sec 6, totp: KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU}
      - {email: nopassword@nordlys.example, given_name: Nora, family_name: Lie}
      - {email: bare@nordlys.example, given_name: Bare, family_name: Min, password: wall secret of bare 8, administrator: true}
      - {email: initial@nordlys.example, given_name: Ina, family_name: Lund, initial_password: wall secret at first 7}
  - slug: bjorkvik
    name: Björkvik AB
    domains: [bjorkvik.example]
    managed_by: nordlys
    provisioning_clients: [{name: HR, token: scim-dev-bjorkvik}]
    members:
      - {email: mallory@evil.example}
      - {email: erik@bjorkvik.example, given_name: Erik, family_name: Ek, password: wall secret of erik 4}
  - slug: evil
    name: '"''><x>{{7*7}}</script>'
    roles: [{id: evil, name: '"''><x>{{7*7}}</script>'}]
    groups: [{id: evil, name: '"''><x>{{7*7}}</script>', members: [{member: mallory@evil.example}]}]
    members:
      - {email: mallory@evil.example, password: wall secret of mall 5, role: evil, given_name: '"''><x>{{7*7}}</script>', locale: en, title: '"''><x>{{7*7}}</script>'}
applications:
  - {client_id: evil, name: '"''><x>{{7*7}}</script>', secret: wall-secret-evil, skip_consent: false, redirect_uris: ["https://evil.example/cb"], grant_types: [authorization_code],
     scopes: [openid, profile, organization, access]}
  - {client_id: c1, name: One, secret: wall-secret-one, redirect_uris: ["https://c1.example/cb", "https://c1.example/second", "https://c1.example/q?a=b"],
     post_logout_redirect_uris: ["https://c1.example/bye"], grant_types: [authorization_code, refresh_token, client_credentials],
     scopes: [openid, profile, email, offline_access, organization, access, scim, authzen]}
  - {client_id: c2, name: Two, secret: wall-secret-two, redirect_uris: ["https://c2.example/cb"], post_logout_redirect_uris: ["https://c2.example/bye"],
     grant_types: [authorization_code, refresh_token], scopes: [openid, profile, email, offline_access, organization]}
  - {client_id: c4, name: Four, secret: wall-secret-four, redirect_uris: ["https://c4.example/cb"], grant_types: [authorization_code, refresh_token],
     scopes: [openid, profile, email, offline_access, organization], modules: [invoices]}
  - {client_id: c3, name: Three, secret: wall-secret-three, redirect_uris: ["https://c3.example/cb"], grant_types: [authorization_code, refresh_token],
     scopes: [openid, offline_access], organizations: [bjorkvik]}
  - {client_id: p1, name: Public, token_endpoint_auth_method: none, redirect_uris: ["https://p1.example/cb"], grant_types: [authorization_code, refresh_token],
     scopes: [openid, offline_access]}
  - {client_id: legacy, name: Legacy, secret: wall-secret-legacy, token_endpoint_auth_method: client_secret_post, require_pkce: false,
     redirect_uris: ["https://legacy.example/cb"], grant_types: [authorization_code], scopes: [openid]}
  - {client_id: native, name: Native, application_type: native, token_endpoint_auth_method: none, redirect_uris: ["http://127.0.0.1/cb", "com.example.wall:/cb"],
     grant_types: [authorization_code], scopes: [openid]}
  - {client_id: off, name: Disabled, secret: wall-secret-off, disabled: true, redirect_uris: ["https://off.example/cb"], scopes: [openid]}
`

// wallClient is how a client of the seed proves itself and where it is answered.
type wallClient struct{ id, secret, redirect string }

var wallClients = map[string]wallClient{
	"c1": {"c1", "wall-secret-one", "https://c1.example/cb"}, "c2": {"c2", "wall-secret-two", "https://c2.example/cb"},
	"c3": {"c3", "wall-secret-three", "https://c3.example/cb"}, "c4": {"c4", "wall-secret-four", "https://c4.example/cb"}, "p1": {"p1", "", "https://p1.example/cb"},
	"legacy": {"legacy", "wall-secret-legacy", "https://legacy.example/cb"}, "native": {"native", "", "http://127.0.0.1/cb"},
	"off": {"off", "wall-secret-off", "https://off.example/cb"}, "evil": {"evil", "wall-secret-evil", "https://evil.example/cb"},
}

const (
	annaPassword    = "wall secret of anna 2"
	bobPassword     = "wall secret of bob 33"
	erikPassword    = "wall secret of erik 4"
	malloryPassword = "wall secret of mall 5"
	adminPassword   = "wall secret of ada 1"
	adminSecret     = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
)

// wall is a service under attack. All that goes over the wire passes the witness, and what is secret of it must not be in
// what the service printed (entry 134).
type wall struct {
	*service
	witness  *witness
	database string
	client   *http.Client // no cookies, no redirects
}

// eachWall runs a test against a service of its own over each engine.
func eachWall(t *testing.T, test func(t *testing.T, w *wall)) {
	t.Helper()
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) { test(t, newWall(t, database, nil)) })
}

// newWall is a service by the machine's time, or by a clock of the test's own.
func newWall(t *testing.T, database string, now func() time.Time) *wall {
	t.Helper()
	return newWallOf(t, database, now, "")
}

// newWallOf is a wall whose configuration says more.
func newWallOf(t *testing.T, database string, now func() time.Time, config string) *wall {
	t.Helper()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // as main does
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	w := &wall{database: database, witness: &witness{seen: map[string]string{}}}
	t.Cleanup(w.nothingLeaked) // after the service has ended
	w.service = serveAt(t, now, database, "--config", write("config.yaml", "log: {level: debug}\n"+config), "--seed", write("seed.yaml", wallSeed))
	w.client = &http.Client{Transport: w.witness, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return w
}

// under is the same service for a subtest.
func (w *wall) under(t *testing.T) *wall {
	inner, s := *w, *w.service
	s.t, inner.service = t, &s
	return &inner
}

// answer is one answer, read whole.
type wallAnswer struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

func (a wallAnswer) json() map[string]any {
	var out map[string]any
	_ = json.Unmarshal([]byte(a.body), &out)
	return out
}

func (a wallAnswer) location() *url.URL {
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		return &url.URL{}
	}
	return u
}

func (a wallAnswer) page() string {
	_, rest, ok := strings.Cut(a.body, `<body data-page="`)
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

func (w *wall) do(client *http.Client, req *http.Request) wallAnswer {
	w.t.Helper()
	began := time.Now()
	res, err := client.Do(req)
	if err != nil {
		w.t.Fatalf("%s %.200s: %v", req.Method, req.URL, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return wallAnswer{res.StatusCode, res.Header, string(raw), time.Since(began)}
}

// ask sends a request without cookies and without following redirects. headers are pairs.
func (w *wall) ask(method, path, body string, headers ...string) wallAnswer {
	w.t.Helper()
	return w.do(w.client, w.request(method, path, body, headers...))
}

func (w *wall) request(method, path, body string, headers ...string) *http.Request {
	w.t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = w.issuer + path
	}
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return req
}

const formType = "application/x-www-form-urlencoded"

// as calls a back-channel address as a client of the seed; "" is nobody.
func (w *wall) as(client, path string, form url.Values) wallAnswer {
	w.t.Helper()
	c := wallClients[client]
	headers := []string{"Content-Type", formType}
	switch {
	case client == "":
	case client == "webshop":
		form = with(form, "client_id", "nordlys.webshop", "client_secret", "dev-webshop-secret")
	case c.secret == "":
		form = with(form, "client_id", c.id)
	case client == "legacy":
		form = with(form, "client_id", c.id, "client_secret", c.secret)
	default:
		headers = append(headers, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.id+":"+c.secret)))
	}
	return w.ask(http.MethodPost, path, form.Encode(), headers...)
}

// with is a copy with pairs set; an empty value removes.
func with(form url.Values, pairs ...string) url.Values {
	out := url.Values{}
	for name, values := range form {
		out[name] = append([]string(nil), values...)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			out.Del(pairs[i])
		} else {
			out.Set(pairs[i], pairs[i+1])
		}
	}
	return out
}

// person is somebody whose browser the witness watches.
func (w *wall) person() *person {
	p := newPerson(w.t)
	p.client.Transport = w.witness
	return p
}

// signedIn is somebody signed in on our own pages.
func (w *wall) signedIn(email, password string) *person {
	w.t.Helper()
	return w.person().open(w.issuer+"/account").signIn(email, password).on("account")
}

// one sends one request with the person's cookies and does not follow where it leads.
func (w *wall) one(p *person, req *http.Request) wallAnswer {
	w.t.Helper()
	c := *p.client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return w.do(&c, req)
}

// authorization is a good authorization request; pairs change it, an empty value removes.
func authorization(client, verifier string, pairs ...string) url.Values {
	return with(url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {wallClients[client].redirect}, "state": {"state-1"}, "nonce": {"nonce-1"},
		"scope": {"openid profile email offline_access organization"}, "code_challenge": {s256(verifier)}, "code_challenge_method": {"S256"},
	}, pairs...)
}

func (w *wall) authorize(p *person, values url.Values) wallAnswer {
	w.t.Helper()
	return w.one(p, w.request(http.MethodGet, "/oauth2/authorize?"+values.Encode(), ""))
}

// grant is a code with what belongs to it.
type grant struct{ client, code, verifier, redirect string }

func (g grant) form(pairs ...string) url.Values {
	return with(url.Values{"grant_type": {"authorization_code"}, "code": {g.code}, "redirect_uri": {g.redirect}, "code_verifier": {g.verifier}}, pairs...)
}

// code gets a code for a person who is signed in.
func (w *wall) code(p *person, client string, pairs ...string) grant {
	w.t.Helper()
	g := grant{client: client, verifier: oauth2.GenerateVerifier(), redirect: wallClients[client].redirect}
	got := w.authorize(p, authorization(client, g.verifier, pairs...))
	if g.code = got.location().Query().Get("code"); got.status != http.StatusSeeOther || g.code == "" {
		w.t.Fatalf("no code for %s: %d %q %.300s", client, got.status, got.header.Get("Location"), got.body)
	}
	if at := got.location().Query().Get("iss"); at != w.issuer {
		w.t.Fatalf("iss is %q", at)
	}
	return g
}

// ring is what a client holds after a sign-in.
type ring struct{ client, access, refresh, id string }

func (w *wall) redeem(g grant) ring {
	w.t.Helper()
	got := w.as(g.client, "/oauth2/token", g.form())
	if got.status != http.StatusOK {
		w.t.Fatalf("the code was answered %d: %s", got.status, got.body)
	}
	return ringOf(g.client, got)
}

func ringOf(client string, got wallAnswer) ring {
	out := got.json()
	text := func(name string) string { s, _ := out[name].(string); return s }
	return ring{client, text("access_token"), text("refresh_token"), text("id_token")}
}

func (w *wall) tokens(p *person, client string, pairs ...string) ring {
	w.t.Helper()
	return w.redeem(w.code(p, client, pairs...))
}

func (w *wall) refreshed(client, token string) wallAnswer {
	w.t.Helper()
	return w.as(client, "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func (w *wall) userinfo(access string) int {
	w.t.Helper()
	return w.ask(http.MethodGet, "/oauth2/userinfo", "", "Authorization", "Bearer "+access).status
}

// active asks the introspection as a client; an inactive answer must say nothing else.
func (w *wall) active(client, token string) bool {
	w.t.Helper()
	got := w.as(client, "/oauth2/introspect", url.Values{"token": {token}})
	if got.status != http.StatusOK {
		w.t.Fatalf("introspection answered %d: %s", got.status, got.body)
	}
	if got.json()["active"] == true {
		return true
	}
	if strings.TrimSpace(got.body) != `{"active":false}` {
		w.t.Errorf("an inactive token is answered %s", got.body)
	}
	return false
}

// refused checks an error of the back channel.
func (w *wall) refused(what string, got wallAnswer, status int, code string) {
	w.t.Helper()
	if got.status != status || got.json()["error"] != code {
		w.t.Errorf("%s: %d %.200s, want %d %s", what, got.status, got.body, status, code)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		w.t.Errorf("%s: Cache-Control %q", what, got.header.Get("Cache-Control"))
	}
}

// signedInNow asks whether the browser is somebody's.
func (w *wall) signedInNow(p *person) bool {
	w.t.Helper()
	return w.one(p, w.request(http.MethodGet, "/account", "")).status == http.StatusOK
}

// cookie is the value of the browser's cookie whose name begins so.
func (w *wall) cookie(p *person, prefix string) string {
	u, _ := url.Parse(w.issuer)
	for _, c := range p.client.Jar.Cookies(u) {
		if strings.HasPrefix(c.Name, prefix) {
			return c.Value
		}
	}
	return ""
}

func (w *wall) cookieName(kind string) string {
	u, _ := url.Parse(w.issuer)
	return "portvakt-" + kind + "-" + u.Port()
}

// post sends a form of our own pages as the browser would.
func (w *wall) post(p *person, path string, form url.Values, headers ...string) wallAnswer {
	w.t.Helper()
	if len(headers) == 0 {
		headers = []string{"Origin", w.issuer, "Sec-Fetch-Site", "same-origin"}
	}
	return w.one(p, w.request(http.MethodPost, path, form.Encode(), append([]string{"Content-Type", formType}, headers...)...))
}

// fields are the hidden fields of the page's first form that has a token.
func (p *person) fields() url.Values {
	p.t.Helper()
	m := csrfField.FindStringSubmatch(p.text)
	if m == nil {
		p.t.Fatalf("the page %q has no form with a token:\n%s", p.page(), p.text)
	}
	return url.Values{"csrf": {m[1]}}
}

// race runs n at once and gathers what they answer.
func race[T any](n int, run func(i int) T) []T {
	out, start := make([]T, n), make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			out[i] = run(i)
		})
	}
	close(start)
	group.Wait()
	return out
}

// totp is RFC 6238 with the usual parameters.
func totp(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(at.Unix()/30))
	mac := hmac.New(sha1.New, key)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:offset+4])&0x7fffffff%1_000_000)
}

// link waits for the nth mail to somebody and answers its setup link.
func (w *wall) link(to string, n int) string {
	w.t.Helper()
	link := w.mails(to, n)[0].setupLink(w.t)
	if u, err := url.Parse(link); err == nil {
		w.witness.note("a link's token", u.Query().Get("token"))
	}
	return link
}

// canary is what must never be shown as it is.
const canary = `"'><x>{{7*7}}</script>`

func encoded(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func decoded(s string) string {
	raw, _ := base64.RawURLEncoding.DecodeString(s)
	return string(raw)
}
