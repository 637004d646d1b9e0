package authzen_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func otherKeys(t testing.TB) *secret.Keys {
	master := sha256.Sum256([]byte("another"))
	return must(secret.NewKeys(master[:]))(t)
}

// record is a resource with properties.
func record(properties string) string {
	return `"resource":{"type":"record","id":"1","properties":{` + properties + `}}`
}

// TestReasons: the deciding fact in one word, for each word that this door can bring about.
func TestReasons(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		end := func(name string, e directory.Ending) {
			t.Helper()
			if err := w.dir.Memberships.End(ctx, w.orgs["nordlys"].ID, w.members[name].ID, e); err != nil {
				t.Fatal(err)
			}
		}
		w.ask("evaluation", body(`"subject":{"type":"user","id":"$gone"}`, read, record1)).decided(true, "sharing_default")
		end("gone", directory.Ending{Choice: directory.EndArchived})
		subject := func(kind, id string) string { return `"subject":{"type":"` + kind + `","id":"` + id + `"}` }
		for _, row := range []struct {
			body   string
			want   bool
			reason string
		}{
			{body(alice, read, `"resource":{"type":"record","id":"*"}`), true, "module"},
			{body(subject("member", "$alice.member"), write, record(`"owner":"member:$alice.member"`)), true, "owner"},
			{body(alice, write, record(`"owner":"group:team"`)), true, "group"},
			{body(bob, write, record(`"owner":"group:team"`)), false, "not_shared"},
			{body(subject("user", "$chief"), `"action":{"name":"delete"}`, record1), true, "role_above"},
			{body(bob, write, record(`"owner":"user:$bob","segment":"oslo"`)), true, "owner"},
			{body(bob, write, record(`"owner":"user:$bob","segment":"bergen"`)), false, "segment"},
			{body(bob, write, record(`"owner":"user:$bob","segment":"rome"`)), false, "unknown_segment"},
			{body(alice, write, record(`"owner":"user:$alice","field":"title"`)), true, "owner"},
			{body(alice, write, record(`"owner":"user:$alice","field":"price"`)), false, "field"},
			{body(alice, write, record(`"owner":"user:$alice","field":"colour"`)), false, "unknown_field"},
			{body(subject("user", "$idle"), read, record1), false, "no_permission"},
			{body(subject("user", "$gone"), read, record1), false, "not_active"},
			{body(subject("user", "$gone.member"), read, record1), false, "unknown_subject"},
			{body(subject("robot", "$alice"), read, record1), false, "unknown_subject"},
			{body(alice, `"action":{"name":"fly"}`, record1), false, "unknown_action"},
			{body(alice, read, `"resource":{"type":"rocket","id":"1"}`), false, "unknown_module"},
			{body(alice, read, record(`"owner":"user:whoever"`)), false, "unknown_owner"},
			{body(alice, read, record(`"owner":"group:nothing"`)), false, "unknown_owner"},
			{body(subject("user", "$chief"), write, record(`"owner":"user:$gone"`)), false, "owner_archived"},
			{body(subject("user", "$chief"), write, record(`"owner":"user:$gone","new_owner":"user:$gone"`)), false, "owner_archived"},
			{body(subject("user", "$chief"), write, record(`"owner":"user:$gone","new_owner":"user:$alice"`)), true, "role_above"},
			{body(subject("user", "$chief"), read, record(`"owner":"user:$gone"`)), true, "role_above"},
		} {
			w.ask("evaluation", row.body).decided(row.want, row.reason)
		}
	})
}

