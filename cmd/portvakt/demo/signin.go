package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// attempt is a sign-in that has begun and waits for the browser to come back. It is used once.
type attempt struct {
	browser      string // who began it
	nonce        string // must come back inside the ID token
	verifier     string // of PKCE: who redeems the code must know it
	organization string // what was asked for; "" any
	maxAge       string // what was asked for, in seconds; "" any
	began        time.Time
}

// attemptLife is generous: somebody may have to set up a password first.
const attemptLife = 24 * time.Hour

// leeway is how far the clocks of two servers may be apart.
const leeway = time.Minute

// passedOn are the parameters of our /login that the issuer is asked with.
var passedOn = []string{"organization", "prompt", "ui_locales", "login_hint", "max_age", "acr_values"}

// login sends the person to the issuer.
func (a *App) login(w http.ResponseWriter, r *http.Request) {
	p, err := a.issuer(r.Context())
	if err != nil {
		a.fail(w, err)
		return
	}
	query := r.URL.Query()
	state, started := rand.Text(), attempt{
		browser: a.browser(w, r), nonce: rand.Text(), verifier: oauth2.GenerateVerifier(),
		organization: query.Get("organization"), maxAge: query.Get("max_age"), began: a.now(),
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(started.nonce), oauth2.S256ChallengeOption(started.verifier)}
	for _, name := range passedOn {
		if value := query.Get(name); value != "" {
			options = append(options, oauth2.SetAuthURLParam(name, value))
		}
	}
	a.attempts.add(state, started)
	http.Redirect(w, r, p.oauth.AuthCodeURL(state, options...), http.StatusSeeOther)
}

// callback is where the issuer sends the person back.
func (a *App) callback(w http.ResponseWriter, r *http.Request) {
	p, err := a.issuer(r.Context())
	if err != nil {
		a.fail(w, err)
		return
	}
	started, code, err := a.answer(r, p)
	if err != nil {
		a.fail(w, err)
		return
	}
	ctx := a.outgoing(r.Context())
	s, err := redeem(ctx, p, code, started)
	if err != nil {
		a.fail(w, err)
		return
	}
	if err := started.freshEnough(s.id, a.now()); err != nil {
		a.fail(w, err)
		return
	}
	key, err := a.open(ctx, p, s, started)
	if err != nil {
		a.fail(w, err)
		return
	}
	if old, _, ok := a.current(r); ok {
		a.sessions.take(old)
	}
	// Always a new value, so that nobody can plant one before the sign-in.
	a.setCookie(w, sessionCookie, key)
	a.log.Info("signed in")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// answer checks where a callback comes from before it believes any of it, errors included.
//
// Invariant: state was made for this browser and is used once (TestWrongState); iss is the issuer that we asked, so that
// another issuer's answer cannot be mixed in, RFC 9207 §2.4 (TestWrongIssuer).
func (a *App) answer(r *http.Request, p *provider) (attempt, string, error) {
	query := r.URL.Query()
	state := query.Get("state")
	started, ok := a.attempts.get(state)
	if !ok || !isBrowser(r, started.browser) {
		return attempt{}, "", refuse("invalid_state", nil)
	}
	if _, ok := a.attempts.take(state); !ok || a.now().Sub(started.began) > attemptLife {
		return attempt{}, "", refuse("invalid_state", nil)
	}
	if iss := query.Get("iss"); iss != a.config.Issuer && (iss != "" || p.metadata.SendsIssuer) {
		return attempt{}, "", refuse("invalid_issuer", nil)
	}
	if code := query.Get("error"); code != "" {
		return attempt{}, "", &refusal{code: code, detail: query.Get("error_description")}
	}
	return started, query.Get("code"), nil
}

// redeem exchanges the code for tokens and checks the ID token, OpenID Connect Core 1.0 §3.1.3.7.
//
// Invariant: the ID token holds the nonce of this attempt (TestWrongNonce).
func redeem(ctx context.Context, p *provider, code string, started attempt) (session, error) {
	tokens, err := p.oauth.Exchange(ctx, code, oauth2.VerifierOption(started.verifier))
	if err != nil {
		return session{}, tokenRefusal(err)
	}
	s := session{tokens: tokens, access: decodeAccessToken(tokens.AccessToken), busy: new(sync.Mutex)}
	if err := s.readIDToken(ctx, p); err != nil {
		return session{}, err
	}
	if s.id.text("nonce") != started.nonce {
		return session{}, refuse("invalid_nonce", nil)
	}
	s.sid = s.id.text("sid")
	return s, nil
}

// readIDToken verifies the ID token that came with s.tokens and takes over what it says.
func (s *session) readIDToken(ctx context.Context, p *provider) error {
	raw, _ := s.tokens.Extra("id_token").(string)
	token, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return refuse("invalid_id_token", err)
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(s.tokens.AccessToken); err != nil {
			return refuse("invalid_id_token", err)
		}
	}
	var c claims
	if err := token.Claims(&c); err != nil {
		return refuse("invalid_id_token", err)
	}
	s.idToken, s.subject, s.id = raw, token.Subject, c
	return nil
}

