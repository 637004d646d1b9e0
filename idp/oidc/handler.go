// Package oidc is the door of OAuth 2.0 and OpenID Connect: it reads requests strictly, asks the packages below, and
// answers in the protocol's words. The back channel (token, introspection, revocation) stands on op.Server of
// zitadel/oidc behind a guard of our own; the front channel, userinfo and the documents are our own.
//
// Invariants:
//   - Application and redirect URI are proven before anything is redirected (TestNothingRedirectsUnproven).
//   - Every authorization response carries iss and, where it was sent, state, in the response mode that was asked for.
//   - The back channel reads a form body, POST, each parameter once, nothing from the URL (TestBackChannelIsStrict), and
//     authenticates the client before anything else. No answer of it is cached.
//   - Types of zitadel/oidc do not leave this package.
package oidc

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"portvakt/idp/application"
	"portvakt/idp/gate"
	"portvakt/idp/interaction"
	"portvakt/idp/session"
	"portvakt/idp/signing"
	"portvakt/idp/token"
	pages "portvakt/idp/web"
	"portvakt/internal/sqldb"
	"portvakt/internal/web"
)

// Poster posts a form to an application's address and answers the status. outgoing.ErrRefused means never.
type Poster interface { // outgoing.Client, through cmd
	PostForm(ctx context.Context, target string, values url.Values) (status int, err error)
}

// The addresses, below the issuer.
const (
	pathAuthorize     = "/oauth2/authorize"
	pathToken         = "/oauth2/token"
	pathIntrospect    = "/oauth2/introspect"
	pathRevoke        = "/oauth2/revoke"
	pathUserinfo      = "/oauth2/userinfo"
	pathKeys          = "/oauth2/jwks"
	pathLogout        = "/oauth2/logout"
	pathConfiguration = "/.well-known/openid-configuration"
	pathServer        = "/.well-known/oauth-authorization-server"
)

// Deps are what a Handler stands on.
type Deps struct {
	DB           *sqldb.DB
	Clients      *application.Clients
	Tokens       *token.Service
	Ring         *signing.Ring
	Sessions     *session.Sessions
	Forms        *session.Forms
	Interactions *interaction.Service
	Pages        *pages.Pages
	Poster       Poster
	Log          *slog.Logger
	Issuer       string
}

// Handler answers the protocol.
type Handler struct {
	Deps
	document *web.Document
	keys     keySet
	back     http.Handler // op.Server
}

// New makes the handler and registers it with the conversation under "oidc".
func New(d Deps) (*Handler, error) {
	u, err := url.Parse(d.Issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.HasSuffix(d.Issuer, "/") {
		return nil, errors.New("oidc: the issuer is an address without query, fragment and final slash")
	}
	h := &Handler{Deps: d}
	if h.document, err = web.NewDocument(h.configuration()); err != nil {
		return nil, err
	}
	h.keys.ring = d.Ring
	h.back = newBackChannel(h)
	if d.Interactions != nil {
		d.Interactions.Register(protocol, h)
	}
	return h, nil
}

// Caller says who may call an address.
type Caller string

// The callers.
const (
	Anybody     Caller = "anybody"      // what is answered is public, or decided by what the request proves later
	Client      Caller = "client"       // authenticates in every request
	AccessToken Caller = "access token" // of ours, with the scope openid
	Browser     Caller = "browser"      // a person, by session and conversation
)

// Route is one address: who may call it, and whether other sites may send forms to it.
type Route struct {
	Path      string
	Methods   []string
	Handler   http.Handler
	Who       Caller
	CrossSite bool // exempt from the guard against cross-site requests: it has one of its own, or no cookie counts
}

// Routes are all addresses, the hot ones first.
func (h *Handler) Routes() []Route {
	post, read, both := []string{"POST"}, []string{"GET", "HEAD"}, []string{"GET", "POST"}
	return []Route{
		{pathToken, post, h.guard(h.back, public), Client, true},
		{pathIntrospect, post, h.guard(h.back, confidential), Client, true},
		{pathUserinfo, both, http.HandlerFunc(h.userinfo), AccessToken, true},
		{pathAuthorize, both, http.HandlerFunc(h.authorize), Browser, true},
		{pathKeys, read, &h.keys, Anybody, true},
		{pathConfiguration, read, h.document, Anybody, true},
		{pathServer, read, h.document, Anybody, true},
		{pathRevoke, post, h.guard(h.back, public), Client, true},
		{pathLogout, both, http.HandlerFunc(h.logout), Browser, true},
	}
}

// SIDs lets tokens name sessions: token and session stand beside each other and know nothing of one another.
func SIDs(s *session.Sessions) token.SIDs { return sids{s} }

type sids struct{ sessions *session.Sessions }

// SID is the sid of a live session in the organization of the pass; the application counts as opened there.
func (s sids) SID(ctx context.Context, tx *sqldb.Tx, id token.SessionID, pass gate.Pass) (token.SID, error) {
	st := pass.Standing()
	sid, err := s.sessions.Sid(ctx, tx, session.Session{ID: session.ID(id), User: st.User, UserEpoch: st.UserEpoch}, pass)
	if err != nil {
		return token.SID{}, err
	}
	return token.SID(sid), s.sessions.Used(ctx, tx, sid, pass.Application())
}
