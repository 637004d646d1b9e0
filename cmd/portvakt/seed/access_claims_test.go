package seed_test

import (
	"strings"
	"testing"

	"portvakt/cmd/portvakt/seed"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const erp = `applications:
  - client_id: erp
    secret: erp-secret
    redirect_uris: [https://erp.example/cb]
`

// TestR44_AccessClaimsInAFile: how an application wants to be told of access is applied, kept where the file says nothing, and
// replaced by another list.
func TestR44_AccessClaimsInAFile(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		p := newPlace(t, db)
		got := func(text string) directory.Application {
			t.Helper()
			p.apply(t, parse(t, text))
			a, err := p.Directory.Applications.ByClientID(ctx, "erp")
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		full := erp + `    claims_budget: 1000
    access_claims:
      - {source: groups, name: "https://erp.example/groups", prefix: nordlys-, values: [accounting]}
      - {source: roles, name: role}
      - {source: segments, prefix: s-}
      - {source: profiles, omit: true}
`
		want := []directory.ClaimMapping{
			{Source: directory.ClaimGroups, Name: "https://erp.example/groups", Prefix: "nordlys-", Values: []string{"accounting"}},
			{Source: directory.ClaimRoles, Name: "role"}, {Source: directory.ClaimSegments, Name: "segments", Prefix: "s-"}, {Source: directory.ClaimProfiles},
		}
		first := got(full)
		if !directory.SameClaimMappings(first.AccessClaims, want) || first.Metadata.ClaimsBudget != 1000 {
			t.Fatalf("applied: %+v, budget %d", first.AccessClaims, first.Metadata.ClaimsBudget)
		}
		if report := p.apply(t, parse(t, full)); !report.Total().Zero() {
			t.Errorf("applying it again changed something: %s", report)
		}
		if kept := got(erp); !directory.SameClaimMappings(kept.AccessClaims, want) || kept.Metadata.ClaimsBudget != 1000 || kept.Version != first.Version {
			t.Errorf("a file that says nothing of it: %+v", kept)
		}
		if less := got(erp + "    access_claims: [{source: roles, name: rolle}]\n"); len(less.AccessClaims) != 1 || less.AccessClaims[0].Name != "rolle" {
			t.Errorf("another list: %+v", less.AccessClaims)
		}
		if none := got(erp + "    access_claims: []\n    claims_budget: 0\n"); len(none.AccessClaims) != 0 || none.Metadata.ClaimsBudget != 0 {
			t.Errorf("an empty list: %+v", none)
		}
	})
}

// TestR44_AccessClaimsAreRefusedByLine: each mistake at its place, all of them at once.
func TestR44_AccessClaimsAreRefusedByLine(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]string{
		"{source: groups, name: sub}":             `test.yaml:6:32: application "erp", access_claims: the claim "sub" has a meaning of its own`,
		"{source: groups, name: EMAIL}":           `test.yaml:6:32: application "erp", access_claims: the claim "EMAIL" has a meaning of its own`,
		"{source: groups, name: roles}":           `test.yaml:6:32: application "erp", access_claims: the claim "roles" has a meaning of its own`,
		"{source: passwords, name: x}":            `test.yaml:6:18: application "erp", access_claims: the sources are roles,`,
		"{name: x}":                               `test.yaml:6:9: application "erp", access_claims: a claim has no source`,
		"{source: groups, name: x, omit: true}":   `test.yaml:6:32: application "erp", access_claims: groups has a name and is left out`,
		"{source: groups, prefix: x, omit: true}": `test.yaml:6:18: application "erp", access_claims: of a source that is left out`,
		"{source: groups, values: []}":            `test.yaml:6:9: application "erp", access_claims: groups has an empty list of values`,
		`{source: groups, name: "a\nb"}`:          `test.yaml:6:32: application "erp", access_claims: the name of a claim is 1 to 128 bytes`,
		`{source: groups, prefix: "a\tb"}`:        `test.yaml:6:34: application "erp", access_claims: a prefix is at most 128 bytes`,
		`{source: groups, values: ["a\tb"]}`:      `test.yaml:6:35: application "erp", access_claims: at most 200 values`,
		"{source: groups, name: a, as: b}":        `test.yaml:6:`,
		"{source: groups, name: profiles}":        `test.yaml:6:32: application "erp", access_claims: there are two claims with the name "profiles"`,
		"{source: roles}\n      - {source: roles, name: x}\n      - {source: groups, name: X}\n      - {source: functions, name: aud}": `test.yaml:8:32: application "erp", access_claims: there are two claims with the name "X"` +
			"\n" + `test.yaml:9:35: application "erp", access_claims: the claim "aud" has a meaning of its own`,
	} {
		_, problems := seed.Parse("test.yaml", []byte(erp+"    access_claims:\n      - "+lines+"\n"), dev)
		if err := problems.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n%v\nwant\n%s", lines, err, want)
		}
	}
	for budget, wrong := range map[string]bool{"255": true, "256": false, "32768": false, "32769": true, "-1": true, "0": false} {
		_, problems := seed.Parse("test.yaml", []byte(erp+"    claims_budget: "+budget+"\n"), dev)
		if err := problems.Err(); wrong != (err != nil) || wrong && !strings.Contains(err.Error(), "claims_budget: it is between 256 and 32768 bytes") {
			t.Errorf("claims_budget %s: %v", budget, err)
		}
	}
}
