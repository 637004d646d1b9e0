package directory_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// client makes a provisioning client.
func (h house) client(t *testing.T, name string) directory.ProvisioningClientID {
	t.Helper()
	return must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: name, MayGroups: true}, "token-of-"+name))(t).ID
}

// make makes a group by its name, kept by a client.
func (m model) make(t *testing.T, name string, by directory.ProvisioningClientID, members ...directory.GroupMember) directory.Group {
	t.Helper()
	return must(m.Access.CreateGroup(ctx, m.home.ID, named(name, by, members...)))(t)
}

func named(name string, by directory.ProvisioningClientID, members ...directory.GroupMember) directory.GroupEdit {
	x := directory.GroupEdit{Group: directory.Group{Name: name, ManagedBy: by}}
	for _, m := range members {
		x.Put(m)
	}
	return x
}

// in are what a group holds, as the history names it.
func (m model) in(t *testing.T, group directory.GroupID) (out []string) {
	t.Helper()
	for _, x := range must(m.Access.MembersOf(ctx, m.home.ID, []directory.GroupID{group}))(t)[group] {
		out = append(out, x.Reference())
	}
	slices.Sort(out)
	return out
}

func references(list ...directory.GroupMember) (out []string) {
	for _, x := range list {
		out = append(out, x.Reference())
	}
	slices.Sort(out)
	return out
}

// people makes members who are put into groups.
func (m model) people(t *testing.T, n int) (out []directory.GroupMember) {
	t.Helper()
	for i := range n {
		out = append(out, directory.GroupMember{Member: m.with(t, fmt.Sprintf("person%d@nordlys.example", i), "").ID})
	}
	return out
}

func TestGroupEdits(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		people := m.people(t, 4)
		inner, role := directory.GroupMember{Group: m.groups["direct"]}, directory.GroupMember{Role: m.roles["seller"], WithBelow: true}
		var g directory.Group
		versions, _, _, err := m.writes(t, func() (err error) {
			g, err = a.CreateGroup(ctx, org, named("Økonomi & Lønn", m.client(t, "HR"), people[0], people[1], inner))
			return err
		})
		if err != nil || versions != 1 || g.Key != "okonomi-and-lonn" || g.Version != 1 {
			t.Fatalf("%+v, %v, %d versions", g, err, versions)
		}
		must(a.AddGroupMembers(ctx, org, g.ID, []directory.GroupMember{role}))(t)
		version := g.Version + 1
		step := func(what string, edit func(x *directory.GroupEdit), want ...directory.GroupMember) {
			t.Helper()
			versions, entries, events, err := m.writes(t, func() error {
				now, err := a.ChangeGroup(ctx, org, g.ID, version, func(x *directory.GroupEdit) error { edit(x); return nil })
				if err == nil {
					g = now
				}
				return err
			})
			changed := int64(0)
			if g.Version != version {
				changed = 1
			}
			if err != nil || versions != changed || entries != events || g.Version-version != changed || (entries > 0) != (changed > 0) {
				t.Errorf("%s: %v; %d versions, %d entries, %d events, group's %d after %d", what, err, versions, entries, events, g.Version, version)
			}
			version = g.Version
			if got := m.in(t, g.ID); !slices.Equal(got, references(want...)) {
				t.Errorf("%s: in it are %v, want %v", what, got, references(want...))
			}
			stored, _, _, err := a.GroupByID(ctx, org, g.ID, directory.GroupPage{})
			if err != nil || stored != g {
				t.Errorf("%s: stored %+v, answered %+v, %v", what, stored, g, err)
			}
		}
		step("nothing", func(x *directory.GroupEdit) { x.Put(people[0]); x.Take(people[3]) }, people[0], people[1], inner, role)
		step("in and out", func(x *directory.GroupEdit) { x.Put(people[2]); x.Take(people[0]); x.Take(inner) }, people[1], people[2], role)
		step("the last word counts", func(x *directory.GroupEdit) { x.Take(people[1]); x.Put(people[1]); x.Put(people[3]); x.Take(people[3]) }, people[1], people[2], role)
		step("only these", func(x *directory.GroupEdit) { x.Empty(); x.Put(people[2]); x.Put(people[3]); x.Put(inner) }, people[2], people[3], inner, role)
		step("the same ones", func(x *directory.GroupEdit) { x.Empty(); x.Put(inner); x.Put(people[3]); x.Put(people[2]) }, people[2], people[3], inner, role)
		step("renamed, nobody is left", func(x *directory.GroupEdit) { x.Name = "Ny"; x.ExternalID = "ext"; x.Put(people[0]); x.Empty() }, role)
		step("empty again", func(x *directory.GroupEdit) { x.Empty() }, role)
		step("not the role either", func(x *directory.GroupEdit) { x.Empty(); x.Take(role); x.Put(people[0]) }, people[0])
		step("one for another", func(x *directory.GroupEdit) { x.Empty(); x.Take(people[0]); x.Put(people[1]) }, people[1])
		if g.Key != "okonomi-and-lonn" || g.Name != "Ny" || g.ExternalID != "ext" {
			t.Errorf("%+v", g)
		}
		if _, err := a.ChangeGroup(ctx, org, g.ID, version-1, func(*directory.GroupEdit) error { return nil }); !errors.Is(err, directory.ErrGroupChanged) {
			t.Errorf("an older version: %v", err)
		}
		if _, err := a.ChangeGroup(ctx, m.another.ID, g.ID, 0, func(*directory.GroupEdit) error { return nil }); !errors.Is(err, directory.ErrGroupNotFound) {
			t.Errorf("the neighbour: %v", err)
		}
		refused := errors.New("refused")
		if _, err := a.ChangeGroup(ctx, org, g.ID, 0, func(x *directory.GroupEdit) error { x.Empty(); return refused }); !errors.Is(err, refused) || len(m.in(t, g.ID)) != 1 {
			t.Errorf("a refused edit: %v", err)
		}
	})
}

