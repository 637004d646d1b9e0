package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// tree shows an organization's role tree on one line, such as "chief(clerk seller)".
func (m model) tree(t *testing.T) string {
	t.Helper()
	roles := must(m.Access.Roles(ctx, m.home.ID))(t)
	var show func(parent string, depth int) string
	show = func(parent string, depth int) string {
		var out []string
		for _, r := range roles {
			if r.Parent == parent && depth < 100 {
				text := r.Key
				if below := show(r.Key, depth+1); below != "" {
					text += "(" + below + ")"
				}
				out = append(out, text)
			}
		}
		return strings.Join(out, " ")
	}
	return show("", 0)
}

// grow makes roles, each below the one named after the colon, and notes their ids.
func (m model) grow(t *testing.T, roles ...string) {
	t.Helper()
	for _, r := range roles {
		key, parent, _ := strings.Cut(r, ":")
		must(m.Access.SaveRoles(ctx, m.home.ID, []directory.Role{{Key: key, Name: strings.ToUpper(key), Parent: parent}}))(t)
	}
	for _, r := range must(m.Access.Roles(ctx, m.home.ID))(t) {
		m.roles[r.Key] = r.ID
	}
}

// with makes a member who has a role.
func (m model) with(t *testing.T, email, role string) directory.Member {
	t.Helper()
	n := person(email)
	n.Role = m.roles[role]
	return must(m.Memberships.Create(ctx, m.home.ID, n))(t)
}

// writes runs an act and reports what it wrote beside rows: how far the version rose, entries of the history, events.
func (m model) writes(t *testing.T, act func() error) (versions, entries, events int64, err error) {
	t.Helper()
	v := m.version(t)
	a, e := m.count(t, "select count(*) from audit_entries"), m.events(t, directory.EventAccessChanged)
	err = act()
	return m.version(t) - v, m.count(t, "select count(*) from audit_entries") - a, m.events(t, directory.EventAccessChanged) - e, err
}

func TestR13_MovingARoleCarriesItsBranch(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db) // chief(seller clerk)
		m.grow(t, "junior:seller", "trainee:junior", "board")
		kari := m.with(t, "kari@nordlys.example", "trainee")
		if got := m.tree(t); got != "chief(seller(junior(trainee)) clerk) board" {
			t.Fatal(got)
		}
		for _, step := range []struct{ role, parent, before, want string }{
			{"seller", "board", "", "chief(clerk) board(seller(junior(trainee)))"},
			{"clerk", "board", "seller", "chief board(clerk seller(junior(trainee)))"},
			{"chief", "board", "seller", "board(clerk chief seller(junior(trainee)))"},
			{"seller", "board", "clerk", "board(seller(junior(trainee)) clerk chief)"},
			{"seller", "board", "", "board(clerk chief seller(junior(trainee)))"},
			{"junior", "", "board", "junior(trainee) board(clerk chief seller)"},
			{"junior", "clerk", "", "board(clerk(junior(trainee)) chief seller)"},
		} {
			versions, entries, events, err := m.writes(t, func() error {
				return m.Access.MoveRole(ctx, m.home.ID, m.roles[step.role], m.roles[step.parent], m.roles[step.before])
			})
			if got := m.tree(t); err != nil || got != step.want || versions != 1 || entries != 1 || events != 1 {
				t.Fatalf("%+v: %s, %v; %d versions, %d entries, %d events", step, got, err, versions, entries, events)
			}
			versions, entries, events, err = m.writes(t, func() error {
				return m.Access.MoveRole(ctx, m.home.ID, m.roles[step.role], m.roles[step.parent], m.roles[step.before])
			})
			if got := m.tree(t); err != nil || got != step.want || versions+entries+events != 0 {
				t.Fatalf("%+v again: %s, %v; %d, %d, %d", step, got, err, versions, entries, events)
			}
		}
		path := must(m.Access.Of(ctx, m.home.ID, kari.ID))(t).RolePath
		if len(path) != 4 || path[0].Key != "board" || path[3].Key != "trainee" {
			t.Errorf("the person of the branch stands below %+v", path)
		}
	})
}

