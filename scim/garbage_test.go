package scim_test

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// bodies are what no body may be, with the scimType that each is refused with.
func bodies() map[string][2]string {
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + `1` + strings.Repeat(`}`, n) }
	user := func(s string) string { return `{` + core + `,"userName":"g@nordlys.example",` + s + `}` }
	return map[string][2]string{
		"empty": {" ", "invalidSyntax"}, "junk": {"junk", "invalidSyntax"}, "null": {"null", "invalidSyntax"}, "number": {"7", "invalidSyntax"}, "text": {`"x"`, "invalidSyntax"}, "list": {`[]`, "invalidSyntax"},
		"list of users": {`[{` + core + `,"userName":"g@nordlys.example"}]`, "invalidSyntax"}, "cut off": {`{` + core + `,"userName":`, "invalidSyntax"}, "two values": {user(`"title":"x"`) + `{}`, "invalidSyntax"},
		"trailing comma": {`{` + core + `,"userName":"g@nordlys.example",}`, "invalidSyntax"}, "single quotes": {`{'userName':'x'}`, "invalidSyntax"}, "comment": {user(`"title":"x"/**/`), "invalidSyntax"}, "NaN": {user(`"title":NaN`), "invalidSyntax"},
		"XML": {`<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`, "invalidSyntax"}, "form": {"userName=x&active=true", "invalidSyntax"},
		"deep": {nested(13), "invalidSyntax"}, "very deep": {nested(100_000), "invalidSyntax"}, "deep lists": {strings.Repeat("[", 500_000), "invalidSyntax"}, "deep in an ignored name": {user(`"bogus":` + nested(20)), "invalidSyntax"},
		"100,000 elements": {user(`"emails":[` + strings.Repeat(`1,`, 100_000) + `1]`), "invalidSyntax"}, "many keys": {`{` + core + manyKeys(60_000) + `}`, "invalidSyntax"},
		"201 elements": {user(`"emails":[` + strings.TrimSuffix(strings.Repeat(`{"value":"a@x.example"},`, 201), ",") + `]`), "invalidValue"},
		"a long text":  {user(`"title":"` + strings.Repeat("x", 1_000_000) + `"`), "invalidValue"}, "a long name": {user(`"` + strings.Repeat("x", 900_000) + `":1,"title":7.5e,`), "invalidSyntax"},
		"a name twice": {user(`"title":"a","title":"b"`), "invalidSyntax"}, "a name twice in another letter case": {user(`"Active":true,"active":false`), "invalidSyntax"}, "a name twice inside": {user(`"name":{"givenName":"a","GIVENNAME":"b"}`), "invalidSyntax"},
		"a name twice, escaped": {user(`"title":"a","\u0074itle":"b"`), "invalidSyntax"}, "a name twice by its URN": {user(`"title":"a","urn:ietf:params:scim:schemas:core:2.0:User:title":"b"`), "invalidSyntax"},
		"a part twice": {user(`"name":{"givenName":"a"},"name.givenName":"b"`), "invalidSyntax"}, "a part twice by its URN": {user(`"name.givenName":"a","urn:ietf:params:scim:schemas:core:2.0:User:name.givenName":"b"`), "invalidSyntax"},
		"NUL": {user(`"title":"a\u0000b"`), "invalidValue"}, "NUL in a name": {user(`"ti\u0000tle":"a"`), "invalidValue"}, "raw NUL": {user("\"title\":\"a\x00b\""), "invalidSyntax"}, "lone surrogate": {user(`"title":"\ud800"`), "invalidSyntax"},
		"surrogates turned round": {user(`"title":"\udc00\ud800"`), "invalidSyntax"}, "no UTF-8": {user("\"title\":\"\xff\xfe\""), "invalidSyntax"}, "UTF-16": {"\xff\xfe{\x00}\x00", "invalidSyntax"}, "control character": {user(`"title":"a\u0007"`), "invalidValue"},
		"no schemas": {`{"userName":"g@nordlys.example"}`, "invalidSyntax"}, "schemas null": {`{"schemas":null,"userName":"g@nordlys.example"}`, "invalidSyntax"}, "schemas a text": {`{"schemas":"urn:ietf:params:scim:schemas:core:2.0:User","userName":"g@nordlys.example"}`, "invalidSyntax"},
		"schemas empty": {`{"schemas":[],"userName":"g@nordlys.example"}`, "invalidSyntax"}, "schemas of numbers": {`{"schemas":[1],"userName":"g@nordlys.example"}`, "invalidSyntax"},
		"schemas of another resource": {`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"userName":"g@nordlys.example"}`, "invalidSyntax"}, "schemas of an extension alone": {`{"schemas":["` + enterprise + `"],"userName":"g@nordlys.example"}`, "invalidSyntax"},
		"userName a number out of range": {`{` + core + `,"userName":1e999999}`, "invalidValue"}, "userName null": {`{` + core + `,"userName":null}`, "invalidValue"}, "userName empty": {`{` + core + `,"userName":""}`, "invalidValue"},
		"active a word": {user(`"active":"yes"`), "invalidValue"}, "active a number": {user(`"active":1`), "invalidValue"}, "active a list": {user(`"active":[true]`), "invalidValue"}, "active an object": {user(`"active":{}`), "invalidValue"},
		"name a text": {user(`"name":"Ola"`), "invalidValue"}, "name a list": {user(`"name":[{},{}]`), "invalidValue"}, "title an object": {user(`"title":{"value":"x"}`), "invalidValue"}, "title true": {user(`"title":true`), "invalidValue"},
		"an extension a text": {user(`"` + enterprise + `":"x"`), "invalidValue"}, "an extension a list": {user(`"` + enterprise + `":[]`), "invalidValue"}, "two primaries": {user(`"emails":[{"value":"a@x.example","primary":true},{"value":"b@x.example","primary":"True"}]`), "invalidValue"},
		"end a number": {user(`"` + membership + `":{"end":1e400}`), "invalidValue"}, "administrator a number": {user(`"` + membership + `":{"administrator":1}`), "invalidValue"}, "emails of lists": {user(`"emails":[[["a"]]]`), "invalidValue"},
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"%x":1`, i)
	}
	return b.String()
}

// TestRFC7644_3_12_Garbage: whatever a body is, it is refused with a SCIM error and changes nothing.
func TestRFC7644_3_12_Garbage(t *testing.T) {
	each(t, func(w *world) {
		made := w.create(`"userName":"g0@nordlys.example","title":"stays"`).want(201)
		for name, body := range bodies() {
			for _, r := range []struct{ method, path string }{{"POST", "/Users"}, {"PUT", "/Users/" + made.id()}} {
				if got := w.do(r.method, r.path, body[0]); got.status != 400 || got.at("scimType") != body[1] {
					w.t.Errorf("%s, %s: %d %.300s", r.method, name, got.status, got.raw)
				} else if len(got.raw) > 1000 {
					w.t.Errorf("%s, %s: an answer of %d bytes", r.method, name, len(got.raw))
				}
			}
		}
		if after := w.do("GET", "/Users/"+made.id(), "").want(200); after.raw != made.raw {
			w.t.Errorf("garbage changed the user: %s", after.raw)
		}
		w.do("GET", "/Users", "").want(200).is(2, "totalResults")
	})
}

// TestRFC7644_3_12_WrongTypesAreNamed: the detail says where.
func TestRFC7644_3_12_WrongTypesAreNamed(t *testing.T) {
	each(t, func(w *world) {
		id := w.create(`"userName":"g0@nordlys.example"`).want(201).id()
		for attributes, where := range map[string]string{
			`"title":{}`: "title ", `"name":{"familyName":[]}`: "name.familyName", `"emails":[{"value":"a@x.example"},{"value":{}}]`: "emails[1].value", `"emails":[{"value":"a@x.example","primary":"x"}]`: "emails[0].primary",
			`"` + enterprise + `":{"department":{}}`: enterprise + ":department", `"` + enterprise + `:manager":[1,2]`: enterprise + ":manager", `"` + membership + `":{"grants":[{"module":"a","grade":[]}]}`: membership + ":grants[0].grade",
			`"` + membership + `":{"start":"soon"}`: membership + ":start", `"x509Certificates":[{"value":"%"}]`: "x509Certificates[0].value", `"addresses":["x"]`: "addresses[0]",
		} {
			for _, got := range []reply{w.create(`"userName":"g@nordlys.example",` + attributes), w.patch(id, `{"op":"replace","value":{`+attributes+`}}`)} {
				if detail, _ := got.want(400).is("invalidValue", "scimType").at("detail").(string); !strings.HasPrefix(detail, where) {
					w.t.Errorf("%s: %s", attributes, detail)
				}
			}
		}
	})
}

// TestRFC7644_3_5_2_Garbage: what no PATCH may be.
func TestRFC7644_3_5_2_Garbage(t *testing.T) {
	each(t, func(w *world) {
		made := w.create(`"userName":"g0@nordlys.example"`).want(201)
		const op = `"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]`
		thousand := strings.TrimSuffix(strings.Repeat(`{"op":"add","path":"title","value":"x"},`, 1001), ",")
		for name, body := range map[string][2]string{
			"a user": {`{` + core + `,"title":"x"}`, "invalidSyntax"}, "no schemas": {`{"Operations":[{"op":"add","path":"title","value":"x"}]}`, "invalidSyntax"}, "no operations": {`{` + op + `}`, "invalidSyntax"}, "none": {`{` + op + `,"Operations":[]}`, "invalidSyntax"},
			"null": {`{` + op + `,"Operations":null}`, "invalidSyntax"}, "an object": {`{` + op + `,"Operations":{"op":"add","path":"title","value":"x"}}`, "invalidSyntax"}, "op a number": {`{` + op + `,"Operations":[{"op":1}]}`, "invalidSyntax"},
			"path a number": {`{` + op + `,"Operations":[{"op":"add","path":1,"value":1}]}`, "invalidSyntax"}, "path a list": {`{` + op + `,"Operations":[{"op":"add","path":["title"],"value":1}]}`, "invalidSyntax"}, "no op": {`{` + op + `,"Operations":[{"path":"title","value":"x"}]}`, "invalidSyntax"},
			"op twice": {`{` + op + `,"Operations":[{"op":"remove","OP":"add","path":"title","value":"x"}]}`, "invalidSyntax"}, "Operations twice": {`{` + op + `,"Operations":[],"operations":[{"op":"add","path":"title","value":"x"}]}`, "invalidSyntax"},
			"too many": {`{` + op + `,"Operations":[` + thousand + `]}`, "invalidValue"}, "test, as JSON Patch has it": {`{` + op + `,"Operations":[{"op":"test","path":"title","value":"x"}]}`, "invalidSyntax"},
			"a long path": {`{` + op + `,"Operations":[{"op":"add","path":"` + strings.Repeat("x", 900_000) + `","value":1}]}`, "invalidPath"}, "a list as value": {`{` + op + `,"Operations":[{"op":"add","value":[{"title":"a"},{"title":"b"}]}]}`, "invalidValue"},
			"NUL in the path": {`{` + op + `,"Operations":[{"op":"add","path":"ti\u0000tle","value":1}]}`, "invalidValue"}, "deep value": {`{` + op + `,"Operations":[{"op":"add","path":"title","value":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}]}`, "invalidSyntax"},
		} {
			if got := w.do("PATCH", "/Users/"+made.id(), body[0]); got.status != 400 || got.at("scimType") != body[1] || len(got.raw) > 1000 {
				w.t.Errorf("%s: %d %.300s", name, got.status, got.raw)
			}
		}
		if after := w.do("GET", "/Users/"+made.id(), "").want(200); after.raw != made.raw {
			w.t.Errorf("garbage changed the user: %s", after.raw)
		}
	})
}

