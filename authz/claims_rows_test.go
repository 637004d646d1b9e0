package authz_test

import (
	"context"
	"slices"
	"testing"

	"portvakt/authz"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// claimRows is an organization with a member, and a neighbour with the same keys in which that person has nothing.
type claimRows struct {
	t      *testing.T
	dir    *directory.Directory
	engine *authz.Engine
	org    directory.OrganizationID
	member directory.MembershipID
}

func eachClaimRows(t *testing.T, test func(r *claimRows)) {
	t.Helper()
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		r := &claimRows{t: t, dir: directory.New(db)}
		r.engine = authz.New(r.dir.Access, authz.Config{DB: db})
		_, err := r.dir.Access.SaveModules(t.Context(), []directory.Module{
			{Key: "invoices", Names: map[string]string{"en": "Invoices"}, Tools: []string{"export"}}, {Key: "payments", Names: map[string]string{"en": "Payments"}}})
		r.must(err)
		for _, slug := range []string{"bjorkvik", "nordlys"} {
			o, err := r.dir.Organizations.Create(t.Context(), directory.Organization{Slug: slug, Name: slug, Seats: directory.UnlimitedSeats})
			r.must(err)
			r.org = o.ID
			_, err = r.dir.Access.SaveSegments(t.Context(), r.org, []directory.Segment{{Key: "oslo", Name: "Oslo"}, {Key: "bergen", Name: "Bergen"}})
			r.must(err)
			_, err = r.dir.Access.SaveProfiles(t.Context(), r.org, []directory.Profile{{Key: "selling", Name: "Selling"}})
			r.must(err)
			_, err = r.dir.Access.SaveRoles(t.Context(), r.org, []directory.Role{{Key: "chief", Name: "Chief"}, {Key: "seller", Name: "Seller", Parent: "chief", Profiles: []string{"selling"}}})
			r.must(err)
			_, err = r.dir.Access.SaveGroups(t.Context(), r.org, []directory.Group{{Key: "sales", Name: "Sales"}, {Key: "staff", Name: "Staff"}, {Key: "all", Name: "All"}})
			r.must(err)
			m, err := r.dir.Memberships.Create(t.Context(), r.org, directory.NewMember{Trusted: true, Member: directory.Member{Email: "kari@example.com"}})
			r.must(err)
			r.member = m.ID
		}
		test(r)
	})
}

func (r *claimRows) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *claimRows) change(edit func(*directory.Member)) {
	r.t.Helper()
	_, err := r.dir.Memberships.Change(r.t.Context(), r.org, r.member, 0, func(m *directory.Member) error { edit(m); return nil })
	r.must(err)
}

// told are the claims that the next token would have.
func (r *claimRows) told() authz.Claims {
	r.t.Helper()
	s, err := r.dir.Memberships.Standing(r.t.Context(), r.member)
	r.must(err)
	c, err := r.engine.ClaimsOf(r.t.Context(), s)
	r.must(err)
	return c
}