// freshEnough checks what was asked for: max_age travelled through the browser, and whoever sits there can leave it out.
func (started attempt) freshEnough(id claims, now time.Time) error {
	seconds, err := strconv.ParseInt(started.maxAge, 10, 32)
	if err != nil {
		return nil // not asked for
	}
	signedIn, err := strconv.ParseInt(id.text("auth_time"), 10, 64)
	if err != nil || now.Sub(time.Unix(signedIn, 0)) > time.Duration(seconds)*time.Second+leeway {
		return refuse("too_old", err)
	}
	return nil
}

// open keeps the session and completes it with userinfo; it gives the value of the cookie.
//
// The order matters. A logout token that comes from now on finds the session; one that came before makes userinfo refuse.
func (a *App) open(ctx context.Context, p *provider, s session, started attempt) (string, error) {
	key := rand.Text()
	a.sessions.add(key, s)
	told, _, err := a.userinfo(ctx, p, s)
	if asked := started.organization; err == nil && asked != "" && asked != told.text("org_slug") && asked != told.text("org_id") {
		err = refuse("wrong_organization", nil)
	}
	if err != nil {
		a.sessions.take(key)
		return "", err
	}
	a.sessions.change(key, func(s *session) {
		if !s.ended {
			s.userinfo = told
		}
	})
	return key, nil
}

// userinfo asks the issuer about the person; it gives the HTTP status too, 0 if there was no answer.
// provider.UserInfo of go-oidc does the same without the status.
func (a *App) userinfo(ctx context.Context, p *provider, s session) (claims, int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.UserInfoEndpoint(), nil)
	if err != nil {
		return nil, 0, refuse("issuer_unreachable", err)
	}
	s.tokens.SetAuthHeader(request)
	response, err := a.client.Do(request)
	if err != nil {
		return nil, 0, refuse("issuer_unreachable", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, response.StatusCode, refuse("userinfo_refused", fmt.Errorf("userinfo answered %s", response.Status))
	}
	var c claims
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&c); err != nil {
		return nil, response.StatusCode, refuse("invalid_userinfo", err)
	}
	// Core §5.3.2: an answer about somebody else must not be used.
	if c.text("sub") != s.subject {
		return nil, response.StatusCode, refuse("invalid_userinfo", errors.New("userinfo speaks of another subject"))
	}
	return c, response.StatusCode, nil
}

// tokenRefusal makes a refusal of what the token endpoint answered; its text may hold anything and is not kept.
func tokenRefusal(err error) error {
	var answered *oauth2.RetrieveError
	if errors.As(err, &answered) && answered.ErrorCode != "" {
		return refuse(answered.ErrorCode, nil)
	}
	var unreachable *url.Error
	if errors.As(err, &unreachable) {
		return refuse("issuer_unreachable", err)
	}
	return refuse("invalid_response", nil)
}
