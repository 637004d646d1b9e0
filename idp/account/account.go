// Package account is what a person does with their own account: choose a first password or a new one through a mailed
// link, see where they belong and where they are signed in, answer invitations, sign out.
//
// A link's clear token exists in two places only: in the function that mails it, and in the mail. The store holds its
// hash. Showing a link consumes nothing; sending its form consumes it in one statement, together with all that follows.
//
// Invariant: asking for a link behaves the same for every address; who gets one is decided where nobody watches
// (TestForgotIsTheSameForEverybody).
// Invariant: a link works once, for the person and address it was made for, and a newer one voids it
// (TestLinkIsConsumedOnce, TestLinkIsVoidedByANewerOne, TestLinkOfSomebodyElseNow).
// Invariant: a new password, or a passkey instead, ends every session, and is stored only after the second factor, where one
// is enrolled (TestResetAsksForTheSecondFactor, TestResetEndsOtherSessions, TestResetByPasskeyAsksForTheSecondFactor).
// Invariant: links are built from the configured issuer, never from the request (TestLinksIgnoreTheHost).
package account

import (
	"cmp"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/directory"
	"portvakt/internal/mail"
	"portvakt/internal/outbox"
	"portvakt/internal/ratelimit"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// Config says where links lead and how long they work.
type Config struct {
	Issuer     string
	SetupValid time.Duration // 0: 24 hours
	ResetValid time.Duration // 0: 30 minutes
	DevMail    string        // address of the captured mail under --dev
	Name       string        // of the installation in authenticator apps; "": Portvakt
}

// Deps are what the account stands on.
type Deps struct {
	DB           *sqldb.DB
	Directory    *directory.Directory
	Credentials  *credential.Credentials
	Sessions     *session.Sessions
	Forms        *session.Forms
	Interactions *interaction.Service
	Pages        *pages.Pages
	Limiter      *ratelimit.Limiter
	Texts        *mail.Texts
	Sender       mail.Sender
	Log          *slog.Logger
}

// Account serves the person's own pages and mails.
type Account struct {
	db           *sqldb.DB
	dir          *directory.Directory
	credentials  *credential.Credentials
	sessions     *session.Sessions
	forms        *session.Forms
	interactions *interaction.Service
	pages        *pages.Pages
	limiter      *ratelimit.Limiter
	texts        *mail.Texts
	sender       mail.Sender
	log          *slog.Logger
	cfg          Config
}

// New makes the account and has the sign-in conversation ask it for links.
func New(d Deps, cfg Config) *Account {
	if cfg.SetupValid == 0 {
		cfg.SetupValid = 24 * time.Hour
	}
	if cfg.ResetValid == 0 {
		cfg.ResetValid = 30 * time.Minute
	}
	cfg.Name = cmp.Or(cfg.Name, "Portvakt")
	cfg.Issuer = strings.TrimSuffix(cfg.Issuer, "/")
	a := &Account{
		db: d.DB, dir: d.Directory, credentials: d.Credentials, sessions: d.Sessions, forms: d.Forms, interactions: d.Interactions,
		pages: d.Pages, limiter: d.Limiter, texts: d.Texts, sender: d.Sender, log: d.Log, cfg: cfg,
	}
	d.Interactions.UseLinks(a)
	return a
}

// The events of accounts.
const (
	EventLinkRequested   = "account.link_requested"
	EventPasswordChanged = interaction.EventPasswordChanged
)

// event is what an event about an account says.
type event struct {
	User        string `json:"user"` // "" where nobody gets anything: the event is there so that everybody's request is the same
	Interaction string `json:"interaction,omitempty"`
}

// Subscribe has the mails written.
func (a *Account) Subscribe(o *outbox.Outbox) {
	o.Subscribe(directory.EventMembershipCreated, "account.welcome", a.welcome)
	o.Subscribe(directory.EventInvitationResent, "account.invitation", a.welcome)
	o.Subscribe(directory.EventInvitationUnanswered, "account.reminder", a.welcome)
	o.SubscribeBefore(outbox.Awaited, EventLinkRequested, "account.link", a.sendLink)
	o.SubscribeBefore(outbox.Awaited, EventCodeRequested, "account.code", a.sendCode)
	o.Subscribe(EventPasswordChanged, "account.password_changed", a.tellPasswordChanged)
	for kind := range securityKinds {
		o.Subscribe(kind, "account.security", a.tellSecurity)
	}
	o.Subscribe(directory.EventUserEmailChanged, "account.email_changed", a.tellEmailChanged)
	a.subscribeOwn(o)
	o.Subscribe(directory.EventUserFactorsReset, "account.factors_reset", a.tellFactorsReset)
	o.Subscribe(credential.EventKeyAdded, "account.key_added", a.tellKeyChanged(mail.KeyAdded))
	o.Subscribe(credential.EventKeyRemoved, "account.key_removed", a.tellKeyChanged(mail.KeyRemoved))
	o.Subscribe(credential.EventKeySuspicious, "account.key_suspicious", a.tellKeyChanged(mail.KeySuspicious))
	o.Subscribe(directory.EventUserErased, "account.forget", directory.OfErased(a.forget))
}

// The addresses.
const (
	pathAccount  = "/account"
	pathSignOut  = "/account/sign-out"
	pathSetup    = "/account/setup"
	pathSetupKey = "/account/setup/webauthn/options"
	pathPassword = "/account/password"
	pathChange   = "/.well-known/change-password"
	pathSignIn   = "/sign-in"

	pathPreferences  = "/account/preferences"
	pathFactors      = "/account/factors"
	pathTOTP         = "/account/factors/totp"
	pathSecurity     = "/account/security"
	pathApplications = "/account/applications"
	pathHistory      = "/account/history"
	pathData         = "/account/data"
	pathErasure      = "/account/erasure"
	pathLeave        = "/account/leave"
	pathEmail        = "/account/email"
	pathEmailConfirm = "/account/email/confirm"
	pathEmailUndo    = "/account/email/undo"
)

// Routes are all addresses of the account; each handler answers other methods than its own with 405.
func (a *Account) Routes() []interaction.Route {
	return []interaction.Route{
		{Path: pathAccount, Handler: a.methods(a.show, a.act)},
		{Path: pathSignOut, Handler: a.methods(nil, a.act)},
		{Path: pathSetup, Handler: a.methods(a.showSetup, a.takeSetup)},
		{Path: pathSetupKey, Handler: http.HandlerFunc(a.newSetupKey)},
		{Path: pathPreferences, Handler: a.methods(a.showPreferences, a.savePreferences)},
		{Path: pathFactors, Handler: a.methods(a.showFactors, a.actFactors)},
		{Path: pathTOTP, Handler: a.methods(a.showTOTP, a.takeTOTP)},
		{Path: pathPassword, Handler: a.methods(a.showPassword, a.takePassword)},
		{Path: pathKeys, Handler: a.methods(a.showKeys, a.changeKeys)},
		{Path: pathNewKey, Handler: http.HandlerFunc(a.newKey)},
		{Path: pathChange, Handler: a.methods(toPassword, nil)},
		{Path: pathSecurity, Handler: a.methods(a.showSecurity, a.actSecurity)},
		{Path: pathApplications, Handler: a.methods(a.showApplications, a.actApplications)},
		{Path: pathHistory, Handler: a.methods(a.showHistory, nil)},
		{Path: pathData, Handler: a.methods(a.showData, a.actData)},
		{Path: pathErasure, Handler: a.methods(a.showErasure, a.takeErasure)},
		{Path: pathLeave, Handler: a.methods(a.showLeave, a.takeLeave)},
		{Path: pathEmail, Handler: a.methods(a.showEmail, a.takeEmail)},
		{Path: pathEmailConfirm, Handler: a.methods(a.showConfirm, a.takeConfirm)},
		{Path: pathEmailUndo, Handler: a.methods(a.showUndo, a.takeUndo)},
	}
}

// toPassword follows the W3C's well-known address for password managers.
func toPassword(w http.ResponseWriter, r *http.Request) { web.SeeOther(w, r, pathPassword) }
