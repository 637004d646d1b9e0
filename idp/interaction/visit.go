package interaction

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"portvakt/idp/application"
	"portvakt/idp/credential"
	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

const maxForm = 64 * 1024

// step is one page of the conversation.
type step struct {
	path string
	show func(http.ResponseWriter, *http.Request, *visit)
	take func(http.ResponseWriter, *http.Request, *visit) // a form of the page was sent
	also []string                                         // pages of the dispatcher from which the person may come here on their own
}

// visit is one request of a conversation, after all checks that every step shares.
type visit struct {
	c        *conversation       // nil: nobody has begun; only the first page may be so
	client   *application.Client // nil: the person came on their own
	browser  string
	session  session.Session
	signedIn bool
	verdict  verdict
	changed  bool               // c must be saved
	proven   bool               // a proof was added in this request
	path     string             // of the page that was asked for
	mail     bool               // a mailed code is asked for, or would do: nothing better is there
	mustMail bool               // mail: whatever else is there to choose, a code comes first
	keys     int                // passkeys and security keys of the person, once the password was shown
	addable  credential.Addable // on the page enrol-factor
	refused  bool               // a key was refused in this request
	unknown  string             // a passkey that the browser should forget

	standings []directory.Standing // of the person, read once
	notice    pages.Notice
	problem   pages.FieldProblem
	retry     time.Duration
}

// page is what all pages share: method, form, browser, conversation, token, cancelling, order.
func (s *Service) page(p step) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			s.get(w, r, p)
		case http.MethodPost:
			s.post(w, r, p)
		default:
			w.Header().Set("Allow", "GET, HEAD, POST")
			s.pages.Error(w, r, http.StatusMethodNotAllowed, web.Problem{Code: "method_not_allowed"})
		}
	})
}

func (s *Service) get(w http.ResponseWriter, r *http.Request, p step) {
	v, err := s.visit(w, r, web.One(r.URL.Query(), "i"))
	if err != nil {
		s.stop(w, r, err)
		return
	}
	v.path = p.path
	if v.c == nil {
		s.uninvited(w, r, v, p)
		return
	}
	if err := s.decide(w, r, v); err != nil {
		s.stop(w, r, err)
		return
	}
	if !v.verdict.at(p) || v.changed && v.verdict.page != p.path { // what has just changed leads on, whatever the person wanted
		s.move(w, r, v)
		return
	}
	if err := s.keep(w, r, v); err != nil {
		s.stop(w, r, err)
		return
	}
	p.show(w, r, v)
}

func (s *Service) post(w http.ResponseWriter, r *http.Request, p step) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.pages.Error(w, r, http.StatusBadRequest, web.Problem{Code: "bad_form", About: web.AboutInput})
		return
	}
	id := web.One(r.PostForm, "i")
	if q := web.One(r.URL.Query(), "i"); id == "" {
		id = q
	} else if q != "" && q != id {
		s.stop(w, r, errOtherBrowser)
		return
	}
	v, err := s.visit(w, r, id)
	if err != nil {
		s.stop(w, r, err)
		return
	}
	v.path = p.path
	if v.c == nil && p.path != pathSignIn {
		s.uninvited(w, r, v, p)
		return
	}
	if v.c != nil {
		if err := s.decide(w, r, v); err != nil {
			s.stop(w, r, err)
			return
		}
		if !v.verdict.at(p) { // out of order: nothing of the form counts
			s.move(w, r, v)
			return
		}
	}
	if !s.forms.Valid(v.browser, v.purpose(), web.One(r.PostForm, "csrf")) {
		v.notice = pages.NoticeFormExpired
		v.verdict.status = http.StatusForbidden
		p.show(w, r, v)
		return
	}
	if web.One(r.PostForm, "action") == pages.ActionCancel {
		s.cancel(w, r, v)
		return
	}
	if s.takeKey(w, r, v, p) {
		return
	}
	p.take(w, r, v)
}

// visit finds the conversation of the request and checks that it is this browser's and still open.
func (s *Service) visit(w http.ResponseWriter, r *http.Request, shown string) (*visit, error) {
	v := &visit{}
	var err error
	if v.session, v.signedIn, err = s.sessions.Current(r); err != nil {
		return nil, err
	}
	if shown == "" {
		v.browser = s.sessions.Cookies().EnsureBrowser(w, r)
		return v, nil
	}
	id, err := ParseID(shown)
	if err != nil {
		return nil, errOtherBrowser
	}
	if v.c, v.browser, err = s.ofBrowser(r, id); err != nil {
		return nil, err
	}
	if err := s.findClient(r, v); err != nil {
		return nil, err
	}
	if !v.c.open(s.db.Now()) {
		return nil, over{v.wayBack()}
	}
	return v, nil
}