func TestR13_MovesThatAreRefused(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		m.grow(t, "junior:seller")
		before := m.tree(t)
		nobody := directory.RoleID(directory.NewMembershipIDForTest(db.Now()))
		for name, c := range map[string]struct {
			role, parent, before directory.RoleID
			want                 error
		}{
			"below itself":             {m.roles["seller"], m.roles["seller"], directory.RoleID{}, directory.ErrRoleCycle},
			"below its own branch":     {m.roles["chief"], m.roles["junior"], directory.RoleID{}, directory.ErrRoleCycle},
			"nobody":                   {nobody, m.roles["chief"], directory.RoleID{}, directory.ErrRoleNotFound},
			"before a role elsewhere":  {m.roles["seller"], m.roles["chief"], m.roles["junior"], directory.ErrRolePlace},
			"before itself":            {m.roles["seller"], m.roles["chief"], m.roles["seller"], directory.ErrRolePlace},
			"before nobody":            {m.roles["seller"], m.roles["chief"], nobody, directory.ErrRolePlace},
			"below nobody is no role!": {m.roles["seller"], nobody, directory.RoleID{}, fault.New(fault.Invalid, "unknown_role", "")},
		} {
			if err := m.Access.MoveRole(ctx, m.home.ID, c.role, c.parent, c.before); codeOf(err) != codeOf(c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		if err := m.Access.MoveRole(ctx, m.another.ID, m.roles["seller"], directory.RoleID{}, directory.RoleID{}); !errors.Is(err, directory.ErrRoleNotFound) {
			t.Errorf("the neighbour moves our role: %v", err)
		}
		if got := m.tree(t); got != before {
			t.Errorf("%s, was %s", got, before)
		}

		// A branch of 32 levels below a branch of 33 would be too deep, over either call; 31 fit.
		deep := func(name string, n int) {
			above := ""
			for i := range n {
				key := fmt.Sprint(name, i)
				m.grow(t, key+":"+above)
				above = key
			}
		}
		deep("a", 33)
		deep("b", 32)
		if err := m.Access.MoveRole(ctx, m.home.ID, m.roles["b0"], m.roles["a32"], directory.RoleID{}); !errors.Is(err, directory.ErrRoleDepth) {
			t.Errorf("65 levels: %v", err)
		}
		if _, err := m.Access.SaveRoles(ctx, m.home.ID, []directory.Role{{Key: "b0", Name: "B0", Parent: "a32"}}); !errors.Is(err, directory.ErrRoleDepth) {
			t.Errorf("65 levels saved: %v", err)
		}
		check(t, m.Access.MoveRole(ctx, m.home.ID, m.roles["b1"], m.roles["a32"], directory.RoleID{}))
	})
}

// TestR13_MovesAtOnceMakeNoCycle moves each of 30 roles below the next at the same moment: all together would be a ring.
func TestR13_MovesAtOnceMakeNoCycle(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		const n = 30
		for i := range n {
			m.grow(t, fmt.Sprintf("r%02d", i))
		}
		id := func(i int) directory.RoleID { return m.roles[fmt.Sprintf("r%02d", i%n)] }
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { errs[i] = m.Access.MoveRole(ctx, m.home.ID, id(i), id(i+1), directory.RoleID{}) })
		}
		wg.Wait()
		refused := 0
		for _, err := range errs {
			if errors.Is(err, directory.ErrRoleCycle) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if refused != 1 {
			t.Errorf("%d moves refused, want the one that closes the ring", refused)
		}
		if got := m.tree(t); strings.Count(got, "r") != n+strings.Count("chief(seller clerk)", "r") {
			t.Errorf("roles have fallen out of the tree: %s", got)
		}
	})
}

