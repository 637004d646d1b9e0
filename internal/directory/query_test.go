package directory_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// naive is the meaning of a condition, written without SQL: the compiled one must agree with it on both engines.
func naive(t rapid.TB, c directory.Condition, m *directory.Member, now time.Time) bool {
	switch v := c.(type) {
	case directory.And:
		for _, i := range v {
			if !naive(t, i, m, now) {
				return false
			}
		}
		return true
	case directory.Or:
		for _, i := range v {
			if naive(t, i, m, now) {
				return true
			}
		}
		return false
	case directory.Not:
		return !naive(t, v.Condition, m, now)
	case directory.Present:
		return fieldOf(t, v.Field, m, now) != nil
	case directory.Compare:
		return naiveCompare(v, fieldOf(t, v.Field, m, now), folds(v.Field))
	case directory.Some:
		for _, e := range elements(v.List, m) {
			if v.Where == nil || naiveElement(v.Where, v.List, e) {
				return true
			}
		}
	}
	return false
}

func naiveElement(c directory.Condition, list directory.List, e map[directory.Field]any) bool {
	switch v := c.(type) {
	case directory.And:
		return !slices.ContainsFunc(v, func(i directory.Condition) bool { return !naiveElement(i, list, e) })
	case directory.Or:
		return slices.ContainsFunc(v, func(i directory.Condition) bool { return naiveElement(i, list, e) })
	case directory.Not:
		return !naiveElement(v.Condition, list, e)
	case directory.Present:
		return e[v.Field] != nil
	case directory.Compare:
		exact := v.Field == directory.ElementDisplay || list == directory.ListPhotos && v.Field == directory.ElementValue || list == directory.ListSegments
		return naiveCompare(v, e[v.Field], !exact)
	}
	return false
}

func naiveCompare(c directory.Compare, have any, fold bool) bool {
	if c.Op == directory.NotEqual {
		return !naiveCompare(directory.Compare{Field: c.Field, Op: directory.Equal, Value: c.Value}, have, fold)
	}
	if c.Value == nil || c.Value == "" && c.Op == directory.Equal {
		return have == nil
	}
	switch want := c.Value.(type) {
	case string:
		h, ok := have.(string)
		if !ok {
			return false
		}
		if fold {
			h, want = directory.Fold(h), directory.Fold(want)
		}
		switch c.Op {
		case directory.Contains:
			return strings.Contains(h, want)
		case directory.StartsWith:
			return strings.HasPrefix(h, want)
		case directory.EndsWith:
			return strings.HasSuffix(h, want)
		}
		return ordered(c.Op, strings.Compare(h, want))
	case bool:
		return have == want
	case time.Time:
		h, ok := have.(time.Time)
		return ok && ordered(c.Op, h.Compare(want))
	}
	return false
}

func ordered(op directory.Op, sign int) bool {
	switch op {
	case directory.Equal:
		return sign == 0
	case directory.Greater:
		return sign > 0
	case directory.GreaterOrEqual:
		return sign >= 0
	case directory.Less:
		return sign < 0
	}
	return sign <= 0
}

