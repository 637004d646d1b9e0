package account

import (
	"net/http"
	"time"

	"github.com/mileusna/useragent"

	"portvakt/idp/interaction"
	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

const maxForm = 64 * 1024

// methods answers GET and HEAD by one function, POST by the other, after reading the form; nil answers 405.
func (a *Account) methods(get, post http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case (r.Method == http.MethodGet || r.Method == http.MethodHead) && get != nil:
			get(w, r)
		case r.Method == http.MethodPost && post != nil:
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if err := r.ParseForm(); err != nil {
				a.pages.Error(w, r, http.StatusBadRequest, web.Problem{Code: "bad_form", About: web.AboutInput})
				return
			}
			post(w, r)
		default:
			allow := "GET, HEAD"
			if get == nil {
				allow = "POST"
			} else if post != nil {
				allow += ", POST"
			}
			w.Header().Set("Allow", allow)
			a.pages.Error(w, r, http.StatusMethodNotAllowed, web.Problem{Code: "method_not_allowed"})
		}
	})
}

// signedIn is the browser's session; where there is none the person is sent to sign in.
func (a *Account) signedIn(w http.ResponseWriter, r *http.Request) (session.Session, bool) {
	current, ok, err := a.sessions.Current(r)
	if err != nil {
		a.pages.Fault(w, r, err)
		return current, false
	}
	if !ok {
		web.SeeOther(w, r, pathSignIn)
	}
	return current, ok
}

// token binds the account's forms to the session: its cookie's value and its id.
func (a *Account) token(r *http.Request, current session.Session) string {
	value, _ := a.sessions.Cookies().Value(r, a.sessions.Cookies().Session)
	return a.forms.Token(value, "account "+current.ID.String())
}

func (a *Account) show(w http.ResponseWriter, r *http.Request) {
	if id, err := directory.ParseInvitationID(web.One(r.URL.Query(), "invitation")); err == nil {
		a.opened(r, id)
	}
	if current, ok := a.signedIn(w, r); ok {
		a.page(w, r, current, notices[web.One(r.URL.Query(), "done")], http.StatusOK)
	}
}

// notices are the messages that an action may leave behind in the address.
var notices = map[string]pages.Notice{
	"accepted": pages.NoticeInvitationAccepted, "declined": pages.NoticeInvitationDeclined, "gone": pages.NoticeInvitationGone,
	"ended": pages.NoticeSessionEnded, "preferences": pages.NoticePreferencesSaved, "left": pages.NoticeLeft,
}

