package api

import (
	"context"
	_ "embed"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/bearertoken"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/ratelimit"
)

// Prefix begins every address of this door.
const Prefix = "/api/v1/"

// The scopes that open routes.
const (
	scopeTransfers = directory.ScopeTransfers
	scopeMail      = "mail"
	scopeAccess    = "access_admin"
)

// Tokens says whose access token it is, where it counts at this moment; else an Unauthenticated fault. // idp/token
type Tokens interface {
	Verify(ctx context.Context, bearer string) (Caller, error)
}

// Bounces takes notice of a mail that was not delivered. // directory.Invitations
type Bounces interface {
	Bounced(ctx context.Context, address, reason string) error
}

// Caller is the application behind a token.
type Caller struct {
	Application  directory.ApplicationID
	ClientID     string
	Installation bool // the installation's own, not an organization's
	Scopes       []string
	Audience     []string
	Organization directory.OrganizationID // the token is for this one alone; zero: for all that the application serves
	Serves       func(directory.OrganizationID) bool
}

// Config is what the door stands on.
type Config struct {
	Issuer    string
	Directory *directory.Directory
	Tokens    Tokens
	Bounces   Bounces // nil: nobody takes notice, and the address is not there
	Limiter   *ratelimit.Limiter
	Log       *slog.Logger
}

// Handler answers everything below Prefix.
type Handler struct {
	Config
	audience string
	routes   []route
}

// New makes the handler.
func New(c Config) *Handler {
	h := &Handler{Config: c, audience: c.Issuer + strings.TrimSuffix(Prefix, "/")}
	h.routes = routes()
	if c.Bounces == nil {
		h.routes = slices.DeleteFunc(h.routes, func(r route) bool { return r.scope == scopeMail })
	}
	return h
}

// route is one address with its method; {id} in the path stands for one segment. Without a scope it is open to everybody.
type route struct {
	method, path string
	scope        string
	query        []string // parameters that it takes
	serve        func(*exchange) error
}

func routes() []route {
	return []route{
		{method: http.MethodGet, path: "openapi.json", serve: (*exchange).describe},
		{http.MethodGet, "transfers", scopeTransfers, []string{"organization", "cursor"}, (*exchange).listTransfers},
		{http.MethodGet, "transfers/{id}", scopeTransfers, nil, (*exchange).getTransfer},
		{http.MethodPost, "transfers/{id}/acknowledge", scopeTransfers, nil, (*exchange).acknowledge},
		{http.MethodPost, "mail/bounces", scopeMail, nil, (*exchange).bounced},
		{http.MethodPost, "access/recalculations", scopeAccess, nil, (*exchange).recalculate},
		{http.MethodGet, "access/recalculations/{id}", scopeAccess, nil, (*exchange).recalculation},
	}
}

// match is the route of a request; where only the method is another one, the methods that there are.
func (h *Handler) match(method, path string) (found route, id string, allowed []string) {
	parts := strings.Split(path, "/")
	for _, r := range h.routes {
		want := strings.Split(r.path, "/")
		if len(want) != len(parts) {
			continue
		}
		var at string
		same := true
		for i := range want {
			if want[i] == "{id}" {
				at = parts[i]
			} else {
				same = same && want[i] == parts[i]
			}
		}
		switch {
		case !same:
		case r.method == method:
			return r, at, nil
		default:
			allowed = append(allowed, r.method)
		}
	}
	return route{}, "", allowed
}

// exchange is one request on its way through.
type exchange struct {
	h      *Handler
	w      http.ResponseWriter
	r      *http.Request
	ctx    context.Context
	id     string
	query  url.Values
	caller Caller
}

// ServeHTTP answers every request, refusals included, in this door's own form.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{h: h, w: w, r: r, ctx: r.Context()}
	if err := x.serve(); err != nil {
		x.refuse(err)
	}
}

// serve is the guard: route, token, scope, pace, parameters; then the route's own function.
func (x *exchange) serve() error {
	path, _ := strings.CutPrefix(x.r.URL.EscapedPath(), Prefix)
	found, id, allowed := x.h.match(x.r.Method, path)
	if found.serve == nil {
		if len(allowed) == 0 {
			return errNoRoute
		}
		x.w.Header().Set("Allow", strings.Join(allowed, ", "))
		return errMethod
	}
	x.id = id
	if found.scope != "" {
		if err := x.authenticate(found.scope); err != nil {
			return err
		}
	}
	if err := x.readQuery(found.query); err != nil {
		return err
	}
	return found.serve(x)
}

// perMinute is how many requests an application may send: far above what moving records takes.
var perMinute = ratelimit.Rule{Scope: "api.client", Max: 1200, Window: time.Minute}

// authenticate takes a client's own token for this address with the scope, and no other (RFC 6750 §2.1).
func (x *exchange) authenticate(scope string) error {
	bearer := bearertoken.Of(x.r.Header["Authorization"])
	if bearer == "" {
		return errNoToken
	}
	var err error
	if x.caller, err = x.h.Tokens.Verify(x.ctx, bearer); err != nil {
		if fault.Is(err, fault.Unauthenticated) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) {
			return errToken.Because(err)
		}
		return err
	}
	if !slices.Contains(x.caller.Audience, x.h.audience) {
		return errToken
	}
	if !slices.Contains(x.caller.Scopes, scope) {
		return insufficient{scope}
	}
	a := actor.From(x.ctx) // keeps the request's id and address
	a.Kind, a.ID, a.Name = actor.Application, x.caller.Application.String(), x.caller.ClientID
	a.Organization = x.caller.Organization.String()
	x.ctx = actor.With(x.ctx, a)
	allowed, wait, err := x.h.Limiter.Take(x.ctx, perMinute, x.caller.ClientID)
	if err == nil && !allowed {
		err = errTooMany.After(wait)
	}
	return err
}

// readQuery takes each parameter once, and only those of the route.
func (x *exchange) readQuery(known []string) error {
	var err error
	if x.query, err = url.ParseQuery(x.r.URL.RawQuery); err != nil {
		return errQuery
	}
	for name, values := range x.query {
		if !slices.Contains(known, name) || len(values) != 1 {
			return errQuery
		}
	}
	return nil
}

//go:embed openapi.json
var description []byte

// describe answers what this door offers (OpenAPI 3.1).
func (x *exchange) describe() error {
	x.w.Header().Set("Cache-Control", "public, max-age=3600")
	x.write(http.StatusOK, "application/json", description)
	return nil
}
