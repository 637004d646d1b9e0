//go:build e2e

package main

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// membershipPatch replaces attributes of the membership extension.
func membershipPatch(attributes string) string {
	return patch(`{"op":"replace","value":{"` + membershipSchema + `":` + attributes + `}}`)
}

// TestR27_AnExternalIsRemindedExtendedAndOver: nothing outlives the end by a second, and the mails go out.
func TestR27_AnExternalIsRemindedExtendedAndOver(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		email := "ola@nordlys.example"
		end := time.Now().Add(20 * 24 * time.Hour).UTC().Truncate(time.Second)
		id := w.hire(email, "Ola", "Berg", map[string]any{
			"schemas":        []string{"urn:ietf:params:scim:schemas:core:2.0:User", membershipSchema},
			membershipSchema: map[string]any{"kind": "external", "end": end.Format(time.RFC3339)},
		})
		w.person().setUp(w.link(email, 1)).on("account")
		w.advance(6*24*time.Hour + time.Minute)
		ending := func(to, subject string, n int) {
			t.Helper()
			eventually(t, to+" is told: "+subject, func() bool {
				found := 0
				for _, m := range w.mails(to, 0) {
					if m.Subject == subject {
						found++
					}
				}
				return found == n
			})
		}
		ending(email, "Your access to Nordlys AS ends soon", 1)
		ending("admin@nordlys.example", "Ola Berg: access to Nordlys AS ends soon", 1) // an HR system invited, and nobody is information recipient

		end = end.Add(10 * 24 * time.Hour)
		w.scimDone(id, http.MethodPatch, membershipPatch(`{"end":"`+end.Format(time.RFC3339)+`"}`))
		w.advance(10 * 24 * time.Hour) // beyond the first end less four days, within 14 of the new one
		ending(email, "Your access to Nordlys AS ends soon", 2)

		w.advance(end.Sub(time.Now().Add(16*24*time.Hour+time.Minute)) - 10*time.Second)
		p := w.person().open(w.issuer+"/account").signIn(email, newPassword).on("account")
		keys := w.tokens(p, "c1")
		if w.userinfo(keys.access) != http.StatusOK {
			t.Fatal("dead before the end")
		}
		if exp, _ := claimOf(keys.access, "exp").(float64); time.Unix(int64(exp), 0).After(end) {
			t.Errorf("the access token lives until %v, after %v", time.Unix(int64(exp), 0), end)
		}
		w.advance(11 * time.Second)
		w.dead("the end date", p, keys)
		ending("admin@nordlys.example", "Ola Berg: access to Nordlys AS has ended", 1)
	})
}

// dead checks every way in that hangs on the person's access in an organization.
func (w *wall) dead(what string, p *person, keys ring, pairs ...string) {
	w.t.Helper()
	if code := w.userinfo(keys.access); code != http.StatusUnauthorized {
		w.t.Errorf("%s: userinfo answers %d", what, code)
	}
	if w.active(keys.client, keys.access) || w.active(keys.client, keys.refresh) {
		w.t.Errorf("%s: introspection answers active", what)
	}
	w.refused(what+": refresh", w.refreshed(keys.client, keys.refresh), http.StatusBadRequest, "invalid_grant")
	for _, more := range [][]string{{"prompt", "none"}, {}} {
		if w.authorize(p, authorization(keys.client, "v", append(more, pairs...)...)).location().Query().Has("code") {
			w.t.Errorf("%s: the cookie still makes codes", what)
		}
	}
}

// TestR28_ALimitedMemberEntersSelfServiceOnly: also by a refresh and after the kind has changed.
func TestR28_ALimitedMemberEntersSelfServiceOnly(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		email := "leon@nordlys.example"
		id := w.hire(email, "Leon", "Lund", nil)
		p := w.person().setUp(w.link(email, 1)).on("account")
		business, all := w.tokens(p, "c4"), w.tokens(p, "c1") // c4 has invoices alone, c1 everything

		w.scimDone(id, http.MethodPatch, membershipPatch(`{"kind":"limited"}`))
		if code := w.userinfo(business.access); code != http.StatusUnauthorized {
			t.Errorf("business: userinfo answers %d", code)
		}
		w.refused("business: refresh", w.refreshed("c4", business.refresh), http.StatusBadRequest, "invalid_grant")
		if w.authorize(p, authorization("c4", "v")).location().Query().Has("code") {
			t.Error("business: a code for a limited member")
		}
		if got := w.authorize(p, authorization("c4", "v", "organization", "nordlys", "prompt", "none")).location().Query(); got.Has("code") || got.Get("error") == "" {
			t.Errorf("business, switching to the organization: %v", got)
		}
		if got := w.refreshed("c1", all.refresh); got.status != http.StatusOK {
			t.Errorf("self-service: refresh answers %d %s", got.status, got.body)
		}
		w.tokens(p, "c1")
		if got := w.scim("nordlys", http.MethodPatch, "/Users/"+id, membershipPatch(`{"administrator":true}`)); got.status != http.StatusForbidden {
			t.Errorf("made an administrator: %d", got.status)
		}
	})
}

