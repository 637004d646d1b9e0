package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"portvakt/internal/api"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/ratelimit"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var ctx = context.Background()

const issuer = "https://portvakt.example"

// world is an organization with an ended member, its neighbour, and applications that call; tokens are their client ids.
type world struct {
	dir        *directory.Directory
	handler    *api.Handler
	home, next directory.Organization
	crm        directory.Application
	from, heir directory.Member
	callers    callers
	bounces    *bounces
}

type callers map[string]api.Caller

func (c callers) Verify(_ context.Context, bearer string) (api.Caller, error) {
	if bearer == "trouble" {
		return api.Caller{}, errors.New("the database said: password authentication failed for user portvakt")
	}
	caller, ok := c[bearer]
	if !ok {
		return caller, fault.New(fault.Unauthenticated, "secret_reason", "It was revoked at noon")
	}
	return caller, nil
}

type bounces struct{ got []string }

func (b *bounces) Bounced(_ context.Context, address, reason string) error {
	b.got = append(b.got, address+" "+reason)
	if address == "unknown@x.example" {
		return fault.New(fault.NotFound, "unknown", "Nobody was written to")
	}
	return nil
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newWorld(t *testing.T, db *sqldb.DB) *world {
	t.Helper()
	w := &world{dir: directory.New(db), callers: callers{}, bounces: &bounces{}}
	w.home = must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "nordlys", Name: "Nordlys", Seats: directory.UnlimitedSeats}))(t)
	w.next = must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "bjorkvik", Name: "Björkvik", Seats: directory.UnlimitedSeats}))(t)
	w.crm = w.application(t, "crm", []string{"invoices", "calendar"}, w.home.ID)
	w.application(t, "stranger", nil, w.next.ID)
	w.application(t, "both", nil, w.home.ID, w.next.ID)
	member := func(name string) directory.Member {
		return must(w.dir.Memberships.Create(ctx, w.home.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: name + "@nordlys.example"}}))(t)
	}
	w.from, w.heir = member("kari"), member("ola")
	if err := w.dir.Memberships.End(ctx, w.home.ID, w.from.ID, directory.Ending{Choice: directory.EndWithSuccessor, Successor: w.heir.ID}); err != nil {
		t.Fatal(err)
	}
	w.handler = api.New(api.Config{Issuer: issuer, Directory: w.dir, Tokens: w.callers, Bounces: w.bounces, Limiter: ratelimit.New(db), Log: slog.New(slog.DiscardHandler)})
	return w
}

func (w *world) application(t *testing.T, clientID string, modules []string, orgs ...directory.OrganizationID) directory.Application {
	t.Helper()
	a := must(w.dir.Applications.Save(ctx, directory.Application{ClientID: clientID, Organizations: orgs,
		Metadata: directory.ClientMetadata{GrantTypes: []string{"client_credentials"}, Scopes: []string{"transfers"}, Modules: modules}}))(t)
	w.callers[clientID] = api.Caller{Application: a.ID, ClientID: clientID, Installation: true, Scopes: []string{"transfers", "mail"},
		Audience: []string{issuer + "/api/v1"}, Serves: func(o directory.OrganizationID) bool { return slices.Contains(orgs, o) }}
	return a
}

type reply struct {
	*httptest.ResponseRecorder
	t *testing.T
}

func (w *world) call(t *testing.T, method, path, token, body string) reply {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req := httptest.NewRequest(method, "/api/v1/"+path, in)
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, req)
	return reply{out, t}
}

func (r reply) want(status int, code string) map[string]any {
	r.t.Helper()
	var out map[string]any
	if err := json.Unmarshal(r.Body.Bytes(), &out); err != nil {
		r.t.Fatalf("answered %d %q: %v", r.Code, r.Body, err)
	}
	got, _ := out["code"].(string)
	if r.Code != status || got != code {
		r.t.Errorf("answered %d %s, want %d with the code %q", r.Code, r.Body, status, code)
	}
	media := "application/json"
	if status >= 400 {
		media = "application/problem+json"
	}
	if r.Header().Get("Content-Type") != media || r.Header().Get("Cache-Control") != "no-store" {
		r.t.Errorf("headers %v", r.Header())
	}
	return out
}

func (w *world) first(t *testing.T, token string) string {
	t.Helper()
	list := w.call(t, "GET", "transfers", token, "").want(200, "")["transfers"].([]any)
	if len(list) != 1 {
		t.Fatalf("%s has %d transfers", token, len(list))
	}
	return list[0].(map[string]any)["id"].(string)
}

