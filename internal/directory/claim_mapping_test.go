package directory_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func groupsAs(name string) []directory.ClaimMapping {
	return []directory.ClaimMapping{{Source: directory.ClaimGroups, Name: name}}
}

// codes are the codes of what is wrong, with index and key.
func codesOf(list []directory.ClaimMapping) []string {
	var out []string
	for _, f := range directory.CheckClaimMappings(list) {
		out = append(out, fmt.Sprintf("%d.%s %s", f.Index, f.Key, f.Code))
		if want := fmt.Sprintf("access_claims.%d.%s", f.Index, f.Key); f.Field != want && f.Code != "too_many_claims" {
			out = append(out, "field "+f.Field+", want "+want)
		}
	}
	return out
}

// TestR44_ReservedClaimsAreNobodys: no name that a reader believes can be taken, however it is spelled.
func TestR44_ReservedClaimsAreNobodys(t *testing.T) {
	t.Parallel()
	reserved := strings.Fields(`iss sub aud exp iat nbf jti azp nonce acr amr auth_time at_hash c_hash s_hash sid client_id scope cnf act may_act events
		name given_name family_name middle_name nickname preferred_username profile picture website email email_verified gender birthdate zoneinfo
		locale phone_number phone_number_verified address updated_at active username token_type fam cred organizations
		org_id org_slug org_name org_anything membership_id membership_kind membership_end access_ref access_omitted access_version
		roles entitlements segments authorization_details __proto__ urn:portvakt:x
		SUB Sub Iss ſub EMAIL ｓｕｂ Ｅｍａｉｌ ROLES ORG_ID ACCESS_REF`)
	for _, name := range reserved {
		if got := codesOf(groupsAs(name)); !slices.Equal(got, []string{"0.name reserved_claim"}) {
			t.Errorf("%s: %v", name, got)
		}
		if sound := directory.SoundClaimMappings(groupsAs(name)); len(sound) != 1 || !sound[0].OmitsClaim() {
			t.Errorf("%s: a token would tell it: %+v", name, sound)
		}
	}
	for _, name := range []string{"groups", "Groups", "role", "https://erp.example/groups", "urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "grupper på kontoret", "メンバー", "subs", "my_org_id"} {
		if got := codesOf(groupsAs(name)); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestR44_APrefixMakesNoRoleOfOurs: an organization names its roles itself, so none may come to read as local_admin.
func TestR44_APrefixMakesNoRoleOfOurs(t *testing.T) {
	t.Parallel()
	as := func(name, prefix string) []directory.ClaimMapping {
		return []directory.ClaimMapping{{Source: directory.ClaimRoles, Name: name, Prefix: prefix}}
	}
	for _, prefix := range []string{"l", "local_", "local_admi", "LOCAL_", "ｌocal_", "user_", "user_administratio", "reseller_", "reseller_a"} {
		if got := codesOf(as("roles", prefix)); !slices.Equal(got, []string{"0.prefix reserved_role_prefix"}) {
			t.Errorf("%s: %v", prefix, got)
		}
		if sound := directory.SoundClaimMappings(as("roles", prefix)); !sound[0].OmitsClaim() {
			t.Errorf("%s: a token would tell it: %+v", prefix, sound)
		}
	}
	for _, m := range [][]directory.ClaimMapping{as("roles", ""), as("roles", "nordlys-"), as("roles", "local_admin"), as("roles", "local_admin_"), as("job", "local_"), groupsAs("groups")} {
		if got := codesOf(m); got != nil {
			t.Errorf("%+v: %v", m, got)
		}
	}
}

func TestClaimMappingsAreChecked(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 129)
	for name, row := range map[string]struct {
		list []directory.ClaimMapping
		want []string
	}{
		"nothing":                        {nil, nil},
		"under its own name":             {groupsAs("groups"), nil},
		"several names for one source":   {append(groupsAs("a"), groupsAs("b")...), nil},
		"another's name, which is free":  {append(groupsAs("profiles"), directory.ClaimMapping{Source: directory.ClaimProfiles}), nil},
		"another's name, which is taken": {groupsAs("profiles"), []string{"0.name claim_twice"}},
		"twice the same":                 {append(groupsAs("a"), groupsAs("a")...), []string{"1.name claim_twice"}},
		"twice but for case":             {append(groupsAs("a"), groupsAs("A")...), []string{"1.name claim_twice"}},
		"a source that there is not":     {[]directory.ClaimMapping{{Source: "password", Name: "p"}}, []string{"0.source bad_claim_source"}},
		"no source":                      {[]directory.ClaimMapping{{Name: "p"}}, []string{"0.source bad_claim_source"}},
		"left out and told":              {[]directory.ClaimMapping{{Source: directory.ClaimGroups}, {Source: directory.ClaimGroups, Name: "g"}}, []string{"0.source bad_claim_omission"}},
		"left out with a prefix":         {[]directory.ClaimMapping{{Source: directory.ClaimGroups, Prefix: "x"}}, []string{"0.source bad_claim_omission"}},
		"a long name":                    {groupsAs(long), []string{"0.name bad_claim_name"}},
		"a name with a line break":       {groupsAs("a\nb"), []string{"0.name bad_claim_name"}},
		"a name with a zero":             {groupsAs("a\x00"), []string{"0.name bad_claim_name"}},
		"a name turned round":            {groupsAs("a\u202eb"), []string{"0.name bad_claim_name"}},
		"a name that is no text":         {groupsAs("a\xff"), []string{"0.name bad_claim_name"}},
		"a name of spaces":               {groupsAs(" "), []string{"0.name bad_claim_name"}},
		"a name with a space behind":     {groupsAs("sub "), []string{"0.name bad_claim_name"}},
		"a long prefix":                  {[]directory.ClaimMapping{{Source: directory.ClaimGroups, Name: "g", Prefix: long}}, []string{"0.prefix bad_claim_prefix"}},
		"a prefix with a line break":     {[]directory.ClaimMapping{{Source: directory.ClaimGroups, Name: "g", Prefix: "a\r"}}, []string{"0.prefix bad_claim_prefix"}},
		"an empty value":                 {[]directory.ClaimMapping{{Source: directory.ClaimGroups, Name: "g", Values: []string{""}}}, []string{"0.values bad_claim_values"}},
		"too many values":                {[]directory.ClaimMapping{{Source: directory.ClaimGroups, Name: "g", Values: slices.Repeat([]string{"a"}, 201)}}, []string{"0.values bad_claim_values"}},
		"too many":                       {slices.Repeat(groupsAs("a"), 31), []string{"0.source too_many_claims"}},
	} {
		if got := codesOf(row.list); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
		sound := directory.SoundClaimMappings(row.list)
		if again := directory.SoundClaimMappings(sound); len(row.want) == 0 && len(sound) != len(row.list) || len(again) != len(sound) {
			t.Errorf("%s: sound %v, again %v", name, sound, again)
		}
	}
	for _, m := range directory.SoundClaimMappings(slices.Repeat(groupsAs("a"), 31)) {
		if !m.OmitsClaim() {
			t.Errorf("of too many, %v is told", m)
		}
	}
}

// TestR44_ApplicationsKeepTheirMapping: it is saved, read and compared with the application, refused with the field named, and
// every change is in the history and known to caches.
func TestR44_ApplicationsKeepTheirMapping(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		apps := directory.New(db).Applications
		want := []directory.ClaimMapping{
			{Source: directory.ClaimGroups, Name: "https://erp.example/groups", Prefix: "nordlys-", Values: []string{"accounting", `quote"\`}},
			{Source: directory.ClaimRoles, Name: "role"}, {Source: directory.ClaimProfiles},
		}
		a := must(apps.Save(ctx, directory.Application{ClientID: "erp", Name: "ERP", AccessClaims: want}))(t)
		other := must(apps.Save(ctx, directory.Application{ClientID: "other", Name: "Other"}))(t)
		for _, got := range []directory.Application{a, must(apps.ByClientID(ctx, "erp"))(t), must(apps.ByID(ctx, a.ID))(t)} {
			if !directory.SameClaimMappings(got.AccessClaims, want) {
				t.Fatalf("read %+v", got.AccessClaims)
			}
		}
		if len(other.AccessClaims) != 0 {
			t.Errorf("a neighbour has %+v", other.AccessClaims)
		}
		if again := must(apps.Save(ctx, a))(t); again.Version != a.Version {
			t.Errorf("saving the same made version %d of %d", again.Version, a.Version)
		}
		watermark := must(db.Watermarks().Version(ctx, directory.ApplicationsWatermark))(t)
		less := a
		less.AccessClaims = want[1:]
		if less = must(apps.Save(ctx, less))(t); len(less.AccessClaims) != 2 || less.Version != a.Version+1 {
			t.Errorf("after a change: %+v", less)
		}
		if now := must(db.Watermarks().Version(ctx, directory.ApplicationsWatermark))(t); now == watermark {
			t.Error("caches do not learn of it")
		}
		var n int64
		if err := db.QueryRow(ctx, `select count(*) from audit_entries where action = 'application.changed' and object = $1`, a.ID.String()).Scan(&n); err != nil || n != 1 {
			t.Errorf("%d entries in the history, %v", n, err)
		}
		bad := less
		bad.AccessClaims = append(slices.Clone(want), directory.ClaimMapping{Source: directory.ClaimSegments, Name: "Sub"})
		if _, err := apps.Save(ctx, bad); !fault.Is(err, fault.Invalid) || fault.Of(err).Code != "reserved_claim" || fault.Of(err).Field != "access_claims.3.name" {
			t.Errorf("a reserved claim was saved: %v", err)
		}
		if got := must(apps.ByID(ctx, a.ID))(t); !directory.SameClaimMappings(got.AccessClaims, want[1:]) {
			t.Errorf("after a refusal: %+v", got.AccessClaims)
		}
		less.AccessClaims = nil
		if none := must(apps.Save(ctx, less))(t); len(none.AccessClaims) != 0 {
			t.Errorf("after clearing: %+v", none.AccessClaims)
		}
	})
}

// TestR44_MappingsAreSavedWhole: of thirty changes at the same moment one is there in the end, with all its rows and no other's.
func TestR44_MappingsAreSavedWhole(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		apps := directory.New(db).Applications
		a := must(apps.Save(ctx, directory.Application{ClientID: "erp", Name: "ERP"}))(t)
		var group sync.WaitGroup
		for i := range 30 {
			group.Go(func() {
				mine := a
				for n := range i%5 + 1 {
					mine.AccessClaims = append(slices.Clone(mine.AccessClaims), groupsAs(fmt.Sprintf("by-%d-%d", i, n))...)
				}
				if _, err := apps.Save(ctx, mine); err != nil {
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		group.Wait()
		got := must(apps.ByID(ctx, a.ID))(t).AccessClaims
		var i, n int
		if _, err := fmt.Sscanf(got[0].Name, "by-%d-%d", &i, &n); err != nil || len(got) != i%5+1 {
			t.Fatalf("left are %+v", got)
		}
		for n, m := range got {
			if m.Name != fmt.Sprintf("by-%d-%d", i, n) {
				t.Errorf("mixed: %+v", got)
			}
		}
	})
}
