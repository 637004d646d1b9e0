package oidc_test

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/idp/application"
	"portvakt/idp/credential"
	"portvakt/idp/gate"
	"portvakt/idp/interaction"
	"portvakt/idp/oidc"
	"portvakt/idp/session"
	"portvakt/idp/signing"
	"portvakt/idp/token"
	pages "portvakt/idp/web"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
	"portvakt/internal/web"
)

var ctx = context.Background()

const (
	issuer    = "https://id.example"
	callback  = "https://rp.example/cb"
	secret1   = "demo-secret"
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 appendix B
)

// door is the protocol over a real store: an organization with a member, applications, and everything below.
type door struct {
	t        testing.TB
	db       *sqldb.DB
	clock    *testenv.Clock
	dir      *directory.Directory
	sessions *session.Sessions
	tokens   *token.Service
	outbox   *outbox.Outbox
	handler  http.Handler
	org      directory.Organization
	member   directory.Member
	user     directory.User
	app      directory.Application
	posted   *mailbox
}

// mailbox takes back-channel posts.
type mailbox struct {
	mu     sync.Mutex
	status int
	got    []url.Values
}

func (m *mailbox) PostForm(_ context.Context, target string, values url.Values) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	values.Set("target", target)
	m.got = append(m.got, values)
	return m.status, nil
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func each(t *testing.T, test func(t *testing.T, d *door)) {
	t.Helper()
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) { test(t, newDoor(t, db, clock)) })
}

func newDoor(t testing.TB, db *sqldb.DB, clock *testenv.Clock) *door {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	d := &door{t: t, db: db, clock: clock, dir: directory.New(db), posted: &mailbox{status: 200}, outbox: outbox.New(db, log)}
	keys := must(secret.NewKeys([]byte("0123456789abcdefghijklmnopqrstuv")))(t)
	ring := must(signing.Open(ctx, db, keys, signing.Config{Algorithms: []string{signing.ES256}}, log))(t)
	t.Cleanup(func() { _ = ring.Ready(ctx) })
	clients, door := application.NewClients(db, d.dir), gate.New(d.dir)
	credentials := credential.New(db, secret.NewPasswords(secret.Params{Memory: 64, Time: 1, Lanes: 1}), keys, ratelimit.New(db), credential.Config{})
	d.sessions = must(session.New(db, session.Config{Issuer: issuer}, log))(t)
	views := must(parsedPages())(t)
	forms := session.NewForms(keys)
	talks := interaction.New(interaction.Deps{DB: db, Directory: d.dir, Clients: clients, Credentials: credentials, Sessions: d.sessions,
		Forms: forms, Gate: door, Pages: views, Log: log}, interaction.Config{})
	d.tokens = token.New(token.Parts{DB: db, Directory: d.dir, Gate: door, Ring: ring, Keys: keys, SIDs: oidc.SIDs(d.sessions)}, token.Config{Issuer: issuer})
	h := must(oidc.New(oidc.Deps{DB: db, Clients: clients, Tokens: d.tokens, Ring: ring, Sessions: d.sessions, Forms: forms, Interactions: talks,
		Pages: views, Poster: d.posted, Log: log, Issuer: issuer}))(t)
	h.Subscribe(d.outbox)
	d.sessions.Subscribe(d.outbox)
	mux := http.NewServeMux()
	for _, r := range h.Routes() {
		mux.Handle(r.Path, r.Handler)
	}
	for _, r := range talks.Routes() {
		mux.Handle(r.Path, r.Handler)
	}
	d.handler = mux
	d.furnish()
	return d
}

// parsedPages is shared by all doors: it is only read, and parsing every page anew costs more than most tests.
var parsedPages = sync.OnceValues(func() (*pages.Pages, error) {
	renderer, err := web.New(web.Config{Issuer: issuer, Locales: []fs.FS{pages.Locales()}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return pages.New(renderer)
})

func (d *door) furnish() {
	t := d.t
	d.org = must(d.dir.Organizations.Create(ctx, directory.Organization{Slug: "nordlys", Name: "Nordlys AS", Seats: directory.UnlimitedSeats}))(t)
	must(d.dir.Memberships.Create(ctx, d.org.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "admin@nordlys.example", Administrator: true}}))(t)
	d.member = must(d.dir.Memberships.Create(ctx, d.org.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "kari@nordlys.example",
		Details: directory.Details{GivenName: "Kari", FamilyName: "Nordmann"}}}))(t)
	d.user = must(d.dir.Users.ByID(ctx, d.member.User))(t)
	all := []string{"openid", "profile", "email", "phone", "address", "offline_access", "organization", "access"}
	d.app = d.save("demo", directory.ClientMetadata{Scopes: append(all, "authzen"), BackchannelLogoutURI: "https://rp.example/logout",
		PostLogoutRedirectURIs: []string{"https://rp.example/bye?x=1"}, RedirectURIs: []string{callback, "https://rp.example/q?a=b"}})
	d.save("other", directory.ClientMetadata{Scopes: all, RedirectURIs: []string{"https://other.example/cb"}})
	d.save("spa", directory.ClientMetadata{Scopes: all, RedirectURIs: []string{callback}, TokenEndpointAuthMethod: "none", GrantTypes: []string{"authorization_code", "refresh_token"}})
	no := false
	d.save("legacy", directory.ClientMetadata{Scopes: all, RedirectURIs: []string{callback}, RequirePKCE: &no, TokenEndpointAuthMethod: "client_secret_post"})
	d.save("machine", directory.ClientMetadata{GrantTypes: []string{"client_credentials"}, Scopes: []string{"authzen", "openid"}})
	must(d.dir.ServiceAccounts.Save(ctx, "nordlys", directory.ServiceAccount{Organization: d.org.ID, Key: "webshop", Name: "Web shop", Credentials: []directory.ServiceCredential{{Hash: secret.HashToken(secret1)}}}))(t)
}

