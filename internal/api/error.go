package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"portvakt/internal/actor"
	"portvakt/internal/fault"
)

// problem is a refusal (RFC 9457) with our stable code beside it, and the field at fault where there is one.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	Field     string `json:"field,omitempty"`
	RequestID string `json:"request_id,omitempty"` // of what went wrong on our side
}

// Refusals of this door itself.
var (
	errNoRoute  = fault.New(fault.NotFound, "not_found", "There is no such address")
	errMethod   = fault.New(fault.Invalid, "method_not_allowed", "The address does not take this method")
	errNoToken  = fault.New(fault.Unauthenticated, "token_missing", "An access token is needed")
	errToken    = fault.New(fault.Unauthenticated, "invalid_token", "The access token is not valid here")
	errTooMany  = fault.New(fault.Exhausted, "too_many_requests", "Too many requests, try again later")
	errQuery    = fault.New(fault.Invalid, "bad_query", "The address takes other parameters, each once")
	errMedia    = fault.New(fault.Invalid, "unsupported_media_type", "The body has to be application/json")
	errTooLarge = fault.New(fault.Invalid, "too_large", "The body is too large")
	errBody     = fault.New(fault.Invalid, "bad_json", "The body has to be one JSON object")
)

// insufficient is a token without the scope of the route (RFC 6750 §3.1).
type insufficient struct{ scope string }

// Error is for logs.
func (i insufficient) Error() string { return "api: the token lacks the scope " + i.scope }

// statuses is the one table from faults to HTTP; codes has the exceptions.
var (
	statuses = map[fault.Kind]int{
		fault.Internal:        http.StatusInternalServerError,
		fault.Invalid:         http.StatusBadRequest,
		fault.NotFound:        http.StatusNotFound,
		fault.Conflict:        http.StatusConflict,
		fault.Stale:           http.StatusPreconditionFailed,
		fault.Forbidden:       http.StatusForbidden,
		fault.Unauthenticated: http.StatusUnauthorized,
		fault.Expired:         http.StatusGone,
		fault.Exhausted:       http.StatusTooManyRequests,
	}
	codes = map[string]int{
		errMethod.Code: http.StatusMethodNotAllowed, errMedia.Code: http.StatusUnsupportedMediaType, errTooLarge.Code: http.StatusRequestEntityTooLarge,
	}
)

// refuse answers an error. What is no fault is a 500 that tells nothing but the request's number.
func (x *exchange) refuse(err error) {
	const realm = `Bearer realm="portvakt"`
	header := x.w.Header()
	var lacking insufficient
	if errors.As(err, &lacking) {
		header.Set("WWW-Authenticate", fmt.Sprintf(`%s, error="insufficient_scope", scope="%s"`, realm, lacking.scope))
		err = fault.Newf(fault.Forbidden, "insufficient_scope", "The access token lacks the scope %s", lacking.scope)
	}
	f := fault.Of(err)
	p := problem{Type: "about:blank", Status: statuses[f.Kind], Code: f.Code, Detail: f.Text, Field: f.Field}
	if special, ok := codes[f.Code]; ok {
		p.Status = special
	}
	switch {
	case f.Code == errNoToken.Code:
		header.Set("WWW-Authenticate", realm)
	case f.Kind == fault.Unauthenticated:
		header.Set("WWW-Authenticate", realm+`, error="invalid_token"`)
	case f.Kind == fault.Exhausted && f.Retry > 0:
		header.Set("Retry-After", strconv.Itoa(int(f.Retry.Seconds())+1))
	case f.Kind == fault.Internal:
		p.RequestID = actor.From(x.ctx).RequestID
		x.h.Log.ErrorContext(x.ctx, "api request failed", "error", err, "request_id", p.RequestID, "method", x.r.Method)
	}
	p.Title = http.StatusText(p.Status)
	x.answerAs(p.Status, "application/problem+json", p)
}

func (x *exchange) answer(status int, v any) error {
	x.answerAs(status, "application/json", v)
	return nil
}

func (x *exchange) answerAs(status int, media string, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only a programming mistake can bring us here
		x.h.Log.ErrorContext(x.ctx, "api answer cannot be written", "error", err)
		x.w.WriteHeader(http.StatusInternalServerError)
		return
	}
	x.w.Header().Set("Cache-Control", "no-store")
	x.write(status, media, body)
}

func (x *exchange) write(status int, media string, body []byte) {
	x.w.Header().Set("Content-Type", media)
	x.w.Header().Set("X-Content-Type-Options", "nosniff")
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)
}
