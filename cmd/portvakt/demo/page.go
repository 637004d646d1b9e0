package demo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// refusal is why something did not work: a code of OAuth or of ours, which the person may read, and a cause for the log.
type refusal struct {
	code   string
	detail string // the issuer's sentence, shown only after the answer was proven to be the issuer's
	cause  error
}

func refuse(code string, cause error) error { return &refusal{code: code, cause: cause} }

func (r *refusal) Error() string {
	if r.cause != nil {
		return r.code + ": " + r.cause.Error()
	}
	return r.code
}

func (r *refusal) Unwrap() error { return r.cause }

// asRefusal gives any error a code.
func asRefusal(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	return &refusal{code: "server_error", cause: err}
}

// explanation is what a person reads about a code.
type explanation struct {
	status      int
	title, text string
}

// explanations of the codes that are worth more than a general sentence.
var explanations = map[string]explanation{
	"access_denied": {http.StatusForbidden, "You were not let in",
		"Either you chose not to go on, or your account has no access to Fjordkontor in this organization. Your administrator can tell which."},
	"login_required": {http.StatusForbidden, "You are not signed in",
		"Fjordkontor asked without showing you a page, and nobody is signed in to Portvakt in this browser."},
	"interaction_required": {http.StatusForbidden, "Portvakt has a question for you",
		"Fjordkontor asked without showing you a page, but Portvakt needs to ask you something first."},
	"temporarily_unavailable": {http.StatusServiceUnavailable, "One moment, please",
		"Portvakt is busy right now. Wait a little, then try again."},
	"issuer_unreachable": {http.StatusBadGateway, "Portvakt does not answer",
		"Fjordkontor cannot reach its sign-in service. It may be starting; try again in a moment."},
	"invalid_state": {http.StatusBadRequest, "This sign-in did not begin here",
		"It was begun in another browser, was used already, or took too long. Nothing happened; please begin again."},
	"invalid_issuer": {http.StatusBadRequest, "The answer came from somewhere else",
		"Fjordkontor got an answer that is not from the sign-in service it asked, and did not use it."},
	"invalid_nonce": {http.StatusBadRequest, "The answer belongs to another sign-in",
		"Fjordkontor got an answer that was made for another sign-in, and did not use it."},
	"invalid_grant": {http.StatusBadRequest, "Portvakt took its answer back",
		"The sign-in was used already, took too long, or your access ended meanwhile. Please begin again."},
	"wrong_organization": {http.StatusForbidden, "That is another organization",
		"You were signed in, but not for the organization that was asked for."},
	"too_old": {http.StatusForbidden, "Please sign in once more",
		"Your last sign-in is too long ago for what you wanted to do."},
	"not_found": {http.StatusNotFound, "There is no such page",
		"The address leads nowhere. The start page does."},
}

type (
	homePage struct {
		Notice string // "ended" by Portvakt, signed out "here" or "everywhere"
	}
	errorPage struct{ Code, Title, Text, Detail string }

	signedInPage struct {
		Name, Initials, Email, Organization, Slug string
		Roles                                     []string
		MembershipEnd                             string // "" open
		MembershipOver                            bool
		Last                                      *outcome
		Tables                                    []claimTable
	}
	claimTable struct {
		ID, Title, Note, Absent string
		Rows                    []claimRow
	}
	claimRow struct{ Name, Value, Time string }
)

func parsePages() *template.Template {
	return template.Must(template.ParseFS(files, "templates/*.html"))
}

