//go:build e2e

package main

import (
	"net/url"
	"strings"
	"testing"
)

const scimBySeed = `
organizations:
  - slug: nordlys
    provisioning_clients:
      - {name: HR, oauth_client: c1}
      - {name: Shop, token: scim-shop-nordlys, rights: [users], oauth_client: nordlys.webshop, patch_answer: empty}
`

// own is a client's own access token of the token endpoint.
func (w *wall) own(client, scope, organization string) string {
	w.t.Helper()
	got := w.as(client, "/oauth2/token", with(url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}, "organization", organization))
	if got.status != 200 {
		w.t.Fatalf("%s got no token: %d %s", client, got.status, got.body)
	}
	return ringOf(client, got).access
}

func (w *wall) scimBy(token, method, path, body string) wallAnswer {
	w.t.Helper()
	more := []string{"Authorization", "Bearer " + token}
	if body != "" {
		more = append(more, "Content-Type", "application/scim+json")
	}
	return w.ask(method, path, body, more...)
}

// TestWall058_074_SCIMByAccessTokens: an application's and a service account's own tokens act as the clients that name them,
// and die with what they hang on; a person's opens /Me.
func TestWall058_074_SCIMByAccessTokens(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		const users, theirs = "/scim/v2/nordlys/Users", "/scim/v2/bjorkvik/Users"
		early := w.own("c1", "scim", "nordlys")
		if got := w.scimBy(early, "GET", users, ""); got.status != 403 || strings.Contains(got.body, "anna") {
			t.Errorf("before a client names it: %d %s", got.status, got.body)
		}
		w.applied(scimBySeed)
		app, shop := w.own("c1", "scim", "nordlys"), w.own("webshop", "scim", "")
		for name, token := range map[string]string{"application": app, "service account": shop} {
			if got := w.scimBy(token, "GET", users+"?count=1", ""); got.status != 200 {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
			if got := w.scimBy(token, "GET", theirs, ""); got.status != 404 {
				t.Errorf("%s at the neighbour's: %d", name, got.status)
			}
		}
		if got := w.scimBy(shop, "GET", "/scim/v2/nordlys/Groups", ""); got.status != 403 {
			t.Errorf("without the right: %d", got.status)
		}
		for name, token := range map[string]string{"their organization's": w.own("c1", "scim", "bjorkvik"), "of no organization": w.own("c1", "scim", ""),
			"without the scope": w.own("c1", "authzen", "nordlys")} {
			got := w.scimBy(token, "GET", users, "")
			if want := map[string]int{"their organization's": 403}[name]; got.status != max(want, 401) {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		}

		anna := w.signedIn("anna@nordlys.example", annaPassword)
		hers := w.tokens(anna, "c1", "scope", "openid scim", "organization", "nordlys")
		me := w.scimBy(hers.access, "GET", "/scim/v2/nordlys/Me", "")
		if me.status != 200 || me.json()["userName"] != "anna@nordlys.example" || !strings.HasSuffix(me.header.Get("Content-Location"), users+"/"+me.id()) {
			t.Errorf("/Me: %d %v %s", me.status, me.header, me.body)
		}
		for _, path := range []string{users, users + "/" + me.id(), "/scim/v2/nordlys/Schemas", "/scim/v2/bjorkvik/Me", "/scim/v2/nordlys/Bulk"} {
			if got := w.scimBy(hers.access, "GET", path, ""); got.status != 401 {
				t.Errorf("a person's token at %s: %d", path, got.status)
			}
		}
		if got := w.scimBy(hers.access, "PATCH", "/scim/v2/nordlys/Me", patch(`{"op":"replace","path":"title","value":"x"}`)); got.status != 405 || got.header.Get("Allow") != "GET" {
			t.Errorf("a write to /Me: %d %v", got.status, got.header)
		}
		for name, token := range map[string]string{"ID token": hers.id, "refresh token": hers.refresh, "without the scope": w.tokens(anna, "c1").access} {
			if got := w.scimBy(token, "GET", "/scim/v2/nordlys/Me", ""); got.status != 401 {
				t.Errorf("/Me with %s: %d", name, got.status)
			}
		}
		w.setActive(me.id(), false)
		if got := w.scimBy(hers.access, "GET", "/scim/v2/nordlys/Me", ""); got.status != 401 {
			t.Errorf("/Me of somebody suspended: %d", got.status)
		}

		w.as("c1", "/oauth2/revoke", url.Values{"token": {early}})
		if got := w.scimBy(early, "GET", users, ""); got.status != 401 {
			t.Errorf("a revoked token: %d", got.status)
		}
		portvakt(t, exitOK, "service-account", "disable", "--database", w.database, "--organization", "nordlys", "--id", "webshop")
		// By a command of another process: this one hears of it in a moment.
		eventually(t, "a disabled service account is shut out", func() bool { return w.scimBy(shop, "GET", users, "").status == 401 })
		if said := portvakt(t, exitOK, "provisioning-client", "list", "--database", w.database, "--organization", "nordlys"); !strings.Contains(said, "oauth  c1") || !strings.Contains(said, "PATCH answers: empty") {
			t.Errorf("listed:\n%s", said)
		}
		w.applied("applications: [{client_id: c1, disabled: true}]")
		eventually(t, "a disabled application is shut out", func() bool { return w.scimBy(app, "GET", users, "").status == 401 })
		w.applied("applications: [{client_id: c1, disabled: false}]")
		eventually(t, "an application that may again is let in", func() bool { return w.scimBy(app, "GET", users, "").status == 200 })
		about := []string{"--database", w.database, "--organization", "nordlys", "--name", "HR"}
		portvakt(t, exitOK, append([]string{"provisioning-client", "caller"}, about...)...)
		if got := w.scimBy(app, "GET", users, ""); got.status != 403 {
			t.Errorf("after the caller was taken back: %d", got.status)
		}
		portvakt(t, exitMistake, append([]string{"provisioning-client", "release", "--to", "HR"}, about...)...)
		if said := portvakt(t, exitOK, append([]string{"provisioning-client", "remove", "--to", "Shop"}, about...)...); !strings.Contains(said, "now those of Shop; HR is gone") {
			t.Errorf("removed: %s", said)
		}
		if got := w.scim("nordlys", "GET", "/Users", ""); got.status != 401 {
			t.Errorf("the token of a removed client: %d", got.status)
		}
		if got := w.scimBy("scim-shop-nordlys", "PATCH", users+"/"+me.id(), patch(`{"op":"replace","path":"title","value":"x"}`)); got.status >= 300 {
			t.Errorf("who took over: %d %s", got.status, got.body)
		}
	})
}
