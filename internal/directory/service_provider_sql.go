package directory

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

const serviceProviderColumns = `p.application_id, p.entity_id, coalesce(p.slug, ''), p.settings, p.metadata, coalesce(p.metadata_url, ''), p.signed_by,
	p.fetched_at, p.next_at, p.failure, p.failures`

func scanServiceProvider(r sqldb.Row) (p ServiceProvider, err error) {
	var settings, metadata string
	err = r.Scan(&p.Application.ID, &p.EntityID, &p.Slug, &settings, &metadata, &p.Refresh.URL, &p.Refresh.SignedBy,
		sqldb.Time(&p.Refresh.FetchedAt), sqldb.Time(&p.Refresh.NextAt), &p.Refresh.Failure, &p.Refresh.Failures)
	if errors.Is(err, sqldb.ErrNoRows) {
		return p, ErrServiceProviderNotFound
	}
	if err != nil {
		return p, err
	}
	return p, errors.Join(json.Unmarshal([]byte(settings), &p.Settings), json.Unmarshal([]byte(metadata), &p.Metadata))
}

// ByEntityID is the owner's service provider with the entity id, compared byte by byte. An owner of zero is the installation.
//
// Invariant: what belongs to an organization is found by it alone, and what belongs to the installation by no organization
// (TestWall056_AnEntityIsItsOwners).
func (s ServiceProviders) ByEntityID(ctx context.Context, owner OrganizationID, entityID string) (ServiceProvider, error) {
	if checkEntityID(entityID) != nil {
		return ServiceProvider{}, ErrServiceProviderNotFound
	}
	if owner.IsZero() {
		return s.one(ctx, `p.organization_id is null and p.entity_id = $1`, entityID)
	}
	return s.one(ctx, `p.organization_id = $1 and p.entity_id = $2`, owner, entityID)
}

// ByName is the owner's service provider by its slug or its identifier.
func (s ServiceProviders) ByName(ctx context.Context, owner OrganizationID, name string) (ServiceProvider, error) {
	if id, err := ParseApplicationID(name); err == nil {
		return s.of(ctx, owner, id)
	}
	switch {
	case CheckKey(name) != nil:
		return ServiceProvider{}, ErrServiceProviderNotFound
	case owner.IsZero():
		return s.one(ctx, `p.organization_id is null and p.slug = $1`, name)
	}
	return s.one(ctx, `p.organization_id = $1 and p.slug = $2`, owner, name)
}

// ByApplication is the service provider that the application is.
func (s ServiceProviders) ByApplication(ctx context.Context, id ApplicationID) (ServiceProvider, error) {
	return s.one(ctx, `p.application_id = $1`, id)
}

// of is the owner's service provider.
func (s ServiceProviders) of(ctx context.Context, owner OrganizationID, id ApplicationID) (ServiceProvider, error) {
	p, err := s.ByApplication(ctx, id)
	if err == nil && p.Owner() != owner {
		return ServiceProvider{}, ErrServiceProviderNotFound
	}
	return p, err
}

func (s ServiceProviders) one(ctx context.Context, where string, args ...any) (ServiceProvider, error) {
	p, err := scanServiceProvider(s.q().QueryRow(ctx, `select `+serviceProviderColumns+` from service_providers p where `+where, args...))
	if err != nil {
		return ServiceProvider{}, err
	}
	p.Application, err = Applications(s).ByID(ctx, p.Application.ID)
	return p, err
}

// List are the owner's service providers, by entity id.
func (s ServiceProviders) List(ctx context.Context, owner OrganizationID) ([]ServiceProvider, error) {
	args := []any{owner}
	where := `p.organization_id = $1`
	if owner.IsZero() {
		where, args = `p.organization_id is null`, nil
	}
	return s.several(ctx, where+` order by p.entity_id`, args...)
}

// Everything is every service provider of the installation and of all organizations, for whoever runs it.
func (s ServiceProviders) Everything(ctx context.Context) ([]ServiceProvider, error) {
	return s.several(ctx, `true order by p.application_id`)
}