func folds(f directory.Field) bool {
	return f != directory.FieldExternalID && f != directory.FieldManager && f != directory.FieldID
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func fieldOf(t rapid.TB, f directory.Field, m *directory.Member, now time.Time) any {
	switch f {
	case directory.FieldActive:
		return m.ListedActive(now)
	case directory.FieldAdministrator:
		return m.Administrator
	case directory.FieldCreated:
		return m.CreatedAt
	case directory.FieldEnd:
		if m.End.IsZero() {
			return nil
		}
		return m.End
	case directory.FieldUserName:
		return m.UserName
	case directory.FieldExternalID:
		return text(m.ExternalID)
	case directory.FieldKind:
		return string(m.Kind)
	case directory.FieldFamilyName:
		return text(m.Details.FamilyName)
	case directory.FieldTitle:
		return text(m.Details.Title)
	case directory.FieldMiddleName:
		return text(m.Details.MiddleName)
	case directory.FieldState:
		return string(m.StateAt(now))
	case directory.FieldManager:
		return text(m.Manager.String() + m.ManagerText)
	case directory.FieldID:
		return m.ID.String()
	}
	t.Fatalf("the test does not know %s", f)
	return nil
}

func elements(l directory.List, m *directory.Member) []map[directory.Field]any {
	var out []map[directory.Field]any
	contacts := m.Details.Emails
	switch l {
	case directory.ListPhotos:
		contacts = m.Details.Photos
	case directory.ListEmails:
		if len(contacts) == 0 && m.Email != "" {
			contacts = []directory.Contact{{Value: m.Email, Type: "work", Primary: true}}
		}
	case directory.ListSegments:
		keys := m.Segments
		if m.AllSegments {
			keys = []string{directory.EverySegment}
		}
		for _, k := range keys {
			out = append(out, map[directory.Field]any{directory.ElementValue: k})
		}
		return out
	}
	for _, c := range contacts {
		out = append(out, map[directory.Field]any{
			directory.ElementValue: c.Value, directory.ElementType: text(c.Type), directory.ElementDisplay: text(c.Display), directory.ElementPrimary: c.Primary,
		})
	}
	return out
}

// words are chosen to collide: letter case, accents, patterns, quotes, prefixes of each other.
var words = []string{"", "a", "A", "ab", "aB%", "a_", `a\`, "Ä", "ä", "ǅ", "%", "_", `"`, "'", "å", "Straße", "strasse", "o'hara", "日本", "zz", "b", "asse", "本", "B%", "-1", "3"}

func drawCondition(t *rapid.T, depth int) directory.Condition {
	shapes := []string{"compare", "present", "some"}
	if depth > 0 {
		shapes = append(shapes, "and", "or", "not")
	}
	list := func() []directory.Condition {
		return []directory.Condition{drawCondition(t, depth-1), drawCondition(t, depth-1)}
	}
	switch rapid.SampledFrom(shapes).Draw(t, "shape") {
	case "and":
		return directory.And(list())
	case "or":
		return directory.Or(list())
	case "not":
		return directory.Not{Condition: drawCondition(t, depth-1)}
	case "present":
		return directory.Present{Field: rapid.SampledFrom([]directory.Field{directory.FieldTitle, directory.FieldExternalID, directory.FieldEnd, directory.FieldActive, directory.FieldManager, directory.FieldMiddleName, directory.FieldState}).Draw(t, "field")}
	case "some":
		l := rapid.SampledFrom([]directory.List{directory.ListEmails, directory.ListPhotos, directory.ListSegments}).Draw(t, "list")
		fields := []directory.Field{directory.ElementValue}
		if l != directory.ListSegments {
			fields = append(fields, directory.ElementType, directory.ElementDisplay, directory.ElementPrimary)
		}
		if rapid.Bool().Draw(t, "any") {
			return directory.Some{List: l}
		}
		var where directory.Condition = drawCompare(t, fields)
		if rapid.Bool().Draw(t, "both") {
			where = directory.And{where, directory.Not{Condition: drawCompare(t, fields)}}
		}
		return directory.Some{List: l, Where: where}
	}
	return drawCompare(t, []directory.Field{
		directory.FieldUserName, directory.FieldExternalID, directory.FieldTitle, directory.FieldFamilyName, directory.FieldActive,
		directory.FieldEnd, directory.FieldCreated, directory.FieldAdministrator, directory.FieldManager, directory.FieldKind,
		directory.FieldMiddleName, directory.FieldState,
	})
}

func drawCompare(t *rapid.T, fields []directory.Field) directory.Compare {
	c := directory.Compare{Field: rapid.SampledFrom(fields).Draw(t, "field")}
	equalities := []directory.Op{directory.Equal, directory.NotEqual}
	if rapid.IntRange(0, 9).Draw(t, "null") == 0 {
		c.Op = rapid.SampledFrom(equalities).Draw(t, "op")
		return c
	}
	orders := append(equalities, directory.Greater, directory.GreaterOrEqual, directory.Less, directory.LessOrEqual)
	switch c.Field {
	case directory.FieldActive, directory.FieldAdministrator, directory.ElementPrimary:
		c.Op, c.Value = rapid.SampledFrom(equalities).Draw(t, "op"), rapid.Bool().Draw(t, "value")
	case directory.FieldEnd, directory.FieldCreated:
		c.Op = rapid.SampledFrom(orders).Draw(t, "op")
		c.Value = testenv.Start.Add(time.Duration(rapid.IntRange(-2, 4).Draw(t, "hours")) * time.Hour)
	case directory.FieldManager:
		c.Op, c.Value = rapid.SampledFrom(equalities).Draw(t, "op"), rapid.SampledFrom([]string{"boss", "Boss", "x"}).Draw(t, "value")
	default:
		c.Op = rapid.SampledFrom(append(orders, directory.Contains, directory.StartsWith, directory.EndsWith)).Draw(t, "op")
		c.Value = rapid.SampledFrom(append(words, "work", "employee", "Active", "ended", "u1@x.example", "@X")).Draw(t, "value")
	}
	return c
}

// people makes an organization whose members differ in everything that the property test asks for.
func people(t *testing.T, db *sqldb.DB, clock *testenv.Clock) (*directory.Directory, directory.Organization) {
	t.Helper()
	ctx := context.Background()
	dir := directory.New(db)
	org, err := dir.Organizations.Create(ctx, directory.Organization{Slug: "one", Name: "One", Seats: directory.UnlimitedSeats})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(ctx, `insert into segments (organization_id, key, name, position) values ($1, 'a', 'A', 1), ($1, 'ab', 'AB', 2)`, org.ID); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		w := func(n int) string { return words[(i*n+n)%len(words)] }
		m := directory.Member{Email: fmt.Sprintf("u%d@x.example", i), Kind: directory.Employee, Administrator: i%5 == 0, ExternalID: strings.TrimSpace(w(3) + fmt.Sprint(i%3)),
			UserName: w(1) + fmt.Sprint(i), Details: directory.Details{FamilyName: w(7), MiddleName: w(9), Title: w(11)}}
		if i%3 == 0 {
			m.ExternalID = ""
		}
		if i%4 == 0 {
			m.End = testenv.Start.Add(time.Duration(1+i%3) * time.Hour)
		}
		if i%7 == 0 {
			m.Kind, m.Email = directory.ContactOnly, ""
			m.Administrator = false
		}
		if i%6 == 1 {
			m.ManagerText = "boss"
		}
		if i%2 == 0 {
			m.Details.Emails = []directory.Contact{{Value: w(5) + "@x.example", Type: "work", Primary: i%3 == 0}, {Value: "second@y.example", Type: "home", Display: w(13)}}
		}
		if i%5 == 1 {
			m.Details.Photos = []directory.Contact{{Value: "P" + w(9)}}
		}
		if i%3 == 1 {
			m.Segments = []string{"a", "ab"}[:1+i%2]
		}
		if m.ExternalID != "" {
			m.ExternalID += fmt.Sprint("-", i)
		}
		made, err := dir.Memberships.Create(ctx, org.ID, directory.NewMember{Member: m, Trusted: i%9 != 0})
		if err != nil {
			t.Fatal(i, err)
		}
		if i%8 == 3 {
			if _, err := dir.Memberships.Change(ctx, org.ID, made.ID, 0, func(m *directory.Member) error { m.SuspendedAt = clock.Now(); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if i%13 == 12 {
			if err := dir.Memberships.End(ctx, org.ID, made.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
				t.Fatal(err)
			}
		}
		if i%10 == 9 {
			clock.Advance(10 * time.Minute)
		}
	}
	clock.Advance(time.Hour)
	return dir, org
}

func everybody(t *testing.T, dir *directory.Directory, org directory.OrganizationID) []directory.Member {
	t.Helper()
	page, err := dir.Memberships.List(context.Background(), org, directory.Query{Limit: 1000})
	if err != nil || page.Total != int64(len(page.Members)) || page.Total == 0 {
		t.Fatalf("%d of %d, %v", len(page.Members), page.Total, err)
	}
	return page.Members
}

func TestQueryAgreesWithItsMeaning(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		dir, org := people(t, db, clock)
		all := everybody(t, dir, org.ID)
		rapid.Check(t, func(t *rapid.T) {
			for range 8 {
				cond := drawCondition(t, 3)
				var want []string
				for i := range all {
					if naive(t, cond, &all[i], clock.Now()) {
						want = append(want, all[i].UserName)
					}
				}
				page, err := dir.Memberships.List(context.Background(), org.ID, directory.Query{Where: cond, Limit: 1000})
				if err != nil {
					t.Fatalf("%#v: %v", cond, err)
				}
				var got []string
				for _, m := range page.Members {
					got = append(got, m.UserName)
				}
				slices.Sort(want)
				slices.Sort(got)
				if !slices.Equal(got, want) || page.Total != int64(len(want)) {
					t.Fatalf("%#v\n got %q\nwant %q", cond, got, want)
				}
			}
		})
	})
}

func TestQueryPages(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		dir, org := people(t, db, clock)
		ctx := context.Background()
		all := everybody(t, dir, org.ID)
		for _, sortBy := range []directory.Field{"", directory.FieldUserName, directory.FieldTitle, directory.FieldEnd, directory.FieldActive, directory.FieldExternalID, directory.FieldRole} {
			for _, down := range []bool{false, true} {
				var seen []string
				for offset := 0; ; offset += 7 {
					page, err := dir.Memberships.List(ctx, org.ID, directory.Query{SortBy: sortBy, Descending: down, Offset: offset, Limit: 7})
					if err != nil || page.Total != int64(len(all)) {
						t.Fatalf("%s at %d: total %d, %v", sortBy, offset, page.Total, err)
					}
					for _, m := range page.Members {
						seen = append(seen, m.UserName)
					}
					if len(page.Members) < 7 {
						break
					}
				}
				slices.Sort(seen)
				if len(slices.Compact(seen)) != len(all) {
					t.Errorf("sorted by %q the pages hold %d of %d members", sortBy, len(seen), len(all))
				}
			}
		}
		var after *directory.Position
		var walked int
		for {
			page, err := dir.Memberships.List(ctx, org.ID, directory.Query{After: after, Limit: 9})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page.Members {
				if m.ID != all[walked].ID {
					t.Fatalf("member %d is %s", walked, m.UserName)
				}
				walked++
			}
			if len(page.Members) < 9 {
				break
			}
			last := page.Members[8]
			after = &directory.Position{Created: last.CreatedAt, ID: last.ID}
		}
		if walked != len(all) {
			t.Errorf("walked over %d of %d", walked, len(all))
		}
	})
}

