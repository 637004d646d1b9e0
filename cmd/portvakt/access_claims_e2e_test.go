//go:build e2e

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// claimsWorld gives Anna a role, profile, nested groups and a segment in Nordlys, makes her a member of Björkvik, and lets c1
// be told of access in its own words.
const claimsWorld = `
organizations:
  - slug: nordlys
    segments: [oslo, bergen]
    profiles: [{id: selling, name: Selling, modules: {invoices: {view: true, create: true}, expenses: {view: true}}}]
    roles: [{id: chief, name: Chief, below: [{id: seller, name: Seller, profiles: [selling]}]}]
    groups:
      - {id: accounting, name: Accounting, members: [{member: anna@nordlys.example}]}
      - {id: board, name: Board, members: [{group: accounting}]}
      - {id: staff, name: Staff, members: [{role_and_below: chief}]}
    members:
      - {email: anna@nordlys.example, role: seller, segments: [oslo], functions: [main_recipient]}
  - slug: bjorkvik
    roles: [{id: guest, name: Guest}]
    members:
      - {email: anna@nordlys.example, kind: external, end: 2040-01-01T00:00:00Z, role: guest}
applications:
  - client_id: c1
    modules: [invoices]
    claims_in_id_token: true
    access_claims:
      - {source: groups, name: "https://c1.example/groups", prefix: nordlys-, values: [board, staff, gone]}
      - {source: roles, name: role}
      - {source: profiles, omit: true}
`

func (w *wall) applied(text string) {
	w.t.Helper()
	if code, _, errs := w.apply(w.database, text); code != exitOK {
		w.t.Fatalf("apply: %d %s", code, errs)
	}
}

// told are the claims on each of the four paths.
func (w *wall) told(k ring) map[string]map[string]any {
	w.t.Helper()
	out := map[string]map[string]any{}
	for where, raw := range map[string]string{
		"access token": decoded(strings.Split(k.access, ".")[1]), "ID token": decoded(strings.Split(k.id, ".")[1]),
		"userinfo":      w.ask(http.MethodGet, "/oauth2/userinfo", "", "Authorization", "Bearer "+k.access).body,
		"introspection": w.as(k.client, "/oauth2/introspect", url.Values{"token": {k.access}}).body,
	} {
		claims := map[string]any{}
		if err := json.Unmarshal([]byte(raw), &claims); err != nil {
			w.t.Fatalf("%s: %v in %.200s", where, err, raw)
		}
		out[where] = claims
	}
	return out
}

func (w *wall) tell(when string, k ring, want map[string]string) {
	w.t.Helper()
	for where, claims := range w.told(k) {
		for name, value := range want {
			if got := fmt.Sprint(claims[name]); got != value {
				w.t.Errorf("%s, %s: %s = %s, want %s", when, where, name, got, value)
			}
		}
	}
}

const accessScope = "openid offline_access organization access"

// TestR44_AccessClaimsOnEveryPath: in the application's words in access token, ID token, userinfo and introspection, after a
// refresh and after a change of organization; a change of access is in the next token (R05).
func TestR44_AccessClaimsOnEveryPath(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		w.applied(claimsWorld)
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		keys := w.tokens(anna, "c1", "organization", "nordlys", "scope", accessScope)
		want := map[string]string{
			"https://c1.example/groups": "[nordlys-board nordlys-staff]", "role": "[seller]", "role_path": "[chief seller]",
			"entitlements": "[invoices:view invoices:create]", "segments": "[oslo]", "functions": "[main_recipient]",
			"groups": "<nil>", "roles": "<nil>", "profiles": "<nil>", "access_ref": "<nil>", "org_slug": "nordlys",
		}
		w.tell("at first", keys, want)
		version, _ := claimOf(keys.access, "access_version").(float64)

		w.applied("organizations: [{slug: nordlys, members: [{email: anna@nordlys.example, grants: {invoices: edit}, segments: [oslo, bergen]}]}]")
		w.tell("before the next token", ring{keys.client, keys.access, keys.refresh, keys.access}, map[string]string{"org_slug": "nordlys", "role": "[seller]"})
		keys = ringOf("c1", w.refreshed("c1", keys.refresh))
		want["entitlements"], want["segments"] = "[invoices:view invoices:create invoices:edit invoices:delete]", "[bergen oslo]"
		w.tell("refreshed", keys, want)
		w.applied("organizations: [{slug: nordlys, profiles: [{id: selling, modules: {invoices: {view: true}}}]}]")
		if now, _ := claimOf(ringOf("c1", w.refreshed("c1", keys.refresh)).access, "access_version").(float64); version < 1 || now <= version {
			t.Errorf("access_version %v, then %v", version, now)
		}

		there := ringOf("c1", w.as("c1", "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {keys.refresh}, "organization": {"bjorkvik"}}))
		w.tell("in another organization", there, map[string]string{
			"https://c1.example/groups": "[]", "role": "[guest]", "role_path": "[guest]", "entitlements": "[]", "segments": "[*]", "functions": "[]", "org_slug": "bjorkvik",
		})
		// c4 declared the same module and no mapping: the neighbour application's words are not its own.
		w.applied("applications: [{client_id: c4, scopes: [openid, offline_access, organization, access], claims_in_id_token: true}]")
		w.tell("another application", w.tokens(anna, "c4", "organization", "nordlys", "scope", accessScope),
			map[string]string{"groups": "[accounting board staff]", "roles": "[seller]", "profiles": "[selling]", "role": "<nil>"})
	})
}

