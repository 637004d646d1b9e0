package scim_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"net/http"
	"net/http/httptest"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestWall071_TooMuch: one operation or one byte more than there may be is refused as a whole, with the limit's number.
func TestWall071_TooMuch(t *testing.T) {
	each(t, func(w *world) {
		most := w.do("GET", "/ServiceProviderConfig", "").want(200)
		operations, bytes := int(most.at("bulk", "maxOperations").(float64)), int(most.at("bulk", "maxPayloadSize").(float64))
		if operations < 1000 || most.at("bulk", "supported") != true {
			w.t.Errorf("bulk is offered as %v", most.at("bulk"))
		}
		nobody := op("DELETE", "/Users/1", "", "")
		many := func(n int) []string { return strings.Split(strings.Repeat(nobody+" ", n), " ")[:n] }
		w.bulk(many(operations)...).were(strings.TrimSpace(strings.Repeat("404 ", operations)))
		for _, n := range []int{operations + 1, 10 * operations} {
			if detail := fmt.Sprint(w.bulk(append(many(n-1), made("a", "a@nordlys.example"))...).want(413).at("detail")); !strings.Contains(detail, fmt.Sprint("(", operations, ")")) {
				w.t.Errorf("told %q", detail)
			}
		}
		body := `{` + bulkRequest + `,"Operations":[` + op("DELETE", "/Users/1", "", "") + `]}`
		full := body + strings.Repeat(" ", bytes-len(body))
		w.do("POST", "/Bulk", full).were("404")
		if detail := fmt.Sprint(w.do("POST", "/Bulk", full+" ").want(413).at("detail")); !strings.Contains(detail, fmt.Sprint(bytes)) {
			w.t.Errorf("told %q", detail)
		}
		w.do("POST", "/Bulk", `{`+bulkRequest+`,"Operations":[{"data":[`+strings.Repeat(`0,`, 300_000)+`0]}]}`).want(400)
		w.do("GET", `/Users?filter=userName+sw+"a@"`, "").want(200).is(0, "totalResults")
	})
}

