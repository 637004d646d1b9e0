package web

import (
	"net/http"
	"time"
)

// Session is one browser in which the person is signed in.
type Session struct {
	ID       string // value of the field session
	Device   string // "Firefox, Windows"; may be empty
	Since    time.Time
	LastUsed time.Time
	Current  bool
	Network  string // from which it was last used; may be empty
}

// AccountView is the person's own page. Buttons: sign-out (action=sign-out); for each invitation accept and deny
// (fields action and invitation); for each other session end-session (fields action and session). The first invitation's
// buttons have the ids accept and deny, the following ones accept-1, deny-1 and so on.
type AccountView struct {
	Frame
	Name           string
	Email          string
	Memberships    []Membership
	Invitations    []Invitation
	Sessions       []Session
	SharedAt       time.Time // when it was last used from several devices at the same time; zero: not lately
	ChangePassword string    // address of the page where a new password is asked for; empty hides the link
	Preferences    string    // address of the page preferences; empty hides the link
	Factors        string    // address of the page factors; empty hides the link
	Keys           string    // address of the page keys; empty hides the link
	Nav            Navigation
}

// Account writes the page account.
func (p *Pages) Account(w http.ResponseWriter, r *http.Request, v AccountView) {
	p.write(w, r, shown{"account", v.Frame, v, ""})
}

// Field is one hidden field of a form.
type Field struct{ Name, Value string }

// FormPostView sends an authorization response to the application by POST (OAuth 2.0 Form Post Response Mode). A small
// script presses the button; without it the person does.
type FormPostView struct {
	Frame
	Application string
	Action      string // the redirect URI, already checked against the application's registration
	Fields      []Field
}

// FormPost writes the page form-post.
func (p *Pages) FormPost(w http.ResponseWriter, r *http.Request, v FormPostView) {
	p.write(w, r, shown{"form-post", v.Frame, v, v.Action})
}
