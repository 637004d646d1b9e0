package authzen_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"portvakt/internal/testenv"
)

// The suite's fixture in our own terms. Its properties status and role, and soft of the action delete, have no meaning here
// (docs/divergences.md); what they decide there, the owner and the tool soft_delete decide here.
const (
	alice   = `"subject":{"type":"user","id":"$alice"}`
	bob     = `"subject":{"type":"user","id":"$bob"}`
	read    = `"action":{"name":"view"}`
	write   = `"action":{"name":"edit"}`
	record1 = `"resource":{"type":"record","id":"record-1","properties":{"owner":"user:$alice"}}`
	record2 = `"resource":{"type":"record","id":"record-2","properties":{"owner":"user:$bob"}}`
)

func body(parts ...string) string { return "{" + strings.Join(parts, ",") + "}" }

// module is one module of a plan.
type module struct {
	name string
	run  func(w *world)
}

// run runs a plan on both engines; n is how many modules the plan has.
func run(t *testing.T, n int, modules []module) {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range modules {
		seen[m.name] = true
	}
	if len(modules) != n || len(seen) != n {
		t.Fatalf("the plan has %d modules, here are %d of %d names", n, len(modules), len(seen))
	}
	each(t, func(t *testing.T, w *world, _ *testenv.Clock) {
		for _, m := range modules {
			t.Run(m.name, func(t *testing.T) {
				own := *w
				own.t = t
				m.run(&own)
			})
		}
	})
}

// refusals is a module that sends a body and expects 400.
func missing(path, body string) func(*world) {
	return func(w *world) { w.t.Helper(); w.ask(path, body).refused(400, "missing") }
}

func kind(path, body string) func(*world) {
	return func(w *world) { w.t.Helper(); w.ask(path, body).refused(400, "bad_type") }
}

func decides(body string, want bool, reason ...string) func(*world) {
	return func(w *world) { w.t.Helper(); w.ask("evaluation", body).decided(want, reason...) }
}

func lists(body string, want ...bool) func(*world) {
	return func(w *world) { w.t.Helper(); w.ask("evaluations", body).list(want...) }
}

// finds is a search whose results hold at least these.
func finds(path, body string, least ...string) func(*world) {
	return func(w *world) {
		w.t.Helper()
		found, _ := w.ask(path, body).results()
		for _, name := range least {
			if !slices.Contains(found, w.names.Replace(name)) {
				w.t.Errorf("found %v, not %s", found, name)
			}
		}
	}
}

// transport are the modules that every plan has.
func transport(path, good string) []module {
	status := func(method, media, body string, want int, code string) func(*world) {
		return func(w *world) {
			w.t.Helper()
			r := w.request(path, body)
			r.Method = method
			r.Header.Set("Content-Type", media)
			answer := w.do(r)
			if want == 200 {
				answer.object(200)
				return
			}
			answer.refused(want, code)
			if allow := answer.Header().Get("Allow"); (allow == "POST") != (want == 405) {
				w.t.Errorf("Allow: %q", allow)
			}
		}
	}
	const media = "application/json"
	return []module{
		{"x-request-id-echoed", func(w *world) {
			r := w.request(path, good)
			r.Header.Set("X-Request-ID", "bfe9eb29-ab87-4ca3-be83-a1d5d8305716")
			if got := w.do(r).Header().Get("X-Request-ID"); got != "bfe9eb29-ab87-4ca3-be83-a1d5d8305716" {
				w.t.Errorf("echoed %q", got)
			}
		}},
		{"idempotency", func(w *world) {
			first := w.ask(path, good).Body.String()
			for range 5 {
				if again := w.ask(path, good).Body.String(); again != first {
					w.t.Errorf("first %s, then %s", first, again)
				}
			}
		}},
		{"reject-get-method", status(http.MethodGet, media, good, 405, "method_not_allowed")},
		{"reject-put-method", status(http.MethodPut, media, good, 405, "method_not_allowed")},
		{"reject-top-level-array", status(http.MethodPost, media, "["+good+"]", 400, "bad_json")},
		{"reject-non-json-content-type", status(http.MethodPost, "text/plain", good, 415, "unsupported_media_type")},
		{"accept-content-type-with-charset", status(http.MethodPost, "application/json; charset=utf-8", good, 200, "")},
		{"reject-malformed-json", status(http.MethodPost, media, good[:len(good)-1], 400, "bad_json")},
		{"reject-empty-body", status(http.MethodPost, media, "", 400, "bad_json")},
	}
}

