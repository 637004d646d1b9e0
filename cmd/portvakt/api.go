package main

import (
	"bytes"
	"context"
	"net/http"
	"slices"

	"portvakt/idp/bearer"
	"portvakt/idp/token"
	"portvakt/internal/api"
	"portvakt/internal/webhook"
)

// buildAPI puts together what applications call and by what they are called.
func (h *house) buildAPI(o *options) {
	h.api = api.New(api.Config{Issuer: o.Issuer, Directory: h.dir, Tokens: apiTokens{bearer.New(h.db, h.tokens, h.clients)}, Bounces: h.dir.Invitations, Limiter: h.limits, Log: h.log})
	webhook.New(webhook.Config{DB: h.db, Directory: h.dir, Signer: h.ring, Poster: poster{h.outside}, Issuer: o.Issuer, Log: h.log}).Subscribe(h.events)
}

// apiTokens lets the API hear of idp whose token it was given.
type apiTokens struct{ tokens *bearer.Tokens }

// Verify answers the application behind a token of its own, with the scopes that it is still registered for.
func (v apiTokens) Verify(ctx context.Context, text string) (api.Caller, error) {
	h, err := v.tokens.Verify(ctx, text)
	if err != nil {
		return api.Caller{}, err
	}
	if h.Client.ID.IsZero() { // a service account's
		return api.Caller{}, token.ErrToken
	}
	return api.Caller{Application: h.Client.ID, ClientID: h.Client.ClientID, Installation: h.Client.Registered.Organization.IsZero(),
		Scopes: h.Scopes(), Audience: slices.Clone(h.Access.Audience), Organization: h.Organization.ID, Serves: h.Client.Gate.Serves}, nil
}

// Post sends a security event token (RFC 8935 §2) and answers the status.
func (p poster) Post(ctx context.Context, target, media string, body []byte) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", media)
	req.Header.Set("Accept", "application/json")
	res, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	return res.Status, nil
}