func (r *claimRows) is(what string, got []string, want ...string) {
	r.t.Helper()
	if !slices.Equal(got, want) {
		r.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestR05_ClaimsFollowEveryTick, by the three grades of R22: the next token has what was ticked, and no more what was unticked.
func TestR05_ClaimsFollowEveryTick(t *testing.T) {
	eachClaimRows(t, func(r *claimRows) {
		for _, step := range []struct {
			grants map[string]directory.Grade
			want   []string
		}{
			{nil, []string{}},
			{map[string]directory.Grade{"invoices": directory.GradeView}, []string{"invoices:view"}},
			{map[string]directory.Grade{"invoices": directory.GradeEdit}, []string{"invoices:view", "invoices:create", "invoices:edit", "invoices:delete"}},
			{map[string]directory.Grade{"invoices": directory.GradeNone, "payments": directory.GradeView}, []string{"payments:view"}},
			{nil, []string{}},
		} {
			r.change(func(m *directory.Member) { m.Grants = step.grants })
			r.is("entitlements", r.told().Entitlements, step.want...)
		}
	})
}

// TestR06_ClaimsFollowSegments: the ones that are assigned; an administrator is told all.
func TestR06_ClaimsFollowSegments(t *testing.T) {
	eachClaimRows(t, func(r *claimRows) {
		r.change(func(m *directory.Member) { m.AllSegments, m.Segments = false, []string{"oslo"} })
		r.is("one", r.told().Segments, "oslo")
		r.change(func(m *directory.Member) { m.Segments = []string{"oslo", "bergen"} })
		r.is("two", r.told().Segments, "bergen", "oslo")
		r.change(func(m *directory.Member) { m.Administrator = true })
		r.is("an administrator", r.told().Segments, "*")
		r.is("roles of an administrator", r.told().Roles, "local_admin")
	})
}

// TestR11_ClaimsHoldEffectiveGroups: what a group owns is visible to all in it, so the claim holds groups in groups, by role
// and by a role above; the neighbour's groups of the same keys never.
func TestR11_ClaimsHoldEffectiveGroups(t *testing.T) {
	eachClaimRows(t, func(r *claimRows) {
		ctx := context.Background()
		groups, err := r.dir.Access.Groups(ctx, r.org)
		r.must(err)
		group := map[string]directory.GroupID{}
		for _, g := range groups {
			group[g.Key] = g.ID
		}
		roles, err := r.dir.Access.Roles(ctx, r.org)
		r.must(err)
		role := map[string]directory.RoleID{}
		for _, x := range roles {
			role[x.Key] = x.ID
		}
		add := func(key string, m directory.GroupMember) {
			t := r.t
			t.Helper()
			if _, err := r.dir.Access.AddGroupMembers(ctx, r.org, group[key], []directory.GroupMember{m}); err != nil {
				t.Fatal(err)
			}
		}
		r.is("at first", r.told().Groups)
		add("staff", directory.GroupMember{Role: role["chief"]})
		add("all", directory.GroupMember{Group: group["sales"]})
		r.change(func(m *directory.Member) { m.Role = role["seller"] })
		r.is("a group of the role above alone", r.told().Groups)
		r.is("roles", r.told().Roles, "seller")
		r.is("the path", r.told().RolePath, "chief", "seller")
		add("staff", directory.GroupMember{Role: role["chief"], WithBelow: true})
		r.is("with everything below", r.told().Groups, "staff")
		add("sales", directory.GroupMember{Member: r.member})
		r.is("a group in a group", r.told().Groups, "all", "sales", "staff")
	})
}

// TestR14_ClaimsFollowProfiles: what the role's profiles allow, tools too, and their names.
func TestR14_ClaimsFollowProfiles(t *testing.T) {
	eachClaimRows(t, func(r *claimRows) {
		ctx := context.Background()
		roles, err := r.dir.Access.Roles(ctx, r.org)
		r.must(err)
		seller := roles[slices.IndexFunc(roles, func(x directory.Role) bool { return x.Key == "seller" })]
		r.change(func(m *directory.Member) { m.Role = seller.ID })
		r.is("an empty profile", r.told().Entitlements)
		r.is("profiles", r.told().Profiles, "selling")
		_, err = r.dir.Access.SaveProfiles(ctx, r.org, []directory.Profile{{Key: "selling", Name: "Selling",
			Modules: map[string]directory.ProfileModule{"invoices": {View: true, Edit: true, Tools: []string{"export"}}}}})
		r.must(err)
		r.is("with rights", r.told().Entitlements, "invoices:view", "invoices:edit", "invoices:export")
		r.change(func(m *directory.Member) { m.Role = directory.RoleID{} })
		r.is("without the role", r.told().Entitlements)
		r.is("its profiles", r.told().Profiles)
	})
}

// TestR11_ClaimsFollowGroupsThatAreMade: groups that a provisioning client makes, put into each other, renamed and taken away.
func TestR11_ClaimsFollowGroupsThatAreMade(t *testing.T) {
	eachClaimRows(t, func(r *claimRows) {
		ctx := context.Background()
		make := func(name string, in ...directory.GroupMember) directory.GroupMember {
			x := directory.GroupEdit{Group: directory.Group{Name: name}}
			for _, m := range in {
				x.Put(m)
			}
			g, err := r.dir.Access.CreateGroup(ctx, r.org, x)
			r.must(err)
			return directory.GroupMember{Group: g.ID}
		}
		change := func(g directory.GroupMember, edit func(x *directory.GroupEdit)) {
			_, err := r.dir.Access.ChangeGroup(ctx, r.org, g.Group, 0, func(x *directory.GroupEdit) error { edit(x); return nil })
			r.must(err)
		}
		inner := make("Inner ring", directory.GroupMember{Member: r.member})
		outer := make("Outer ring", inner)
		r.is("made", r.told().Groups, "inner-ring", "outer-ring")
		change(outer, func(x *directory.GroupEdit) { x.Name = "Renamed" })
		r.is("renamed", r.told().Groups, "inner-ring", "outer-ring")
		change(outer, func(x *directory.GroupEdit) { x.Take(inner) })
		r.is("out of the outer one", r.told().Groups, "inner-ring")
		r.must(r.dir.Access.RemoveGroup(ctx, r.org, inner.Group))
		r.is("removed", r.told().Groups)
	})
}
