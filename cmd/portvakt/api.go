package main

import (
	"bytes"
	"context"
	"net/http"
	"slices"

	"portvakt/idp/application"
	"portvakt/idp/token"
	"portvakt/internal/api"
	"portvakt/internal/webhook"
)

// buildAPI puts together what applications call and by what they are called.
func (h *house) buildAPI(o *options) {
	h.api = api.New(api.Config{Issuer: o.Issuer, Directory: h.dir, Tokens: apiTokens{h.tokens, h.clients}, Bounces: h.dir.Invitations, Limiter: h.limits, Log: h.log})
	webhook.New(webhook.Config{DB: h.db, Directory: h.dir, Signer: h.ring, Poster: poster{h.outside}, Issuer: o.Issuer, Log: h.log}).Subscribe(h.events)
}

// apiTokens lets the API hear of idp/token whose token it was given.
type apiTokens struct {
	tokens  *token.Service
	clients *application.Clients
}

// Verify answers the application behind a token of its own.
//
// Invariant: it asks what counts now: a revoked token, a disabled application, an organization that is suspended or served
// no more, a scope that is registered no more (TestWall122_TheAPIAsksWhatCountsNow).
func (v apiTokens) Verify(ctx context.Context, bearer string) (api.Caller, error) {
	a, err := v.tokens.VerifyAccess(ctx, bearer)
	if err != nil {
		return api.Caller{}, err
	}
	holder, err := v.clients.ByClientID(ctx, a.ClientID)
	if err != nil {
		return api.Caller{}, err
	}
	if holder.ID.IsZero() || !a.Family.IsZero() { // a service account's, or a person's
		return api.Caller{}, token.ErrToken
	}
	if err := v.tokens.ClientState(ctx, a, token.ClientOf(holder.Registered, holder.Gate)); err != nil {
		return api.Caller{}, err
	}
	caller := api.Caller{Application: holder.ID, ClientID: holder.ClientID, Installation: holder.Registered.Organization.IsZero(),
		Scopes: holder.OwnScopes(a.Scopes()), Audience: slices.Clone(a.Audience), Serves: holder.Gate.Serves}
	if id, bound := a.Organization(); bound {
		org, err := v.clients.OrganizationByID(ctx, id)
		if err != nil {
			return api.Caller{}, err
		}
		if org.Suspended || !holder.Gate.Serves(id) {
			return api.Caller{}, token.ErrToken
		}
		caller.Organization = id
	}
	return caller, nil
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