// TestAnEndCountsAtOnce: who was ended a moment ago may nothing, is found by nobody, and who starts later starts then.
func TestAnEndCountsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		users := body(`"subject":{"type":"user"}`, read, record1)
		w.ask("evaluation", body(bob, read, record1)).decided(true)
		if err := w.dir.Memberships.End(ctx, w.orgs["nordlys"].ID, w.members["bob"].ID, directory.Ending{Choice: directory.EndWithSuccessor, Successor: w.members["alice"].ID}); err != nil {
			t.Fatal(err)
		}
		w.ask("evaluation", body(bob, read, record1)).decided(false, "not_active")
		w.ask("evaluation", body(alice, write, record2)).decided(true, "owner") // alice's now
		if found, _ := w.ask("search/subject", users).results(); strings.Contains(fmt.Sprint(found), w.members["bob"].User.String()) {
			t.Errorf("found %v", found)
		}
		role := w.members["alice"].Role
		start := clock.Now().Add(time.Minute)
		m := must(w.dir.Memberships.Create(ctx, w.orgs["nordlys"].ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "new@nordlys.example", Role: role, Start: start}}))(t)
		fresh := body(`"subject":{"type":"user","id":"`+m.User.String()+`"}`, read, record1)
		answer := w.ask("evaluation", fresh)
		answer.decided(false, "not_active") // and not unknown: nobody told of the membership
		if until := answer.object(200)["context"].(map[string]any)["until"]; until != start.Format(time.RFC3339Nano) {
			t.Errorf("until %v, want %v", until, start)
		}
		clock.Advance(time.Minute)
		w.ask("evaluation", fresh).decided(true)
		clock.Advance(-time.Minute)
		w.ask("evaluation", fresh).decided(false, "not_active")
	})
}

// TestFields: with context.fields the answer says how far each field is open.
func TestFields(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		asked := func(who, action string) any {
			return w.ask("evaluation", body(who, action, record1, `"context":{"fields":true}`)).object(200)["context"].(map[string]any)["fields"]
		}
		if got := fmt.Sprint(asked(alice, read)); got != "map[price:read_only title:editable]" {
			t.Errorf("alice's: %s", got)
		}
		if got := asked(alice, `"action":{"name":"soft_delete"}`); got != nil {
			t.Errorf("of a tool: %v", got)
		}
		got := w.ask("evaluations", `{"context":{"fields":true},"evaluations":[{`+alice+","+read+","+record1+`},{`+alice+","+read+","+record1+`,"context":{"fields":false}}]}`).list(true, true)
		if got[0]["context"].(map[string]any)["fields"] == nil || got[1]["context"].(map[string]any)["fields"] != nil {
			t.Errorf("by item: %v", got)
		}
	})
}

// TestFieldsAreNoMoreThanTheRecord: a form that is drawn by the fields alone shows and changes nothing that the decision
// would not allow.
func TestFieldsAreNoMoreThanTheRecord(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		for _, row := range []struct{ who, action, record, want string }{
			{bob, read, record1, "map[price:read_only title:read_only]"}, // another's, shared for reading
			{bob, write, record1, "map[price:read_only title:read_only]"},
			{bob, write, record2, "map[price:read_only title:editable]"},
			{bob, read, record(`"owner":"user:$alice","segment":"bergen"`), "map[price:hidden title:hidden]"},
			{`"subject":{"type":"user","id":"$gone"}`, read, record1, "map[price:hidden title:hidden]"},
			{alice, write, record(`"owner":"group:nobodys"`), "map[price:hidden title:hidden]"},
			{`"subject":{"type":"user","id":"$zoe"}`, read, record1, "map[]"},
		} {
			if strings.Contains(row.who, "gone") {
				must(w.dir.Memberships.Change(ctx, w.orgs["nordlys"].ID, w.members["gone"].ID, 0, func(m *directory.Member) error { m.SuspendedAt = clock.Now(); return nil }))(t)
			}
			got := w.ask("evaluation", body(row.who, row.action, row.record, `"context":{"fields":true}`)).object(200)["context"].(map[string]any)["fields"]
			if fmt.Sprint(got) != row.want {
				t.Errorf("%s %s %s: %v", row.who, row.action, row.record, got)
			}
		}
	})
}

