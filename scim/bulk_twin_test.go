package scim_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/scim"
)

// twin is one of two organizations of the same people that are sent the same operations: one in bulk, the other one by one.
type twin struct {
	*world
	word  string
	users []string // ids of those who are there from the beginning, and one of nobody
}

var twins atomic.Int64

func (w *world) twin(seats int64) twin {
	word := fmt.Sprintf("twin%05d", twins.Add(1))
	ctx := w.t.(*testing.T).Context()
	o := must(w.dir.Organizations.Create(ctx, directory.Organization{Slug: word, Name: "Twin", Seats: seats, Domains: []string{word + ".example"}}))(w.t)
	must(w.dir.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: o.ID, Name: "HR", MayUsers: true, MayAccess: true}, "token-of-"+word))(w.t)
	must(w.dir.Access.SaveSegments(ctx, o.ID, []directory.Segment{{Key: "oslo", Name: "Oslo"}}))(w.t)
	admin := w.seed(o.ID, directory.Member{Email: "admin@" + word + ".example", Administrator: true})
	t := twin{world: w.as("token-of-"+word, word), word: word, users: []string{admin.ID.String(), "mbr_00000000000000000000000001"}}
	t.org = o
	for i := range 2 {
		t.users = append(t.users, t.create(fmt.Sprintf(`"userName":"u%d@%s.example"`, i, word)).want(201).id())
	}
	return t
}

// drawn is an operation of a random batch; {word} stands for the twin's own word, {n} for one of its users, {ref:n} for what
// the n-th operation has made.
type drawn struct{ method, path, data, version string }

func draw(t *rapid.T, i int) drawn {
	one := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	target := one("target", "{0}", "{1}", "{2}", "{3}", "{2}", "{3}")
	if i > 0 {
		target = one("of", target, fmt.Sprintf("{ref:%d}", rapid.IntRange(0, i-1).Draw(t, "ref")))
	}
	userName := one("userName", "u0@{word}.example", "u2@{word}.example", "u3@{word}.example", "U3@{word}.example", "u4@{word}.example", "u5@{word}.test", "u6@{word}.test", "ole", "")
	more := one("more", "", "", "", `,"externalId":"1"`, `,"externalId":"2"`, `,"active":false`, `,"title":"x"`, `,"`+membership+`":{"segments":["oslo"]}`, `,"`+membership+`":{"segments":["nowhere"]}`,
		`,"`+membership+`":{"kind":"external"}`, `,"`+membership+`":{"kind":"contact"}`, `,"`+membership+`":{"administrator":true}`, `,`+managedBy(target), `,"name":1`, `,"emails":[{"value":"mail@{word}.test"}]`)
	user := `{` + core + `,"userName":"` + userName + `"` + more + `}`
	switch one("method", "POST", "POST", "POST", "PUT", "PATCH", "DELETE") {
	case "PUT":
		return drawn{"PUT", "/Users/" + target, user, one("version", "", `W/"1"`)}
	case "PATCH":
		return drawn{"PATCH", "/Users/" + target, steps(one("step", `{"op":"replace","path":"active","value":false}`, `{"op":"replace","path":"title","value":"y"}`, `{"op":"remove","path":"externalId"}`,
			`{"op":"add","path":"nobody","value":1}`, `{"op":"replace","path":"userName","value":"`+userName+`"}`)), one("version", "", `W/"1"`)}
	case "DELETE":
		return drawn{"DELETE", "/Users/" + target, "", ""}
	}
	return drawn{"POST", "/Users", user, ""}
}

// fill puts the twin's own words and identifiers into a text; made finds what operations have made.
func (w twin) fill(text string, made func(i int) string) string {
	text = strings.ReplaceAll(text, "{word}", w.word)
	for i, id := range w.users {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%d}", i), id)
	}
	return placeOfRef.ReplaceAllStringFunc(text, func(s string) string {
		var i int
		_, _ = fmt.Sscanf(s, "{ref:%d}", &i)
		return made(i)
	})
}

var (
	placeOfRef = regexp.MustCompile(`\{ref:\d+\}`)
	anyMember  = regexp.MustCompile(`(mbr|usr|org|pvc)_[0-9a-v]{26}`)
)

// alike is a text without what is never the same twice.
func (w twin) alike(text string) string {
	return strings.ReplaceAll(anyMember.ReplaceAllString(text, "$1"), w.word, "twin")
}

