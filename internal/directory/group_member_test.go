package directory_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// inside are what a group holds, as the history names it.
func (m model) inside(t *testing.T, group string) (out []string) {
	t.Helper()
	for _, x := range must(m.Access.MembersOf(ctx, m.home.ID, []directory.GroupID{m.groups[group]}))(t)[m.groups[group]] {
		out = append(out, x.Reference())
	}
	slices.Sort(out)
	return out
}

func TestR15_MembersOfGroupsGo(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		kari, per := m.with(t, "kari@nordlys.example", "seller"), m.with(t, "per@nordlys.example", "seller")
		all := []directory.GroupMember{{Member: kari.ID}, {Member: per.ID}, {Group: m.groups["direct"]}, {Role: m.roles["seller"]}, {Role: m.roles["seller"], WithBelow: true}}
		m.put(t, "outer", all...)
		version := func() int64 {
			g, _, _, err := a.GroupByID(ctx, org, m.groups["outer"], directory.GroupPage{})
			check(t, err)
			return g.Version
		}
		before := version()
		remove := func(what string, want int, members ...directory.GroupMember) {
			t.Helper()
			versions, entries, events, err := m.writes(t, func() error {
				n, err := a.RemoveGroupMembers(ctx, org, m.groups["outer"], members)
				if n != want {
					t.Errorf("%s: %d went out, want %d", what, n, want)
				}
				return err
			})
			if changed := int64(min(want, 1)); err != nil || versions != changed || entries != changed || events != changed {
				t.Errorf("%s: %v; %d versions, %d entries, %d events", what, err, versions, entries, events)
			}
		}
		remove("a member and a role with everything below", 2, all[0], all[4])
		remove("what is not in it", 0, all[0], all[4], directory.GroupMember{Member: directory.NewMembershipIDForTest(db.Now())})
		want := []string{per.ID.String(), m.groups["direct"].String(), m.roles["seller"].String()}
		slices.Sort(want)
		if got := m.inside(t, "outer"); !slices.Equal(got, want) || version() != before+1 {
			t.Errorf("left %v, version %d after %d", got, version(), before)
		}
		if _, err := a.RemoveGroupMembers(ctx, m.another.ID, m.groups["outer"], all); !errors.Is(err, directory.ErrGroupNotFound) {
			t.Errorf("the neighbour takes people out: %v", err)
		}
		if _, err := a.RemoveGroupMembers(ctx, org, m.groups["outer"], []directory.GroupMember{{}}); codeOf(err) != "bad_group_member" {
			t.Errorf("nothing: %v", err)
		}
		// A group that has left may hold the one that it was in.
		remove("a group", 1, directory.GroupMember{Group: m.groups["direct"]})
		m.put(t, "direct", directory.GroupMember{Group: m.groups["outer"]})

		var detail string
		if err := db.QueryRow(ctx, `select detail from audit_entries where action = 'group.members_removed' and detail like '%"count":2%'`).Scan(&detail); err != nil ||
			!strings.Contains(detail, kari.ID.String()) || !strings.Contains(detail, m.roles["seller"].String()+"+") {
			t.Errorf("the history says %s, %v", detail, err)
		}
	})
}

func TestR15_AGroupThatIsNamedStays(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		kari := m.with(t, "kari@nordlys.example", "")
		m.put(t, "direct", directory.GroupMember{Member: kari.ID}, directory.GroupMember{Role: m.roles["chief"]})
		m.put(t, "outer", directory.GroupMember{Group: m.groups["direct"]})
		rule := directory.SharingRule{Module: "invoices", From: directory.SharingParty{Group: m.groups["direct"]}, To: directory.SharingParty{Role: m.roles["clerk"]}, Access: directory.ShareRead}
		must(a.SaveSharingRules(ctx, org, []directory.SharingRule{rule}))(t)
		if err := a.RemoveGroup(ctx, org, m.groups["direct"]); codeOf(err) != "group_in_use" || !strings.Contains(err.Error(), "invoices") {
			t.Errorf("%v", err)
		}
		check(t, a.RemoveSharingRule(ctx, org, must(a.SharingRules(ctx, org))(t)[0].ID))
		if err := a.RemoveGroup(ctx, m.another.ID, m.groups["direct"]); !errors.Is(err, directory.ErrGroupNotFound) {
			t.Errorf("the neighbour removes our group: %v", err)
		}
		holds, _, _, err := a.GroupByID(ctx, org, m.groups["outer"], directory.GroupPage{})
		check(t, err)
		clock.Advance(time.Hour)
		versions, entries, events, err := m.writes(t, func() error { return a.RemoveGroup(ctx, org, m.groups["direct"]) })
		if err != nil || versions != 1 || entries != 2 || events != 2 { // of the group, and of the one that held it
			t.Errorf("%v; %d versions, %d entries, %d events", err, versions, entries, events)
		}
		after, _, left, err := a.GroupByID(ctx, org, m.groups["outer"], directory.GroupPage{})
		if err != nil || left != 0 || after.Version != holds.Version+1 || !after.ChangedAt.Equal(clock.Now()) {
			t.Errorf("the group that held it holds %d, %+v, %v", left, after, err)
		}
		if n := m.count(t, "select count(*) from audit_entries where action = 'group.members_removed' and object = $1 and detail like $2",
			m.groups["outer"].String(), "%"+m.groups["direct"].String()+"%"); n != 1 {
			t.Errorf("the history tells %d times of it", n)
		}
		if n := m.count(t, "select count(*) from group_members where group_id = $1", m.groups["direct"]); n != 0 {
			t.Errorf("%d are in the removed group", n)
		}
		if err := a.RemoveGroup(ctx, org, m.groups["direct"]); !errors.Is(err, directory.ErrGroupNotFound) {
			t.Errorf("again: %v", err)
		}
		if got := must(a.Of(ctx, org, kari.ID))(t).Groups; len(got) != 0 {
			t.Errorf("kari is in %v", got)
		}
	})
}

