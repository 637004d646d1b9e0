package scim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestNamesAreKeptByteForByte over SCIM, whatever somebody is called and however the JSON is escaped.
func TestNamesAreKeptByteForByte(t *testing.T) {
	each(t, func(w *world) {
		id := w.create(`"userName":"name@nordlys.example"`).want(201).id()
		for _, name := range []string{"Åse-Maria O'Neil d'Œuvre", "A\u030ase", "李小龍", "محمد بن سلمان", "שָׁלוֹם", "👩‍👩‍👧‍👦 🏳️‍🌈", "e\u0301\u0323\u0308", "\u200eKari\u200f", "ß", "İı",
			"'); drop table users;--", `"\\u0041`, "{{1}} {1}", "<script>", "null", "  spaces  ", "\ufffd", "\U0010fffd", strings.Repeat("a", 1000), strings.Repeat("\U0001f600", 490)} {
			plain := quoted(name)
			escaped := `"`
			for _, r := range name {
				for _, unit := range utf16Of(r) {
					escaped += fmt.Sprintf(`\u%04x`, unit)
				}
			}
			for _, text := range []string{plain, escaped + `"`} {
				body := `{` + core + `,"userName":"name@nordlys.example","name":{"givenName":` + text + `,"familyName":` + text + `},"displayName":` + text + `,"title":` + text + `}`
				w.do("PUT", "/Users/"+id, body).want(200)
				got := w.do("GET", "/Users/"+id, "").want(200)
				for _, path := range [][]any{{"name", "givenName"}, {"name", "familyName"}, {"displayName"}, {"title"}} {
					if got.at(path...) != name {
						w.t.Errorf("%v: %+q came back as %+q", path, name, got.at(path...))
					}
				}
			}
		}
		w.as(tokenOther, "bjorkvik").do("GET", "/Users/"+id, "").want(404)
		w.as(tokenOther, "bjorkvik").do("PUT", "/Users/"+id, `{`+core+`,"userName":"x@nordlys.example"}`).want(404)
	})
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func utf16Of(r rune) []rune {
	if r < 0x10000 {
		return []rune{r}
	}
	return []rune{0xd800 + (r-0x10000)>>10, 0xdc00 + (r-0x10000)&0x3ff}
}

// TestHalfACharacterIsRefused: it would come back as another one.
func TestHalfACharacterIsRefused(t *testing.T) {
	each(t, func(w *world) {
		for text, status := range map[string]int{
			`\ud83d\ude00`: 201, `\\ud83d`: 201, `a\\\\ud800b`: 201, `\\\u00e5`: 201,
			`\ud83d`: 400, `\ude00`: 400, `\ude00\ud83d`: 400, `\ud83dx`: 400, `\ud83d\u0041`: 400, `\ud83d\\ude00`: 400, `\\\ud83d`: 400, `\uD83D\uD83D\uDE00`: 400, `\u0000`: 400,
		} {
			r := w.create(`"userName":"half@nordlys.example","title":"` + text + `"`).want(status)
			if status == 201 {
				w.do("DELETE", "/Users/"+r.id(), "").want(204)
			}
		}
	})
}

// TestDates: an HR system may say that somebody has left already; what cannot be a date is refused by its name.
func TestDates(t *testing.T) {
	each(t, func(w *world) {
		now := w.db.Now()
		said := func(start, end any) string {
			s, _ := json.Marshal(map[string]any{"start": start, "end": end, "kind": "external"})
			return `,"` + membership + `":` + string(s)
		}
		left := w.create(`"userName":"left@nordlys.example"`+said(now.AddDate(-1, 0, 0), now.AddDate(0, 0, -1))).want(201).is(false, "active")
		if m := w.member(left.id()); m.StateAt(now) != directory.StateEnded {
			t.Errorf("left is %s", m.StateAt(now))
		}
		id := w.create(`"userName":"here@nordlys.example"`+said(now.AddDate(-1, 0, 0), now.AddDate(0, 0, 1))).want(201).is(true, "active").id()
		w.patch(id, `{"op":"replace","path":"`+membership+`:end","value":`+quoted(now.Add(-time.Hour).Format(time.RFC3339))+`}`).want(200).is(false, "active")
		w.patch(id, `{"op":"replace","path":"`+membership+`:end","value":`+quoted(now.Add(time.Hour).Format(time.RFC3339))+`}`).want(200).is(true, "active")
		w.patch(id, `{"op":"replace","path":"`+membership+`:end","value":"2026-03-02T12:00:00.123456789+02:00"}`).want(200)
		w.do("GET", "/Users/"+id, "").want(200).is("2026-03-02T10:00:00.123456Z", membership, "end")
		for name, dates := range map[string][2]any{
			"end before start": {now.Add(2 * time.Hour), now.Add(time.Hour)}, "end at start": {now, now}, "year 1": {"0001-01-01T00:00:01Z", now.Add(time.Hour)},
			"year 1, the end": {now, "0001-01-01T00:00:01Z"}, "year 9999": {now, "9999-12-31T00:00:00Z"}, "year 0": {now, "0000-01-01T00:00:00Z"}, "five digits": {now, "12026-01-01T00:00:00Z"},
			"February 30": {now, "2027-02-30T00:00:00Z"}, "a word": {now, "tomorrow"}, "a number": {now, 1}, "a day": {now, "2027-02-28"}, "a bad zone": {now, "2027-01-01T00:00:00+99:00"},
			"surrogate": {now, "2027-01-01T00:00:00Z\ufffd"},
		} {
			r := w.create(`"userName":"dates@nordlys.example"` + said(dates[0], dates[1])).want(400)
			if detail, _ := r.at("detail").(string); !strings.Contains(detail, "end") && !strings.Contains(detail, "start") {
				t.Errorf("%s: %s", name, r.raw)
			}
		}
		w.as(tokenOther, "bjorkvik").patch(id, `{"op":"replace","path":"title","value":"x"}`).want(404)
	})
}

// FuzzCreate sends whatever text in every place of a new user, as JSON and as it is: never our own trouble, and what is
// kept is what was sent.
func FuzzCreate(f *testing.F) {
	for _, s := range []string{"kari", "", " ", "a\x00b", "\xff", "\xed\xa0\x80", `\ud800`, `\ud83d\ude00`, `\`, `"`, "a\nb", "\u202e", "\u200b", "\ufeff", "\ufffe", "\U0010ffff", "İ", "ß", "e\u0301",
		"a@b@c.example", "kari@nordlys.example", "kari@[::1]", "*", "%", "' or 1=1", "true", "null", "1e999", "-1", "2026-13-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00Z",
		"external", "contact", "mbr_", "org_aaaaaaaaaaaaaaaaaaaaaaaaaa", strings.Repeat("a", 1001), strings.Repeat("\U0001f600", 1000), strings.Repeat("e\u0301", 600), `x","title":"y`, `{"a":1}`} {
		f.Add(s)
	}
	clock := testenv.NewClock()
	db := testenv.Open(f, sqldb.Config{URL: f.TempDir() + "/test.db", Clock: clock.Now, Relaxed: true, MaxConnections: 2})
	w := newWorld(f, db, clock)
	f.Fuzz(func(t *testing.T, s string) {
		for _, text := range []string{quoted(s), `"` + s + `"`} {
			w := *w
			w.t = t
			for _, attributes := range everywhere(text) {
				r := w.create(attributes) // do fails for a 500
				if r.status != 201 {
					continue
				}
				var sent struct{ Title string }
				if err := json.Unmarshal([]byte(`{"title":`+text+`}`), &sent); err == nil && strings.HasSuffix(attributes, `"title":`+text) && fmt.Sprint(w.do("GET", "/Users/"+r.id(), "").want(200).at("title")) != sent.Title && sent.Title != "" {
					t.Errorf("%q came back as %q", sent.Title, r.at("title"))
				}
				w.do("DELETE", "/Users/"+r.id(), "").want(204)
			}
		}
	})
}

// everywhere are attributes of a new user with the text in one place after the other.
func everywhere(text string) []string {
	const name = `"userName":"fuzz@nordlys.example",`
	at := func(path string) string { return name + `"` + membership + `":{` + fmt.Sprintf(path, text) + `}` }
	return []string{
		`"userName":` + text, name + `"title":` + text, name + `"externalId":` + text, name + `"name":{"familyName":` + text + `,"formatted":` + text + `}`,
		name + `"emails":[{"value":` + text + `,"type":` + text + `}]`, name + `"phoneNumbers":` + text, name + `"addresses":[{"streetAddress":` + text + `,"country":` + text + `}]`,
		name + `"roles":[` + text + `]`, name + `"entitlements":[` + text + `]`, name + `"active":` + text, name + `"` + enterprise + `":{"manager":` + text + `,"department":` + text + `}`,
		name + `"locale":` + text + `,"timezone":` + text + `,"photos":[` + text + `]`,
		at(`"start":%s`), at(`"end":%s`), at(`"kind":%s`), at(`"functions":[%s]`), at(`"segments":[%s]`), at(`"successor":%s`), at(`"grants":[{"module":%[1]s,"grade":%[1]s}]`), at(`"administrator":%s`), at(`%s:1`),
		name + text + `:1`,
	}
}