// over says that a conversation has ended, and where the person can begin again.
type over struct{ back string }

// Error is for logs.
func (over) Error() string { return errOver.Error() }

// Is makes it errOver.
func (over) Is(target error) bool { return target == error(errOver) }

// wayBack is where the application begins sign-ins, else our own page.
func (v *visit) wayBack() string {
	if v.client != nil {
		for _, address := range []string{v.client.Registered.Metadata.InitiateLoginURI, v.client.Registered.Metadata.ClientURI} {
			if address != "" {
				return address
			}
		}
	}
	return pathAccount
}

func (s *Service) findClient(r *http.Request, v *visit) (err error) {
	if !v.c.Application.IsZero() {
		v.client, err = s.clients.ByID(r.Context(), v.c.Application)
	}
	return err
}

// ofBrowser is the conversation, if it is this browser's. What there is of other browsers is not told apart from what
// there is not.
func (s *Service) ofBrowser(r *http.Request, id ID) (*conversation, string, error) {
	cookies := s.sessions.Cookies()
	browser, ok := cookies.Value(r, cookies.Browser)
	if !ok {
		return nil, "", errOtherBrowser
	}
	c, err := s.load(r.Context(), id)
	if errors.Is(err, errNoConversation) || err == nil && !bytes.Equal(c.BrowserHash, secret.HashToken(browser)) {
		return nil, "", errOtherBrowser
	}
	return c, browser, err
}

// purpose binds a form to the conversation and to the session, so that a token made before a sign-in is worth nothing
// after it.
func (v *visit) purpose() string {
	purpose := "sign-in"
	if v.c != nil {
		purpose += " " + v.c.ID.String()
	}
	if v.signedIn {
		purpose += " " + v.session.ID.String()
	}
	return purpose
}

var (
	errOtherBrowser = fault.New(fault.Invalid, "browser_mismatch", "The sign-in was begun in another browser, or cookies are missing")
	errOver         = fault.New(fault.Expired, "interaction_expired", "The sign-in is over")
)

// stop answers a request that no step can take: a friendly page with a way to begin again.
func (s *Service) stop(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errOtherBrowser):
		s.pages.Error(w, r, http.StatusBadRequest, web.Problem{Code: errOtherBrowser.Code, Back: web.CarryLanguage(r, pathSignIn)})
	case errors.Is(err, errOver), errors.Is(err, errChanged):
		back := over{pathAccount}
		_ = errors.As(err, &back)
		s.pages.Error(w, r, http.StatusGone, web.Problem{Code: errOver.Code, Back: back.back})
	default:
		s.pages.Fault(w, r, err)
	}
}

// uninvited answers a page that belongs to no conversation: the first page begins one of the person's own when its form
// is sent, the others lead to it.
func (s *Service) uninvited(w http.ResponseWriter, r *http.Request, v *visit, p step) {
	switch {
	case v.signedIn:
		web.SeeOther(w, r, pathAccount)
	case p.path != pathSignIn:
		web.SeeOther(w, r, pathSignIn)
	default:
		p.show(w, r, v)
	}
}

// keep saves what this request has changed. With a proof that is kept without a session the browser's cookie is made
// anew.
func (s *Service) keep(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.changed && !v.proven {
		return nil
	}
	rotate := v.proven && !v.c.State.Evidence.User.IsZero()
	fresh := secret.NewToken()
	err := s.db.Update(r.Context(), func(tx *sqldb.Tx) error {
		if err := save(r.Context(), tx, v.c); err != nil || !rotate {
			return err
		}
		return rebind(r.Context(), tx, v.c.BrowserHash, secret.HashToken(fresh))
	})
	if err != nil {
		return err
	}
	v.c.Version++
	v.changed, v.proven = false, false
	if rotate {
		v.c.BrowserHash, v.browser = secret.HashToken(fresh), fresh
		s.sessions.Cookies().Set(w, s.sessions.Cookies().Browser, fresh)
	}
	return nil
}

func (c *conversation) address(path string) string { return path + "?i=" + c.ID.String() }
