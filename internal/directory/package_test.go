package directory_test

import (
	"fmt"
	"slices"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR01_RegisterAUser: e-mail as user name, name, mobile number, accesses, second factor required or not.
func TestR01_RegisterAUser(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		if err := h.Access.MakeReady(ctx); err != nil {
			t.Fatal(err)
		}
		n := person("kari@nordlys.example")
		n.Details.Phones = []directory.Contact{{Value: "+4790000001", Type: "mobile", Primary: true}}
		n.Packages, n.Grants = []string{"accountant"}, map[string]directory.Grade{"calendar": directory.GradeEdit}
		n.SecondFactor = directory.SecondFactorRequired
		kari := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		m := must(h.Memberships.ByID(ctx, h.home.ID, kari.ID))(t)
		if m.UserName != "kari@nordlys.example" || m.Details.Phone() != "+4790000001" || !slices.Equal(m.Packages, []string{"accountant"}) ||
			m.Grants["calendar"] != directory.GradeEdit || m.SecondFactor != directory.SecondFactorRequired {
			t.Errorf("registered %+v", m)
		}
		second := func(m directory.Member) directory.SecondFactor {
			return must(h.Memberships.Standing(ctx, m.ID))(t).SecondFactor
		}
		other := must(h.Memberships.Create(ctx, h.home.ID, person("ola@nordlys.example")))(t)
		elsewhere := must(h.Memberships.Create(ctx, h.another.ID, person("kari@nordlys.example")))(t)
		if second(kari) != directory.SecondFactorRequired || second(other) != directory.SecondFactorOptional || second(elsewhere) != directory.SecondFactorOptional {
			t.Errorf("second factor: %s, another member %s, elsewhere %s", second(kari), second(other), second(elsewhere))
		}
		if m = h.change(t, m, func(m *directory.Member) { m.SecondFactor = directory.SecondFactorOptional }); second(m) != directory.SecondFactorOptional || m.Version != 2 {
			t.Errorf("taken back: %s, version %d", second(m), m.Version)
		}
		if m = h.change(t, m, func(m *directory.Member) { m.SecondFactor = directory.SecondFactorOptional }); m.Version != 2 {
			t.Error("saying it again wrote something")
		}
		must(h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.SecondFactor = directory.SecondFactorRequired; return nil }))(t)
		if second(m) != directory.SecondFactorRequired {
			t.Error("a member is let off what the organization demands")
		}
		if err := h.changeErr(m, func(m *directory.Member) { m.SecondFactor = "never" }); codeOf(err) != "bad_second_factor" {
			t.Errorf("another word: %v", err)
		}
	})
}

// TestR23_ReadyPackages: they are there from the first start, and give way to the installation's own.
func TestR23_ReadyPackages(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		wantCounts(t, atOnce(8, func(int) error { return h.Access.MakeReady(ctx) }), map[string]int{"": 8}) // nodes that start together
		all := must(h.Access.Packages(ctx))(t)
		if len(all) != 2 || all[0].Key != "accountant" || all[1].Key != "receptionist" || !all[0].Base || !all[1].Base ||
			fmt.Sprint(all[0].Grants) != "map[invoices:view payments:view]" || fmt.Sprint(all[1].Grants) != "map[booking:edit calendar:edit]" {
			t.Errorf("packages %+v", all)
		}
		for _, l := range directory.Languages {
			if all[0].Names[l] == "" || all[1].Names[l] == "" {
				t.Errorf("no name in %s", l)
			}
		}
		all[0].Grants["payments"] = directory.GradeEdit
		must(h.Access.SavePackages(ctx, all[:1]))(t)
		if err := h.Access.MakeReady(ctx); err != nil {
			t.Fatal(err)
		}
		if all = must(h.Access.Packages(ctx))(t); all[0].Grants["payments"] != directory.GradeEdit {
			t.Error("the next start took the installation's own change back")
		}
	})
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		must(h.Access.SaveModules(ctx, []directory.Module{{Key: "ledger"}}))(t)
		if err := h.Access.MakeReady(ctx); err != nil {
			t.Fatal(err)
		}
		if n := len(must(h.Access.Packages(ctx))(t)) + len(must(h.Access.Modules(ctx))(t)); n != 1 {
			t.Errorf("%d things beside the installation's own", n-1)
		}
	})
}

