//go:build e2e

package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portvakt/internal/secret"
)

// TestWall121_AnInvitationsLinkInAnotherBrowser: whatever takes an invitation back counts for a form that is open already, in
// whichever browser, and nothing is left behind.
func TestWall121_AnInvitationsLinkInAnotherBrowser(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		invite := func(email string) (first, second *person) {
			t.Helper()
			file := filepath.Join(t.TempDir(), "people.csv")
			if err := os.WriteFile(file, []byte("email\n"+email+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			portvakt(t, exitOK, "invite", "--database", w.database, "--organization", "bjorkvik", file)
			link := w.link(email, 1)
			return w.person().open(link).on("new-password"), w.person().open(link).on("new-password")
		}
		choose := func(p *person) *person {
			t.Helper()
			return p.press("continue", "new_password", newPassword, "new_password_again", newPassword)
		}
		ends := map[string]func(email string){
			"withdrawn": func(email string) {
				portvakt(t, exitOK, "invitations", "withdraw", "--database", w.database, "--organization", "bjorkvik", email)
			},
			"removed": func(email string) {
				if got := w.scim("bjorkvik", "DELETE", "/Users/"+w.member("bjorkvik", email), ""); got.status != http.StatusNoContent {
					t.Fatalf("DELETE: %d %s", got.status, got.body)
				}
			},
			"resent": func(email string) {
				portvakt(t, exitOK, "invitations", "resend", "--database", w.database, "--organization", "bjorkvik", email)
			},
			"suspended": func(email string) {
				id := w.member("bjorkvik", email)
				if got := w.scim("bjorkvik", "PATCH", "/Users/"+id, patch(`{"op":"replace","path":"active","value":false}`)); got.status != http.StatusOK {
					t.Fatalf("PATCH: %d %s", got.status, got.body)
				}
			},
		}
		for name, end := range ends {
			email := name + "@x.example"
			first, second := invite(email)
			end(email)
			for _, p := range []*person{choose(first), choose(second)} {
				if p.page() != "link-expired" || w.signedInNow(p) {
					t.Errorf("%s: a form that was open leads to %q", name, p.page())
				}
			}
			if p := w.person().open(w.issuer+"/account").signIn(email, newPassword); p.page() == "account" {
				t.Errorf("%s: a password was left behind", name)
			}
		}
		first, second := invite("accepted@x.example")
		choose(first).on("account")
		if choose(second); second.page() != "link-expired" || w.signedInNow(second) {
			t.Errorf("the link accepts twice: %q", second.page())
		}
		late, _ := invite("late@x.example")
		w.advance(31 * 24 * time.Hour)
		if choose(late); late.page() != "link-expired" || w.signedInNow(late) {
			t.Errorf("expired: %q", late.page())
		}
		list := portvakt(t, exitOK, "invitations", "list", "--database", w.database, "--organization", "bjorkvik")
		w.witness.mu.Lock()
		defer w.witness.mu.Unlock()
		for value := range w.witness.seen {
			if strings.Contains(list, value) {
				t.Errorf("the list shows %.20q", value)
			}
		}
	})
}

