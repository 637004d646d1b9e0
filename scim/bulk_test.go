package scim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"portvakt/internal/directory"
)

// TestRFC7644_3_7_Bulk: operations of every kind, in the order of the request, each answered with method, bulkId, version,
// location and status; a body stands only in failures.
func TestRFC7644_3_7_Bulk(t *testing.T) {
	each(t, func(w *world) {
		ola := w.create(`"userName":"ola@nordlys.example"`).want(201).id()
		eva := w.create(`"userName":"eva@nordlys.example"`).want(201).id()
		r := w.bulk(
			made("a", "a@nordlys.example"),
			op("PUT", "/Users/"+ola, "b", `{`+core+`,"userName":"ola@nordlys.example","title":"Chief"}`, `"version":"W/\"1\""`),
			op("PATCH", "/Users/"+ola, "", steps(`{"op":"replace","path":"nickName","value":"Olli"}`)),
			op("DELETE", "/Users/"+eva, "", ""),
			op("DELETE", "/Users/"+eva, "", ""),
			made("c", "OLA@nordlys.example"),
			made("d", "d@else.example"),
		).were("201 200 200 204 404 409 201")
		r.is("urn:ietf:params:scim:api:messages:2.0:BulkResponse", "schemas", 0)
		base := "https://portvakt.example/scim/v2/nordlys/Users/"
		for i, want := range []map[string]any{
			{"method": "POST", "bulkId": "a", "version": `W/"1"`, "location": base + r.made(0), "status": "201"},
			{"method": "PUT", "bulkId": "b", "version": `W/"2"`, "location": base + ola, "status": "200"},
			{"method": "PATCH", "version": `W/"3"`, "location": base + ola, "status": "200"},
			{"method": "DELETE", "location": base + eva, "status": "204"},
		} {
			if got, wanted := must(json.Marshal(r.at("Operations", i)))(w.t), must(json.Marshal(want))(w.t); string(got) != string(wanted) {
				w.t.Errorf("operation %d\n%s\nwant\n%s", i, got, wanted)
			}
		}
		r.is("404", "Operations", 4, "response", "status").is("uniqueness", "Operations", 5, "response", "scimType").is(nil, "Operations", 5, "location")
		if m := w.member(ola); m.Details.Title != "Chief" || m.Details.NickName != "Olli" || m.Version != 3 {
			w.t.Errorf("ola became %+v", m)
		}
		if m := w.member(r.made(0)); m.UserName != "a@nordlys.example" || m.ManagedBy.IsZero() || m.AcceptedAt.IsZero() {
			w.t.Errorf("a became %+v", m)
		}
		if m := w.member(r.made(6)); !m.AcceptedAt.IsZero() {
			w.t.Errorf("a stranger is a member without having accepted: %+v", m)
		}
	})
}

// TestRFC7644_3_7_1_Circular: whatever goes round in a circle is made first and patched afterwards; what cannot be mended is
// a conflict, and says what was made.
func TestRFC7644_3_7_1_Circular(t *testing.T) {
	each(t, func(w *world) {
		r := w.bulk(made("a", "a@nordlys.example", managedBy("bulkId:b")), made("b", "b@nordlys.example", managedBy("bulkId:c")),
			made("c", "c@nordlys.example", `"`+enterprise+`:manager":"bulkId:a"`), made("d", "d@nordlys.example", managedBy("bulkId:a"))).were("201 201 201 201")
		for i, boss := range []int{1, 2, 0, 0} {
			if m := w.member(r.made(i)); m.Manager.String() != r.made(boss) {
				w.t.Errorf("%d is managed by %s, not %s", i, m.Manager, r.made(boss))
			}
			w.do("GET", "/Users/"+r.made(i), "").want(200).is(r.at("Operations", i, "version"), "meta", "version")
		}
		r = w.bulk(made("e", "e@nordlys.example", managedBy("bulkId:e"), `"title":"Own chief"`)).were("409")
		if m := w.member(r.made(0)); !m.Manager.IsZero() || m.Details.Title != "Own chief" {
			w.t.Errorf("who would be managed by themselves became %+v", m)
		}
		r = w.bulk(made("f", "f@nordlys.example", managedBy("bulkId:g")), made("g", "a@nordlys.example", managedBy("bulkId:f"))).were("409 409")
		if r.at("Operations", 0, "location") != nil || r.at("Operations", 1, "location") != nil {
			w.t.Errorf("one of a circle is taken: %s", r.raw)
		}
	})
}

