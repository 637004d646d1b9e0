package main

import (
	"net/http"

	"portvakt/idp/gate"
	"portvakt/idp/interaction"
	"portvakt/idp/session"
	"portvakt/internal/console"
	"portvakt/internal/directory"
)

// buildConsole puts the operators' pages together.
func (h *house) buildConsole(forms *session.Forms) (err error) {
	h.console, err = console.New(console.DirectoryOf(h.dir), visitors{h.sessions, forms, h.dir}, h.renderer)
	return err
}

// visitors tell the console who is signed in.
type visitors struct {
	sessions *session.Sessions
	forms    *session.Forms
	dir      *directory.Directory
}

// Current reads session and user as they are now, so that an operator who is none any more is shut out at once.
func (v visitors) Current(r *http.Request) (console.Visitor, bool, error) {
	current, ok, err := v.sessions.Current(r)
	if err != nil || !ok {
		return console.Visitor{}, false, err
	}
	u, err := v.dir.Users.ByID(r.Context(), current.User)
	return console.Visitor{User: u.ID, Operator: u.Operator && u.State == directory.UserActive, MultiFactor: gate.Reaches(current.ACR, gate.MultiFactor),
		Language: interaction.Language(u.Details)}, err == nil, err
}

// FormToken binds the console's forms to the session's cookie, whose value is never used twice.
func (v visitors) FormToken(r *http.Request) string {
	value, _ := v.sessions.Cookies().Value(r, v.sessions.Cookies().Session)
	return v.forms.Token(value, "console")
}

// ValidToken reports whether the form was shown in this session.
func (v visitors) ValidToken(r *http.Request, token string) bool {
	value, _ := v.sessions.Cookies().Value(r, v.sessions.Cookies().Session)
	return v.forms.Valid(value, "console", token)
}
