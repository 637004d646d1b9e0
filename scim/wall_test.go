package scim_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
)

// every is each route of the table with some body, as an attacker walks them.
var every = []struct{ method, path, body string }{
	{"GET", "/Users", ""}, {"POST", "/Users", `{}`}, {"GET", "/Users/mbr_x", ""}, {"PUT", "/Users/mbr_x", `{}`}, {"PATCH", "/Users/mbr_x", `{}`},
	{"DELETE", "/Users/mbr_x", ""}, {"POST", "/Users/.search", `{}`}, {"GET", "/Groups", ""}, {"GET", "/Groups/grp_x", ""}, {"POST", "/Groups", `{}`},
	{"PUT", "/Groups/grp_x", `{}`}, {"PATCH", "/Groups/grp_x", `{}`}, {"DELETE", "/Groups/grp_x", ""}, {"POST", "/Groups/.search", `{}`},
	{"GET", "/ServiceProviderConfig", ""}, {"GET", "/ResourceTypes", ""}, {"GET", "/ResourceTypes/User", ""}, {"GET", "/Schemas", ""},
	{"GET", "/Schemas/" + enterprise, ""}, {"POST", "/Bulk", `{}`}, {"GET", "/Me", ""}, {"POST", "/.search", `{}`}, {"GET", "/nowhere", ""},
	{"TRACE", "/Users", ""}, {"GET", "/", ""}, {"GET", "", ""},
}

func TestWall058_CredentialsOfTheWrongKind(t *testing.T) {
	each(t, func(w *world) {
		for _, e := range every {
			for name, headers := range map[string][]string{
				"none": nil, "empty": {"Authorization", "Bearer"}, "blanks": {"Authorization", "Bearer    "}, "basic": {"Authorization", "Basic " + token},
				"no scheme": {"Authorization", token}, "cookie": {"Cookie", "__Host-portvakt-session=" + token}, "unknown": {"Authorization", "Bearer eyJhbGciOiJub25lIn0.e30."},
				"plain text with cookie": {"Content-Type", "text/plain", "Cookie", "token=" + token}, "quoted": {"Authorization", `Bearer "` + token + `"`},
				"NUL": {"Authorization", "Bearer " + token + "\x00"}, "long": {"Authorization", "Bearer " + strings.Repeat("x", 5000)},
			} {
				got := w.as("", "nordlys").do(e.method, e.path, e.body, headers...)
				if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" {
					w.t.Errorf("%s %s with %s: %d", e.method, e.path, name, got.status)
				}
			}
			if got := w.as("", "nordlys").do(e.method, e.path+"?access_token="+token, e.body); got.status != http.StatusUnauthorized {
				w.t.Errorf("%s %s with a token in the URL: %d", e.method, e.path, got.status)
			}
		}
		ctx := context.Background()
		if _, err := w.db.Exec(ctx, `update provisioning_tokens set expires_at = $1 where organization_id = $2`, w.clock.Now().Add(time.Hour).UnixMicro(), w.org.ID); err != nil {
			w.t.Fatal(err)
		}
		w.do("GET", "/Users", "").want(200)
		w.clock.Advance(time.Hour)
		w.do("GET", "/Users", "").want(401)
		if _, err := w.db.Exec(ctx, `update provisioning_tokens set revoked_at = 1 where organization_id = $1`, w.other.ID); err != nil {
			w.t.Fatal(err)
		}
		w.as(tokenOther, "bjorkvik").do("GET", "/Schemas", "").want(401)
	})
}

