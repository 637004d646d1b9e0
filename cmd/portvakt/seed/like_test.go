package seed_test

import (
	"slices"
	"strings"
	"testing"

	"portvakt/cmd/portvakt/seed"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const alike = `
modules: [{id: invoices, name: {en: Invoices}}, {id: payments, name: {en: Payments}}]
packages: [{id: accountant, name: {en: Accountant}, base: true, grants: {invoices: view}}]
organizations:
  - slug: nordlys
    name: Nordlys AS
    domains: [nordlys.example]
    segments: [oslo, bergen]
    roles: [{id: chief, name: Chief, below: [{id: seller, name: Seller}]}]
    groups: [{id: books, members: [{member: kari@nordlys.example}]}, {id: all, members: [{group: books}]}]
    members:
      - {email: third@nordlys.example, like: second@nordlys.example}
      - {email: second@nordlys.example, like: kari, packages: [], grants: {payments: edit}, segments: [bergen]}
      - {email: kari@nordlys.example, user_name: kari, administrator: true, role: seller, packages: [accountant], grants: {invoices: edit},
         segments: [oslo], functions: [main_recipient], second_factor: required, title: Head, external_id: "7", password: dev only secret 1}
      - {email: boss@nordlys.example, like: KARI@nordlys.example, administrator: true, role: chief, segments: ["*"]}
      - {email: other@nordlys.example}
  - {slug: bjorkvik, name: Björkvik AB, members: [{email: anna@bjorkvik.example}]}
`

// TestR18_AFileMakesSomebodyLikeAnother: with the access that the template has, the file's groups included, and what the
// entry says itself instead; wherever the two stand in the file, and at the creation alone.
func TestR18_AFileMakesSomebodyLikeAnother(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		p.apply(t, parse(t, alike))
		kari, second := p.member(t, "nordlys", "kari@nordlys.example"), p.member(t, "nordlys", "second@nordlys.example")
		if second.Role != kari.Role || len(second.Packages) != 0 || len(second.Grants) != 1 || second.Grants["payments"] != directory.GradeEdit ||
			!slices.Equal(second.Segments, []string{"bergen"}) || second.SecondFactor != directory.SecondFactorRequired {
			t.Errorf("what the entry says does not count: %+v", second)
		}
		if second.Administrator || len(second.Functions) != 0 || second.Details.Title != "" || second.ExternalID != "" || second.UserName != "second@nordlys.example" {
			t.Errorf("took over what is the person's: %+v", second)
		}
		third := p.member(t, "nordlys", "third@nordlys.example")
		if third.Role != kari.Role || third.Grants["payments"] != directory.GradeEdit || !slices.Equal(third.Segments, []string{"bergen"}) {
			t.Errorf("like somebody who is like another: %+v", third)
		}
		boss := p.member(t, "nordlys", "boss@nordlys.example")
		if boss.Role == kari.Role || !boss.AllSegments || !slices.Equal(boss.Packages, []string{"accountant"}) || boss.Grants["invoices"] != directory.GradeEdit || !boss.Administrator {
			t.Errorf("boss: %+v", boss)
		}
		p.signsIn(t, "second@nordlys.example", "dev only secret 1", false)
		for email, want := range map[string]bool{"kari": true, "second": true, "third": true, "boss": true, "other": false} {
			m := p.member(t, "nordlys", email+"@nordlys.example")
			if got := slices.Contains(p.groupsOf(t, m), "books"); got != want {
				t.Errorf("%s in the template's group: %v", email, got)
			}
		}

		before := p.rows(t)
		if report := p.apply(t, parse(t, alike)); !report.Total().Zero() {
			t.Errorf("applied again:\n%s", report)
		}
		p.apply(t, parse(t, `organizations: [{slug: nordlys, members: [{email: other@nordlys.example, like: kari@nordlys.example}]}]`))
		if other := p.member(t, "nordlys", "other@nordlys.example"); !other.Role.IsZero() || len(other.Packages) != 0 {
			t.Errorf("somebody who was there took over the access: %+v", other)
		}
		if after := p.rows(t); len(after["memberships"]) != len(before["memberships"]) {
			t.Error("members came or went")
		}
		p.apply(t, parse(t, `organizations: [{slug: nordlys, members: [{email: later@nordlys.example, like: kari}]}]`))
		if m := p.member(t, "nordlys", "later@nordlys.example"); m.Role != kari.Role || !slices.Contains(p.groupsOf(t, m), "books") {
			t.Errorf("like somebody of the database: %+v", m)
		}
	})
}

func (p place) groupsOf(t *testing.T, m directory.Member) []string {
	t.Helper()
	facts, err := p.Directory.Access.Of(ctx, m.Organization, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, g := range facts.Groups {
		keys = append(keys, g.Key)
	}
	return keys
}

// TestR18_BadTemplates: oneself, a circle, nobody, a neighbour's member, and a contact by accident.
func TestR18_BadTemplates(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		p.apply(t, parse(t, alike))
		for members, want := range map[string]string{
			"{email: new@nordlys.example, like: nobody@nordlys.example}":                 `has no member "nobody@nordlys.example"`,
			"{email: new@nordlys.example, like: anna@bjorkvik.example}":                  `has no member "anna@bjorkvik.example"`,
			"{user_name: shop, kind: contact}, {email: new@nordlys.example, like: shop}": "is a contact; say the new one's kind",
		} {
			_, err := seed.Apply(ctx, p.Deps, parse(t, "organizations: [{slug: nordlys, members: ["+members+"]}]"))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", members, err)
			}
		}
		other := p.member(t, "nordlys", "other@nordlys.example")
		if err := p.Directory.Memberships.Delete(ctx, other.Organization, other.ID); err != nil {
			t.Fatal(err)
		}
		_, err := seed.Apply(ctx, p.Deps, parse(t, "organizations: [{slug: nordlys, members: [{email: other@nordlys.example}, {email: new@nordlys.example, like: other@nordlys.example}]}]"))
		if err == nil || !strings.Contains(err.Error(), `nobody "other@nordlys.example" any more`) {
			t.Errorf("like somebody deleted: %v", err)
		}
	})
	for members, want := range map[string]string{
		"{email: a@x.example, like: A@x.example}":                                              "like itself",
		"{email: a@x.example, like: b}, {email: b@x.example, user_name: b, like: a@x.example}": "like itself",
	} {
		_, problems := seed.Parse("bad.yaml", []byte("organizations: [{slug: a, name: A, members: ["+members+"]}]\n"), dev)
		if err := problems.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", members, err)
		}
	}
}
