package web

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
)

// Width says how much room a page takes on a large screen.
type Width string

// The widths: a card for one question, a wider one for lists.
const (
	Narrow Width = "narrow"
	Wide   Width = "wide"
)

// Page is everything that the layout needs to know about one answer.
type Page struct {
	Name      string // data-page of the body: part of the contract with the outside
	Title     string // key of the document's title
	TitleArgs []any  // names and values for the title
	Template  *Template
	View      any   // what the template sees as its dot
	Width     Width // Narrow if empty

	UILocales    string // the languages that the application asked for when the conversation began
	UserLanguage string // the person's own choice, once we know who it is

	FormAction []string // addresses that the answer to this page's forms may redirect to, beside our own
	Script     string   // name of the one script asset of this page, if any

	Brand Brand // the organization's that the page is about; the zero Brand is the installation's
}

// Brand is whose page it looks like.
type Brand struct {
	Name   string // of the organization; "" is the installation's
	Logo   string // address of the picture; "": the name stands there
	Accent string // address of the stylesheet that sets the colours; "": the installation's
}

// Template is a parsed page in all languages.
type Template struct {
	byLanguage [len(languages)]*template.Template
}

// Template parses a page: the named files must define "content"; the layout is ours. Do this at start.
func (r *Renderer) Template(source fs.FS, names ...string) (*Template, error) {
	parsed, err := template.New("layout.html").Funcs(r.texts.funcs(English, r.assets)).ParseFS(files, "templates/layout.html")
	if err != nil {
		return nil, err
	}
	if parsed, err = parsed.ParseFS(source, names...); err != nil {
		return nil, err
	}
	if parsed.Lookup("content") == nil {
		return nil, fmt.Errorf("%s defines no content", path.Base(names[len(names)-1]))
	}
	t := &Template{}
	for i, l := range languages {
		clone, err := parsed.Clone()
		if err != nil {
			return nil, err
		}
		t.byLanguage[i] = clone.Funcs(r.texts.funcs(l, r.assets))
	}
	return t, nil
}

// layout is the dot of the layout.
type layout struct {
	Page
	Installation string
	Language     Language
	TitleText    string
	Languages    []languageLink
}

// Language is the language that a page with these wishes is shown in: the switcher's choice in the request's query comes
// before what the conversation began with.
func (r *Renderer) Language(req *http.Request, p Page) Language {
	wish := p.UILocales
	if _, ok := byTag(bounded(req.URL.Query().Get(uiLocales))); ok {
		wish = req.URL.Query().Get(uiLocales)
	}
	own := p.UserLanguage
	if own == "" {
		own, _ = req.Context().Value(personal{}).(string)
	}
	return Pick(wish, own, req.Header.Get("Accept-Language"))
}

// personal is the key of a context under which the language of the person who asks stands.
type personal struct{}

// ForPerson is the request of somebody who is known, so that error pages too speak the language that they have chosen.
func ForPerson(req *http.Request, language string) *http.Request {
	return req.WithContext(context.WithValue(req.Context(), personal{}, language))
}

// Render writes the page. A template that fails is logged and answered by the error page with status 500.
func (r *Renderer) Render(w http.ResponseWriter, req *http.Request, status int, p Page) {
	body, err := r.execute(req, p)
	if err != nil {
		r.log.ErrorContext(req.Context(), "render page", "page", p.Name, "error", err)
		r.broken(w, req)
		return
	}
	r.write(w, req, status, p, body)
}

func (r *Renderer) execute(req *http.Request, p Page) ([]byte, error) {
	if p.Width == "" {
		p.Width = Narrow
	}
	l := r.Language(req, p)
	var body bytes.Buffer
	err := p.Template.byLanguage[l.index()].ExecuteTemplate(&body, "layout.html", layout{
		Page: p, Installation: r.name, Language: l, TitleText: r.texts.T(l, p.Title, p.TitleArgs...), Languages: languageLinks(req, l),
	})
	return body.Bytes(), err
}

func (r *Renderer) write(w http.ResponseWriter, req *http.Request, status int, p Page, body []byte) {
	r.pageHeaders(w.Header(), p)
	w.Header().Set("Content-Language", string(r.Language(req, p)))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// lastResort is shown when even the error page cannot be rendered.
const lastResort = `<!doctype html><html lang="en"><title>Something went wrong</title><body data-page="error"><h1>Something went wrong</h1><p>Please try again in a minute.</p><p>server_error</p></body></html>`

func (r *Renderer) broken(w http.ResponseWriter, req *http.Request) {
	p := r.problemPage(req, http.StatusInternalServerError, Problem{Code: "server_error"})
	body, err := r.execute(req, p)
	if err != nil {
		r.log.ErrorContext(req.Context(), "render error page", "error", err)
		body = []byte(lastResort)
	}
	r.write(w, req, http.StatusInternalServerError, p, body)
}
