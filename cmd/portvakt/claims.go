package main

import (
	"context"

	"portvakt/authz"
	"portvakt/idp/token"
	"portvakt/internal/directory"
)

// claims lets authz say what a member may do, in the shape that tokens are made of.
type claims struct{ engine *authz.Engine }

// Of answers the claims of the scope access, read from the rows at this moment.
func (c claims) Of(ctx context.Context, s directory.Standing, modules []string, mapping []directory.ClaimMapping) ([]token.Claim, error) {
	may, err := c.engine.ClaimsOf(ctx, s)
	if err != nil {
		return nil, err
	}
	named := authz.Mapping(mapping).Apply(may.Only(modules))
	out := make([]token.Claim, len(named))
	for i, n := range named {
		out[i] = token.Claim(n)
	}
	return out, nil
}
