package directory_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// model is a house with an access model in it.
type model struct {
	house
	roles  map[string]directory.RoleID
	groups map[string]directory.GroupID
}

func newModel(t *testing.T, db *sqldb.DB) model {
	t.Helper()
	m := model{house: newHouse(t, db, directory.UnlimitedSeats), roles: map[string]directory.RoleID{}, groups: map[string]directory.GroupID{}}
	a, org := m.Access, m.home.ID
	must(a.SaveModules(ctx, []directory.Module{
		{Key: "invoices", Names: map[string]string{"en": "Invoices"}, Fields: []string{"note", "amount"}, Tools: []string{"export"}},
		{Key: "expenses", Names: map[string]string{"en": "Expenses"}, SelfService: true},
	}))(t)
	must(a.SavePackages(ctx, []directory.Package{{Key: "accountant", Base: true, Grants: map[string]directory.Grade{"invoices": directory.GradeView}}}))(t)
	must(a.SaveSegments(ctx, org, []directory.Segment{{Key: "oslo", Name: "Oslo"}, {Key: "bergen", Name: "Bergen"}}))(t)
	must(a.SaveProfiles(ctx, org, []directory.Profile{{Key: "sales", Name: "Sales", Modules: map[string]directory.ProfileModule{
		"invoices": {View: true, Create: true, Fields: map[string]directory.FieldAccess{"amount": directory.FieldReadOnly}, Tools: []string{"export"}}}}}))(t)
	must(a.SaveRoles(ctx, org, []directory.Role{
		{Key: "chief", Name: "Chief"},
		{Key: "seller", Name: "Seller", Parent: "chief", Profiles: []string{"sales"}},
		{Key: "clerk", Name: "Clerk", Parent: "chief"},
	}))(t)
	must(a.SaveGroups(ctx, org, []directory.Group{{Key: "direct", Name: "Direct"}, {Key: "outer", Name: "Outer"}, {Key: "outermost", Name: "Outermost"},
		{Key: "sellers", Name: "Sellers"}, {Key: "everybody", Name: "Everybody"}, {Key: "chiefs", Name: "Chiefs"}}))(t)
	for _, r := range must(a.Roles(ctx, org))(t) {
		m.roles[r.Key] = r.ID
	}
	for _, g := range must(a.Groups(ctx, org))(t) {
		m.groups[g.Key] = g.ID
	}
	return m
}

func (m model) put(t *testing.T, group string, members ...directory.GroupMember) {
	t.Helper()
	must(m.Access.AddGroupMembers(ctx, m.home.ID, m.groups[group], members))(t)
}

func (m model) version(t *testing.T) int64 {
	t.Helper()
	return must(m.Organizations.ByID(ctx, m.home.ID))(t).AccessVersion
}

