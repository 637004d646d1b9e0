package gate

import (
	"context"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// Consent is what a person has agreed to: one scope of one application in one organization.
type Consent struct {
	Application  directory.ApplicationID
	Organization directory.OrganizationID
	Scope        string
	GivenAt      time.Time
}

// ConsentsOf is all that the person has agreed to, in every organization.
func ConsentsOf(ctx context.Context, q sqldb.Queryer, user directory.UserID) ([]Consent, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (c Consent, err error) {
		return c, r.Scan(&c.Application, &c.Organization, &c.Scope, sqldb.Time(&c.GivenAt))
	}, `select application_id, organization_id, scope, given_at from consents where user_id = $1
		order by organization_id, application_id, scope`, user)
}

// Revoke takes the person's agreement back and answers how many scopes it was for.
func Revoke(ctx context.Context, tx *sqldb.Tx, user directory.UserID, application directory.ApplicationID, org directory.OrganizationID) (int64, error) {
	return tx.Exec(ctx, `delete from consents where user_id = $1 and application_id = $2 and organization_id = $3`, user, application, org)
}