func TestWall059_TheNeighbour(t *testing.T) {
	each(t, func(w *world) {
		theirs := w.as(tokenOther, "bjorkvik").create(`"userName":"sven@bjorkvik.example","externalId":"E1"`).want(201)
		nobody := "mbr_06g9f1p2k6v3q8r5s7t9v1x3z5"
		never := must(directory.ParseMembershipID(strings.Replace(theirs.id(), theirs.id()[20:24], "0000", 1)))(w.t).String()
		user := `{` + core + `,"userName":"x@nordlys.example"}`
		op := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"x"}]}`
		for _, e := range []struct{ method, body, query string }{{"GET", "", ""}, {"GET", "", "?excludedAttributes=emails"}, {"PUT", user, ""}, {"PATCH", op, ""}, {"DELETE", "", ""}} {
			got := w.do(e.method, "/Users/"+theirs.id()+e.query, e.body).want(404)
			for _, other := range []string{never, nobody, "1", "x%2F..%2F" + theirs.id(), "a%25zz", "%00", "%2Esearch%20"} {
				if random := w.do(e.method, "/Users/"+other+e.query, e.body).want(404); random.raw != got.raw {
					w.t.Errorf("%s tells: %s, of nobody: %s", e.method, got.raw, random.raw)
				}
			}
		}
		mine := w.create(`"userName":"ola@nordlys.example"`).want(201).id()
		manager := func(id string) reply {
			return w.patch(mine, `{"op":"add","path":"`+enterprise+`:manager","value":"`+id+`"}`).want(400)
		}
		if a, b := manager(theirs.id()), manager(never); a.raw != b.raw {
			w.t.Errorf("a manager tells: %s, of nobody: %s", a.raw, b.raw)
		}
		w.patch(mine, `{"op":"add","path":"`+membership+`:successor","value":"`+theirs.id()+`"}`).want(400)
		w.create(`"userName":"x@nordlys.example","` + enterprise + `":{"manager":{"value":"` + theirs.id() + `"}}`).want(400)
		for _, filter := range []string{`id eq "` + theirs.id() + `"`, `userName sw "sven"`, `externalId eq "E1"`, `not (userName eq "zzz") and userName co "sven"`} {
			w.do("GET", "/Users?filter="+url.QueryEscape(filter), "").want(200).is(0, "totalResults")
		}
		w.do("GET", "/Users", "").want(200).is(2, "totalResults")
		// The path of another organization is answered like that of no organization, whatever stands behind it.
		for _, e := range every {
			there := w.as(token, "bjorkvik").do(e.method, e.path, e.body).want(404)
			nowhere := w.as(token, "never-was").do(e.method, e.path, e.body).want(404)
			if there.raw != nowhere.raw {
				w.t.Errorf("%s %s tells of an organization: %s, %s", e.method, e.path, there.raw, nowhere.raw)
			}
		}
		if m := w.as(tokenOther, "bjorkvik").do("GET", "/Users/"+theirs.id(), "").want(200); m.raw != theirs.raw {
			w.t.Errorf("the neighbour's member was changed: %s", m.raw)
		}
	})
}

func TestWall061_ExternalIDsAreOpaque(t *testing.T) {
	each(t, func(w *world) {
		before := w.do("GET", "/Users/"+w.admin.ID.String(), "").want(200).raw
		for i, id := range []string{`"1"`, `2`, `"0"`, `"-1"`, `"` + w.admin.ID.String() + `"`, `"` + w.admin.User.String() + `"`, `null`, `""`} {
			made := w.create(fmt.Sprintf(`"userName":"u%d@nordlys.example","externalId":%s,"id":"%s"`, i, id, w.admin.ID)).want(201)
			if made.id() == w.admin.ID.String() {
				w.t.Errorf("externalId %s took over an id", id)
			}
			want := strings.Trim(id, `"`)
			if want == "null" || want == "" {
				want = "<nil>"
			}
			made.is(want, "externalId")
		}
		w.create(`"userName":"long@nordlys.example","externalId":"`+strings.Repeat("x", 10<<10)+`"`).want(400).is("invalidValue", "scimType")
		w.create(`"userName":"again@nordlys.example","externalId":"1"`).want(409).is("uniqueness", "scimType")
		w.as(tokenAll, "nordlys").create(`"userName":"other-client@nordlys.example","externalId":"1"`).want(201)
		if after := w.do("GET", "/Users/"+w.admin.ID.String(), "").want(200).raw; after != before {
			w.t.Errorf("the administrator was changed: %s", after)
		}
	})
}