// TestR19_ApplicationListsAndAcknowledges is the whole conversation.
func TestR19_ApplicationListsAndAcknowledges(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db)
		id := w.first(t, "crm")
		x := w.call(t, "GET", "transfers/"+id, "crm", "").want(200, "")
		if x["state"] != "waiting" || x["from"].(map[string]any)["membership"] != w.from.ID.String() || x["to"].(map[string]any)["user"] != w.heir.User.String() ||
			x["organization"].(map[string]any)["slug"] != "nordlys" || len(x["parts"].([]any)) != 2 {
			t.Errorf("the transfer: %v", x)
		}
		for range 2 {
			x = w.call(t, "POST", "transfers/"+id+"/acknowledge", "crm", `{"module":"invoices","moved":12}`).want(200, "")
			p := x["parts"].([]any)[1].(map[string]any)
			if p["module"] != "invoices" || p["state"] != "done" || p["moved"] != 12.0 || p["acknowledged_at"] == nil {
				t.Errorf("acknowledged: %v", p)
			}
		}
		w.call(t, "POST", "transfers/"+id+"/acknowledge", "crm", "").want(200, "")
		if list := w.call(t, "GET", "transfers?organization=nordlys", "crm", "").want(200, "")["transfers"].([]any); len(list) != 0 {
			t.Errorf("still waiting: %v", list)
		}
		w.call(t, "POST", "transfers/"+id+"/acknowledge", "both", "{}").want(200, "")
		if x := w.call(t, "GET", "transfers/"+id, "crm", "").want(200, ""); x["state"] != "done" {
			t.Errorf("after both: %v", x)
		}
		var n int64
		if err := db.QueryRow(ctx, "select count(*) from audit_entries where action = 'transfer.acknowledged' and actor_kind = 'application' and actor_id = $1",
			w.crm.ID.String()).Scan(&n); err != nil || n != 2 {
			t.Errorf("the history has %d acknowledgements of the application (%v)", n, err)
		}
	})
}

// TestR19_NeighboursTransfersAreNotThere: what is another application's, or another organization's, cannot be told from nothing.
func TestR19_NeighboursTransfersAreNotThere(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db)
		id := w.first(t, "crm")
		nothing := w.call(t, "GET", "transfers/trf_"+strings.Repeat("0", 25)+"4", "stranger", "").Body.String()
		bound := w.callers["both"]
		bound.Organization = w.next.ID
		w.callers["bound"] = bound
		for _, who := range []string{"stranger", "bound"} {
			if got := w.call(t, "GET", "transfers/"+id, who, ""); got.Body.String() != nothing {
				t.Errorf("%s reads %s", who, got.Body)
			}
			w.call(t, "POST", "transfers/"+id+"/acknowledge", who, "{}").want(404, "transfer_not_found")
			w.call(t, "GET", "transfers?organization=nordlys", who, "").want(404, "organization_not_found")
			if list := w.call(t, "GET", "transfers", who, "").want(200, "")["transfers"].([]any); len(list) != 0 {
				t.Errorf("%s lists %v", who, list)
			}
		}
		w.call(t, "GET", "transfers?organization=nobody", "crm", "").want(404, "organization_not_found")
		w.call(t, "GET", "transfers?organization=%00", "crm", "").want(404, "organization_not_found")
	})
}