func TestAccessFacts(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		n := person("kari@nordlys.example")
		n.Administrator, n.Role, n.Packages, n.Segments = true, m.roles["seller"], []string{"accountant"}, []string{"oslo"}
		n.Grants = map[string]directory.Grade{"expenses": directory.GradeEdit}
		n.Functions = []directory.Function{directory.MainRecipient, directory.InformationRecipient}
		kari := must(m.Memberships.Create(ctx, m.home.ID, n))(t)
		m.put(t, "direct", directory.GroupMember{Member: kari.ID})
		m.put(t, "outer", directory.GroupMember{Group: m.groups["direct"]})
		m.put(t, "outermost", directory.GroupMember{Group: m.groups["outer"]})
		m.put(t, "sellers", directory.GroupMember{Role: m.roles["seller"]})
		m.put(t, "everybody", directory.GroupMember{Role: m.roles["chief"], WithBelow: true})
		m.put(t, "chiefs", directory.GroupMember{Role: m.roles["chief"]}, directory.GroupMember{Role: m.roles["clerk"], WithBelow: true})

		got := must(m.Access.Of(ctx, m.home.ID, kari.ID))(t)
		keys := func(groups []directory.GroupFact) (out []string) {
			for _, g := range groups {
				out = append(out, g.Key)
			}
			return out
		}
		if diff := cmp.Diff([]string{"direct", "everybody", "outer", "outermost", "sellers"}, keys(got.Groups)); diff != "" {
			t.Errorf("groups: -want +got\n%s", diff)
		}
		got.Groups = nil
		want := directory.AccessFacts{
			Organization: m.home.ID, Membership: kari.ID, Kind: directory.Employee, Administrator: true,
			Role:     directory.RoleFact{ID: m.roles["seller"], Key: "seller", Name: "Seller"},
			RolePath: []directory.RoleFact{{ID: m.roles["chief"], Key: "chief", Name: "Chief"}, {ID: m.roles["seller"], Key: "seller", Name: "Seller"}},
			Profiles: must(m.Access.Profiles(ctx, m.home.ID))(t),
			Packages: []directory.Package{{Key: "accountant", Grants: map[string]directory.Grade{"invoices": directory.GradeView}}},
			Grants:   map[string]directory.Grade{"expenses": directory.GradeEdit}, Functions: []directory.Function{directory.InformationRecipient, directory.MainRecipient},
			Segments: []string{"oslo"},
			Modules:  got.Modules,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if len(got.Modules) != 2 || !got.Modules[0].SelfService || len(got.Modules[1].Fields) != 2 || len(got.Modules[1].Tools) != 1 {
			t.Errorf("modules = %+v", got.Modules)
		}
		if _, err := m.Access.Of(ctx, m.another.ID, kari.ID); !errors.Is(err, directory.ErrMemberNotFound) {
			t.Errorf("the neighbour reads the facts: %v", err)
		}
		plain := must(m.Memberships.Create(ctx, m.home.ID, person("per@nordlys.example")))(t)
		if f := must(m.Access.Of(ctx, m.home.ID, plain.ID))(t); f.Role.Key != "" || len(f.Groups)+len(f.Profiles)+len(f.RolePath) != 0 || !f.AllSegments {
			t.Errorf("a member without anything: %+v", f)
		}
	})
}

func TestCyclesAreRefused(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		m.put(t, "outer", directory.GroupMember{Group: m.groups["direct"]})
		m.put(t, "outermost", directory.GroupMember{Group: m.groups["outer"]})
		for _, inside := range []string{"outermost", "outer", "direct"} {
			if _, err := m.Access.AddGroupMembers(ctx, m.home.ID, m.groups["direct"], []directory.GroupMember{{Group: m.groups[inside]}}); !errors.Is(err, directory.ErrGroupCycle) {
				t.Errorf("%s into direct: %v", inside, err)
			}
		}
		_, err := m.Access.SaveRoles(ctx, m.home.ID, []directory.Role{{Key: "chief", Name: "Chief", Parent: "seller"}})
		if !errors.Is(err, directory.ErrRoleCycle) {
			t.Errorf("chief below seller: %v", err)
		}
		if _, err := m.Access.SaveRoles(ctx, m.home.ID, []directory.Role{{Key: "x", Name: "X", Parent: "nowhere"}}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a role below nothing: %v", err)
		}
		must(m.Access.SaveRoles(ctx, m.home.ID, []directory.Role{{Key: "clerk", Name: "Clerk", Parent: "seller"}}))(t)
		if _, err := m.Access.AddGroupMembers(ctx, m.another.ID, m.groups["direct"], nil); !errors.Is(err, directory.ErrGroupNotFound) {
			t.Errorf("the neighbour writes to the group: %v", err)
		}
		stranger := must(m.Memberships.Create(ctx, m.another.ID, person("x@elsewhere.example")))(t)
		if _, err := m.Access.AddGroupMembers(ctx, m.home.ID, m.groups["direct"], []directory.GroupMember{{Member: stranger.ID}}); !errors.Is(err, directory.ErrUnknownGroupMember) {
			t.Errorf("the neighbour's member in our group: %v", err)
		}
	})
}