func TestRFC7644_3_1_ContentTypes(t *testing.T) {
	each(t, func(w *world) {
		id := w.create(`"userName":"g0@nordlys.example"`).want(201).id()
		body := `{` + core + `,"userName":"g0@nordlys.example"}`
		for kind, status := range map[string]int{
			"application/scim+json": 200, "application/json": 200, "APPLICATION/JSON; charset=UTF-8": 200, `application/scim+json;charset="utf-8"`: 200, "text/plain": 415, "text/json": 415, "application/xml": 415,
			"application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415, "application/json-patch+json": 415, "application/jsonx": 415, "*/*": 415, "/": 415, "application/json; charset": 415,
		} {
			if got := w.do("PUT", "/Users/"+id, body, "Content-Type", kind); got.status != status {
				w.t.Errorf("%s: %d", kind, got.status)
			}
		}
		w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"`+strings.Repeat("x", 1<<20)+`"}`).want(413)
	})
}

// TestWall137_SCIM: a bomb costs little memory and time. It runs alone, so that nobody else's memory is counted.
func TestWall137_SCIM(t *testing.T) {
	clock := testenv.NewClock()
	db := testenv.Open(t, sqldb.Config{URL: t.TempDir() + "/test.db", Clock: clock.Now, Relaxed: true, MaxConnections: 2})
	w := newWorld(t, db, clock)
	id := w.create(`"userName":"g0@nordlys.example"`).want(201).id()
	const patch = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`
	bombs := map[string][2]string{}
	for name, body := range bodies() {
		bombs[name] = [2]string{"PUT", body[0]}
	}
	bombs["operations"] = [2]string{"PATCH", patch + strings.Repeat(`{"op":"add","path":"emails","value":[{"value":"x"}]},`, 900) + `{"op":"x"}]}`}
	bombs["long paths"] = [2]string{"PATCH", patch + strings.Repeat(`{"op":"add","path":"emails[`+strings.Repeat("type pr or ", 40)+`type pr]","value":{"value":"x"}},`, 900) + `{"op":"x"}]}`}
	bombs["comparisons"] = [2]string{"PATCH", patch + strings.TrimSuffix(strings.Repeat(`{"op":"remove","path":"emails[`+strings.Repeat("type pr or ", 40)+`type eq \\"x\\"]"},`, 900), ",") + `]}`}
	bombs["values"] = [2]string{"PATCH", patch + `{"op":"add","path":"emails","value":[` + strings.TrimSuffix(strings.Repeat(`"x",`, 49_900), ",") + `]}]}`}
	bombs["quotes"] = [2]string{"PATCH", patch + `{"op":"add","path":` + quoted(strings.Repeat(`\\"`, 4000)) + `,"value":1}]}`}
	for name, bomb := range bombs {
		if len(bomb[1]) < 8_000 {
			continue
		}
		used, took := uint64(math.MaxUint64), time.Hour
		for range 3 { // the best of three, because machines are busy
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			w.do(bomb[0], "/Users/"+id, bomb[1]).want(400)
			took = min(took, time.Since(start))
			runtime.ReadMemStats(&after)
			used = min(used, after.TotalAlloc-before.TotalAlloc)
		}
		if t.Logf("%s (%d bytes): %d KB in %s", name, len(bomb[1]), used>>10, took); used > 20<<20 {
			t.Error("that is too much")
		}
	}
}
