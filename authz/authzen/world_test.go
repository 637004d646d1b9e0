package authzen_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"portvakt/authz"
	"portvakt/authz/authzen"
	"portvakt/cmd/portvakt/seed"
	"portvakt/idp/application"
	"portvakt/idp/bearer"
	"portvakt/idp/gate"
	"portvakt/idp/signing"
	"portvakt/idp/token"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var ctx = context.Background()

const issuer = "https://portvakt.example"

// seedText is the certification suite's fixture in our own terms: alice owns record-1 and bob owns record-2, both read
// everything, each writes what they own, nobody deletes for good. Beside it stand a neighbour and people of all states.
const seedText = `
modules:
  - {id: record, name: {en: Records}, fields: [title, price], tools: [export, soft_delete]}
  - {id: diary, name: {en: Diary}}
organizations:
  - slug: nordlys
    name: Nordlys AS
    domains: [nordlys.example]
    features: [archive]
    segments: [oslo, bergen]
    service_accounts: [{id: shop, name: Shop, secret: dev-shop-secret}]
    profiles:
      - {id: staff, modules: {record: {view: true, create: true, edit: true, fields: {price: read_only}, tools: [soft_delete]}}}
      - {id: boss, modules: {record: {view: true, create: true, edit: true, delete: true, tools: [export, soft_delete]}, diary: {view: true}}}
    roles: [{id: chief, name: Chief, profiles: [boss], below: [{id: worker, name: Worker, profiles: [staff]}]}]
    groups: [{id: team, name: Team, members: [{member: alice@nordlys.example}]}]
    sharing: {record: public_read, diary: private}
    members:
      - {email: alice@nordlys.example, role: worker}
      - {email: bob@nordlys.example, role: worker, segments: [oslo]}
      - {email: chief@nordlys.example, role: chief}
      - {email: idle@nordlys.example}
      - {email: gone@nordlys.example, role: worker}
      - {email: card@outside.example, kind: contact, given_name: Cora, family_name: Card}
  - slug: bjorkvik
    name: Björkvik AB
    profiles: [{id: staff, modules: {record: {view: true, edit: true}}}]
    roles: [{id: worker, name: Worker, profiles: [staff]}]
    groups: [{id: secret_team, name: Secret}]
    members: [{email: zoe@bjorkvik.example, role: worker}]
applications:
  - {client_id: crm, name: CRM, secret: dev-crm-secret, grant_types: [client_credentials], scopes: [authzen, organization, transfers], organizations: [nordlys]}
  - {client_id: both, name: Both, secret: dev-both-secret, grant_types: [client_credentials], scopes: [authzen], organizations: [nordlys, bjorkvik]}
  - {client_id: next, name: Next, secret: dev-next-secret, grant_types: [client_credentials], scopes: [authzen], organizations: [bjorkvik]}
`

// world is the seed, served by the real engine to holders of real tokens.
type world struct {
	t       testing.TB
	db      *sqldb.DB
	dir     *directory.Directory
	tokens  *token.Service
	clients *application.Clients
	keys    *secret.Keys
	engine  *authz.Engine
	handler *authzen.Handler
	bearer  string            // of crm, for nordlys
	names   *strings.Replacer // $alice → sub, $alice.member → membership id
	members map[string]directory.Member
	orgs    map[string]directory.Organization
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// callers is what cmd hands in: whose token it is, by idp.
type callers struct{ *bearer.Tokens }

func (c callers) Verify(ctx context.Context, text string) (authzen.Caller, error) {
	h, err := c.Tokens.Verify(ctx, text)
	if err != nil {
		return authzen.Caller{}, err
	}
	return authzen.Caller{ClientID: h.Client.ClientID, Scopes: h.Scopes(), Audience: h.Access.Audience, Organization: h.Organization.ID,
		Find: func(ctx context.Context, slug string) (directory.OrganizationID, error) {
			return c.Organization(ctx, h, slug)
		}}, nil
}

func newWorld(t testing.TB, db *sqldb.DB) *world {
	t.Helper()
	w := &world{t: t, db: db, dir: directory.New(db), members: map[string]directory.Member{}, orgs: map[string]directory.Organization{}}
	f, problems := seed.Parse("seed.yaml", []byte(seedText), seed.Options{AllowPlainSecrets: true, CheckApplication: application.Check, CheckTOTP: func(string) error { return nil }})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	must(seed.Apply(ctx, seed.Deps{DB: db, Directory: w.dir}, f))(t)
	master := sha256.Sum256([]byte("test"))
	w.keys = must(secret.NewKeys(master[:]))(t)
	ring := must(signing.Open(ctx, db, w.keys, signing.Config{Algorithms: []string{signing.ES256}}, slog.New(slog.DiscardHandler)))(t)
	w.tokens = token.New(token.Parts{DB: db, Directory: w.dir, Gate: gate.New(w.dir), Ring: ring, Keys: w.keys}, token.Config{Issuer: issuer})
	w.clients = application.NewClients(db, w.dir)
	w.engine = authz.New(w.dir.Access, authz.Config{DB: db})
	w.handler = w.door(authzen.Config{})
	var names []string
	for _, slug := range []string{"nordlys", "bjorkvik"} {
		o := must(w.dir.Organizations.BySlug(ctx, slug))(t)
		w.orgs[slug] = o
		for _, m := range must(w.dir.Memberships.List(ctx, o.ID, directory.Query{Limit: 100}))(t).Members {
			name, _, _ := strings.Cut(m.Email, "@")
			if m.Kind == directory.ContactOnly {
				name = "card"
			}
			w.members[name] = m
			names = append(names, "$"+name+".member", m.ID.String(), "$"+name, m.User.String())
		}
	}
	w.names = strings.NewReplacer(names...)
	w.bearer = w.token("crm", "nordlys", "authzen")
	return w
}

func (w *world) door(c authzen.Config) *authzen.Handler {
	c.Issuer, c.Tokens, c.Engine, c.Names, c.Keys, c.Now = issuer, callers{bearer.New(w.db, w.tokens, w.clients)}, w.engine, w.dir.Memberships, w.keys, w.db.Now
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return must(authzen.New(c))(w.t)
}

// token is a client's own, as the token endpoint makes it; organization may be "".
func (w *world) token(client, organization string, scopes ...string) string {
	w.t.Helper()
	c := must(w.clients.ByClientID(ctx, client))(w.t)
	holder := token.ClientOf(c.Registered, c.Gate)
	if !c.ServiceAccount.IsZero() {
		holder = token.ServiceAccountClient(c.ClientID, c.Gate)
		holder.Credential = must(w.dir.ServiceAccounts.ByClientID(ctx, client))(w.t).Credentials[0].ID
	}
	pass := must(gate.JudgeClient(w.db.Now(), gate.ClientRequest{ClientID: client, Application: c.Gate, Organization: w.orgs[organization]}))(w.t)
	return must(w.tokens.IssueClient(ctx, holder, pass, scopes))(w.t).AccessToken
}

type reply struct {
	*httptest.ResponseRecorder
	w *world
}

// request is what crm asks about nordlys; $alice and so on are filled in.
func (w *world) request(path, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/access/v1/"+path, strings.NewReader(w.names.Replace(body)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+w.bearer)
	return r
}

func (w *world) do(r *http.Request) reply {
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, r)
	return reply{out, w}
}

