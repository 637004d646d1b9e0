package scim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
	"portvakt/scim"
)

// world is two organizations with a handler before them.
type world struct {
	t       testing.TB
	db      *sqldb.DB
	dir     *directory.Directory
	clock   *testenv.Clock
	handler http.Handler
	org     directory.Organization
	other   directory.Organization
	admin   directory.Member // made by the seed
	slug    string
	token   string
	bearers bearers
}

// bearers are the access tokens that count, by their texts.
type bearers map[string]scim.Bearer

func (b bearers) Verify(_ context.Context, text string) (scim.Bearer, error) {
	if text == "trouble" {
		return scim.Bearer{}, errors.New("the database said: password authentication failed for user portvakt")
	}
	if found, ok := b[text]; ok {
		return found, nil
	}
	return scim.Bearer{}, fault.New(fault.Unauthenticated, "secret_reason", "It was revoked at noon")
}

const (
	token      = "scim-dev-nordlys"   // users, groups, access
	tokenAll   = "scim-all-nordlys"   // administrators as well
	tokenUsers = "scim-users-nordlys" // users only
	tokenOther = "scim-dev-bjorkvik"  // of the neighbour
)

func newWorld(t testing.TB, db *sqldb.DB, clock *testenv.Clock) *world {
	t.Helper()
	ctx := context.Background()
	dir, access := directory.New(db), bearers{}
	h, err := scim.New(scim.Config{Directory: dir, DB: db, BaseURL: "https://portvakt.example/scim/v2", Tokens: access,
		Keys: must(secret.NewKeys([]byte("0123456789abcdefghijklmnopqrstuv")))(t)})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, dir: dir, clock: clock, handler: h, slug: "nordlys", token: token, bearers: access}
	w.org = must(dir.Organizations.Create(ctx, directory.Organization{Slug: "nordlys", Name: "Nordlys AS", Seats: directory.UnlimitedSeats, Domains: []string{"nordlys.example"}}))(t)
	w.other = must(dir.Organizations.Create(ctx, directory.Organization{Slug: "bjorkvik", Name: "Björkvik AB", Seats: directory.UnlimitedSeats}))(t)
	for _, c := range []struct {
		org                   directory.OrganizationID
		token                 string
		groups, access, admin bool
	}{{w.org.ID, token, true, true, false}, {w.org.ID, tokenAll, true, true, true}, {w.org.ID, tokenUsers, false, false, false}, {w.other.ID, tokenOther, true, true, true}} {
		_, err := dir.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: c.org, Name: c.token, MayUsers: true,
			MayGroups: c.groups, MayAccess: c.access, MayAdministrators: c.admin}, c.token)
		if err != nil {
			t.Fatal(err)
		}
	}
	must(dir.Access.SaveRoles(ctx, w.org.ID, []directory.Role{{Key: "chief", Name: "Chief"}, {Key: "seller", Name: "Seller", Parent: "chief"}}))(t)
	must(dir.Access.SaveSegments(ctx, w.org.ID, []directory.Segment{{Key: "oslo", Name: "Oslo"}, {Key: "bergen", Name: "Bergen"}}))(t)
	w.admin = w.seed(w.org.ID, directory.Member{Email: "kari@nordlys.example", Administrator: true, Details: directory.Details{GivenName: "Kari", FamilyName: "Nordmann"}})
	return w
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

func (w *world) seed(org directory.OrganizationID, m directory.Member) directory.Member {
	w.t.Helper()
	return must(w.dir.Memberships.Create(context.Background(), org, directory.NewMember{Member: m, Trusted: true}))(w.t)
}

// as is the same world for another client.
func (w *world) as(token, slug string) *world {
	c := *w
	c.token, c.slug = token, slug
	return &c
}

// reply is an answer, its body read as JSON.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	raw    string
	json   map[string]any
}

// do sends a request; body may be a JSON text, and path begins behind the organization.
func (w *world) do(method, path, body string, headers ...string) reply {
	w.t.Helper()
	r := httptest.NewRequest(method, "https://portvakt.example/scim/v2/"+w.slug+path, strings.NewReader(body))
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	out := reply{t: w.t, status: rec.Code, header: rec.Header(), raw: rec.Body.String()}
	if out.raw != "" {
		if err := json.Unmarshal(rec.Body.Bytes(), &out.json); err != nil {
			w.t.Fatalf("%s %s: %q is no JSON", method, path, out.raw)
		}
		if ct := out.header.Get("Content-Type"); ct != "application/scim+json" {
			w.t.Errorf("%s %s: Content-Type %q", method, path, ct)
		}
	}
	if out.status >= 500 && out.status != http.StatusNotImplemented {
		w.t.Errorf("%s %s answered %d: %s", method, path, out.status, out.raw)
	}
	if out.status >= 400 && (out.at("status") != fmt.Sprint(out.status) || !strings.Contains(out.raw, "urn:ietf:params:scim:api:messages:2.0:Error") || out.at("detail") == nil) {
		w.t.Errorf("%s %s: %d without a SCIM error: %s", method, path, out.status, out.raw)
	}
	return out
}

// want checks the status and gives the reply on.
func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.raw)
	}
	return r
}

// at reads a value by a path of names and indexes: "emails", 0, "value".
func (r reply) at(path ...any) any {
	var v any = r.json
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// is checks one value.
func (r reply) is(want any, path ...any) reply {
	r.t.Helper()
	if got := r.at(path...); fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Errorf("%v is %v, want %v: %s", path, got, want, r.raw)
	}
	return r
}

// number checks which version of a resource is shown, whatever its tag says beside that.
func (r reply) number(want int) reply {
	r.t.Helper()
	tag, _ := r.at("meta", "version").(string)
	if got, _, _ := strings.Cut(strings.Trim(strings.TrimPrefix(tag, "W/"), `"`), "-"); got != strconv.Itoa(want) || tag != r.header.Get("ETag") {
		r.t.Errorf("the version is %q, the ETag %q, want %d: %s", tag, r.header.Get("ETag"), want, r.raw)
	}
	return r
}

func (r reply) id() string {
	r.t.Helper()
	id, _ := r.at("id").(string)
	if id == "" {
		r.t.Fatalf("no id: %s", r.raw)
	}
	return id
}

const (
	core       = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`
	enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	membership = "urn:portvakt:params:scim:schemas:extension:membership:1.0:User"
)

// create makes a user of the given attributes.
func (w *world) create(attributes string) reply {
	w.t.Helper()
	return w.do("POST", "/Users", `{`+core+`,`+attributes+`}`)
}

// patch sends operations.
func (w *world) patch(id, operations string, headers ...string) reply {
	w.t.Helper()
	return w.do("PATCH", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+operations+`]}`, headers...)
}

func (w *world) member(id string) directory.Member {
	w.t.Helper()
	parsed := must(directory.ParseMembershipID(id))(w.t)
	return must(w.dir.Memberships.ByID(context.Background(), w.org.ID, parsed))(w.t)
}

// each runs a test in a new world on each engine.
func each(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) { test(newWorld(t, db, clock)) })
}

func newRecorder(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}