// TestAuthZEN_evaluation is authzen-pdp-evaluation-test-plan.
func TestAuthZEN_evaluation(t *testing.T) {
	const path = "evaluation"
	good := body(alice, read, record1)
	run(t, 33, append(transport(path, good), []module{
		{"fixture-request-permit-decision", decides(good, true, "owner")},
		{"fixture-request-deny-decision", decides(body(bob, write, record1), false, "not_shared")},
		{"request-with-optional-context", decides(body(alice, read, record1, `"context":{"time":"2026-01-01T00:00:00Z","ip":["10.0.0.1"]}`), true)},
		{"request-with-additional-properties", decides(`{"subject":{"type":"user","id":"$alice","properties":{"department":"Sales"}},"action":{"name":"view","properties":{"method":"GET"}},
			"resource":{"type":"record","id":"record-1","properties":{"owner":"user:$alice","status":"open"}}}`, true)},
		{"fixture-request-deny-based-on-properties", decides(body(alice, write, record2), false, "not_shared")},
		{"fixture-request-permit-based-on-subject-properties", decides(body(bob, write, record2), true, "owner")},
		{"fixture-request-permit-based-on-action-properties", decides(body(alice, `"action":{"name":"soft_delete"}`, record1), true, "owner")},
		{"fixture-request-deny-based-on-action-properties", decides(body(alice, `"action":{"name":"delete","properties":{"soft":false}}`, record1), false, "no_permission")},
		{"missing-subject", missing(path, body(read, record1))},
		{"missing-action", missing(path, body(alice, record1))},
		{"missing-resource", missing(path, body(alice, read))},
		{"subject-missing-type", missing(path, body(`"subject":{"id":"$alice"}`, read, record1))},
		{"subject-missing-id", missing(path, body(`"subject":{"type":"user"}`, read, record1))},
		{"action-missing-name", missing(path, body(alice, `"action":{}`, record1))},
		{"resource-missing-type", missing(path, body(alice, read, `"resource":{"id":"record-1"}`))},
		{"resource-missing-id", missing(path, body(alice, read, `"resource":{"type":"record"}`))},
		{"subject-is-string", kind(path, body(`"subject":"$alice"`, read, record1))},
		{"action-name-is-number", kind(path, body(alice, `"action":{"name":7}`, record1))},
		{"unknown-top-level-fields-ignored", decides(body(alice, read, record1, `"foo":"bar","futureField":{"a":[1,2]}`), true)},
		{"unknown-subject-fields-ignored", decides(body(`"subject":{"type":"user","id":"$alice","customAttr":1}`, read, record1), true)},
		{"unknown-resource-fields-ignored", decides(body(alice, read, `"resource":{"type":"record","id":"record-1","customAttr":null}`), true)},
		{"unknown-action-fields-ignored", decides(body(alice, `"action":{"name":"view","customAttr":[]}`, record1), true)},
		{"missing-credentials-returns-401", func(w *world) {
			r := w.request(path, good)
			r.Header.Del("Authorization")
			answer := w.do(r)
			answer.refused(401, "token_missing")
			if got := answer.Header().Get("WWW-Authenticate"); got != `Bearer realm="portvakt"` {
				w.t.Errorf("WWW-Authenticate: %q", got)
			}
		}},
		{"invalid-credentials-returns-401", func(w *world) {
			answer := w.askAs("nonsense", path, good)
			answer.refused(401, "invalid_token")
			if got := answer.Header().Get("WWW-Authenticate"); got != `Bearer realm="portvakt", error="invalid_token"` {
				w.t.Errorf("WWW-Authenticate: %q", got)
			}
		}},
	}...))
}