// TestRFC7644_3_7_2_References: to what comes before and to what comes after, in every place where an identifier can stand,
// and in no other.
func TestRFC7644_3_7_2_References(t *testing.T) {
	each(t, func(w *world) {
		ola := w.create(`"userName":"ola@nordlys.example"`).want(201).id()
		r := w.bulk(
			made("report", "report@nordlys.example", managedBy("bulkId:boss"), `"title":"bulkId:boss","`+membership+`":{"successor":"bulkId:heir"}`),
			made("boss", "boss@nordlys.example"),
			made("heir", "heir@nordlys.example", managedBy("bulkId:boss")),
			op("PATCH", "/Users/bulkId:heir", "", steps(`{"op":"add","path":"title","value":"bulkId:boss"},{"op":"replace","value":{"nickName":"bulkId:boss"}}`)),
			op("PATCH", "/Users/"+ola, "", steps(`{"op":"add","path":"`+enterprise+`:manager","value":"bulkId:boss"},{"op":"add","value":{"`+membership+`":{"successor":"bulkId:late"}}}`)),
			op("PUT", "/Users/bulkId:late", "", `{`+core+`,"userName":"late@nordlys.example","title":"Put"}`),
			made("late", "late@nordlys.example"),
			op("DELETE", "/Users/bulkId:report", "", ""),
		).were("201 201 201 200 200 200 201 204")
		boss, heir, late := r.made(1), r.made(2), r.made(6)
		if m := w.member(heir); m.Manager.String() != boss || m.Details.Title != "bulkId:boss" || m.Details.NickName != "bulkId:boss" {
			w.t.Errorf("heir became %+v", m)
		}
		if m := w.member(ola); m.Manager.String() != boss || m.Successor.String() != late {
			w.t.Errorf("ola became %+v", m)
		}
		if m := w.member(late); m.Details.Title != "Put" {
			w.t.Errorf("late became %+v", m)
		}
		r.is("https://portvakt.example/scim/v2/nordlys/Users/"+heir, "Operations", 3, "location")
		w.do("GET", "/Users/"+r.made(0), "").want(404)

		w.bulk(made("x", "ola@nordlys.example"), made("y", "y@nordlys.example", managedBy("bulkId:x")), made("z", "z@nordlys.example", managedBy("bulkId:nobody")),
			op("DELETE", "/Users/bulkId:x", "", ""), op("DELETE", "/Users/bulkId:nobody", "", "")).were("409 409 400 409 400")
		w.do("GET", `/Users?filter=userName+sw+"y@"`, "").want(200).is(0, "totalResults")
	})
}

