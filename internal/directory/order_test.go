package directory_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR21_NamesInAnyDatabase: names of any script come in one order, and are found by their beginnings, on both engines and
// on a PostgreSQL whose own order is Swedish.
func TestR21_NamesInAnyDatabase(t *testing.T) {
	t.Parallel()
	names := []string{"Zorn", "zorn", "Ärlig", "Åse", "åsen", "ÅSEN", "Östby", "ostby", "Aas", "aa", "A b", "A-b", "Ab", "Øst", "Weiß", "WEISS", "Weisz", "Ωμέγα", "ωδή",
		"Яковлев", "яд", "李", "李小龍", "สมชาย", "ﬁn", "fin", "f\U0010ffff", "f\U0010ffffg", "f\ud7ff", "f\ue000", "😀", "a_b", "a%b", "axb", "a\\b"}
	prefixes := []string{"a", "A", "å", "ÅS", "ä", "ö", "ø", "weiss", "ω", "я", "李", "f", "fi", "f\U0010ffff", "f\ud7ff", "\U0010ffff", "a_", "a%", "a\\", "zorn", "none"}
	databases := testenv.URLs(t)
	databases["swedish"] = testenv.Swedish
	for _, kind := range slices.Sorted(maps.Keys(databases)) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := testenv.Open(t, sqldb.Config{URL: databases[kind](t), Clock: testenv.NewClock().Now, Relaxed: true})
			h := newHouse(t, db, directory.UnlimitedSeats)
			var lines []directory.ImportLine
			for i, name := range names {
				l := importLine(fmt.Sprintf("p%d@nordlys.example", i))
				l.Details = directory.Details{GivenName: name, FamilyName: name, DisplayName: name}
				l.UserName = fmt.Sprintf("%s %d", name, i)
				lines = append(lines, l)
			}
			h.imported(t, h.home.ID, lines...)
			h.imported(t, h.another.ID, importLine("neighbour@fjord.example"))
			all := must(h.Memberships.List(ctx, h.home.ID, directory.Query{Limit: 100}))(t).Members
			if len(all) != len(names) {
				t.Fatalf("%d members, want %d", len(all), len(names))
			}
			for _, sort := range []directory.Field{directory.FieldFamilyName, directory.FieldDisplayName, directory.FieldUserName} {
				for _, descending := range []bool{false, true} {
					q := directory.Query{SortBy: sort, Descending: descending, Limit: 100}
					if got := must(h.Memberships.List(ctx, h.home.ID, q))(t); !slices.Equal(idsOf(got.Members), inOrder(all, q)) {
						t.Errorf("by %s, descending %v: not in the order of bytes", sort, descending)
					}
				}
			}
			for _, prefix := range prefixes {
				for _, field := range []directory.Field{directory.FieldFamilyName, directory.FieldGivenName, directory.FieldUserName} {
					want := 0
					for i := range all {
						text := map[directory.Field]string{directory.FieldUserName: all[i].UserName}[field]
						if field != directory.FieldUserName {
							text = all[i].Details.FamilyName
						}
						if strings.HasPrefix(directory.Fold(text), directory.Fold(prefix)) {
							want++
						}
					}
					q := directory.Query{Where: directory.Compare{Field: field, Op: directory.StartsWith, Value: prefix}}
					if got := must(h.Memberships.List(ctx, h.home.ID, q))(t).Total; got != int64(want) {
						t.Errorf("%s begins with %q: %d members, want %d", field, prefix, got, want)
					}
				}
			}
		})
	}
}