func TestWall062_PrivilegedAttributes(t *testing.T) {
	each(t, func(w *world) {
		users := w.as(tokenUsers, "nordlys")
		junk := `"isAdmin":true,"ADMINISTRATOR":true,"org_id":"x","operator":true,"groups":[{"value":"grp_x"}],"meta":{"version":"W/\"99\""},
			"urn:evil:1.0:User":{"administrator":true},"emails":[{"value":"mallory@nordlys.example","verified":true}]`
		id := users.create(`"userName":"mallory@nordlys.example",`+junk).want(201).is(nil, "isAdmin").is(nil, "groups").is(`W/"1"`, "meta", "version").id()
		users.do("PUT", "/Users/"+id, `{`+core+`,"userName":"mallory@nordlys.example",`+junk+`}`).want(200)
		for name, body := range map[string]string{
			"administrator": `"` + membership + `":{"administrator":true}`, "capitals": `"` + strings.ToUpper(membership) + `":{"ADMINISTRATOR":"TRUE"}`,
			"dotted": `"` + membership + `:administrator":true`, "role": `"roles":[{"value":"chief"}]`, "entitlements": `"entitlements":["accountant"]`,
			"grants": `"` + membership + `":{"grants":[{"module":"invoices","grade":"edit"}]}`, "functions": `"` + membership + `":{"functions":["main_recipient"]}`,
			"segments": `"` + membership + `":{"segments":["oslo"]}`, "successor": `"` + membership + `":{"successor":"` + w.admin.ID.String() + `"}`,
		} {
			for method, do := range map[string]func() reply{
				"POST": func() reply { return users.create(`"userName":"eve@nordlys.example",` + body) },
				"PUT": func() reply {
					return users.do("PUT", "/Users/"+id, `{`+core+`,"userName":"mallory@nordlys.example",`+body+`}`)
				},
				"PATCH": func() reply { return users.patch(id, `{"op":"replace","value":{`+body+`}}`) },
			} {
				if got := do(); got.status != http.StatusForbidden {
					w.t.Errorf("%s by %s: %d %s", name, method, got.status, got.raw)
				}
			}
		}
		users.patch(id, `{"op":"add","path":"`+membership+`:Administrator","value":"true"}`).want(403)
		w.create(`"userName":"eve@nordlys.example","` + membership + `":{"administrator":true}`).want(403) // access is not enough
		m := w.member(id)
		if m.Administrator || !m.Role.IsZero() || len(m.Packages)+len(m.Functions)+len(m.Grants) > 0 || !m.Successor.IsZero() || !m.AllSegments || m.Version > 2 {
			w.t.Errorf("a right was gained: %+v", m)
		}
		w.as(tokenAll, "nordlys").create(`"userName":"boss@nordlys.example","`+membership+`":{"administrator":true}`).want(201).is(true, membership, "administrator")
	})
}

func TestWall064_AdministratorsAndOthersMembers(t *testing.T) {
	each(t, func(w *world) {
		admin := "/Users/" + w.admin.ID.String()
		whole := `{` + core + `,"userName":"kari@nordlys.example","active":false}`
		w.patch(w.admin.ID.String(), `{"op":"replace","path":"active","value":false}`).want(403)
		w.do("PUT", admin, whole).want(403)
		w.do("DELETE", admin, "").want(403)
		all := w.as(tokenAll, "nordlys")
		all.patch(w.admin.ID.String(), `{"op":"replace","path":"active","value":false}`).want(409).is(nil, "scimType")
		all.do("PUT", admin, whole).want(409)
		all.do("DELETE", admin, "").want(409).is(nil, "scimType")
		all.patch(w.admin.ID.String(), `{"op":"replace","path":"`+membership+`:administrator","value":false}`).want(409)
		if m := w.member(w.admin.ID.String()); !m.ActiveAt(w.clock.Now()) || !m.Administrator {
			w.t.Errorf("the last administrator is gone: %+v", m)
		}
		// The first client that writes a member keeps it.
		loose := w.seed(w.org.ID, directory.Member{Email: "per@nordlys.example"}).ID.String()
		w.patch(loose, `{"op":"replace","path":"title","value":"x"}`).want(200)
		all.do("GET", "/Users/"+loose, "").want(200)
		all.patch(loose, `{"op":"replace","path":"title","value":"y"}`).want(403)
		all.do("PUT", "/Users/"+loose, `{`+core+`,"userName":"per@nordlys.example"}`).want(403)
		all.do("DELETE", "/Users/"+loose, "").want(403)
		w.do("DELETE", "/Users/"+loose, "").want(204)
	})
}

func TestWall067_HiddenAttributesAreNoOracle(t *testing.T) {
	each(t, func(w *world) {
		w.create(`"userName":"ola@nordlys.example","password":"a secret that nobody reads"`).want(201)
		for _, name := range []string{"password", "details", "epoch", "email_key", "totp", "credentials", "m.details", "u.email", "roles.id",
			"urn:ietf:params:scim:schemas:core:2.0:User:password", "addresses.position", "groups.key", "x509Certificates"} {
			for _, filter := range []string{name + ` sw "a"`, name + " pr", "not (" + name + ` eq "a")`} {
				w.do("GET", "/Users?filter="+url.QueryEscape(filter), "").want(400).is("invalidFilter", "scimType")
			}
			w.do("GET", "/Users?sortBy="+url.QueryEscape(name), "").want(400)
			if got := w.do("GET", "/Users?attributes="+url.QueryEscape(name), "").want(200); strings.Contains(got.raw, "secret") {
				w.t.Errorf("attributes=%s shows %s", name, got.raw)
			}
		}
		// Groups are not shown to whoever may not read them, and not asked for: not in any part of a filter, and not where it was compiled
		// for somebody who may.
		for _, filter := range []string{"groups pr", `userName pr and not (groups.display sw "a")`, `groups[value eq "x" or type eq "direct"]`, `title pr or groups eq null`} {
			for _, path := range []string{"/Users?filter=", "/?filter="} {
				w.do("GET", path+url.QueryEscape(filter), "").want(200)
				w.as(tokenUsers, "nordlys").do("GET", path+url.QueryEscape(filter), "").want(400).is("invalidFilter", "scimType")
			}
		}
	})
}

