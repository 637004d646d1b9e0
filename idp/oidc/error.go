package oidc

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// wireError is what a client hears: an OAuth error code, a sentence, a status.
type wireError struct {
	status    int
	code      string
	text      string
	challenge string // WWW-Authenticate
	retry     int    // seconds
}

// words are the faults whose code says more than their kind. The others go by kind.
var words = map[string]wireError{
	"invalid_client":                    {status: http.StatusUnauthorized, code: "invalid_client"},
	"invalid_request":                   {status: http.StatusBadRequest, code: "invalid_request"},
	"invalid_scope":                     {status: http.StatusBadRequest, code: "invalid_scope"},
	"scope_too_wide":                    {status: http.StatusBadRequest, code: "invalid_scope"},
	"grant_not_valid":                   {status: http.StatusBadRequest, code: "invalid_grant"},
	"sid_ended":                         {status: http.StatusBadRequest, code: "invalid_grant"}, // by a sign-out in the middle of a switch
	"not_a_member":                      {status: http.StatusBadRequest, code: "access_denied"},
	"application_not_for_organization":  {status: http.StatusBadRequest, code: "access_denied"},
	"organization_suspended":            {status: http.StatusBadRequest, code: "access_denied"},
	"unsupported_grant_type":            {status: http.StatusBadRequest, code: "unsupported_grant_type"},
	"unsupported_response_type":         {status: http.StatusBadRequest, code: "unsupported_response_type"},
	"unauthorized_client":               {status: http.StatusBadRequest, code: "unauthorized_client"},
	"request_not_supported":             {status: http.StatusBadRequest, code: "request_not_supported"},
	"request_uri_not_supported":         {status: http.StatusBadRequest, code: "request_uri_not_supported"},
	"registration_not_supported":        {status: http.StatusBadRequest, code: "registration_not_supported"},
	"unmet_authentication_requirements": {status: http.StatusBadRequest, code: "unmet_authentication_requirements"}, // OpenID Connect Core Error Code
	"login_required":                    {status: http.StatusBadRequest, code: "login_required"},
	"interaction_required":              {status: http.StatusBadRequest, code: "interaction_required"},
	"consent_required":                  {status: http.StatusBadRequest, code: "consent_required"},
	"access_denied":                     {status: http.StatusBadRequest, code: "access_denied"},
}

// kinds is the table of the door: what a client hears of a kind of failure at the back channel (first) and in a
// redirected answer (second, a browser's status does not matter there).
var kinds = map[fault.Kind][2]wireError{
	fault.Invalid:         {{status: 400, code: "invalid_request"}, {code: "invalid_request"}},
	fault.NotFound:        {{status: 400, code: "invalid_grant"}, {code: "invalid_request"}},
	fault.Conflict:        {{status: 400, code: "invalid_request"}, {code: "invalid_request"}},
	fault.Stale:           {{status: 400, code: "invalid_request"}, {code: "invalid_request"}},
	fault.Forbidden:       {{status: 400, code: "unauthorized_client"}, {code: "access_denied"}},
	fault.Unauthenticated: {{status: 401, code: "invalid_client"}, {code: "login_required"}},
	fault.Expired:         {{status: 400, code: "invalid_grant"}, {code: "login_required"}},
	fault.Exhausted:       {{status: 429, code: "temporarily_unavailable"}, {code: "temporarily_unavailable"}},
	fault.Internal:        {{status: 500, code: "server_error"}, {code: "server_error"}},
}

// unavailable is said while the database cannot be reached: the request may be sent again as it is.
var unavailable = wireError{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", text: "The service cannot answer now", retry: 2}

const basicChallenge = `Basic realm="portvakt", charset="UTF-8"`

// backError is what the back channel answers for an error.
func (h *Handler) backError(ctx context.Context, err error) wireError {
	f := fault.Of(err)
	e, ok := words[f.Code]
	if !ok || f.Kind == fault.Internal {
		e = kinds[f.Kind][0]
	}
	e.text = f.Text
	switch f.Kind {
	case fault.Internal:
		if sqldb.IsUnavailable(err) {
			h.Log.WarnContext(ctx, "oidc: the database cannot be reached", "error", err)
			return unavailable
		}
		h.Log.ErrorContext(ctx, "oidc: request failed", "error", err)
		e.text = "Something went wrong"
	case fault.Exhausted:
		e.retry = max(1, int(f.Retry.Seconds()))
	}
	return e
}

// frontError is the code and sentence of a redirected answer.
func (h *Handler) frontError(ctx context.Context, err error) (code, text string) {
	f := fault.Of(err)
	if f.Kind == fault.Internal && sqldb.IsUnavailable(err) {
		h.Log.WarnContext(ctx, "oidc: the database cannot be reached", "error", err)
		return unavailable.code, unavailable.text
	}
	if f.Kind == fault.Internal {
		h.Log.ErrorContext(ctx, "oidc: request failed", "error", err)
		return "server_error", "Something went wrong"
	}
	if e, ok := words[f.Code]; ok && e.code != "invalid_client" && e.code != "invalid_grant" {
		return e.code, f.Text
	}
	return kinds[f.Kind][1].code, f.Text
}

// writeError is the one writer of errors that are JSON (RFC 6749 §5.2, RFC 6750 §3).
func writeError(w http.ResponseWriter, e wireError) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	if e.status == http.StatusUnauthorized && e.challenge == "" {
		e.challenge = basicChallenge
	}
	if e.challenge != "" {
		h.Set("WWW-Authenticate", e.challenge)
	}
	if e.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(e.retry))
	}
	body, err := json.Marshal(struct {
		Code string `json:"error,omitempty"`
		Text string `json:"error_description,omitempty"`
	}{e.code, printable(e.text)})
	if err != nil {
		body = []byte(`{"error":"server_error"}`)
	}
	w.WriteHeader(e.status)
	_, _ = w.Write(body)
}

// printable keeps a sentence within the characters that RFC 6749 §5.2 allows.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, s)
}