// TestWall119_122_TheAPITakesItsOwnAlone: tokens of whoever is no application, of another address and of another purpose; and
// bodies that say more than they may.
func TestWall119_122_TheAPITakesItsOwnAlone(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s, _, _ := transferService(t, database)
		more := strings.NewReplacer("    members:\n      - {email: kari", "    service_accounts: [{id: webshop, name: Web shop, secret: dev-webshop-secret}]\n    members:\n      - {email: kari",
			"CRM_OFF", "false", `webhook_uri: "HOOK/crm", `, "", `webhook_uri: "HOOK/neighbour", `, "").Replace(transferSeed)
		if code, _, said := s.apply(database, more); code != exitOK {
			t.Fatal(said)
		}
		var tokens = map[string]string{"nothing": "", "a word": "x", "SCIM's": hrToken}
		ask := func(what, client, password string, form url.Values) {
			t.Helper()
			status, out := s.machine("/oauth2/token", client, password, with(form, "grant_type", "client_credentials"))
			if token, ok := out["access_token"].(string); ok {
				tokens[what] = token
			} else if status < 400 || status > 401 {
				t.Errorf("%s: %d %v", what, status, out)
			}
		}
		withinASecond(t, "the service account is there", func() bool {
			status, _ := s.machine("/oauth2/token", webshopClient, webshopSecret, ownGrant)
			return status == http.StatusOK
		})
		address := s.issuer + "/api/v1"
		ask("a service account's", webshopClient, webshopSecret, url.Values{})
		ask("a service account's for this address", webshopClient, webshopSecret, url.Values{"resource": {address}})
		ask("a service account's with the scope", webshopClient, webshopSecret, url.Values{"resource": {address}, "scope": {"transfers"}})
		ask("for SCIM", "crm", "secret-of-crm", url.Values{"resource": {s.issuer + "/scim/v2/nordlys"}})
		ask("for somebody else", "crm", "secret-of-crm", url.Values{"resource": {"https://elsewhere.example/api/v1"}})
		ask("for the neighbour", "crm", "secret-of-crm", url.Values{"scope": {"transfers"}, "organization": {"bjorkvik"}})
		if len(tokens) < 4 {
			t.Fatalf("no token of a service account was had: %v", tokens)
		}
		ring := obtainTokens(t, s, "ola@nordlys.example")
		tokens["a person's"] = ring.access
		kari, ola := s.member("kari@nordlys.example"), s.member("ola@nordlys.example")
		s.succeededBy(kari, ola)
		if status, out, _ := s.call(http.MethodDelete, s.users()+"/"+kari, hrToken, nil); status != http.StatusNoContent {
			t.Fatalf("DELETE: %d %v", status, out)
		}
		good := s.own("crm", "transfers")
		_, out, _ := s.programs(http.MethodGet, "transfers", good, nil)
		list, _ := out["transfers"].([]any)
		if len(list) != 1 {
			t.Fatalf("the list: %v", out)
		}
		id := list[0].(map[string]any)["id"].(string)
		for what, token := range tokens {
			for _, call := range [][2]string{{"GET", "transfers"}, {"GET", "transfers/" + id}, {"POST", "transfers/" + id + "/acknowledge"}, {"POST", "mail/bounces"}} {
				if status, out, _ := s.programs(call[0], call[1], token, nil); status != http.StatusUnauthorized {
					t.Errorf("%s %s with %s: %d %v", call[0], call[1], what, status, out)
				}
			}
		}
		for _, name := range []string{"id", "organization", "organization_id", "to", "to_id", "application_id", "client_id", "acknowledged_at", "done_at", "state", "user_id", "MODULE", "Module", "__proto__"} {
			if status, out, _ := s.programs(http.MethodPost, "transfers/"+id+"/acknowledge", good, map[string]any{"module": "invoices", name: "calendar"}); status != http.StatusBadRequest {
				t.Errorf("a body with %s: %d %v", name, status, out)
			}
		}
		if status, _, _ := s.programs(http.MethodPost, "mail/bounces", good, map[string]any{"address": "ola@nordlys.example"}); status != http.StatusUnauthorized && status != http.StatusForbidden {
			t.Errorf("a bounce without the scope: %d", status)
		}
		if _, out, _ := s.programs(http.MethodGet, "transfers/"+id, good, nil); out["state"] != "waiting" || out["parts"].([]any)[0].(map[string]any)["state"] != "waiting" {
			t.Errorf("something was acknowledged: %v", out)
		}
		for what, extra := range map[string]string{
			"a member": "organizations:\n  - {slug: nordlys, members: [{email: ola@nordlys.example, is_admin: true}]}\n",
			"capitals": "organizations:\n  - {slug: nordlys, members: [{email: ola@nordlys.example, ADMINISTRATOR: true}]}\n",
			"a state":  "organizations:\n  - {slug: nordlys, members: [{email: ola@nordlys.example, user_id: usr_x, email_verified: true, accepted_at: 2020-01-01T00:00:00Z}]}\n",
			"an id":    "organizations:\n  - {slug: nordlys, id: org_x, access_version: 9}\n",
			"invited":  "organizations:\n  - {slug: nordlys, members: [{email: ola@nordlys.example, invited_by: usr_x}]}\n",
		} {
			if code, out, said := s.apply(database, extra); code != exitMistake {
				t.Errorf("a seed with %s: %d %s%s", what, code, out, said)
			}
		}
	})
}