// TestRFC7644_3_7_3_FailOnErrors: it ends after so many failures, of whatever kind, and answers what was done till then.
func TestRFC7644_3_7_3_FailOnErrors(t *testing.T) {
	each(t, func(w *world) {
		run := 0
		for most, want := range map[string]string{
			"": "201 409 201 400 400 201 404 201", `"failOnErrors":0,`: "201 409 201 400 400 201 404 201", `"failOnErrors":1,`: "201 409",
			`"failOnErrors":2,`: "201 409 201 400", `"failonerrors":3,`: "201 409 201 400 400", `"failOnErrors":4,`: "201 409 201 400 400 201 404", `"failOnErrors":5,`: "201 409 201 400 400 201 404 201",
		} {
			run++
			name := func(s string) string { return fmt.Sprintf("%s%d@nordlys.example", s, run) }
			body := `{` + most + bulkRequest + `,"Operations":[` + strings.Join([]string{
				made("a", name("a")), made("b", name("a")), made("c", name("c")), made("d", "no address"), op("PATCH", "/Users/"+w.admin.ID.String(), "", `{}`),
				made("e", name("e")), op("DELETE", "/Users/1", "", ""), made("f", name("f")),
			}, ",") + `]}`
			w.do("POST", "/Bulk", body).were(want)
			if n := w.do("GET", fmt.Sprintf(`/Users?filter=userName+ew+"%d@nordlys.example"`, run), "").want(200).at("totalResults"); fmt.Sprint(n) != fmt.Sprint(strings.Count(want, "201")) {
				w.t.Errorf("%s made %v", most, n)
			}
		}
		for _, bad := range []string{`-1`, `1.5`, `"1"`, `[]`, `1e400`} {
			w.do("POST", "/Bulk", `{"failOnErrors":`+bad+`,`+bulkRequest+`,"Operations":[`+made("a", "x@nordlys.example")+`]}`).want(400)
		}
	})
}

// TestRFC7644_3_7_RequestsThatAreNone: nothing is done of what cannot be read as a whole.
func TestRFC7644_3_7_RequestsThatAreNone(t *testing.T) {
	each(t, func(w *world) {
		good := made("a", "a@nordlys.example")
		for _, body := range []string{
			`{}`, `[]`, `{` + bulkRequest + `}`, `{` + bulkRequest + `,"Operations":[]}`, `{` + bulkRequest + `,"Operations":{}}`, `{` + bulkRequest + `,"Operations":[1]}`,
			`{"Operations":[` + good + `]}`, `{"schemas":["` + patchSchema + `"],"Operations":[` + good + `]}`, `{` + bulkRequest + `,"Operations":[` + good + `,` + good + `]}`,
			`{` + bulkRequest + `,"Operations":[` + good + `],"operations":[]}`, `{` + bulkRequest + `,"Operations":[` + good + `]}x`,
			`{` + bulkRequest + `,"Operations":[` + good + `,{"method":"POST","Method":"POST"}]}`, `{` + bulkRequest + `,"Operations":[` + good + `,{"data":` + strings.Repeat(`{"a":`, 20) + `1` + strings.Repeat(`}`, 20) + `}]}`,
		} {
			w.do("POST", "/Bulk", body).want(400)
		}
		w.do("POST", "/Bulk", `{}`, "Content-Type", "text/plain").want(415)
		w.do("GET", "/Bulk", "").want(405)
		w.do("GET", `/Users?filter=userName+sw+"a@"`, "").want(200).is(0, "totalResults")
		w.bulk(`{}`, `{"method":"GET","path":"/Users"}`, `{"method":"post","path":"/Users"}`, op("POST", "/Users", "", `{`+core+`,"userName":"a@nordlys.example"}`), op("POST", "/Users", "x", ""),
			op("PATCH", "/Users/"+w.admin.ID.String(), "", ""), `{"method":1,"path":"/Users","bulkId":"y","data":{}}`, `{"method":"POST","path":"/Users","bulkId":"z","data":[]}`,
			op("POST", "/Users/"+w.admin.ID.String(), "v", `{}`), op("DELETE", "/Users", "", ""), good,
		).were("400 400 400 400 400 400 400 400 405 405 201")
	})
}

const patchSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// TestRFC7644_3_7_Rights: an operation needs what a single one needs.
func TestRFC7644_3_7_Rights(t *testing.T) {
	each(t, func(w *world) {
		w.as(tokenUsers, "nordlys").bulk(op("DELETE", "/Groups/grp_1", "", ""), op("DELETE", "/Users/"+w.admin.ID.String(), "", ""), made("a", "a@nordlys.example", `"roles":["chief"]`)).were("403 403 403")
		admin := w.admin.ID.String()
		promote := steps(`{"op":"replace","path":"` + membership + `:administrator","value":true}`)
		ola := w.create(`"userName":"ola@nordlys.example"`).want(201).id()
		for _, client := range []string{token, tokenAll, tokenUsers} {
			c := w.as(client, "nordlys")
			for i, o := range []struct{ method, path, data string }{
				{"DELETE", "/Users/" + admin, ""}, {"PATCH", "/Users/" + ola, promote}, {"DELETE", "/Groups/grp_1", ""}, {"PATCH", "/Groups/grp_1", steps(`{"op":"remove","path":"members"}`)},
				{"POST", "/Users", `{` + core + `,"userName":"x@nordlys.example","roles":["chief"]}`}, {"POST", "/Users", `{` + core + `,"userName":"y@nordlys.example","` + membership + `":{"administrator":true}}`},
			} {
				data := strings.ReplaceAll(o.data, "@", fmt.Sprintf("%d%s@", i, client))
				alone := c.do(o.method, o.path, data)
				together := c.bulk(op(o.method, o.path, "a", strings.ReplaceAll(data, "@", "z@"))).want(200)
				if got := together.at("Operations", 0, "status"); alone.status == 403 && got != "403" || alone.status != 403 && got == "403" {
					w.t.Errorf("%s: %s %s is answered %d alone, %v in bulk", client, o.method, o.path, alone.status, got)
				}
			}
		}
		w.as("wrong-token", "nordlys").bulk(made("a", "a@nordlys.example")).want(401)
		w.as(tokenOther, "nordlys").bulk(made("a", "a@nordlys.example")).want(404)
	})
}

// TestRFC7644_3_7_Location: a URL of our own counts as its path.
func TestRFC7644_3_7_Location(t *testing.T) {
	each(t, func(w *world) {
		base := "https://portvakt.example/scim/v2/nordlys/Users"
		r := w.bulk(op("POST", base, "a", `{`+core+`,"userName":"a@nordlys.example"}`)).were("201")
		w.bulk(op("PATCH", base+"/"+r.made(0), "", steps(`{"op":"add","path":"title","value":"x"}`), `"version":"W/\"7\""`), op("DELETE", r.at("Operations", 0, "location").(string), "", "", `"version":"W/\"1\""`)).were("412 204")
	})
}

// TestBulkFillsSeats: each operation has its own outcome, up to the last seat.
func TestBulkFillsSeats(t *testing.T) {
	each(t, func(w *world) {
		must(w.dir.Organizations.Change(t.Context(), w.org.ID, func(o *directory.Organization) error { o.Seats = 4; return nil }))(w.t)
		r := w.bulk(made("a", "a@nordlys.example"), made("b", "b@nordlys.example"), made("c", "c@nordlys.example"), made("d", "d@nordlys.example", managedBy("bulkId:c")),
			made("e", "e@nordlys.example", `"`+membership+`":{"kind":"limited"}`), op("DELETE", "/Users/bulkId:a", "", ""), made("f", "f@nordlys.example")).were("201 201 201 403 201 204 201")
		r.is("All 4 seats are in use", "Operations", 3, "response", "detail")
	})
}

// TestBulkIsTold: each operation has an entry in the history and an event, like a single one.
func TestBulkIsTold(t *testing.T) {
	each(t, func(w *world) {
		r := w.bulk(made("a", "a@nordlys.example"), made("b", "b@nordlys.example"), op("PATCH", "/Users/bulkId:a", "", steps(`{"op":"add","path":"title","value":"x"}`)),
			op("DELETE", "/Users/bulkId:b", "", "")).were("201 201 200 204")
		for action, object := range map[string]string{"membership.created": r.made(0), "membership.changed": r.made(0), "membership.ended": r.made(1)} {
			for table, column := range map[string]string{"audit_entries": "object = $1 and actor_kind = 'provisioning_client' and action", "events": "subject = $1 and kind"} {
				var n int
				if err := w.db.QueryRow(t.Context(), "select count(*) from "+table+" where "+column+" = $2", object, action).Scan(&n); err != nil || n != 1 {
					w.t.Errorf("%s of %s stands in %s %d times, %v", action, object, table, n, err)
				}
			}
		}
	})
}
