package oidc

import (
	"mime"
	"net/http"
	"slices"
	"strings"

	"portvakt/idp/bearer"
	"portvakt/internal/fault"
)

const bearerChallenge = `Bearer realm="portvakt"`

// userinfo is OpenID Connect Core §5.3: any access token of ours with the scope openid, in the header or, by POST, in the
// body (RFC 6750 §2). It never writes.
func (h *Handler) userinfo(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Control"] = noStore
	w.Header()["Pragma"] = noCache
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		writeError(w, wireError{status: http.StatusMethodNotAllowed, code: "invalid_request", text: "The address answers GET and POST"})
		return
	}
	text, err := bearerOf(w, r)
	if err != nil {
		writeError(w, bearerError(http.StatusBadRequest, "invalid_request", fault.Of(err).Text))
		return
	}
	if text == "" {
		writeError(w, wireError{status: http.StatusUnauthorized, challenge: bearerChallenge})
		return
	}
	body, err := h.claimsFor(r, text)
	switch {
	case fault.Is(err, fault.Forbidden):
		e := bearerError(http.StatusForbidden, "insufficient_scope", fault.Of(err).Text)
		e.challenge += `, scope="openid"`
		writeError(w, e)
	case fault.Is(err, fault.Unauthenticated), fault.Is(err, fault.NotFound):
		writeError(w, bearerError(http.StatusUnauthorized, "invalid_token", "The access token is not valid"))
	case err != nil:
		writeError(w, h.backError(r.Context(), err))
	default:
		w.Header()["Content-Type"] = jsonType
		_, _ = w.Write(body)
	}
}

var jsonType = []string{"application/json"}

var errNoOpenID = fault.New(fault.Forbidden, "insufficient_scope", "The access token lacks the scope openid")

func (h *Handler) claimsFor(r *http.Request, text string) ([]byte, error) {
	a, err := h.Tokens.VerifyAccess(r.Context(), text)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(a.Scopes(), "openid") {
		return nil, errNoOpenID
	}
	holder, err := h.Clients.ByClientID(r.Context(), a.ClientID)
	if err != nil {
		return nil, err
	}
	client := bearer.TokenClient(holder)
	pass, err := h.Tokens.State(r.Context(), a, client)
	if err != nil {
		return nil, err
	}
	return h.Tokens.UserInfo(r.Context(), a, client, pass)
}

// bearerOf is the access token of the request, "" where there is none; never from the URL, where logs would keep it.
func bearerOf(w http.ResponseWriter, r *http.Request) (string, error) {
	if strings.Contains(r.URL.RawQuery, "access_token") {
		return "", invalid("The access token does not belong into the address")
	}
	lines := r.Header["Authorization"]
	if len(lines) > 1 {
		return "", invalid("There is more than one Authorization header")
	}
	inBody, err := bodyToken(w, r)
	if err != nil {
		return "", err
	}
	if len(lines) == 0 {
		return inBody, nil
	}
	if inBody != "" {
		return "", invalid("The access token stands in the header and in the body")
	}
	scheme, bearer, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	return strings.TrimLeft(bearer, " "), nil
}

func bodyToken(w http.ResponseWriter, r *http.Request) (string, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || kind != "application/x-www-form-urlencoded" {
		return "", nil
	}
	form, err := readForm(w, r)
	if err != nil {
		return "", err
	}
	return form.Get("access_token"), checkValues(form)
}

func bearerError(status int, code, text string) wireError {
	return wireError{status: status, code: code, text: text,
		challenge: bearerChallenge + `, error="` + code + `", error_description="` + printable(text) + `"`}
}
