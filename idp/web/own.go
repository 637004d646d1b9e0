package web

import (
	"net/http"
	"slices"
	"time"

	"portvakt/internal/fault"
)

// The values of the field action on the pages of the own account.
const (
	ActionEverywhere = "sign-out-everywhere"
	ActionRevoke     = "revoke"
	ActionLeave      = "leave"
	ActionExport     = "export"
	ActionErase      = "request-erasure"
	ActionKeep       = "withdraw-erasure"
	ActionWithdraw   = "withdraw"
)

// Navigation leads through the pages of the account; without addresses it is not shown.
type Navigation struct {
	Here         string // account, security, applications, history or data
	Account      string
	Security     string
	Applications string
	History      string
	Data         string
}

// SecurityView is the page account-security: how the person signs in, and where. Links change-email, change-password,
// factors; for each other session the button end-session; sign-out-everywhere ends all, this browser's too.
type SecurityView struct {
	Frame
	Nav            Navigation
	Email          string
	EmailRuledBy   string // the organization that decides about the address; empty: the person
	ChangeEmail    string // address of the page account-email
	ChangePassword string
	NoPassword     bool   // the person signs in without
	Factors        string // address of the page factors; empty hides the link
	Sessions       []Session
	SharedAt       time.Time
}

// AccountSecurity writes the page account-security.
func (p *Pages) AccountSecurity(w http.ResponseWriter, r *http.Request, v SecurityView) {
	p.write(w, r, shown{"account-security", v.Frame, v, ""})
}

// Connected is an application that the person has opened or allowed something, in one organization.
type Connected struct {
	Application  string // its identifier: value of the field application
	Organization string // its identifier: value of the field organization
	Name         string
	Scopes       []string // that the person has agreed to
	Since        time.Time
	LastUsed     time.Time // zero: not lately
	Revocable    bool      // the person has agreed to something
	Nth          int       // of those that can be taken back, from 0; counted by AccountApplications
}

// ConnectedIn are the applications in one organization.
type ConnectedIn struct {
	Name         string // of the organization
	Applications []Connected
}

// ApplicationsView is the page account-applications. The first application that can be taken back has the button revoke,
// the following ones revoke-1 and so on.
type ApplicationsView struct {
	Frame
	Nav           Navigation
	Organizations []ConnectedIn
}

// AccountApplications writes the page account-applications.
func (p *Pages) AccountApplications(w http.ResponseWriter, r *http.Request, v ApplicationsView) {
	n := 0
	v.Organizations = slices.Clone(v.Organizations)
	for at := range v.Organizations {
		in := slices.Clone(v.Organizations[at].Applications)
		for i := range in {
			if in[i].Revocable {
				in[i].Nth = n
				n++
			}
		}
		v.Organizations[at].Applications = in
	}
	p.write(w, r, shown{"account-applications", v.Frame, v, ""})
}

// Happened is an entry of the person's own history.
type Happened struct {
	Action       string // as the history has it; its words are history.<action>
	At           time.Time
	By           string // you, administrator, operator, provisioning, application, service; its words are by.<by>
	Organization string // in which it happened; empty: the person's own affair
	Device       string
	Network      string
	Before       string // of a change that is shown in full
	After        string
}

// HistoryView is the page account-history, newest first. Links older and newest.
type HistoryView struct {
	Frame
	Nav    Navigation
	Events []Happened
	Older  string
	Newest string
}

// AccountHistory writes the page account-history.
func (p *Pages) AccountHistory(w http.ResponseWriter, r *http.Request, v HistoryView) {
	p.write(w, r, shown{"account-history", v.Frame, v, ""})
}

// DataView is the page account-data: own details, a copy of everything, the request for erasure. Link preferences,
// button export, link erase or, where erasure was asked for, button withdraw-erasure.
type DataView struct {
	Frame
	Nav          Navigation
	Name         string
	Preferences  string
	Erase        string
	ErasureSince time.Time // zero: not asked for
	ErasureOwn   bool      // the person asked, and may take it back
}

// AccountData writes the page account-data.
func (p *Pages) AccountData(w http.ResponseWriter, r *http.Request, v DataView) {
	p.write(w, r, shown{"account-data", v.Frame, v, ""})
}

// ErasureView is the page account-erasure, the second step. Button request-erasure, link back.
type ErasureView struct {
	Frame
	Email   string
	Refusal *fault.Fault
	Back    string
}

// AccountErasure writes the page account-erasure.
func (p *Pages) AccountErasure(w http.ResponseWriter, r *http.Request, v ErasureView) {
	p.write(w, r, shown{"account-erasure", v.Frame, v, ""})
}

// LeaveView is the page account-leave, which asks before it ends a membership. Field membership (hidden); button leave,
// link back.
type LeaveView struct {
	Frame
	ID      string
	Name    string // of the organization
	Last    bool   // the person belongs to no other
	Refusal *fault.Fault
	Back    string
}

// AccountLeave writes the page account-leave.
func (p *Pages) AccountLeave(w http.ResponseWriter, r *http.Request, v LeaveView) {
	p.write(w, r, shown{"account-leave", v.Frame, v, ""})
}

// EmailView is the page account-email. Field email; button continue; withdraw takes back what waits; link back.
type EmailView struct {
	Frame
	Present   string
	RuledBy   string // the organization that decides about the address; empty: the person
	Domain    string
	Typed     string
	Problem   FieldProblem
	Waiting   string // the address that waits to be confirmed
	WaitsTill time.Time
	DevMail   string
	Back      string
}

// AccountEmail writes the page account-email.
func (p *Pages) AccountEmail(w http.ResponseWriter, r *http.Request, v EmailView) {
	p.write(w, r, shown{"account-email", v.Frame, v, ""})
}

// EmailStep is what a mailed link about the sign-in address leads to.
type EmailStep string

// The steps. Only the first two have a form.
const (
	EmailConfirm EmailStep = "confirm"
	EmailUndo    EmailStep = "undo"
	EmailSignIn  EmailStep = "sign_in" // whoever asked must be signed in here
	EmailExpired EmailStep = "expired"
	EmailTaken   EmailStep = "taken"
	EmailUndone  EmailStep = "undone"
)

// EmailLinkView is the page account-email-link. Field token (hidden); button continue; link sign-in.
type EmailLinkView struct {
	Frame
	Step   EmailStep
	Token  string
	Old    string
	New    string
	SignIn string
}

// AccountEmailLink writes the page account-email-link.
func (p *Pages) AccountEmailLink(w http.ResponseWriter, r *http.Request, v EmailLinkView) {
	p.write(w, r, shown{"account-email-link", v.Frame, v, ""})
}

// ChangePasswordView is the page change-password. Fields email (username, read-only), password (current-password; not where
// the person has none), new_password, new_password_again; buttons continue and forgot-password, link back.
type ChangePasswordView struct {
	Frame
	Email          string
	Has            bool // a password, which is asked for
	PresentProblem FieldProblem
	Back           string
	NewPasswordFields
}

// Focus reports whether the person begins with the new password.
func (v ChangePasswordView) Focus() bool { return !v.Has }

// ChangePassword writes the page change-password.
func (p *Pages) ChangePassword(w http.ResponseWriter, r *http.Request, v ChangePasswordView) {
	p.write(w, r, shown{"change-password", v.Frame, v, ""})
}
