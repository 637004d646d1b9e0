package api_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"portvakt/authz"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR17_RecalculationOverTheAPI: asked for, carried out, told; an application sees those of organizations that it serves.
func TestR17_RecalculationOverTheAPI(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db)
		admin := func(name string, orgs ...directory.OrganizationID) {
			caller := w.callers["crm"]
			caller.Scopes, caller.Serves = []string{"access_admin"}, func(o directory.OrganizationID) bool { return slices.Contains(orgs, o) }
			w.callers[name] = caller
		}
		admin("admin", w.home.ID, w.next.ID)
		admin("neighbour", w.next.ID)
		bound := w.callers["admin"]
		bound.Organization = w.next.ID
		w.callers["bound"] = bound

		asked := w.call(t, "POST", "access/recalculations", "admin", `{"organization":"nordlys"}`)
		x := asked.want(202, "")
		id := x["id"].(string)
		if x["state"] != "waiting" || asked.Header().Get("Location") != "/api/v1/access/recalculations/"+id || !strings.HasPrefix(id, "rcl_") {
			t.Errorf("asked for: %v", x)
		}
		if again := w.call(t, "POST", "access/recalculations", "admin", `{"organization":"nordlys"}`).want(202, ""); again["id"] != id {
			t.Error("two wait for the same organization")
		}
		nothing := w.call(t, "GET", "access/recalculations/rcl_"+strings.Repeat("0", 25)+"4", "admin", "").Body.String()
		for _, who := range []string{"neighbour", "bound"} {
			if got := w.call(t, "GET", "access/recalculations/"+id, who, ""); got.Code != 404 || got.Body.String() != nothing {
				t.Errorf("%s reads %s", who, got.Body)
			}
			w.call(t, "POST", "access/recalculations", who, `{"organization":"nordlys"}`).want(404, "organization_not_found")
		}
		w.call(t, "POST", "access/recalculations", "admin", `{"organization":"nobody"}`).want(404, "organization_not_found")
		w.call(t, "POST", "access/recalculations", "admin", `{}`).want(400, "missing")
		if got := w.call(t, "POST", "access/recalculations", "bound", `{}`).want(202, ""); got["organization"].(map[string]any)["slug"] != "bjorkvik" {
			t.Errorf("a token for one organization needs no name: %v", got)
		}
		w.call(t, "GET", "access/recalculations/"+w.home.ID.String(), "admin", "").want(404, "recalculation_not_found")
		w.call(t, "GET", "access/recalculations/"+id, "crm", "").want(403, "insufficient_scope")

		engine := authz.New(w.dir.Access, authz.Config{DB: db})
		for must(engine.RecalculateNext(ctx, "me"))(t) {
		}
		x = w.call(t, "GET", "access/recalculations/"+id, "admin", "").want(200, "")
		if x["state"] != "done" || x["done"] != 2.0 || x["total"] != 2.0 || x["version"].(float64) < 2 || x["drifts"] != 0.0 || len(x["drift"].([]any)) != 0 {
			t.Errorf("done: %v", x)
		}
	})
}

// TestR17_RecalculationsAreFew: an application that asks for the same again as soon as it is done waits; other organizations do not.
func TestR17_RecalculationsAreFew(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db)
		caller := w.callers["crm"]
		caller.Scopes, caller.Serves = []string{"access_admin"}, func(directory.OrganizationID) bool { return true }
		w.callers["admin"] = caller
		engine := authz.New(w.dir.Access, authz.Config{DB: db})
		ask := func(slug string) int {
			code := w.call(t, "POST", "access/recalculations", "admin", `{"organization":"`+slug+`"}`).Code
			for must(engine.RecalculateNext(ctx, "me"))(t) {
			}
			return code
		}
		n := 0
		for ; n < 20 && ask("nordlys") == 202; n++ {
		}
		if n != 10 {
			t.Errorf("%d in a minute", n)
		}
		if got := ask("bjorkvik"); got != 202 {
			t.Errorf("the neighbour's: %d", got)
		}
		clock.Advance(time.Minute)
		if got := ask("nordlys"); got != 202 {
			t.Errorf("a minute later: %d", got)
		}
	})
}