// TestEveryRouteNeedsItsScope: each route but the description, each way of not being allowed (RFC 6750 §3).
func TestEveryRouteNeedsItsScope(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db)
		elsewhere, lacking := w.callers["crm"], w.callers["crm"]
		elsewhere.Audience, lacking.Scopes = []string{issuer + "/scim/v2/nordlys", issuer}, []string{"scim"}
		w.callers["elsewhere"], w.callers["lacking"] = elsewhere, lacking
		id := w.first(t, "crm")
		for _, r := range [][3]string{{"GET", "transfers", "transfers"}, {"GET", "transfers/" + id, "transfers"},
			{"POST", "transfers/" + id + "/acknowledge", "transfers"}, {"POST", "mail/bounces", "mail"}} {
			for token, challenge := range map[string]string{
				"": `Bearer realm="portvakt"`, "revoked": `Bearer realm="portvakt", error="invalid_token"`, "elsewhere": `Bearer realm="portvakt", error="invalid_token"`,
				"lacking": `Bearer realm="portvakt", error="insufficient_scope", scope="` + r[2] + `"`,
			} {
				got := w.call(t, r[0], r[1], token, "")
				status := http.StatusUnauthorized
				if token == "lacking" {
					status = http.StatusForbidden
				}
				if got.Code != status || got.Header().Get("WWW-Authenticate") != challenge {
					t.Errorf("%s %s with %q: %d, %q", r[0], r[1], token, got.Code, got.Header().Get("WWW-Authenticate"))
				}
			}
			w.call(t, r[0], r[1]+"?access_token=crm", "", "").want(401, "token_missing")
		}
		twice := httptest.NewRequest("GET", "/api/v1/transfers", nil)
		twice.Header["Authorization"] = []string{"Bearer crm", "Bearer crm"}
		out := httptest.NewRecorder()
		if w.handler.ServeHTTP(out, twice); out.Code != 401 {
			t.Errorf("two headers: %d", out.Code)
		}
		if got := w.call(t, "GET", "openapi.json", "", ""); got.Code != 200 || !strings.Contains(got.Body.String(), "openapi") {
			t.Errorf("the description: %d", got.Code)
		}
	})
}

// TestProblems: every refusal has one form and a stable code, and says nothing of what is inside.
func TestProblems(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db)
		id := w.first(t, "crm")
		org := w.callers["crm"]
		org.Installation = false
		w.callers["theirs"] = org
		acknowledge := "transfers/" + id + "/acknowledge"
		var got bytes.Buffer
		for _, tc := range [][5]string{
			{"no token", "GET", "transfers", "", ""}, {"revoked", "GET", "transfers", "revoked", ""}, {"trouble", "GET", "transfers", "trouble", ""},
			{"no route", "GET", "secrets", "crm", ""}, {"no method", "DELETE", "transfers/" + id, "crm", ""},
			{"unknown parameter", "GET", "transfers?limit=5", "crm", ""}, {"twice", "GET", "transfers?cursor=a&cursor=b", "crm", ""},
			{"bad cursor", "GET", "transfers?cursor=1", "crm", ""}, {"bad escape", "GET", "transfers?cursor=%zz", "crm", ""},
			{"no id", "GET", "transfers/1", "crm", ""}, {"another's id", "GET", "transfers/" + w.from.ID.String(), "crm", ""},
			{"no JSON", "POST", acknowledge, "crm", "moved=12"}, {"an array", "POST", acknowledge, "crm", "[]"}, {"null", "POST", acknowledge, "crm", "null"},
			{"two values", "POST", acknowledge, "crm", "{}{}"}, {"unknown name", "POST", acknowledge, "crm", `{"to":"mbr_1"}`},
			{"another case", "POST", acknowledge, "crm", `{"Module":"invoices"}`}, {"a name twice", "POST", acknowledge, "crm", `{"moved":1,"moved":2}`},
			{"a number as text", "POST", acknowledge, "crm", `{"module":"invoices","moved":"12"}`}, {"a fraction", "POST", acknowledge, "crm", `{"module":"invoices","moved":1.5}`},
			{"below zero", "POST", acknowledge, "crm", `{"module":"invoices","moved":-1}`}, {"too many", "POST", acknowledge, "crm", `{"module":"invoices","moved":9223372036854775807}`},
			{"no module", "POST", acknowledge, "crm", `{"module":null}`}, {"NUL", "POST", acknowledge, "crm", `{"module":"a\u0000"}`},
			{"unknown module", "POST", acknowledge, "crm", `{"module":"payroll"}`}, {"a count of two", "POST", acknowledge, "crm", `{"moved":3}`},
			{"too large", "POST", acknowledge, "crm", `{"module":"` + strings.Repeat("x", 70_000) + `"}`},
			{"no address", "POST", "mail/bounces", "crm", "{}"}, {"an organization's", "POST", "mail/bounces", "theirs", `{"address":"a@b.example"}`},
			{"a long reason", "POST", "mail/bounces", "crm", `{"address":"a@b.example","reason":"` + strings.Repeat("x", 501) + `"}`},
		} {
			r := w.call(t, tc[1], tc[2], tc[3], tc[4])
			if r.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %d %s", tc[0], r.Code, r.Header())
			}
			fmt.Fprintf(&got, "%-18s %s\n", tc[0], r.Body)
		}
		for _, inside := range []string{"password", "noon", "secret_reason", "database"} {
			if strings.Contains(got.String(), inside) {
				t.Errorf("a refusal says %q", inside)
			}
		}
		form := httptest.NewRequest("POST", "/api/v1/"+acknowledge, strings.NewReader(`{}`))
		form.Header.Set("Authorization", "Bearer crm")
		form.Header.Set("Content-Type", "text/plain")
		out := httptest.NewRecorder()
		w.handler.ServeHTTP(out, form)
		fmt.Fprintf(&got, "%-18s %s\n", "another media type", out.Body)
		if *update && db.Engine() == sqldb.SQLite {
			if err := os.WriteFile("testdata/problems.txt", got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want := must(os.ReadFile("testdata/problems.txt"))(t)
		if !bytes.Equal(want, got.Bytes()) {
			t.Errorf("the problems are\n%s\nwant\n%s", got.String(), want)
		}
		if list := w.call(t, "GET", "transfers/"+id, "crm", "").want(200, ""); strings.Contains(fmt.Sprint(list), "done") {
			t.Error("a refused acknowledgement counted")
		}
	})
}

