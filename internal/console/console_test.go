package console

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/web"
)

// fakeVisitors say what a test wants of the browser's session.
type fakeVisitors struct {
	who      Visitor
	signedIn bool
	err      error
}

func (f fakeVisitors) Current(*http.Request) (Visitor, bool, error) { return f.who, f.signedIn, f.err }

func (f fakeVisitors) FormToken(*http.Request) string { return "form-token" }

func (f fakeVisitors) ValidToken(_ *http.Request, token string) bool { return token == "form-token" }

// calls counts what reached the directory.
type calls struct {
	n      int
	actors []actor.Actor
	err    error
}

func (c *calls) directory() Directory {
	return Directory{
		WithoutAdministrator: func(context.Context) ([]directory.Organization, error) {
			c.n++
			return []directory.Organization{{Slug: "nordlys", Name: `Nordlys <script>AS`}}, nil
		},
		BySlug: func(_ context.Context, slug string) (directory.Organization, error) {
			if c.n++; slug != "nordlys" {
				return directory.Organization{}, directory.ErrOrganizationNotFound
			}
			return directory.Organization{Slug: slug}, nil
		},
		Appoint: func(ctx context.Context, _ directory.OrganizationID, a directory.Appointment) (directory.Member, error) {
			c.n++
			c.actors = append(c.actors, actor.From(ctx))
			return directory.Member{Administrator: true}, c.err
		},
	}
}

func ask(t *testing.T, c *calls, v fakeVisitors, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	renderer, err := web.New(web.Config{Locales: []fs.FS{Locales()}})
	if err != nil {
		t.Fatal(err)
	}
	console, err := New(c.directory(), v, renderer)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	console.Routes()[0].Handler.ServeHTTP(w, r)
	return w
}

func post(form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, pathAppoint, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

var operator = fakeVisitors{who: Visitor{User: directory.UserID{1}, Operator: true, MultiFactor: true, Language: "nb"}, signedIn: true}

func TestEveryRouteHasAPermission(t *testing.T) {
	t.Parallel()
	for _, r := range (&Console{}).routes() {
		if r.path == "" || r.permission != operators || r.get == nil && r.post == nil {
			t.Errorf("route %q has permission %q", r.path, r.permission)
		}
	}
}

// TestR10_OnlyOperatorsWithASecondFactor: everybody else is stopped before anything is read, whatever the method.
func TestR10_OnlyOperatorsWithASecondFactor(t *testing.T) {
	t.Parallel()
	form := url.Values{"csrf": {"form-token"}, "organization": {"nordlys"}, "email": {"a@b.example"}, "reason": {"r"}}
	for name, tc := range map[string]struct {
		visitors fakeVisitors
		status   int
		page     string
	}{
		"nobody":              {fakeVisitors{}, http.StatusSeeOther, ""},
		"a member":            {fakeVisitors{who: Visitor{MultiFactor: true, Language: "de"}, signedIn: true}, http.StatusForbidden, "error"},
		"without second step": {fakeVisitors{who: Visitor{Operator: true}, signedIn: true}, http.StatusForbidden, pageSecondFactor},
		"trouble":             {fakeVisitors{who: operator.who, signedIn: true, err: errors.New("database")}, http.StatusInternalServerError, "error"},
	} {
		for _, r := range []*http.Request{httptest.NewRequest(http.MethodGet, pathAppoint, nil), httptest.NewRequest(http.MethodHead, pathAppoint, nil), post(form)} {
			c := &calls{}
			w := ask(t, c, tc.visitors, r)
			if w.Code != tc.status || tc.page != "" && !strings.Contains(w.Body.String(), `data-page="`+tc.page+`"`) {
				t.Errorf("%s, %s: %d %s", name, r.Method, w.Code, w.Body)
			}
			if own := tc.visitors.who.Language; own != "" && own != "nb" && w.Header().Get("Content-Language") != own {
				t.Errorf("%s is answered in %q", name, w.Header().Get("Content-Language"))
			}
			if c.n != 0 {
				t.Errorf("%s, %s: the directory was asked %d times", name, r.Method, c.n)
			}
		}
	}
	c := &calls{}
	if w := ask(t, c, operator, httptest.NewRequest(http.MethodDelete, pathAppoint, nil)); w.Code != http.StatusMethodNotAllowed || c.n != 0 {
		t.Errorf("DELETE: %d", w.Code)
	}
}

func TestAppointForm(t *testing.T) {
	t.Parallel()
	form := func(change ...string) url.Values {
		f := url.Values{"csrf": {"form-token"}, "organization": {"nordlys"}, "email": {"a@b.example"}, "reason": {"nobody left"}}
		for i := 0; i+1 < len(change); i += 2 {
			f.Set(change[i], change[i+1])
		}
		return f
	}
	c := &calls{}
	w := ask(t, c, operator, post(form()))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != pathAppoint+"?done=invited" {
		t.Errorf("appointed: %d %v", w.Code, w.Header())
	}
	if len(c.actors) != 1 || c.actors[0].Kind != actor.Operator || c.actors[0].ID != (directory.UserID{1}).String() {
		t.Errorf("acted as %+v", c.actors)
	}
	c = &calls{}
	if w = ask(t, c, operator, post(form("csrf", "another"))); w.Code != http.StatusForbidden || c.n != 0 {
		t.Errorf("another session's form: %d, %d calls", w.Code, c.n)
	}
	twice := form()
	twice.Add("csrf", "form-token")
	if w = ask(t, &calls{}, operator, post(twice)); w.Code != http.StatusForbidden {
		t.Errorf("a token sent twice: %d", w.Code)
	}
	for what, tc := range map[string]struct {
		form url.Values
		err  error
		want string
	}{
		"no organization": {form("organization", "nowhere"), nil, `id="organization-problem"`},
		"seats":           {form(), directory.ErrStale, `id="notice"`},
		"address":         {form(), directory.ErrEmailTaken, `id="email-problem"`},
		"no field here":   {form(), directory.ErrUserNameTaken, `id="notice"`},
		"own language":    {form(), directory.ErrUserNameTaken, "har dette brukernavnet allerede"},
	} {
		w = ask(t, &calls{err: tc.err}, operator, post(tc.form))
		if body := w.Body.String(); w.Code != http.StatusUnprocessableEntity || !strings.Contains(body, tc.want) ||
			!strings.Contains(body, "nobody left") || strings.Contains(body, "<script>AS") {
			t.Errorf("%s: %d %s", what, w.Code, body)
		}
	}
	page := ask(t, &calls{}, operator, httptest.NewRequest(http.MethodGet, pathAppoint+"?organization=nordlys&done=evil", nil)).Body.String()
	for _, want := range []string{`data-page="operator-appoint"`, `id="organization"`, `id="email"`, `id="reason"`, `id="appoint"`, `value="form-token"`, `value="nordlys"`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s on the page", want)
		}
	}
}

// TestLanguages: the pages are whole in all four.
func TestLanguages(t *testing.T) {
	t.Parallel()
	texts, err := web.LoadCatalogue(Locales())
	if err == nil {
		err = texts.Check()
	}
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, l := range web.Languages() {
		page := ask(t, &calls{}, operator, httptest.NewRequest(http.MethodGet, pathAppoint+"?ui_locales="+string(l), nil)).Body.String()
		_, rest, _ := strings.Cut(page, "<h1>")
		title, _, _ := strings.Cut(rest, "</h1>")
		if title == "" || slices.Contains(seen, title) {
			t.Errorf("%s: title %q", l, title)
		}
		seen = append(seen, title)
	}
}
