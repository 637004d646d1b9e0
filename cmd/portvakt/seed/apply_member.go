package seed

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"portvakt/internal/directory"
)

// members makes and changes people. Functions of one holder are handed over, or given up, before somebody else takes them.
func (r *run) members(ctx context.Context, x *Organization) error {
	org := r.organizations[x.Slug.Text]
	for i := range x.Members {
		if err := r.handOver(ctx, org, &x.Members[i]); err != nil {
			return r.refused(x.Members[i].Position, x.Members[i].label(), err)
		}
	}
	if err := r.giveUpFunctions(ctx, org, x.Members); err != nil {
		return err
	}
	for _, m := range x.inOrder() {
		if err := r.member(ctx, org, m); err != nil {
			return r.refused(m.Position, m.label(), err)
		}
	}
	return nil
}

// named finds the member that the entry means.
func (r *run) named(ctx context.Context, org directory.Organization, m *Member) (directory.Member, error) {
	if m.contact() {
		return r.dir.Memberships.ByUserName(ctx, org.ID, m.userName())
	}
	e, err := directory.ParseEmail(m.Email.Text)
	if err != nil {
		return directory.Member{}, err
	}
	return r.dir.Memberships.ByEmail(ctx, org.ID, e)
}

// userName is the organization's name for the member, where the entry gives one.
func (m *Member) userName() string {
	if m.UserName.present() {
		return m.UserName.Text
	}
	return m.Email.Text
}

func (r *run) giveUpFunctions(ctx context.Context, org directory.Organization, members []Member) error {
	for i := range members {
		m := &members[i]
		if m.Functions == nil {
			continue
		}
		was, err := r.named(ctx, org, m)
		if there, err := found(err); err != nil {
			return err
		} else if !there {
			continue
		}
		keeps := func(f directory.Function) bool { return slices.Contains(texts(m.Functions), string(f)) }
		if !slices.ContainsFunc(was.Functions, func(f directory.Function) bool { return !keeps(f) }) {
			continue
		}
		_, err = r.dir.Memberships.Change(ctx, org.ID, was.ID, 0, func(x *directory.Member) error {
			x.Functions = slices.DeleteFunc(x.Functions, func(f directory.Function) bool { return !keeps(f) })
			return nil
		})
		if err != nil {
			return r.refused(m.Position, m.label(), err)
		}
		r.report.add(where(org.Slug), "member", directory.Tally{Changed: 1})
	}
	return nil
}

func (r *run) member(ctx context.Context, org directory.Organization, m *Member) error {
	was, err := r.named(ctx, org, m)
	there, err := found(err)
	if err != nil {
		return err
	}
	if there {
		return r.changeMember(ctx, org, was, m)
	}
	e, _ := directory.ParseEmail(m.Email.Text) // a contact may have none
	departed, err := r.dir.Memberships.Departed(ctx, org.ID, e, m.userName())
	if err != nil {
		return err
	}
	if departed {
		r.report.entry(where(org.Slug), "member").kept++
		return nil
	}
	return r.makeMember(ctx, org, m)
}

func (r *run) makeMember(ctx context.Context, org directory.Organization, m *Member) error {
	role, err := r.role(ctx, org, m)
	if err != nil {
		return err
	}
	n := directory.NewMember{Trusted: true}
	n.Email = m.Email.Text
	set(&n.Start, m.Start)
	m.over(&n.Member, role)
	if m.contact() {
		n.UserName = m.userName()
		if m.Email.present() && len(n.Details.Emails) == 0 {
			n.Details.Emails = []directory.Contact{{Value: m.Email.Text, Type: "work", Primary: true}}
		}
	}
	made, err := r.create(ctx, org, m, n)
	if err != nil {
		return err
	}
	r.report.add(where(org.Slug), "member", directory.Tally{Made: 1})
	if made.User.IsZero() {
		return nil
	}
	if err := r.ownDetails(ctx, org, made); err != nil {
		return err
	}
	return r.credentials(ctx, made, m)
}

// ownDetails gives a person without any the details of the home organization, or of the first where there is no home:
// what other organizations show where they say nothing themselves.
func (r *run) ownDetails(ctx context.Context, org directory.Organization, m directory.Member) error {
	u, err := r.dir.Users.ByID(ctx, m.User)
	if err != nil {
		return err
	}
	if err := r.remindOfErased(ctx, org, u); err != nil {
		return err
	}
	home := u.Home.IsZero() || u.Home == org.ID
	if !home || !reflect.DeepEqual(u.Details, directory.Details{}) || reflect.DeepEqual(m.Details, directory.Details{}) {
		return nil
	}
	return r.dir.Users.SetDetails(ctx, u.ID, m.Details)
}