// TestItemsStandForThemselves: what is wrong with one evaluation is told in its place, and leaves the others alone.
func TestItemsStandForThemselves(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		whole := body(alice, read, record1)
		got := w.ask("evaluations", body(alice, read, record1, `"context":{"organization":"nordlys"}`, `"evaluations":[{},7,{"subject":"x"},{"action":{"name":1}},{"context":{"explain":1}},
			{"context":{"organization":"bjorkvik"}},{"resource":{"properties":{"owner":"x"}}},{"resource":null,"context":null},`+whole+`]`)).list(true, false, false, false, false, false, false, true, true)
		for i, code := range map[int]string{1: "bad_type", 2: "bad_type", 3: "bad_type", 4: "bad_type", 5: "other_organization", 6: "bad_owner"} {
			context, _ := got[i]["context"].(map[string]any)
			problem, _ := context["error"].(map[string]any)
			if problem["error"] != code || problem["status"] != 400.0 || problem["message"] == "" || context["reason"] != nil {
				t.Errorf("item %d: %v", i, got[i])
			}
		}
		got = w.ask("evaluations", body(alice, write, `"resource":{"type":"record","properties":{"owner":"user:$alice"}}`,
			`"evaluations":[{"resource":{"id":"1"}},{"resource":{"id":"2"}},{"resource":{"id":""}},{},{"resource":{"id":"3"}},{"resource":{"id":"4","properties":{"owner":"user:$bob"}}},{"resource":{"id":"5"},`+bob+`},{"resource":{"id":"6"},"context":{"fields":true}}]`)).
			list(true, true, false, false, true, false, false, true)
		if got[7]["context"].(map[string]any)["fields"] == nil || got[2]["context"].(map[string]any)["error"] == nil {
			t.Errorf("what repeats the one before: %v", got)
		}
		w.ask("evaluations", body(read, record1, `"evaluations":[{`+alice+`},{}, {`+alice+`}],"options":{"evaluations_semantic":"deny_on_first_deny"}`)).list(true, false)
	})
}

// TestEvaluationsSeeOneVersion: while the model changes all the time, the items of one answer never disagree.
func TestEvaluationsSeeOneVersion(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		org := w.orgs["nordlys"].ID
		items := strings.Repeat(`{`+record2+`,"context":{"fields":true}},{`+record1+`},`, 50)
		asked := body(alice, write, `"evaluations":[`+items[:len(items)-1]+`]`)
		var group sync.WaitGroup
		stop := make(chan struct{})
		group.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				level := []directory.SharingLevel{directory.SharingPublicReadWrite, directory.SharingPublicRead}[i%2]
				if _, err := w.dir.Access.SaveSharing(ctx, org, map[string]directory.SharingLevel{"record": level}); err != nil {
					t.Error(err)
					return
				}
			}
		})
		seen := map[string]bool{}
		for n := 0; n < 50 || len(seen) < 2 && n < 500; n++ {
			all := w.ask("evaluations", asked).object(200)["evaluations"].([]any)
			first := fmt.Sprint(all[0])
			seen[first] = true
			for i, one := range all {
				if version := one.(map[string]any)["context"].(map[string]any)["version"]; version != all[0].(map[string]any)["context"].(map[string]any)["version"] || i%2 == 0 && fmt.Sprint(one) != first {
					t.Fatalf("%v beside %v", one, first)
				}
			}
		}
		close(stop)
		group.Wait()
		if len(seen) < 2 {
			t.Error("nothing changed meanwhile")
		}
	})
}