// TestGroupEventsCarryTheDelta: who came and went, never who is in it.
func TestGroupEventsCarryTheDelta(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		crowd := m.crowd(t, m.groups["everybody"], 250)
		kari := m.with(t, "kari@nordlys.example", "")
		last := func() (e directory.AccessEvent) {
			for _, data := range must(sqldb.All(ctx, db, func(r sqldb.Row) (s string, err error) { err = r.Scan(&s); return s, err }, `select data from events where kind = 'access.changed'`))(t) {
				var x directory.AccessEvent
				if check(t, json.Unmarshal([]byte(data), &x)); x.Version > e.Version {
					e = x
				}
			}
			return e
		}
		change := func(edit func(x *directory.GroupEdit)) {
			must(m.Access.ChangeGroup(ctx, m.home.ID, m.groups["everybody"], 0, func(x *directory.GroupEdit) error { edit(x); return nil }))(t)
		}
		change(func(x *directory.GroupEdit) { x.Put(directory.GroupMember{Member: kari.ID}) })
		if e := last(); e.Did != "members_added" || fmt.Sprint(e.Detail["members"]) != "["+kari.ID.String()+"]" || fmt.Sprint(e.Detail["count"]) != "1" || e.Object != m.groups["everybody"].String() {
			t.Errorf("added: %+v", e)
		}
		change(func(x *directory.GroupEdit) { x.Name = "All of us" })
		if e := last(); e.Did != "changed" || e.Detail["name"] != "All of us" || e.Detail["former_name"] != "Everybody" {
			t.Errorf("renamed: %+v", e)
		}
		change(func(x *directory.GroupEdit) {
			x.Empty()
			for _, p := range crowd[:120] {
				x.Put(directory.GroupMember{Member: p.ID})
			}
		})
		if e := last(); e.Did != "members_removed" || fmt.Sprint(e.Detail["count"]) != "131" || len(e.Detail["members"].([]any)) != 100 {
			t.Errorf("replaced: %+v", e)
		}
		change(func(x *directory.GroupEdit) { x.Empty() })
		if e := last(); e.Did != "members_removed" || fmt.Sprint(e.Detail["count"]) != "120" || len(e.Detail["members"].([]any)) != 100 {
			t.Errorf("emptied: %+v", e)
		}
		if n := m.count(t, "select count(*) from group_members where group_id = $1", m.groups["everybody"]); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}

