package scim

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"portvakt/internal/directory"
)

// maxURL is how long a URL may be, in bytes.
const maxURL = 64 << 10

// exchange is one request on its way through: who asks, for what, and where the answer goes.
type exchange struct {
	h      *Handler
	w      http.ResponseWriter
	r      *http.Request
	ctx    context.Context
	client directory.ProvisioningClient // of a person: without rights, for the organization alone
	person directory.MembershipID       // whose own access token it is; zero: the client calls
	query  url.Values
	asked  asked  // what it says about its answer; of a SearchRequest what its body says
	id     string // what {id} stands for
	body   map[string]any
	note   *note // for the client's request log; nil: nobody keeps one

	collect bool // make nobody, keep whom createUser would have made
	made    directory.Member
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

// serve is the guard: credential, organization, route, right, budget, body, a place; then the route's own function.
//
// Invariant: nothing but a live provisioning token, or an access token that acts for a provisioning client, passes, on every path but
// a person's own (TestWall058_CredentialsOfTheWrongKind, TestWall058_AccessTokensOfTheWrongKind); a path of another
// organization is answered like one of no organization (TestWall059_TheNeighbour).
func (x *exchange) serve() error {
	if err := x.authenticate(); err != nil {
		return err
	}
	x.r = x.r.WithContext(x.ctx)
	if len(x.r.RequestURI) > maxURL || len(x.r.URL.RawQuery) > maxURL {
		return refuse(http.StatusRequestURITooLong, "", "The URL is longer than %d bytes", maxURL)
	}
	slug, path, ok := segments(x.r.URL)
	if !ok || slug != x.client.Slug {
		return x.elsewhere()
	}
	if err := x.admits(path); err != nil {
		return err
	}
	if err := x.spend(1); err != nil { // also what is refused from here on
		return err
	}
	route, err := x.routed(path)
	if err != nil {
		return err
	}
	if x.query, err = url.ParseQuery(x.r.URL.RawQuery); err != nil {
		return badValue("The query of the URL cannot be read")
	}
	if x.asked, err = askedInURL(x.query); err != nil {
		return err
	}
	if route.pattern == bulkPath { // reads its body itself, when its turn has come
		return route.serve(x)
	}
	if route.method == http.MethodPost || route.method == http.MethodPut || route.method == http.MethodPatch {
		if err := x.readBody(oneResource); err != nil {
			return err
		}
	}
	leave, err := x.h.lanes.enter(x.ctx, x.caller())
	if err != nil {
		return err
	}
	defer leave()
	return route.serve(x)
}

// routed is the route of the request's method and a path, which the caller has the right to. What {id} stands for is noted.
func (x *exchange) routed(path []string) (route, error) {
	route, id, allowed := x.h.match(x.r.Method, path)
	if route.serve == nil {
		if len(allowed) == 0 {
			return route, errNotFound
		}
		x.w.Header().Set("Allow", allow(allowed))
		return route, refuse(http.StatusMethodNotAllowed, "", "The method is not allowed here")
	}
	if x.person.IsZero() && !route.needs.heldBy(x.client) {
		return route, errNotAllowed
	}
	x.id = id
	return route, nil
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
	if len(path) == 1 { // the root, with or without a slash behind it
		path = append(path, "")
	}
	return path[0], path[1:], true
}

// readBody reads one JSON object and nothing behind it.
func (x *exchange) readBody(limits bodyLimits) error {
	raw, err := x.rawBody(limits)
	if err == nil {
		x.body, err = readJSON(raw, limits)
	}
	return err
}

// rawBody is a body of JSON as it came.
func (x *exchange) rawBody(limits bodyLimits) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/scim+json" && kind != "application/json" {
		return nil, refuse(http.StatusUnsupportedMediaType, "", "The body has to be application/scim+json or application/json")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, limits.bytes))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, refuse(http.StatusRequestEntityTooLarge, "", "The body is larger than %d bytes", limits.bytes)
	}
	if err != nil {
		return nil, badSyntax("The body cannot be read to its end")
	}
	return raw, nil
}
