package oidc

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"portvakt/idp/application"
	"portvakt/idp/bearer"
	"portvakt/idp/gate"
	"portvakt/idp/token"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// server is the back channel behind the library's routing and form reading. What it does not implement the library
// answers with unsupported_grant_type.
type server struct {
	op.UnimplementedServer
	*Handler
}

func newBackChannel(h *Handler) http.Handler {
	return op.RegisterServer(server{Handler: h}, op.Endpoints{
		Token: op.NewEndpoint(pathToken), Introspection: op.NewEndpoint(pathIntrospect), Revocation: op.NewEndpoint(pathRevoke),
	}, op.WithServerCORSOptions(nil))
}

// fail leaves the error with the call, whose answer the guard then writes. The library is told that all went well: it
// would log what it is not asked about, in its own way.
func fail(ctx context.Context, err error) (*op.Response, error) {
	callOf(ctx).err = err
	return op.NewResponse(nil), nil
}

// asClient has the history name the client, a service account as itself (R34). What changes nothing needs no actor.
func asClient(ctx context.Context) context.Context {
	c, a := callOf(ctx).auth.Client(), actor.From(ctx)
	a.Kind, a.ID, a.Name = actor.Application, c.ID.String(), c.Name
	if !c.ServiceAccount.IsZero() {
		a.Kind, a.ID, a.Organization = actor.ServiceAccount, c.ServiceAccount.String(), c.Organization.String()
	}
	return actor.With(ctx, a)
}

// VerifyClient is the client that the guard has authenticated.
func (s server) VerifyClient(ctx context.Context, _ *op.Request[op.ClientCredentials]) (op.Client, error) {
	return client{callOf(ctx).auth}, nil
}

// CodeExchange is RFC 6749 §4.1.3 with RFC 7636 §4.6.
func (s server) CodeExchange(ctx context.Context, _ *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	form := callOf(ctx).form
	tokens, err := s.Tokens.Redeem(asClient(ctx), bearer.TokenClient(callOf(ctx).auth.Client()), token.Redemption{
		Code: form.Get("code"), RedirectURI: form.Get("redirect_uri"), Verifier: form.Get("code_verifier"),
	})
	if err != nil {
		return fail(ctx, err)
	}
	return op.NewResponse(tokens), nil
}

// RefreshToken is RFC 6749 §6; organization switches to another one of the same person.
func (s server) RefreshToken(ctx context.Context, _ *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	form := callOf(ctx).form
	asked, err := scopes(form.Get("scope"))
	if err != nil {
		return fail(ctx, err)
	}
	tokens, err := s.Tokens.Refresh(asClient(ctx), bearer.TokenClient(callOf(ctx).auth.Client()), token.RefreshRequest{
		Token: form.Get("refresh_token"), Scope: asked, Organization: form.Get("organization"),
	})
	if err != nil {
		return fail(ctx, err)
	}
	return op.NewResponse(tokens), nil
}

// ClientCredentialsExchange is RFC 6749 §4.4. By secret it runs no database statement.
func (s server) ClientCredentialsExchange(ctx context.Context, _ *op.ClientRequest[oidc.ClientCredentialsRequest]) (*op.Response, error) {
	tokens, err := s.clientCredentials(ctx, callOf(ctx))
	if err != nil {
		return fail(ctx, err)
	}
	return op.NewResponse(tokens), nil
}

func (s server) clientCredentials(ctx context.Context, call *call) (token.Tokens, error) {
	c := call.auth.Client()
	if !call.auth.Confidential() {
		return token.Tokens{}, application.ErrInvalidClient
	}
	asked, err := scopes(call.form.Get("scope"))
	if err != nil {
		return token.Tokens{}, err
	}
	granted := c.OwnScopes(asked)
	for _, scope := range asked {
		if !slices.Contains(granted, scope) {
			return token.Tokens{}, fault.New(fault.Invalid, "invalid_scope", "The client is not registered for this scope, or the scope speaks of a person")
		}
	}
	organization, err := s.organizationOf(ctx, c, call.form.Get("organization"))
	if err != nil {
		return token.Tokens{}, err
	}
	pass, err := gate.JudgeClient(s.DB.Now(), gate.ClientRequest{ClientID: c.ClientID, Application: c.Gate, Organization: organization})
	if err != nil {
		return token.Tokens{}, err
	}
	holder := bearer.TokenClient(c)
	holder.Credential, holder.Until = call.auth.Credential(), call.auth.Until()
	return s.Tokens.IssueClient(ctx, holder, pass, granted)
}