func TestGroupNamesAndExternalIDs(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		hr, it := m.client(t, "HR"), m.client(t, "IT")
		one, two := m.make(t, "One", hr), m.make(t, "Two", it)
		edit := func(g directory.Group, f func(x *directory.GroupEdit)) error {
			_, err := a.ChangeGroup(ctx, org, g.ID, 0, func(x *directory.GroupEdit) error { f(x); return nil })
			return err
		}
		check(t, edit(one, func(x *directory.GroupEdit) { x.ExternalID = "1" }))
		check(t, edit(two, func(x *directory.GroupEdit) { x.ExternalID = "1" })) // another client's word
		for what, try := range map[string]struct {
			want error
			err  error
		}{
			"a name with other letters": {directory.ErrGroupNameTaken, edit(two, func(x *directory.GroupEdit) { x.Name = "oNE" })},
			"a new group":               {directory.ErrGroupNameTaken, second(a.CreateGroup(ctx, org, named("ＯＮＥ", it)))},
			"the client's other group":  {directory.ErrGroupExternalIDTaken, edit(m.make(t, "Three", hr), func(x *directory.GroupEdit) { x.ExternalID = "1" })},
			"a group that comes to it":  {directory.ErrGroupExternalIDTaken, edit(two, func(x *directory.GroupEdit) { x.ManagedBy = hr })},
		} {
			if !errors.Is(try.err, try.want) {
				t.Errorf("%s: %v", what, try.err)
			}
		}
		check(t, edit(one, func(x *directory.GroupEdit) { x.Name = "ONE" }))
		for _, bad := range []string{"", "a\x00b", "a\nb", strings.Repeat("a", 1001)} {
			if err := edit(one, func(x *directory.GroupEdit) { x.Name = bad }); !fault.Is(err, fault.Invalid) {
				t.Errorf("a name %.10q: %v", bad, err)
			}
		}
		for _, bad := range []string{"a\x00b", strings.Repeat("a", 1001)} {
			if err := edit(one, func(x *directory.GroupEdit) { x.ExternalID = bad }); !fault.Is(err, fault.Invalid) {
				t.Errorf("an external id %.10q: %v", bad, err)
			}
		}
		if _, err := a.CreateGroup(ctx, m.another.ID, directory.GroupEdit{Group: directory.Group{Name: "One"}}); err != nil {
			t.Errorf("the neighbour's group of the same name: %v", err)
		}
	})
}

func TestGroupKeysNeverComeBack(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		seen := map[string]bool{}
		for _, name := range []string{"Sales", "Sales", "sales!", "販売", "販売", "grp_0123", strings.Repeat("Long name ", 90), strings.Repeat("long name ", 90)} {
			g := m.make(t, name, directory.ProvisioningClientID{})
			if seen[g.Key] || directory.CheckKey(g.Key) != nil || strings.Contains(g.Key, "_") {
				t.Errorf("%.20s has the key %s", name, g.Key)
			}
			seen[g.Key] = true
			check(t, m.Access.RemoveGroup(ctx, m.home.ID, g.ID))
		}
		if !seen["sales"] || !seen["grp-0123"] {
			t.Errorf("%v", seen)
		}
		must(m.Access.SaveGroups(ctx, m.home.ID, []directory.Group{{Key: "sales", Name: "Sales"}}))(t) // whoever writes a key means it
	})
}

