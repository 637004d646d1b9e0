//go:build e2e

package main

import (
	"net/http"
	"testing"

	"portvakt/internal/testenv"
)

// TestJourney5TwoNodesOnOneDatabase: what one node is told, the other acts on within a second.
func TestJourney5TwoNodesOnOneDatabase(t *testing.T) {
	t.Parallel()
	database, ok := testenv.URLs(t)["postgresql"]
	if !ok {
		t.Fatal("two nodes need PostgreSQL; run this through make test")
	}
	url := database(t)
	one := serve(t, url)
	other := serve(t, url, "--issuer", one.issuer)
	other.issuer = "http://" + other.bound // reached directly; what it issues carries the issuer of both
	one.demo = other.demo                  // the application that was registered last

	email := "lars@nordlys.example"
	id := one.hire(email, "Lars", "Berg", nil)
	p := newPerson(t)
	p.open(other.demo).press("sign-in").press("continue", "email", email).press("forgot-password")
	p.setUp(one.mails(email, 2)[0].setupLink(t)).on("demo-signed-in")
	keys := obtainTokens(t, one, email)
	there := *keys
	there.s = other
	if there.userinfo() != http.StatusOK || !there.active() {
		t.Fatal("the other node does not know what the first has issued")
	}
	if code := there.refresh(); code != http.StatusOK {
		t.Fatalf("the other node answers a refresh with %d", code)
	}

	status, out, _ := other.call(http.MethodPatch, "http://"+other.bound+"/scim/v2/nordlys/Users/"+id, hrToken, map[string]any{
		"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
		"Operations": []any{map[string]any{"op": "Replace", "path": "active", "value": "False"}},
	})
	if status != http.StatusOK && status != http.StatusNoContent {
		t.Fatalf("deactivation answered %d: %v", status, out)
	}
	keys.child = there.child
	keys.deadWithinASecond("deactivated at the other node")
	withinASecond(t, "the browser session at the first node", func() bool { return p.open(one.issuer+"/account").page() == "sign-in" })
	eventually(t, "the application has been told", func() bool { return p.open(other.demo).page() == "demo-home" && p.textOf("ended-notice") != "" })

}
