package seed_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"portvakt/cmd/portvakt/seed"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestNamesAreKeptByteForByte from the file to the directory; the neighbour has no such member.
func TestNamesAreKeptByteForByte(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		for _, name := range []string{"Åse-Maria O'Neil", "A\u030ase", "李小龍", "محمد بن سلمان", "👩‍👩‍👧‍👦", "\u200eKari\u200f", "İı ß", "null", "~", "2026-01-01", "0x1f", "yes", "{{1}}", "  spaces  ", strings.Repeat("a", 1000)} {
			quoted, _ := json.Marshal(name) // JSON is YAML
			p.apply(t, parse(t, `organizations: [{slug: nordlys, name: Nordlys, members: [{email: kari@nordlys.example, given_name: `+string(quoted)+`, family_name: `+string(quoted)+`}]},
				{slug: bjorkvik, name: Björkvik}]`))
			m := p.member(t, "nordlys", "kari@nordlys.example")
			if m.Details.GivenName != name || m.Details.FamilyName != name {
				t.Errorf("%+q came back as %+q, %+q", name, m.Details.GivenName, m.Details.FamilyName)
			}
			neighbour, err := p.Directory.Organizations.BySlug(ctx, "bjorkvik")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Directory.Memberships.ByID(ctx, neighbour.ID, m.ID); !errors.Is(err, directory.ErrMemberNotFound) {
				t.Errorf("the neighbour reads the member: %v", err)
			}
		}
	})
}

// TestBadInputIsRefused in a file, with its place and never by the database.
func TestBadInputIsRefused(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		for member, want := range map[string]string{
			`email: kari@nordlys.example, given_name: "a\0b"`:                                                          "control characters",
			`email: kari@nordlys.example, given_name: "a\u202eb"`:                                                      "control characters",
			`email: kari@nordlys.example, given_name: ` + strings.Repeat("a", 1001):                                    "longer than 1000 characters",
			`email: kari@nordlys.example, user_name: ` + strings.Repeat("a", 255):                                      "A user name has",
			`email: Kari <kari@nordlys.example>`:                                                                       "is not an e-mail address",
			`email: kari@nordlys.example, kind: external, start: 2026-05-02T00:00:00Z, end: 2026-05-01T00:00:00Z`:      "the end is not after the start",
			`email: kari@nordlys.example, kind: external, start: 2026-05-02T00:00:00Z, end: 9999-05-01T00:00:00Z`:      "not a date that can be kept",
			`email: kari@nordlys.example, kind: external, start: 2026-05-02T00:00:00Z, end: 2026-05-02T02:00:00+02:00`: "the end is not after the start",
			"email: kari@nordlys.example, given_name: \"\xff\"":                                                        "",
			`email: kari@nordlys.example, given_name: "\ud800"`:                                                        "",
		} {
			f, problems := seed.Parse("test.yaml", []byte(`organizations: [{slug: nordlys, name: Nordlys, members: [{`+member+`}]}]`), dev)
			err := problems.Err()
			if err == nil {
				_, err = seed.Apply(ctx, p.Deps, f)
			}
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) || !strings.Contains(err.Error(), "test.yaml:1:") && want != "" {
				t.Errorf("%.80s: %v, want %q", member, err, want)
			}
			if f := (*fault.Fault)(nil); errors.As(err, &f) && f.Kind == fault.Internal {
				t.Errorf("%.80s: our own trouble: %v", member, err)
			}
		}
	})
}
