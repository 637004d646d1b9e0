package seed

import (
	"context"
	"fmt"
	"slices"

	"portvakt/internal/config"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// reference is something that the file names without declaring it: the database may have it.
type reference struct {
	noun         string
	organization string // slug, for what belongs to one
	module       string // for fields and tools
	key          string
	needs        string // what a new one would have to say; "" for a plain reference
	at           config.Position
}

// refer notes a reference for Resolve.
func (c *checker) refer(w Word, r reference) {
	r.at = w.at
	c.file.refs = append(c.file.refs, r)
}

func (r reference) problem(name string) config.Problem {
	r.at.Source = name
	switch {
	case r.needs != "":
		return r.at.Problem("%s %q is new and needs %s", r.noun, r.key, r.needs)
	case r.module != "":
		return r.at.Problem("module %q has no %s %q", r.module, r.noun, r.key)
	case r.noun == "user":
		return r.at.Problem("nobody signs in as %q; an operator is a member of some organization first", r.key)
	case r.organization != "":
		return r.at.Problem("organization %q has no %s %q", r.organization, r.noun, r.key)
	}
	return r.at.Problem("there is no %s %q", r.noun, r.key)
}

// Resolve looks up in the database what the file names without declaring it; the problems are those that neither has.
func (f *File) Resolve(ctx context.Context, dir *directory.Directory) (config.Problems, error) {
	if len(f.refs) == 0 {
		return nil, nil
	}
	l := lookup{dir: dir, organizations: map[string]*known{}}
	var problems config.Problems
	for _, r := range f.refs {
		there, err := l.has(ctx, r)
		if err != nil {
			return nil, err
		}
		if !there {
			problems = append(problems, r.problem(f.name))
		}
	}
	return ordered(problems), nil
}

// lookup reads each list of the database at most once.
type lookup struct {
	dir           *directory.Directory
	modules       []directory.Module
	packages      []directory.Package
	installation  bool
	organizations map[string]*known
}

// known are the keys of one organization, by noun; nil where there is no such organization.
type known struct {
	id   directory.OrganizationID
	keys map[string][]string
}

func (l *lookup) has(ctx context.Context, r reference) (bool, error) {
	switch r.noun {
	case "module", "package", "field", "tool":
		return l.inInstallation(ctx, r)
	case "feature":
		all, err := l.dir.Organizations.Features(ctx)
		return slices.ContainsFunc(all, func(f directory.Feature) bool { return f.Key == r.key }), err
	case "application":
		a, err := l.dir.Applications.ByClientID(ctx, r.key)
		if r.needs == "redirect_uris" && err == nil {
			return len(a.Metadata.RedirectURIs) > 0, nil
		}
		return found(err)
	case "service provider":
		return l.hasServiceProvider(ctx, r)
	case "user":
		e, err := directory.ParseEmail(r.key)
		if err != nil {
			return false, nil
		}
		_, err = l.dir.Users.ByEmail(ctx, e)
		return found(err)
	case "organization":
		o, err := l.organization(ctx, r.key)
		return o != nil, err
	}
	o, err := l.organization(ctx, r.organization)
	if err != nil || o == nil {
		return false, err
	}
	if r.noun == "member" {
		_, err := memberNamed(ctx, l.dir, o.id, r.key)
		return found(err)
	}
	return slices.Contains(o.keys[r.noun], r.key), nil
}

func found(err error) (bool, error) {
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

func (l *lookup) inInstallation(ctx context.Context, r reference) (bool, error) {
	if !l.installation {
		var err error
		if l.modules, err = l.dir.Access.Modules(ctx); err != nil {
			return false, err
		}
		if l.packages, err = l.dir.Access.Packages(ctx); err != nil {
			return false, err
		}
		l.installation = true
	}
	if r.noun == "package" {
		return slices.ContainsFunc(l.packages, func(p directory.Package) bool { return p.Key == r.key }), nil
	}
	return slices.ContainsFunc(l.modules, func(m directory.Module) bool {
		switch r.noun {
		case "field":
			return m.Key == r.module && slices.Contains(m.Fields, r.key)
		case "tool":
			return m.Key == r.module && slices.Contains(m.Tools, r.key)
		}
		return m.Key == r.key
	}), nil
}

func (l *lookup) organization(ctx context.Context, slug string) (*known, error) {
	if k, asked := l.organizations[slug]; asked {
		return k, nil
	}
	o, err := l.dir.Organizations.BySlug(ctx, slug)
	if there, err := found(err); !there {
		l.organizations[slug] = nil
		return nil, err
	}
	k := &known{id: o.ID, keys: map[string][]string{}}
	l.organizations[slug] = k
	for noun, read := range map[string]func() ([]string, error){
		"segment": keys(ctx, o.ID, l.dir.Access.Segments, func(x directory.Segment) string { return x.Key }),
		"profile": keys(ctx, o.ID, l.dir.Access.Profiles, func(x directory.Profile) string { return x.Key }),
		"role":    keys(ctx, o.ID, l.dir.Access.Roles, func(x directory.Role) string { return x.Key }),
		"group":   keys(ctx, o.ID, l.dir.Access.Groups, func(x directory.Group) string { return x.Key }),
		"provisioning client": keys(ctx, o.ID, l.dir.ProvisioningClients.OfOrganization,
			func(x directory.ProvisioningClient) string { return x.Name }),
		"service account": keys(ctx, o.ID, l.dir.ServiceAccounts.OfOrganization, func(x directory.ServiceAccount) string { return x.Key }),
	} {
		if k.keys[noun], err = read(); err != nil {
			return nil, fmt.Errorf("read what organization %s has: %w", slug, err)
		}
	}
	return k, nil
}

func keys[T any](ctx context.Context, org directory.OrganizationID, read func(context.Context, directory.OrganizationID) ([]T, error), key func(T) string) func() ([]string, error) {
	return func() ([]string, error) {
		all, err := read(ctx, org)
		out := make([]string, len(all))
		for i, x := range all {
			out[i] = key(x)
		}
		return out, err
	}
}

// memberNamed finds a member by the address they sign in with, or by user name.
func memberNamed(ctx context.Context, dir *directory.Directory, org directory.OrganizationID, name string) (directory.Member, error) {
	if e, err := directory.ParseEmail(name); err == nil {
		m, err := dir.Memberships.ByEmail(ctx, org, e)
		if !fault.Is(err, fault.NotFound) {
			return m, err
		}
	}
	return dir.Memberships.ByUserName(ctx, org, name)
}
