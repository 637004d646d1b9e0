package saml_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"portvakt/idp/application"
	"portvakt/idp/credential"
	"portvakt/idp/gate"
	"portvakt/idp/interaction"
	"portvakt/idp/saml"
	"portvakt/idp/saml/wire"
	"portvakt/idp/session"
	"portvakt/idp/signing"
	"portvakt/idp/token"
	pages "portvakt/idp/web"
	"portvakt/internal/directory"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
	"portvakt/internal/web"
)

var ctx = context.Background()

const (
	issuer = "https://id.example"
	idpID  = issuer + "/saml/metadata"
	spID   = "https://sp.example/metadata"
	acs    = "https://sp.example/acs"
	byPOST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
	byArt  = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"
)

// door is the protocol over a real store: an organization with a member, service providers, and everything below.
type door struct {
	t            testing.TB
	db           *sqldb.DB
	clock        *testenv.Clock
	dir          *directory.Directory
	sessions     *session.Sessions
	credentials  *credential.Credentials
	certificates *saml.Certificates
	saml         *saml.Handler
	handler      http.Handler
	org, other   directory.Organization
	member       directory.Member
	user         directory.User
	sp           directory.ServiceProvider
	told         map[string][]string // of access
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

// Of answers for authz.
func (d *door) Of(context.Context, directory.Standing, []string, []directory.ClaimMapping) ([]token.Claim, error) {
	var out []token.Claim
	for name, values := range d.told {
		out = append(out, token.Claim{Name: name, Values: values})
	}
	return out, nil
}

func newDoor(t testing.TB, db *sqldb.DB, clock *testenv.Clock) *door {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	d := &door{t: t, db: db, clock: clock, dir: directory.New(db)}
	keys := must(secret.NewKeys([]byte("0123456789abcdefghijklmnopqrstuv")))(t)
	ring := d.ring(keys, log)
	clients, door := application.NewClients(db, d.dir), gate.New(d.dir)
	d.credentials = credential.New(db, secret.NewPasswords(secret.Params{Memory: 64, Time: 1, Lanes: 1}), keys, ratelimit.New(db), credential.Config{})
	d.sessions = must(session.New(db, session.Config{Issuer: issuer}, log))(t)
	views := must(parsedPages())(t)
	talks := interaction.New(interaction.Deps{DB: db, Directory: d.dir, Clients: clients, Credentials: d.credentials, Sessions: d.sessions,
		Forms: session.NewForms(keys), Gate: door, Pages: views, Log: log}, interaction.Config{})
	d.certificates = saml.NewCertificates(db, ring)
	d.saml = must(saml.New(saml.Deps{DB: db, Directory: d.dir, Providers: saml.NewProviders(db, d.dir), Clients: clients, Certificates: d.certificates,
		Gate: door, Claims: d, Keys: keys, Sessions: d.sessions, Interactions: talks, Pages: views, Log: log, Issuer: issuer}))(t)
	mux := http.NewServeMux()
	for _, r := range d.saml.Routes() {
		mux.Handle(r.Path, r.Handler)
	}
	for _, r := range talks.Routes() {
		mux.Handle(r.Path, r.Handler)
	}
	d.handler = mux
	d.furnish()
	return d
}

// ringRow is a signing key as it is stored.
type ringRow struct {
	kid, state, jwk string
	sealed          []byte
	at              int64
}

// ringRows are the keys of the first door: making RSA keys costs more than most tests.
var ringRows struct {
	sync.Mutex
	made []ringRow
}

func (d *door) ring(keys *secret.Keys, log *slog.Logger) *signing.Ring {
	t := d.t
	t.Helper()
	ringRows.Lock()
	defer ringRows.Unlock()
	for _, k := range ringRows.made {
		if err := d.db.Update(ctx, func(tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, "insert into signing_keys (kid, algorithm, state, private_key, public_jwk, created_at, activated_at) values ($1, $2, $3, $4, $5, $6, $6)",
				k.kid, signing.RS256, k.state, k.sealed, k.jwk, k.at)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	ring := must(signing.Open(ctx, d.db, keys, signing.Config{Algorithms: []string{signing.RS256}}, log))(t)
	if err := ring.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if ringRows.made == nil {
		ringRows.made = must(sqldb.All(ctx, d.db, func(r sqldb.Row) (k ringRow, err error) {
			return k, r.Scan(&k.kid, &k.state, &k.sealed, &k.jwk, &k.at)
		}, "select kid, state, private_key, public_jwk, created_at from signing_keys"))(t)
	}
	return ring
}

// parsedPages is shared by all doors: it is only read, and parsing every page anew costs more than most tests.
var parsedPages = sync.OnceValues(func() (*pages.Pages, error) {
	renderer, err := web.New(web.Config{Issuer: issuer, Locales: []fs.FS{pages.Locales()}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return pages.New(renderer)
})

const password = "Kari's long and good password"

func (d *door) furnish() {
	t := d.t
	d.org = d.organization("nordlys", "Nordlys AS")
	d.other = d.organization("fjord", "Fjord AS")
	d.member = d.join(d.org, "kari@nordlys.example", directory.Member{Details: directory.Details{GivenName: "Kari", FamilyName: "Nordmann", Department: "Sales"}})
	d.user = must(d.dir.Users.ByID(ctx, d.member.User))(t)
	d.sp = d.register(directory.ServiceProvider{Slug: "crm"}, nil)
}

func (d *door) organization(slug, name string) directory.Organization {
	d.t.Helper()
	o := must(d.dir.Organizations.Create(ctx, directory.Organization{Slug: slug, Name: name, Seats: directory.UnlimitedSeats}))(d.t)
	d.join(o, "admin@"+slug+".example", directory.Member{Administrator: true})
	return o
}

func (d *door) join(o directory.Organization, email string, m directory.Member) directory.Member {
	d.t.Helper()
	m.Email = email
	made := must(d.dir.Memberships.Create(ctx, o.ID, directory.NewMember{Trusted: true, Member: m}))(d.t)
	if err := d.dir.Users.VerifyEmail(ctx, made.User); err != nil {
		d.t.Fatal(err)
	}
	return made
}

// register makes a service provider; what is left open is usual.
func (d *door) register(p directory.ServiceProvider, edit func(*directory.ServiceProvider)) directory.ServiceProvider {
	d.t.Helper()
	p.Application.Name = "CRM"
	if p.Application.Organization.IsZero() {
		p.Application.AllOrganizations = true
	}
	if p.EntityID == "" {
		p.EntityID = spID
	}
	if p.Metadata.ACS == nil {
		p.Metadata.ACS = []directory.SAMLEndpoint{{Binding: byPOST, Location: acs, Default: true}, {Binding: byArt, Location: acs + "/artifact", Index: 1}}
	}
	p.Metadata.Keys = append(p.Metadata.Keys, directory.SAMLKey{Certificate: spCertificate(d.t)})
	p.Settings.Attributes = append(p.Settings.Attributes, directory.SAMLAttribute{Name: "mail", Source: "email"})
	if edit != nil {
		edit(&p)
	}
	return must(d.dir.ServiceProviders.Register(ctx, p))(d.t)
}

func (d *door) change(edit func(*directory.ServiceProvider)) {
	d.t.Helper()
	must(d.dir.ServiceProviders.Change(ctx, d.sp.Owner(), d.sp.ID(), func(p *directory.ServiceProvider) error { edit(p); return nil }))(d.t)
}

// spKey is the service provider's key, with a certificate.
var spKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

var spCertificateOnce = sync.OnceValues(func() ([]byte, error) {
	key, err := spKey()
	if err != nil {
		return nil, err
	}
	return wire.Issuer{EntityID: spID}.SelfSigned(key, testenv.Start, testenv.Start.AddDate(10, 0, 0))
})

func spCertificate(t testing.TB) []byte { return must(spCertificateOnce())(t) }

// browser keeps cookies.
type browser struct {
	d       *door
	cookies map[string]string
}

func (d *door) browser() *browser { return &browser{d: d, cookies: map[string]string{}} }

// signedIn is a browser in which the member has signed in.
func (d *door) signedIn() *browser { return d.signedInAs(d.user, false) }

func (d *door) signedInAs(u directory.User, code bool) *browser {
	d.t.Helper()
	b := d.browser()
	w := httptest.NewRecorder()
	must(d.sessions.Start(ctx, w, httptest.NewRequest("GET", "/", nil), credential.Evidence{User: u.ID, Epoch: u.Epoch, At: d.db.Now(), Password: true, Code: code}))(d.t)
	b.keep(w.Result())
	return b
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

type reply struct {
	*http.Response
	body, from string
}

func (b *browser) do(r *http.Request) *reply {
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.d.handler.ServeHTTP(w, r)
	b.keep(w.Result())
	return &reply{Response: w.Result(), body: w.Body.String(), from: r.URL.RequestURI()}
}

func (b *browser) get(target string) *reply { return b.do(httptest.NewRequest("GET", target, nil)) }

// post is a form of another site: without our cookies.
func (b *browser) post(target string, form url.Values) *reply {
	r := httptest.NewRequest("POST", target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return (&browser{d: b.d, cookies: map[string]string{}}).do(r)
}

// own sends a form of our own pages.
func (b *browser) own(target string, form url.Values) *reply {
	r := httptest.NewRequest("POST", target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// follow goes where replies lead, until a page is shown or another host is meant.
func (b *browser) follow(r *reply) *reply {
	b.d.t.Helper()
	for range 10 {
		to := r.Header.Get("Location")
		if r.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/") {
			return r
		}
		r = b.get(to)
	}
	b.d.t.Fatal("the replies lead around in circles")
	return nil
}

// fields are the values of the hidden and visible fields of a page's first form.
func (r *reply) fields(t testing.TB) (action string, values url.Values) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	values = url.Values{}
	in, forms := false, 0
	for n := range doc.Descendants() {
		at := func(key string) string {
			for _, a := range n.Attr {
				if a.Key == key {
					return a.Val
				}
			}
			return ""
		}
		switch {
		case n.Type == html.ElementNode && n.Data == "form":
			if forms++; forms == 1 {
				action = cmp.Or(at("action"), r.from)
			}
			in = forms == 1
		case n.Type == html.ElementNode && n.Data == "input" && in && at("name") != "":
			values.Set(at("name"), at("value"))
		}
	}
	return action, values
}

// signIn goes through e-mail and password from wherever the conversation begins.
func (b *browser) signIn(r *reply, email string) *reply {
	b.d.t.Helper()
	r = b.follow(r)
	if strings.Contains(r.body, `data-page="sign-in"`) {
		r = b.send(r, url.Values{"email": {email}})
	}
	if !strings.Contains(r.body, `data-page="password"`) {
		b.d.t.Fatalf("no page asks for the password: %d %.300s", r.StatusCode, r.body)
	}
	return b.send(r, url.Values{"password": {password}})
}

// send fills the form of a page in and sends it.
func (b *browser) send(r *reply, fill url.Values) *reply {
	b.d.t.Helper()
	action, values := r.fields(b.d.t)
	for name, v := range fill {
		values[name] = v
	}
	return b.follow(b.own(action, values))
}

// withPassword gives the member a password to sign in with.
func (d *door) withPassword() {
	d.t.Helper()
	hash := must(d.credentials.Hash(ctx, password))(d.t)
	if err := d.db.Update(ctx, func(tx *sqldb.Tx) error { return d.credentials.Set(ctx, tx, d.user.ID, hash) }); err != nil {
		d.t.Fatal(err)
	}
	d.user = must(d.dir.Users.ByID(ctx, d.user.ID))(d.t)
}