// TestFormerMembersAreInNoGroup: whoever has ended cannot be put in, and is not shown or counted.
func TestFormerMembersAreInNoGroup(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		people := m.people(t, 4)
		stranger := must(m.Memberships.Create(ctx, m.another.ID, person("stranger@elsewhere.example")))(t)
		group := m.make(t, "Group", directory.ProvisioningClientID{}, people...)
		gone := must(m.Memberships.Change(ctx, org, people[1].Member, 0, func(x *directory.Member) error { x.End = db.Now().Add(time.Hour); return nil }))(t)
		clock.Advance(2 * time.Hour)
		check(t, m.Memberships.End(ctx, org, people[2].Member, directory.Ending{Choice: directory.EndPending}))
		check(t, m.Memberships.Delete(ctx, org, people[3].Member))
		if got := m.in(t, group.ID); !slices.Equal(got, references(people[0])) {
			t.Errorf("in it are %v", got)
		}
		if _, page, total, err := a.GroupByID(ctx, org, group.ID, directory.GroupPage{Limit: 10}); err != nil || total != 1 || len(page) != 1 {
			t.Errorf("%d of %d, %v", len(page), total, err)
		}
		of := must(a.GroupsOf(ctx, org, []directory.MembershipID{people[0].Member, people[1].Member, people[2].Member, people[3].Member, stranger.ID}))(t)
		if len(of) != 1 || len(of[people[0].Member]) != 1 {
			t.Errorf("groups %v", of)
		}
		for what, who := range map[string]directory.MembershipID{"past the end": gone.ID, "ended": people[2].Member, "deleted": people[3].Member,
			"the neighbour's": stranger.ID, "nobody": directory.NewMembershipIDForTest(db.Now())} {
			for _, others := range [][]directory.GroupMember{nil, {people[0]}} {
				_, err := a.ChangeGroup(ctx, org, m.groups["direct"], 0, func(x *directory.GroupEdit) error {
					for _, o := range others {
						x.Put(o)
					}
					x.Put(directory.GroupMember{Member: who})
					return nil
				})
				if !errors.Is(err, directory.ErrUnknownGroupMember) || len(m.inside(t, "direct")) != 0 {
					t.Errorf("%s beside %d: %v", what, len(others), err)
				}
			}
		}
		for what, g := range map[string]directory.GroupMember{"nobody's group": {Group: directory.GroupID(stranger.ID)}, "nobody's role": {Role: directory.RoleID(stranger.ID)}} {
			if _, err := a.AddGroupMembers(ctx, org, group.ID, []directory.GroupMember{g}); !errors.Is(err, directory.ErrUnknownGroupMember) {
				t.Errorf("%s: %v", what, err)
			}
		}
		check(t, second(a.AddGroupMembers(ctx, org, m.groups["direct"], []directory.GroupMember{{Member: gone.ID}}))) // a file names former people too
		where := directory.Some{List: directory.ListGroupMembers, Where: directory.Compare{Field: directory.ElementValue, Op: directory.Equal, Value: gone.ID.String()}}
		if page := must(a.ListGroups(ctx, org, directory.Query{Where: where, Limit: 10}))(t); page.Total != 0 {
			t.Errorf("whoever has ended is found in %+v", page)
		}
	})
}

// TestGroupsRace: of edges that close a ring in a race one is missing; of thirty changes at once none is lost; of one name at
// once there is one group.
func TestGroupsRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		people := m.people(t, 30)
		at := func(n int, act func(i int) error) (errs []error) {
			errs = make([]error, n)
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() { errs[i] = act(i) })
			}
			wg.Wait()
			return errs
		}
		ring := []directory.GroupID{m.groups["direct"], m.groups["outer"]}
		for range 5 {
			errs := at(2, func(i int) error {
				return second(a.ChangeGroup(ctx, org, ring[i], 0, func(x *directory.GroupEdit) error {
					x.Empty()
					x.Put(directory.GroupMember{Group: ring[1-i]})
					return nil
				}))
			})
			if n := m.count(t, "select count(*) from group_members where child_group_id is not null"); n != 1 {
				t.Fatalf("%d edges, %v", n, errs)
			}
			for _, err := range errs {
				if err != nil && !errors.Is(err, directory.ErrGroupCycle) {
					t.Errorf("%v", err)
				}
			}
			for _, g := range ring {
				check(t, second(a.ChangeGroup(ctx, org, g, 0, func(x *directory.GroupEdit) error { x.Empty(); return nil })))
			}
		}
		group := m.make(t, "Many", directory.ProvisioningClientID{}, people[:15]...)
		for _, err := range at(30, func(i int) error {
			return second(a.ChangeGroup(ctx, org, group.ID, 0, func(x *directory.GroupEdit) error {
				if x.Put(people[i]); i < 15 {
					x.Take(people[i])
				}
				return nil
			}))
		}) {
			check(t, err)
		}
		if got := m.in(t, group.ID); !slices.Equal(got, references(people[15:]...)) {
			t.Errorf("%d are in it", len(got))
		}
		made := 0
		for _, err := range at(8, func(int) error {
			return second(a.CreateGroup(ctx, org, named("Same name", directory.ProvisioningClientID{})))
		}) {
			if err == nil {
				made++
			} else if !errors.Is(err, directory.ErrGroupNameTaken) {
				t.Errorf("%v", err)
			}
		}
		if made != 1 {
			t.Errorf("%d groups of one name", made)
		}
	})
}