// TestExplanations: asked for, in the language that is asked for, with names for people and ids for rows; nobody else's.
func TestExplanations(t *testing.T) {
	each(t, func(t *testing.T, w *world, clock *testenv.Clock) {
		w.t = t
		explained := func(what string, parts ...string) map[string]any {
			t.Helper()
			e, ok := w.ask("evaluation", body(append(parts, `"context":{"explain":true,"language":"`+what+`"}`)...)).object(200)["context"].(map[string]any)["explanation"].(map[string]any)
			if !ok || e["facts"] == nil || e["needed"] == nil {
				t.Fatalf("no explanation: %v", e)
			}
			return e
		}
		e := explained("en", `"subject":{"type":"user","id":"$chief"}`, write, record1)
		text := fmt.Sprint(e["text"])
		if e["language"] != "en" || !strings.Contains(text, "Chief") || !strings.Contains(text, "Worker") || !strings.Contains(text, "chief@nordlys.example") {
			t.Errorf("explained: %v", e)
		}
		facts := e["facts"].([]any)
		last := facts[len(facts)-1].(map[string]any)
		if last["kind"] != "role_above" || last["member"] != w.members["chief"].ID.String() || last["owner"] != w.members["alice"].ID.String() {
			t.Errorf("the last fact: %v", last)
		}
		seen := map[string]bool{}
		for _, language := range []string{"en", "nb", "sv", "de"} {
			e := explained(language, alice, write, record2)
			if needed := e["needed"].([]any); e["language"] != language || len(needed) == 0 {
				t.Errorf("%s: %v", language, e)
			}
			seen[fmt.Sprint(e["text"])] = true
		}
		if len(seen) != 4 {
			t.Errorf("%d languages are told apart", len(seen))
		}
		r := w.request("evaluation", body(alice, write, record2, `"context":{"explain":true}`))
		r.Header.Set("Accept-Language", "de-AT, en;q=0.5")
		if got := w.do(r).Body.String(); !strings.Contains(got, `"language":"de"`) {
			t.Errorf("by the header: %s", got)
		}
		for _, who := range []string{"$zoe", "whoever"} {
			e := explained("en", `"subject":{"type":"user","id":"`+who+`"}`, read, record1)
			if got := fmt.Sprint(e["text"], e["facts"]); got != "[The organization has no such member.] [map[kind:unknown word:subject]]" {
				t.Errorf("%s: %s", who, got)
			}
		}
		items := w.ask("evaluations", body(read, record1, `"context":{"explain":true}`, `"evaluations":[{`+alice+`},{`+bob+`,"context":{"explain":false}},{},{`+bob+`}]`)).list(true, true, false, true)
		for i, want := range []bool{true, false, false, true} {
			if got := items[i]["context"].(map[string]any)["explanation"] != nil; got != want {
				t.Errorf("item %d is explained: %v", i, got)
			}
		}
	})
}

// TestSomebodyNewIsFound: a membership that another node has just made is found in the rows, in every place of a question,
// although the snapshot at hand does not know it and nobody has told of it.
func TestSomebodyNewIsFound(t *testing.T) {
	t.Parallel()
	for name, url := range testenv.URLs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock, at := testenv.NewClock(), url(t)
			open := func() *sqldb.DB {
				return testenv.Open(t, sqldb.Config{URL: at, Clock: clock.Now, Relaxed: true, MaxConnections: 4})
			}
			w := newWorld(t, open())
			there := directory.New(open())
			hire := func(email string) directory.Member {
				t.Helper()
				w.ask("evaluation", good).decided(true) // the snapshot is there, and fresh
				return must(there.Memberships.Create(ctx, w.orgs["nordlys"].ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: email, Role: w.members["alice"].Role}}))(t)
			}
			soon := func(what string, found func() bool) {
				t.Helper()
				testenv.Within(t, time.Second, what, found) // after two the rows are looked at whoever asks
			}
			first := hire("first@nordlys.example")
			soon("the subject is found", func() bool {
				return w.ask("evaluation", body(`"subject":{"type":"user","id":"`+first.User.String()+`"}`, read, record1)).object(200)["decision"] == true
			})
			second := hire("second@nordlys.example")
			soon("the owner is found", func() bool {
				return w.ask("evaluation", body(`"subject":{"type":"user","id":"$chief"}`, write, record(`"owner":"member:`+second.ID.String()+`"`))).object(200)["decision"] == true
			})
			third := hire("third@nordlys.example")
			soon("the item's subject is found", func() bool {
				items := w.ask("evaluations", body(read, record1, `"evaluations":[{`+bob+`},{"subject":{"type":"member","id":"`+third.ID.String()+`"}},{`+alice+`}]`)).object(200)["evaluations"].([]any)
				return len(items) == 3 && items[1].(map[string]any)["decision"] == true && items[2].(map[string]any)["decision"] == true
			})
		})
	}
}
