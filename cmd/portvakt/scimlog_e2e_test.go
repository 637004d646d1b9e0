//go:build e2e

package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestRequestLogFromOutside: whoever runs the service sees why an HR system was refused, by the number of the answer; the
// neighbour sees nothing; stopping writes what the last second has left.
func TestRequestLogFromOutside(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		id := s.hire("ny@nordlys.example", "Ny", "Mann", nil)
		status, out, header := s.call(http.MethodPatch, s.users()+"/"+id, hrToken, map[string]any{
			"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
			"Operations": []any{map[string]any{"op": "replace", "path": "active", "value": "perhaps"}},
		})
		if status != http.StatusBadRequest {
			t.Fatalf("%d: %v", status, out)
		}
		s.stop()
		got := asked(t, database, "scim-log", "--dev", "--organization", "nordlys", "--refused", "--member", id)
		for _, part := range []string{"PATCH /Users/" + id, "400", "invalidValue", `"active has to be true or false"`, "value: text 7", "token pvt_", "127.0.0.1", header.Get("X-Request-Id")} {
			if got.code != exitOK || !strings.Contains(got.stdout, part) {
				t.Errorf("%q is missing: %+v", part, got)
			}
		}
		if strings.Contains(got.stdout, "perhaps") || strings.Count(got.stdout, "PATCH") != 1 {
			t.Errorf("the log says %s", got.stdout)
		}
		if got := asked(t, database, "scim-log", "--dev", "--organization", "nordlys", "--client", "HR", "--limit", "1000", "--json"); !strings.Contains(got.stdout, `"object":"`+id+`"`) || !strings.Contains(got.stdout, `"scim_type":"invalidValue"`) {
			t.Errorf("as JSON: %+v", got)
		}
		if got := asked(t, database, "scim-log", "--dev", "--organization", "bjorkvik", "--member", id); got.code != exitOK || got.stdout != "" || !strings.Contains(got.stderr, "no such requests") {
			t.Errorf("the neighbour's: %+v", got)
		}
		for _, args := range [][]string{{"--organization", "nowhere"}, {"--organization", "nordlys", "--client", "nobody"}} {
			if got := asked(t, database, append([]string{"scim-log", "--dev"}, args...)...); got.code != exitMistake {
				t.Errorf("%v: %+v", args, got)
			}
		}
	})
}
