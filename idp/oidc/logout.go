package oidc

import (
	"net/http"
	"net/url"

	"portvakt/idp/application"
	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/fault"
)

// signOut is a request to sign out (OpenID Connect RP-Initiated Logout 1.0 §2).
type signOut struct {
	hint    hint
	hinted  bool                // the hint is an ID token of ours
	client  *application.Client // whom the hint is for; nil without a good hint
	back    string              // where to go afterwards; "" nowhere
	state   string
	locales string
}

// logout signs the browser out: at once where the hint proves that the application of this very session asks, else when
// the person says so. A POST of another site becomes a GET of our own; a POST of our own page carries its token.
func (h *Handler) logout(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && r.URL.Query().Get(confirmField) != "" {
		h.confirmed(w, r)
		return
	}
	values, ok := h.frontValues(w, r, pathLogout)
	if !ok {
		return
	}
	s, err := h.readSignOut(r, values)
	if err != nil {
		h.page(w, r, err, s.locales)
		return
	}
	current, signedIn, err := h.Sessions.Current(r)
	if err != nil {
		h.page(w, r, err, s.locales)
		return
	}
	if !signedIn {
		h.signedOut(w, r, s)
		return
	}
	own, err := h.ownsSession(r, s, current)
	if err != nil {
		h.page(w, r, err, s.locales)
		return
	}
	if !own {
		h.askSignOut(w, r, current, s, values)
		return
	}
	h.end(w, r, current, s)
}

// readSignOut reads the parameters. A hint that is not ours is as good as none.
func (h *Handler) readSignOut(r *http.Request, values url.Values) (signOut, error) {
	s := signOut{locales: clipped(values.Get("ui_locales"))}
	if err := checkValues(values); err != nil {
		return s, err
	}
	s.state = values.Get("state")
	if len(s.state) > maxState {
		return s, invalid("The state is too long")
	}
	named := values.Get("client_id")
	if text := values.Get("id_token_hint"); text != "" {
		var err error
		s.hint, err = h.hint(r, text)
		s.hinted = err == nil
	}
	if s.hinted {
		if named != "" && named != s.hint.Audience {
			return s, invalid("The id_token_hint is for another client_id")
		}
		client, err := h.Clients.ByClientID(r.Context(), s.hint.Audience)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return s, err
		}
		s.client = client
	}
	return s, s.readBack(values.Get("post_logout_redirect_uri"))
}

// readBack takes the address to go to, where the hint says whose it is.
func (s *signOut) readBack(uri string) error {
	if uri == "" || s.client == nil {
		return nil
	}
	if !s.client.AllowsPostLogout(uri) {
		return invalid("The post_logout_redirect_uri is not registered for this application")
	}
	s.back = uri
	return nil
}

// ownsSession reports whether the hint was issued in the browser's session.
func (h *Handler) ownsSession(r *http.Request, s signOut, current session.Session) (bool, error) {
	if !s.hinted || s.client == nil || s.hint.user != current.User {
		return false, nil
	}
	sid, err := session.ParseSID(s.hint.SID)
	if err != nil {
		return false, nil
	}
	return sidIsOf(r.Context(), h.DB, sid, current.ID)
}

// confirmField marks the address of our own confirmation form, so that it is told from an application's POST.
const confirmField = "confirm"

const logoutPurpose = "sign-out "

func (h *Handler) askSignOut(w http.ResponseWriter, r *http.Request, current session.Session, s signOut, values url.Values) {
	if !values.Has(confirmField) { // the form posts to the address of its page
		values.Set(confirmField, "1")
		w.Header().Set("Location", pathLogout+"?"+values.Encode())
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	h.signOutPage(w, r, current, s, "")
}

func (h *Handler) signOutPage(w http.ResponseWriter, r *http.Request, current session.Session, s signOut, notice pages.Notice) {
	browser := h.Sessions.Cookies().EnsureBrowser(w, r)
	view := pages.SignOutView{Email: current.Email, Conversation: pages.Conversation{RedirectURI: s.back, Frame: pages.Frame{
		UILocales: s.locales, Notice: notice, CSRF: h.Forms.Token(browser, logoutPurpose+current.ID.String()),
	}}}
	if notice != "" {
		view.Status = http.StatusForbidden
	}
	if s.client != nil {
		view.Application = s.client.Name
	}
	h.Pages.SignOut(w, r, view)
}

// confirmed takes the answer of our own page.
func (h *Handler) confirmed(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Control"] = noStore
	form, err := readForm(w, r)
	if err == nil {
		err = checkValues(form)
	}
	if err != nil {
		h.page(w, r, err, "")
		return
	}
	s, err := h.readSignOut(r, r.URL.Query())
	if err != nil {
		h.page(w, r, err, s.locales)
		return
	}
	current, signedIn, err := h.Sessions.Current(r)
	switch {
	case err != nil:
		h.page(w, r, err, s.locales)
		return
	case !signedIn:
		h.signedOut(w, r, s)
		return
	}
	cookies := h.Sessions.Cookies()
	browser, _ := cookies.Value(r, cookies.Browser)
	if !h.Forms.Valid(browser, logoutPurpose+current.ID.String(), form.Get("csrf")) {
		h.signOutPage(w, r, current, s, pages.NoticeFormExpired)
		return
	}
	if form.Get("action") != pages.ActionSignOut {
		w.Header().Set("Location", "/account")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	h.end(w, r, current, s)
}

func (h *Handler) end(w http.ResponseWriter, r *http.Request, current session.Session, s signOut) {
	next, err := h.Sessions.SignOut(w, r, current, session.Departure{Back: s.wayBack(), Locales: s.locales})
	if err != nil {
		h.page(w, r, err, s.locales)
		return
	}
	if next != "" { // others must be visited first
		w.Header().Set("Location", next)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	h.signedOut(w, r, s)
}

// wayBack is the address to go to with what the application wants back, "" where there is none.
func (s *signOut) wayBack() string {
	if s.back == "" || s.state == "" {
		return s.back
	}
	return withFields(s.back, []pages.Field{{Name: "state", Value: s.state}})
}

// signedOut goes back to the application, where it may be gone back to, else says what happened.
func (h *Handler) signedOut(w http.ResponseWriter, r *http.Request, s signOut) {
	if back := s.wayBack(); back != "" {
		w.Header().Set("Location", back)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	h.Pages.SignedOut(w, r, pages.SignedOutView{Frame: pages.Frame{UILocales: s.locales}, SignIn: "/sign-in"})
}