// TestWall071_ForeignPaths: an operation reaches users and groups of its own organization, and nothing by a detour.
func TestWall071_ForeignPaths(t *testing.T) {
	each(t, func(w *world) {
		neighbour := w.as(tokenOther, "bjorkvik")
		theirs := neighbour.create(`"userName":"theirs@else.example"`).want(201).id()
		admin := w.admin.ID.String()
		for _, path := range []string{
			"", "/", "Users", "//Users", "/users", "/Users/", "/Users//" + theirs, "/Users/" + theirs + "/", "/Users/../admin", "/../admin", "/Users/..", "/Users/.", "/Users/../Groups", "/./Users/" + theirs,
			"/%2e%2e/admin", "/Users/%2e%2e%2fadmin", "/%55sers/" + theirs, "/Users%2f" + theirs, "/Users/" + theirs + "?x=1", "/Users/" + theirs + "#x", "/Users;a=b/" + theirs, `/Users\` + theirs,
			"/Users/.search", "/.search", "/Bulk", "/Me", "/Schemas", "/ServiceProviderConfig", "/ResourceTypes/User", "/admin", "/api/v1/organizations",
			"/scim/v2/nordlys/Users/" + theirs, "/scim/v2/bjorkvik/Users/" + theirs, "https://portvakt.example/scim/v2/bjorkvik/Users/" + theirs, "https://portvakt.example/scim/v2/nordlys/../bjorkvik/Users/" + theirs,
			"https://evil.example/scim/v2/nordlys/Users/" + theirs, "//portvakt.example/scim/v2/nordlys/Users/" + theirs, "https://portvakt.example/scim/v2/nordlys", "https://portvakt.example/scim/v2/nordlysUsers/" + theirs,
			"http://portvakt.example/scim/v2/nordlys/Users/" + theirs, "https://portvakt.example/scim/v2/nordlyshttps://portvakt.example/scim/v2/nordlys/Users/" + admin, "/Users/" + theirs + "\x00",
		} {
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				r := w.bulk(op(method, strings.ReplaceAll(path, "\x00", "\t"), "a", `{`+core+`,"userName":"x@nordlys.example"}`)).want(200)
				if got := r.statuses(); got != "400" && got != "404" && got != "405" {
					w.t.Errorf("%s %q is answered %s: %s", method, path, got, r.raw)
				}
			}
		}
		neighbour.do("GET", "/Users/"+theirs, "").want(200).is("theirs@else.example", "userName")
		w.do("GET", "/Users", "").want(200).is(1, "totalResults")
	})
}

// TestWall071_TheNeighbour: what is the neighbour's is answered like what nobody has, in every place of an operation.
func TestWall071_TheNeighbour(t *testing.T) {
	each(t, func(w *world) {
		theirs := w.as(tokenOther, "bjorkvik").create(`"userName":"theirs@else.example"`).want(201).id()
		nobody := strings.Replace(w.admin.ID.String(), "mbr_0", "mbr_1", 1)
		about := func(id string) string {
			return w.bulk(op("PUT", "/Users/"+id, "", `{`+core+`,"userName":"x@nordlys.example"}`), op("PATCH", "/Users/"+id, "", steps(`{"op":"add","path":"title","value":"x"}`)),
				op("DELETE", "/Users/"+id, "", ""), op("PATCH", "/Users/"+id, "", steps(`{"op":"add","path":"title","value":"x"}`), `"version":"W/\"1\""`),
				made("a", "a@nordlys.example", managedBy(id)), made("b", "b@nordlys.example", `"`+membership+`":{"successor":"`+id+`"}`)).were("404 404 404 404 400 400").raw
		}
		if ours, none := strings.ReplaceAll(about(theirs), theirs, "id"), strings.ReplaceAll(about(nobody), nobody, "id"); ours != none {
			w.t.Errorf("the neighbour's\n%s\nnobody's\n%s", ours, none)
		}
		w.as(tokenOther, "bjorkvik").do("GET", "/Users/"+theirs, "").want(200).is(`W/"1"`, "meta", "version")
	})
}

// TestWall071_Races: two bulk requests about the same people make each once, and lose nothing.
func TestWall071_Races(t *testing.T) {
	each(t, func(w *world) {
		ola := w.create(`"userName":"ola@nordlys.example"`).want(201).id()
		var group sync.WaitGroup
		var created, retitled atomic.Int64
		for g := range 4 {
			group.Go(func() {
				var ops []string
				for i := range 12 {
					ops = append(ops, made(fmt.Sprint("b", i), fmt.Sprintf("p%d@nordlys.example", (i+3*g)%12)))
				}
				ops = append(ops, op("PATCH", "/Users/"+ola, "", steps(fmt.Sprintf(`{"op":"add","path":"phoneNumbers","value":{"value":"%d","type":"t%[1]d"}}`, g))),
					op("PATCH", "/Users/"+ola, "", steps(`{"op":"add","path":"title","value":"x"}`), `"version":"W/\"1\""`))
				r := w.bulk(ops...)
				created.Add(int64(strings.Count(r.statuses(), "201")))
				retitled.Add(int64(strings.Count(fmt.Sprint(r.at("Operations", 13, "status")), "200")))
			})
		}
		group.Wait()
		if m := w.member(ola); created.Load() != 12 || retitled.Load() > 1 || len(m.Details.Phones) != 4 {
			w.t.Errorf("%d made, %d of one version, %d phones; want 12, at most 1, 4", created.Load(), retitled.Load(), len(m.Details.Phones))
		}
		w.do("GET", "/Users?count=0", "").want(200).is(14, "totalResults")
	})
}

// TestBulkStatements: users made together cost as many statements however many they are; other operations what they cost
// alone, without the token.
func TestBulkStatements(t *testing.T) {
	t.Parallel()
	for name, url := range testenv.URLs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told atomic.Int64
			clock := testenv.NewClock()
			db := testenv.Open(t, sqldb.Config{URL: url(t), Clock: clock.Now, Relaxed: true, Trace: func(string) { told.Add(1) }})
			w := newWorld(t, db, clock)
			cost := func(n int, each func(i int) string) int64 {
				ops := make([]string, n)
				for i := range ops {
					ops[i] = each(i)
				}
				before := told.Load()
				w.bulk(ops...).want(200)
				return told.Load() - before
			}
			user := func(i int) string { return made(fmt.Sprint("b", i), fmt.Sprintf("p%d@%d.example", i, told.Load())) }
			if few, more := cost(2, user), cost(200, user); more > few+3 || more > 30 { // a budget is a few more now and then
				t.Errorf("%d statements for 2 people, %d for 200", few, more)
			}
			patch := func(i int) string {
				return op("PATCH", "/Users/"+w.admin.ID.String(), "", steps(fmt.Sprintf(`{"op":"add","path":"title","value":"%d"}`, told.Load()+int64(i))))
			}
			w.token = tokenAll
			before := told.Load()
			w.patch(w.admin.ID.String(), `{"op":"add","path":"title","value":"alone"}`).want(200)
			alone := told.Load() - before
			if few, more := cost(2, patch), cost(20, patch); more-few > 18*alone || alone > 20 {
				t.Errorf("%d statements for a PATCH alone, %d for 2 in bulk, %d for 20", alone, few, more)
			}
		})
	}
}

// TestBulkOutlastsTheServersTimes: the times that bound single requests do not cut off a bulk request at work.
func TestBulkOutlastsTheServersTimes(t *testing.T) {
	each(t, func(w *world) {
		const limit = 250 * time.Millisecond
		server := httptest.NewUnstartedServer(w.handler)
		server.Config.ReadTimeout, server.Config.WriteTimeout = limit, limit
		server.Start()
		defer server.Close()
		w.do("GET", "/Users?count=0", "").want(200) // takes a portion of the budget, which is written
		locked, answered := make(chan struct{}), make(chan error, 1)
		var status int
		go func() {
			<-locked
			_, r := w.request("POST", "/Bulk", strings.NewReader(`{`+bulkRequest+`,"Operations":[`+made("a", "a@nordlys.example")+`]}`))
			sent, _ := http.NewRequest(r.Method, server.URL+r.URL.Path, r.Body)
			sent.Header = r.Header
			answer, err := server.Client().Do(sent)
			if err == nil {
				status = answer.StatusCode
				answer.Body.Close()
			}
			answered <- err
		}()
		err := w.db.Update(t.Context(), func(tx *sqldb.Tx) error {
			if _, err := tx.Exec(t.Context(), `update organizations set version = version where id = $1`, w.org.ID); err != nil {
				return err
			}
			close(locked)
			select {
			case err := <-answered:
				return fmt.Errorf("answered %d while the organization was locked: %w", status, err)
			case <-time.After(2 * limit):
				return nil
			}
		})
		if err != nil {
			w.t.Fatal(err)
		}
		if err := <-answered; err != nil || status != 200 {
			w.t.Errorf("answered %d, %v", status, err)
		}
		w.do("GET", `/Users?filter=userName+eq+"a@nordlys.example"`, "").want(200).is(1, "totalResults")
	})
}
