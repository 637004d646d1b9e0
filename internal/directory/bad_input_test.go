package directory_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// asNeighbour tries on a member, as the neighbour organization, what a scenario can do to it: there is no such member, the
// answer is the one for somebody who never was, and nothing is written.
func (h house) asNeighbour(t *testing.T, m directory.Member) {
	t.Helper()
	stranger := h.another.ID
	if m.Organization == stranger {
		stranger = h.home.ID
	}
	before := h.count(t, "select count(*) from audit_entries") + h.count(t, "select count(*) from events")
	all := h.Memberships
	for name, act := range map[string]func(id directory.MembershipID) error{
		"read": func(id directory.MembershipID) error { _, err := all.ByID(ctx, stranger, id); return err },
		"change": func(id directory.MembershipID) error {
			_, err := all.Change(ctx, stranger, id, 0, func(*directory.Member) error { t.Error("the edit ran"); return nil })
			return err
		},
		"end":    func(id directory.MembershipID) error { return h.endNow(stranger, id) },
		"delete": func(id directory.MembershipID) error { return all.Delete(ctx, stranger, id) },
		"answer": func(id directory.MembershipID) error {
			_, err := all.Accept(ctx, directory.NewUserIDForTest(h.db.Now()), id)
			return err
		},
	} {
		there, nowhere := act(m.ID), act(directory.NewMembershipIDForTest(h.db.Now()))
		if codeOf(there) != "member_not_found" || fmt.Sprint(there) != fmt.Sprint(nowhere) {
			t.Errorf("the neighbour's %s: %v; of nobody %v", name, there, nowhere)
		}
	}
	if after := h.count(t, "select count(*) from audit_entries") + h.count(t, "select count(*) from events"); after != before {
		t.Errorf("the neighbour left %d entries behind", after-before)
	}
}

// TestWall082_OneAddressOnePerson: each spelling of an address is the same person or refused, on both engines, and what an
// organization calls somebody is nobody's sign-in address.
func TestWall082_OneAddressOnePerson(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		kari := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		pal := must(h.Memberships.Create(ctx, h.another.ID, person("p\u00e5l@bj\u00f8rk.example")))(t)
		for spelling, want := range map[string]string{ // the code; "" is another person
			"KARI@NORDLYS.EXAMPLE": "already_member", "\u212aari@nordlys.example": "already_member", " kari@nordlys.example ": "already_member",
			"kari@\uff4eordlys.example": "already_member", "kar\u0131@nordlys.example": "", "k\u0430ri@nordlys.example": "",
			"kari@nordlys.example.": "bad_email", "ka\u200bri@nordlys.example": "bad_email", "\uff4bari@nordlys.example": "bad_email",
			"kari@evil.example@nordlys.example": "bad_email", `"kari"@nordlys.example`: "bad_email", `"a@b"@nordlys.example`: "bad_email",
			"kari @nordlys.example": "bad_email", "stra\u00dfe@nordlys.example": "bad_email", "kari\u0000@nordlys.example": "bad_email",
			"Kari <kari@nordlys.example>": "bad_email",
		} {
			n := person(spelling)
			n.UserName, n.Details.Emails = fmt.Sprintf("u%x", spelling), nil
			m, err := h.Memberships.Create(ctx, h.home.ID, n)
			if codeOf(err) != want || err == nil && m.User == kari.User {
				t.Errorf("%+q: %v, want %q", spelling, err, want)
			}
		}
		for _, spelling := range []string{"pa\u030al@bj\u00f8rk.example", "P\u00c5L@xn--bjrk-hra.example", "p\u212bl@BJ\u00d8RK.example"} {
			if m := must(h.Memberships.Create(ctx, h.home.ID, person(spelling)))(t); m.User != pal.User {
				t.Errorf("%+q is somebody else", spelling)
			} else if err := h.Memberships.Delete(ctx, h.home.ID, m.ID); err != nil {
				t.Fatal(err)
			}
		}
		n := person("mallory@nordlys.example") // calls herself as somebody else signs in
		n.UserName = "p\u00e5l@bj\u00f8rk.example"
		m := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		address := must(directory.ParseEmail(n.UserName))(t)
		if u := must(h.Users.ByEmail(ctx, address))(t); u.ID != pal.User || m.User == pal.User || m.Email != "mallory@nordlys.example" {
			t.Errorf("the user name signs in: %v, shown %q", u.ID, m.Email)
		}
		if _, err := h.Memberships.ByEmail(ctx, h.home.ID, address); codeOf(err) != "member_not_found" {
			t.Errorf("the user name is found as an address: %v", err)
		}
		h.asNeighbour(t, m)
		h.asNeighbour(t, pal)
	})
}

