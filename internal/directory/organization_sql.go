package directory

import (
	"context"
	"errors"
	"slices"

	"portvakt/internal/sqldb"
)

const organizationColumns = `o.id, o.slug, o.name, o.language, coalesce(o.seats, -1), o.second_factor, o.managed_by, o.state = 'suspended',
	o.access_version, o.version, o.created_at, o.changed_at, o.suspended_keep_seats, o.trusted_days, o.mail_codes,
	coalesce(o.idle_limit, 0), coalesce(o.session_limit, 0), o.key_policy, o.accent`

func organizationTargets(o *Organization) []any {
	return []any{&o.ID, &o.Slug, &o.Name, &o.Language, &o.Seats, &o.SecondFactor, &o.ManagedBy, &o.Suspended,
		&o.AccessVersion, &o.Version, sqldb.Time(&o.CreatedAt), sqldb.Time(&o.ChangedAt), &o.SuspendedKeepSeats, &o.TrustedDays, &o.MailCodes,
		(*inSeconds)(&o.IdleLimit), (*inSeconds)(&o.SessionLimit), &o.KeyPolicy, &o.Accent}
}

func scanOrganization(r sqldb.Row) (o Organization, err error) {
	err = r.Scan(organizationTargets(&o)...)
	if errors.Is(err, sqldb.ErrNoRows) {
		err = ErrOrganizationNotFound
	}
	return o, err
}

// ByID is the organization with its domains and features.
func (s Organizations) ByID(ctx context.Context, id OrganizationID) (Organization, error) {
	o, err := scanOrganization(s.q().QueryRow(ctx, `select `+organizationColumns+` from organizations o where o.id = $1`, id))
	if err != nil {
		return o, err
	}
	return s.complete(ctx, o)
}

// organizationRow is the organization without its domains and features.
func organizationRow(ctx context.Context, q sqldb.Queryer, id OrganizationID) (Organization, error) {
	return scanOrganization(q.QueryRow(ctx, `select `+organizationColumns+` from organizations o where o.id = $1`, id))
}

// BySlug is the organization with its domains and features.
func (s Organizations) BySlug(ctx context.Context, slug string) (Organization, error) {
	if !slugForm.MatchString(slug) {
		return Organization{}, ErrOrganizationNotFound
	}
	o, err := scanOrganization(s.q().QueryRow(ctx, `select `+organizationColumns+` from organizations o where o.slug = $1`, slug))
	if err != nil {
		return o, err
	}
	return s.complete(ctx, o)
}

// IDBySlug is the identifier of the organization alone, for who has to decide first whether to read more.
func (s Organizations) IDBySlug(ctx context.Context, slug string) (id OrganizationID, err error) {
	if !slugForm.MatchString(slug) {
		return id, ErrOrganizationNotFound
	}
	err = s.q().QueryRow(ctx, `select id from organizations where slug = $1`, slug).Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		err = ErrOrganizationNotFound
	}
	return id, err
}

func (s Organizations) complete(ctx context.Context, o Organization) (Organization, error) {
	var err error
	o.Domains, err = sqldb.All(ctx, s.q(), scanString, `select domain from organization_domains where organization_id = $1`, o.ID)
	if err != nil {
		return o, err
	}
	o.Features, err = sqldb.All(ctx, s.q(), scanString, `select feature from organization_features where organization_id = $1`, o.ID)
	o.Domains, o.Features = sorted(o.Domains), sorted(o.Features) // here, because the engines order texts differently
	return o, err
}

func scanString(r sqldb.Row) (s string, err error) {
	err = r.Scan(&s)
	return s, err
}

// OfDomain is the organization whose verified domain it is, the zero id if none. domain is in stored form.
func (s Organizations) OfDomain(ctx context.Context, domain string) (OrganizationID, error) {
	var id OrganizationID
	err := s.q().QueryRow(ctx, `select organization_id from organization_domains where domain = $1`, domain).Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		return OrganizationID{}, nil
	}
	return id, err
}

func insertOrganization(ctx context.Context, tx *sqldb.Tx, o *Organization) error {
	n, err := tx.Exec(ctx, `insert into organizations (id, slug, name, language, seats, second_factor, managed_by, state,
			access_version, version, created_at, changed_at, suspended_keep_seats, trusted_days, idle_limit, session_limit, key_policy, mail_codes,
			accent)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) on conflict (slug) do nothing`,
		o.ID, o.Slug, o.Name, o.Language, seats(o.Seats), string(o.SecondFactor), o.ManagedBy, organizationState(o.Suspended),
		o.AccessVersion, o.Version, sqldb.Micros(o.CreatedAt), sqldb.Micros(o.ChangedAt), o.SuspendedKeepSeats, o.TrustedDays,
		seconds(o.IdleLimit), seconds(o.SessionLimit), string(o.KeyPolicy), o.MailCodes, o.Accent)
	if err == nil && n == 0 {
		return ErrSlugTaken
	}
	return err
}

func updateOrganization(ctx context.Context, tx *sqldb.Tx, o *Organization) error {
	_, err := tx.Exec(ctx, `update organizations set name = $2, language = $3, seats = $4, second_factor = $5, managed_by = $6, state = $7,
			version = $8, changed_at = $9, suspended_keep_seats = $10, trusted_days = $11,
			idle_limit = $12, session_limit = $13, key_policy = $14, mail_codes = $15, accent = $16 where id = $1`,
		o.ID, o.Name, o.Language, seats(o.Seats), string(o.SecondFactor), o.ManagedBy, organizationState(o.Suspended),
		o.Version, sqldb.Micros(o.ChangedAt), o.SuspendedKeepSeats, o.TrustedDays,
		seconds(o.IdleLimit), seconds(o.SessionLimit), string(o.KeyPolicy), o.MailCodes, o.Accent)
	return err
}

func seats(n int64) any {
	if n == UnlimitedSeats {
		return nil
	}
	return n
}

func organizationState(suspended bool) string {
	if suspended {
		return "suspended"
	}
	return "active"
}

// saveDomains stores the difference between the verified domains and what they were; homes follow.
func saveDomains(ctx context.Context, tx *sqldb.Tx, o *Organization, was []string) error {
	for _, d := range was {
		if !slices.Contains(o.Domains, d) {
			if err := loseDomain(ctx, tx, o.ID, d); err != nil {
				return err
			}
		}
	}
	for _, d := range o.Domains {
		if slices.Contains(was, d) {
			continue
		}
		if _, err := takeDomain(ctx, tx, o.ID, d, true); err != nil {
			return err
		}
	}
	return nil
}

// saveFeatures switches on and off what differs from what was on.
func saveFeatures(ctx context.Context, tx *sqldb.Tx, o *Organization, was []string) error {
	for _, f := range was {
		if !slices.Contains(o.Features, f) {
			if err := switchFeature(ctx, tx, o.ID, turn{key: f, to: FeatureOff}); err != nil {
				return err
			}
		}
	}
	for _, f := range o.Features {
		if !slices.Contains(was, f) {
			if err := switchFeature(ctx, tx, o.ID, turn{key: f, to: FeatureOn, quiet: o.Version == 1}); err != nil {
				return err
			}
		}
	}
	return nil
}

// lockOrganization makes the transaction the only one that counts or changes what the organization has few of: seats,
// administrators, single functions. On PostgreSQL it locks the row; on SQLite the writer is alone anyway.
func lockOrganization(ctx context.Context, tx *sqldb.Tx, id OrganizationID) error {
	n, err := tx.Exec(ctx, `update organizations set version = version where id = $1`, id)
	if err == nil && n == 0 {
		return ErrOrganizationNotFound
	}
	return err
}