// told are the twin's history, events and members, in any order.
func (w twin) told() string {
	var out []string
	for _, text := range []string{"select action || ' ' || detail || ' ' || actor_kind from audit_entries where organization_id = $1", "select kind || ' ' || data from events where organization_id = $1"} {
		rows := must(sqldb.All(w.t.(*testing.T).Context(), w.db, func(r sqldb.Row) (s string, err error) { return s, r.Scan(&s) }, text, w.org.ID))(w.t)
		out = append(out, rows...)
	}
	list, _ := w.do("GET", "/Users?sortBy=userName&count=1000", "").want(200).at("Resources").([]any)
	for _, user := range list {
		out = append(out, string(must(json.Marshal(user))(w.t)))
	}
	for i := range out {
		out[i] = w.alike(out[i])
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// single sends an operation alone, and says what its answer in bulk would have to be.
func (w twin) single(o drawn, made map[int]string, i int) string {
	failed := false
	id := func(n int) string {
		failed = failed || made[n] == ""
		return made[n]
	}
	path, data := w.fill(o.path, id), w.fill(o.data, id)
	if failed {
		return "reference"
	}
	var headers []string
	if o.version != "" {
		headers = []string{"If-Match", o.version}
	}
	r := w.do(o.method, path, data, headers...)
	if r.status >= 400 {
		return w.alike(fmt.Sprint(r.status, " ", r.json))
	}
	if o.method == "POST" {
		made[i] = r.id()
	}
	return strings.TrimSpace(fmt.Sprint(r.status, " ", r.header.Get("ETag")))
}

// TestBulkIsLikeSingleOperations: of random batches each operation is answered as it would be alone, and what is there
// afterwards is the same, the history and the events included.
func TestBulkIsLikeSingleOperations(t *testing.T) {
	each(t, func(w *world) {
		rapid.Check(w.t.(*testing.T), func(r *rapid.T) {
			seats := rapid.SampledFrom([]int64{directory.UnlimitedSeats, 5, 6}).Draw(r, "seats")
			bulk, alone := w.twin(seats), w.twin(seats)
			n := rapid.IntRange(1, 12).Draw(r, "operations")
			w.handler.(*scim.Handler).StrokeForTest(rapid.SampledFrom([]int{1, 2, 3, 250}).Draw(r, "stroke")) // so that several overlap
			var want []string
			ops, posts, made := make([]string, n), map[int]bool{}, map[int]string{}
			for i := range n {
				o := draw(r, i)
				posts[i] = o.method == "POST"
				want = append(want, alone.single(o, made, i))
				ref := func(n int) string { return fmt.Sprint("bulkId:", n) }
				ops[i] = op(o.method, bulk.fill(o.path, ref), fmt.Sprint(i), bulk.fill(o.data, ref), `"version":`+quoted(o.version))
			}
			answer := bulk.bulk(ops...).want(200)
			for i := range n {
				status, version, response := answer.at("Operations", i, "status"), answer.at("Operations", i, "version"), answer.at("Operations", i, "response")
				got := bulk.alike(fmt.Sprint(status, " ", response))
				switch {
				case want[i] == "reference":
					got = map[any]string{"409": "reference", "400": "reference"}[status]
				case response == nil && version == nil:
					got = fmt.Sprint(status)
				case response == nil:
					got = fmt.Sprint(status, " ", version)
				}
				if got != want[i] {
					r.Fatalf("operation %d\nin bulk %s\nalone   %s\n%s", i, got, want[i], answer.raw)
				}
			}
			if ours, theirs := bulk.told(), alone.told(); ours != theirs {
				r.Fatalf("in bulk\n%s\nalone\n%s\n%s", ours, theirs, answer.raw)
			}
		})
	})
}

// FuzzBulk: whatever is sent is answered, never with a mistake of ours, and touches nobody else's people.
func FuzzBulk(f *testing.F) {
	for _, ops := range []string{
		made("a", "a@nordlys.example", managedBy("bulkId:b")) + `,` + made("b", "b@nordlys.example", managedBy("bulkId:a")),
		op("PATCH", "/Users/bulkId:a", "", steps(`{"op":"add","path":"members[value eq \"bulkId:a\"]","value":[{"value":"bulkId:a"}]}`)), op("DELETE", "/Groups/bulkId:", "", ""),
		op("PUT", "/Users/1", "x", `{`+core+`,"userName":"x","`+enterprise+`":[{"manager":"bulkId:x"}]}`), `{"method":"POST","path":"/Groups","bulkId":"g","data":{"members":"bulkId:g"}}`,
	} {
		f.Add(`{` + bulkRequest + `,"failOnErrors":3,"Operations":[` + ops + `]}`)
	}
	w := fuzzWorld(f)
	f.Fuzz(func(t *testing.T, body string) {
		rec, r := w.request("POST", "/Bulk", strings.NewReader(body))
		w.handler.ServeHTTP(rec, r)
		var answer struct {
			Detail     string
			Operations []struct{ Status string }
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || rec.Code >= 500 || rec.Code >= 400 && answer.Detail == "" {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		for _, o := range answer.Operations {
			if len(o.Status) != 3 || o.Status >= "500" {
				t.Fatalf("%s", rec.Body)
			}
		}
		if n := must(w.dir.Memberships.List(t.Context(), w.other.ID, directory.Query{Limit: 10}))(t); n.Total != 0 {
			t.Fatal("the neighbour has members")
		}
	})
}