// TestDates: what cannot be meant is refused at its field; what is kept is whole microseconds in UTC.
func TestDates(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		now, oslo := db.Now(), time.FixedZone("Oslo", 3600)
		typed := actor.With(ctx, actor.Actor{Kind: actor.Person, Organization: h.home.ID.String()})
		operator := actor.With(ctx, actor.Actor{Kind: actor.Operator})
		hr := actor.With(ctx, actor.Actor{Kind: actor.ProvisioningClient})
		base := directory.Member{Kind: directory.External, Start: now.Add(-48 * time.Hour), End: now.Add(48 * time.Hour)}
		for i, row := range []struct {
			name  string
			by    context.Context
			set   func(*directory.Member)
			code  string
			field string
		}{
			{"as it is", typed, func(m *directory.Member) {}, "", ""},
			{"end before start", typed, func(m *directory.Member) { m.Start, m.End = now.Add(2*time.Hour), now.Add(time.Hour) }, "end_before_start", "end"},
			{"end at start", typed, func(m *directory.Member) { m.Start, m.End = now.Add(time.Hour), now.Add(time.Hour) }, "end_before_start", "end"},
			{"end at start, in another zone", typed, func(m *directory.Member) { m.Start, m.End = now.Add(time.Hour), now.Add(time.Hour).In(oslo) }, "end_before_start", "end"},
			{"less than a microsecond", typed, func(m *directory.Member) { m.Start, m.End = now.Add(time.Hour), now.Add(time.Hour+999) }, "end_before_start", "end"},
			{"a microsecond", typed, func(m *directory.Member) { m.Start, m.End = now.Add(time.Hour), now.Add(time.Hour+tick) }, "", ""},
			{"typed yesterday", typed, func(m *directory.Member) { m.End = now.Add(-24 * time.Hour) }, "end_in_past", "end"},
			{"typed a microsecond ago", operator, func(m *directory.Member) { m.End = now.Add(-tick) }, "end_in_past", "end"},
			{"typed as now", typed, func(m *directory.Member) { m.End = now }, "", ""},
			{"pushed yesterday", hr, func(m *directory.Member) { m.End = now.Add(-24 * time.Hour) }, "", ""},
			{"by the seed", ctx, func(m *directory.Member) { m.End = now.Add(-24 * time.Hour) }, "", ""},
			{"year 1", hr, func(m *directory.Member) { m.Start = time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC) }, "bad_date", "start"},
			{"year 1, the end", hr, func(m *directory.Member) { m.End = time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC) }, "bad_date", "end"},
			{"year 1969", hr, func(m *directory.Member) { m.Start = time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC) }, "bad_date", "start"},
			{"year 9999", hr, func(m *directory.Member) { m.End = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC) }, "bad_date", "end"},
			{"year 300000", hr, func(m *directory.Member) { m.End = time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC) }, "bad_date", "end"},
			{"year 300000, the start", hr, func(m *directory.Member) { m.Start = time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC) }, "bad_date", "start"},
			{"year 2199", typed, func(m *directory.Member) { m.End = time.Date(2199, 12, 31, 0, 0, 0, 0, oslo) }, "", ""},
			{"a leap day", typed, func(m *directory.Member) { m.End = time.Date(2028, 2, 29, 23, 59, 59, 1999, oslo) }, "", ""},
		} {
			n := person(fmt.Sprintf("p%d@nordlys.example", i))
			n.Kind, n.Start, n.End = base.Kind, base.Start, base.End
			old := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
			changed, changeErr := h.Memberships.Change(row.by, h.home.ID, old.ID, 0, func(m *directory.Member) error { row.set(m); return nil })
			n.Email = fmt.Sprintf("q%d@nordlys.example", i)
			row.set(&n.Member)
			made, createErr := h.Memberships.Create(row.by, h.home.ID, n)
			for what, got := range map[string]struct {
				m   directory.Member
				err error
			}{"create": {made, createErr}, "change": {changed, changeErr}} {
				f := fault.Of(got.err)
				if codeOf(got.err) != row.code || f != nil && f.Field != row.field {
					t.Errorf("%s, %s: %v", row.name, what, got.err)
				}
				if got.err != nil {
					continue
				}
				read := must(h.Memberships.ByID(ctx, h.home.ID, got.m.ID))(t)
				if read.End != got.m.End || read.Start != got.m.Start || read.End != n.End.UTC().Truncate(tick) {
					t.Errorf("%s, %s: read [%v, %v), said [%v, %v)", row.name, what, read.Start, read.End, n.Start, n.End)
				}
			}
			if i == 0 {
				h.asNeighbour(t, made)
			}
		}
		invited := person("late@elsewhere.example")
		invited.AcceptBy = time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC)
		if _, err := h.Memberships.Create(typed, h.home.ID, invited); codeOf(err) != "bad_date" || fault.Of(err).Field != "accept_by" {
			t.Errorf("accept by year 300000: %v", err)
		}
		invited.AcceptBy = now.Add(time.Hour)
		asked := must(h.Memberships.Create(typed, h.home.ID, invited))(t)
		if got := h.change(t, asked, func(m *directory.Member) { m.AcceptBy = time.Time{} }); !got.AcceptBy.Equal(invited.AcceptBy) || got.Version != asked.Version {
			t.Errorf("an edit moved the last day to accept to %v", got.AcceptBy)
		}
		left := person("left@nordlys.example") // somebody else's correction does not stumble over an end that has passed since
		left.Kind, left.End = directory.External, now.Add(time.Hour)
		m := must(h.Memberships.Create(typed, h.home.ID, left))(t)
		clock.Advance(2 * time.Hour)
		if _, err := h.Memberships.Change(typed, h.home.ID, m.ID, 0, func(m *directory.Member) error { m.Details.Title = "x"; return nil }); err != nil {
			t.Errorf("a correction after the end: %v", err)
		}
	})
}