// TestAuthZEN_evaluations is authzen-pdp-evaluations-test-plan.
func TestAuthZEN_evaluations(t *testing.T) {
	const path = "evaluations"
	both := body(alice, read, `"evaluations":[{`+record1+`},{`+record2+`}]`)
	item := func(parts ...string) string { return body(parts...) }
	batch := func(more string, items ...string) string {
		return `{"evaluations":[` + strings.Join(items, ",") + `]` + more + `}`
	}
	yes, no := item(bob, read, record1), item(bob, write, record1)
	semantic := func(s string) string { return `,"options":{"evaluations_semantic":"` + s + `","another_option":1}` }
	run(t, 27, append(transport(path, both), []module{
		{"batch-request-with-evaluations-array", lists(both, true, true)},
		{"batch-with-fixture-decisions-validated", lists(batch("", yes, no), true, false)},
		{"batch-with-fully-specified-evaluations", lists(batch("", item(alice, read, record1), no), true, false)},
		{"batch-with-context-inheritance", lists(body(`"context":{"time":"x"}`, alice, read, `"evaluations":[{`+record1+`},{"context":{"time":"y"},`+record2+`}]`), true, true)},
		{"evaluation-level-errors", func(w *world) {
			second := w.ask(path, batch("", yes, "{}")).list(true, false)[1]
			problem, _ := second["context"].(map[string]any)["error"].(map[string]any)
			if problem["status"] != 400.0 || problem["error"] != "missing" || problem["message"] != "subject: It is missing" {
				w.t.Errorf("the empty one: %v", second)
			}
		}},
		{"default-semantic-is-execute-all", lists(batch("", no, yes, no), false, true, false)},
		{"execute-all-explicit", lists(batch(semantic("execute_all"), no, yes, no), false, true, false)},
		{"deny-on-first-deny", lists(batch(semantic("deny_on_first_deny"), yes, no, yes), true, false)},
		{"permit-on-first-permit", lists(batch(semantic("permit_on_first_permit"), no, yes, no), false, true)},
		{"unknown-semantic-value", func(w *world) { w.ask(path, batch(semantic("some"), yes)).refused(400, "bad_semantic") }},
		{"per-eval-overrides-default", lists(body(alice, write, record1, `"evaluations":[{},{`+bob+`},{`+bob+`,`+read+`}]`), true, false, true)},
		{"missing-subject-returns-decision-false", lists(batch("", item(read, record1), yes), false, true)},
		{"missing-evaluations-array-backward-compat", func(w *world) { w.ask(path, body(alice, read, record1)).decided(true) }},
		{"empty-evaluations-array-backward-compat", func(w *world) { w.ask(path, body(alice, read, record1, `"evaluations":[]`)).decided(true) }},
		{"unknown-top-level-fields-ignored", lists(batch(`,"foo":1,"futureField":"x"`, yes, no), true, false)},
		{"batch-with-properties-validated", lists(batch("", yes, item(alice, write, record2)), true, false)},
		{"batch-with-subject-properties-validated", lists(batch("", item(alice, write, record2), item(bob, write, record2)), false, true)},
		{"batch-with-default-value-merging", lists(body(alice, write, `"resource":{"type":"record"}`,
			`"evaluations":[{"resource":{"id":"record-1","properties":{"owner":"user:$alice"}}},{`+record2+`}]`), true, false)},
	}...))
}

// TestAuthZEN_subject_search is authzen-pdp-subject-search-test-plan.
func TestAuthZEN_subject_search(t *testing.T) {
	const path, users = "search/subject", `"subject":{"type":"user"}`
	good := body(users, read, record1)
	found := func(body string) func(*world) { return finds(path, body, "user:$alice", "user:$bob") }
	run(t, 25, append(transport(path, good), []module{
		{"valid-subject-search-request-with-non-empty-results", found(good)},
		{"subject-search-with-context", found(body(users, read, record1, `"context":{"time":"x"}`))},
		{"subject-search-with-subject-id-omitted", found(good)},
		{"request-with-page-limit", func(w *world) {
			whole, _ := w.ask(path, good).results()
			var all []string
			for next := ""; ; {
				some, after := w.ask(path, body(users, read, record1, `"page":{"limit":1,"token":"`+next+`"}`)).results()
				if len(some) > 1 || len(all) > len(whole) {
					w.t.Fatalf("a page of one: %v after %v", some, all)
				}
				all = append(all, some...)
				if next = after; next == "" {
					break
				}
			}
			if !slices.Equal(all, whole) || len(whole) < 3 {
				w.t.Errorf("by pages %v, whole %v", all, whole)
			}
		}},
		{"unknown-entity-type", func(w *world) {
			if some, _ := w.ask(path, body(`"subject":{"type":"robot"}`, read, record1)).results(); len(some) != 0 {
				w.t.Errorf("found %v", some)
			}
		}},
		{"missing-action", missing(path, body(users, record1))},
		{"action-missing-name", missing(path, body(users, `"action":{}`, record1))},
		{"action-is-string", kind(path, body(users, `"action":"view"`, record1))},
		{"missing-resource", missing(path, body(users, read))},
		{"resource-missing-id", missing(path, body(users, read, `"resource":{"type":"record"}`))},
		{"resource-missing-type", missing(path, body(users, read, `"resource":{"id":"record-1"}`))},
		{"subject-missing-type", missing(path, body(`"subject":{}`, read, record1))},
		{"unknown-top-level-fields-ignored", found(body(users, read, record1, `"foo":1,"futureField":2`))},
		{"unknown-page-fields-ignored", found(body(users, read, record1, `"page":{"customAttr":"x"}`))},
		{"extra-subject-id-ignored", found(body(`"subject":{"type":"user","id":["whoever"]}`, read, record1))},
		{"subject-search-with-resource-properties", finds(path, body(users, write, record2), "user:$bob")},
	}...))
}