func TestQuerySortsAbsentLast(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		dir, org := people(t, db, clock)
		for _, down := range []bool{false, true} {
			page, err := dir.Memberships.List(context.Background(), org.ID, directory.Query{SortBy: directory.FieldTitle, Descending: down, Limit: 1000})
			if err != nil {
				t.Fatal(err)
			}
			var titles []string
			for _, m := range page.Members {
				titles = append(titles, directory.Fold(m.Details.Title))
			}
			if down {
				slices.Reverse(titles)
			}
			present := slices.Index(titles, "")
			if present <= 0 || !slices.IsSorted(titles[:present]) || strings.Join(titles[present:], "") != "" {
				t.Errorf("descending %v: %q", down, titles)
			}
		}
	})
}

func TestQueryRefuses(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		dir := directory.New(db)
		deep := directory.Condition(directory.Present{Field: directory.FieldTitle})
		for range 20 {
			deep = directory.Not{Condition: deep}
		}
		many := directory.Or{}
		for range 51 {
			many = append(many, directory.Present{Field: directory.FieldTitle})
		}
		eq := func(f directory.Field, v any) directory.Condition {
			return directory.Compare{Field: f, Op: directory.Equal, Value: v}
		}
		for name, q := range map[string]directory.Query{
			"deep":           {Where: deep},
			"many":           {Where: many},
			"unknown field":  {Where: eq("m.details", "x")},
			"unknown list":   {Where: directory.Some{List: "passwords"}},
			"unknown op":     {Where: directory.Compare{Field: directory.FieldTitle, Op: "; drop", Value: "x"}},
			"NUL":            {Where: eq(directory.FieldTitle, "a\x00b")},
			"broken UTF-8":   {Where: eq(directory.FieldTitle, "\xff")},
			"long":           {Where: eq(directory.FieldTitle, strings.Repeat("x", 1001))},
			"wrong type":     {Where: eq(directory.FieldTitle, true)},
			"order on truth": {Where: directory.Compare{Field: directory.FieldActive, Op: directory.Greater, Value: true}},
			"order on id":    {Where: directory.Compare{Field: directory.FieldID, Op: directory.Greater, Value: "mbr_"}},
			"null order":     {Where: directory.Compare{Field: directory.FieldTitle, Op: directory.Less, Value: nil}},
			"element field":  {Where: directory.Some{List: directory.ListPackages, Where: eq(directory.ElementType, "x")}},
			"nil condition":  {Where: directory.Not{}},
			"sort":           {SortBy: "password", Limit: 1},
			"negative":       {Offset: -1},
		} {
			if _, err := dir.Memberships.List(context.Background(), directory.OrganizationID{1}, q); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
