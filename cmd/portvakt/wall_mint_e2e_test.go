//go:build e2e

package main

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"portvakt/authz/authzen"
	"portvakt/idp/oidc"
	"portvakt/idp/saml"
	"portvakt/internal/sqldb"
)

// everyRoute is every address of the service, from the tables that it is routed by, with the methods that may do something
// there; what ends a session comes last.
func (w *wall) everyRoute() (out []struct{ method, path string }) {
	w.t.Helper()
	add := func(path string, methods ...string) {
		path = regexp.MustCompile(`\{\w+\}`).ReplaceAllStringFunc(path, func(name string) string {
			return map[string]string{"{organization}": "nordlys", "{application}": "c1"}[name]
		})
		for _, m := range methods {
			out = append(out, struct{ method, path string }{m, path})
		}
	}
	for _, path := range pageRoutes() {
		add(path, "GET", "POST")
	}
	for _, r := range (&oidc.Handler{}).Routes() {
		if r.Who != oidc.Browser {
			add(r.Path, "GET", "POST")
		}
	}
	for _, r := range (&saml.Handler{}).Routes() {
		add(r.Path, "GET", "POST")
	}
	for _, path := range append(authzen.Paths(), authzen.PathConfiguration) {
		add(path, "GET", "POST")
	}
	var described struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(w.ask("GET", "/api/v1/openapi.json", "").body), &described); err != nil || len(described.Paths) == 0 {
		w.t.Fatalf("the API describes no paths: %v", err)
	}
	for path := range described.Paths {
		add("/api/v1"+path, "GET", "POST", "PUT", "PATCH", "DELETE")
	}
	for _, r := range scimRoutes(w.member("nordlys", "bob@nordlys.example")) {
		add("/scim/v2/nordlys"+r.path, r.method)
	}
	slices.SortStableFunc(out, func(a, b struct{ method, path string }) int { return endsSession(a.path) - endsSession(b.path) })
	return out
}

func endsSession(path string) int {
	if strings.HasSuffix(path, "/sign-out") || strings.HasSuffix(path, "/logout") {
		return 1
	}
	return 0
}

// provisioning is what the database holds of provisioning clients and their tokens, but for when they were used.
func (w *wall) provisioning() string {
	w.t.Helper()
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Config{URL: w.database, MaxConnections: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	var rows []string
	for table, columns := range map[string][]string{
		"provisioning_tokens":  {"hash", "client_id", "expires_at", "revoked_at"},
		"provisioning_clients": {"id", "name", "profile", "may_users", "may_groups", "may_access", "may_administrators", "disabled_at", "application_id", "service_account_id"},
	} {
		for _, c := range columns {
			rows = append(rows, strings1(w.t, db, "select '"+table+" "+c+" ' || coalesce(cast("+c+" as text), '') from "+table)...)
		}
	}
	slices.Sort(rows)
	return strings.Join(rows, "\n")
}

// TestWall074_NoDoorMintsOrShowsAToken: at no address does anybody make a provisioning token or read one, whatever they hold:
// a member's or an administrator's session, a person's, an application's or a service account's access token, or a
// provisioning token itself. Only who runs the installation makes one, by a command that shows it once.
func TestWall074_NoDoorMintsOrShowsAToken(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		w.applied(scimBySeed + "applications:\n  - {client_id: c1, scopes: [openid, profile, email, offline_access, organization, access, scim, authzen, transfers, mail, access_admin]}\n")
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		ada := w.person().open(w.issuer+"/account").signIn("admin@nordlys.example", adminPassword).on("second-factor").press("continue", "code", totp(t, adminSecret, time.Now())).on("account")
		bearers := map[string]string{"a person's access token": w.tokens(anna, "c1", "scope", "openid scim", "organization", "nordlys").access, "an application's": w.own("c1", "scim authzen", "nordlys"), "an application's of the API": w.own("c1", "transfers mail access_admin", ""),
			"a service account's": w.own("webshop", "scim", ""), "a provisioning token": hrToken}
		sessions := map[string]*person{"a member": anna, "an administrator": ada}
		const evil = "portvakt-evil-token-of-my-own"
		wish := url.Values{"organization": {"nordlys"}, "name": {"HR"}, "provisioning_client": {"HR"}, "token": {evil}, "lifetime": {"1h"}, "overlap": {"0"}}
		body := `{"act":"rotate","organization":"nordlys","name":"HR","token":"` + evil + `","provisioning_clients":[{"name":"HR","token":"` + evil + `","rights":["users","administrators"]}]}`
		before := w.provisioning()
		check := func(who, method, path string, got wallAnswer) {
			if strings.Contains(got.body, "portvakt_scim_") || strings.Contains(got.body, hrToken) || strings.Contains(got.body, `"pvt_`) {
				t.Errorf("%s %s shows %s a token: %d %.300s", method, path, who, got.status, got.body)
			}
		}
		routes := w.everyRoute()
		for _, r := range routes {
			for who, token := range bearers {
				media, sent := "application/json", body
				if strings.HasPrefix(r.path, "/scim/") {
					media = "application/scim+json"
				} else if strings.HasPrefix(r.path, "/oauth2/") {
					media, sent = formType, wish.Encode()
				}
				check(who, r.method, r.path, w.ask(r.method, r.path, sent, "Authorization", "Bearer "+token, "Content-Type", media))
			}
			for who, p := range sessions {
				if endsSession(r.path) == 1 && !w.signedInNow(p) {
					continue
				}
				if r.method != "POST" {
					check(who, r.method, r.path, w.one(p, w.request(r.method, r.path, "")))
					continue
				}
				for _, act := range []string{"rotate", "create"} {
					check(who, r.method, r.path, w.post(p, r.path, with(p.fields(), "action", act, "organization", "nordlys", "name", "HR", "provisioning_client", "HR", "token", evil)))
				}
			}
		}
		if after := w.provisioning(); after != before {
			t.Errorf("somebody changed a provisioning client or made a token:\n%s\nwas\n%s", after, before)
		}
		if got := w.scimBy(evil, "GET", "/scim/v2/nordlys/Users", ""); got.status != 401 {
			t.Errorf("a token of one's own opens SCIM: %d", got.status)
		}
		printed := portvakt(t, exitOK, "provisioning-client", "rotate", "--database", w.database, "--organization", "nordlys", "--name", "HR")
		if !strings.Contains(printed, "portvakt_scim_") || w.provisioning() == before {
			t.Errorf("this test sees nothing: %s", printed)
		}
		if listed := portvakt(t, exitOK, "provisioning-client", "list", "--database", w.database, "--organization", "nordlys"); strings.Contains(listed, "portvakt_scim_") {
			t.Errorf("shown again: %s", listed)
		}
		if len(routes) < 150 {
			t.Errorf("only %d addresses were tried", len(routes))
		}
	})
}
