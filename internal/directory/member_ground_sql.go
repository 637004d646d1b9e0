package directory

import (
	"context"
	"errors"
	"slices"

	"portvakt/internal/sqldb"
)

// ground is what somebody who becomes a member finds there. It is read in one statement, because directories are filled by
// the thousand and each statement is a round trip.
type ground struct {
	email        Email // to sign in with; zero for somebody who cannot
	organization Organization
	home         OrganizationID // the organization whose verified domain the address has; zero if none
	user         User           // zero where nobody signs in with the address
	client       bool           // the provisioning client is the organization's own
	locked       bool           // the organization's row is
}

const groundText = `select ` + organizationColumns + `, d.organization_id,
		u.id, coalesce(u.email, ''), coalesce(u.email_key, ''), u.email_verified_at, u.home_organization_id, coalesce(u.state, ''),
		coalesce(u.operator, false), coalesce(u.details, ''), coalesce(u.epoch, 0), coalesce(u.credentials_epoch, 0),
		coalesce(u.version, 0), u.created_at, u.changed_at,
		exists (select 1 from provisioning_clients c where c.organization_id = $1 and c.id = $4)
	from organizations o left join organization_domains d on d.domain = $2 left join users u on u.email_key = $3
	where o.id = $1`

// groundOf reads the ground for m. Where the organization has few of something that m takes, its row is locked first, so
// that of two at the same moment one waits and counts the other.
func groundOf(ctx context.Context, tx *sqldb.Tx, m *Member) (ground, error) {
	g, err := readGround(ctx, tx, m)
	if err != nil || g.organization.Seats == UnlimitedSeats && m.Kind != Reseller && !slices.ContainsFunc(m.Functions, Function.isSingle) {
		return g, err
	}
	if err := lockOrganization(ctx, tx, m.Organization); err != nil {
		return g, err
	}
	g, err = readGround(ctx, tx, m)
	g.locked = true
	return g, err
}

func readGround(ctx context.Context, tx *sqldb.Tx, m *Member) (g ground, err error) {
	if m.Kind != ContactOnly {
		if g.email, err = ParseEmail(m.Email); err != nil {
			return g, err
		}
	}
	var details string
	u := &g.user
	targets := append(organizationTargets(&g.organization), &g.home,
		&u.ID, &u.Email.Address, &u.Email.Key, sqldb.Time(&u.EmailVerifiedAt), &u.Home, &u.State, &u.Operator, &details,
		&u.Epoch, &u.CredentialsEpoch, &u.Version, sqldb.Time(&u.CreatedAt), sqldb.Time(&u.ChangedAt), &g.client)
	err = tx.QueryRow(ctx, groundText, m.Organization, g.email.Domain(), g.email.Key, m.ManagedBy).Scan(targets...)
	if errors.Is(err, sqldb.ErrNoRows) {
		return g, ErrOrganizationNotFound
	}
	if err != nil {
		return g, err
	}
	return g, readDetails(details, &u.Details)
}