func TestR13_RemovingARoleAsksWhoTakesItsPeople(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		m.grow(t, "junior:seller", "trainee:seller", "last:chief") // chief(seller(junior trainee) clerk last)
		people := []directory.Member{m.with(t, "active@nordlys.example", "seller"), m.with(t, "invited@x.example", "seller"),
			m.with(t, "suspended@nordlys.example", "seller"), m.with(t, "ended@nordlys.example", "seller"), m.with(t, "deleted@nordlys.example", "seller")}
		must(m.Memberships.Change(ctx, org, people[2].ID, 0, func(m *directory.Member) error { m.SuspendedAt = db.Now(); return nil }))(t)
		check(t, m.endNow(org, people[3].ID))
		check(t, m.Memberships.Delete(ctx, org, people[4].ID))
		other := m.with(t, "other@nordlys.example", "clerk")
		clock.Advance(time.Minute)

		before := must(a.Model(ctx, org))(t)
		err := a.RemoveRole(ctx, org, m.roles["seller"], directory.RoleID{})
		if codeOf(err) != "role_has_people" || !strings.Contains(err.Error(), "(5, former members included)") {
			t.Errorf("without a taker: %v", err)
		}
		for name, takes := range map[string]directory.RoleID{"itself": m.roles["seller"], "nobody": directory.RoleID(directory.NewMembershipIDForTest(db.Now()))} {
			if err := a.RemoveRole(ctx, org, m.roles["seller"], takes); !fault.Is(err, fault.Invalid) {
				t.Errorf("taken by %s: %v", name, err)
			}
		}
		if err := a.RemoveRole(ctx, m.another.ID, m.roles["seller"], directory.RoleID{}); !errors.Is(err, directory.ErrRoleNotFound) {
			t.Errorf("the neighbour removes our role: %v", err)
		}
		must(a.SaveRoles(ctx, m.another.ID, []directory.Role{{Key: "theirs", Name: "Theirs"}}))(t)
		theirs := must(a.Roles(ctx, m.another.ID))(t)[0].ID
		if err := a.RemoveRole(ctx, org, m.roles["seller"], theirs); codeOf(err) != "unknown_role" {
			t.Errorf("our people to the neighbour's role: %v", err)
		}
		if after := must(a.Model(ctx, org))(t); after.Version != before.Version || stale(before, after, false) != "" {
			t.Error("a refusal has written something")
		}

		// The taking role stands below the removed one and moves up with it.
		versions, entries, events, err := m.writes(t, func() error { return a.RemoveRole(ctx, org, m.roles["seller"], m.roles["junior"]) })
		if err != nil || versions != 1 || entries != 1 || events != 1 {
			t.Fatalf("%v; %d versions, %d entries, %d events", err, versions, entries, events)
		}
		if got := m.tree(t); got != "chief(junior trainee clerk last)" {
			t.Errorf("tree %s", got)
		}
		after := must(a.Model(ctx, org))(t)
		for _, p := range people {
			i := slices.IndexFunc(after.Members, func(x directory.MemberFacts) bool { return x.ID == p.ID })
			j := slices.IndexFunc(before.Members, func(x directory.MemberFacts) bool { return x.ID == p.ID })
			if got := after.Members[i]; got.Role != m.roles["junior"] || got.Version != before.Members[j].Version+1 {
				t.Errorf("%s has role %s, version %d after %d", p.UserName, got.Role, got.Version, before.Members[j].Version)
			}
		}
		if got := must(m.Memberships.ByID(ctx, org, people[0].ID))(t); !got.ChangedAt.Equal(db.Now()) {
			t.Errorf("changed at %s", got.ChangedAt)
		}
		if got := must(m.Memberships.ByID(ctx, org, other.ID))(t); got.Role != m.roles["clerk"] || got.Version != other.Version {
			t.Errorf("somebody else: %+v", got)
		}
		if err := a.RemoveRole(ctx, org, m.roles["seller"], m.roles["clerk"]); !errors.Is(err, directory.ErrRoleNotFound) {
			t.Errorf("again: %v", err)
		}
		check(t, a.RemoveRole(ctx, org, m.roles["last"], directory.RoleID{})) // nobody has it
		check(t, a.RemoveRole(ctx, org, m.roles["chief"], directory.RoleID{}))
		if got := m.tree(t); got != "junior trainee clerk" {
			t.Errorf("without the root: %s", got)
		}
	})
}

// TestR13_ARoleThatIsNamedStays: a group or a rule that names a role keeps it, and the refusal names them, in any script.
func TestR13_ARoleThatIsNamedStays(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		must(a.SaveGroups(ctx, org, []directory.Group{{Key: "g", Name: `مبيعات "販売" Αθήνα`}}))(t)
		groups := must(a.Groups(ctx, org))(t)
		g := groups[slices.IndexFunc(groups, func(g directory.Group) bool { return g.Key == "g" })].ID
		entry := []directory.GroupMember{{Role: m.roles["seller"], WithBelow: true}}
		must(a.AddGroupMembers(ctx, org, g, entry))(t)
		rule := directory.SharingRule{Module: "invoices", From: directory.SharingParty{Group: g}, To: directory.SharingParty{Role: m.roles["seller"]}, Access: directory.ShareRead}
		must(a.SaveSharingRules(ctx, org, []directory.SharingRule{rule}))(t)

		err := a.RemoveRole(ctx, org, m.roles["seller"], m.roles["clerk"])
		if codeOf(err) != "role_in_use" || !strings.Contains(err.Error(), `مبيعات "販売" Αθήνα`) || !strings.Contains(err.Error(), "invoices") {
			t.Errorf("%v", err)
		}
		must(a.RemoveGroupMembers(ctx, org, g, entry))(t)
		if err := a.RemoveRole(ctx, org, m.roles["seller"], m.roles["clerk"]); codeOf(err) != "role_in_use" {
			t.Errorf("a rule names it still: %v", err)
		}
		check(t, a.RemoveSharingRule(ctx, org, must(a.SharingRules(ctx, org))(t)[0].ID))
		check(t, a.RemoveRole(ctx, org, m.roles["seller"], m.roles["clerk"]))
	})
}