// TestGroupCycleRace closes a ring of groups from all sides at once: one edge must be refused.
func TestGroupCycleRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		ring := []string{"direct", "outer", "outermost", "sellers"}
		errs := make([]error, len(ring))
		var wg sync.WaitGroup
		for i := range ring {
			wg.Go(func() {
				_, errs[i] = m.Access.AddGroupMembers(ctx, m.home.ID, m.groups[ring[i]], []directory.GroupMember{{Group: m.groups[ring[(i+1)%len(ring)]]}})
			})
		}
		wg.Wait()
		refused := 0
		for _, err := range errs {
			if errors.Is(err, directory.ErrGroupCycle) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if refused != 1 {
			t.Errorf("%d edges refused, want the one that closes the ring", refused)
		}
	})
}

func TestEveryAccessChangeMakesAVersion(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		kari := must(m.Memberships.Create(ctx, org, person("kari@nordlys.example")))(t)
		rule := directory.SharingRule{Module: "invoices", From: directory.SharingParty{Role: m.roles["chief"], WithBelow: true},
			To: directory.SharingParty{Group: m.groups["direct"]}, Access: directory.ShareRead}
		changes := map[string]func(name string) (directory.Tally, error){
			"module": func(n string) (directory.Tally, error) {
				return a.SaveModules(ctx, []directory.Module{{Key: "expenses", Names: map[string]string{"en": n}, SelfService: true}})
			},
			"package": func(n string) (directory.Tally, error) {
				return a.SavePackages(ctx, []directory.Package{{Key: "accountant", Names: map[string]string{"en": n}}})
			},
			"segment": func(n string) (directory.Tally, error) {
				return a.SaveSegments(ctx, org, []directory.Segment{{Key: "oslo", Name: n}})
			},
			"profile": func(n string) (directory.Tally, error) {
				return a.SaveProfiles(ctx, org, []directory.Profile{{Key: "sales", Name: n}})
			},
			"role": func(n string) (directory.Tally, error) {
				return a.SaveRoles(ctx, org, []directory.Role{{Key: "seller", Name: n, Parent: "chief"}})
			},
			"group": func(n string) (directory.Tally, error) {
				return a.SaveGroups(ctx, org, []directory.Group{{Key: "direct", Name: n}})
			},
			"group members": func(string) (directory.Tally, error) {
				n, err := a.AddGroupMembers(ctx, org, m.groups["direct"], []directory.GroupMember{{Member: kari.ID}, {Role: m.roles["chief"]}})
				return directory.Tally{Made: n}, err
			},
			"sharing": func(string) (directory.Tally, error) {
				return a.SaveSharing(ctx, org, map[string]directory.SharingLevel{"invoices": directory.SharingPrivate})
			},
			"sharing rule": func(string) (directory.Tally, error) {
				return a.SaveSharingRules(ctx, org, []directory.SharingRule{rule})
			},
		}
		for noun, change := range changes {
			before := m.version(t)
			if tally := must(change("Another"))(t); tally.Zero() {
				t.Errorf("%s: nothing changed", noun)
			}
			after := m.version(t)
			if after <= before {
				t.Errorf("%s: version stayed %d", noun, after)
			}
			if tally := must(change("Another"))(t); !tally.Zero() || m.version(t) != after {
				t.Errorf("%s again: %+v, version %d after %d", noun, tally, m.version(t), after)
			}
		}
		rule.Access = directory.ShareReadWrite
		if tally := must(a.SaveSharingRules(ctx, org, []directory.SharingRule{rule}))(t); tally != (directory.Tally{Changed: 1}) {
			t.Errorf("rule changed: %+v", tally)
		}
		if rules := must(a.SharingRules(ctx, org))(t); len(rules) != 1 || rules[0].Access != directory.ShareReadWrite || rules[0].From != rule.From {
			t.Errorf("rules = %+v", rules)
		}
	})
}

