package oidc

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"portvakt/idp/application"
	"portvakt/idp/interaction"
	"portvakt/internal/fault"
	"portvakt/internal/web"
)

const protocol = "oidc"

// The response modes and prompts that can be asked for.
const (
	modeQuery    = "query"
	modeFormPost = "form_post"

	promptNone    = "none"
	promptLogin   = "login"
	promptConsent = "consent"
	promptSelect  = "select_account"
)

// authorization is a checked authorization request, as the conversation keeps it.
type authorization struct {
	ClientID    string   `json:"client_id"`
	RedirectURI string   `json:"redirect_uri"`
	Mode        string   `json:"response_mode"`
	State       string   `json:"state,omitempty"`
	Nonce       string   `json:"nonce,omitempty"`
	Challenge   string   `json:"code_challenge,omitempty"`
	Scope       []string `json:"scope,omitempty"`
	UILocales   string   `json:"ui_locales,omitempty"`
	ACR         []string `json:"acr,omitempty"` // the classes that were asked for
}

// authorize is RFC 6749 §4.1.1 and OpenID Connect Core §3.1.2.1. A POST, which may come from another site and so without
// our cookies, becomes a GET of our own.
func (h *Handler) authorize(w http.ResponseWriter, r *http.Request) {
	values, ok := h.frontValues(w, r, pathAuthorize)
	if !ok {
		return
	}
	a := authorization{UILocales: clipped(values.Get("ui_locales"))}
	client, err := h.proven(r, values, &a)
	if err != nil {
		h.page(w, r, err, a.UILocales)
		return
	}
	needs, err := h.check(r, values, client, &a)
	if err != nil {
		h.refuse(w, r, a, err)
		return
	}
	silent := slices.Contains(strings.Fields(values.Get("prompt")), promptNone)
	h.converse(w, r, converse{client: client, request: a, needs: needs, silent: silent})
}

// frontValues reads the parameters of a GET; any other method it answers itself.
func (h *Handler) frontValues(w http.ResponseWriter, r *http.Request, path string) (url.Values, bool) {
	w.Header()["Cache-Control"] = noStore
	switch r.Method {
	case http.MethodGet:
		if len(r.URL.RawQuery) > maxQuery {
			h.page(w, r, invalid("The request is too long"), "")
			return nil, false
		}
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			h.page(w, r, invalid("The request cannot be read"), "")
			return nil, false
		}
		return values, true
	case http.MethodPost:
		values, err := readForm(w, r)
		if err == nil && r.URL.RawQuery != "" {
			err = invalid("Parameters of a POST belong into the body")
		}
		if err == nil && len(values.Encode()) > maxQuery {
			err = invalid("The request is too long")
		}
		if err != nil {
			h.page(w, r, err, "")
			return nil, false
		}
		w.Header().Set("Location", path+"?"+values.Encode())
		w.WriteHeader(http.StatusSeeOther)
		return nil, false
	}
	w.Header().Set("Allow", "GET, POST")
	h.Pages.Error(w, r, http.StatusMethodNotAllowed, web.Problem{Code: "invalid_request"})
	return nil, false
}

// page shows an error that must not be redirected.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, err error, locales string) {
	if fault.Is(err, fault.Internal) {
		h.Pages.Fault(w, r, err)
		return
	}
	e := h.backError(r.Context(), err)
	h.Pages.Error(w, r, http.StatusBadRequest, web.Problem{Code: e.code, Detail: e.text, UILocales: locales})
}

var (
	errNoClientID    = invalid("The parameter client_id is missing or stands there more than once")
	errUnknownClient = fault.New(fault.Unauthenticated, "invalid_client", "There is no such application")
	errNoRedirect    = invalid("The parameter redirect_uri is missing or stands there more than once")
	errRedirect      = invalid("The redirect_uri is not registered for this application")
)

// proven settles whom the answer may go to.
//
// Invariant: no answer leaves by redirect before this has succeeded (TestNothingRedirectsUnproven).
func (h *Handler) proven(r *http.Request, values url.Values, a *authorization) (*application.Client, error) {
	if len(values["client_id"]) != 1 || values.Get("client_id") == "" {
		return nil, errNoClientID
	}
	client, err := h.usable(r, values.Get("client_id"))
	if err != nil {
		return nil, err
	}
	if len(values["redirect_uri"]) != 1 || values.Get("redirect_uri") == "" {
		return nil, errNoRedirect
	}
	if !client.AllowsRedirect(values.Get("redirect_uri")) {
		return nil, errRedirect
	}
	a.ClientID, a.RedirectURI, a.Mode = client.ClientID, values.Get("redirect_uri"), modeQuery
	if values.Get("response_mode") == modeFormPost {
		a.Mode = modeFormPost
	}
	if state := values["state"]; len(state) == 1 && len(state[0]) <= maxState && clean(state[0]) {
		a.State = state[0]
	}
	return client, nil
}