// TestGroupsOfAgrees: what is read of many members at once is what is read of each.
func TestGroupsOfAgrees(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		m.put(t, "direct", directory.GroupMember{Role: m.roles["seller"]})
		m.put(t, "outer", directory.GroupMember{Group: m.groups["direct"]})
		m.put(t, "outermost", directory.GroupMember{Group: m.groups["outer"]})
		m.put(t, "chiefs", directory.GroupMember{Role: m.roles["chief"], WithBelow: true})
		kari, per, ola := m.with(t, "kari@nordlys.example", "seller"), m.with(t, "per@nordlys.example", ""), m.with(t, "ola@nordlys.example", "clerk")
		m.put(t, "outermost", directory.GroupMember{Member: kari.ID})
		m.put(t, "direct", directory.GroupMember{Member: per.ID})
		all := []directory.MembershipID{kari.ID, per.ID, ola.ID}
		together := must(a.GroupsOf(ctx, org, all))(t)
		show := func(list []directory.MemberGroup) (out []string) {
			for _, g := range list {
				out = append(out, fmt.Sprint(g.Key, " ", g.Direct))
			}
			slices.Sort(out)
			return out
		}
		for id, want := range map[directory.MembershipID]string{kari.ID: "[chiefs false direct false outer false outermost true]",
			per.ID: "[direct true outer false outermost false]", ola.ID: "[chiefs false]"} {
			if got := fmt.Sprint(show(together[id])); got != want {
				t.Errorf("%s is in %s, want %s", id, got, want)
			}
			alone := must(a.GroupsOf(ctx, org, []directory.MembershipID{id}))(t)[id]
			if !slices.Equal(alone, together[id]) {
				t.Errorf("%s alone: %v", id, alone)
			}
			facts := must(a.Of(ctx, org, id))(t).Groups
			if len(facts) != len(alone) || slices.ContainsFunc(alone, func(g directory.MemberGroup) bool { return !slices.Contains(facts, g.GroupFact) }) {
				t.Errorf("%s: claims say %v, SCIM %v", id, facts, alone)
			}
		}
		if other := must(a.GroupsOf(ctx, m.another.ID, all))(t); len(other) != 0 {
			t.Errorf("the neighbour sees %v", other)
		}
	})
}

