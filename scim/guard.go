package scim

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"portvakt/internal/actor"
	"portvakt/internal/bearertoken"
	"portvakt/internal/directory"
)

// Limits on one request.
const (
	maxBody = 1 << 20
	maxURL  = 64 << 10
)

// exchange is one request on its way through: who asks, for what, and where the answer goes.
type exchange struct {
	h      *Handler
	w      http.ResponseWriter
	r      *http.Request
	ctx    context.Context
	client directory.ProvisioningClient
	query  url.Values
	id     string // what {id} stands for
	body   map[string]any
	note   *note // for the client's request log; nil: nobody keeps one

	library libraryCall
}

// ServeHTTP answers every request, refusals included, in SCIM's own words.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{h: h, w: w, r: r, ctx: r.Context()}
	x.watch()
	defer x.log()
	if err := x.serve(); err != nil {
		x.writeError(err)
	}
}

// serve is the guard: token, organization, route, right, body; then the route's own function.
//
// Invariant: nothing but a live provisioning token passes, on every path (TestWall058_CredentialsOfTheWrongKind);
// a path of another organization is answered like one of no organization (TestWall059_TheNeighbour).
func (x *exchange) serve() error {
	client, use, noted, err := x.h.dir.ProvisioningClients.AuthenticateUse(x.ctx, bearertoken.Of(x.r.Header["Authorization"]))
	x.noteUse(use)
	if err != nil {
		return authenticationError(err)
	}
	if now := x.h.db.Now(); now.Sub(noted) >= directory.UseEvery {
		x.h.uses.Note(use, now)
	}
	x.client = client
	a := actor.From(x.ctx) // keeps the request's id and address
	a.Kind, a.ID, a.Name, a.Organization = actor.ProvisioningClient, client.ID.String(), client.Name, client.Organization.String()
	x.ctx = actor.With(x.ctx, a)
	x.r = x.r.WithContext(x.ctx)

	if len(x.r.RequestURI) > maxURL || len(x.r.URL.RawQuery) > maxURL {
		return refuse(http.StatusRequestURITooLong, "", "The URL is longer than %d bytes", maxURL)
	}
	slug, path, ok := segments(x.r.URL)
	if !ok || slug != client.Slug {
		return errNotFound
	}
	route, id, allowed := x.h.match(x.r.Method, path)
	if route.serve == nil {
		if len(allowed) == 0 {
			return errNotFound
		}
		x.w.Header().Set("Allow", allow(allowed))
		return refuse(http.StatusMethodNotAllowed, "", "The method is not allowed here")
	}
	if !route.needs.heldBy(client) {
		return refuse(http.StatusForbidden, "", "The provisioning client may not do this")
	}
	x.id = id
	if x.query, err = url.ParseQuery(x.r.URL.RawQuery); err != nil {
		return badValue("The query of the URL cannot be read")
	}
	if route.method == http.MethodPost || route.method == http.MethodPut || route.method == http.MethodPatch {
		if err := x.readBody(); err != nil {
			return err
		}
	}
	return route.serve(x)
}

// authenticationError keeps a failing database from looking like a wrong token.
func authenticationError(err error) error {
	if r := toRefusal(err); r.Status == http.StatusInternalServerError {
		return err
	}
	return errUnauthorized
}

// segments splits the path behind the prefix into the organization's slug and the unescaped rest.
func segments(u *url.URL) (slug string, path []string, ok bool) {
	rest, ok := strings.CutPrefix(u.EscapedPath(), Prefix)
	if !ok {
		return "", nil, false
	}
	for _, part := range strings.Split(rest, "/") {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return "", nil, false
		}
		path = append(path, plain)
	}
	if len(path) < 2 {
		return "", nil, false
	}
	return path[0], path[1:], true
}

// readBody reads one JSON object and nothing behind it.
func (x *exchange) readBody() error {
	kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/scim+json" && kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "", "The body has to be application/scim+json or application/json")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return refuse(http.StatusRequestEntityTooLarge, "", "The body is larger than %d bytes", maxBody)
	}
	if err != nil {
		return badSyntax("The body cannot be read to its end")
	}
	x.body, err = readJSON(raw)
	return err
}
