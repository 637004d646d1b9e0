package web

import (
	"net/http"
	"time"
)

// SignInView asks for the e-mail. Fields: email, remember (checkbox); buttons continue, for an application cancel and, where
// the browser has filled the address in, forget-email (action=forget-email).
type SignInView struct {
	Conversation
	Email    string // what was typed before, login_hint, or what the browser remembers
	Remember bool   // the checkbox is checked: the browser remembers an address, or is to
	Filled   bool   // Email is what the browser remembers
	Problem  FieldProblem
}

// SignIn writes the page sign-in.
func (p *Pages) SignIn(w http.ResponseWriter, r *http.Request, v SignInView) {
	p.write(w, r, shown{"sign-in", v.Frame, v, v.RedirectURI})
}

// PasswordView asks for the password; it is the same for every e-mail. Fields: email (shown, read-only), password;
// buttons continue, forgot-password (action=forgot) and, for an application, cancel.
type PasswordView struct {
	Conversation
	Email      string
	OtherEmail string // address of the page that asks for the e-mail; empty hides the link
	Problem    FieldProblem
}

// Password writes the page password.
func (p *Pages) Password(w http.ResponseWriter, r *http.Request, v PasswordView) {
	p.write(w, r, shown{"password", v.Frame, v, v.RedirectURI})
}

// MailSentView tells everybody the same, whether a mail was sent or not. Button resend (action=resend) posts email.
type MailSentView struct {
	Conversation
	Email    string        // empty where the mail was asked for by an old link
	ValidFor time.Duration // how long a link of this kind works
	Back     string        // address of the page before; empty hides the link
	DevMail  string        // address of the captured mail under --dev; empty hides the link
}

// MailSent writes the page mail-sent.
func (p *Pages) MailSent(w http.ResponseWriter, r *http.Request, v MailSentView) {
	p.write(w, r, shown{"mail-sent", v.Frame, v, ""})
}

// NewPasswordView asks for a password twice. Fields: email (shown, read-only), token (hidden), new_password,
// new_password_again and, with NeedsCode, code; button continue. With Passkey, button add-passkey, which takes the code along.
type NewPasswordView struct {
	Conversation
	Email        string
	Token        string // the link's token, or empty when something else proves the mailbox
	First        bool   // the person has never had a way to sign in: words of welcome
	Organization string // name of the organization that invited, for the welcome; may be empty
	Initial      bool   // an initial password must be replaced before anything else
	Replaces     bool   // with Passkey: a password that is void with it
	NeedsCode    bool   // a second factor is enrolled and must be shown before anything is stored
	CodeProblem  FieldProblem
	NewPasswordFields
}

// NewPasswordFields are the fields new_password and new_password_again, and what is wrong with them.
type NewPasswordFields struct {
	MinLength       int
	MaxLength       int
	PasswordProblem FieldProblem
	AgainProblem    FieldProblem
}

// Good reports whether nothing is wrong with them.
func (f NewPasswordFields) Good() bool { return f.PasswordProblem == "" && f.AgainProblem == "" }

// Focus reports whether the person begins with the new password.
func (v NewPasswordView) Focus() bool { return !v.NeedsCode }

// NewPassword writes the page new-password.
func (p *Pages) NewPassword(w http.ResponseWriter, r *http.Request, v NewPasswordView) {
	p.write(w, r, shown{"new-password", v.Frame, v, v.RedirectURI})
}

// LinkExpiredView explains that a link was used, replaced or too old, and offers a new one. Field token (hidden); button
// continue asks for a new mail.
type LinkExpiredView struct {
	Frame
	Token string // the old token; empty hides the form
	// Organization has taken its invitation back, or its time to answer has run out; empty where the link is over for
	// another reason.
	Organization string
	Withdrawn    bool
	SignIn       string // address of the sign-in page; empty hides the link
}

// LinkExpired writes the page link-expired.
func (p *Pages) LinkExpired(w http.ResponseWriter, r *http.Request, v LinkExpiredView) {
	p.write(w, r, shown{"link-expired", v.Frame, v, ""})
}

// SignOutView asks whether the person wants to sign out. Buttons sign-out (action=sign-out) and cancel.
type SignOutView struct {
	Conversation
	Email  string
	Fields []Field // further hidden fields that the handler wants back, such as state
}

// SignOut writes the page sign-out.
func (p *Pages) SignOut(w http.ResponseWriter, r *http.Request, v SignOutView) {
	p.write(w, r, shown{"sign-out", v.Frame, v, v.RedirectURI})
}

// SignedOutView says that the person is signed out.
type SignedOutView struct {
	Frame
	Application string
	Back        string   // address of the application; empty hides the link
	SignIn      string   // address of the sign-in page; empty hides the link
	Remaining   []string // applications that have not signed out, or have not said so
}

// SigningOutView says that applications are visited, one after another. The browser goes on by itself; without that the
// person follows the link.
type SigningOutView struct {
	Frame
	Next string // address of ours
}

// SigningOut writes the page signing-out.
func (p *Pages) SigningOut(w http.ResponseWriter, r *http.Request, v SigningOutView) {
	p.write(w, r, shown{"signing-out", v.Frame, v, ""})
}

// SignedOut writes the page signed-out.
func (p *Pages) SignedOut(w http.ResponseWriter, r *http.Request, v SignedOutView) {
	p.write(w, r, shown{"signed-out", v.Frame, v, ""})
}
