package main

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"portvakt/authz/authzen"
	"portvakt/internal/api"
	"portvakt/internal/fault"
	"portvakt/scim"
)

// handler is every address of the service. The addresses of the protocols are called most and are exact, so a map finds
// them before the router is asked: gorilla/mux matches in order and copies the request, which costs more than a
// client's whole authentication.
func (h *house) handler(o *options) http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	hot := hotRoutes{next: mux.NewRouter(), exact: map[string]hotRoute{}}
	for _, route := range h.oidc.Routes() {
		handler := route.Handler
		if !route.CrossSite {
			handler = sameOrigin.Handler(handler)
		}
		hot.exact[route.Path] = hotRoute{route.Methods, handler}
	}
	maps.Copy(hot.exact, h.accessRoutes())
	hot.next.UseEncodedPath()
	hot.next.SkipClean(true) // the server has refused what is not clean
	h.samlRoutes(hot, sameOrigin)
	h.routes(o, hot.next, sameOrigin)
	return h.renderer.SecurityHeaders(hot)
}

// samlRoutes are the addresses of SAML: the installation's are exact, the organizations' are not.
func (h *house) samlRoutes(hot hotRoutes, sameOrigin *http.CrossOriginProtection) {
	for _, route := range h.saml.Routes() {
		handler := route.Handler
		if !route.CrossSite {
			handler = sameOrigin.Handler(handler)
		}
		if one := (hotRoute{route.Methods, handler}); strings.Contains(route.Path, "{") {
			hot.next.Handle(route.Path, one)
		} else {
			hot.exact[route.Path] = one
		}
	}
}

// hotRoutes answers exact addresses and leaves the rest to the router.
type hotRoutes struct {
	exact map[string]hotRoute
	next  *mux.Router
}

type hotRoute struct {
	methods []string // nil: the handler answers every one
	handler http.Handler
}

// ServeHTTP finds the address.
func (h hotRoutes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route, ok := h.exact[r.URL.Path]
	if !ok {
		h.next.ServeHTTP(w, r)
		return
	}
	route.ServeHTTP(w, r)
}

// ServeHTTP answers the methods of the address; another one is answered 405.
func (h hotRoute) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.methods != nil && !slices.Contains(h.methods, r.Method) {
		w.Header().Set("Allow", strings.Join(h.methods, ", "))
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h.handler.ServeHTTP(w, r)
}

func (h *house) routes(o *options, r *mux.Router, sameOrigin *http.CrossOriginProtection) {
	r.PathPrefix(scim.Prefix).Handler(h.scim)
	r.PathPrefix(api.Prefix).Handler(h.api)
	r.PathPrefix(authzen.Prefix).Handler(h.access)
	for _, route := range h.talks.Routes() {
		r.Handle(route.Path, sameOrigin.Handler(route.Handler))
	}
	for _, route := range h.accounts.Routes() {
		r.Handle(route.Path, sameOrigin.Handler(route.Handler))
	}
	for _, route := range h.console.Routes() {
		r.Handle(route.Path, sameOrigin.Handler(route.Handler))
	}
	if len(o.Passkeys.RelatedOrigins) > 0 {
		r.HandleFunc("/.well-known/webauthn", h.relatedOrigins).Methods(http.MethodGet, http.MethodHead)
	}
	r.PathPrefix("/assets/").Handler(h.renderer.Assets())
	r.HandleFunc("/healthz", alive)
	r.HandleFunc("/readyz", h.ready)
	r.Handle("/", http.RedirectHandler("/account", http.StatusSeeOther))
	if o.dev {
		(&devTools{clock: h.clock, mails: h.mails, ring: h.ring, pages: h.pages, refresh: h.events.Wake}).routes(r, sameOrigin)
	}
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.pages.Fault(w, r, errNoPage) })
}

// relatedOrigins tells browsers on which pages the issuer's passkeys may be used (WebAuthn §5.11).
func (h *house) relatedOrigins(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string][]string{"origins": h.credentials.Origins()})
}

var errNoPage = fault.New(fault.NotFound, "page_not_found", "There is no such page")

// alive says that the process answers, and no more.
func alive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

// readyWithin is how long a database may take to answer before the service counts as not ready.
const readyWithin = 2 * time.Second

// ready reports whether requests can be answered: the database answers and the signing keys are there.
func (h *house) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
	defer cancel()
	if err := h.db.Ping(ctx); err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "the database does not answer"})
		return
	}
	if err := h.ring.Ready(ctx); err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "the signing keys are not there yet"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}