// TestNamesAreKeptByteForByte: whatever somebody is called.
func TestNamesAreKeptByteForByte(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		m := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		for _, name := range strangeNames() {
			set := func(m *directory.Member) {
				for _, f := range stringsIn(&m.Details) {
					if f.name != "name_form" { // one of few words
						f.set(cut(name)) // most stand in an index
					}
				}
				m.Details.MiddleName, m.Details.Website = name, name
				m.Details.Phones = []directory.Contact{{Value: cut(name), Display: name, Type: name}}
				m.Details.Addresses = []directory.Address{{Street: name, Formatted: "1\r\n\t2", Locality: name}}
			}
			want := m
			set(&want)
			h.change(t, m, set)
			got := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t)
			if !reflect.DeepEqual(got.Details, want.Details) {
				t.Errorf("%+q came back as %+v", name, got.Details)
			}
		}
		h.asNeighbour(t, m)
	})
}

// strangeNames are names that have broken software before.
func strangeNames() []string {
	return []string{"Åse-Maria O'Neil d'Œuvre", "A\u030ase", "李小龍", "محمد بن سلمان", "שָׁלוֹם", "नमस्ते", "👩‍👩‍👧‍👦 🏳️‍🌈", "e\u0301\u0323\u0308\u0301\u0301", "\u200eKari\u200f", "ﷺ", "ß", "İı",
		"Robert'); drop table users;--", "%_%", `\"\\`, "{{1}} {1}", "<script>alert(1)</script>", "null", "  spaces  ", "\ufffd", "\U0010fffd", "Ẓ̌á̲l͔̝̞̄̑͌g̖̘̘̔̔͢͞", strings.Repeat("a", 1000),
		strings.Repeat("\U0001f600", 1000)}
}

