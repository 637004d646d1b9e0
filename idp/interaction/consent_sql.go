package interaction

import (
	"context"

	"portvakt/idp/gate"
	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// consentMissing reports whether the person must be asked before the application gets the scopes in this organization.
func (s *Service) consentMissing(ctx context.Context, n Needs, pass gate.Pass, agreed directory.MembershipID) (bool, error) {
	if !pass.Valid() || agreed == pass.Standing().Membership || !n.ForceConsent && !n.ConsentNeeded {
		return false, nil
	}
	if n.ForceConsent {
		return true, nil
	}
	given, err := gate.Agreed(ctx, s.db, pass, n.Scopes)
	return !given, err
}

// remember stores what the person has agreed to.
func (s *Service) remember(ctx context.Context, st directory.Standing, a directory.ApplicationID, scopes []string) error {
	return s.db.Update(ctx, func(tx *sqldb.Tx) error {
		for _, scope := range scopes {
			tx.Later(`insert into consents (user_id, application_id, organization_id, scope, given_at) values ($1, $2, $3, $4, $5)
				on conflict (user_id, application_id, organization_id, scope) do update set given_at = excluded.given_at`,
				st.User, a, st.Organization, scope, sqldb.Micros(tx.Now()))
		}
		return audit.Append(ctx, tx, st.Organization, audit.Entry{
			Action: "consent.given", Object: st.User.String(), Person: st.User.String(), Detail: map[string]any{"application": a.String(), "scopes": scopes},
		})
	})
}
