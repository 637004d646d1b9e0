package account

import (
	"net/http"

	"portvakt/idp/interaction"
	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/web"
)

// What the pages of the own account share.

// The events of what people do with their own account.
const (
	EventEmailChangeRequested = "account.email_change_requested"
	EventDataExported         = "account.data_exported"
	EventConsentRevoked       = "consent.revoked"
)

// subscribeOwn has the mails about the own account written.
func (a *Account) subscribeOwn(o *outbox.Outbox) {
	o.SubscribeBefore(outbox.Awaited, EventEmailChangeRequested, "account.email_change", a.mailEmailChange)
	o.Subscribe(EventDataExported, "account.data_exported", a.tellExported)
	o.Subscribe(directory.EventUserSessionsEnded, "account.everywhere", a.tellEverywhere)
	o.Subscribe(directory.EventErasureRequested, "account.erasure", a.tellErasure)
	o.Subscribe(directory.EventErasureRequested, "account.erasure_operators", a.tellOperators)
	o.Subscribe(directory.EventErasureWithdrawn, "account.erasure_withdrawn", a.tellErasureWithdrawn)
}

// navigation leads to the account's pages, in the language that the person reads.
func navigation(r *http.Request, here string) pages.Navigation {
	to := func(path string) string { return web.CarryLanguage(r, path) }
	return pages.Navigation{Here: here, Account: to(pathAccount), Security: to(pathSecurity), Applications: to(pathApplications),
		History: to(pathHistory), Data: to(pathData)}
}

// frame is what each of the account's pages shows.
func (a *Account) frame(r *http.Request, current session.Session, u directory.User) pages.Frame {
	return pages.Frame{CSRF: a.token(r, current), UserLanguage: interaction.Language(u.Details), Location: interaction.Location(u.Details),
		Brand: a.brandOf(u.ID)}
}

// formed reports whether the form was shown in this session.
func (a *Account) formed(r *http.Request, current session.Session) bool {
	value, _ := a.sessions.Cookies().Value(r, a.sessions.Cookies().Session)
	return a.forms.Valid(value, "account "+current.ID.String(), web.One(r.PostForm, "csrf"))
}

// fresh lets only somebody on who has shown a moment ago, as strongly as possible, to be the person; everybody else is sent
// to do so, and from there to back.
func (a *Account) fresh(w http.ResponseWriter, r *http.Request, current session.Session, back string) bool {
	ok, err := a.interactions.Fresh(r, current)
	if err != nil {
		a.pages.Fault(w, r, err)
		return false
	}
	if ok {
		return true
	}
	location, err := a.interactions.StepUp(w, r, current, back)
	if err != nil {
		a.pages.Fault(w, r, err)
		return false
	}
	web.SeeOther(w, r, location)
	return false
}

// visitor is a signed-in person at a page of the account, and how the page is framed.
type visitor struct {
	session session.Session
	person  directory.User
	frame   pages.Frame
}

// visitor finds who asks; where nobody is signed in, or something failed, it has answered.
func (a *Account) visitor(w http.ResponseWriter, r *http.Request) (v visitor, ok bool) {
	if v.session, ok = a.signedIn(w, r); !ok {
		return v, false
	}
	var err error
	if v.person, err = a.dir.Users.ByID(r.Context(), v.session.User); err != nil {
		a.pages.Fault(w, r, err)
		return v, false
	}
	v.frame = a.frame(r, v.session, v.person)
	v.frame.Notice = ownNotices[web.One(r.URL.Query(), "done")]
	return v, true
}

// sender is the visitor who sent a form of ours, as the person who acts; show shows the page again where the form is not
// from this session.
func (a *Account) formSender(w http.ResponseWriter, r *http.Request, show func(visitor)) (v visitor, acting *http.Request, ok bool) {
	if v, ok = a.visitor(w, r); !ok {
		return v, r, false
	}
	if !a.formed(r, v.session) {
		v.frame.Notice, v.frame.Status = pages.NoticeFormExpired, http.StatusForbidden
		show(v)
		return v, r, false
	}
	v.frame.Notice = ""
	return v, r.WithContext(actor.AsPerson(r.Context(), v.session.User.String())), true
}

// ownNotices are the messages that an action may leave behind in the address.
var ownNotices = map[string]pages.Notice{
	"ended": pages.NoticeSessionEnded, "email": pages.NoticeEmailChanged, "password": pages.NoticePasswordChanged, "revoked": pages.NoticeRevoked,
	"sent": pages.NoticeEmailSent, "withdrawn": pages.NoticeEmailWithdrawn, "erasure": pages.NoticeErasureAsked, "kept": pages.NoticeErasureWithdrawn,
}

// storeOwn stores what the person prefers, and the own name where the form asked for it.
func (a *Account) storeOwn(r *http.Request, current session.Session, p directory.Preferences) error {
	ctx := actor.AsPerson(r.Context(), current.User.String())
	if !r.PostForm.Has("given_name") && !r.PostForm.Has("family_name") {
		return a.dir.Users.SetPreferences(ctx, current.User, p)
	}
	return a.dir.Users.SetOwn(ctx, current.User, p, web.One(r.PostForm, "given_name"), web.One(r.PostForm, "family_name"))
}