// TestR44_ReservedClaimsAreRefused: by apply, with line and column, and nothing of the file happens.
func TestR44_ReservedClaimsAreRefused(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		for _, name := range []string{"sub", "ISS", "email", "org_id", "scope", "access_ref", "entitlements", "ｓub"} {
			code, _, errs := w.apply(w.database, "applications:\n  - client_id: c1\n    access_claims:\n      - {source: groups, name: "+name+"}\n")
			if code != exitMistake || !strings.Contains(errs, ":4:32: ") || !strings.Contains(errs, "has a meaning of its own") {
				t.Errorf("%s: %d %s", name, code, errs)
			}
		}
		keys := w.tokens(w.signedIn("anna@nordlys.example", annaPassword), "c1", "scope", accessScope)
		if got := fmt.Sprint(claimOf(keys.access, "groups")); got != "[accounting]" {
			t.Errorf("after refusals, groups = %s", got)
		}
		supported, _ := w.ask(http.MethodGet, "/.well-known/openid-configuration", "").json()["claims_supported"].([]any)
		for _, claim := range []string{"roles", "role_path", "groups", "entitlements", "profiles", "functions", "segments", "access_version", "access_ref", "access_omitted"} {
			if !slices.Contains(supported, any(claim)) {
				t.Errorf("claims_supported lacks %s", claim)
			}
		}
	})
}

// TestR44_TheBudgetOfAnApplication: what is too large for a token is named there and told elsewhere; a token of the largest
// budget passes every door of ours.
func TestR44_TheBudgetOfAnApplication(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		var groups strings.Builder
		for i := range 900 {
			fmt.Fprintf(&groups, "      - {id: a-group-with-a-long-name-%04d, name: Group %d, members: [{member: anna@nordlys.example}]}\n", i, i)
		}
		w.applied("organizations:\n  - slug: nordlys\n    groups:\n" + groups.String() + "applications: [{client_id: c1, claims_budget: 1000, claims_in_id_token: true}]\n")
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		keys := w.tokens(anna, "c1", "scope", accessScope)
		check := func(budget string, k ring, inTokens bool) {
			t.Helper()
			for where, claims := range w.told(k) {
				list, _ := claims["groups"].([]any)
				whole := inTokens && where != "ID token" || !strings.HasSuffix(where, "token") // an ID token comes back in addresses
				if n := map[bool]int{true: 901, false: 0}[whole]; len(list) != n {
					t.Errorf("budget %s, %s: %d groups, want %d", budget, where, len(list), n)
				}
				ref, omitted := fmt.Sprint(claims["access_ref"]), fmt.Sprint(claims["access_omitted"])
				if whole && (ref != "<nil>" || omitted != "<nil>") || !whole && (ref != w.issuer+"/access/v1" || omitted != "[groups]") {
					t.Errorf("budget %s, %s: %s %s", budget, where, ref, omitted)
				}
				if claims["roles"] == nil || claims["sub"] == nil {
					t.Errorf("budget %s, %s: %v", budget, where, claims)
				}
			}
		}
		check("1000", keys, false)
		w.applied("applications: [{client_id: c1, claims_budget: 32768}]")
		eventually(t, "the service hears of the larger budget", func() bool { // at once on the node that made the change
			keys = ringOf("c1", w.refreshed("c1", keys.refresh))
			return claimOf(keys.access, "access_ref") == nil
		})
		check("32768", keys, true)
		if n := len(keys.access); n < 30000 {
			t.Fatalf("the token has %d bytes only", n)
		}
		hint := url.Values{"id_token_hint": {keys.id}, "client_id": {"c1"}, "post_logout_redirect_uri": {"https://c1.example/bye"}}
		if got := w.ask(http.MethodPost, "/oauth2/logout", hint.Encode(), "Content-Type", formType); got.status >= http.StatusBadRequest {
			t.Errorf("a large ID token as a hint: %d %s", got.status, got.page())
		}
		if got := w.as("c1", "/oauth2/revoke", url.Values{"token": {keys.access}}); got.status != http.StatusOK || w.userinfo(keys.access) != http.StatusUnauthorized {
			t.Errorf("a large token is not revoked: %d %s", got.status, got.body)
		}
		if code, _, errs := w.apply(w.database, "applications:\n  - {client_id: c1, claims_budget: 40000}\n"); code != exitMistake || !strings.Contains(errs, "between 256 and 32768") {
			t.Errorf("a budget over the most: %d %s", code, errs)
		}
	})
}
