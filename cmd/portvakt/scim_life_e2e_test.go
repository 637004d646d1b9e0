//go:build e2e

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/crewjam/saml/samlsp"
)

const groupSchema = "urn:ietf:params:scim:schemas:core:2.0:Group"

// bulk sends operations in one request of an organization's provisioning client, and answers their statuses and the ids of
// what they are about.
func (w *wall) bulk(token, organization string, operations ...string) (statuses, ids []string) {
	w.t.Helper()
	got := w.scimBy(token, "POST", "/scim/v2/"+organization+"/Bulk",
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`+strings.Join(operations, ",")+`]}`)
	var out struct {
		Operations []struct{ Status, Location string }
	}
	if err := json.Unmarshal([]byte(got.body), &out); err != nil || got.status != 200 || len(out.Operations) != len(operations) {
		w.t.Fatalf("the bulk request was answered %d %s", got.status, got.body)
	}
	for _, o := range out.Operations {
		statuses, ids = append(statuses, o.Status), append(ids, o.Location[strings.LastIndex(o.Location, "/")+1:])
	}
	return statuses, ids
}

func bulkPost(kind, id, data string) string {
	return fmt.Sprintf(`{"method":"POST","path":"/%s","bulkId":%q,"data":%s}`, kind, id, data)
}

func bulkPatch(path, operations string) string {
	return fmt.Sprintf(`{"method":"PATCH","path":%q,"data":%s}`, path, patch(operations))
}

func group(name, members string) string {
	return fmt.Sprintf(`{"schemas":[%q],"displayName":%q,"members":[%s]}`, groupSchema, name, members)
}

func putIn(id string) string { return `{"op":"add","path":"members","value":[{"value":"` + id + `"}]}` }

func takeOut(id string) string { return `{"op":"remove","path":"members[value eq \"` + id + `\"]"}` }

// TestSCIMLifeOfAnEmployee: what an HR system and a group push do to one person, from a first load that a restart interrupts to the
// person who comes back, seen by applications, by a neighbour, by those who read the history and by those who look for refusals.
func TestSCIMLifeOfAnEmployee(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		const early, lars, vera = "early@nordlys.example", "lars@nordlys.example", "vera@nordlys.example"
		before := newWall(t, database, nil)
		if got, _ := before.bulk(hrToken, "nordlys", bulkPost("Users", "e", user(early, ""))); got[0] != "201" {
			t.Fatalf("the first part of the load: %v", got)
		}
		before.stop()
		w := newWall(t, database, nil)
		hook := newReceiver(t)
		w.applied(scimBySeed + "applications: [{client_id: c1, webhook_uri: \"" + hook.URL + "/c1\", claims_in_id_token: true, modules: [invoices]}]\n")
		token := w.own("c1", "scim", "nordlys") // from here on by OAuth, as the same client

		// The whole load again: who is there already is told apart, and everybody else comes.
		statuses, ids := w.bulk(token, "nordlys",
			bulkPost("Groups", "outer", group("Logistics", `{"value":"bulkId:inner"}`)), bulkPost("Users", "e", user(early, "")),
			bulkPost("Users", "v", user(vera, "")), bulkPost("Groups", "inner", group("Store", `{"value":"bulkId:v"}`)), bulkPost("Users", "l", user(lars, "")))
		if strings.Join(statuses, " ") != "201 409 201 201 201" {
			t.Fatalf("the load: %v", statuses)
		}
		outer, inner, id := "/Groups/"+ids[0], "/Groups/"+ids[3], w.member("nordlys", lars)
		if got := w.scimBy(token, "PATCH", "/scim/v2/nordlys"+inner, patch(putIn(id))); got.status != 200 {
			t.Fatalf("the push of a group: %d %s", got.status, got.body)
		}

		p := w.person().setUp(w.link(lars, 1)).on("account")
		in := func(when, want string) ring {
			t.Helper()
			k := w.tokens(p, "c1", "scope", accessScope)
			w.tell(when, k, map[string]string{"groups": want})
			return k
		}
		in("in a group that is in another", "[logistics store]")
		w.bulk(token, "nordlys", bulkPatch(outer, takeOut(ids[3])))
		in("after the inner group left the outer one", "[store]")
		w.bulk(token, "nordlys", bulkPatch(outer, putIn(ids[3])), bulkPatch(inner, takeOut(id)))
		k := in("taken out", "[]")
		w.bulk(token, "nordlys", bulkPatch(inner, putIn(id)))
		if got := w.scim("bjorkvik", "POST", "/Users", user(lars, "")); got.status != 201 {
			t.Fatalf("made by the neighbour: %d %s", got.status, got.body)
		}
		theirs := w.member("bjorkvik", lars)

		sp := newSP(w, "/saml", samlAttributes, samlsp.Options{}, nil)
		p.open(sp.url).on("form-post").press("continue").seen(sp)
		if !w.active("c1", k.access) || !w.signedInNow(p) {
			t.Fatal("dead before the end")
		}
		if got, _ := w.bulk(token, "nordlys", `{"method":"DELETE","path":"/Users/`+id+`"}`); got[0] != "204" {
			t.Fatalf("the end: %v", got)
		}
		// WALL 65
		w.refused("refresh", w.refreshed("c1", k.refresh), 400, "invalid_grant")
		if w.active("c1", k.access) || w.userinfo(k.access) != 401 || w.signedInNow(p) {
			t.Error("alive after the end")
		}
		to, _ := sp.request(t, nil)
		if p.open(to); strings.Contains(p.text, "SAMLResponse") {
			t.Errorf("a SAML application is told of somebody who has left: %s", p.page())
		}
		eventually(t, "the application is told", func() bool {
			told := hook.of(w.service, "c1", "membership.ended")
			return len(told) == 1 && told[0]["membership"] == id
		})
		if got := w.scim("bjorkvik", "GET", "/Users/"+theirs, ""); got.status != 200 || got.json()["active"] != true {
			t.Errorf("at the neighbour's: %d %s", got.status, got.body)
		}

		back := w.scimBy(token, "POST", "/scim/v2/nordlys/Users", user(lars, ""))
		if back.status != 201 || back.id() == id || strings.Contains(back.body, `"groups"`) {
			t.Errorf("who comes back: %d %s", back.status, back.body)
		}
		if q := w.person().open(w.issuer+"/account").signIn(lars, newPassword); w.signedInNow(q) {
			t.Error("the former password opens the new membership, whoever has the address by now")
		}
		p = w.person().setUp(w.setupMails(lars, 2)[0].setupLink(t)).on("account")
		in("back again", "[]")

		eventually(t, "what was refused is told apart, without a value", func() bool {
			got := asked(t, database, "scim-log", "--dev", "--organization", "nordlys", "--refused").stdout
			return strings.Contains(got, "POST /Bulk") && strings.Contains(got, "409") && strings.Contains(got, "uniqueness") && !strings.Contains(got, "lars")
		})
		for _, row := range [][2]string{{ids[0], "group.created"}, {ids[3], "group.members_added"}, {ids[3], "group.members_removed"}, {id, "membership.created"}, {id, "membership.ended"}, {back.id(), "membership.created"}} {
			got := asked(t, database, "audit", "list", "--dev", "--organization", "nordlys", "--object", row[0], "--action", row[1]).stdout
			if !strings.Contains(got, row[1]) || !strings.Contains(got, `by provisioning_client "HR" pvc_`) {
				t.Errorf("%s in the history: %s", row[1], got)
			}
		}
		w.applied("organizations: [{slug: nordlys, provisioning_clients: [{name: HR, rights: [users], patch_answer: empty}]}]")
		settings := asked(t, database, "audit", "list", "--dev", "--organization", "nordlys", "--action", "provisioning_client.changed").stdout
		for _, part := range []string{`"oauth_client":"c1"`, `"former_rights":["users","groups","access"]`, `"rights":["users"]`, `"patch_answer":"empty"`} {
			if !strings.Contains(settings, part) {
				t.Errorf("%s is not in the history: %s", part, settings)
			}
		}
		if got := w.scimBy(token, "GET", "/scim/v2/nordlys"+inner, ""); got.status != 403 {
			t.Errorf("a right that was taken: %d", got.status)
		}
	})
}