// several reads service providers by three texts, however many there are.
func (s ServiceProviders) several(ctx context.Context, where string, args ...any) ([]ServiceProvider, error) {
	all, err := sqldb.All(ctx, s.q(), scanServiceProvider, `select `+serviceProviderColumns+` from service_providers p where `+where, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	these := ` where a.id in (select p.application_id from service_providers p where ` + where + `)`
	applications, err := sqldb.All(ctx, s.q(), scanApplication, `select `+applicationColumns+` from applications a`+these, args...)
	if err != nil {
		return nil, err
	}
	known := make(map[ApplicationID]*Application, len(applications))
	for i := range applications {
		known[applications[i].ID] = &applications[i]
	}
	if err := s.organizationsOf(ctx, known, these, args); err != nil {
		return nil, err
	}
	out := all[:0]
	for _, p := range all {
		if a := known[p.ID()]; a != nil { // else it was changed between the texts, and is not of these any more
			p.Application = *a
			out = append(out, p)
		}
	}
	return out, nil
}

// organizationsOf completes applications of service providers with the organizations that they serve. They have no secrets.
func (s ServiceProviders) organizationsOf(ctx context.Context, known map[ApplicationID]*Application, these string, args []any) error {
	type pair struct {
		application  ApplicationID
		organization OrganizationID
	}
	pairs, err := sqldb.All(ctx, s.q(), func(r sqldb.Row) (p pair, err error) { return p, r.Scan(&p.application, &p.organization) },
		`select ao.application_id, ao.organization_id from applications a join application_organizations ao on ao.application_id = a.id`+these+`
		order by ao.organization_id`, args...)
	for _, p := range pairs {
		if a := known[p.application]; a != nil {
			a.Organizations = append(a.Organizations, p.organization)
		}
	}
	return err
}

func insertServiceProvider(ctx context.Context, tx *sqldb.Tx, p *ServiceProvider) error {
	shared, err := json.Marshal(p.Application.Metadata)
	if err != nil {
		return err
	}
	a := &p.Application
	if _, err := tx.Exec(ctx, `insert into applications (id, kind, client_id, organization_id, name, all_organizations, disabled_at, metadata, version, created_at, changed_at)
		values ($1, 'saml', $2, $3, $4, $5, $6, $7, 1, $8, $8)`,
		a.ID, a.ClientID, a.Organization, a.Name, a.AllOrganizations, disabledAt(a.Disabled, tx), string(shared), sqldb.Micros(tx.Now())); err != nil {
		return err
	}
	saveApplicationOrganizations(tx, *a)
	settings, metadata, err := p.texts()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into service_providers (application_id, organization_id, entity_id, slug, settings, metadata, key_prints, metadata_url,
			signed_by, fetched_at, next_at, failure, failures, valid_until)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		a.ID, a.Organization, p.EntityID, sqldb.Text(p.Slug), settings, metadata, p.Metadata.prints(), sqldb.Text(p.Refresh.URL),
		p.Refresh.SignedBy, sqldb.Micros(p.Refresh.FetchedAt), sqldb.Micros(p.Refresh.NextAt), p.Refresh.Failure, p.Refresh.Failures, sqldb.Micros(p.End()))
	return err
}

