// Package interaction is the conversation in which a person signs in on behalf of a protocol request, or for the account
// page. It is stored, bound to one browser, and driven by one dispatcher: every step is a page that proves or decides
// one thing, writes it into the stored conversation and returns to the dispatcher, which alone knows what comes next.
//
//	passkey, or e-mail → password → second factor → new password, where the one shown is initial → a second factor set up, where one is
//	demanded → recovery codes → organization or invitation → consent → the protocol's Finisher
//
// Steps know nothing of each other; a new one is one more question in decide.go.
//
// Invariant: identifier and browser cookie must both match at every step; one alone is worthless (TestOtherBrowser).
// Invariant: no step is taken out of order: what a form may do follows from the stored state (TestStepsOutOfOrder).
// Invariant: until everything needed is proven there is no session, and what has been proven is only in the stored
// conversation of that browser, whose cookie changes with the proof (TestHalfProvenIsNoSession, TestFixation).
// Invariant: up to the password nothing differs by who the person is (TestWall086_StrangersLearnAndCostTheSame).
// Invariant: a conversation ends once (TestFinishOnce).
package interaction

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"portvakt/idp/application"
	"portvakt/idp/credential"
	"portvakt/idp/gate"
	"portvakt/idp/session"
	pages "portvakt/idp/web"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

type interactionPrefix struct{}

func (interactionPrefix) Prefix() string { return "int" }

// ID identifies a conversation.
type ID = sqldb.ID[interactionPrefix]

// ParseID reads a conversation's outside identifier.
func ParseID(s string) (ID, error) { return sqldb.ParseID[interactionPrefix](s) }

// Needs is what a protocol request demands of the sign-in.
type Needs struct {
	Organization       string           `json:"organization,omitempty"` // slug; a hard constraint
	ForceLogin         bool             `json:"force_login,omitempty"`
	SelectOrganization bool             `json:"select_organization,omitempty"`
	ForceConsent       bool             `json:"force_consent,omitempty"`
	MaxAge             *time.Duration   `json:"max_age,omitempty"`
	ACRValues          []string         `json:"acr_values,omitempty"`    // wishes, the most wanted first
	ACREssential       []string         `json:"acr_essential,omitempty"` // one of these, or nothing
	LoginHint          string           `json:"login_hint,omitempty"`
	UILocales          string           `json:"ui_locales,omitempty"`
	Scopes             []string         `json:"scopes,omitempty"`
	ConsentNeeded      bool             `json:"consent_needed,omitempty"` // the person must have agreed to the scopes
	UserHint           directory.UserID `json:"user_hint,omitzero"`       // nobody else will do

	least string // the class that the application demands of every sign-in; "" none
}

// Begin is what a protocol hands in.
type Begin struct {
	Protocol    string // under which its Finisher is registered: "oidc"
	Grant       string // what is issued at the end; "": gate.GrantAuthorize
	Application directory.Application
	Request     json.RawMessage // the checked request; opaque here, given back at the end
	Needs       Needs
	RedirectURI string // where the application will be answered, for the pages' form-action; may be empty
}

// Outcome is a finished conversation: who signed in, how, and the gate's pass for the membership and application.
type Outcome struct {
	Session session.Session
	Pass    gate.Pass
	SID     session.SID
	Request json.RawMessage
}

// Finisher answers the protocol request.
type Finisher interface {
	Finish(w http.ResponseWriter, r *http.Request, o Outcome)
	Refuse(w http.ResponseWriter, r *http.Request, request json.RawMessage, reason *fault.Fault)
}

// Links sends people links with which they choose a password, and codes; account.
type Links interface {
	// Request sends a link where somebody with the address may get one. It behaves the same whether or not.
	Request(ctx context.Context, email directory.Email, from string, i ID) error
	// MailCode has a code mailed to whoever has shown the password in the conversation, and refuses where too many were.
	MailCode(ctx context.Context, e credential.Evidence, i ID) error
}

// The reasons why a request cannot be satisfied; the codes are those of OpenID Connect Core §3.1.2.6.
var (
	ErrLoginRequired       = fault.New(fault.Unauthenticated, "login_required", "The person must sign in")
	ErrInteractionRequired = fault.New(fault.Unauthenticated, "interaction_required", "The person must choose an organization")
	ErrConsentRequired     = fault.New(fault.Unauthenticated, "consent_required", "The person must agree")
	ErrAccessDenied        = fault.New(fault.Forbidden, "access_denied", "The person has no access")
	ErrCancelled           = fault.New(fault.Forbidden, "access_denied", "The person has cancelled")
	ErrUnmet               = fault.New(fault.Forbidden, "unmet_authentication_requirements", "The person cannot sign in as strongly as the request demands")
	ErrFactorRequired      = fault.New(fault.Unauthenticated, "interaction_required", "The application demands a second factor")
	ErrTooLarge            = fault.New(fault.Invalid, "request_too_large", "The request is too large")
)