// usable is the application, if anybody may be sent to it.
func (h *Handler) usable(r *http.Request, clientID string) (*application.Client, error) {
	c, err := h.Clients.ByClientID(r.Context(), clientID)
	if fault.Is(err, fault.NotFound) || err == nil && (c.Gate.Disabled || !c.ServiceAccount.IsZero()) {
		return nil, errUnknownClient
	}
	return c, err
}

// check judges everything else; its errors go to the application.
func (h *Handler) check(r *http.Request, values url.Values, c *application.Client, a *authorization) (interaction.Needs, error) {
	if err := unsupported(values); err != nil {
		return interaction.Needs{}, err
	}
	if err := checkValues(values); err != nil {
		return interaction.Needs{}, err
	}
	if len(values.Get("state")) > maxState || len(values.Get("nonce")) > maxNonce {
		return interaction.Needs{}, invalid("The state or nonce is too long")
	}
	a.Nonce = values.Get("nonce")
	switch {
	case !values.Has("response_type"):
		return interaction.Needs{}, invalid("The parameter response_type is missing")
	case values.Get("response_type") != "code":
		return interaction.Needs{}, fault.New(fault.Invalid, "unsupported_response_type", "The only response_type is code")
	case values.Has("response_mode") && values.Get("response_mode") != a.Mode:
		return interaction.Needs{}, invalid("The response_mode is not supported")
	case !c.Allows(application.GrantCode):
		return interaction.Needs{}, fault.New(fault.Forbidden, "unauthorized_client", "The application is not registered for authorization_code")
	}
	if err := challenge(values, c, a); err != nil {
		return interaction.Needs{}, err
	}
	return h.needs(r, values, c, a)
}

// unsupported refuses what would change the meaning of the request if it were passed over.
func unsupported(values url.Values) error {
	for _, name := range []string{"request", "request_uri", "registration"} {
		if values.Has(name) {
			return fault.Newf(fault.Invalid, name+"_not_supported", "The parameter %s is not supported", name)
		}
	}
	return nil
}

// challenge reads the code challenge (RFC 7636 §4.3). What was sent is enforced; S256 is the only method.
func challenge(values url.Values, c *application.Client, a *authorization) error {
	sent := values.Get("code_challenge")
	switch {
	case sent == "" && (values.Has("code_challenge") || values.Has("code_challenge_method")):
		return invalid("The parameter code_challenge is missing")
	case sent == "" && c.NeedsPKCE():
		return invalid("The application must use PKCE: code_challenge is missing")
	case sent == "":
		return nil
	case values.Get("code_challenge_method") != "S256":
		return invalid("The code_challenge_method must be S256")
	}
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(sent); err != nil || len(raw) != 32 || len(sent) != 43 {
		return invalid("The code_challenge is no SHA-256 in base64url")
	}
	a.Challenge = sent
	return nil
}

// converse is a checked request on its way to an answer.
type converse struct {
	client  *application.Client
	request authorization
	needs   interaction.Needs
	silent  bool // prompt=none
}

// converse answers at once where the browser's session suffices, else begins the conversation.
func (h *Handler) converse(w http.ResponseWriter, r *http.Request, c converse) {
	body, err := json.Marshal(c.request)
	if err != nil {
		h.refuse(w, r, c.request, err)
		return
	}
	b := interaction.Begin{Protocol: protocol, Application: c.client.Registered, Request: body, Needs: c.needs, RedirectURI: c.request.RedirectURI}
	out, ok, err := h.Interactions.Try(r, b)
	switch {
	case ok && err == nil:
		h.Finish(w, r, out)
		return
	case c.silent && err != nil, fault.Is(err, fault.Internal):
		h.refuse(w, r, c.request, err)
		return
	case c.silent:
		h.refuse(w, r, c.request, interaction.ErrInteractionRequired)
		return
	}
	location, err := h.Interactions.Begin(w, r, b)
	if err != nil {
		h.refuse(w, r, c.request, err)
		return
	}
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}

func clipped(s string) string {
	if len(s) > 200 || !clean(s) {
		return ""
	}
	return s
}