func cut(s string) string {
	if len(directory.Fold(s)) <= 2000 {
		return s
	}
	return strings.Repeat("\U0001f600", 500)
}

// textField is one text of something, by its name.
type textField struct {
	name string
	set  func(string)
}

// stringsIn are the texts of a struct, so that a new one cannot be forgotten.
func stringsIn(of any) []textField {
	var out []textField
	v := reflect.ValueOf(of).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.String && f.CanSet() {
			out = append(out, textField{strings.Split(v.Type().Field(i).Tag.Get("json"), ",")[0], func(s string) { f.SetString(s) }})
		}
	}
	return out
}

// TestEveryTextNamesItsField: whatever is too long or cannot be stored is refused at the field that holds it.
func TestEveryTextNamesItsField(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		m := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		texts := map[string]func(*directory.Member, string){
			"user_name":   func(m *directory.Member, s string) { m.UserName = s },
			"external_id": func(m *directory.Member, s string) { m.ExternalID = s },
			"manager":     func(m *directory.Member, s string) { m.ManagerText = s },
			"packages":    func(m *directory.Member, s string) { m.Packages = []string{s} },
			"segments":    func(m *directory.Member, s string) { m.AllSegments, m.Segments = false, []string{s} },
			"grants":      func(m *directory.Member, s string) { m.Grants = map[string]directory.Grade{s: directory.GradeView} },
		}
		for i, f := range stringsIn(&directory.Details{}) {
			texts[f.name] = func(m *directory.Member, s string) { stringsIn(&m.Details)[i].set(s) }
		}
		for i := range stringsIn(&directory.Address{}) {
			texts[fmt.Sprint("addresses ", i)] = func(m *directory.Member, s string) {
				m.Details.Addresses = make([]directory.Address, 1)
				stringsIn(&m.Details.Addresses[0])[i].set(s)
			}
		}
		for i := range stringsIn(&directory.Contact{}) {
			for name, list := range map[string]func(*directory.Member) *[]directory.Contact{
				"emails": func(m *directory.Member) *[]directory.Contact { return &m.Details.Emails }, "phones": func(m *directory.Member) *[]directory.Contact { return &m.Details.Phones },
				"photos": func(m *directory.Member) *[]directory.Contact { return &m.Details.Photos }, "ims": func(m *directory.Member) *[]directory.Contact { return &m.Details.IMs },
			} {
				texts[fmt.Sprint(name, " ", i)] = func(m *directory.Member, s string) {
					*list(m) = []directory.Contact{{Value: "x"}}
					stringsIn(&(*list(m))[0])[i].set(s)
				}
			}
		}
		before := h.count(t, "select count(*) from audit_entries")
		for name, set := range texts {
			for bad, code := range map[string]string{strings.Repeat("a", 1001): "too_long", "a\x00b": "bad_text", "a\xed\xa0\x80b": "bad_text", "a\xffb": "bad_text", "a\u202eb": "bad_text", "a\x1bb": "bad_text"} {
				if name == "name_form" {
					code = "bad_name_form"
				}
				if name == "user_name" {
					code = "bad_user_name"
					if bad == "a\x00b" || bad == "a\xed\xa0\x80b" || bad == "a\xffb" || bad == "a\x1bb" {
						code = "bad_text"
					}
				}
				err := h.changeErr(m, func(m *directory.Member) { set(m, bad) })
				field, _, _ := strings.Cut(name, " ")
				if codeOf(err) != code || fault.Of(err).Field != field {
					t.Errorf("%s %.10q: %v, want %s", name, bad, err, code)
				}
			}
		}
		if len(texts) < 40 || h.count(t, "select count(*) from audit_entries") != before {
			t.Errorf("%d texts tried; something was written", len(texts))
		}
	})
}