// TestWall074_WhatBusinessesDoLeavesNoSecret: entry 74 over invitations, rotated secrets, keys, ends and the history.
func TestWall074_WhatBusinessesDoLeavesNoSecret(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		file := filepath.Join(t.TempDir(), "people.csv")
		if err := os.WriteFile(file, []byte("email,given_name\nlars@x.example,Lars\neva@x.example,Eva\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		portvakt(t, exitOK, "invite", "--database", w.database, "--organization", "bjorkvik", file)
		p := w.person().setUp(w.link("lars@x.example", 1)).on("account")
		w.tokens(p, "c1")
		w.person().open(w.link("eva@x.example", 1)).on("new-password")
		portvakt(t, exitOK, "invitations", "resend", "--database", w.database, "--organization", "bjorkvik", "eva@x.example")
		w.person().open(w.link("eva@x.example", 2)).on("new-password")

		printed := portvakt(t, exitOK, "service-account", "rotate", "--overlap", "1h", "--database", w.database, "--organization", "nordlys", "--id", "webshop")
		found := newSecret.FindStringSubmatch(printed)
		if found == nil {
			t.Fatalf("no secret in %s", printed)
		}
		w.witness.note("a rotated secret", found[1])
		withinASecond(t, "the new secret is valid", func() bool {
			return w.ask("POST", "/oauth2/token", with(ownGrant, "client_id", webshopClient, "client_secret", found[1]).Encode(), "Content-Type", formType).status == http.StatusOK
		})
		key := newMachineKey(t)
		const extra = "organizations:\n  - slug: nordlys\n    name: Nordlys AS\n    service_accounts: [{id: keyed, name: Keyed, jwks: KEYS}]\n    members: [{email: first@nordlys.example, initial_password: a word for the first time}]\n"
		if code, _, said := w.apply(w.database, strings.ReplaceAll(extra, "KEYS", key.set())); code != exitOK {
			t.Fatal(said)
		}
		for _, audience := range []string{w.issuer, "https://elsewhere.example"} {
			form := key.assertion("nordlys.keyed", audience, map[string]any{"jti": secret.NewToken()})
			w.witness.note("a client assertion", form.Get("client_assertion"))
			w.ask("POST", "/oauth2/token", form.Encode(), "Content-Type", formType)
		}
		w.witness.note("an initial password", "a word for the first time")
		w.person().open(w.issuer+"/account").signIn("first@nordlys.example", "a word for the first time").
			press("continue", "new_password", newPassword, "new_password_again", newPassword).on("account")
		w.scim("nordlys", "DELETE", "/Users/"+w.member("nordlys", "bob@nordlys.example"), "")
		w.ask("GET", "/api/v1/transfers", "", "Authorization", "Bearer "+found[1])

		var shown strings.Builder
		for _, of := range []string{"nordlys", "bjorkvik"} {
			shown.WriteString(portvakt(t, exitOK, "audit", "list", "--dev", "--json", "--limit", "1000", "--database", w.database, "--organization", of))
			shown.WriteString(portvakt(t, exitOK, "audit", "export", "--dev", "--database", w.database, "--organization", of))
		}
		w.witness.mu.Lock()
		for value, what := range w.witness.seen {
			if strings.Contains(shown.String(), value) {
				t.Errorf("the history shows %s", what)
			}
		}
		w.witness.mu.Unlock()
		if strings.Count(shown.String(), "\n") < 20 {
			t.Errorf("there is hardly a history:\n%s", shown.String())
		}
		w.dump(t)
	})
}