// TestBouncesTellNothing: known or not, the answer is the same.
func TestBouncesTellNothing(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db)
		known := w.call(t, "POST", "mail/bounces", "crm", `{"address":"kari@nordlys.example","reason":"550 5.1.1"}`)
		unknown := w.call(t, "POST", "mail/bounces", "crm", `{"address":"unknown@x.example"}`)
		if known.Code != 202 || unknown.Code != 202 || known.Body.String() != unknown.Body.String() || len(w.bounces.got) != 2 || w.bounces.got[0] != "kari@nordlys.example 550 5.1.1" {
			t.Errorf("%d %s, %d %s, %v", known.Code, known.Body, unknown.Code, unknown.Body, w.bounces.got)
		}
		without := api.New(api.Config{Issuer: issuer, Directory: w.dir, Tokens: w.callers, Limiter: ratelimit.New(db), Log: slog.New(slog.DiscardHandler)})
		out := httptest.NewRecorder()
		without.ServeHTTP(out, httptest.NewRequest("POST", "/api/v1/mail/bounces", nil))
		if out.Code != 404 {
			t.Errorf("where nobody takes notice: %d", out.Code)
		}
	})
}

func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db)
		for range 1200 {
			if r := w.call(t, "GET", "transfers/1", "crm", ""); r.Code != 404 {
				t.Fatalf("%d", r.Code)
			}
		}
		r := w.call(t, "GET", "transfers", "crm", "")
		r.want(429, "too_many_requests")
		if r.Header().Get("Retry-After") == "" {
			t.Error("nobody says when to come back")
		}
		w.call(t, "GET", "transfers", "both", "").want(200, "")
		clock.Advance(time.Minute)
		w.call(t, "GET", "transfers", "crm", "").want(200, "")
	})
}

// TestDescription: the document names exactly the routes that there are, each with its scope.
func TestDescription(t *testing.T) {
	t.Parallel()
	var doc struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
		Parts   struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}
	raw := must(os.ReadFile("openapi.json"))(t)
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var said []string
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if method == "parameters" {
				continue
			}
			var o struct {
				Security  []map[string][]string `json:"security"`
				Responses map[string]any        `json:"responses"`
			}
			if err := json.Unmarshal(op, &o); err != nil {
				t.Fatal(err)
			}
			scope := ""
			if len(o.Security) == 1 {
				scope = strings.Join(o.Security[0]["oauth"], " ")
				if o.Responses["401"] == nil || o.Responses["403"] == nil || o.Responses["429"] == nil {
					t.Errorf("%s %s leaves out how it refuses", method, path)
				}
			}
			said = append(said, strings.ToUpper(method)+" "+strings.TrimPrefix(path, "/")+" "+scope)
		}
	}
	routes := api.RoutesForTest()
	slices.Sort(said)
	slices.Sort(routes)
	if !slices.Equal(said, routes) || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("described\n%s\nthere are\n%s", strings.Join(said, "\n"), strings.Join(routes, "\n"))
	}
	for _, ref := range regexp.MustCompile(`#/components/schemas/(\w+)`).FindAllStringSubmatch(string(raw), -1) {
		if doc.Parts.Schemas[ref[1]] == nil {
			t.Errorf("there is no schema %s", ref[1])
		}
	}
}
