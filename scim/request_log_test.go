package scim_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/testenv"
	"portvakt/scim"
)

// logged is what the log of the organization has, the oldest first, after everything is written.
func (w *world) logged() []directory.ProvisioningRequest {
	w.t.Helper()
	if err := w.handler.(*scim.Handler).FlushLog(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	all := must(w.dir.ProvisioningLog.List(context.Background(), w.org.ID, directory.ProvisioningRequestQuery{Limit: 1000}))(w.t)
	slices.Reverse(all)
	return all
}

// last is what the log says of the request that was just answered.
func (w *world) last() directory.ProvisioningRequest {
	w.t.Helper()
	w.clock.Advance(time.Second)
	all := w.logged()
	if len(all) == 0 {
		w.t.Fatal("nothing was logged")
	}
	return all[len(all)-1]
}

// TestTheRequestLog: what was asked, what came of it, what changed, why it was refused, and what the refused body looked like.
func TestTheRequestLog(t *testing.T) {
	each(t, func(w *world) {
		id := w.create(`"userName":"ola@nordlys.example","name":{"familyName":"Nordmann"},"title":"Seller"`).want(201).id()
		made := w.last()
		if made.Method != "POST" || made.Path != "/Users" || made.Status != 201 || made.Object != id || made.Reason != "" || made.Shape != "" ||
			!slices.Contains(made.Changed, "userName") || !slices.Contains(made.Changed, "title") || made.Token.IsZero() {
			w.t.Errorf("made: %+v", made)
		}
		w.patch(id, `{"op":"replace","path":"active","value":false},{"op":"replace","path":"title","value":"Chief"}`).want(200)
		if got := w.last(); strings.Join(got.Changed, " ") != "active title" || got.Object != id || got.Path != "/Users/"+id || got.Status != 200 {
			w.t.Errorf("changed: %+v", got)
		}
		w.patch(id, `{"op":"replace","path":"title","value":"Chief"}`).want(200)
		if got := w.last(); len(got.Changed) != 0 {
			w.t.Errorf("changed nothing: %+v", got)
		}
		w.do("GET", "/Users?startIndex=1&count=10&filter="+url.QueryEscape(`userName eq "x" and emails[type eq "work" and primary eq true]`), "").want(200)
		if got := w.last().Query; got != `filter=(userName eq "…" and emails[(type eq "…" and primary eq true)])&startIndex=1&count=10` {
			w.t.Errorf("query %q", got)
		}
		w.do("GET", "/Users?token=abc&filter="+url.QueryEscape(`emailAddress eq "x"`), "").want(400)
		if got := w.last(); got.Code != "invalidFilter" || got.Query != `filter=emailAddress eq "…"` || got.Reason != `Users cannot be filtered by "emailAddress"` {
			w.t.Errorf("bad filter: %+v", got)
		}
		w.patch(id, `{"op":"Replace","path":"emials[type eq \"work\"].value","value":"ola"},{"op":"add","value":{"active":"maybe","n":1,"x":null,"list":[1,2,3,4,5]}}`).want(400)
		want := `{Operations: [{op: Replace, path: emials[type eq "…"].value, value: text 3}, {op: add, value: {active: text 5, list: [number, number, number, 2 more], n: number, x: null}}], ` +
			`schemas: [urn:ietf:params:scim:api:messages:2.0:PatchOp]}`
		if got := w.last(); got.Shape != want || got.Code != "invalidPath" || got.Reason != `There is no attribute "emials"` {
			w.t.Errorf("bad patch: %+v", got)
		}
		w.do("DELETE", "/Users/kari@nordlys.example", "").want(404)
		if got := w.last(); got.Path != "/Users/…" || got.Object != "" || got.Status != 404 {
			w.t.Errorf("of an address: %+v", got)
		}
		w.as(token, "bjorkvik").do("GET", "/Users/"+id, "").want(404)
		if got := w.last(); got.Path != "" || got.Object != "" || got.Organization != w.org.ID {
			w.t.Errorf("of another organization: %+v", got)
		}
		w.as(tokenUsers, "nordlys").do("GET", "/Groups", "").want(403)
		if got := w.last(); got.Reason != "The provisioning client may not do this" {
			w.t.Errorf("not allowed: %+v", got)
		}
		w.do("POST", "/Users", `{"userName":`).want(400)
		if got := w.last(); got.Shape != "not read: 12 bytes" || got.Code != "invalidSyntax" {
			w.t.Errorf("no JSON: %+v", got)
		}
	})
}

// TestTheRequestLogBelongsToTheAccessLog: a request has the number that the history and the access log know it by, and where it came from.
func TestTheRequestLogBelongsToTheAccessLog(t *testing.T) {
	each(t, func(w *world) {
		r := httptest.NewRequest("GET", "https://portvakt.example/scim/v2/nordlys/Users", nil)
		r = r.WithContext(actor.With(r.Context(), actor.Actor{Kind: actor.Anonymous, RequestID: "req26", Address: "192.0.2.7"}))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("User-Agent", "HR-Sync/2.1 (kari@nordlys.example; see (us)) Go-http-client/1.1 kari@nordlys.example")
		w.handler.ServeHTTP(httptest.NewRecorder(), r)
		if got := w.last(); got.RequestID != "req26" || got.Address != "192.0.2.7" || got.UserAgent != "HR-Sync/2.1 Go-http-client/1.1" {
			w.t.Errorf("%+v", got)
		}
	})
}

// TestTheRequestLogOfTokens: what an ended token is refused for is told to its client's organization; a stranger's is told to nobody.
func TestTheRequestLogOfTokens(t *testing.T) {
	each(t, func(w *world) {
		c := must(w.dir.ProvisioningClients.ByName(context.Background(), w.org.ID, token))(w.t)
		must(w.dir.ProvisioningClients.Rotate(context.Background(), w.org.ID, c.ID, directory.Renewal{}))(w.t)
		w.as("a-stranger's-token", "nordlys").do("GET", "/Users", "").want(401)
		w.as("", "nordlys").do("GET", "/Users", "").want(401)
		w.do("GET", "/Users", "").want(401)
		all := w.logged()
		if len(all) != 1 || all[0].Client != c.ID || all[0].Status != 401 || !strings.HasPrefix(all[0].Reason, "The token has ended") || all[0].Path != "/Users" {
			w.t.Errorf("%+v", all)
		}
	})
}

// TestWall134_TheRequestLogHoldsNoValues: whatever a client sends, in bodies good and bad, in names of objects, filters, paths,
// queries, headers and tokens, no value of it stands in a row of the log.
func TestWall134_TheRequestLogHoldsNoValues(t *testing.T) {
	each(t, func(w *world) {
		const mark = "zzmarked"
		// Words of each form that a sentence could repeat: a name, an address, a number, a sentence.
		id := w.create(`"userName":"` + mark + `@nordlys.example","externalId":"` + mark + `","name":{"familyName":"` + mark + `"},"title":"the ` + mark + `"`).want(201).id()
		for _, value := range []string{mark, mark + "@nordlys.example", "A " + mark + ", here", "01017012345" + mark} {
			quoted := fmt.Sprintf("%q", value)
			for _, attributes := range []string{`"userName":` + quoted, `"userName":[` + quoted + `]`, `"active":` + quoted, `"roles":[{"value":` + quoted + `}]`,
				`"entitlements":[{"value":` + quoted + `}]`, `"emails":` + quoted, `"userName":"a","` + membership + `":{"kind":` + quoted + `}`,
				`"userName":"a@x.example","` + membership + `":{"segments":[` + quoted + `],"start":` + quoted + `}`,
				`"userName":"a@x.example","` + membership + `":{"segments":[` + quoted + `]}`, `"userName":"a@x.example","` + membership + `":{"functions":[` + quoted + `]}`,
				`"userName":"a@x.example","` + membership + `":{"grants":[{"module":` + quoted + `,"grade":` + quoted + `}]}`,
				`"userName":"a@x.example","` + enterprise + `":{"manager":{"value":` + quoted + `}}`, `"schemas2":` + quoted} {
				w.create(attributes)
			}
			w.do("POST", "/Users", `{"schemas":[`+quoted+`],"userName":"b"}`)
			w.do("POST", "/Users", `{"userName":`+quoted+`,}`)
			w.do("PUT", "/Users/"+id, `{"schemas":[`+quoted+`],"userName":`+quoted+`}`, "If-Match", value)
			for _, op := range []string{`{"op":` + quoted + `}`, `{"op":"add","path":"emails[value eq \"` + value + `\"].type","value":` + quoted + `}`,
				`{"op":"remove","path":"emails[type eq \"` + value + `\"]"}`, `{"op":"replace","path":"emails[` + value + ` eq 1].value","value":` + quoted + `}`,
				`{"op":"replace","path":"active","value":` + quoted + `}`, `{"op":"add","value":` + quoted + `}`, `{"op":"replace","path":"id","value":` + quoted + `}`} {
				if strings.Contains(op, mark+" eq 1") { // a name, which is shown
					continue
				}
				w.patch(id, op, "X-Secret", value, "Cookie", value)
			}
			escaped := url.QueryEscape(value)
			for _, query := range []string{`filter=` + url.QueryEscape(`userName eq `+quoted), `filter=` + url.QueryEscape(`userName eq `+mark), `filter=` + url.QueryEscape(`nothing co `+quoted),
				`filter=` + url.QueryEscape(`meta.created gt `+quoted), `filter=` + url.QueryEscape(`active eq `+quoted), `filter=` + escaped + `%20`, `count=` + escaped, `startIndex=` + escaped,
				`access_token=` + escaped, escaped + `=1`, `cursor=` + escaped, `filter=` + url.QueryEscape(`(userName eq `+quoted)} {
				w.do("GET", "/Users?"+query, "")
			}
			for _, path := range []string{"/Users/", "/Groups/", "/Schemas/", "/ResourceTypes/", "/"} {
				w.do("GET", path+url.PathEscape(value), "")
			}
			w.as(value, "nordlys").do("GET", "/Users", "")
			w.logged()
		}
		w.patch(id, `{"op":"add","path":"emails[value eq `+mark+`].type","value":"work"}`).want(400)       // without quotes
		w.create(`"userName":"a@x.example","roles":[{"value":"` + mark + strings.Repeat("x", 200) + `"}]`) // which a sentence cuts
		all := w.logged()
		if len(all) < 100 {
			w.t.Fatalf("only %d requests were logged", len(all))
		}
		var refused int
		for i := range all {
			if all[i].Refused() {
				refused++
			}
		}
		if refused < 60 {
			w.t.Errorf("only %d were refused", refused)
		}
		for _, found := range testenv.Find(w.t, w.db, mark, token, "01017012345") {
			if strings.HasPrefix(found, "provisioning_request") {
				w.t.Error(found)
			}
		}
	})
}

// TestTheRequestLogOfManyOperations: they are counted, and the first ones that were refused are told.
func TestTheRequestLogOfManyOperations(t *testing.T) {
	each(t, func(w *world) {
		c := must(w.dir.ProvisioningClients.ByName(context.Background(), w.org.ID, token))(w.t)
		outcomes := make([]error, 40)
		for i := range outcomes {
			if i%2 == 1 {
				outcomes[i] = scim.BadValueForTest(fmt.Sprintf("number %d is Ola", i))
			}
		}
		r := httptest.NewRequest("POST", "https://portvakt.example/scim/v2/nordlys/Bulk", nil)
		w.handler.(*scim.Handler).NoteOperationsForTest(httptest.NewRecorder(), r, c, map[string]any{"displayName": "Ola"}, outcomes)
		got := w.last()
		if got.Operations != 40 || len(got.Failed) != 10 || got.Status != 200 || !got.Refused() || got.Failed[0] != (directory.FailedOperation{Number: 2, Method: "POST", Path: "/Users", Status: 400, Code: "invalidValue", Reason: "number 1 is …"}) {
			w.t.Errorf("%+v", got)
		}
	})
}

// TestTheRequestLogIsBoundedInMemory: a client that calls faster than is written fills its own room alone, and is told how much is
// missing; its refusals and its neighbour keep theirs. A body of any size leaves a small shape.
func TestTheRequestLogIsBoundedInMemory(t *testing.T) {
	each(t, func(w *world) {
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				for range 25 {
					w.do("GET", "/ServiceProviderConfig", "").want(200)
				}
			})
		}
		group.Wait()
		w.do("POST", "/Users", `{`+strings.Repeat(`"x":[`, 1)+strings.Repeat(`{"attribute":"long"},`, 5000)+`1]}`).want(400)
		w.do("POST", "/Users", `{"a":{`+strings.TrimSuffix(manyNames(3000), ",")+`}}`).want(400)
		w.as(tokenOther, "bjorkvik").do("GET", "/Users", "").want(200)
		all := w.logged()
		if len(all) != 102 {
			w.t.Errorf("%d were kept", len(all))
		}
		for _, r := range all {
			if len(r.Shape) > 2048 || r.Refused() && r.Shape == "" {
				w.t.Errorf("a shape of %d bytes", len(r.Shape))
			}
		}
		missed := must(w.dir.ProvisioningLog.Missed(context.Background(), w.org.ID))(w.t)
		if c := all[0].Client; missed[c] != 150 || len(missed) != 1 {
			w.t.Errorf("missed %v", missed)
		}
		if got := must(w.dir.ProvisioningLog.List(context.Background(), w.other.ID, directory.ProvisioningRequestQuery{}))(w.t); len(got) != 1 {
			w.t.Errorf("of the neighbour %d", len(got))
		}
	})
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"name%d":1,`, i)
	}
	return b.String()
}

// TestTheRequestLogOutlivesTrouble: what could not be written is counted as missed, and what came meanwhile is written.
func TestTheRequestLogOutlivesTrouble(t *testing.T) {
	each(t, func(w *world) {
		h := w.handler.(*scim.Handler)
		fail := errors.New("trouble")
		h.FailLogForTest(func() error { return fail })
		w.do("GET", "/Users", "").want(200)
		if err := h.FlushLog(context.Background()); !errors.Is(err, fail) {
			w.t.Errorf("flushing answered %v", err)
		}
		fail = context.Canceled
		w.do("GET", "/Groups", "").want(200)
		ended, end := context.WithCancel(context.Background())
		end()
		if err := h.FlushLog(ended); err == nil {
			w.t.Error("flushing went well")
		}
		fail = nil
		all := w.logged()
		missed := must(w.dir.ProvisioningLog.Missed(context.Background(), w.org.ID))(w.t)
		if len(all) != 1 || all[0].Path != "/Groups" || missed[all[0].Client] != 1 {
			w.t.Errorf("%+v, missed %v", all, missed)
		}
	})
}

// TestTheRequestLogCostsNoStatement: a request itself writes nothing to the log; it is there when the worker has written.
func TestTheRequestLogCostsNoStatement(t *testing.T) {
	each(t, func(w *world) {
		w.create(`"userName":"ola@nordlys.example"`).want(201)
		var n int64
		if err := w.db.QueryRow(context.Background(), `select count(*) from provisioning_requests`).Scan(&n); err != nil || n != 0 {
			w.t.Errorf("%d rows, %v", n, err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var group sync.WaitGroup
		group.Go(func() { w.handler.(*scim.Handler).Run(ctx) })
		for n == 0 {
			if err := w.db.QueryRow(ctx, `select count(*) from provisioning_requests`).Scan(&n); err != nil {
				w.t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
		group.Wait()
	})
}
