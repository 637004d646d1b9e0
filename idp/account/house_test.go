package account_test

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/idp/account"
	"portvakt/idp/application"
	"portvakt/idp/credential"
	"portvakt/idp/gate"
	"portvakt/idp/interaction"
	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/mail"
	"portvakt/internal/outbox"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
	"portvakt/internal/web"
)

var ctx = context.Background()

const (
	password    = "a quiet horse in the rain"
	newPassword = "three green boats at noon"
	totp        = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
)

// house is a running installation without a protocol: "/start" begins a conversation with the needs of the test, and the
// protocol's answer is a redirect to the callback that says what came out.
type house struct {
	t           *testing.T
	db          *sqldb.DB
	clock       *testenv.Clock
	dir         *directory.Directory
	passwords   *secret.Passwords
	credentials *credential.Credentials
	sessions    *session.Sessions
	service     *interaction.Service
	account     *account.Account
	outbox      *outbox.Outbox
	captured    *mail.Captured
	server      *httptest.Server
	app         directory.Application
	needs       interaction.Needs
	tried       *fault.Fault // what Try said last
}

const callback = "https://rp.example/callback"

func each(t *testing.T, test func(t *testing.T, h *house)) {
	t.Helper()
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) { test(t, newHouse(t, db, clock)) })
}

func newHouse(t *testing.T, db *sqldb.DB, clock *testenv.Clock) *house {
	t.Helper()
	h := &house{t: t, db: db, clock: clock, dir: directory.New(db), captured: mail.NewCaptured(db)}
	mux := http.NewServeMux()
	h.server = httptest.NewServer(mux)
	t.Cleanup(h.server.Close)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	keys := must(secret.NewKeys([]byte("0123456789abcdefghijklmnopqrstuv")))(t)
	limiter := ratelimit.New(db)
	h.passwords = secret.NewPasswords(secret.Params{Memory: 64, Time: 1, Lanes: 1})
	h.credentials = credential.New(db, h.passwords, keys, limiter, credential.Config{Issuer: keysIssuer})
	h.sessions = must(session.New(db, session.Config{Issuer: h.server.URL}, log))(t)
	views := must(parsedPages())(t)
	forms := session.NewForms(keys)
	h.service = interaction.New(interaction.Deps{
		DB: db, Directory: h.dir, Clients: application.NewClients(db, h.dir), Credentials: h.credentials, Sessions: h.sessions, Forms: forms,
		Gate: gate.New(h.dir), Pages: views, Log: log,
	}, interaction.Config{DevMail: "/dev/mail"})
	h.service.Register("test", protocol{})
	h.account = account.New(account.Deps{
		DB: db, Directory: h.dir, Credentials: h.credentials, Sessions: h.sessions, Forms: forms, Interactions: h.service, Pages: views,
		Limiter: limiter, Texts: must(mailTexts())(t), Sender: h.captured, Log: log,
	}, account.Config{Issuer: h.server.URL})
	h.outbox = outbox.New(db, log)
	h.account.Subscribe(h.outbox)
	h.sessions.Subscribe(h.outbox)
	for _, route := range append(h.service.Routes(), h.account.Routes()...) {
		mux.Handle(route.Path, route.Handler)
	}
	mux.HandleFunc("/start", h.start)
	h.furnish()
	return h
}

// The houses share what is only read: parsing every page anew costs more than most tests.
var (
	mailTexts   = sync.OnceValues(mail.NewTexts)
	parsedPages = sync.OnceValues(func() (*pages.Pages, error) {
		renderer, err := web.New(web.Config{Issuer: "http://id.portvakt.example", Locales: []fs.FS{pages.Locales()}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return nil, err
		}
		return pages.New(renderer)
	})
)

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// start is a protocol's front door.
func (h *house) start(w http.ResponseWriter, r *http.Request) {
	b := interaction.Begin{
		Protocol: "test", Application: h.app, Needs: h.needs, RedirectURI: callback,
		Request: json.RawMessage(`{"state":"` + r.URL.Query().Get("state") + `"}`),
	}
	out, ok, err := h.service.Try(r, b)
	h.tried = fault.Of(err)
	if ok {
		protocol{}.Finish(w, r, out)
		return
	}
	location, err := h.service.Begin(w, r, b)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, location, http.StatusSeeOther)
}

