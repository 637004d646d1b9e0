package httpserver

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"portvakt/internal/actor"
)

const (
	maxURL       = 64 << 10
	maxUserAgent = 256
	maxLogged    = 512
)

// exchange is one request on its way: its context, and the writer that notes what was answered. One allocation serves
// both.
type exchange struct {
	context.Context // the request's own
	http.ResponseWriter

	id     string
	status int
	bytes  int64
}

type requestIDKey struct{}

// Value makes the request id part of the context without another allocation.
func (e *exchange) Value(key any) any {
	if _, ok := key.(requestIDKey); ok {
		return e
	}
	return e.Context.Value(key)
}

// RequestID is the id of the request that ctx belongs to, "" outside of one.
func RequestID(ctx context.Context) string {
	if e, ok := ctx.Value(requestIDKey{}).(*exchange); ok {
		return e.id
	}
	return ""
}

// WriteHeader notes the status; informational ones may come before it.
func (e *exchange) WriteHeader(status int) {
	if e.status == 0 && status >= 200 {
		e.status = status
	}
	e.ResponseWriter.WriteHeader(status)
}

// Write counts.
func (e *exchange) Write(b []byte) (int, error) {
	if e.status == 0 {
		e.status = http.StatusOK
	}
	n, err := e.ResponseWriter.Write(b)
	e.bytes += int64(n)
	return n, err
}

// WriteString counts, without copying the string.
func (e *exchange) WriteString(text string) (int, error) {
	if e.status == 0 {
		e.status = http.StatusOK
	}
	n, err := io.WriteString(e.ResponseWriter, text)
	e.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController (flush, deadlines).
func (e *exchange) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// nosniff is shared by all answers; its capacity is its length, so that adding to it copies.
var nosniff = []string{"nosniff"}[:1:1]

// lastRequest closes the connection after the answer. A chunked body may have come with a Content-Length that a proxy in
// front believed and net/http has dropped without a trace; what follows could then be somebody else's request (RFC 9112
// §6.1: such a connection is closed).
//
// Invariant: nothing behind a chunked body is ever taken for a request (TestWall136_OnePathOneMeaning).
var lastRequest = []string{"close"}[:1:1]

// guard is what stands around the handler.
type guard struct {
	*Server
	next http.Handler
}

// Wrap puts the guard around a handler: request id, limits, clean paths, actor, panic guard, access log. New has done it
// already for the handler that it got; Wrap is for tests and for a second listener.
func (s *Server) Wrap(next http.Handler) http.Handler { return &guard{Server: s, next: next} }

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	e := &exchange{Context: r.Context(), ResponseWriter: w, id: newRequestID()}
	header := w.Header()
	header["X-Request-Id"] = []string{e.id}
	header["X-Content-Type-Options"] = nosniff
	if len(r.TransferEncoding) > 0 {
		header["Connection"] = lastRequest
	}
	defer g.finish(e, r, began)

	if status := refuse(r); status != 0 {
		plainError(e, status, http.StatusText(status))
		return
	}
	// "GET https://evil.example/a HTTP/1.1": only the path counts, nobody shall build a URL from the rest.
	r.URL.Scheme, r.URL.Host, r.URL.User = "", "", nil
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, g.cfg.maxBody(r.URL.Path)) // with the server's own writer: it closes the connection
	}
	ctx := actor.With(e, actor.Actor{
		Kind:      actor.Anonymous,
		RequestID: e.id,
		Address:   g.address(r),
		UserAgent: clip(r.UserAgent(), maxUserAgent),
	})
	g.next.ServeHTTP(e, r.WithContext(ctx))
}