// organizationOf is the organization of a client's own token: a service account's own one, or the one that an
// application names. What it may not enter is not told apart from what there is not.
func (s server) organizationOf(ctx context.Context, c *application.Client, slug string) (o directory.Organization, err error) {
	switch {
	case !c.Organization.IsZero():
		o, err = s.Clients.OrganizationByID(ctx, c.Organization)
		if err == nil && slug != "" && slug != o.Slug {
			err = gate.ErrNotServed
		}
	case slug != "":
		o, err = s.Clients.OrganizationServed(ctx, c, slug)
		if fault.Is(err, fault.NotFound) {
			err = gate.ErrNotServed
		}
	}
	return o, err
}

// inactive is all that is said of a token that is not the asker's, or not alive (RFC 7662 §2.2).
var inactive = json.RawMessage(`{"active":false}`)

// Introspect is RFC 7662.
func (s server) Introspect(ctx context.Context, _ *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	call := callOf(ctx)
	body, err := s.introspect(ctx, call.auth.Client(), call.form.Get("token"))
	if fault.Is(err, fault.Unauthenticated) || fault.Is(err, fault.NotFound) {
		return op.NewResponse(inactive), nil
	}
	if err != nil {
		return fail(ctx, err)
	}
	return op.NewResponse(body), nil
}

func (s server) introspect(ctx context.Context, asker *application.Client, text string) (json.RawMessage, error) {
	a, err := s.Tokens.VerifyAccess(ctx, text)
	if err == nil {
		if a.ClientID != asker.ClientID && !slices.Contains(a.Audience, asker.ClientID) {
			return nil, token.ErrToken
		}
		claims, err := s.alive(ctx, a)
		if err != nil {
			return nil, err
		}
		const head = `{"active":true,"token_type":"Bearer",`
		return append(append(make([]byte, 0, len(head)+len(claims)), head...), claims[1:]...), nil
	}
	if !fault.Is(err, fault.Unauthenticated) {
		return nil, err
	}
	if !asker.ServiceAccount.IsZero() {
		return nil, token.ErrToken
	}
	refresh, err := s.Tokens.RefreshState(ctx, text, bearer.TokenClient(asker))
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Active   bool   `json:"active"`
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		ClientID string `json:"client_id"`
		Scope    string `json:"scope"`
		Expires  int64  `json:"exp"`
	}{true, s.Issuer, refresh.Subject, asker.ClientID, refresh.Scope, refresh.Expires})
}

// alive is what an access token is worth, a person's or a client's own; an error where it does not count any more.
func (s server) alive(ctx context.Context, a *token.Access) ([]byte, error) {
	holder, err := s.Clients.ByClientID(ctx, a.ClientID)
	if err != nil {
		return nil, err
	}
	client := bearer.TokenClient(holder)
	if !a.Family.IsZero() {
		pass, err := s.Tokens.State(ctx, a, client)
		if err != nil {
			return nil, err
		}
		return s.Tokens.Introspection(ctx, a, client, pass)
	}
	if _, err := bearer.New(s.DB, s.Tokens, s.Clients).Judge(ctx, a, holder); err != nil {
		return nil, err
	}
	return a.Claims(), nil
}

// Revocation is RFC 7009; whatever is not the client's is answered like what is.
func (s server) Revocation(ctx context.Context, _ *op.ClientRequest[oidc.RevocationRequest]) (*op.Response, error) {
	call := callOf(ctx)
	if err := s.Tokens.Revoke(asClient(ctx), bearer.TokenClient(call.auth.Client()), call.form.Get("token")); err != nil {
		return fail(ctx, err)
	}
	return op.NewResponse(nil), nil
}