type protocol struct{}

func (protocol) Finish(w http.ResponseWriter, r *http.Request, o interaction.Outcome) {
	st := o.Pass.Standing()
	answer(w, r, url.Values{
		"user": {o.Session.User.String()}, "org": {st.Slug}, "sid": {o.SID.String()}, "acr": {o.Session.ACR},
		"amr": {strings.Join(o.Session.AMR, " ")}, "request": {string(o.Request)}, "session": {o.Session.ID.String()},
	})
}

func (protocol) Refuse(w http.ResponseWriter, r *http.Request, request json.RawMessage, reason *fault.Fault) {
	answer(w, r, url.Values{"error": {reason.Code}, "request": {string(request)}})
}

func answer(w http.ResponseWriter, r *http.Request, q url.Values) {
	http.Redirect(w, r, callback+"?"+q.Encode(), http.StatusSeeOther)
}

// furnish makes two organizations, one of them with a verified domain, and an application for all.
func (h *house) furnish() {
	h.t.Helper()
	h.organization(directory.Organization{Slug: "nordlys", Name: "Nordlys AS", Domains: []string{"nordlys.example"}})
	h.organization(directory.Organization{Slug: "tallsmia", Name: "Tallsmia Regnskap AS"})
	skip := true
	h.app = must(h.dir.Applications.Save(ctx, directory.Application{
		ClientID: "demo-web", Name: "Demo", AllOrganizations: true,
		Metadata: directory.ClientMetadata{RedirectURIs: []string{callback}, GrantTypes: []string{"authorization_code"}, SkipConsent: &skip},
	}))(h.t)
}

func (h *house) organization(o directory.Organization) directory.Organization {
	h.t.Helper()
	o.Seats = directory.UnlimitedSeats
	return must(h.dir.Organizations.Create(ctx, o))(h.t)
}

func (h *house) org(slug string) directory.OrganizationID {
	h.t.Helper()
	return must(h.dir.Organizations.BySlug(ctx, slug))(h.t).ID
}

// member makes a member as the seed does: accepted, no mail.
func (h *house) member(slug, email string, edit ...func(*directory.NewMember)) directory.Member {
	h.t.Helper()
	n := directory.NewMember{Member: directory.Member{Email: email}, Trusted: true}
	for _, f := range edit {
		f(&n)
	}
	return must(h.dir.Memberships.Create(ctx, h.org(slug), n))(h.t)
}

// hired makes a member as SCIM does.
func hired(n *directory.NewMember) { n.Trusted = false }

func (h *house) update(fn func(tx *sqldb.Tx) error) {
	h.t.Helper()
	if err := h.db.Update(ctx, fn); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) setPassword(user directory.UserID) {
	h.t.Helper()
	hash := must(h.credentials.Hash(ctx, password))(h.t)
	h.update(func(tx *sqldb.Tx) error { return h.credentials.Set(ctx, tx, user, hash) })
}

func (h *house) setTOTP(user directory.UserID) {
	h.t.Helper()
	h.update(func(tx *sqldb.Tx) error { return h.credentials.SetTOTP(ctx, tx, user, totp) })
}

// kari is a member of Nordlys with a password.
func (h *house) kari() directory.Member {
	h.t.Helper()
	m := h.member("nordlys", "kari@nordlys.example")
	h.setPassword(m.User)
	return m
}

// mails delivers what waits and answers the mails, newest first.
func (h *house) mails() []mail.CapturedMessage {
	h.t.Helper()
	if err := h.outbox.Drain(ctx); err != nil {
		h.t.Fatal(err)
	}
	return must(h.captured.List(ctx, 100))(h.t)
}

