package authz

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"portvakt/internal/directory"
)

var someClaims = Claims{
	Roles: []string{"seller", "local_admin"}, RolePath: []string{"chief", "seller"}, Groups: []string{"accounting", "board", "sales"},
	Entitlements: []string{"invoices:view", "payments:view", BankAccess}, Profiles: []string{"sales"}, Functions: []string{}, Segments: []string{"*"},
}

// TestR44_ClaimsInTheApplicationsWords: rename, select, prefix, leave out; what is not spoken of is told as it is.
func TestR44_ClaimsInTheApplicationsWords(t *testing.T) {
	t.Parallel()
	asIs := []Named{{"roles", someClaims.Roles}, {"role_path", someClaims.RolePath}, {"groups", someClaims.Groups},
		{"entitlements", someClaims.Entitlements}, {"profiles", someClaims.Profiles}, {"functions", []string{}}, {"segments", someClaims.Segments}}
	with := func(i int, n ...Named) []Named { return slices.Replace(slices.Clone(asIs), i, i+1, n...) }
	for name, row := range map[string]struct {
		mapping Mapping
		want    []Named
	}{
		"none":                  {nil, asIs},
		"renamed":               {Mapping{{Source: "roles", Name: "role"}}, with(0, Named{"role", someClaims.Roles})},
		"chosen and prefixed":   {Mapping{{Source: "groups", Name: "https://erp.example/groups", Prefix: "nordlys-", Values: []string{"accounting", "gone"}}}, with(2, Named{"https://erp.example/groups", []string{"nordlys-accounting"}})},
		"none of the chosen":    {Mapping{{Source: "groups", Name: "g", Values: []string{"gone"}}}, with(2, Named{"g", []string{}})},
		"left out":              {Mapping{{Source: "profiles"}}, with(4)},
		"under two names":       {Mapping{{Source: "groups", Name: "a"}, {Source: "roles", Name: "role"}, {Source: "groups", Name: "b", Prefix: "x"}}, slices.Concat([]Named{{"role", someClaims.Roles}, asIs[1], {"a", someClaims.Groups}, {"b", []string{"xaccounting", "xboard", "xsales"}}}, asIs[3:])},
		"every segment chosen":  {Mapping{{Source: "segments", Name: "s", Values: []string{"oslo"}}}, with(6, Named{"s", []string{}})},
		"a source unheard of":   {Mapping{{Source: "passwords", Name: "p"}}, asIs},
		"left out and told too": {Mapping{{Source: "profiles"}, {Source: "profiles", Name: "p"}}, with(4, Named{"p", someClaims.Profiles})},
	} {
		if diff := cmp.Diff(row.want, row.mapping.Apply(someClaims)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	for _, n := range Mapping(nil).Apply(Claims{}) {
		if n.Values == nil {
			t.Errorf("%s: an empty list is not said", n.Name)
		}
	}
}

// TestR44_MappedNamesAreSound: of whatever stands in the table, what is told after the check has no reserved name, none twice,
// and no value that the member does not have.
func TestR44_MappedNamesAreSound(t *testing.T) {
	t.Parallel()
	source := rapid.SampledFrom(append(slices.Clone(directory.ClaimSources), "", "x"))
	name := rapid.SampledFrom([]string{"", "a", "A", "b", "sub", "Email", "roles", "Roles", "groups", "profiles", "entitlements", "segments", "org_id", "x\n", "https://x"})
	prefix := rapid.SampledFrom([]string{"", "p-", "\x00"})
	value := rapid.SampledFrom([]string{"accounting", "sales", "seller", "invoices:view", "*", "gone", ""})
	rapid.Check(t, func(t *rapid.T) {
		var m Mapping
		for range rapid.IntRange(0, 33).Draw(t, "mappings") {
			m = append(m, directory.ClaimMapping{Source: source.Draw(t, "source"), Name: name.Draw(t, "name"), Prefix: prefix.Draw(t, "prefix"),
				Values: rapid.SliceOfN(value, 0, 3).Draw(t, "values")})
		}
		before := slices.Clone(m)
		sound := directory.SoundClaimMappings(m)
		if !directory.SameClaimMappings(before, m) {
			t.Fatal("the check changed what it was given")
		}
		seen := map[string]bool{}
		for _, n := range Mapping(sound).Apply(someClaims) {
			folded := directory.Fold(n.Name)
			if seen[folded] || slices.Contains([]string{"", "sub", "email", "org_id", "x\n"}, folded) {
				t.Fatalf("%q is told: %+v", n.Name, m)
			}
			seen[folded] = true
			if (folded == "roles" || folded == "entitlements" || folded == "segments") && !withoutPrefixIn(n.Values, someClaims.of(directory.ClaimSource(folded))) {
				t.Fatalf("%s carries %v", n.Name, n.Values)
			}
		}
	})
}

func withoutPrefixIn(values, of []string) bool {
	for _, v := range values {
		if !slices.Contains(of, strings.TrimPrefix(v, "p-")) {
			return false
		}
	}
	return true
}

// TestR44_ClaimsAreThoseOfTheModules: bank_access belongs to no module, and is told whatever the application declared.
func TestR44_ClaimsAreThoseOfTheModules(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ modules, want []string }{
		{nil, someClaims.Entitlements}, {[]string{}, []string{BankAccess}}, {[]string{"payments"}, []string{"payments:view", BankAccess}},
		{[]string{"payment", "invoice", "bank_acces"}, []string{BankAccess}}, {[]string{"invoices", "payments"}, someClaims.Entitlements},
	} {
		got := someClaims.Only(row.modules)
		if !slices.Equal(got.Entitlements, row.want) || !slices.Equal(got.Groups, someClaims.Groups) {
			t.Errorf("%v: %v, want %v", row.modules, got.Entitlements, row.want)
		}
	}
}