// TestR22_OneBasePackage: a base package, then add-ons.
func TestR22_OneBasePackage(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		if err := h.Access.MakeReady(ctx); err != nil {
			t.Fatal(err)
		}
		addOn := directory.Package{Key: "insight", Grants: map[string]directory.Grade{"booking": directory.GradeView}}
		must(h.Access.SavePackages(ctx, []directory.Package{addOn}))(t)
		two := person("two@nordlys.example")
		two.Packages = []string{"accountant", "receptionist"}
		if _, err := h.Memberships.Create(ctx, h.home.ID, two); codeOf(err) != "two_base_packages" {
			t.Errorf("two bases: %v", err)
		}
		two.Packages = []string{"accountant", "insight"}
		m := must(h.Memberships.Create(ctx, h.home.ID, two))(t)
		wantCounts(t, atOnce(30, func(i int) error {
			return h.changeErr(m, func(m *directory.Member) { m.Packages = append(m.Packages, "receptionist") })
		}), map[string]int{"two_base_packages": 30})
		m = h.change(t, m, func(m *directory.Member) { m.Packages = []string{"receptionist", "insight"} })
		addOn.Base = true
		if _, err := h.Access.SavePackages(ctx, []directory.Package{addOn}); codeOf(err) != "two_base_packages" {
			t.Errorf("an add-on becomes a second base: %v", err)
		}
		for grade, ok := range map[directory.Grade]bool{directory.GradeNone: true, directory.GradeView: true, directory.GradeEdit: true, "delete": false, "": false} {
			err := h.changeErr(m, func(m *directory.Member) { m.Grants = map[string]directory.Grade{"invoices": grade} })
			if (err == nil) != ok || !ok && codeOf(err) != "bad_grade" {
				t.Errorf("grade %q: %v", grade, err)
			}
		}
		if err := h.changeErr(m, func(m *directory.Member) { m.Grants = map[string]directory.Grade{"nothing": directory.GradeView} }); codeOf(err) != "unknown_module" {
			t.Errorf("no module: %v", err)
		}
	})
}

// TestR06_AdministratorsSeeEverySegment: whatever is ticked, and also segments made later; others see what is ticked.
func TestR06_AdministratorsSeeEverySegment(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		must(h.Access.SaveSegments(ctx, h.home.ID, []directory.Segment{{Key: "oslo", Name: "Oslo"}}))(t)
		n := person("kari@nordlys.example")
		n.Segments, n.Administrator = []string{"oslo"}, true
		kari := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		n = person("ola@nordlys.example")
		n.Segments = []string{"oslo"}
		ola := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		must(h.Access.SaveSegments(ctx, h.home.ID, []directory.Segment{{Key: "bergen", Name: "Bergen"}}))(t)
		sees := func(m directory.Member) (bool, []string) {
			f := must(h.Access.Of(ctx, h.home.ID, m.ID))(t)
			return f.EverySegment(), f.Segments
		}
		if every, _ := sees(kari); !every {
			t.Error("the administrator sees one segment")
		}
		if every, some := sees(ola); every || !slices.Equal(some, []string{"oslo"}) {
			t.Errorf("a member sees %v, every %v", some, every)
		}
		h.change(t, ola, func(m *directory.Member) { m.Administrator = true })
		h.change(t, kari, func(m *directory.Member) { m.Administrator = false })
		if every, some := sees(kari); every || !slices.Equal(some, []string{"oslo"}) { // what was ticked holds again
			t.Errorf("no longer administrator, and sees %v, every %v", some, every)
		}
		n = person("per@elsewhere.example")
		n.Segments = []string{"oslo"}
		if _, err := h.Memberships.Create(ctx, h.another.ID, n); codeOf(err) != "unknown_segment" {
			t.Errorf("the neighbour's segment: %v", err)
		}
	})
}
