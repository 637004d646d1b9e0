package oidc

import (
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"portvakt/idp/application"
)

// client shows the library the two things that it asks of an authenticated client: method and grants. The rest belongs
// to the front channel, which the library never sees.
type client struct{ auth application.Authenticated }

func (c client) GetID() string { return c.auth.Client().ClientID }
func (c client) AuthMethod() oidc.AuthMethod {
	return oidc.AuthMethod(c.auth.Client().Method)
}
func (c client) GrantTypes() []oidc.GrantType {
	grants := c.auth.Client().Gate.Grants
	out := make([]oidc.GrantType, len(grants))
	for i, g := range grants {
		out[i] = oidc.GrantType(g)
	}
	return out
}

func (client) RedirectURIs() []string                                              { return nil }
func (client) PostLogoutRedirectURIs() []string                                    { return nil }
func (client) ApplicationType() op.ApplicationType                                 { return op.ApplicationTypeWeb }
func (client) ResponseTypes() []oidc.ResponseType                                  { return nil }
func (client) LoginURL(string) string                                              { return "" }
func (client) AccessTokenType() op.AccessTokenType                                 { return op.AccessTokenTypeJWT }
func (client) IDTokenLifetime() time.Duration                                      { return 0 }
func (client) DevMode() bool                                                       { return false }
func (client) RestrictAdditionalIdTokenScopes() func(scopes []string) []string     { return none }
func (client) RestrictAdditionalAccessTokenScopes() func(scopes []string) []string { return none }
func (client) IsScopeAllowed(string) bool                                          { return false }
func (client) IDTokenUserinfoClaimsAssertion() bool                                { return false }
func (client) ClockSkew() time.Duration                                            { return 0 }

func none([]string) []string { return nil }