// finish logs the request, and answers for a handler that panicked.
func (g *guard) finish(e *exchange, r *http.Request, began time.Time) {
	trouble := recover()
	cut := trouble == http.ErrAbortHandler //nolint:errorlint // net/http compares it so
	if trouble != nil && !cut {
		g.panics.Add(1)
		g.log.LogAttrs(e, slog.LevelError, "a request panicked", slog.String("request", e.id),
			slog.String("panic", clip(fmt.Sprint(trouble), maxLogged)), slog.String("stack", string(debug.Stack())))
		if cut = e.status != 0; !cut {
			plainError(e, http.StatusInternalServerError, "Something went wrong. If it happens again, tell your administrator this number: "+e.id)
		}
	}
	status := e.status
	if status == 0 {
		status = http.StatusOK // what net/http sends for a handler that wrote nothing
	}
	g.log.LogAttrs(e, slog.LevelInfo, "request",
		slog.String("method", clip(r.Method, 16)), slog.String("path", clip(r.URL.Path, maxLogged)), slog.Int("status", status),
		slog.Int64("bytes", e.bytes), slog.Duration("duration", time.Since(began)), slog.String("request", e.id))
	if cut {
		panic(http.ErrAbortHandler) // half an answer must look like one: the connection is closed
	}
}

// plainError answers a request that no handler has seen. It drops what a handler had prepared, cookies included.
func plainError(e *exchange, status int, text string) {
	header := e.Header()
	connection := header["Connection"]
	clear(header)
	if connection != nil {
		header["Connection"] = connection
	}
	header["X-Request-Id"] = []string{e.id}
	header["X-Content-Type-Options"] = nosniff
	header["Content-Type"] = []string{"text/plain; charset=utf-8"}
	header["Cache-Control"] = []string{"no-store"}
	if status == http.StatusMethodNotAllowed {
		header["Allow"] = []string{"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"}
	}
	e.WriteHeader(status)
	_, _ = e.WriteString(text + "\n") // nobody is left to tell
}

// refuse gives the status of a request that no handler shall see, 0 for all others.
func refuse(r *http.Request) int {
	switch {
	case len(r.RequestURI) > maxURL:
		return http.StatusRequestURITooLong
	case !knownMethod(r.Method):
		return http.StatusMethodNotAllowed
	case r.Header["X-Http-Method-Override"] != nil, r.Header["X-Http-Method"] != nil, r.Header["X-Method-Override"] != nil:
		return http.StatusBadRequest
	case !clean(r.URL.Path, r.URL.RawPath):
		return http.StatusNotFound
	}
	return 0
}

func knownMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return true
	}
	return false
}

// clean reports whether the path is in the only form that routes know. Nothing is redirected to a cleaned form: what a
// proxy in front of us judged must be what we route. raw is only set when the path holds unusual escapes.
func clean(path, raw string) bool {
	if path == "" || path[0] != '/' || !utf8.ValidString(path) {
		return false
	}
	for i := range len(path) {
		switch c := path[i]; {
		case c < 0x20, c == 0x7f, c == ';', c == '\\':
			return false
		case c == '/' && i+1 < len(path) && path[i+1] == '/':
			return false
		case c == '/' && dotSegment(path[i+1:]):
			return false
		}
	}
	return !hasEscapedSeparator(raw)
}

// dotSegment reports whether the segment that rest begins with is "." or "..".
func dotSegment(rest string) bool {
	if rest == "" || rest[0] != '.' {
		return false
	}
	rest = strings.TrimPrefix(rest[1:], ".")
	return rest == "" || rest[0] == '/'
}

// hasEscapedSeparator finds %2f and %5c. (%3b, %2e and control characters show in the decoded path.)
func hasEscapedSeparator(raw string) bool {
	for i := strings.IndexByte(raw, '%'); i >= 0 && i+2 < len(raw); {
		switch strings.ToLower(raw[i+1 : i+3]) {
		case "2f", "5c":
			return true
		}
		next := strings.IndexByte(raw[i+1:], '%')
		if next < 0 {
			return false
		}
		i += 1 + next
	}
	return false
}

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newRequestID makes 128 random bits as 26 letters and digits. It names a request in logs and is no secret, so the
// runtime's fast generator (ChaCha8) is right.
func newRequestID() string {
	var b [16]byte
	var out [26]byte
	binary.NativeEndian.PutUint64(b[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(b[8:], rand.Uint64())
	base32Lower.Encode(out[:], b[:])
	return string(out[:])
}

// clip cuts what a client sent to a length, at a whole character.
func clip(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.ToValidUTF8(s, "")
}