// wholeGroup finds a plan that reads all that is in groups: by no index, or by one that ends with the group or organization.
var wholeGroup = map[sqldb.Engine]*regexp.Regexp{
	sqldb.PostgreSQL: regexp.MustCompile(`Seq Scan on (group_members|memberships)\b|group_members_organization`),
	sqldb.SQLite:     regexp.MustCompile(`SCAN (group_members|memberships)\b|group_members_organization`),
}

// TestR15_AChangeCostsTheDelta: into and out of a group of 100,000, one member costs what it does in a group of ten: every
// statement finds its row in a unique index.
func TestR15_AChangeCostsTheDelta(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org, group := m.Access, m.home.ID, m.groups["everybody"]
		size := 100_000
		if testing.Short() {
			size = 3_000
		}
		crowd := m.crowd(t, group, size)
		if _, err := db.Exec(ctx, "analyze"); err != nil {
			t.Fatal(err)
		}
		for _, s := range directory.GroupStatementsForTest(group, crowd[size/2], m.roles["seller"]) {
			if testing.Short() && len(s.Args) > 10 {
				continue // to look up a hundred of 3,000 costs more than to read them
			}
			for _, line := range explain(t, db, s) {
				if wholeGroup[db.Engine()].MatchString(line) {
					t.Errorf("%s reads a whole group: %s", s.Name, line)
				}
			}
		}
		kari := m.with(t, "kari@nordlys.example", "")
		one := []directory.GroupMember{{Member: kari.ID}}
		for i, act := range []func(context.Context, directory.OrganizationID, directory.GroupID, []directory.GroupMember) (int, error){a.AddGroupMembers, a.RemoveGroupMembers} {
			versions, entries, events, err := m.writes(t, func() error {
				n, err := act(ctx, org, group, one)
				if n != 1 {
					t.Errorf("act %d: %d", i, n)
				}
				return err
			})
			if err != nil || versions != 1 || entries != 1 || events != 1 {
				t.Errorf("act %d: %v; %d versions, %d entries, %d events", i, err, versions, entries, events)
			}
		}
		if n := m.count(t, "select count(*) from group_members where group_id = $1", group); n != int64(size) {
			t.Errorf("%d are in the group", n)
		}
		check(t, a.RemoveGroup(ctx, org, group))
		if n := m.count(t, "select count(*) from group_members"); n != 0 {
			t.Errorf("%d are left of the group", n)
		}
	})
}

// crowd fills a group with people.
func (m model) crowd(t *testing.T, group directory.GroupID, n int) []directory.Member {
	t.Helper()
	crowd := make([]directory.Member, n)
	rows := make([][]any, n)
	check(t, m.db.Update(ctx, func(tx *sqldb.Tx) error {
		for i := range crowd {
			crowd[i] = directory.Member{ID: directory.NewMembershipIDForTest(tx.Now()), Organization: m.home.ID, Kind: directory.ContactOnly, UserName: fmt.Sprint("p", i),
				Start: tx.Now(), AllSegments: true, Epoch: 1, Version: 1, CreatedAt: tx.Now(), ChangedAt: tx.Now()}
			rows[i] = []any{group, m.home.ID, crowd[i].ID, false}
		}
		if err := directory.LoadMembersForTest(ctx, tx, crowd); err != nil {
			return err
		}
		return tx.Load(ctx, "group_members", []string{"group_id", "organization_id", "member_id", "with_below"}, rows)
	}))
	return crowd
}
