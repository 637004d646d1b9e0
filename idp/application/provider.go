package application

import (
	"portvakt/idp/gate"
	"portvakt/internal/directory"
)

// GrantAssertion is the only grant of a SAML service provider, and nobody else's.
const GrantAssertion = gate.GrantAssertion

// ofServiceProvider is a SAML service provider as conversations and the gate see it.
//
// Invariant: it has no credential, no scope and no grant of OAuth, and no client id leads to it
// (TestServiceProvidersAreNoClients).
func ofServiceProvider(a directory.Application) *Client {
	a.Secrets, a.Metadata.JWKS, a.Metadata.JWKSURI = nil, nil, ""
	c := ofApplication(a)
	c.Method, c.Scopes, c.keysURI, c.noPKCE, c.credentials = "", nil, "", false, nil
	c.Gate.Grants = []string{GrantAssertion}
	return c
}
