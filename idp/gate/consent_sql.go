package gate

import (
	"context"

	"portvakt/internal/sqldb"
)

// Agreed reports whether the person has agreed that the application gets all the scopes, in the organization of the pass.
// Who agreed in one organization has said nothing about another.
func Agreed(ctx context.Context, q sqldb.Queryer, p Pass, scopes []string) (bool, error) {
	given, err := sqldb.All(ctx, q, func(r sqldb.Row) (scope string, err error) {
		err = r.Scan(&scope)
		return scope, err
	}, `select scope from consents where user_id = $1 and application_id = $2 and organization_id = $3`,
		p.standing.User, p.application, p.standing.Organization)
	if err != nil {
		return false, err
	}
	has := map[string]bool{}
	for _, scope := range given {
		has[scope] = true
	}
	for _, scope := range scopes {
		if !has[scope] {
			return false, nil
		}
	}
	return true, nil
}