func (d *door) save(id string, m directory.ClientMetadata) directory.Application {
	d.t.Helper()
	if m.GrantTypes == nil {
		m.GrantTypes = []string{"authorization_code", "refresh_token", "client_credentials"}
	}
	return must(d.dir.Applications.Save(ctx, directory.Application{ClientID: id, Name: "App " + id, AllOrganizations: true, Metadata: m,
		Secrets: []directory.ApplicationSecret{{Hash: secret.HashToken(secret1)}}}))(d.t)
}

// browser keeps cookies.
type browser struct {
	d       *door
	cookies map[string]string
}

func (d *door) browser() *browser { return &browser{d: d, cookies: map[string]string{}} }

// signedIn is a browser in which the member has signed in.
func (d *door) signedIn() *browser {
	d.t.Helper()
	b := d.browser()
	b.signIn()
	return b
}

func (b *browser) signIn() {
	b.d.t.Helper()
	w := httptest.NewRecorder()
	must(b.d.sessions.Start(ctx, w, httptest.NewRequest("GET", "/", nil), credential.Evidence{User: b.d.user.ID, Epoch: b.d.user.Epoch, At: b.d.db.Now(), Password: true}))(b.d.t)
	b.keep(w.Result())
}

func (b *browser) keep(res *http.Response) {
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
}

func (b *browser) do(r *http.Request) *reply {
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.d.handler.ServeHTTP(w, r)
	b.keep(w.Result())
	return &reply{Response: w.Result(), body: w.Body.String()}
}

func (b *browser) get(target string) *reply { return b.do(httptest.NewRequest("GET", target, nil)) }

func (b *browser) post(target string, form url.Values) *reply {
	r := httptest.NewRequest("POST", target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

type reply struct {
	*http.Response
	body string
}

// location is the query of the address that the reply leads to.
func (r *reply) location(t testing.TB) url.Values {
	t.Helper()
	u, err := url.Parse(r.Header.Get("Location"))
	if err != nil || r.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d, Location %q: %.300s", r.StatusCode, r.Header.Get("Location"), r.body)
	}
	return u.Query()
}

func (r *reply) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatalf("status %d, not JSON: %.300s", r.StatusCode, r.body)
	}
	return m
}

// request is a good authorization request; pairs change it, "" removes.
func request(pairs ...string) url.Values {
	v := url.Values{"client_id": {"demo"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid profile email organization"},
		"state": {"s&t=a te"}, "nonce": {"n-1"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if v.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			v.Del(pairs[i])
		}
	}
	return v
}

func (b *browser) authorize(pairs ...string) *reply {
	return b.get("/oauth2/authorize?" + request(pairs...).Encode())
}

// call posts a form to the back channel as a client by basic authentication; "" is nobody.
func (d *door) call(path, client string, form url.Values) *reply {
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != "" {
		r.SetBasicAuth(client, secret1)
	}
	return d.browser().do(r)
}

func codeForm(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
}

// tokens signs in and redeems.
func (d *door) tokensOf(b *browser, pairs ...string) map[string]any {
	d.t.Helper()
	code := b.authorize(pairs...).location(d.t).Get("code")
	res := d.call("/oauth2/token", "demo", codeForm(code))
	if res.StatusCode != http.StatusOK {
		d.t.Fatalf("token: %d %s", res.StatusCode, res.body)
	}
	return res.json(d.t)
}

func (d *door) userinfo(access string) *reply {
	r := httptest.NewRequest("GET", "/oauth2/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+access)
	return d.browser().do(r)
}

func (d *door) active(access string) bool {
	d.t.Helper()
	res := d.call("/oauth2/introspect", "demo", url.Values{"token": {access}})
	if res.StatusCode != http.StatusOK {
		d.t.Fatalf("introspection: %d %s", res.StatusCode, res.body)
	}
	return res.json(d.t)["active"] == true
}

func (d *door) drain() {
	d.t.Helper()
	c, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := d.outbox.Drain(c); err != nil {
		d.t.Fatal(err)
	}
}
