package oidc

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"portvakt/idp/application"
)

// callKey finds the call in a request's context.
type callKey struct{}

// call is one request to the back channel: who asks, and what went wrong, so that the library's error writer is never
// the one that answers.
type call struct {
	auth application.Authenticated
	form url.Values
	err  error
}

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// admission says which clients may call an endpoint.
type admission uint8

const (
	public       admission = iota // also clients without secret
	confidential                  // only clients that proved themselves
)

var errNotConfidential = application.ErrInvalidClient

// guard stands before the library: it reads the request strictly, authenticates the client, keeps answers out of caches,
// and writes every error itself.
func (h *Handler) guard(next http.Handler, who admission) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["Cache-Control"] = noStore
		header["Pragma"] = noCache
		if r.Method != http.MethodPost {
			header.Set("Allow", "POST")
			writeError(w, wireError{status: http.StatusMethodNotAllowed, code: "invalid_request", text: "The address answers POST"})
			return
		}
		c := &call{}
		if err := h.admit(w, r, c, who); err != nil {
			writeError(w, h.backError(r.Context(), err))
			return
		}
		answer := &answer{ResponseWriter: w, call: c}
		h.serve(next, answer, r.WithContext(context.WithValue(r.Context(), callKey{}, c)), c)
		switch {
		case c.err != nil:
			writeError(w, h.backError(r.Context(), c.err))
		case answer.failed != 0:
			writeError(w, answer.error())
		}
	})
}

var (
	noStore = []string{"no-store"}
	noCache = []string{"no-cache"}
)

// serve calls the library. A panic in it is the request's fault until shown otherwise: it has had several that anybody
// could cause.
func (h *Handler) serve(next http.Handler, w http.ResponseWriter, r *http.Request, c *call) {
	defer func() {
		if p := recover(); p != nil {
			h.Log.ErrorContext(r.Context(), "oidc: panic in the back channel", "panic", p, "stack", string(debug.Stack()))
			c.err = invalid("The request cannot be read")
		}
	}()
	next.ServeHTTP(w, r)
}

func (h *Handler) admit(w http.ResponseWriter, r *http.Request, c *call, who admission) error {
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		return invalid("Parameters belong into the body")
	}
	var err error
	if c.form, err = readForm(w, r); err != nil {
		return err
	}
	if err := checkValues(c.form); err != nil {
		return err
	}
	credentials, err := credentialsOf(r.Header["Authorization"], c.form)
	if err != nil {
		return err
	}
	credentials.Issuer = h.Issuer
	if c.auth, err = h.Clients.Authenticate(r.Context(), credentials); err != nil {
		return err
	}
	if who == confidential && !c.auth.Confidential() {
		return errNotConfidential
	}
	return nil
}

// credentialsOf gathers what the request brings to prove the client.
func credentialsOf(authorization []string, form url.Values) (application.Credentials, error) {
	cr := application.Credentials{
		FormID: form.Get("client_id"), FormSecret: form.Get("client_secret"), HasFormSecret: form.Has("client_secret"),
		Assertion: form.Get("client_assertion"), AssertionType: form.Get("client_assertion_type"),
		HasAssertion: form.Has("client_assertion") || form.Has("client_assertion_type"),
	}
	switch len(authorization) {
	case 0:
		return cr, nil
	case 1:
		var ok bool
		r := http.Request{Header: http.Header{"Authorization": authorization}}
		cr.BasicUser, cr.BasicPassword, ok = r.BasicAuth()
		cr.HasBasic = true
		if !ok || !utf8.ValidString(cr.BasicUser) || !utf8.ValidString(cr.BasicPassword) || strings.ContainsRune(cr.BasicUser, 0) {
			return cr, application.ErrInvalidClient
		}
		return cr, nil
	}
	return cr, application.ErrTwoMethods
}

// answer lets good answers through and keeps the library's errors for the one writer.
type answer struct {
	http.ResponseWriter
	call   *call
	failed int
	body   bytes.Buffer
}

// WriteHeader holds errors back.
func (a *answer) WriteHeader(status int) {
	if a.call.err != nil {
		return
	}
	if status >= http.StatusBadRequest {
		a.failed = status
		return
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write holds errors back, as far as they are worth reading.
func (a *answer) Write(b []byte) (int, error) {
	switch {
	case a.call.err != nil:
	case a.failed == 0:
		return a.ResponseWriter.Write(b)
	case a.body.Len() < 4096:
		a.body.Write(b)
	}
	return len(b), nil
}

// libraryTexts are sentences for the errors that the library finds by itself; its own may repeat the request.
var libraryTexts = map[string]string{
	"invalid_request":        "The request lacks a parameter, or one cannot be read",
	"unsupported_grant_type": "The grant type is not supported",
	"unauthorized_client":    "The application is not registered for this grant type",
	"invalid_client":         "The client could not be authenticated",
}

func (a *answer) error() wireError {
	var said struct {
		Code string `json:"error"`
	}
	_ = json.Unmarshal(a.body.Bytes(), &said)
	e, ok := words[said.Code]
	if !ok {
		return wireError{status: http.StatusBadRequest, code: "invalid_request", text: libraryTexts["invalid_request"]}
	}
	e.text = libraryTexts[said.Code]
	return e
}