func (a *Account) page(w http.ResponseWriter, r *http.Request, current session.Session, n pages.Notice, status int) {
	u, err := a.dir.Users.ByID(r.Context(), current.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	standings, err := a.dir.Memberships.StandingsOf(r.Context(), current.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	sessions, err := a.sessions.List(r.Context(), current.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	shared, err := a.sessions.SharedOf(r.Context(), current.User, a.db.Now().Add(-showShared))
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	v := pages.AccountView{
		Frame: pages.Frame{
			Status: status, CSRF: a.token(r, current), Notice: n, UserLanguage: interaction.Language(u.Details),
			Location: interaction.Location(u.Details), Brand: a.interactions.BrandOf(interaction.Sole(standings, a.db.Now())),
		},
		Name: u.Details.Name(), Email: u.Email.Address, ChangePassword: web.CarryLanguage(r, pathPassword),
		Preferences: web.CarryLanguage(r, pathPreferences), Factors: web.CarryLanguage(r, pathFactors),
		Keys: web.CarryLanguage(r, pathKeys),
	}
	if len(shared) > 0 {
		v.SharedAt = shared[0].Last
	}
	for i := range standings {
		if err := a.addMembership(r, &v, &standings[i], u); err != nil {
			a.pages.Fault(w, r, err)
			return
		}
	}
	v.Nav = navigation(r, "account")
	networks, err := a.sessions.Networks(r.Context(), current.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	v.Sessions = shownSessions(sessions, networks, current)
	a.pages.Account(w, r, v)
}

// showShared is how long a person is shown that the account looked shared.
const showShared = 30 * 24 * time.Hour

func (a *Account) addMembership(r *http.Request, v *pages.AccountView, st *directory.Standing, u directory.User) error {
	if v.Name == "" {
		v.Name = st.Details.Name()
	}
	switch st.State(a.db.Now()) {
	case directory.StateInvited:
		if st.OrgSuspended {
			return nil
		}
		i, err := interaction.Invited(r.Context(), a.dir, st, string(a.pages.Language(r, v.Frame)))
		if err != nil {
			return gone(err)
		}
		v.Invitations = append(v.Invitations, i)
	case directory.StateActive, directory.StateSuspended, directory.StateScheduled:
		m := interaction.Shown(st, a.db.Now())
		m.Home = st.Organization == u.Home
		if st.OrgSuspended {
			m.State = string(directory.StateSuspended)
		}
		if !m.Home {
			m.Leave = web.CarryLanguage(r, pathLeave+"?membership="+st.Membership.String())
		}
		v.Memberships = append(v.Memberships, m)
	}
	return nil
}

// device names a browser as its owner would: "Firefox, Windows".
func device(userAgent string) string {
	ua := useragent.Parse(userAgent)
	switch {
	case ua.Name == "" || ua.Bot || len(ua.Name)+len(ua.OS) > 60:
		return ""
	case ua.OS == "":
		return ua.Name
	}
	return ua.Name + ", " + ua.OS
}

// act does what a button of the account page says.
func (a *Account) act(w http.ResponseWriter, r *http.Request) {
	current, ok := a.signedIn(w, r)
	if !ok {
		return
	}
	value, _ := a.sessions.Cookies().Value(r, a.sessions.Cookies().Session)
	if !a.forms.Valid(value, "account "+current.ID.String(), web.One(r.PostForm, "csrf")) {
		a.page(w, r, current, pages.NoticeFormExpired, http.StatusForbidden)
		return
	}
	r = r.WithContext(actor.AsPerson(r.Context(), current.User.String()))
	action := web.One(r.PostForm, "action")
	if r.URL.Path == pathSignOut {
		action = pages.ActionSignOut
	}
	switch action {
	case pages.ActionSignOut:
		a.signOut(w, r, current)
	case pages.ActionAccept, pages.ActionDeny:
		a.answer(w, r, current, action)
	case pages.ActionEndSession:
		a.endSession(w, r, current)
	default:
		web.SeeOther(w, r, pathAccount)
	}
}

func (a *Account) signOut(w http.ResponseWriter, r *http.Request, current session.Session) {
	next, err := a.sessions.SignOut(w, r, current, session.Departure{})
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	if next != "" { // applications must be visited first
		web.SeeOther(w, r, next)
		return
	}
	a.pages.SignedOut(w, r, pages.SignedOutView{SignIn: web.CarryLanguage(r, pathSignIn)})
}

// answer accepts or declines an invitation.
func (a *Account) answer(w http.ResponseWriter, r *http.Request, current session.Session, action string) {
	id, err := directory.ParseMembershipID(web.One(r.PostForm, "invitation"))
	if err != nil {
		web.SeeOther(w, r, pathAccount+"?done=gone")
		return
	}
	done := "accepted"
	if action == pages.ActionAccept {
		_, err = a.dir.Memberships.Accept(r.Context(), current.User, id)
	} else {
		done, err = "declined", a.dir.Memberships.Decline(r.Context(), current.User, id)
	}
	if fault.Is(err, fault.NotFound) {
		done, err = "gone", nil
	}
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	web.SeeOther(w, r, pathAccount+"?done="+done)
}

func (a *Account) endSession(w http.ResponseWriter, r *http.Request, current session.Session) {
	id, err := session.ParseID(web.One(r.PostForm, "session"))
	if err != nil || id == current.ID {
		web.SeeOther(w, r, pathAccount)
		return
	}
	if err := a.sessions.EndOther(r.Context(), current.User, id); err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	web.SeeOther(w, r, pathAccount+"?done=ended")
}

func announceChanged(tx *sqldb.Tx, id directory.UserID) error {
	return outbox.Append(tx, directory.OrganizationID{}, EventPasswordChanged, id.String(), event{User: id.String()})
}
