package main

import (
	"context"

	"portvakt/idp/application"
	"portvakt/idp/bearer"
	"portvakt/internal/fault"
	"portvakt/scim"
)

// scimTokens lets SCIM hear of idp whose access token it was given: a client's own, or a person's.
type scimTokens struct{ tokens *bearer.Tokens }

// Verify answers who stands behind an access token that counts now, by the checks that AuthZEN and introspection make.
func (v scimTokens) Verify(ctx context.Context, text string) (scim.Bearer, error) {
	h, err := v.tokens.Verify(ctx, text)
	if err == nil {
		return scim.Bearer{Application: h.Client.ID, ServiceAccount: h.Client.ServiceAccount, Organization: h.Organization.ID, Slug: h.Organization.Slug,
			Scopes: h.Scopes(), Audience: h.Access.Audience}, nil
	}
	if !fault.Is(err, fault.Unauthenticated) {
		return scim.Bearer{}, err
	}
	p, err := v.tokens.Person(ctx, text)
	if err != nil {
		return scim.Bearer{}, err
	}
	b := scim.Bearer{Membership: p.Standing.Membership, User: p.Standing.User, Organization: p.Standing.Organization, Slug: p.Standing.Slug, Audience: p.Access.Audience}
	if p.Has(application.ScopeSCIM) {
		b.Scopes = []string{application.ScopeSCIM}
	}
	return b, nil
}