func TestWall068_FilterInjection(t *testing.T) {
	each(t, func(w *world) {
		values := []string{`o'hara`, `$$`, `%`, `_`, `\`, `"`, `a%b`, `a_b`, `\%`, `'; drop table users; --`, `$1`, `{now}`, "ünï", "日本"}
		for i, v := range values {
			quoted := strings.ReplaceAll(strings.ReplaceAll(v, `\`, `\\`), `"`, `\"`)
			w.create(fmt.Sprintf(`"userName":"u%d@nordlys.example","title":"<%s>"`, i, quoted)).want(201)
		}
		for i, v := range values {
			quoted := strings.ReplaceAll(strings.ReplaceAll(v, `\`, `\\`), `"`, `\"`)
			want := 0
			for _, other := range values {
				if strings.Contains(other, v) {
					want++
				}
			}
			find := func(filter string) reply { return w.do("GET", "/Users?filter="+url.QueryEscape(filter), "").want(200) }
			find(`title eq "<`+quoted+`>"`).is(1, "totalResults").is(fmt.Sprintf("u%d@nordlys.example", i), "Resources", 0, "userName")
			find(`title co "`+quoted+`"`).is(want, "totalResults")
			find(`title sw "<`+quoted+`>"`).is(1, "totalResults")
			find(`title ew "<`+quoted+`>"`).is(1, "totalResults")
		}
		for _, filter := range []string{`title eq "a\u0000b"`, `title eq "a`, `title eq 'a'b"`, `title eq "a" or 1=1 --`, `title; drop eq "a"`, `(select 1) eq "1"`, "title eq \"\xff\"", `title eq`,
			`eq "a"`, `title`, `title eq "a" and`, `()`, `not`, `not ()`, `title eq "a")`, `((title eq "a")`, `emails[type eq "work"`, `emails[]`, `emails[emails[type eq "a"]]`, `title is "a"`, `active gt true`,
			`active eq "maybe"`, `meta.created gt "yesterday"`, `title gt null`, `emails[bogus eq 1]`, `bogus[x eq 1]`, "", " ", strings.Repeat("(", 3000), `title eq "` + strings.Repeat("x", 9000) + `"`,
			strings.Repeat("not (", 20) + `title pr` + strings.Repeat(")", 20), strings.Repeat(`title pr or `, 60) + `title pr`} {
			w.do("GET", "/Users?filter="+url.QueryEscape(filter), "").want(400).is("invalidFilter", "scimType")
		}
		for _, sort := range []string{"sortBy=title;drop", "sortBy=title&sortOrder=desc;--", "sortBy=1", "sortBy=emails.kind", "sortBy=password", "sortBy=created_at", "sortOrder=sideways"} {
			w.do("GET", "/Users?"+strings.ReplaceAll(sort, ";", "%3B"), "").want(400)
		}
	})
}

func TestWall070_Pages(t *testing.T) {
	each(t, func(w *world) {
		for i := range 4 {
			w.create(fmt.Sprintf(`"userName":"u%d@nordlys.example"`, i)).want(201)
		}
		for query, want := range map[string][2]int{ // startIndex and itemsPerPage
			"count=-1": {1, 0}, "count=0": {1, 0}, "count=2147483648": {1, 5}, "count=9223372036854775808": {1, 5}, "count=-9223372036854775809": {1, 0},
			"startIndex=0": {1, 5}, "startIndex=-5": {1, 5}, "startIndex=4": {4, 2}, "startIndex=1000000000000": {1000000000000, 0}, "startIndex=99999999999999999999": {1 << 40, 0},
			"startIndex=2&count=2": {2, 2}, "count=": {1, 5}, "startIndex=6": {6, 0},
		} {
			got := w.do("GET", "/Users?"+query, "").want(200).is(5, "totalResults").is(want[1], "itemsPerPage")
			if int(got.at("startIndex").(float64)) != want[0] || len(got.at("Resources").([]any)) != want[1] {
				w.t.Errorf("%s: %s", query, got.raw)
			}
		}
		for _, query := range []string{"count=x", "startIndex=1.5", "count=1e3", "count=0x10", "a=%zz"} {
			w.do("GET", "/Users?"+query, "").want(400)
		}
	})
}
