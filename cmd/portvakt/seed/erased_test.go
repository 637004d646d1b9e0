package seed_test

import (
	"strings"
	"testing"

	"portvakt/cmd/portvakt/seed"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR33_AFileThatMayNameAnErasedPersonSaysSo: where it makes somebody in the organization, and not in the neighbour's.
func TestR33_AFileThatMayNameAnErasedPersonSaysSo(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		p.apply(t, parse(t, alike))
		other := p.member(t, "nordlys", "other@nordlys.example")
		e, err := p.Directory.Users.RequestErasure(ctx, other.User)
		if err != nil {
			t.Fatal(err)
		}
		const note = "note, organization nordlys: a person was erased here on "
		more := `organizations:
  - {slug: nordlys, members: [{email: new@nordlys.example}, {email: newer@nordlys.example}]}
  - {slug: bjorkvik, members: [{email: new@bjorkvik.example}]}
`
		if plan, err := seed.Plan(ctx, p.Deps, parse(t, more)); err != nil || strings.Contains(plan.String(), "erased") {
			t.Errorf("nobody has been erased yet: %v\n%s", err, plan)
		}
		if _, err := p.Directory.Users.ConfirmErasure(ctx, e.ID); err != nil {
			t.Fatal(err)
		}
		for name, do := range map[string]func() (seed.Report, error){
			"1 planned": func() (seed.Report, error) { return seed.Plan(ctx, p.Deps, parse(t, alike)) },
			"2 applied": func() (seed.Report, error) { return seed.Apply(ctx, p.Deps, parse(t, more)) },
		} {
			report, err := do()
			if err != nil || strings.Count(report.String(), note+db.Now().UTC().Format("2006-01-02")) != 1 || strings.Contains(report.String(), "note, organization bjorkvik") {
				t.Errorf("%s: %v\n%s", name, err, report)
			}
		}
		if report := p.apply(t, parse(t, more)); report.String() != "everything is as the file says already" {
			t.Errorf("where nobody is made, there is nothing to say:\n%s", report)
		}
		if at, err := p.Directory.Organizations.LastErasure(ctx, directory.OrganizationID{1}); err != nil || !at.IsZero() {
			t.Errorf("nowhere: %v, %v", at, err)
		}
	})
}
