// Package web holds the pages of the sign-in conversation and of the account: for each page one view struct, one
// template and one method that writes it. It decides nothing and knows no handler, session or database; interaction,
// account and oidc fill in the views.
//
// Names of fields and ids of buttons are public API, the same in every language: password managers, browser tests and
// the conformance suite rely on them (TestContract).
//
// Forms carry no action: they post to the address of the page, so the language that the person chose stays. Every form
// of a conversation holds the hidden fields i (interaction) and csrf; the buttons beside continue send a field action.
package web

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"portvakt/internal/web"
)

//go:embed templates locales
var files embed.FS

// Locales are the texts of these pages, for web.Config.Locales.
func Locales() embed.FS { return files }

// The values of the field action that buttons send; continue buttons send none.
const (
	ActionCancel     = "cancel"
	ActionForgot     = "forgot"
	ActionResend     = "resend"
	ActionAccept     = "accept"
	ActionDeny       = "deny"
	ActionSignOut    = "sign-out"
	ActionEndSession = "end-session"

	ActionMailCode    = "mail-code"
	ActionEnrol       = "enrol"
	ActionForgetEmail = "forget-email"
	ActionTOTP        = "totp"
	ActionRecovery    = "recovery"
	ActionRemoveTOTP  = "remove-totp"
	ActionNewRecovery = "new-recovery-codes"
	ActionEndDevice   = "end-device"
)

// Frame is what every page takes besides its own content.
type Frame struct {
	Status       int            // HTTP status; 0 means 200
	UILocales    string         // ui_locales of the request that began the conversation
	UserLanguage string         // the person's own choice of language, once we may show that we know it
	Location     *time.Location // the person's time zone; nil shows UTC
	CSRF         string         // value of the hidden field csrf
	Notice       Notice         // one message above the content; empty for none
	Retry        time.Duration  // when to try again, for NoticeTooMany
	// Brand is how the page looks, of the organization that it is about; nil: as the installation.
	Brand func(context.Context) web.Brand
}

// Conversation is the frame of a page that belongs to a sign-in on behalf of an application.
type Conversation struct {
	Frame
	Interaction string    // value of the hidden field i
	Application string    // name of the application; empty when the person came on their own
	RedirectURI string    // where the application will be answered, so that the page's policy lets the answer through
	PolicyURI   string    // the application's privacy policy; may be empty
	TermsURI    string    // the application's terms of use; may be empty
	Passkey     *Ceremony // passkeys and security keys can be used here; nil: they cannot
}

// page is one row of the table of pages.
type page struct {
	name  string // data-page, and the template's file name
	title string // key of the title
	width web.Width
	// script is the page's only script. No page needs one to work.
	script string
}

// pages are all pages; a view's method names its row.
var pages = []page{
	{name: "sign-in", title: "sign_in.title", script: webauthnScript},
	{name: "password", title: "password.title", script: webauthnScript},
	{name: "mail-sent", title: "mail_sent.title"},
	{name: "second-factor", title: "second_factor.title", script: webauthnScript},
	{name: "enrol-factor", title: "enrol_factor.title", script: webauthnScript},
	{name: "recovery-codes", title: "recovery_codes.title"},
	{name: "factors", title: "factors.title", width: web.Wide},
	{name: "new-password", title: "new_password.title", script: webauthnScript},
	{name: "link-expired", title: "link_expired.title"},
	{name: "organization", title: "organization.title"},
	{name: "invitation", title: "invitation.title"},
	{name: "consent", title: "consent.title"},
	{name: "account", title: "account.title", width: web.Wide},
	{name: "preferences", title: "preferences.title"},
	{name: "account-security", title: "account_security.title", width: web.Wide},
	{name: "account-applications", title: "account_applications.title", width: web.Wide},
	{name: "account-history", title: "account_history.title", width: web.Wide},
	{name: "account-data", title: "account_data.title", width: web.Wide},
	{name: "account-erasure", title: "account_erasure.title"},
	{name: "account-leave", title: "account_leave.title"},
	{name: "account-email", title: "account_email.title"},
	{name: "account-email-link", title: "account_email.title"},
	{name: "change-password", title: "account.change_password"},
	{name: "keys", title: "keys.title", width: web.Wide, script: webauthnScript},
	{name: "sign-out", title: "sign_out.title"},
	{name: "signed-out", title: "signed_out.title"},
	{name: "signing-out", title: "signing_out.title"},
	{name: "form-post", title: "form_post.title", script: "form-post.js"},
	{name: "dev-mail", title: "dev_mail.title", width: web.Wide},
	{name: "dev-message", title: "dev_mail.title", width: web.Wide},
}

// Pages writes the pages. It is immutable and shared by all requests.
type Pages struct {
	renderer *web.Renderer
	parsed   map[string]parsedPage
}

type parsedPage struct {
	page
	template *web.Template
}

// New parses all pages; the renderer must have been given Locales.
func New(renderer *web.Renderer) (*Pages, error) {
	p := &Pages{renderer: renderer, parsed: make(map[string]parsedPage, len(pages))}
	for _, row := range pages {
		t, err := renderer.Template(files, "templates/partials.html", "templates/passkey.html", "templates/new-password-fields.html", "templates/own-partials.html", "templates/"+row.name+".html")
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", row.name, err)
		}
		p.parsed[row.name] = parsedPage{page: row, template: t}
	}
	return p, nil
}

// shown is one answer: which page, with what, and where its forms may lead beside our own pages.
type shown struct {
	name  string
	frame Frame
	view  any
	leads string
}

func (p *Pages) write(w http.ResponseWriter, r *http.Request, s shown) {
	row, name, f := p.parsed[s.name], s.name, s.frame
	status := f.Status
	if status == 0 {
		status = http.StatusOK
	}
	if f.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((f.Retry+time.Second-1)/time.Second)))
	}
	if name == "dev-message" {
		name = "dev-mail"
	}
	var leads []string
	if s.leads != "" {
		leads = []string{s.leads}
	}
	var brand web.Brand
	if f.Brand != nil {
		brand = f.Brand(r.Context())
	}
	p.renderer.Render(w, r, status, web.Page{
		Name: name, Title: row.title, Template: row.template, View: s.view, Width: row.width, Script: row.script,
		UILocales: f.UILocales, UserLanguage: f.UserLanguage, FormAction: leads, Brand: brand,
	})
}

// Language is the language that a page of this frame is shown in; mails that the request causes speak it too.
func (p *Pages) Language(r *http.Request, f Frame) web.Language {
	return p.renderer.Language(r, web.Page{UILocales: f.UILocales, UserLanguage: f.UserLanguage})
}

// Error writes the error page; see web.Renderer.Error.
func (p *Pages) Error(w http.ResponseWriter, r *http.Request, status int, problem web.Problem) {
	p.renderer.Error(w, r, status, problem)
}

// Fault writes the error page for a fault; see web.Renderer.Fault.
func (p *Pages) Fault(w http.ResponseWriter, r *http.Request, err error) { p.renderer.Fault(w, r, err) }
