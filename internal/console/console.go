// Package console is the HTML for those who run the installation. It decides nothing: who somebody is comes from the
// house, what may be done from the directory.
//
// Invariant: every address has a permission, and nothing of a page is read or done before it is checked
// (TestEveryRouteHasAPermission).
// Invariant: an operator acts only in a session with a second factor (TestR10_OnlyOperatorsWithASecondFactor).
package console

import (
	"context"
	"embed"
	"fmt"
	"net/http"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/web"
)

//go:embed templates locales
var files embed.FS

// Locales are the texts of these pages, for web.Config.Locales.
func Locales() embed.FS { return files }

// Visitor is who is signed in in the browser.
type Visitor struct {
	User        directory.UserID
	Operator    bool
	MultiFactor bool   // signed in with a second factor
	Language    string // the person's own choice
}

// Visitors know the browser's session; idp/session through cmd.
type Visitors interface {
	// Current is who sends the request; false where nobody is signed in.
	Current(r *http.Request) (Visitor, bool, error)
	// FormToken is the value of the field csrf, bound to the session.
	FormToken(r *http.Request) string
	// ValidToken reports whether the form came from this session.
	ValidToken(r *http.Request, token string) bool
}

// Directory is what the pages need of directory.Directory.
type Directory struct {
	WithoutAdministrator func(context.Context) ([]directory.Organization, error)
	BySlug               func(context.Context, string) (directory.Organization, error)
	Appoint              func(context.Context, directory.OrganizationID, directory.Appointment) (directory.Member, error)
}

// DirectoryOf are the calls of a directory.
func DirectoryOf(d *directory.Directory) Directory {
	return Directory{d.Organizations.WithoutAdministrator, d.Organizations.BySlug, d.Memberships.Appoint}
}

// Console serves the pages.
type Console struct {
	dir       Directory
	visitors  Visitors
	renderer  *web.Renderer
	templates map[string]*web.Template
}

// New parses the pages; the renderer must have been given Locales.
func New(dir Directory, visitors Visitors, renderer *web.Renderer) (*Console, error) {
	c := &Console{dir: dir, visitors: visitors, renderer: renderer, templates: map[string]*web.Template{}}
	for _, name := range []string{pageAppoint, pageSecondFactor} {
		t, err := renderer.Template(files, "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
		c.templates[name] = t
	}
	return c, nil
}

// The pages, by their data-page.
const (
	pageAppoint      = "operator-appoint"
	pageSecondFactor = "operator-second-factor"
)

// permission is who may use an address.
type permission string

// operators are those who run the installation, signed in with a second factor.
const operators permission = "operators"

type route struct {
	path       string
	permission permission
	get, post  func(http.ResponseWriter, *http.Request, Visitor)
}

func (c *Console) routes() []route {
	return []route{
		{pathAppoint, operators, c.showAppoint, c.appoint},
	}
}

// Route is an address of the console with what answers it.
type Route struct {
	Path    string
	Handler http.Handler
}

// Routes are all addresses; each answers other methods than its own with 405.
func (c *Console) Routes() []Route {
	var out []Route
	for _, r := range c.routes() {
		out = append(out, Route{r.path, c.guard(r)})
	}
	return out
}

const (
	maxForm    = 64 << 10
	pathSignIn = "/sign-in"
)

// guard lets through whom the route's permission names, and forms that this session was shown.
func (c *Console) guard(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		do := to.get
		if r.Method == http.MethodPost {
			do = to.post
		}
		if do == nil || r.Method != http.MethodPost && r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD, POST")
			c.renderer.Error(w, r, http.StatusMethodNotAllowed, web.Problem{Code: "method_not_allowed"})
			return
		}
		who, signedIn, err := c.visitors.Current(r)
		r = web.ForPerson(r, who.Language)
		switch {
		case err != nil:
			c.renderer.Fault(w, r, err)
		case !signedIn:
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Location", web.CarryLanguage(r, pathSignIn))
			w.WriteHeader(http.StatusSeeOther)
		case to.permission != operators || !who.Operator:
			c.renderer.Fault(w, r, directory.ErrNotOperator)
		case !who.MultiFactor:
			c.show(w, r, shown{pageSecondFactor, who, http.StatusForbidden, web.CarryLanguage(r, pathSignIn)})
		default:
			c.serve(w, r, who, do)
		}
	})
}

// serve does what the visitor asked for, as an operator.
func (c *Console) serve(w http.ResponseWriter, r *http.Request, who Visitor, do func(http.ResponseWriter, *http.Request, Visitor)) {
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			c.renderer.Error(w, r, http.StatusBadRequest, web.Problem{Code: "bad_form", About: web.AboutInput})
			return
		}
		if !c.visitors.ValidToken(r, web.One(r.PostForm, "csrf")) {
			c.renderer.Error(w, r, http.StatusForbidden, web.Problem{Code: "csrf"})
			return
		}
	}
	a := actor.From(r.Context())
	a.Kind, a.ID = actor.Operator, who.User.String()
	do(w, r.WithContext(actor.With(r.Context(), a)), who)
}

// shown is one answer.
type shown struct {
	page   string
	who    Visitor
	status int
	view   any
}

var titles = map[string]string{pageAppoint: "console.appoint.title", pageSecondFactor: "console.second_factor.title"}

func (c *Console) show(w http.ResponseWriter, r *http.Request, s shown) {
	c.renderer.Render(w, r, s.status, web.Page{Name: s.page, Title: titles[s.page], Template: c.templates[s.page], View: s.view,
		Width: web.Wide, UserLanguage: s.who.Language})
}