func (w *world) ask(path, body string) reply { return w.do(w.request(path, body)) }

func (w *world) askAs(bearer, path, body string) reply {
	r := w.request(path, body)
	r.Header.Set("Authorization", "Bearer "+bearer)
	return w.do(r)
}

// object is the answer, which has to be JSON with the status.
func (r reply) object(status int) map[string]any {
	r.w.t.Helper()
	var out map[string]any
	if err := json.Unmarshal(r.Body.Bytes(), &out); err != nil {
		r.w.t.Fatalf("answered %d %q: %v", r.Code, r.Body, err)
	}
	if r.Code != status || r.Header().Get("Content-Type") != "application/json" || r.Header().Get("Cache-Control") != "no-store" {
		r.w.t.Errorf("answered %d %v %s, want %d", r.Code, r.Header(), r.Body, status)
	}
	return out
}

// refused checks the error's code.
func (r reply) refused(status int, code string) {
	r.w.t.Helper()
	if out := r.object(status); out["error"] != code || out["error_description"] == "" {
		r.w.t.Errorf("answered %s, want %s", r.Body, code)
	}
}

// decided checks a single decision and, where one is given, its reason.
func (r reply) decided(want bool, reason ...string) {
	r.w.t.Helper()
	r.w.decision(r.object(200), want, reason...)
}

func (w *world) decision(out map[string]any, want bool, reason ...string) {
	w.t.Helper()
	context, _ := out["context"].(map[string]any)
	if out["decision"] != want || len(reason) > 0 && context["reason"] != reason[0] || context["version"] == "" {
		w.t.Errorf("decided %v, want %v %v", out, want, reason)
	}
}

// list are the decisions of evaluations.
func (r reply) list(want ...bool) []map[string]any {
	r.w.t.Helper()
	all, _ := r.object(200)["evaluations"].([]any)
	if len(all) != len(want) {
		r.w.t.Fatalf("answered %s, want %v", r.Body, want)
	}
	out := make([]map[string]any, len(all))
	for i := range all {
		out[i] = all[i].(map[string]any)
		if out[i]["decision"] != want[i] {
			r.w.t.Errorf("evaluation %d: %v, want %v", i, out[i], want[i])
		}
	}
	return out
}

// results are the ids or names that a search found, and the token of the next page.
func (r reply) results() (found []string, next string) {
	r.w.t.Helper()
	out := r.object(200)
	all, ok := out["results"].([]any)
	page, _ := out["page"].(map[string]any)
	next, there := page["next_token"].(string)
	if !ok || !there {
		r.w.t.Fatalf("answered %s", r.Body)
	}
	for _, one := range all {
		m := one.(map[string]any)
		if name, ok := m["name"].(string); ok {
			found = append(found, name)
		} else {
			found = append(found, m["type"].(string)+":"+m["id"].(string))
		}
	}
	return found, next
}

func each(t *testing.T, test func(t *testing.T, w *world, clock *testenv.Clock)) {
	t.Helper()
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) { test(t, newWorld(t, db), clock) })
}

// suspend suspends an organization, as an operator does.
func (w *world) suspend(slug string) {
	w.t.Helper()
	must(w.dir.Organizations.Change(ctx, w.orgs[slug].ID, func(o *directory.Organization) error { o.Suspended = true; return nil }))(w.t)
}

func (w *world) brokenDoor(log *slog.Logger) *authzen.Handler {
	return must(authzen.New(authzen.Config{Issuer: issuer, Tokens: callers{bearer.New(w.db, w.tokens, w.clients)}, Engine: broken{}, Keys: w.keys, Now: w.db.Now, Log: log}))(w.t)
}
