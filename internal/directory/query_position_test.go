package directory_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestPositionsOfEveryOrder: in each order there is, pages by positions give everybody once, as one long page does, forwards
// and, with the order turned round, back again.
func TestPositionsOfEveryOrder(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		var lines []directory.ImportLine
		for i := range 12 {
			l := importLine(fmt.Sprintf("p%d@nordlys.example", i*7%12))
			l.Details = directory.Details{FamilyName: []string{"", "Ås", "berg"}[i%3], Title: []string{"Chief", ""}[i%2], Department: []string{"", "Sales"}[i%2]}
			if i%4 == 1 {
				l.Details.Emails = []directory.Contact{{Value: fmt.Sprintf("z%d@x.example", i)}, {Value: fmt.Sprintf("a%d@x.example", i), Primary: true}}
				l.Details.Phones = []directory.Contact{{Value: fmt.Sprint("+47", 90-i)}}
				l.Details.Photos = []directory.Contact{{Value: fmt.Sprint("https://x.example/", i)}}
			}
			if i%3 == 1 {
				l.Details.Addresses = []directory.Address{{Locality: "Oslo", Country: "NO"}, {Locality: []string{"Ås", "Bergen"}[i%2], PostalCode: "1", Primary: true}}
			}
			lines = append(lines, l)
		}
		for part := range slices.Chunk(lines, 5) {
			h.imported(t, h.home.ID, part...)
			clock.Advance(time.Second)
		}
		all := must(h.Memberships.List(ctx, h.home.ID, directory.Query{Limit: 100}))(t).Members
		must(h.Memberships.Change(ctx, h.home.ID, all[3].ID, 0, func(m *directory.Member) error {
			m.End, m.Successor = clock.Now().Add(time.Hour), all[4].ID
			return nil
		}))(t)
		for i, manager := range []directory.Member{{ManagerText: "boss"}, {ManagerText: "boss"}, {ManagerText: "zed"}, {Manager: all[0].ID}, {Manager: all[1].ID}, {Manager: all[1].ID}} {
			must(h.Memberships.Change(ctx, h.home.ID, all[5+i].ID, 0, func(m *directory.Member) error {
				m.Manager, m.ManagerText = manager.Manager, manager.ManagerText
				return nil
			}))(t)
		}
		for _, sort := range directory.SortableForTest() {
			for _, descending := range []bool{false, true} {
				q := directory.Query{SortBy: sort, Descending: descending, Limit: 100}
				want := idsOf(must(h.Memberships.List(ctx, h.home.ID, q))(t).Members)
				if len(want) != len(all) {
					t.Fatalf("%s: %d of %d members", sort, len(want), len(all))
				}
				walk := func(q directory.Query, from *directory.Position) (got []directory.MembershipID) {
					q.Limit, q.After = 5, from
					for len(got) <= len(all) {
						page := must(h.Memberships.List(ctx, h.home.ID, q))(t)
						if len(page.Members) == 0 {
							break
						}
						if page.Total != int64(len(all)) {
							t.Errorf("%s: %d in all", sort, page.Total)
						}
						got = append(got, idsOf(page.Members)...)
						p := must(h.Memberships.PositionOf(ctx, h.home.ID, sort, page.Members[len(page.Members)-1].ID))(t)
						q.After = &p
					}
					return got
				}
				if got := walk(q, nil); !slices.Equal(got, want) {
					t.Errorf("%s, descending %v: forwards the same up to %d of %d", sort, descending, commonPrefix(got, want), len(got))
				}
				end := must(h.Memberships.PositionOf(ctx, h.home.ID, sort, want[len(want)-1]))(t)
				q.Descending = !descending
				back := walk(q, &end)
				slices.Reverse(back)
				if !slices.Equal(back, want[:len(want)-1]) {
					t.Errorf("%s, descending %v: backwards the same up to %d of %d", sort, descending, commonPrefix(back, want), len(back))
				}
			}
		}
		bad := directory.Query{SortBy: directory.FieldChanged, Limit: 1, After: &directory.Position{Text: "x'; drop table users"}}
		if _, err := h.Memberships.List(ctx, h.home.ID, bad); err == nil {
			t.Error("a position that is none is taken")
		}
	})
}
