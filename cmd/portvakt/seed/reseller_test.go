package seed_test

import (
	"strings"
	"testing"

	"portvakt/cmd/portvakt/seed"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR30_ResellersOfAFile: the agency's people may stand behind those whom they serve, and leave with the relation.
func TestR30_ResellersOfAFile(t *testing.T) {
	t.Parallel()
	const text = `
organizations:
  - slug: client
    name: Client
    managed_by: agency
    members:
      - {email: anna@agency.example, kind: reseller, reseller: {role: auditor, bank_access: true}}
  - {slug: second, name: Second, managed_by: agency, members: [{email: anna@agency.example, kind: reseller, reseller: {role: accountant}}]}
  - {slug: other, name: Other}
  - slug: agency
    name: Agency
    members: [{email: anna@agency.example}]
`
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		p := newPlace(t, db)
		p.apply(t, parse(t, text))
		client, err := p.Directory.Organizations.BySlug(ctx, "client")
		if err != nil {
			t.Fatal(err)
		}
		anna := func() directory.Member {
			e, _ := directory.ParseEmail("anna@agency.example")
			m, err := p.Directory.Memberships.ByEmail(ctx, client.ID, e)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		first := anna()
		if first.Reseller != (directory.ResellerAccess{Role: directory.Auditor, BankAccess: true}) || !first.ActiveAt(db.Now()) {
			t.Errorf("made %+v, %s", first.Reseller, first.StateAt(db.Now()))
		}
		p.apply(t, parse(t, text))
		if again := anna(); again.Version != first.Version {
			t.Error("the same file changed the reseller")
		}
		p.apply(t, parse(t, "organizations:\n  - {slug: second, name: Second GmbH}\n"))
		if there := p.member(t, "second", "anna@agency.example"); !there.ActiveAt(db.Now()) {
			t.Error("an absent key ended the relation")
		}
		p.apply(t, parse(t, "organizations:\n  - {slug: client, managed_by: other}\n"))
		if after := anna(); after.ActiveAt(db.Now()) {
			t.Error("another agency manages the organization, and the former's people stayed")
		}
		p.apply(t, parse(t, "organizations:\n  - {slug: second, managed_by: \"\"}\n"))
		if after := p.member(t, "second", "anna@agency.example"); after.ActiveAt(db.Now()) {
			t.Error("nobody manages the organization, and the agency's people stayed")
		}
		if o, err := p.Directory.Organizations.BySlug(ctx, "second"); err != nil || !o.ManagedBy.IsZero() {
			t.Errorf("managed by %v, %v", o.ManagedBy, err)
		}
		_, err = seed.Apply(ctx, p.Deps, parse(t, strings.ReplaceAll(text, "managed_by: agency", "managed_by: other")+
			"  - {slug: third, name: Third, managed_by: other, members: [{email: anna@agency.example, kind: reseller, reseller: {role: auditor}}]}\n"))
		if err == nil || !strings.Contains(err.Error(), "only active employees of the agency") {
			t.Errorf("somebody of another agency: %v", err)
		}
	})
	for entry, want := range map[string]string{
		"kind: reseller": "needs reseller:",
		"kind: reseller, reseller: {bank_access: true}":                  "needs reseller:",
		"kind: reseller, reseller: {role: owner}":                        "reseller role",
		"kind: employee, reseller: {role: auditor}":                      "is no reseller",
		"kind: limited, administrator: true":                             "cannot be an administrator",
		"kind: reseller, administrator: true, reseller: {role: auditor}": "cannot be an administrator",
	} {
		_, problems := seed.Parse("bad.yaml", []byte("organizations: [{slug: a, name: A, members: [{email: x@y.example, "+entry+"}]}]\n"), dev)
		if err := problems.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", entry, err, want)
		}
	}
}
