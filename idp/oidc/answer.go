package oidc

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"portvakt/idp/application"
	"portvakt/idp/bearer"
	"portvakt/idp/interaction"
	"portvakt/idp/token"
	pages "portvakt/idp/web"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Finish answers an authorization request with a code: the conversation has its session, its sid and the gate's pass.
func (h *Handler) Finish(w http.ResponseWriter, r *http.Request, o interaction.Outcome) {
	a, client, err := h.provenAgain(r, o.Request)
	if err != nil {
		h.page(w, r, err, a.UILocales)
		return
	}
	var code string
	err = h.DB.Update(r.Context(), func(tx *sqldb.Tx) error {
		code, err = h.Tokens.IssueCode(r.Context(), tx, o.Pass, token.CodeRequest{
			Client: bearer.TokenClient(client), RedirectURI: a.RedirectURI, Challenge: a.Challenge,
			Grant: token.Grant{
				Session: token.SessionID(o.Session.ID), SID: token.SID(o.SID), Scope: a.Scope, Nonce: a.Nonce,
				ACR: a.named(o.Pass.Class()), AMR: o.Session.AMR, AuthenticatedAt: o.Session.AuthenticatedAt, FactorAt: o.Session.FactorAt,
			},
		})
		return err
	})
	if err != nil {
		h.refuse(w, r, a, err)
		return
	}
	h.respond(w, r, a, []pages.Field{{Name: "code", Value: code}})
}

// Refuse answers an authorization request whose conversation ended without a sign-in.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, request json.RawMessage, reason *fault.Fault) {
	a, _, err := h.provenAgain(r, request)
	if err != nil {
		h.page(w, r, err, a.UILocales)
		return
	}
	h.refuse(w, r, a, reason)
}

// provenAgain reads a request that was kept, and settles once more whom the answer may go to: the registration may have
// changed meanwhile.
func (h *Handler) provenAgain(r *http.Request, request json.RawMessage) (a authorization, c *application.Client, err error) {
	if err := json.Unmarshal(request, &a); err != nil {
		return a, nil, err
	}
	if c, err = h.usable(r, a.ClientID); err == nil && !c.AllowsRedirect(a.RedirectURI) {
		err = errRedirect
	}
	return a, c, err
}

// refuse sends an error to the application (RFC 6749 §4.1.2.1).
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, a authorization, err error) {
	code, text := h.frontError(r.Context(), err)
	h.respond(w, r, a, []pages.Field{{Name: "error", Value: code}, {Name: "error_description", Value: printable(text)}})
}

// respond sends an authorization response, always with iss (RFC 9207) and, where it was sent, state.
//
// Invariant: a redirect URI keeps its own query, and has none of the names of responses (application.Check), so each
// stands there once (TestRedirectURIWithQuery).
func (h *Handler) respond(w http.ResponseWriter, r *http.Request, a authorization, fields []pages.Field) {
	if a.State != "" {
		fields = append(fields, pages.Field{Name: "state", Value: a.State})
	}
	fields = append(fields, pages.Field{Name: "iss", Value: h.Issuer})
	w.Header()["Cache-Control"] = noStore
	if a.Mode == modeFormPost {
		h.Pages.FormPost(w, r, pages.FormPostView{Frame: pages.Frame{UILocales: a.UILocales}, Action: a.RedirectURI, Fields: fields})
		return
	}
	w.Header().Set("Location", withFields(a.RedirectURI, fields))
	w.WriteHeader(http.StatusSeeOther) // never 307, which would send a sign-in form's body along
}

// withFields adds fields to an address that was compared as text and is kept as text. It has no fragment.
func withFields(address string, fields []pages.Field) string {
	var b strings.Builder
	b.WriteString(address)
	separator := byte('?')
	if i := strings.IndexByte(address, '?'); i >= 0 {
		separator = '&'
		if i == len(address)-1 {
			separator = 0
		}
	}
	for _, f := range fields {
		if separator != 0 {
			b.WriteByte(separator)
		}
		separator = '&'
		b.WriteString(f.Name)
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(f.Value))
	}
	return b.String()
}
