// Package demo is Fjordkontor, a small CRM that lets Portvakt sign its people in.
//
// It is an example to copy from: it uses coreos/go-oidc and golang.org/x/oauth2 as any customer's application would, and
// nothing else of Portvakt. signin.go is the authorization code flow, session.go what is kept about a browser, actions.go
// what a signed-in person can press, backchannel.go how Portvakt ends sign-ins here, page.go what is shown.
//
// What it is not: durable. Sessions live in memory, up to a limit, until they are ended; a real application keeps them in
// its database and gives them a longest life.
//
// Invariant: no page, answer or log holds a token, a code or a secret; only decoded claims are shown (TestNoTokensShown).
package demo

import (
	"context"
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

//go:embed templates static
var files embed.FS

// Config is what an application must know to let Portvakt sign people in.
type Config struct {
	Issuer       string           // where Portvakt is: http://localhost:8080
	ClientID     string           // as registered with Portvakt
	ClientSecret string           // as registered with Portvakt
	BaseURL      string           // where this application is: http://localhost:9000
	HTTPClient   *http.Client     // reaches the issuer; nil: the system's certificates and a timeout of 10 s
	Log          *slog.Logger     // nil: no log
	Now          func() time.Time // nil: the machine's clock
}

// App is the application; New makes one.
type App struct {
	config Config
	client *http.Client
	log    *slog.Logger
	now    func() time.Time
	pages  *template.Template

	discovery sync.Mutex
	found     *provider // nil until the issuer has answered once

	attempts   *memory[attempt]  // by state: sign-ins that have begun
	departures *memory[string]   // by state: browsers that are signing out at the issuer
	sessions   *memory[session]  // by cookie value
	logouts    *memory[struct{}] // by jti: logout tokens that were obeyed
}

// New makes the application. It does not need the issuer yet: discovery happens when somebody signs in.
func New(config Config) *App {
	config.BaseURL = strings.TrimRight(config.BaseURL, "/")
	a := &App{
		config: config, client: config.HTTPClient, log: config.Log, now: config.Now,
		attempts: newMemory[attempt](), departures: newMemory[string](),
		sessions: newMemory[session](), logouts: newMemory[struct{}](),
	}
	if a.client == nil {
		a.client = &http.Client{Timeout: 10 * time.Second}
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.now == nil {
		a.now = time.Now
	}
	a.pages = parsePages()
	return a
}

// Handler answers all requests of the application.
func (a *App) Handler() http.Handler {
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // only if the folder were not embedded
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("GET /login", a.login)
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("GET /signed-out", a.signedOut)
	mux.HandleFunc("POST /refresh", a.refresh)
	mux.HandleFunc("POST /userinfo", a.askUserinfo)
	mux.HandleFunc("POST /sign-out", a.signOut)
	mux.HandleFunc("POST /sign-out-here", a.signOutHere)
	mux.HandleFunc("POST /backchannel-logout", a.backchannelLogout)
	mux.HandleFunc("GET /api/me", a.me)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { a.fail(w, refuse("not_found", nil)) })
	// A form on another site cannot press our buttons. Portvakt's own POST comes from a server and has no Origin.
	return headers(http.NewCrossOriginProtection().Handler(mux))
}

// headers are the same for all answers. There is no form-action in the policy on purpose: browsers apply it to the
// redirects after a form too, and the issuer may send people on to where their organization signs in.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // codes and states stand in addresses
		h.Set("Cache-Control", "no-store")
		if strings.HasPrefix(r.URL.Path, "/static/") {
			h.Set("Cache-Control", "public, max-age=300")
		}
		next.ServeHTTP(w, r)
	})
}

// provider is what discovery told about the issuer, made ready for use.
type provider struct {
	*oidc.Provider
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	metadata struct {
		EndSession  string `json:"end_session_endpoint"`
		SendsIssuer bool   `json:"authorization_response_iss_parameter_supported"`
	}
}

// scopes are what Fjordkontor wants to know and do. organization and access are Portvakt's: which organization the person
// works for now, and what they may do there.
var scopes = []string{oidc.ScopeOpenID, "profile", "email", "phone", oidc.ScopeOfflineAccess, "organization", "access"}

// outgoing makes the libraries use our HTTP client.
func (a *App) outgoing(ctx context.Context) context.Context { return oidc.ClientContext(ctx, a.client) }

// issuer discovers the issuer once. A failure is not kept: the next request tries again.
func (a *App) issuer(ctx context.Context) (*provider, error) {
	a.discovery.Lock()
	defer a.discovery.Unlock()
	if a.found != nil {
		return a.found, nil
	}
	discovered, err := oidc.NewProvider(a.outgoing(ctx), a.config.Issuer)
	if err != nil {
		return nil, refuse("issuer_unreachable", err)
	}
	p := &provider{Provider: discovered}
	if err := discovered.Claims(&p.metadata); err != nil {
		return nil, refuse("issuer_unreachable", err)
	}
	p.oauth = oauth2.Config{
		ClientID: a.config.ClientID, ClientSecret: a.config.ClientSecret,
		Endpoint: discovered.Endpoint(), RedirectURL: a.config.BaseURL + "/callback", Scopes: scopes,
	}
	// Said, not guessed: the guess costs a refused request, and a code works only once.
	p.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	p.verifier = discovered.Verifier(&oidc.Config{ClientID: a.config.ClientID, Now: a.now})
	a.found = p
	return p, nil
}
