package scim

import (
	"context"
	"net/http"
	"slices"

	"portvakt/internal/actor"
	"portvakt/internal/bearertoken"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// scope is the OAuth scope that access tokens need here.
const scope = "scim"

// Tokens says whose access token it is, where it counts at this moment; else an Unauthenticated fault. // idp/bearer
type Tokens interface {
	Verify(ctx context.Context, text string) (Bearer, error)
}

// Bearer is who stands behind an access token: a client with its own, or a person.
type Bearer struct {
	Application    directory.ApplicationID    // zero: a service account's, or a person's
	ServiceAccount directory.ServiceAccountID // zero: an application's, or a person's
	Membership     directory.MembershipID     // the person's; zero: a client's own token
	User           directory.UserID           // the person
	Organization   directory.OrganizationID   // that the token is for; zero: for none
	Slug           string                     // the organization's
	Scopes         []string                   // that still count
	Audience       []string
}

var errNoClient = refuse(http.StatusForbidden, "", "No provisioning client of the organization is called by this application")

// authenticate finds out who calls: by a token of a provisioning client, else by an access token.
func (x *exchange) authenticate() error {
	if x.r.URL.Query().Has("access_token") { // logs keep addresses (RFC 6750 §5.3)
		return errUnauthorized
	}
	text := bearertoken.Of(x.r.Header["Authorization"])
	client, use, noted, err := x.h.dir.ProvisioningClients.AuthenticateUse(x.ctx, text)
	x.noteUse(use)
	switch {
	case err == nil:
		if now := x.h.db.Now(); now.Sub(noted) >= directory.UseEvery {
			x.h.uses.Note(use, now)
		}
		x.calls(client)
		return nil
	case !fault.Is(err, fault.Unauthenticated):
		return err // a failing database is not to look like a wrong token
	case x.h.tokens == nil || text == "":
		return errUnauthorized
	}
	b, err := x.h.tokens.Verify(x.ctx, text)
	if fault.Is(err, fault.Unauthenticated) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) {
		return errUnauthorized
	}
	if err != nil {
		return err
	}
	return x.accept(b)
}

// accept takes an access token for this address with the scope, and no other.
func (x *exchange) accept(b Bearer) error {
	if b.Organization.IsZero() || !slices.Contains(b.Scopes, scope) || !slices.Contains(b.Audience, x.h.base+"/"+b.Slug) {
		return errUnauthorized
	}
	if !b.Membership.IsZero() {
		x.person = b.Membership
		x.client = directory.ProvisioningClient{Organization: b.Organization, Slug: b.Slug}
		a := actor.From(x.ctx)
		a.Kind, a.ID, a.Organization = actor.Person, b.User.String(), b.Organization.String()
		x.ctx = actor.With(x.ctx, a)
		return nil
	}
	client, err := x.h.dir.ProvisioningClients.CalledBy(x.ctx, b.Organization, b.Application, b.ServiceAccount)
	if fault.Is(err, fault.NotFound) {
		return errNoClient
	}
	if err != nil {
		return err
	}
	x.calls(client)
	a := actor.From(x.ctx)
	if a.Behalf = b.ServiceAccount.String(); b.ServiceAccount.IsZero() {
		a.Behalf = b.Application.String()
	}
	x.ctx = actor.With(x.ctx, a)
	return nil
}

// calls notes who acts. The token of an application or service account acts as its provisioning client: the history names
// that one, and on whose behalf.
func (x *exchange) calls(client directory.ProvisioningClient) {
	x.client = client
	a := actor.From(x.ctx) // keeps the request's id and address
	a.Kind, a.ID, a.Name, a.Organization = actor.ProvisioningClient, client.ID.String(), client.Name, client.Organization.String()
	x.ctx = actor.With(x.ctx, a)
}
