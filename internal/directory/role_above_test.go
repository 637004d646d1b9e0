package directory_test

import (
	"strings"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR12_WhoStandsAboveFollowsTheTree: after each change of the tree, everybody stands below exactly those whom the tree has
// above them, also former members, whose records keep their place.
func TestR12_WhoStandsAboveFollowsTheTree(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db) // chief(seller clerk)
		m.grow(t, "board", "junior:seller")
		people := map[string]directory.Member{}
		for _, role := range []string{"chief", "seller", "clerk", "junior"} {
			people[role] = m.with(t, role+"@nordlys.example", role)
		}
		former := m.with(t, "former@nordlys.example", "seller")
		check(t, m.endNow(m.home.ID, former.ID))
		paths := func(step string, want map[string]string) {
			t.Helper()
			who := map[string]directory.MembershipID{"former": former.ID}
			for role, p := range people {
				who[role] = p.ID
			}
			for name, path := range want {
				var got []string
				for _, r := range must(m.Access.Of(ctx, m.home.ID, who[name]))(t).RolePath {
					got = append(got, r.Key)
				}
				if strings.Join(got, ">") != path {
					t.Errorf("%s: %s stands at %v, want %s", step, name, got, path)
				}
			}
		}
		paths("at first", map[string]string{"chief": "chief", "seller": "chief>seller", "junior": "chief>seller>junior", "clerk": "chief>clerk", "former": "chief>seller"})
		check(t, m.Access.MoveRole(ctx, m.home.ID, m.roles["chief"], m.roles["board"], directory.RoleID{}))
		paths("moved", map[string]string{"chief": "board>chief", "junior": "board>chief>seller>junior", "former": "board>chief>seller"})
		check(t, m.Access.RemoveRole(ctx, m.home.ID, m.roles["seller"], m.roles["clerk"]))
		paths("removed", map[string]string{"seller": "board>chief>clerk", "former": "board>chief>clerk", "junior": "board>chief>junior", "clerk": "board>chief>clerk"})
		check(t, m.Access.RemoveRole(ctx, m.home.ID, m.roles["chief"], m.roles["junior"])) // one below takes them, and moves up
		paths("removed above", map[string]string{"chief": "board>junior", "junior": "board>junior", "clerk": "board>clerk"})
	})
}
