package authzen

import (
	"errors"
	"net/http"
	"strconv"

	"portvakt/internal/actor"
	"portvakt/internal/fault"
)

// Refusals of this door itself.
var (
	errNoRoute  = fault.New(fault.NotFound, "not_found", "There is no such address")
	errMethod   = fault.New(fault.Invalid, "method_not_allowed", "The address answers POST")
	errQuery    = fault.New(fault.Invalid, "bad_query", "The address takes no parameters in its URL")
	errNoToken  = fault.New(fault.Unauthenticated, "token_missing", "An access token is needed")
	errToken    = fault.New(fault.Unauthenticated, "invalid_token", "The access token is not valid here")
	errScope    = fault.New(fault.Forbidden, "insufficient_scope", "The access token lacks the scope "+scope)
	errPace     = fault.New(fault.Exhausted, "too_many_requests", "Too many questions at once, try again later")
	errMedia    = fault.New(fault.Invalid, "unsupported_media_type", "The body has to be application/json in UTF-8")
	errTooLarge = fault.New(fault.Invalid, "too_large", "The body is too large")
	errNowhere  = fault.New(fault.Invalid, "organization_missing", "The token is for no organization, so the request has to name one").On("context.organization")
	errNoOrg    = fault.New(fault.NotFound, "not_found", "There is no such organization").On("context.organization")
	errBusy     = fault.New(fault.Internal, "temporarily_unavailable", "No answer can be given at the moment, try again")
)

// statuses is the one table from faults to HTTP; special has the exceptions. What is no refusal is 503: nothing is decided
// where the present rules cannot be read, and the next attempt may find them.
var (
	statuses = map[fault.Kind]int{
		fault.Internal:        http.StatusServiceUnavailable,
		fault.Invalid:         http.StatusBadRequest,
		fault.NotFound:        http.StatusNotFound,
		fault.Conflict:        http.StatusConflict,
		fault.Stale:           http.StatusBadRequest,
		fault.Forbidden:       http.StatusForbidden,
		fault.Unauthenticated: http.StatusUnauthorized,
		fault.Expired:         http.StatusBadRequest,
		fault.Exhausted:       http.StatusTooManyRequests,
	}
	special = map[string]int{
		errMethod.Code: http.StatusMethodNotAllowed, errMedia.Code: http.StatusUnsupportedMediaType, errTooLarge.Code: http.StatusRequestEntityTooLarge,
	}
)

const realm = `Bearer realm="portvakt"`

// challenges say what is wrong with a token (RFC 6750 §3).
var challenges = map[string]string{
	errNoToken.Code: realm, errToken.Code: realm + `, error="invalid_token"`, errScope.Code: realm + `, error="insufficient_scope", scope="` + scope + `"`,
}

// refuse answers an error. What is no fault tells nothing but the request's number.
func (x *exchange) refuse(err error) {
	header := x.w.Header()
	f, number := fault.Of(err), ""
	if f.Kind == fault.Internal {
		number = actor.From(x.ctx).RequestID
		x.h.Log.ErrorContext(x.ctx, "authzen request failed", "error", err, "request_id", number)
		f = errBusy.After(oneSecond)
	}
	status, ok := special[f.Code]
	if !ok {
		status = statuses[f.Kind]
	}
	if c := challenges[f.Code]; c != "" {
		header.Set("WWW-Authenticate", c)
	}
	if f.Retry > 0 {
		header.Set("Retry-After", strconv.Itoa(int((f.Retry+oneSecond-1)/oneSecond)))
	}
	if errors.Is(err, errMethod) {
		header.Set("Allow", http.MethodPost)
	}
	out := append(x.out[:0], `{"error":`...)
	out = appendText(out, f.Code)
	out = append(out, `,"error_description":`...)
	out = appendText(out, textOf(f))
	if number != "" {
		out = append(out, `,"request_id":`...)
		out = appendText(out, number)
	}
	x.out = append(out, '}')
	x.send(status)
}

// textOf is the sentence, with the member of the body that it is about.
func textOf(f *fault.Fault) string {
	if f.Field == "" {
		return f.Text
	}
	return f.Field + ": " + f.Text
}
