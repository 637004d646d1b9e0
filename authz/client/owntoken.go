package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

const (
	renewBefore = time.Minute     // before its expiry a token is renewed, or earlier where it lives shorter than that
	renewPause  = 5 * time.Second // after a renewal failed, while the token still counts
)

// ownTokens are this application's access tokens for the decision API, one for each organization.
type ownTokens struct {
	c       *Client
	flights *flights[ownToken]

	mu    sync.Mutex
	known map[string]ownToken
}

type ownToken struct {
	text           string
	renew, expires time.Time
}

func newOwnTokens(c *Client) *ownTokens {
	return &ownTokens{c: c, flights: newFlights[ownToken](c), known: map[string]ownToken{}}
}

// get answers a token that counts.
func (o *ownTokens) get(ctx context.Context, organization string) (string, error) {
	o.mu.Lock()
	known, has := o.known[organization]
	o.mu.Unlock()
	now := o.c.cfg.Now()
	if has && now.Before(known.renew) {
		return known.text, nil
	}
	fresh, err := o.flights.do(ctx, organization, func(ctx context.Context) (ownToken, error) { return o.obtain(ctx, organization) })
	switch {
	case err == nil:
		return fresh.text, nil
	case has && now.Before(known.expires) && ctx.Err() == nil && !o.c.running.over():
		o.postpone(organization, known.text, now.Add(renewPause))
		return known.text, nil
	}
	return "", fmt.Errorf("obtaining an access token: %w", err)
}

// postpone lets a token count until its renewal is tried again.
func (o *ownTokens) postpone(organization, text string, until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if t, has := o.known[organization]; has && t.text == text {
		t.renew = earlier(until, t.expires)
		o.known[organization] = t
	}
}

// drop forgets a token that the service refused.
func (o *ownTokens) drop(organization, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known[organization].text == text {
		delete(o.known, organization)
	}
}

func (o *ownTokens) obtain(ctx context.Context, organization string) (ownToken, error) {
	now := o.c.cfg.Now() // before asking: a token is never thought to live longer than it does
	source := o.c.cfg.Tokens
	if source == nil {
		source = o.clientCredentials
	}
	text, expires, err := source(ctx, organization)
	if err != nil {
		return ownToken{}, err
	}
	if text == "" || !expires.After(now) {
		return ownToken{}, fmt.Errorf("%w: the token endpoint gave no token that lives", ErrAnswer)
	}
	t := ownToken{text: text, expires: expires, renew: expires.Add(-min(renewBefore, expires.Sub(now)/5))}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known[organization] = t
	return t, nil
}

// clientCredentials is RFC 6749 §4.4, with the organization that the token shall be of.
func (o *ownTokens) clientCredentials(ctx context.Context, organization string) (string, time.Time, error) {
	cfg := &o.c.cfg
	if cfg.ClientSecret == "" {
		return "", time.Time{}, fmt.Errorf("%w: neither ClientSecret nor Tokens is configured", ErrCredentials)
	}
	at, err := o.c.metadata.get(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"authzen"}}
	if organization != "" {
		form.Set("organization", organization)
	}
	now := cfg.Now()
	var out struct {
		Token   string      `json:"access_token"`
		Type    string      `json:"token_type"`
		Expires json.Number `json:"expires_in"`
	}
	err = o.c.send(ctx, ask{method: http.MethodPost, url: at.token, kind: "application/x-www-form-urlencoded", body: []byte(form.Encode()),
		prepare: func(r *http.Request) { // RFC 6749 §2.3.1: both parts form-encoded first
			r.SetBasicAuth(url.QueryEscape(cfg.ClientID), url.QueryEscape(cfg.ClientSecret))
		}}, &out)
	if err != nil {
		return "", time.Time{}, err
	}
	seconds, err := out.Expires.Int64()
	if err != nil || seconds <= 0 || seconds > 24*60*60 || !strings.EqualFold(out.Type, "Bearer") {
		return "", time.Time{}, fmt.Errorf("%w: a token of type %q that lives %q seconds", ErrAnswer, out.Type, out.Expires)
	}
	return out.Token, now.Add(time.Duration(seconds) * time.Second), nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
