package web

import (
	"net/http"
	"strconv"

	"portvakt/internal/fault"
)

// About says in which words a problem is explained to a person. The texts stand under error.<about>.* in the catalogue.
type About string

// What a problem can be about; the empty About is chosen by the code and the status.
const (
	AboutApplication About = "application" // the application asked for something that cannot be
	AboutAccess      About = "access"      // the person may not do this
	AboutBrowser     About = "browser"     // cookies are missing, or the page belongs to another browser
	AboutExpired     About = "expired"     // it took too long
	AboutInput       About = "input"       // what was sent cannot be used
	AboutChanged     About = "changed"     // somebody changed it meanwhile
	AboutMissing     About = "missing"     // there is nothing here
	AboutTooMany     About = "too_many"    // too many attempts
	AboutServer      About = "server"      // our own trouble
)

// Problem is what the error page shows.
type Problem struct {
	Code      string // the OAuth error code or our own stable code, shown as it is
	Detail    string // one English sentence for the people who run the application; may be empty
	About     About
	Sentence  string // what is wrong and what to do, in the person's language, in place of About's words; may be empty
	Back      string // address of a link onwards; empty for none
	UILocales string // as in Page
}

// aboutCodes explains error codes (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6). Codes that are not here are explained by status.
var aboutCodes = map[string]About{
	"invalid_request": AboutApplication, "invalid_client": AboutApplication, "unauthorized_client": AboutApplication,
	"unsupported_response_type": AboutApplication, "unsupported_response_mode": AboutApplication, "invalid_scope": AboutApplication,
	"invalid_request_uri": AboutApplication, "invalid_request_object": AboutApplication, "request_not_supported": AboutApplication,
	"request_uri_not_supported": AboutApplication, "registration_not_supported": AboutApplication, "invalid_redirect_uri": AboutApplication,
	"access_denied": AboutAccess, "csrf": AboutBrowser, "browser_mismatch": AboutBrowser,
	"login_required": AboutExpired, "interaction_required": AboutExpired, "interaction_expired": AboutExpired,
	"server_error": AboutServer, "temporarily_unavailable": AboutServer, "not_found": AboutMissing,
}

var aboutStatuses = map[int]About{
	http.StatusBadRequest: AboutApplication, http.StatusUnauthorized: AboutAccess, http.StatusForbidden: AboutAccess,
	http.StatusNotFound: AboutMissing, http.StatusMethodNotAllowed: AboutMissing, http.StatusConflict: AboutChanged,
	http.StatusGone: AboutExpired, http.StatusRequestEntityTooLarge: AboutInput, http.StatusUnprocessableEntity: AboutInput,
	http.StatusUnsupportedMediaType: AboutInput, http.StatusTooManyRequests: AboutTooMany,
}

func (p Problem) about(status int) About {
	if p.About != "" {
		return p.About
	}
	if about, ok := aboutCodes[p.Code]; ok {
		return about
	}
	if about, ok := aboutStatuses[status]; ok {
		return about
	}
	return AboutServer
}

// problemView is the dot of the error template.
type problemView struct {
	Problem
	About     About
	RequestID string
}

func (r *Renderer) problemPage(req *http.Request, status int, p Problem) Page {
	view := problemView{Problem: p, About: p.about(status), RequestID: r.requestID(req)}
	return Page{Name: "error", Title: "error." + string(view.About) + ".title", Template: r.errorPage, View: view, UILocales: p.UILocales}
}

// Error writes the error page: what happened in plain words, what to do next, the code, and the request's id.
func (r *Renderer) Error(w http.ResponseWriter, req *http.Request, status int, p Problem) {
	r.Render(w, req, status, r.problemPage(req, status, p))
}

// statuses is the table of pages: which status a person's browser hears for each kind of fault.
var statuses = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Stale:           http.StatusConflict,
	fault.Forbidden:       http.StatusForbidden,
	fault.Unauthenticated: http.StatusForbidden,
	fault.Expired:         http.StatusGone,
	fault.Exhausted:       http.StatusTooManyRequests,
}

// Status is the status with which a page answers the fault.
func Status(err error) int { return statuses[fault.Of(err).Kind] }

// Fault writes the error page for any error of ours. Pages that can show the problem at its field do that instead; an
// Unauthenticated fault should have become the sign-in page before it comes here. Internal faults are logged, and the
// person learns nothing but the request's id.
func (r *Renderer) Fault(w http.ResponseWriter, req *http.Request, err error) {
	f := fault.Of(err)
	if f == nil {
		return
	}
	p := Problem{Code: f.Code, Detail: f.Text}
	if l := r.Language(req, Page{}); r.texts.HasFault(f) {
		p.Sentence, p.Detail = r.texts.FaultText(l, f), ""
	}
	switch f.Kind {
	case fault.Internal:
		r.log.ErrorContext(req.Context(), "request failed", "path", req.URL.Path, "error", err)
		p = Problem{Code: "server_error"}
	case fault.Exhausted:
		if f.Retry > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(max(1, ceil(f.Retry, 1e9))))
		}
	}
	r.Error(w, req, statuses[f.Kind], p)
}