// Config are the few things that differ between installations.
type Config struct {
	DevMail   string        // address of the captured mail under --dev, shown after a mail was asked for
	Name      string        // of the installation in authenticator apps; "": Portvakt
	LinkValid time.Duration // how long a mailed link works, as the page says it; 0: 30 minutes
}

// Service runs conversations.
type Service struct {
	db          *sqldb.DB
	dir         *directory.Directory
	clients     *application.Clients
	credentials *credential.Credentials
	sessions    *session.Sessions
	forms       *session.Forms
	pages       *pages.Pages
	log         *slog.Logger
	gate        *gate.Gate
	cfg         Config
	finishers   map[string]Finisher
	links       Links
}

// Deps are what a Service stands on.
type Deps struct {
	DB          *sqldb.DB
	Directory   *directory.Directory
	Clients     *application.Clients
	Credentials *credential.Credentials
	Sessions    *session.Sessions
	Forms       *session.Forms
	Gate        *gate.Gate
	Pages       *pages.Pages
	Log         *slog.Logger
}

// New makes the service; finishers and links are registered before it serves.
func New(d Deps, cfg Config) *Service {
	if cfg.LinkValid == 0 {
		cfg.LinkValid = 30 * time.Minute
	}
	cfg.Name = cmp.Or(cfg.Name, "Portvakt")
	return &Service{
		db: d.DB, dir: d.Directory, clients: d.Clients, credentials: d.Credentials, sessions: d.Sessions, forms: d.Forms,
		gate: d.Gate, pages: d.Pages, log: d.Log, cfg: cfg, finishers: map[string]Finisher{},
	}
}

// Register names the protocol's Finisher.
func (s *Service) Register(protocol string, f Finisher) { s.finishers[protocol] = f }

// UseLinks names who sends links.
func (s *Service) UseLinks(l Links) { s.links = l }

// Route is one address of ours.
type Route struct {
	Path    string
	Handler http.Handler
}

// The pages' addresses.
const (
	pathSignIn       = "/sign-in"
	pathPassword     = "/sign-in/password"
	pathForgot       = "/sign-in/forgot"
	pathSecondFactor = "/sign-in/second-factor"
	pathEnrolFactor  = "/sign-in/enrol-factor"
	pathRecovery     = "/sign-in/recovery-codes"
	pathNewPassword  = "/sign-in/new-password"
	pathOrganization = "/sign-in/organization"
	pathInvitation   = "/sign-in/invitation"
	pathConsent      = "/sign-in/consent"
	pathAccount      = "/account"
)

// Routes are all addresses of the conversation; each takes GET, HEAD and POST.
func (s *Service) Routes() []Route {
	return []Route{
		{pathSignIn, s.page(step{path: pathSignIn, show: s.showSignIn, take: s.takeEmail, also: []string{pathPassword, pathSecondFactor, pathEnrolFactor, pathNewPassword}})},
		{pathPassword, s.page(step{path: pathPassword, show: s.showPassword, take: s.takePassword})},
		{pathForgot, s.page(step{path: pathForgot, show: s.showMailSent, take: s.takeForgot, also: []string{pathPassword}})},
		{pathSecondFactor, s.page(step{path: pathSecondFactor, show: s.showSecondFactor, take: s.takeCode})},
		{pathEnrolFactor, s.page(step{path: pathEnrolFactor, show: s.showEnrolFactor, take: s.takeEnrolFactor})},
		{pathRecovery, s.page(step{path: pathRecovery, show: s.showRecoveryCodes, take: s.takeRecoveryCodes})},
		{pathNewPassword, s.page(step{path: pathNewPassword, show: s.showNewPassword, take: s.takeNewPassword})},
		{pathOrganization, s.page(step{path: pathOrganization, show: s.showOrganization, take: s.takeOrganization})},
		{pathInvitation, s.page(step{path: pathInvitation, show: s.showInvitation, take: s.takeInvitation})},
		{pathConsent, s.page(step{path: pathConsent, show: s.showConsent, take: s.takeConsent})},
		{pathWebAuthn, http.HandlerFunc(s.challenge)},
		{pathBrand + "{organization}" + fileLogo, http.HandlerFunc(s.brandFile)},
		{pathBrand + "{organization}" + fileAccent, http.HandlerFunc(s.brandFile)},
	}
}
