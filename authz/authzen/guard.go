package authzen

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"portvakt/authz"
	"portvakt/internal/bearertoken"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// exchange is one request on its way through.
type exchange struct {
	h   *Handler
	w   http.ResponseWriter
	r   *http.Request
	ctx context.Context
	*buffer

	caller   Caller
	org      directory.OrganizationID
	now      time.Time
	snapshot *authz.Snapshot
	unknown  []authz.Who // whom the snapshot does not know; the rows may
	told     []told
	cost     int // beside the one of the request itself

	lastUser   string // see userNamed
	lastMember directory.MembershipID
	lastIn     *authz.Snapshot
}

// serve is the guard: address, method, token, pace, body, organization; then the address's own function.
func (x *exchange) serve() error {
	path, _ := strings.CutPrefix(x.r.URL.EscapedPath(), Prefix)
	answer := routes[path]
	switch {
	case answer == nil:
		return errNoRoute
	case x.r.Method != http.MethodPost:
		return errMethod
	}
	if err := x.authenticate(); err != nil {
		return err
	}
	wait := x.h.pace.take(x.caller.ClientID, x.h.Now())
	if wait > 0 {
		return errPace.After(wait)
	}
	if x.r.URL.RawQuery != "" || x.r.URL.ForceQuery {
		return errQuery
	}
	body, err := x.body()
	if err != nil {
		return err
	}
	x.h.pace.charge(x.caller.ClientID, len(body)/bytesPerUnit) // whatever comes of it: reading is the work
	if err := x.req.parse(body); err != nil {
		return err
	}
	if err := x.locate(x.req); err != nil {
		return err
	}
	x.now = x.h.Now()
	if err = answer(x, x.req); err == nil {
		err = x.tell()
	}
	x.h.pace.charge(x.caller.ClientID, x.cost)
	return err
}

// bytesPerUnit is how much of a body costs as much as a request: the worst that a mebibyte can hold takes some 60 ms to read.
const bytesPerUnit = 4 << 10

// maxRequestID is the longest X-Request-ID that is sent back.
const maxRequestID = 128

// identify answers with the caller's own X-Request-ID (§10.1.5), so that it finds its question in its own records; where it
// sent none, or one that we would not write, the server's stands. Our logs use the server's in any case.
func (x *exchange) identify() {
	ids := x.r.Header["X-Request-Id"]
	if len(ids) != 1 || ids[0] == "" || len(ids[0]) > maxRequestID {
		return
	}
	for i := range len(ids[0]) {
		if c := ids[0][i]; c <= ' ' || c > '~' {
			return
		}
	}
	x.w.Header()["X-Request-Id"] = []string{ids[0]}
}

// authenticate takes a client's own token for this address with the scope, and no other (RFC 6750 §2.1).
func (x *exchange) authenticate() error {
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
		return errScope
	}
	return nil
}

// body reads the whole body as a text.
func (x *exchange) body() (string, error) {
	if !isJSON(x.r.Header["Content-Type"]) || x.r.Header["Content-Encoding"] != nil {
		return "", errMedia
	}
	if x.r.ContentLength > maxBody {
		return "", errTooLarge
	}
	var err error
	x.in, err = readInto(x.in[:0], http.MaxBytesReader(x.w, x.r.Body, maxBody), x.r.ContentLength)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return "", errTooLarge
	case err != nil:
		return "", errJSON.Because(err)
	}
	return string(x.in), nil
}

// readInto is io.ReadAll into a buffer that was used before.
func readInto(b []byte, from io.Reader, size int64) ([]byte, error) {
	b = slices.Grow(b, int(min(max(size, 0), 8<<10))+1) // what a client says about its body gets it no more memory than that
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, len(b))
		}
		n, err := from.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

// isJSON reports whether the one Content-Type is JSON in UTF-8.
func isJSON(values []string) bool {
	if len(values) != 1 {
		return false
	}
	if values[0] == "application/json" {
		return true
	}
	kind, parameters, err := mime.ParseMediaType(values[0])
	if err != nil || kind != "application/json" {
		return false
	}
	for name, value := range parameters {
		if name == "charset" && !strings.EqualFold(value, "utf-8") {
			return false
		}
	}
	return true
}

// locate finds the organization that the request is about, and its snapshot.
//
// Invariant: a token that is for one organization never asks about another, and what the caller does not serve is answered
// like what does not exist (TestNeighboursAreNotThere).
func (x *exchange) locate(req *request) error {
	slug, err := req.context.organization.optional("context.organization")
	if err != nil {
		return err
	}
	if req.context.given == wrong {
		return badKind("context", "an object")
	}
	switch x.org = x.caller.Organization; {
	case slug != "":
		if x.org, err = x.caller.Find(x.ctx, slug); fault.Is(err, fault.NotFound) {
			return errNoOrg
		}
	case x.org.IsZero():
		return errNowhere
	}
	if err != nil {
		return err
	}
	return x.read(nil)
}

// read gets the snapshot, new enough to know whom the rows know.
func (x *exchange) read(who []authz.Who) (err error) {
	if len(who) == 0 {
		x.snapshot, err = x.h.Engine.Snapshot(x.ctx, x.org)
	} else {
		x.snapshot, err = x.h.Engine.Knowing(x.ctx, x.org, who...)
	}
	if fault.Is(err, fault.NotFound) {
		return errNoOrg
	}
	return err
}

var (
	mediaJSON = []string{"application/json"}[:1:1]
	noStore   = []string{"no-store"}[:1:1]
	nosniff   = []string{"nosniff"}[:1:1]
)

// send writes the answer that was put together.
func (x *exchange) send(status int) {
	header := x.w.Header()
	header["Content-Type"], header["Cache-Control"], header["X-Content-Type-Options"] = mediaJSON, noStore, nosniff
	header["Content-Length"] = []string{strconv.Itoa(len(x.out))}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(x.out)
}
