package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"
)

// refresh gets new tokens with the refresh token, and with them what changed about the person meanwhile.
// An application does this when the access token has run out; here a button does it.
func (a *App) refresh(w http.ResponseWriter, r *http.Request) {
	defer http.Redirect(w, r, "/", http.StatusSeeOther)
	key, s, ok := a.current(r)
	if !ok || s.ended {
		return
	}
	s.busy.Lock()
	defer s.busy.Unlock()
	if s, ok = a.sessions.get(key); !ok || s.ended { // as it is after another tab's refresh
		return
	}
	renewed, err := a.renew(r.Context(), s)
	result := a.outcomeOf("refresh", 0, err)
	a.sessions.change(key, func(s *session) {
		if s.ended { // meanwhile
			return
		}
		if s.last = result; err == nil {
			s.tokens, s.idToken, s.id, s.access = renewed.tokens, renewed.idToken, renewed.id, renewed.access
		}
	})
}

// renew redeems the refresh token. A new ID token is checked as the first one was, and must be about the same person
// (Core §12.2).
func (a *App) renew(ctx context.Context, s session) (session, error) {
	if s.tokens.RefreshToken == "" {
		return s, refuse("no_refresh_token", nil)
	}
	p, err := a.issuer(ctx)
	if err != nil {
		return s, err
	}
	ctx = a.outgoing(ctx)
	// A token without access token counts as run out, so the source asks at once.
	tokens, err := p.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: s.tokens.RefreshToken}).Token()
	if err != nil {
		return s, tokenRefusal(err)
	}
	renewed := s
	renewed.tokens, renewed.access = tokens, decodeAccessToken(tokens.AccessToken)
	if tokens.Extra("id_token") == nil {
		return renewed, nil
	}
	if err := renewed.readIDToken(ctx, p); err != nil {
		return s, err
	}
	if renewed.subject != s.subject {
		return s, refuse("invalid_id_token", errors.New("the new ID token speaks of another subject"))
	}
	return renewed, nil
}

// askUserinfo asks the issuer about the person again, with the access token as it is.
func (a *App) askUserinfo(w http.ResponseWriter, r *http.Request) {
	defer http.Redirect(w, r, "/", http.StatusSeeOther)
	key, s, ok := a.current(r)
	if !ok || s.ended {
		return
	}
	var told claims
	var status int
	p, err := a.issuer(r.Context())
	if err == nil {
		told, status, err = a.userinfo(r.Context(), p, s)
	}
	result := a.outcomeOf("userinfo", status, err)
	a.sessions.change(key, func(s *session) {
		if s.ended {
			return
		}
		if s.last = result; err == nil {
			s.userinfo = told
		}
	})
}

// outcomeOf logs and keeps what a button led to.
func (a *App) outcomeOf(action string, status int, err error) *outcome {
	if err == nil {
		return &outcome{Action: action, Code: "ok", Status: status}
	}
	code := asRefusal(err).code
	a.log.Warn("refused", "action", action, "code", code, "status", status)
	return &outcome{Action: action, Code: code, Status: status}
}

// signOut signs out here and at the issuer (OpenID Connect RP-Initiated Logout 1.0). The session here ends first: it must
// not live on because the person never comes back.
func (a *App) signOut(w http.ResponseWriter, r *http.Request) {
	key, s, ok := a.current(r)
	if ok {
		a.sessions.take(key)
	}
	a.setCookie(w, sessionCookie, "")
	p, err := a.issuer(r.Context())
	if !ok || s.ended || err != nil || p.metadata.EndSession == "" {
		http.Redirect(w, r, "/signed-out", http.StatusSeeOther)
		return
	}
	target, err := url.Parse(p.metadata.EndSession)
	if err != nil {
		a.fail(w, refuse("issuer_unreachable", err))
		return
	}
	state := rand.Text()
	a.departures.add(state, a.browser(w, r))
	query := target.Query()
	query.Set("id_token_hint", s.idToken) // says whose session to end, so that nobody must be asked
	query.Set("client_id", a.config.ClientID)
	query.Set("post_logout_redirect_uri", a.config.BaseURL+"/signed-out")
	query.Set("state", state)
	target.RawQuery = query.Encode()
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}

// signOutHere ends the session of this application only; the next sign-in may need no password.
func (a *App) signOutHere(w http.ResponseWriter, r *http.Request) {
	if key, _, ok := a.current(r); ok {
		a.sessions.take(key)
	}
	a.setCookie(w, sessionCookie, "")
	http.Redirect(w, r, "/signed-out", http.StatusSeeOther)
}

// signedOut is where the issuer sends people after their sign-out. Only the state that we gave along proves that the
// issuer did it.
func (a *App) signedOut(w http.ResponseWriter, r *http.Request) {
	if _, s, ok := a.current(r); ok && !s.ended {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	state := r.URL.Query().Get("state")
	name, ok := a.departures.get(state)
	if ok = ok && isBrowser(r, name); ok {
		a.departures.take(state)
	}
	notice := "here"
	if ok {
		notice = "everywhere"
	}
	a.render(w, http.StatusOK, "home", homePage{Notice: notice})
}

// me gives the session's claims to programs.
func (a *App) me(w http.ResponseWriter, r *http.Request) {
	_, s, ok := a.current(r)
	switch {
	case !ok:
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "not_signed_in"})
	case s.ended:
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "ended"})
	default:
		writeJSON(w, http.StatusOK, map[string]any{
			"sub": s.subject, "sid": s.sid, "id_token": s.id, "userinfo": s.userinfo, "access_token": s.access,
			"refresh_token": s.tokens.RefreshToken != "",
		})
	}
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client may be gone
}