// TestR13_RemovingRacesWithPeople removes a role while people get it, by creation, which locks nothing, and by change: each
// is either moved along or refused, and nobody is left with a role that is not there.
func TestR13_RemovingRacesWithPeople(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		for round := range 4 {
			key := fmt.Sprintf("temp%d", round)
			m.grow(t, key+":chief")
			role := m.roles[key]
			var there []directory.Member
			for i := range 10 {
				there = append(there, m.with(t, fmt.Sprintf("there%d-%d@nordlys.example", round, i), "clerk"))
			}
			var wg sync.WaitGroup
			refuse := func(what string, err error) {
				if err != nil && codeOf(err) != "unknown_role" {
					t.Errorf("%s: %v", what, err)
				}
			}
			for i := range 10 {
				wg.Go(func() {
					n := person(fmt.Sprintf("new%d-%d@nordlys.example", round, i))
					n.Role = role
					_, err := m.Memberships.Create(ctx, org, n)
					refuse("create", err)
				})
				wg.Go(func() {
					_, err := m.Memberships.Change(ctx, org, there[i].ID, 0, func(x *directory.Member) error { x.Role = role; return nil })
					refuse("change", err)
				})
			}
			wg.Go(func() {
				if err := a.RemoveRole(ctx, org, role, m.roles["seller"]); err != nil {
					t.Errorf("remove: %v", err)
				}
			})
			wg.Wait()
			if n := m.count(t, "select count(*) from memberships where role_id = $1", role); n != 0 {
				t.Errorf("%d people have the removed role", n)
			}
			after := must(a.Model(ctx, org))(t)
			for _, p := range after.Members {
				if !slices.ContainsFunc(after.Roles, func(r directory.Role) bool { return r.ID == p.Role }) {
					t.Errorf("%s has the role %s that is not there", p.ID, p.Role)
				}
			}
		}
	})
}

// TestR13_ManyPeopleMoveInOneStroke: 5,000 people change roles with one entry in the history and one event.
func TestR13_ManyPeopleMoveInOneStroke(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		members := make([]directory.Member, 5000)
		for i := range members {
			members[i] = directory.Member{Kind: directory.Employee, Start: db.Now(), AcceptedAt: db.Now(), Role: m.roles["seller"]}
		}
		m.fill(t, m.home.ID, members)
		all := m.count(t, "select count(*) from events")
		versions, entries, events, err := m.writes(t, func() error { return m.Access.RemoveRole(ctx, m.home.ID, m.roles["seller"], m.roles["clerk"]) })
		if n := m.count(t, "select count(*) from memberships where role_id = $1 and version = 2", m.roles["clerk"]); err != nil || n != 5000 || versions != 1 || entries != 1 ||
			events != 1 || m.count(t, "select count(*) from events") != all+1 {
			t.Errorf("%d people, %v; %d versions, %d entries, %d events", n, err, versions, entries, events)
		}
		if db.Engine() == sqldb.SQLite { // where writers wait for each other anyway
			return
		}

		// Back again while others keep making people with the role: the removal does not lose the race for ever.
		m.grow(t, "seller:chief")
		var done atomic.Bool
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for j := 0; !done.Load(); j++ {
					n := person(fmt.Sprintf("new%d-%d@nordlys.example", i, j))
					n.Role = m.roles["clerk"]
					if _, err := m.Memberships.Create(ctx, m.home.ID, n); err != nil && codeOf(err) != "unknown_role" {
						t.Error(err)
					}
				}
			})
		}
		check(t, m.Access.RemoveRole(ctx, m.home.ID, m.roles["clerk"], m.roles["seller"]))
		done.Store(true)
		wg.Wait()
	})
}
