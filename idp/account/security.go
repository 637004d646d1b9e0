package account

import (
	"context"
	"net/http"

	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// ReasonEverywhere is the reason of sessions that the person ended all at once.
const ReasonEverywhere = "signed_out_everywhere"

func shownSessions(all []session.Session, networks map[session.ID]string, current session.Session) []pages.Session {
	out := make([]pages.Session, 0, len(all))
	for _, s := range all {
		out = append(out, pages.Session{
			ID: s.ID.String(), Device: device(s.UserAgent), Since: s.AuthenticatedAt, LastUsed: s.SeenAt, Current: s.ID == current.ID,
			Network: networks[s.ID],
		})
	}
	return out
}

// showSecurity shows how the person signs in, and where.
func (a *Account) showSecurity(w http.ResponseWriter, r *http.Request) {
	if v, ok := a.visitor(w, r); ok {
		a.security(w, r, v)
	}
}

func (a *Account) security(w http.ResponseWriter, r *http.Request, v visitor) {
	ctx := r.Context()
	ruler, err := a.ruler(r, v.person.Email)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	sessions, err := a.sessions.List(ctx, v.session.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	networks, err := a.sessions.Networks(ctx, v.session.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	shared, err := a.sessions.SharedOf(ctx, v.session.User, a.db.Now().Add(-showShared))
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	has, err := a.credentials.Of(ctx, a.db, v.session.User)
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	view := pages.SecurityView{
		Frame: v.frame, Nav: navigation(r, "security"), Email: v.person.Email.Address, EmailRuledBy: ruler,
		ChangeEmail: web.CarryLanguage(r, pathEmail), ChangePassword: web.CarryLanguage(r, pathPassword),
		NoPassword: !has.Password,
		Factors:    web.CarryLanguage(r, pathFactors),
		Sessions:   shownSessions(sessions, networks, v.session),
	}
	if len(shared) > 0 {
		view.SharedAt = shared[0].Last
	}
	a.pages.AccountSecurity(w, r, view)
}

// ruler is the name of the organization that decides about an address; "" where the person does.
func (a *Account) ruler(r *http.Request, e directory.Email) (string, error) {
	id, err := a.dir.Users.MayMove(r.Context(), e)
	if err != nil || id.IsZero() {
		return "", err
	}
	o, err := a.dir.Organizations.ByID(r.Context(), id)
	return o.Name, err
}

// actSecurity does what a button of the page says.
func (a *Account) actSecurity(w http.ResponseWriter, r *http.Request) {
	v, acting, ok := a.formSender(w, r, func(v visitor) { a.security(w, r, v) })
	if !ok {
		return
	}
	switch web.One(r.PostForm, "action") {
	case pages.ActionEndSession:
		id, err := session.ParseID(web.One(r.PostForm, "session"))
		if err != nil || id == v.session.ID {
			break
		}
		if err := a.sessions.EndOther(acting.Context(), v.session.User, id); err != nil {
			a.pages.Fault(w, r, err)
			return
		}
		web.SeeOther(w, r, pathSecurity+"?done=ended")
		return
	case pages.ActionEverywhere:
		a.everywhere(w, acting, v)
		return
	}
	web.SeeOther(w, r, pathSecurity)
}

// everywhere ends every session of the person, all tokens, also those that last without a session, and the trust in
// browsers: all of them were made under the epoch that is over. This browser is signed out as well.
//
// Invariant: nothing made before lives on (TestR46_SignOutEverywhere).
func (a *Account) everywhere(w http.ResponseWriter, r *http.Request, v visitor) {
	next, err := a.sessions.SignOut(w, r, v.session, session.Departure{Also: func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := a.dir.WithTx(tx).Users.EndSessions(ctx, v.session.User, ReasonEverywhere)
		return err
	}})
	if err != nil {
		a.pages.Fault(w, r, err)
		return
	}
	if next != "" { // applications must be visited first
		web.SeeOther(w, r, next)
		return
	}
	a.pages.SignedOut(w, r, pages.SignedOutView{Frame: pages.Frame{UserLanguage: v.frame.UserLanguage}, SignIn: web.CarryLanguage(r, pathSignIn)})
}