// link is the first link of the newest mail to the address, as a path.
func (h *house) link(to string) string {
	h.t.Helper()
	for _, m := range h.mails() {
		if m.To == to {
			for _, l := range m.Links {
				if strings.Contains(l, "/account/setup") {
					return strings.TrimPrefix(l, h.server.URL)
				}
			}
		}
	}
	h.t.Fatalf("no mail with a link to %s", to)
	return ""
}

func (h *house) count(sql string, args ...any) int64 {
	h.t.Helper()
	var n int64
	if err := h.db.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// browser is a browser that follows our redirects and stops at anybody else's.
type browser struct {
	h      *house
	client *http.Client
	at     string // address of the page
	status int
	header http.Header
	body   string
	page   string     // data-page
	outer  url.Values // the query of the redirect that left us
}

func (h *house) browser() *browser {
	h.t.Helper()
	jar := must(cookiejar.New(nil))(h.t)
	b := &browser{h: h}
	b.client = &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), h.server.URL) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return b
}

var (
	dataPage = regexp.MustCompile(`data-page="([^"]+)"`)
	hidden   = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
)

func (b *browser) do(r *http.Request, err error) *browser {
	b.h.t.Helper()
	if err != nil {
		b.h.t.Fatal(err)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	b.at, b.status, b.header, b.body, b.page, b.outer = resp.Request.URL.String(), resp.StatusCode, resp.Header, string(body), "", nil
	if m := dataPage.FindStringSubmatch(b.body); m != nil {
		b.page = m[1]
	}
	if location := resp.Header.Get("Location"); strings.HasPrefix(location, callback) {
		u, _ := url.Parse(location)
		b.outer, b.page = u.Query(), "callback"
	}
	return b
}

func (b *browser) get(path string) *browser {
	b.h.t.Helper()
	return b.do(http.NewRequest(http.MethodGet, b.absolute(path), nil))
}

func (b *browser) absolute(path string) string {
	if strings.HasPrefix(path, "/") {
		return b.h.server.URL + path
	}
	return path
}

// fields are the hidden fields of the page; forms that need the script are left out.
func (b *browser) fields() url.Values {
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(ceremonyForm.ReplaceAllString(b.body, ""), -1) {
		form.Set(m[1], strings.ReplaceAll(m[2], "&#43;", "+"))
	}
	return form
}

// submit sends the page's form with the fields given as name, value, name, value.
func (b *browser) submit(pairs ...string) *browser {
	b.h.t.Helper()
	form := b.fields()
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.post(b.at, form)
}

func (b *browser) post(path string, form url.Values) *browser {
	b.h.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.absolute(path), strings.NewReader(form.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return b.do(r, err)
}

func (b *browser) want(page string, status int) *browser {
	b.h.t.Helper()
	if b.page != page || b.status != status {
		b.h.t.Fatalf("at %s: page %q, status %d; want %q, %d\n%s", b.at, b.page, b.status, page, status, b.body)
	}
	return b
}

// signIn goes through e-mail and password from wherever the conversation asks for the e-mail.
func (b *browser) signIn(email, password string) *browser {
	b.h.t.Helper()
	b.want("sign-in", 200)
	b.submit("email", email).want("password", 200)
	return b.submit("password", password)
}

// cookie is the value of one of our cookies.
func (b *browser) cookie(name string) string {
	u, _ := url.Parse(b.h.server.URL)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (b *browser) setCookie(name, value string) {
	u, _ := url.Parse(b.h.server.URL)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// code is the present one-time code plus some steps.
func (h *house) code(steps int64) string {
	h.t.Helper()
	key := must(credential.ParseSecret(totp))(h.t)
	return codeAt(key, h.clock.Now().Add(time.Duration(steps)*30*time.Second))
}
