package authz

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"portvakt/internal/directory"
)

type profileModules = map[string]directory.ProfileModule

func profile(key string, modules profileModules) directory.Profile {
	return directory.Profile{Key: key, Name: key, Modules: modules}
}

var testModules = []directory.Module{
	{Key: "expenses", SelfService: true},
	{Key: "invoices", Fields: []string{"amount", "note"}, Tools: []string{"export", "send"}},
	{Key: "payments"},
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	view, edit := Permission{View: true}, Permission{View: true, Create: true, Edit: true, Delete: true}
	with := func(p Permission, fields ...directory.FieldAccess) Permission {
		p.Fields = map[string]directory.FieldAccess{}
		if len(fields) == 2 {
			p.Fields = map[string]directory.FieldAccess{"amount": fields[0], "note": fields[1]}
		}
		return p
	}
	const hidden, read, open = directory.FieldHidden, directory.FieldReadOnly, directory.FieldEditable
	for name, tc := range map[string]struct {
		facts directory.AccessFacts
		want  map[string]Permission
	}{
		"nothing": {directory.AccessFacts{Kind: directory.Employee}, map[string]Permission{}},
		"grade view": {directory.AccessFacts{Kind: directory.Employee, Grants: map[string]directory.Grade{"invoices": directory.GradeView}},
			map[string]Permission{"invoices": with(view, read, read)}},
		"grade edit opens everything but tools": {
			directory.AccessFacts{Kind: directory.Employee, Grants: map[string]directory.Grade{"invoices": directory.GradeEdit}},
			map[string]Permission{"invoices": with(edit, open, open)}},
		"an explicit none subtracts nothing": {
			directory.AccessFacts{Kind: directory.External, Grants: map[string]directory.Grade{"payments": directory.GradeNone},
				Packages: []directory.Package{{Key: "p", Grants: map[string]directory.Grade{"payments": directory.GradeView}}}},
			map[string]Permission{"payments": with(view)}},
		"profiles and their tools add up": {
			directory.AccessFacts{Kind: directory.Employee, Profiles: []directory.Profile{
				profile("a", profileModules{"invoices": {View: true, Tools: []string{"send", "gone"}}}),
				profile("b", profileModules{"invoices": {Create: true, Tools: []string{"export", "send"}}}),
			}},
			map[string]Permission{"invoices": with(Permission{View: true, Create: true, Tools: []string{"export", "send"}}, open, open)}},
		"profiles decide fields, also against a grant": {
			directory.AccessFacts{Kind: directory.Employee, Grants: map[string]directory.Grade{"invoices": directory.GradeEdit},
				Profiles: []directory.Profile{profile("a", profileModules{"invoices": {View: true, Fields: map[string]directory.FieldAccess{"amount": hidden}}})}},
			map[string]Permission{"invoices": with(edit, hidden, open)}},
		"the most permissive profile decides a field": {
			directory.AccessFacts{Kind: directory.Employee, Profiles: []directory.Profile{
				profile("a", profileModules{"invoices": {View: true, Fields: map[string]directory.FieldAccess{"amount": hidden, "note": open}}}),
				profile("b", profileModules{"invoices": {View: true}}),
			}},
			map[string]Permission{"invoices": with(view, read, read)}},
		"limited keeps self-service only": {
			directory.AccessFacts{Kind: directory.Limited, Grants: map[string]directory.Grade{"expenses": directory.GradeEdit, "invoices": directory.GradeEdit}},
			map[string]Permission{"expenses": with(edit)}},
		"a contact has nothing": {
			directory.AccessFacts{Kind: directory.ContactOnly, Grants: map[string]directory.Grade{"expenses": directory.GradeEdit}}, map[string]Permission{}},
		"an administrator has no module by that": {directory.AccessFacts{Kind: directory.Employee, Administrator: true}, map[string]Permission{}},
		"an undeclared module counts nothing": {
			directory.AccessFacts{Kind: directory.Employee, Grants: map[string]directory.Grade{"gone": directory.GradeEdit}}, map[string]Permission{}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.facts.Modules = testModules
			if diff := cmp.Diff(tc.want, Permissions(tc.facts)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	f := directory.AccessFacts{
		Kind: directory.Employee, Administrator: true, Modules: testModules,
		Role:     directory.RoleFact{Key: "seller"},
		RolePath: []directory.RoleFact{{Key: "chief"}, {Key: "seller"}},
		Profiles: []directory.Profile{profile("sales", profileModules{"invoices": {View: true, Edit: true, Tools: []string{"export"}}})},
		Grants:   map[string]directory.Grade{"payments": directory.GradeView},
		Groups:   []directory.GroupFact{{Key: "accounting"}}, Functions: []directory.Function{directory.MainRecipient},
		Segments: []string{"oslo"},
	}
	want := Claims{
		Roles: []string{"seller", "local_admin"}, RolePath: []string{"chief", "seller"}, Groups: []string{"accounting"},
		Entitlements: []string{"invoices:view", "invoices:edit", "invoices:export", "payments:view"},
		Profiles:     []string{"sales"}, Functions: []string{"main_recipient"}, Segments: []string{"*"}, // an administrator's are all, whatever is ticked
	}
	if diff := cmp.Diff(want, Evaluate(f)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := Evaluate(f).Only([]string{"payments", "invoice"}).Entitlements; !slices.Equal(got, []string{"payments:view"}) {
		t.Errorf("only payments: %v", got)
	}
	if got := Evaluate(f).Only(nil).Entitlements; len(got) != 4 {
		t.Errorf("all: %v", got)
	}
	f.Administrator = false
	if got := Evaluate(f).Segments; !slices.Equal(got, []string{"oslo"}) {
		t.Errorf("segments = %v, want the one that is ticked", got)
	}
	f.AllSegments, f.Segments = true, nil
	if got := Evaluate(f).Segments; !slices.Equal(got, []string{"*"}) {
		t.Errorf("segments = %v, want *", got)
	}
	f.Kind, f.Administrator, f.Reseller = directory.Reseller, false, directory.ResellerAccess{Role: directory.Auditor, BankAccess: true, UserAdministration: true}
	if got := Evaluate(f); !slices.Equal(got.Roles, []string{"seller", "reseller_auditor", "user_administration"}) ||
		!slices.Contains(got.Entitlements, "bank_access") || !slices.Equal(got.Only([]string{"payments"}).Entitlements, []string{"payments:view", "bank_access"}) {
		t.Errorf("a reseller: %v, %v", got.Roles, got.Entitlements)
	}
	f.Reseller = directory.ResellerAccess{Role: directory.Accountant}
	if got := Evaluate(f); !slices.Equal(got.Roles, []string{"seller", "reseller_accountant"}) || slices.Contains(got.Entitlements, "bank_access") {
		t.Errorf("a reseller with nothing added: %v, %v", got.Roles, got.Entitlements)
	}
	empty := Evaluate(directory.AccessFacts{Kind: directory.Employee})
	if empty.Roles == nil || empty.Groups == nil || empty.Entitlements == nil || empty.Segments == nil {
		t.Errorf("an empty list is nil: %+v", empty)
	}
}

// anyFacts makes members of every sort, over the test's modules and one that is not declared.
func anyFacts(t *rapid.T) directory.AccessFacts {
	module := rapid.SampledFrom([]string{"expenses", "invoices", "payments", "gone"})
	grade := rapid.SampledFrom([]directory.Grade{directory.GradeNone, directory.GradeView, directory.GradeEdit})
	field := rapid.SampledFrom([]directory.FieldAccess{directory.FieldHidden, directory.FieldReadOnly, directory.FieldEditable})
	grants := rapid.MapOfN(module, grade, 0, 3)
	rights := rapid.Custom(func(t *rapid.T) directory.ProfileModule {
		yes := rapid.Bool()
		return directory.ProfileModule{View: yes.Draw(t, "view"), Create: yes.Draw(t, "create"), Edit: yes.Draw(t, "edit"), Delete: yes.Draw(t, "delete"),
			Fields: rapid.MapOfN(rapid.SampledFrom([]string{"amount", "note"}), field, 0, 2).Draw(t, "fields"),
			Tools:  rapid.SliceOfN(rapid.SampledFrom([]string{"export", "send"}), 0, 2).Draw(t, "tools")}
	})
	f := directory.AccessFacts{
		Kind:    rapid.SampledFrom([]directory.Kind{directory.Employee, directory.External, directory.Limited, directory.ContactOnly, directory.Reseller}).Draw(t, "kind"),
		Modules: testModules, Grants: grants.Draw(t, "grants"),
	}
	for range rapid.IntRange(0, 2).Draw(t, "profiles") {
		f.Profiles = append(f.Profiles, profile("p", rapid.MapOfN(module, rights, 0, 3).Draw(t, "modules")))
	}
	for range rapid.IntRange(0, 2).Draw(t, "packages") {
		f.Packages = append(f.Packages, directory.Package{Key: "k", Grants: grants.Draw(t, "package")})
	}
	return f
}

// within reports whether everything that a allows b allows too.
func within(a, b map[string]Permission) bool {
	for module, p := range a {
		q := b[module]
		for _, action := range p.Actions() {
			if !slices.Contains(q.Actions(), action) {
				return false
			}
		}
		for field, access := range p.Fields {
			if fieldRank[access] > fieldRank[q.Fields[field]] {
				return false
			}
		}
	}
	return true
}

func TestAddingTakesNothingAway(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(t)
		before := Permissions(f)
		module := rapid.SampledFrom([]string{"expenses", "invoices", "payments"}).Draw(t, "module")
		grade := rapid.SampledFrom([]directory.Grade{directory.GradeNone, directory.GradeView, directory.GradeEdit}).Draw(t, "grade")

		more := f
		more.Packages = append(slices.Clone(f.Packages), directory.Package{Key: "more", Grants: map[string]directory.Grade{module: grade}})
		if !within(before, Permissions(more)) {
			t.Fatalf("a package with %s: %s took something away", module, grade)
		}
		if _, has := f.Grants[module]; !has {
			more = f
			more.Grants = maps.Clone(f.Grants)
			if more.Grants == nil {
				more.Grants = map[string]directory.Grade{}
			}
			more.Grants[module] = grade
			if !within(before, Permissions(more)) {
				t.Fatalf("the grant %s: %s took something away", module, grade)
			}
		}
	})
}
