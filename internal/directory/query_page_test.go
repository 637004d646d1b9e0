package directory_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR21_ListOfMany: every offered order gives everybody once, by pages and by positions, in both directions, with and
// without a filter, the same as sorting them all; and nobody of the neighbour's.
func TestR21_ListOfMany(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		var lines []directory.ImportLine
		for i := range 60 {
			l := importLine(fmt.Sprintf("p%d@nordlys.example", i*7%60))
			l.Details = directory.Details{GivenName: "Kari", FamilyName: []string{"", "Ås", "Berg", "berg", "Zorn"}[i%5], DisplayName: []string{"", "Kari B", "kari a"}[i%3],
				Title: []string{"Chief", ""}[i%2]}
			lines = append(lines, l)
		}
		for part := range slices.Chunk(lines, 9) { // made at different times, some at the same
			h.imported(t, h.home.ID, part...)
			clock.Advance(time.Second)
		}
		h.imported(t, h.another.ID, importLine("neighbour@fjord.example"))
		all := must(h.Memberships.List(ctx, h.home.ID, directory.Query{Limit: 1000}))(t).Members
		for _, sort := range directory.Sorts {
			for _, descending := range []bool{false, true} {
				for _, where := range []directory.Condition{nil, directory.Compare{Field: directory.FieldTitle, Op: directory.Equal, Value: "chief"}} {
					q := directory.Query{SortBy: sort, Descending: descending, Where: where, Limit: 7}
					want := inOrder(all, q)
					name := fmt.Sprint(sort, descending, where != nil)
					for offset := range len(want) + 2 {
						q.Offset = offset
						page := must(h.Memberships.List(ctx, h.home.ID, q))(t)
						if got := idsOf(page.Members); !slices.Equal(got, want[min(offset, len(want)):min(offset+7, len(want))]) || page.Total != int64(len(want)) {
							t.Fatalf("%s: the page at %d of %d has %d members", name, offset, page.Total, len(got))
						}
					}
					q.Offset = 0
					var got []directory.MembershipID
					for {
						page := must(h.Memberships.List(ctx, h.home.ID, q))(t)
						if got = append(got, idsOf(page.Members)...); page.Next == nil || len(got) > 100 {
							break
						}
						q.After = page.Next
					}
					if !slices.Equal(got, want) {
						t.Errorf("%s: by positions %d members, in the same order up to %d", name, len(got), commonPrefix(got, want))
					}
				}
			}
		}
		page := must(h.Memberships.List(ctx, h.home.ID, directory.Query{Limit: 5, CountTo: 20, SortBy: directory.FieldFamilyName}))(t)
		if page.Total != 20 || !page.More {
			t.Errorf("counting to 20 gave %d, more: %v", page.Total, page.More)
		}
		if page = must(h.Memberships.List(ctx, h.home.ID, directory.Query{Limit: 5, CountTo: 60}))(t); page.Total != 60 || page.More {
			t.Errorf("counting to all 60 gave %d, more: %v", page.Total, page.More)
		}
		if page = must(h.Memberships.List(ctx, h.another.ID, directory.Query{Limit: 5, SortBy: directory.FieldUserName}))(t); page.Total != 1 {
			t.Errorf("the neighbour sees %d members", page.Total)
		}
	})
}

func inOrder(all []directory.Member, q directory.Query) []directory.MembershipID {
	text := func(m *directory.Member) string {
		return directory.Fold(map[directory.Field]string{directory.FieldUserName: m.UserName, directory.FieldFamilyName: m.Details.FamilyName,
			directory.FieldDisplayName: m.Details.DisplayName}[q.SortBy])
	}
	left := slices.DeleteFunc(slices.Clone(all), func(m directory.Member) bool { return q.Where != nil && m.Details.Title != "Chief" })
	slices.SortFunc(left, func(a, b directory.Member) int {
		none := func(m *directory.Member) int {
			if text(m) == "" {
				return 1
			}
			return 0
		}
		byTime := 0
		if q.SortBy == directory.FieldCreated {
			byTime = a.CreatedAt.Compare(b.CreatedAt)
		}
		return cmp.Or(byTime, cmp.Compare(none(&a), none(&b)), cmp.Compare(text(&a), text(&b)), bytes.Compare(a.ID[:], b.ID[:]))
	})
	if q.Descending {
		slices.Reverse(left)
	}
	return idsOf(left)
}

func idsOf(members []directory.Member) (ids []directory.MembershipID) {
	for i := range members {
		ids = append(ids, members[i].ID)
	}
	return ids
}

func commonPrefix(a, b []directory.MembershipID) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