// TestR30_LeavingTheAgencyEndsEverythingElsewhere: Nordlys is the agency of Björkvik here.
func TestR30_LeavingTheAgencyEndsEverythingElsewhere(t *testing.T) {
	t.Parallel()
	leave := map[string]func(w *wall, id string){
		"DELETE":       func(w *wall, id string) { w.scimDone(id, http.MethodDelete, "") },
		"active false": func(w *wall, id string) { w.setActive(id, false) },
		"limited":      func(w *wall, id string) { w.scimDone(id, http.MethodPatch, membershipPatch(`{"kind":"limited"}`)) },
		"an end date": func(w *wall, id string) {
			w.scimDone(id, http.MethodPatch, endAt(time.Now().Add(20*time.Second)))
			w.advance(21 * time.Second)
		},
	}
	asReseller := func(email, more string) string {
		return user(email, `"`+membershipSchema+`":{"kind":"reseller"`+more+`}`)
	}
	eachEngine(t, func(t *testing.T, database string) {
		w := newWall(t, database, nil)
		for name, email := range map[string]string{"an own employee": "new@bjorkvik.example", "unknown": "new@elsewhere.example"} {
			got := w.scim("bjorkvik", http.MethodPost, "/Users", asReseller(email, `,"reseller":{"role":"auditor"}`))
			if got.status != http.StatusConflict || !strings.Contains(got.body, "agency") {
				t.Errorf("%s becomes a reseller: %d %s", name, got.status, got.body)
			}
		}
		for name, end := range leave {
			email := "agent-" + regexp.MustCompile(`\W+`).ReplaceAllString(name, "-") + "@nordlys.example"
			id := w.hire(email, "Nina", "Lie", nil)
			p := w.person().setUp(w.link(email, 1)).on("account")
			if got := w.scim("bjorkvik", http.MethodPost, "/Users", asReseller(email, "")); got.status != http.StatusBadRequest || !strings.Contains(got.body, "accountant or auditor") {
				t.Errorf("without a role: %d %s", got.status, got.body)
			}
			made := w.scim("bjorkvik", http.MethodPost, "/Users", asReseller(email, `,"reseller":{"role":"accountant","bankAccess":true}`))
			if made.status != http.StatusCreated {
				t.Fatalf("%s: a reseller is answered %d %s", name, made.status, made.body)
			}
			p.open(w.issuer + "/account").press("accept").on("account")
			keys := w.tokens(p, "c1", "organization", "bjorkvik", "scope", "openid offline_access organization access")
			claims := fmt.Sprint(claimOf(keys.access, "roles"), claimOf(keys.access, "entitlements"))
			if claims != "[reseller_accountant] [bank_access]" {
				t.Errorf("%s: claims %s", name, claims)
			}

			end(w, id)

			w.dead(name, p, keys, "organization", "bjorkvik")
			read := w.scim("bjorkvik", http.MethodGet, "/Users/"+made.id(), "").json()
			extension, _ := read[membershipSchema].(map[string]any)
			if read["active"] != false || extension["state"] != "ended" {
				t.Errorf("%s: the organization sees active %v, %v", name, read["active"], extension["state"])
			}
			if shown := w.person().open(w.issuer+"/account").signIn(email, newPassword); strings.Contains(shown.text, "Björkvik") && shown.page() == "organization" {
				t.Errorf("%s: the chooser still shows it:\n%s", name, shown.text)
			}
			listed := w.scim("bjorkvik", http.MethodGet, "/Users?filter=active+eq+true+and+id+eq+%22"+made.id()+"%22", "").json()
			if n, _ := listed["totalResults"].(float64); n != 0 {
				t.Errorf("%s: listed as active", name)
			}
		}
	})
}

// TestR29_AContactBecomesAUser: one PATCH, one mail, and the person signs in.
func TestR29_AContactBecomesAUser(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		email := "karin@elsewhere.example"
		made := w.scim("nordlys", http.MethodPost, "/Users", user("karin", `"emails":[{"value":"`+email+`","primary":true}],"`+membershipSchema+`":{"kind":"contact"}`))
		if made.status != http.StatusCreated || len(w.mails(email, 0)) != 0 {
			t.Fatalf("a contact: %d %s", made.status, made.body)
		}
		w.scimDone(made.id(), http.MethodPatch, patch(`{"op":"replace","path":"userName","value":"`+email+`"},{"op":"replace","path":"`+membershipSchema+`:kind","value":"employee"}`))
		p := w.person().setUp(w.link(email, 1)).on("account")
		keys := w.tokens(p, "c1")
		if w.userinfo(keys.access) != http.StatusOK {
			t.Error("the contact who became a user has no access")
		}
		w.scimDone(made.id(), http.MethodPatch, membershipPatch(`{"kind":"contact"}`))
		w.dead("a contact again", p, keys)
		if subjects := w.mails(email, 1); len(subjects) != 1 || slices.ContainsFunc(subjects, func(m captured) bool { return m.Subject == "" }) {
			t.Errorf("mails: %v", subjects)
		}
	})
}
