package demo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// backchannelLogout is what Portvakt calls when a sign-in is over: the person signed out elsewhere, was suspended or left
// the organization (OpenID Connect Back-Channel Logout 1.0). No browser is involved, so no cookie comes along: the token
// proves who is speaking and says whose sessions end.
func (a *App) backchannelLogout(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	token, err := a.logoutToken(r.Context(), r.PostFormValue("logout_token"))
	// §2.6 (8): a jti counts once. It is noted last, so that only good tokens take room.
	if err == nil && !a.logouts.add(token.TokenID, struct{}{}) {
		err = errors.New("logout token was used before")
	}
	if err != nil {
		a.log.Warn("logout token refused", "reason", err)
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": "The logout token is not valid."})
		return
	}
	ended := a.end(token)
	a.log.Info("sign-ins ended by the issuer", "sessions", ended)
	w.WriteHeader(http.StatusOK) // also where nobody was signed in any more (§2.8)
}

// logoutToken verifies a logout token, §2.6. go-oidc checks the signature, iss, aud, exp, jti, the event, that there is
// sub or sid, and that there is no nonce (which an ID token has). The rest is here.
//
// Invariant: no other token of the issuer ends a session (TestBackchannelLogoutRefused).
func (a *App) logoutToken(ctx context.Context, raw string) (*oidc.LogoutToken, error) {
	p, err := a.issuer(ctx)
	if err != nil {
		return nil, err
	}
	token, err := p.verifier.VerifyLogout(ctx, raw)
	if err != nil {
		return nil, err
	}
	if typ := headerType(raw); typ != "logout+jwt" {
		return nil, fmt.Errorf("token of the type %.40q is no logout token", typ)
	}
	var c struct {
		IssuedAt *json.Number               `json:"iat"`
		Events   map[string]json.RawMessage `json:"events"`
	}
	if err := token.Claims(&c); err != nil {
		return nil, errors.New("logout token: iat or events have the wrong form")
	}
	if c.IssuedAt == nil || token.IssuedAt.After(a.now().Add(leeway)) {
		return nil, errors.New("logout token: iat is missing or in the future")
	}
	var event map[string]any
	if json.Unmarshal(c.Events["http://schemas.openid.net/event/backchannel-logout"], &event) != nil || event == nil {
		return nil, errors.New("logout token: the event is no object")
	}
	return token, nil
}

// headerType reads typ of a token whose signature was verified; media types have no case and may leave out application/.
func headerType(raw string) string {
	var header struct {
		Type string `json:"typ"`
	}
	first, _, _ := strings.Cut(raw, ".")
	data, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil || json.Unmarshal(data, &header) != nil {
		return ""
	}
	return strings.TrimPrefix(strings.ToLower(header.Type), "application/")
}

// end ends the session that the token names by sid, or all of the person's where it names none.
func (a *App) end(token *oidc.LogoutToken) (ended int) {
	a.sessions.changeEach(func(s *session) {
		switch {
		case s.ended,
			token.SessionID != "" && token.SessionID != s.sid,
			token.Subject != "" && token.Subject != s.subject:
			return
		}
		*s = session{ended: true} // nothing of the person stays
		ended++
	})
	return ended
}