func TestGroupsAreFound(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		kari := m.with(t, "kari@nordlys.example", "")
		m.put(t, "direct", directory.GroupMember{Member: kari.ID})
		m.put(t, "outer", directory.GroupMember{Group: m.groups["direct"]}, directory.GroupMember{Member: kari.ID})
		clock.Advance(time.Minute)
		between := db.Now()
		clock.Advance(time.Minute)
		late := directory.GroupEdit{Group: directory.Group{Name: "Åland", ExternalID: "Ext-1", ManagedBy: m.client(t, "HR")}}
		must(a.CreateGroup(ctx, org, late))(t)
		compare := func(f directory.Field, op directory.Op, v any) directory.Condition {
			return directory.Compare{Field: f, Op: op, Value: v}
		}
		holds := func(c directory.Condition) directory.Condition {
			return directory.Some{List: directory.ListGroupMembers, Where: c}
		}
		for what, test := range map[string]struct {
			where directory.Condition
			want  string
		}{
			"all":               {nil, "chiefs direct everybody outer outermost sellers aland"},
			"name":              {compare(directory.FieldDisplayName, directory.Equal, "ÅLAND"), "aland"},
			"name begins":       {compare(directory.FieldDisplayName, directory.StartsWith, "out"), "outer outermost"},
			"name holds":        {compare(directory.FieldDisplayName, directory.Contains, "ER"), "everybody outer outermost sellers"},
			"external id":       {compare(directory.FieldExternalID, directory.Equal, "Ext-1"), "aland"},
			"external id, case": {compare(directory.FieldExternalID, directory.Equal, "ext-1"), ""},
			"no external id":    {compare(directory.FieldExternalID, directory.Equal, nil), "chiefs direct everybody outer outermost sellers"},
			"id":                {compare(directory.FieldID, directory.Equal, m.groups["outer"].String()), "outer"},
			"a member's id":     {compare(directory.FieldID, directory.Equal, kari.ID.String()), ""},
			"later":             {compare(directory.FieldCreated, directory.Greater, between), "aland"},
			"earlier":           {compare(directory.FieldChanged, directory.Less, between), "chiefs direct everybody outer outermost sellers"},
			"who holds her":     {holds(compare(directory.ElementValue, directory.Equal, kari.ID.String())), "direct outer"},
			"who holds it":      {holds(compare(directory.ElementValue, directory.Equal, m.groups["direct"].String())), "outer"},
			"holds a group":     {holds(compare(directory.ElementType, directory.Equal, "GROUP")), "outer"},
			"holds anything":    {directory.Some{List: directory.ListGroupMembers}, "direct outer"},
			"holds no word":     {holds(compare(directory.ElementValue, directory.Equal, "kari")), ""},
			"not and or": {directory.And{directory.Not{Condition: holds(compare(directory.ElementValue, directory.Equal, kari.ID.String()))},
				directory.Or{compare(directory.FieldDisplayName, directory.Equal, "outer"), compare(directory.FieldDisplayName, directory.Equal, "sellers")}}, "sellers"},
		} {
			var got, paged []string
			page := must(a.ListGroups(ctx, org, directory.Query{Where: test.where, Limit: 100, SortBy: directory.FieldDisplayName}))(t)
			for _, g := range page.Groups {
				got = append(got, g.Key)
			}
			if strings.Join(got, " ") != test.want || page.Total != int64(len(got)) {
				t.Errorf("%s: %v of %d, want %s", what, got, page.Total, test.want)
			}
			for i := range got {
				one := must(a.ListGroups(ctx, org, directory.Query{Where: test.where, Limit: 1, Offset: i, SortBy: directory.FieldDisplayName}))(t)
				paged = append(paged, one.Groups[0].Key)
			}
			if !slices.Equal(got, paged) {
				t.Errorf("%s: pages %v", what, paged)
			}
			if other := must(a.ListGroups(ctx, m.another.ID, directory.Query{Where: test.where, Limit: 100}))(t); other.Total != 0 {
				t.Errorf("%s: the neighbour finds %+v", what, other)
			}
		}
		for _, sort := range []directory.Field{"", directory.FieldID, directory.FieldExternalID, directory.FieldCreated, directory.FieldChanged, directory.FieldDisplayName, directory.FieldVersion} {
			up := must(a.ListGroups(ctx, org, directory.Query{SortBy: sort, Limit: 100}))(t).Groups
			down := must(a.ListGroups(ctx, org, directory.Query{SortBy: sort, Limit: 100, Descending: true}))(t).Groups
			slices.Reverse(down)
			if len(up) != 7 || !slices.Equal(up, down) {
				t.Errorf("by %q: %v", sort, up)
			}
			for _, descending := range []bool{false, true} {
				var walked []directory.Group
				for q := (directory.Query{SortBy: sort, Limit: 2, Descending: descending}); len(walked) < 8; {
					page := must(a.ListGroups(ctx, org, q))(t)
					if len(page.Groups) == 0 {
						break
					}
					walked = append(walked, page.Groups...)
					at := page.Groups[len(page.Groups)-1].PositionIn(sort)
					q.After = &at
				}
				if descending {
					slices.Reverse(walked)
				}
				if !slices.Equal(up, walked) {
					t.Errorf("by %q from place to place (descending %t): %v", sort, descending, walked)
				}
			}
		}
		for _, bad := range []directory.Query{{SortBy: directory.FieldUserName, Limit: 1}, {Limit: -1}, {Where: compare(directory.FieldUserName, directory.Equal, "x")},
			{Where: directory.Some{List: directory.ListEmails}}} {
			if _, err := a.ListGroups(ctx, org, bad); codeOf(err) != "bad_query" {
				t.Errorf("%+v: %v", bad, err)
			}
		}
	})
}
