package seed

import (
	"context"
	"reflect"
	"slices"

	"portvakt/internal/directory"
)

// makeOrganizations makes the missing ones first, so that everybody's home and every agency is there, and then brings the
// others up to date.
func (r *run) makeOrganizations(ctx context.Context) error {
	made := map[string]bool{}
	for i := range r.file.Organizations {
		x := &r.file.Organizations[i]
		o, err := r.dir.Organizations.BySlug(ctx, x.Slug.Text)
		there, err := found(err)
		if err != nil {
			return err
		}
		if !there {
			o = directory.Organization{Slug: x.Slug.Text, Seats: directory.UnlimitedSeats, SecondFactor: directory.SecondFactorOptional, Language: "en", KeyPolicy: directory.KeysAny}
			if o, err = r.dir.Organizations.Create(ctx, x.over(o)); err != nil {
				return r.refused(x.Position, "organization "+x.Slug.Text, err)
			}
			made[o.Slug] = true
			r.report.add(where(o.Slug), "organization", directory.Tally{Made: 1})
		}
		r.organizations[o.Slug] = o
	}
	for i := range r.file.Organizations {
		if err := r.settle(ctx, &r.file.Organizations[i], made); err != nil {
			return err
		}
	}
	return nil
}

func where(slug string) string { return "organization " + slug }

// over lays the keys that stand in the file over an organization.
func (x *Organization) over(o directory.Organization) directory.Organization {
	set(&o.Name, x.Name)
	set(&o.Seats, x.Seats)
	set(&o.SuspendedKeepSeats, x.SuspendedKeepSeats)
	set(&o.TrustedDays, x.TrustedDeviceDays)
	set(&o.MailCodes, x.MailCodes)
	set(&o.IdleLimit, x.SessionIdle)
	set(&o.SessionLimit, x.SessionLimit)
	if x.KeyPolicy.present() {
		o.KeyPolicy = directory.KeyPolicy(x.KeyPolicy.Text)
	}
	x.Brand.accent(&o)
	if x.Language.present() {
		o.Language = x.Language.Text
	}
	if x.SecondFactor.present() {
		o.SecondFactor = directory.SecondFactor(x.SecondFactor.Text)
	}
	if x.Domains != nil {
		o.Domains = nil
		for _, w := range x.Domains {
			key, err := directory.DomainKey(w.Text)
			if err != nil {
				key = w.Text // refused by the directory
			}
			o.Domains = append(o.Domains, key)
		}
	}
	if x.Features != nil {
		o.Features = texts(x.Features)
	}
	for _, list := range []*[]string{&o.Domains, &o.Features} {
		*list = slices.Clone(*list)
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return o
}

// settle writes an organization that differs from the file, once every agency is there.
func (r *run) settle(ctx context.Context, x *Organization, made map[string]bool) error {
	was, err := r.dir.Organizations.BySlug(ctx, x.Slug.Text)
	if err != nil {
		return err
	}
	over := x.over
	if x.ManagedBy.present() || x.ManagedBy.none {
		var agency directory.OrganizationID
		if !x.ManagedBy.none {
			if agency, err = r.slug(ctx, x.ManagedBy.Word); err != nil {
				return err
			}
		}
		over = func(o directory.Organization) directory.Organization {
			o = x.over(o)
			o.ManagedBy = agency
			return o
		}
	}
	want := over(was)
	slices.Sort(was.Domains)
	slices.Sort(was.Features)
	if reflect.DeepEqual(was, want) {
		return nil
	}
	// What the file says is laid over the locked row: a domain that was verified meanwhile stays.
	o, err := r.dir.Organizations.Change(ctx, was.ID, func(o *directory.Organization) error { *o = over(*o); return nil })
	if err != nil {
		return r.refused(x.Position, where(x.Slug.Text), err)
	}
	r.organizations[o.Slug] = o
	if !made[o.Slug] {
		r.report.add(where(o.Slug), "organization", directory.Tally{Changed: 1})
	}
	return nil
}

// slug finds an organization of the file or the database.
func (r *run) slug(ctx context.Context, w Word) (directory.OrganizationID, error) {
	if o, here := r.organizations[w.Text]; here {
		return o.ID, nil
	}
	o, err := r.dir.Organizations.BySlug(ctx, w.Text)
	if err != nil {
		return o.ID, r.refused(w.at, "organization "+w.Text, err)
	}
	r.organizations[w.Text] = o
	return o.ID, nil
}

// organization brings everything in an organization up to date. What is named before it is made comes later.
func (r *run) organization(ctx context.Context, x *Organization) error {
	o := r.organizations[x.Slug.Text]
	a := &accessRun{run: r, org: o.ID, where: where(o.Slug)}
	steps := []func(context.Context, *Organization) error{r.logo, a.takeOut, a.segments, a.profiles, a.roles, a.groups, a.sharing, r.members,
		a.groupMembers, a.likeGroups, a.rules, a.remove,
		r.provisioningClients, r.serviceAccounts}
	for _, step := range steps {
		if err := step(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

func tally(fresh bool) directory.Tally {
	if fresh {
		return directory.Tally{Made: 1}
	}
	return directory.Tally{Changed: 1}
}