// credentials sets what a person without any signs in with. A plan has no hash and stores nothing.
func (r *run) credentials(ctx context.Context, made directory.Member, m *Member) error {
	if m.anyPassword() == "" && m.Imported == "" && m.TOTP == "" || r.report.Planned {
		return nil
	}
	password, totp, err := r.deps.Enrolled(ctx, r.tx, made.User)
	if err != nil {
		return err
	}
	e, err := directory.ParseEmail(m.Email.Text)
	if err != nil {
		return err
	}
	if hash := r.hashes[e.Key]; m.anyPassword() != "" && !password && hash != "" {
		store := r.deps.SetPassword
		if m.Initial != "" {
			store = r.deps.SetInitial
		}
		if err := store(ctx, r.tx, made.User, hash); err != nil {
			return err
		}
	}
	if m.Imported != "" && !password {
		if err := r.refused(m.Position, m.label(), r.deps.SetImported(ctx, r.tx, made.User, m.Imported.Reveal())); err != nil {
			return err
		}
	}
	if m.TOTP != "" && !totp {
		return r.deps.SetTOTP(ctx, r.tx, made.User, m.TOTP.Reveal())
	}
	return nil
}

func (r *run) changeMember(ctx context.Context, org directory.Organization, was directory.Member, m *Member) error {
	role, err := r.role(ctx, org, m)
	if err != nil {
		return err
	}
	now, err := r.dir.Memberships.Change(ctx, org.ID, was.ID, 0, func(x *directory.Member) error { m.over(x, role); return nil })
	if err == nil && now.Version != was.Version {
		r.report.add(where(org.Slug), "member", directory.Tally{Changed: 1})
	}
	return err
}

func (r *run) role(ctx context.Context, org directory.Organization, m *Member) (directory.RoleID, error) {
	if !m.Role.present() {
		return directory.RoleID{}, nil
	}
	roles, err := r.dir.Access.Roles(ctx, org.ID)
	return existing(roles, func(x directory.Role) bool { return x.Key == m.Role.Text }).ID, err
}

// over lays the keys that stand in the file over a member; the start is for new ones alone.
func (m *Member) over(x *directory.Member, role directory.RoleID) {
	if m.Kind.present() {
		x.Kind = directory.Kind(m.Kind.Text)
	}
	set(&x.End, m.End)
	set(&x.Administrator, m.Administrator)
	if m.Reseller != nil {
		x.Reseller = directory.ResellerAccess{Role: directory.ResellerRole(m.Reseller.Role.Text), BankAccess: m.Reseller.BankAccess,
			UserAdministration: m.Reseller.UserAdministration}
	}
	if m.SecondFactor.present() {
		x.SecondFactor = directory.SecondFactor(m.SecondFactor.Text)
	}
	if m.Role.present() {
		x.Role = role
	}
	if m.UserName.present() {
		x.UserName = m.UserName.Text
	}
	if x.ManagedBy.IsZero() { // else the provisioning client's own identifier stays
		set(&x.ExternalID, m.ExternalID)
	}
	if m.Packages != nil {
		setSame(&x.Packages, texts(m.Packages))
	}
	if m.Functions != nil {
		var functions []directory.Function
		for _, w := range m.Functions {
			functions = append(functions, directory.Function(w.Text))
		}
		setSame(&x.Functions, functions)
	}
	switch {
	case m.everySegment():
		x.Segments, x.AllSegments = nil, true
	case m.Segments != nil:
		setSame(&x.Segments, texts(m.Segments))
		x.AllSegments = false
	}
	if grants := grantsOf(m.Grants); m.Grants != nil && !maps.Equal(grants, x.Grants) {
		x.Grants = grants
	}
	m.Person.over(&x.Details)
}

// setSame replaces a list unless it holds the same already, in whatever order.
func setSame[T ~string](to *[]T, want []T) {
	have, want := slices.Sorted(slices.Values(*to)), slices.Compact(slices.Sorted(slices.Values(want)))
	if !slices.Equal(have, want) {
		*to = want
	}
}

// over lays the keys that stand in the file over details.
func (p *Person) over(d *directory.Details) {
	for _, x := range []struct {
		to   *string
		from *string
	}{
		{&d.FormattedName, p.Name}, {&d.GivenName, p.GivenName}, {&d.FamilyName, p.FamilyName}, {&d.MiddleName, p.MiddleName},
		{&d.NickName, p.Nickname}, {&d.DisplayName, p.DisplayName}, {&d.Title, p.Title}, {&d.Gender, p.Gender},
		{&d.EmployeeNumber, p.EmployeeNumber}, {&d.CostCenter, p.CostCenter}, {&d.Division, p.Division}, {&d.Department, p.Department},
	} {
		set(x.to, x.from)
	}
	for _, x := range []struct {
		to   *string
		from Word
	}{
		{&d.ProfileURL, p.Profile}, {&d.Picture, p.Picture}, {&d.Website, p.Website}, {&d.Birthdate, p.Birthdate},
		{&d.Timezone, p.Zoneinfo}, {&d.Locale, p.Locale},
	} {
		if x.from.present() {
			*x.to = x.from.Text
		}
	}
	if p.Phone != nil && d.Phone() != *p.Phone {
		d.Phones = nil
		if *p.Phone != "" {
			d.Phones = []directory.Contact{{Value: *p.Phone, Type: "work", Primary: true}}
		}
	}
	if p.Address != nil {
		a := directory.Address{Formatted: p.Address.Formatted, Street: p.Address.Street, Locality: p.Address.Locality,
			Region: p.Address.Region, PostalCode: p.Address.PostalCode, Country: p.Address.Country, Type: "work", Primary: true}
		if len(d.Addresses) == 0 || d.Addresses[0] != a {
			d.Addresses = []directory.Address{a}
		}
	}
}
