package token_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"portvakt/idp/gate"
	"portvakt/idp/token"
	"portvakt/internal/directory"
)

// paths are the four places where an application is told of access: access token, ID token, userinfo, introspection.
func (w *world) paths(t testing.TB, tokens token.Tokens) map[string]map[string]any {
	t.Helper()
	a := must(w.VerifyAccess(ctx, tokens.AccessToken))(t)
	pass := must(w.State(ctx, a, w.client))(t)
	return map[string]map[string]any{
		"access token": payload(t, tokens.AccessToken), "ID token": payload(t, tokens.IDToken),
		"userinfo":      object(t, must(w.UserInfo(ctx, a, w.client, pass))(t)),
		"introspection": object(t, must(w.Introspection(ctx, a, w.client, pass))(t)),
	}
}

// object reads a JSON object in which no name may stand twice.
func object(t testing.TB, raw []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(raw)))
	out := map[string]any{}
	if _, err := d.Token(); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		if _, twice := out[name.(string)]; twice {
			t.Fatalf("%s stands there twice: %s", name, raw)
		}
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		out[name.(string)] = v
	}
	return out
}

func listOf(claims map[string]any, name string) string {
	list, is := claims[name].([]any)
	if !is {
		return fmt.Sprint(claims[name])
	}
	return strings.Trim(fmt.Sprint(list), "[]")
}

// TestR44_TheFourPathsTellTheSame: in the application's words, at first, after a refresh, and after a change of organization.
func TestR44_TheFourPathsTellTheSame(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.client.ClaimsInID = true
		w.client.AccessClaims = []directory.ClaimMapping{
			{Source: directory.ClaimGroups, Name: `https://erp.example/"groups"`, Prefix: "nordlys-", Values: []string{"accounting"}},
			{Source: directory.ClaimRoles, Name: "role"}, {Source: directory.ClaimProfiles},
		}
		w.claims["groups"] = []string{"accounting", "board"}
		w.claims["profiles"] = []string{"sales"}
		second := must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: "bjorkvik", Name: "Björkvik AB", Seats: directory.UnlimitedSeats}))(t)
		must(w.dir.Memberships.Create(ctx, second.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "kari@nordlys.example"}}))(t)

		first := w.tokens(t)
		refreshed := must(w.Refresh(ctx, w.client, token.RefreshRequest{Token: first.RefreshToken}))(t)
		switched := must(w.Refresh(ctx, w.client, token.RefreshRequest{Token: refreshed.RefreshToken, Organization: "bjorkvik"}))(t)
		for when, tokens := range map[string]token.Tokens{"at first": first, "refreshed": refreshed, "switched": switched} {
			for where, told := range w.paths(t, tokens) {
				for name, want := range map[string]string{
					`https://erp.example/"groups"`: "nordlys-accounting", "role": "chief", "entitlements": "invoices:view", "segments": "",
					"groups": "<nil>", "roles": "<nil>", "profiles": "<nil>", "access_ref": "<nil>", "access_omitted": "<nil>",
				} {
					if got := listOf(told, name); got != want {
						t.Errorf("%s, %s: %s = %q, want %q", when, where, name, got, want)
					}
				}
				slug := map[bool]string{true: "bjorkvik", false: "nordlys"}[when == "switched"]
				if told["sub"] != w.member.User.String() || told["org_slug"] != slug {
					t.Errorf("%s, %s: %v", when, where, told)
				}
				if v, _ := told["access_version"].(float64); v < 1 {
					t.Errorf("%s, %s: access_version %v", when, where, told["access_version"])
				}
			}
		}
	})
}

// TestR44_AccessVersionFollowsTheModel: a token says which version of the access model its claims are of, or a later one's.
func TestR44_AccessVersionFollowsTheModel(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		of := func() float64 { v, _ := payload(t, w.tokens(t).AccessToken)["access_version"].(float64); return v }
		before := of()
		must(w.dir.Access.SaveSegments(ctx, w.org.ID, []directory.Segment{{Key: "oslo", Name: "Oslo"}}))(t)
		after := of()
		now := must(w.dir.Access.AccessVersion(ctx, w.org.ID))(t)
		if after <= before || after != float64(now) {
			t.Errorf("access_version %v, then %v; the model's is %d", before, after, now)
		}
		if plain := payload(t, w.tokens(t, "openid", "organization").AccessToken); plain["access_version"] != nil || plain["roles"] != nil {
			t.Errorf("without the scope access: %v", plain)
		}
	})
}

// TestR44_AMappingBesideTheRulesIsLeftOut: what was written into the table past every check overwrites nothing in any token.
func TestR44_AMappingBesideTheRulesIsLeftOut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i, name := range []string{"sub", "SUB", "aud", "email", "org_id", "access_ref", "active", "client_id", "segments", "a", "a", "x\ny"} {
			if _, err := w.db.Exec(ctx, `insert into claim_mappings (application_id, position, source, name, prefix, chosen) values ($1, $2, 'groups', $3, '', '[]')`,
				w.client.ID, i, name); err != nil {
				t.Fatal(err)
			}
		}
		a := must(w.dir.Applications.ByID(ctx, w.client.ID))(t)
		w.client = token.ClientOf(a, w.client.Gate)
		w.client.ClaimsInID = true
		w.claims["groups"] = []string{"usr_somebody_else"}
		if len(w.client.AccessClaims) != 12 {
			t.Fatalf("the rows did not arrive: %v", w.client.AccessClaims)
		}
		tokens := w.tokens(t)
		for where, told := range w.paths(t, tokens) {
			told = maps.Clone(told)
			if listOf(told, "a") != "usr_somebody_else" {
				t.Errorf("%s: the sound mapping tells %v", where, told["a"])
			}
			delete(told, "a")
			for name, v := range told {
				if strings.Contains(fmt.Sprint(v), "usr_somebody_else") {
					t.Errorf("%s: %q was overwritten: %v", where, name, v)
				}
			}
			if told["sub"] != w.member.User.String() {
				t.Errorf("%s: sub is %v", where, told["sub"])
			}
		}
		for _, jwt := range []string{tokens.AccessToken, tokens.IDToken} {
			object(t, must(base64url(strings.Split(jwt, ".")[1]))(t))
		}
	})
}

