package token

import (
	"context"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// Held are the tokens that an application has had of a person in an organization.
type Held struct {
	Application  directory.ApplicationID
	Organization directory.OrganizationID
	Since        time.Time
	Last         time.Time
}

// HeldOf are the applications that have, or had lately, tokens of the person.
func HeldOf(ctx context.Context, q sqldb.Queryer, user directory.UserID) ([]Held, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (h Held, err error) {
		return h, r.Scan(&h.Application, &h.Organization, sqldb.Time(&h.Since), sqldb.Time(&h.Last))
	}, `select application_id, organization_id, min(created_at), max(coalesce(rotated_at, created_at))
		from token_families where user_id = $1 group by application_id, organization_id`, user)
}

// EndOf takes from an application all that it has of a person in one organization: token families, also those that last
// without a session, and codes that wait to be redeemed. Other organizations keep theirs
// (TestRevokingConsentEndsTheApplicationsTokens).
func EndOf(ctx context.Context, tx *sqldb.Tx, user directory.UserID, application directory.ApplicationID, org directory.OrganizationID) (int64, error) {
	tx.Later(`update authorization_codes set expires_at = $4 where user_id = $1 and application_id = $2 and organization_id = $3
		and used_at is null and expires_at > $4`, user, application, org, sqldb.Micros(tx.Now()))
	return tx.Exec(ctx, `update token_families set ended_at = $4 where user_id = $1 and application_id = $2 and organization_id = $3
		and ended_at is null`, user, application, org, sqldb.Micros(tx.Now()))
}