// TestAuthZEN_resource_search is authzen-pdp-resource-search-test-plan. The records are the application's: what the suite
// looks for in results stands in context.filter as the owners whose records they are (docs/divergences.md).
func TestAuthZEN_resource_search(t *testing.T) {
	const path, records = "search/resource", `"resource":{"type":"record"}`
	good := body(alice, read, records)
	shows := func(body, owner string) func(*world) {
		return func(w *world) {
			w.t.Helper()
			out := w.ask(path, body).object(200)
			f, _ := out["context"].(map[string]any)["filter"].(map[string]any)
			owners, _ := f["owners"].([]any)
			if f["none"] != false || f["everyone"] != true && !slices.Contains(owners, any(w.names.Replace(owner))) || len(out["results"].([]any)) != 0 {
				w.t.Errorf("the filter: %v", out)
			}
		}
	}
	run(t, 20, append(transport(path, good), []module{
		{"valid-resource-search-request-with-non-empty-results", shows(good, "user:$alice")},
		{"resource-search-with-resource-id-omitted", shows(good, "user:$alice")},
		{"missing-subject", missing(path, body(read, records))},
		{"subject-missing-id", missing(path, body(`"subject":{"type":"user"}`, read, records))},
		{"missing-resource", missing(path, body(alice, read))},
		{"resource-missing-type", missing(path, body(alice, read, `"resource":{}`))},
		{"missing-action", missing(path, body(alice, records))},
		{"action-missing-name", missing(path, body(alice, `"action":{}`, records))},
		{"extra-resource-id-ignored", shows(body(alice, read, `"resource":{"type":"record","id":17}`), "user:$alice")},
		{"unknown-top-level-fields-ignored", shows(body(alice, read, records, `"foo":1`), "user:$alice")},
		{"resource-search-with-subject-properties", shows(body(`"subject":{"type":"user","id":"$bob","properties":{"role":"admin"}}`, write, records), "user:$bob")},
	}...))
}

// TestAuthZEN_action_search is authzen-pdp-action-search-test-plan.
func TestAuthZEN_action_search(t *testing.T) {
	const path = "search/action"
	good := body(alice, record1)
	found := func(body string) func(*world) { return finds(path, body, "view", "edit") }
	run(t, 22, append(transport(path, good), []module{
		{"valid-action-search-request-with-non-empty-results", found(good)},
		{"action-search-with-context", found(body(alice, record1, `"context":{"time":"x"}`))},
		{"unknown-entity-identifier", func(w *world) {
			for _, subject := range []string{"whoever", "usr_00000000000000000000000000"} {
				if some, _ := w.ask(path, body(`"subject":{"type":"user","id":"`+subject+`"}`, record1)).results(); len(some) != 0 {
					w.t.Errorf("found %v", some)
				}
			}
		}},
		{"missing-resource", missing(path, body(alice))},
		{"resource-missing-id", missing(path, body(alice, `"resource":{"type":"record"}`))},
		{"resource-missing-type", missing(path, body(alice, `"resource":{"id":"record-1"}`))},
		{"missing-subject", missing(path, body(record1))},
		{"subject-missing-id", missing(path, body(`"subject":{"type":"user"}`, record1))},
		{"subject-missing-type", missing(path, body(`"subject":{"id":"$alice"}`, record1))},
		{"subject-is-string", kind(path, body(`"subject":"$alice"`, record1))},
		{"unknown-top-level-fields-ignored", found(body(alice, record1, `"foo":1`))},
		{"extra-action-ignored", found(body(alice, record1, `"action":"whatever"`))},
		{"action-search-with-properties", found(body(`"subject":{"type":"user","id":"$bob","properties":{"role":"admin"}}`, record2))},
	}...))
}