// TestR44_TheBudgetLeavesOutTheLargestAndSaysSo: claims are told whole or not at all, by application; tokens name what is
// missing, answers have all.
func TestR44_TheBudgetLeavesOutTheLargestAndSaysSo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.client.ClaimsInID = true
		w.claims["groups"] = keysOf("group", 1000)
		w.claims["segments"] = keysOf("segment", 30) // 420 bytes
		scope := []string{"openid", "organization", "organizations", "access"}
		for budget, want := range map[int]string{0: "groups", 4096: "groups", 256: "groups segments organizations", 1: "groups segments organizations",
			500: "groups segments", 32768: "<nil>", 1 << 30: "<nil>"} {
			w.client.ClaimsBudget = budget
			told := w.paths(t, w.tokens(t, scope...))
			for _, where := range []string{"access token", "ID token"} {
				claims, want := told[where], want
				if where == "ID token" && want == "<nil>" {
					want = "groups" // 12 KiB, in something that comes back in addresses
				}
				if got := listOf(claims, "access_omitted"); got != want {
					t.Errorf("budget %d, %s: left out %q, want %q", budget, where, got, want)
				}
				if ref := claims["access_ref"]; want == "<nil>" && ref != nil || want != "<nil>" && ref != issuer+"/access/v1" {
					t.Errorf("budget %d, %s: access_ref %v", budget, where, ref)
				}
				for _, name := range []string{"roles", "role_path", "groups", "entitlements", "profiles", "functions", "segments", "organizations"} {
					_, is := claims[name]
					if out := slices.Contains(strings.Fields(want), name); is == out {
						t.Errorf("budget %d, %s: %s is there %v, left out %v", budget, where, name, is, out)
					}
				}
				if n, _ := claims["groups"].([]any); n != nil && len(n) != 1000 {
					t.Errorf("budget %d, %s: a list was cut to %d", budget, where, len(n))
				}
			}
			for _, where := range []string{"userinfo", "introspection"} {
				groups, _ := told[where]["groups"].([]any)
				segments, _ := told[where]["segments"].([]any)
				if len(groups) != 1000 || len(segments) != 30 || told[where]["organizations"] == nil || told[where]["access_ref"] != nil || told[where]["access_omitted"] != nil {
					t.Errorf("budget %d, %s is not whole: %d groups, %d segments, %v, %v", budget, where, len(groups), len(segments), told[where]["access_ref"], told[where]["access_omitted"])
				}
			}
		}
	})
}

// TestR44_ATokenKeepsItsBudget: the claims of access with the note of what is missing never take more than was said, as long
// as the note alone fits.
func TestR44_ATokenKeepsItsBudget(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		size := func() int {
			raw := must(base64url(strings.Split(w.tokens(t, "openid", "access").AccessToken, ".")[1]))(t)
			return len(raw)
		}
		for _, source := range []string{"roles", "groups", "entitlements", "role_path", "profiles", "functions", "segments"} {
			w.claims[source] = []string{}
		}
		floor := size()
		for source := range w.claims {
			floor -= len(`"":[],`) + len(source)
		}
		for n := 0; n < 400; n += 57 {
			for i, source := range []string{"groups", "segments", "profiles", "role_path"} {
				w.claims[source] = keysOf(source, n/(i+1))
			}
			for _, budget := range []int{256, 300, 1000, 4096} {
				w.client.ClaimsBudget = budget
				if over := size() - floor - budget; over > 0 {
					t.Fatalf("budget %d, %d groups: %d bytes too many", budget, n, over)
				}
			}
		}
	})
}

// TestR44_IntrospectionCompletesByWhatIsNow: where a token had to leave something out, whoever asks hears how things stand now.
func TestR44_IntrospectionCompletesByWhatIsNow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.claims["groups"] = keysOf("group", 1000)
		tokens := w.tokens(t)
		w.claims["groups"], w.claims["roles"] = []string{"sales"}, []string{"seller"}
		told := w.paths(t, tokens)["introspection"]
		if listOf(told, "groups") != "sales" || listOf(told, "roles") != "seller" || told["jti"] != payload(t, tokens.AccessToken)["jti"] {
			t.Errorf("introspection %v", told)
		}
		a := must(w.VerifyAccess(ctx, tokens.AccessToken))(t)
		if _, err := w.Introspection(ctx, a, w.client, gate.Pass{}); err == nil {
			t.Error("without a pass something was told")
		}
		if _, err := w.Introspection(ctx, a, w.other, must(w.State(ctx, a, w.client))(t)); err == nil {
			t.Error("another application's pass told something")
		}
	})
}

func keysOf(word string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%03d", word, i)
	}
	return out
}
