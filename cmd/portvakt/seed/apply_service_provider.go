package seed

import (
	"context"
	"slices"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// hasServiceProvider looks up a service provider that the file names by its entity id alone.
func (l *lookup) hasServiceProvider(ctx context.Context, r reference) (bool, error) {
	owner := directory.OrganizationID{}
	if r.organization != "" {
		o, err := l.organization(ctx, r.organization)
		if err != nil || o == nil {
			return false, err
		}
		owner = o.id
	}
	_, err := l.dir.ServiceProviders.ByEntityID(ctx, owner, r.key)
	return found(err)
}

// serviceProvider registers a service provider, or changes what is registered; absent keys keep their value.
func (r *run) serviceProvider(ctx context.Context, x *ServiceProvider) error {
	where, owner := "installation", directory.OrganizationID{}
	if x.Organization.present() {
		id, err := r.slug(ctx, x.Organization)
		if err != nil {
			return err
		}
		where, owner = "organization "+x.Organization.Text, id
	}
	was, err := r.dir.ServiceProviders.ByEntityID(ctx, owner, x.EntityID.Text)
	there, err := found(err)
	if err != nil {
		return err
	}
	if x.Removed {
		return r.removeServiceProvider(ctx, x, was, where)
	}
	served, err := r.served(ctx, x)
	if err != nil {
		return err
	}
	edit := func(p *directory.ServiceProvider) error { x.over(p, served); return nil }
	var is directory.ServiceProvider
	if there {
		is, err = r.dir.ServiceProviders.Change(ctx, owner, was.ID(), edit)
	} else {
		is.Application = directory.Application{Organization: owner, AllOrganizations: true}
		is.EntityID = x.EntityID.Text
		_ = edit(&is)
		is, err = r.dir.ServiceProviders.Register(ctx, is)
	}
	if err != nil {
		return r.refused(x.at(fault.Of(err).Field), "service provider "+quoted(x.EntityID.Text), err)
	}
	if !there || is.Version() != was.Version() {
		r.report.add(where, "service provider", tally(!there))
	}
	return nil
}

func (r *run) removeServiceProvider(ctx context.Context, x *ServiceProvider, was directory.ServiceProvider, where string) error {
	if was.ID().IsZero() { // gone already
		return nil
	}
	if err := r.dir.ServiceProviders.Remove(ctx, was.Owner(), was.ID()); err != nil {
		return r.refused(x.Position, "service provider "+quoted(x.EntityID.Text), err)
	}
	r.report.add(where, "service provider", directory.Tally{Removed: 1})
	return nil
}

// served are the organizations that the file lets in.
func (r *run) served(ctx context.Context, x *ServiceProvider) ([]directory.OrganizationID, error) {
	var out []directory.OrganizationID
	for _, w := range x.Organizations.Slugs {
		id, err := r.slug(ctx, w)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out, nil
}

// over lays the file over a registration. Metadata that its address has answered is newer than what stands in the file.
func (x *ServiceProvider) over(p *directory.ServiceProvider, served []directory.OrganizationID) {
	set(&p.Application.Name, x.Name)
	set(&p.Application.Disabled, x.Disabled)
	if x.Slug.present() {
		p.Slug = x.Slug.Text
	}
	if x.Organizations.given {
		p.Application.AllOrganizations, p.Application.Organizations = x.Organizations.All, served
	}
	if x.MetadataURL.present() {
		if p.Refresh.URL = x.MetadataURL.Text; p.Refresh.URL == nothing {
			p.Refresh.URL = ""
		}
	}
	if x.MetadataSignedBy.present() {
		p.Refresh.SignedBy = x.signedBy
	}
	if x.read != nil && (p.Refresh.URL == "" || p.Refresh.FetchedAt.IsZero()) {
		x.lay(p)
	}
	x.settings(&p.Settings)
	x.shared(&p.Application.Metadata)
}

// lay takes over what was read. By hand, what the file does not name stays.
func (x *ServiceProvider) lay(p *directory.ServiceProvider) {
	if x.Metadata.present() || x.MetadataFile.present() {
		p.Metadata = *x.read
		return
	}
	if x.ACS != nil {
		p.Metadata.ACS = x.read.ACS
	}
	if x.SLO != nil {
		p.Metadata.SLO = x.read.SLO
	}
	if x.Certificates != nil {
		p.Metadata.Keys = x.read.Keys
	}
}