func updateServiceProvider(ctx context.Context, tx *sqldb.Tx, was, p *ServiceProvider) error {
	shared, err := json.Marshal(p.Application.Metadata)
	if err != nil {
		return err
	}
	a := &p.Application
	tx.Later(`update applications set name = $2, all_organizations = $3, metadata = $4, version = version + 1, changed_at = $5 where id = $1`,
		a.ID, a.Name, a.AllOrganizations, string(shared), sqldb.Micros(tx.Now()))
	if was.Application.Disabled != a.Disabled {
		tx.Later(`update applications set disabled_at = $2 where id = $1`, a.ID, disabledAt(a.Disabled, tx))
	}
	tx.Later(`delete from application_organizations where application_id = $1`, a.ID)
	saveApplicationOrganizations(tx, *a)
	settings, metadata, err := p.texts()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update service_providers set slug = $2, settings = $3, metadata = $4, key_prints = $5, metadata_url = $6, signed_by = $7, valid_until = $8
		where application_id = $1`,
		a.ID, sqldb.Text(p.Slug), settings, metadata, p.Metadata.prints(), sqldb.Text(p.Refresh.URL), p.Refresh.SignedBy, sqldb.Micros(p.End()))
	saveRefresh(tx, p)
	return err
}

func saveRefresh(tx *sqldb.Tx, p *ServiceProvider) {
	tx.Later(`update service_providers set fetched_at = $2, next_at = $3, failure = $4, failures = $5, valid_until = $6 where application_id = $1`,
		p.Application.ID, sqldb.Micros(p.Refresh.FetchedAt), sqldb.Micros(p.Refresh.NextAt), p.Refresh.Failure, p.Refresh.Failures, sqldb.Micros(p.End()))
}

// texts are the parts that are stored as JSON.
func (p *ServiceProvider) texts() (settings, metadata string, err error) {
	s, err := json.Marshal(p.Settings)
	if err != nil {
		return "", "", err
	}
	m, err := json.Marshal(p.Metadata)
	return string(s), string(m), err
}

// holdServiceProvider waits until nobody else changes it, and reads it as it then is.
func holdServiceProvider(ctx context.Context, tx *sqldb.Tx, owner OrganizationID, id ApplicationID) (ServiceProvider, error) {
	n, err := tx.Exec(ctx, `update applications set name = name where id = $1 and kind = 'saml'`, id)
	if err != nil {
		return ServiceProvider{}, err
	}
	if n == 0 {
		return ServiceProvider{}, ErrServiceProviderNotFound
	}
	return ServiceProviders{store{tx: tx}}.of(ctx, owner, id)
}

// deleteServiceProvider leaves the application, switched off: others may speak of it.
func deleteServiceProvider(tx *sqldb.Tx, p *ServiceProvider) {
	tx.Later(`update applications set disabled_at = coalesce(disabled_at, $2), version = version + 1, changed_at = $2 where id = $1`, p.Application.ID, sqldb.Micros(tx.Now()))
	tx.Later(`delete from saml_artifacts where application_id = $1`, p.Application.ID)
	tx.Later(`update saml_participants set ended_at = coalesce(ended_at, $2) where application_id = $1`, p.Application.ID, sqldb.Micros(tx.Now()))
	tx.Later(`delete from service_providers where application_id = $1`, p.Application.ID)
}

// takenBy says which of the names another service provider of the owner has.
func (s ServiceProviders) takenBy(ctx context.Context, p *ServiceProvider) error {
	other, err := s.ByEntityID(ctx, p.Owner(), p.EntityID)
	if err == nil && other.ID() != p.ID() {
		return ErrEntityIDTaken
	}
	if err != nil && !fault.Is(err, fault.NotFound) || p.Slug == "" {
		return ignoreNotFound(err)
	}
	other, err = s.ByName(ctx, p.Owner(), p.Slug)
	if err == nil && other.ID() != p.ID() {
		return errProviderSlugTaken
	}
	return ignoreNotFound(err)
}

func ignoreNotFound(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Due are service providers whose metadata is to be read anew by now, the longest due first.
func (s ServiceProviders) Due(ctx context.Context, limit int) ([]ServiceProvider, error) {
	return s.several(ctx, `p.next_at <= $1 order by p.next_at, p.application_id limit $2`, sqldb.Micros(s.now()), limit)
}

// Ending are service providers whose metadata, or a key in it, ends before a time, and whose owner has not been told of
// that end.
func (s ServiceProviders) Ending(ctx context.Context, before time.Time, limit int) ([]ServiceProvider, error) {
	return s.several(ctx, `p.valid_until < $1 and (p.warned_for is null or p.warned_for <> p.valid_until) order by p.valid_until, p.application_id limit $2`,
		sqldb.Micros(before), limit)
}

// claimWarning is false where somebody else has told of the end.
func claimWarning(ctx context.Context, tx *sqldb.Tx, p *ServiceProvider) (bool, error) {
	n, err := tx.Exec(ctx, `update service_providers set warned_for = valid_until
		where application_id = $1 and valid_until = $2 and (warned_for is null or warned_for <> valid_until)`,
		p.Application.ID, sqldb.Micros(p.End()))
	return n == 1, err
}
