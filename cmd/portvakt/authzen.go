package main

import (
	"context"
	"net/http"

	"portvakt/authz/authzen"
	"portvakt/idp/bearer"
	"portvakt/internal/directory"
)

// buildAuthZEN puts together where applications ask what somebody may do.
func (h *house) buildAuthZEN(o *options) (err error) {
	h.access, err = authzen.New(authzen.Config{Issuer: o.Issuer, Tokens: accessTokens{bearer.New(h.db, h.tokens, h.clients)}, Engine: h.engine, Names: h.dir.Memberships,
		Keys: h.keys, Now: h.db.Now, Log: h.log})
	return err
}

// accessTokens lets AuthZEN hear of idp whose token it was given: an application's own, or a service account's, which asks
// about its own organization.
type accessTokens struct{ tokens *bearer.Tokens }

// Verify answers the client behind a token of its own, with the scopes that it is still registered for.
func (v accessTokens) Verify(ctx context.Context, text string) (authzen.Caller, error) {
	h, err := v.tokens.Verify(ctx, text)
	if err != nil {
		return authzen.Caller{}, err
	}
	return authzen.Caller{ClientID: h.Client.ClientID, Scopes: h.Scopes(), Audience: h.Access.Audience, Organization: h.Organization.ID,
		Find: func(ctx context.Context, slug string) (directory.OrganizationID, error) {
			return v.tokens.Organization(ctx, h, slug)
		}}, nil
}

// accessRoutes are AuthZEN's addresses: it answers every method itself, in its own form.
func (h *house) accessRoutes() map[string]hotRoute {
	routes := map[string]hotRoute{authzen.PathConfiguration: {[]string{http.MethodGet, http.MethodHead}, h.access.Metadata()}}
	for _, path := range authzen.Paths() {
		routes[path] = hotRoute{nil, h.access}
	}
	return routes
}