func TestAccessRefusals(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		for name, try := range map[string]func() (directory.Tally, error){
			"upper-case key": func() (directory.Tally, error) {
				return a.SaveGroups(ctx, org, []directory.Group{{Key: "A", Name: "A"}})
			},
			"colon in a key": func() (directory.Tally, error) {
				return a.SaveModules(ctx, []directory.Module{{Key: "a:b"}})
			},
			"a tool called view": func() (directory.Tally, error) {
				return a.SaveModules(ctx, []directory.Module{{Key: "a", Tools: []string{"view"}}})
			},
			"unknown language": func() (directory.Tally, error) {
				return a.SaveModules(ctx, []directory.Module{{Key: "a", Names: map[string]string{"xx": "A"}}})
			},
			"unknown module in a package": func() (directory.Tally, error) {
				return a.SavePackages(ctx, []directory.Package{{Key: "a", Grants: map[string]directory.Grade{"nothing": directory.GradeView}}})
			},
			"unknown field": func() (directory.Tally, error) {
				return a.SaveProfiles(ctx, org, []directory.Profile{{Key: "a", Name: "A", Modules: map[string]directory.ProfileModule{
					"invoices": {Fields: map[string]directory.FieldAccess{"nothing": directory.FieldHidden}}}}})
			},
			"unknown profile": func() (directory.Tally, error) {
				return a.SaveRoles(ctx, org, []directory.Role{{Key: "a", Name: "A", Profiles: []string{"nothing"}}})
			},
			"the role of administrators": func() (directory.Tally, error) {
				return a.SaveRoles(ctx, org, []directory.Role{{Key: "local_admin", Name: "A"}})
			},
			"no name": func() (directory.Tally, error) {
				return a.SaveSegments(ctx, org, []directory.Segment{{Key: "a"}})
			},
			"the same group name in other letters": func() (directory.Tally, error) {
				return a.SaveGroups(ctx, org, []directory.Group{{Key: "a", Name: "DIRECT"}})
			},
			"unknown sharing": func() (directory.Tally, error) {
				return a.SaveSharing(ctx, org, map[string]directory.SharingLevel{"invoices": "open"})
			},
			"a rule from nobody": func() (directory.Tally, error) {
				return a.SaveSharingRules(ctx, org, []directory.SharingRule{{Module: "invoices", To: directory.SharingParty{Group: m.groups["direct"]}, Access: directory.ShareRead}})
			},
		} {
			before := m.version(t)
			if _, err := try(); !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: %v", name, err)
			}
			if m.version(t) != before {
				t.Errorf("%s: something was written", name)
			}
		}
	})
}

func TestGroupByIDPages(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		m.put(t, "outer", directory.GroupMember{Group: m.groups["direct"]}, directory.GroupMember{Role: m.roles["chief"], WithBelow: true})
		for i := range 5 {
			one := must(m.Memberships.Create(ctx, m.home.ID, person(fmt.Sprintf("p%d@nordlys.example", i))))(t)
			m.put(t, "outer", directory.GroupMember{Member: one.ID})
		}
		seen := map[directory.GroupMember]bool{}
		for offset := 0; offset < 9; offset += 3 {
			g, page, total, err := m.Access.GroupByID(ctx, m.home.ID, m.groups["outer"], directory.GroupPage{Offset: offset, Limit: 3})
			if err != nil || total != 7 || g.Name != "Outer" || g.Version != 7 {
				t.Fatalf("offset %d: %+v, %d, %v", offset, g, total, err)
			}
			for _, x := range page {
				if x.Name == "" || seen[x] {
					t.Errorf("offset %d: %+v", offset, x)
				}
				seen[x] = true
			}
		}
		if len(seen) != 7 {
			t.Errorf("%d things on the pages, want 7", len(seen))
		}
		if _, _, _, err := m.Access.GroupByID(ctx, m.another.ID, m.groups["outer"], directory.GroupPage{}); !errors.Is(err, directory.ErrGroupNotFound) {
			t.Errorf("the neighbour reads the group: %v", err)
		}
	})
}
