// Package saml is the door of SAML 2.0: it reads requests strictly, asks the packages below, and answers in the protocol's
// words. What the messages are made of is the package wire's; who may rely on us is kept by Providers.
//
// The installation is one identity provider, and each organization that has service providers of its own is another, with
// its own entity ID, under its own address.
//
// Invariants:
//   - Nothing is answered to an address that the registration does not have (TestNothingIsAnsweredUnproven).
//   - A request counts once (TestARequestCountsOnce), and is looked at when it arrives, however long the sign-in takes
//     (TestASlowSignInKeepsItsRequest).
//   - Whether a service provider is enabled is read again when it is answered (TestWall053_DisabledInTheMiddle).
//   - No sign-in is said to be more than it was (TestWall055_RequestedContext).
//   - A sign-out ends the session before anybody is told of it (TestTheSessionEndsFirst).
//   - Only the one gate lets anybody in, and nothing outlives what it allows (TestAssertionsEndWithTheMembership).
package saml

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"portvakt/idp/application"
	"portvakt/idp/gate"
	"portvakt/idp/interaction"
	"portvakt/idp/saml/wire"
	"portvakt/idp/session"
	"portvakt/idp/token"
	pages "portvakt/idp/web"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

const protocol = "saml"

// The addresses, below the issuer, and below them those of an organization.
const (
	pathRoot         = "/saml"
	pathOrganization = "/saml/o/"

	endMetadata = "/metadata"
	endSSO      = "/sso"
	endSLO      = "/slo"
	endArtifact = "/artifact"
	endInit     = "/init/"
)

// Deps are what a Handler stands on.
type Deps struct {
	DB           *sqldb.DB
	Directory    *directory.Directory
	Providers    *Providers
	Clients      *application.Clients
	Certificates *Certificates
	Gate         *gate.Gate
	Claims       token.Claims
	Keys         *secret.Keys
	Sessions     *session.Sessions
	Interactions *interaction.Service
	Pages        *pages.Pages
	Outside      Outside
	Log          *slog.Logger
	Issuer       string
	Name         string             // of the installation in our metadata; "": not said
	Contacts     []wire.Contact     // there
	Organization *wire.Organization // who runs the installation; nil: not said
	Patience     time.Duration      // how long a sign-out waits for who is told without the browser; 0: three seconds
}

// Handler answers the protocol.
type Handler struct {
	Deps
	names     namer
	documents sync.Map // entity ID → *document
}

// New makes the handler and registers it with the conversation under "saml".
func New(d Deps) (*Handler, error) {
	u, err := url.Parse(d.Issuer)
	if err != nil || u.Host == "" || strings.HasSuffix(d.Issuer, "/") {
		return nil, errors.New("saml: the issuer is an address without final slash")
	}
	h := &Handler{Deps: d, names: namer{key: d.Keys.Derive("saml names"), scope: u.Hostname()}}
	if d.Interactions != nil {
		d.Interactions.Register(protocol, h)
	}
	d.Sessions.Send(h)
	return h, nil
}

// Caller says who may call an address.
type Caller string

// The callers.
const (
	Anybody         Caller = "anybody"          // what is answered is public
	Browser         Caller = "browser"          // a person, by session and conversation
	ServiceProvider Caller = "service provider" // signs every request
)

// Route is one address; {organization} and {application} stand for names.
type Route struct {
	Path      string
	Methods   []string
	Handler   http.Handler
	Who       Caller
	CrossSite bool // exempt from the guard against cross-site requests: other sites send people here, or no cookie counts
}

// Routes are all addresses: the installation's, then the organizations'.
func (h *Handler) Routes() []Route {
	post, read, both := []string{"POST"}, []string{"GET", "HEAD"}, []string{"GET", "POST"}
	var out []Route
	for _, root := range []string{pathRoot, pathOrganization + "{organization}"} {
		out = append(out,
			Route{root + endMetadata, read, h.at(h.metadata), Anybody, true},
			Route{root + endSSO, both, h.at(h.sso), Browser, true},
			Route{root + endSLO, both, h.at(h.slo), Browser, true},
			Route{root + endArtifact, post, h.at(h.resolve), ServiceProvider, true},
			Route{root + endInit + "{application}", []string{"GET"}, h.at(h.initiate), Browser, true},
		)
	}
	return out
}

// entity is one identity provider: the installation's, or an organization's own.
type entity struct {
	owner directory.OrganizationID // zero: the installation
	slug  string                   // the owner's
	base  string                   // what its addresses begin with
}

// id is its entity ID: where its metadata is.
func (e entity) id() string { return e.base + endMetadata }

// entityOf is the identity provider at the address of an organization, or the installation's for "".
func (h *Handler) entityOf(r *http.Request, slug string) (entity, error) {
	e := entity{slug: slug, base: h.Issuer + pathRoot}
	if slug == "" {
		return e, nil
	}
	e.base = h.Issuer + pathOrganization + slug
	var err error
	e.owner, err = ownerBySlug(r.Context(), h.DB, slug)
	return e, err
}

// at finds whose address a request is for.
//
// Invariant: an organization without service providers has no more addresses than one that does not exist
// (TestOrganizationsAddresses).
func (h *Handler) at(answer func(http.ResponseWriter, *http.Request, entity)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		slug := ""
		if rest, ok := strings.CutPrefix(r.URL.Path, pathOrganization); ok {
			slug, _, _ = strings.Cut(rest, "/")
		}
		e, err := h.entityOf(r, slug)
		if err != nil {
			h.page(w, r, err)
			return
		}
		answer(w, r, e)
	})
}

// issuer writes our messages in the name of the entity.
func (h *Handler) issuer(r *http.Request, e entity) (wire.Issuer, error) {
	return h.issuerOf(r.Context(), e)
}
