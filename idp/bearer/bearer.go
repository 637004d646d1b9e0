// Package bearer says whose access token, a client's own or a person's, was shown to one of our APIs, and whether it counts at this moment. What the
// API demands of it beyond that, an audience and a scope, is the API's to ask.
//
// Invariant: it asks what counts now: a revoked token, a disabled client, a service account's credential that is over, an
// organization that is suspended or served no more (TestWall122_TheAPIAsksWhatCountsNow, TestTokensAreAskedEveryTime).
package bearer

import (
	"context"
	"slices"

	"portvakt/idp/application"
	"portvakt/idp/token"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// Tokens judges clients' own tokens.
type Tokens struct {
	db      *sqldb.DB
	tokens  *token.Service
	clients *application.Clients
}

// New makes the judge.
func New(db *sqldb.DB, tokens *token.Service, clients *application.Clients) *Tokens {
	return &Tokens{db, tokens, clients}
}

// Holder is the client behind a token of its own that counts.
type Holder struct {
	Access       *token.Access
	Client       *application.Client
	Organization directory.Organization // the token is for this one alone; the zero Organization: for all that the client serves
}

// Scopes are the token's scopes that the client is still registered for.
func (h Holder) Scopes() []string { return h.Client.OwnScopes(h.Access.Scopes()) }

// Verify answers who holds the token; token.ErrToken where it is a person's, or counts no more.
func (t *Tokens) Verify(ctx context.Context, text string) (Holder, error) {
	a, err := t.tokens.VerifyAccess(ctx, text)
	if err != nil {
		return Holder{}, err
	}
	holder, err := t.clients.ByClientID(ctx, a.ClientID)
	if err != nil {
		return Holder{}, err
	}
	return t.Judge(ctx, a, holder)
}

// Judge is Verify for a token that was read already, and the client that it names.
func (t *Tokens) Judge(ctx context.Context, a *token.Access, c *application.Client) (Holder, error) {
	h := Holder{Access: a, Client: c}
	if !a.Family.IsZero() {
		return Holder{}, token.ErrToken
	}
	if id, bound := a.Organization(); bound {
		o, err := t.clients.OrganizationByID(ctx, id)
		if err != nil {
			return Holder{}, err
		}
		if o.Suspended || !c.Gate.Serves(id) {
			return Holder{}, token.ErrToken
		}
		h.Organization = o
	}
	if !c.ServiceAccount.IsZero() && (h.Organization.ID.IsZero() || !c.Holds(a.Credential, t.db.Now())) { // revoked, or ended with who made it
		return Holder{}, token.ErrToken
	}
	if err := t.tokens.ClientState(ctx, a, token.Client{ClientID: c.ClientID, Gate: c.Gate}); err != nil {
		return Holder{}, err
	}
	return h, nil
}

// Organization finds an organization, by slug, that the holder may ask about: the token's own, or one that the client
// serves. Every other one is directory.ErrOrganizationNotFound, whether or not there is one of that name.
func (t *Tokens) Organization(ctx context.Context, h Holder, slug string) (directory.OrganizationID, error) {
	if !h.Organization.ID.IsZero() {
		if slug != h.Organization.Slug {
			return directory.OrganizationID{}, directory.ErrOrganizationNotFound
		}
		return h.Organization.ID, nil
	}
	o, err := t.clients.OrganizationServed(ctx, h.Client, slug)
	if err != nil {
		return directory.OrganizationID{}, err
	}
	if o.Suspended {
		return directory.OrganizationID{}, directory.ErrOrganizationNotFound
	}
	return o.ID, nil
}

// Person is whom a person's access token is about, and what it says of that.
type Person struct {
	Access   *token.Access
	Standing directory.Standing // in the token's organization, active
	scopes   []string
}

// Has reports whether the token has the scope and its client may still ask for it.
func (p Person) Has(scope string) bool {
	return slices.Contains(p.Access.Scopes(), scope) && slices.Contains(p.scopes, scope)
}

// Person answers whose token it is, by the check that introspection makes; token.ErrToken where it is a client's own, or
// counts no more.
func (t *Tokens) Person(ctx context.Context, text string) (Person, error) {
	a, err := t.tokens.VerifyAccess(ctx, text)
	if err != nil {
		return Person{}, err
	}
	holder, err := t.clients.ByClientID(ctx, a.ClientID)
	if err != nil {
		return Person{}, err
	}
	pass, err := t.tokens.State(ctx, a, TokenClient(holder))
	if err != nil {
		return Person{}, err
	}
	return Person{a, pass.Standing(), holder.Scopes}, nil
}

// TokenClient is a client as the holder of tokens.
func TokenClient(c *application.Client) token.Client {
	if !c.ServiceAccount.IsZero() {
		return token.ServiceAccountClient(c.ClientID, c.Gate)
	}
	out := token.ClientOf(c.Registered, c.Gate)
	out.Scopes, out.ConsentNeeded = c.Scopes, !c.SkipsConsent()
	return out
}
