package directory

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"portvakt/internal/sqldb"
)

const domainsText = `select domain, '', null, null, verified_at from organization_domains where organization_id = $1
	union all select c.domain, c.token, c.created_at, c.checked_at, null from domain_claims c where c.organization_id = $1
		and not exists (select 1 from organization_domains d where d.domain = c.domain and d.organization_id = c.organization_id)`

func scanDomain(r sqldb.Row) (d Domain, err error) {
	err = r.Scan(&d.Name, &d.Token, sqldb.Time(&d.ClaimedAt), sqldb.Time(&d.CheckedAt), sqldb.Time(&d.VerifiedAt))
	return d, err
}

// Domains are the organization's domains, proven or not, by name.
func (s Organizations) Domains(ctx context.Context, org OrganizationID) ([]Domain, error) {
	all, err := sqldb.All(ctx, s.q(), scanDomain, domainsText, org)
	slices.SortFunc(all, func(a, b Domain) int { return cmp.Compare(a.Name, b.Name) })
	return all, err
}

func domainOf(ctx context.Context, q sqldb.Queryer, org OrganizationID, name string) (Domain, error) {
	d, err := scanDomain(q.QueryRow(ctx, `select domain, token, claimed_at, checked_at, verified_at from (
			select domain, '' as token, null as claimed_at, null as checked_at, verified_at from organization_domains where organization_id = $1
			union all select domain, token, created_at, checked_at, null from domain_claims where organization_id = $1
		) d where domain = $2 order by case when verified_at is null then 1 else 0 end limit 1`, org, name))
	if errors.Is(err, sqldb.ErrNoRows) {
		return d, ErrDomainNotFound
	}
	return d, err
}

func insertClaim(tx *sqldb.Tx, org OrganizationID, d Domain) {
	tx.Later(`insert into domain_claims (organization_id, domain, token, created_at) values ($1, $2, $3, $4)`,
		org, d.Name, d.Token, sqldb.Micros(d.ClaimedAt))
}

func deleteClaim(tx *sqldb.Tx, org OrganizationID, name string) {
	tx.Later(`delete from domain_claims where organization_id = $1 and domain = $2`, org, name)
}

func noteChecked(tx *sqldb.Tx, org OrganizationID, name string) {
	tx.Later(`update domain_claims set checked_at = $3 where organization_id = $1 and domain = $2`, org, name, sqldb.Micros(tx.Now()))
}

// insertDomain is false where another organization has the domain.
func insertDomain(ctx context.Context, tx *sqldb.Tx, org OrganizationID, name string) (taken bool, err error) {
	deleteClaim(tx, org, name)
	n, err := tx.Exec(ctx, `insert into organization_domains (domain, organization_id, verified_at) values ($1, $2, $3)
		on conflict (domain) do nothing`, name, org, sqldb.Micros(tx.Now()))
	return n == 1, err
}

const moveHomesText = `update users set home_organization_id = $1, version = version + 1, changed_at = $2
	where email_domain = $3 and (home_organization_id is null or home_organization_id <> $1)`

// moveHomes makes the organization the home of everybody who signs in with an address of the domain, and counts them.
func moveHomes(ctx context.Context, tx *sqldb.Tx, org OrganizationID, domain string) (int64, error) {
	return tx.Exec(ctx, moveHomesText, org, sqldb.Micros(tx.Now()), domain)
}

// clearHomes takes the domain from the organization; its people have no home then.
func clearHomes(ctx context.Context, tx *sqldb.Tx, org OrganizationID, domain string) (int64, error) {
	tx.Later(`delete from organization_domains where organization_id = $1 and domain = $2`, org, domain)
	return tx.Exec(ctx, `update users set home_organization_id = null, version = version + 1, changed_at = $2
		where email_domain = $3 and home_organization_id = $1`, org, sqldb.Micros(tx.Now()), domain)
}

// touchOrganization notes that an organization changed in what its own row does not hold.
func touchOrganization(tx *sqldb.Tx, org OrganizationID) {
	tx.Later(`update organizations set version = version + 1, changed_at = $2 where id = $1`, org, sqldb.Micros(tx.Now()))
	tx.Bump(ApplicationsWatermark)
}