// render writes a page, whole or not at all.
func (a *App) render(w http.ResponseWriter, status int, name string, data any) {
	var page bytes.Buffer
	if err := a.pages.ExecuteTemplate(&page, name, data); err != nil {
		a.log.Error("page failed", "page", name, "error", err)
		http.Error(w, "This page could not be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // the browser may be gone
}

// fail shows what went wrong.
func (a *App) fail(w http.ResponseWriter, err error) {
	refused := asRefusal(err)
	about, ok := explanations[refused.code]
	if !ok {
		about = explanation{http.StatusBadRequest, "That did not work", "Signing in did not work this time. Nothing was changed."}
	}
	if refused.code != "not_found" {
		a.log.Warn("sign-in refused", "code", refused.code, "cause", refused.cause)
	}
	detail := []rune(refused.detail)
	a.render(w, about.status, "error", errorPage{
		Code: refused.code, Title: about.title, Text: about.text, Detail: string(detail[:min(len(detail), 300)]),
	})
}

// home shows who is signed in, or how to.
func (a *App) home(w http.ResponseWriter, r *http.Request) {
	_, s, ok := a.current(r)
	switch {
	case !ok:
		a.render(w, http.StatusOK, "home", homePage{})
	case s.ended:
		a.render(w, http.StatusOK, "home", homePage{Notice: "ended"})
	default:
		a.render(w, http.StatusOK, "signed-in", a.signedIn(s))
	}
}

func (a *App) signedIn(s session) signedInPage {
	name := cmp.Or(s.told("name"), s.told("preferred_username"), s.told("email"), s.subject)
	page := signedInPage{
		Name: name, Initials: initials(name), Email: s.told("email"),
		Organization: cmp.Or(s.told("org_name"), s.told("org_slug")), Slug: s.told("org_slug"),
		Last: s.last,
		Tables: []claimTable{
			{ID: "id-token-claims", Title: "ID token", Note: "Who signed in, how and when. Signed by Portvakt; checked by Fjordkontor.", Rows: rows(s.id)},
			{ID: "userinfo-claims", Title: "Userinfo", Note: "What Portvakt says about the person when asked.", Rows: rows(s.userinfo)},
			{ID: "access-token-claims", Title: "Access token", Note: "What an API would see. Shown here out of curiosity; an application leaves it alone.",
				Absent: "Opaque: only Portvakt knows what it says.", Rows: rows(s.access)},
		},
	}
	roles, _ := s.userinfo["roles"].([]any)
	if roles == nil {
		roles, _ = s.id["roles"].([]any)
	}
	for _, role := range roles {
		page.Roles = append(page.Roles, claimText(role))
	}
	if end, ok := moment(s.told("membership_end")); ok {
		page.MembershipEnd, page.MembershipOver = writeTime(end), !a.now().Before(end)
	}
	return page
}

// told is a claim of userinfo, else of the ID token.
func (s session) told(name string) string { return cmp.Or(s.userinfo.text(name), s.id.text(name)) }

// timeClaims are shown as times too.
var timeClaims = []string{"auth_time", "exp", "iat", "membership_end", "nbf", "updated_at"}

func rows(c claims) []claimRow {
	var out []claimRow
	for name := range c {
		row := claimRow{Name: name, Value: c.text(name)}
		if at, ok := moment(row.Value); ok && slices.Contains(timeClaims, name) {
			row.Time = writeTime(at)
		}
		out = append(out, row)
	}
	slices.SortFunc(out, func(x, y claimRow) int { return cmp.Compare(x.Name, y.Name) })
	return out
}

// moment reads a time that is written in seconds or as RFC 3339.
func moment(text string) (time.Time, bool) {
	if seconds, err := json.Number(text).Int64(); err == nil {
		return time.Unix(seconds, 0), true
	}
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}

func writeTime(t time.Time) string {
	t = t.UTC()
	return strconv.Itoa(t.Day()) + t.Format(" January 2006, 15:04 UTC")
}

// initials of the first and the last name.
func initials(name string) string {
	var letters []rune
	for _, word := range strings.Fields(name) {
		if first := []rune(word)[0]; unicode.IsLetter(first) {
			letters = append(letters, unicode.ToUpper(first))
		}
	}
	switch len(letters) {
	case 0:
		return "·"
	case 1:
		return string(letters)
	}
	return string([]rune{letters[0], letters[len(letters)-1]})
}
