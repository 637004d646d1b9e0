package scim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// start is the user on whom the rows of the tables of PATCH work.
const start = `"userName":"ola@nordlys.example","name":{"givenName":"Ola","familyName":"Hansen"},"title":"Clerk",
	"emails":[{"type":"work","value":"ola@nordlys.example","primary":true},{"type":"home","value":"ola@home.example"}],
	"phoneNumbers":[{"type":"work","value":"1"}],"` + enterprise + `":{"department":"Sales","manager":{"value":"boss"}},"entitlements":[]`

// patchRow is some operations on that user, and what stands there afterwards.
type patchRow struct {
	name, ops string
	status    int
	scimType  string
	want      map[string]string // path with dots, or bars behind a URN → value
}

// patches does each row to a user of its own. What is refused must have changed nothing, and what is answered must be stored.
func patches(t *testing.T, rows []patchRow) {
	t.Helper()
	each(t, func(w *world) {
		for i, r := range rows {
			user := strings.ReplaceAll(start, "ola@nordlys", fmt.Sprintf("ola%d@nordlys", i))
			made := w.create(user).want(201)
			got := w.patch(made.id(), r.ops)
			if got.status != r.status || r.scimType != "" && got.at("scimType") != r.scimType {
				w.t.Errorf("%s: %s", r.name, got.raw)
				continue
			}
			for path, want := range r.want {
				sep := "."
				if strings.HasPrefix(path, "urn:") {
					sep = "|"
				}
				var steps []any
				for _, s := range strings.Split(path, sep) {
					var n int
					if _, err := fmt.Sscanf(s, "%d", &n); err == nil {
						steps = append(steps, n)
						continue
					}
					steps = append(steps, s)
				}
				if v := got.at(steps...); v == nil && want != "" || v != nil && fmt.Sprint(v) != want {
					w.t.Errorf("%s: %s is %v, want %q", r.name, path, v, want)
				}
			}
			after := w.do("GET", "/Users/"+made.id(), "").want(200)
			if r.status == 400 && after.raw != made.raw {
				w.t.Errorf("%s was refused and changed the user:\n%s\n%s", r.name, made.raw, after.raw)
			}
			if r.status == 200 && after.raw != got.raw {
				w.t.Errorf("%s answered what is not stored:\n%s\n%s", r.name, got.raw, after.raw)
			}
		}
	})
}

// TestRFC7644_3_5_2_Patch has what holds for every operation.
func TestRFC7644_3_5_2_Patch(t *testing.T) {
	patches(t, []patchRow{
		{"replace simple", `{"op":"replace","path":"title","value":"Boss"}`, 200, "", map[string]string{"title": "Boss"}},
		{"add simple replaces", `{"op":"add","path":"title","value":"Boss"}`, 200, "", map[string]string{"title": "Boss"}},
		{"names in any case", `{"OP":"RePlace","PATH":"NAME.FAMILYNAME","Value":"Olsen"}`, 200, "", map[string]string{"name.familyName": "Olsen", "name.givenName": "Ola"}},
		{"sub-attribute", `{"op":"replace","path":"name.familyName","value":"Olsen"}`, 200, "", map[string]string{"name.familyName": "Olsen", "name.givenName": "Ola"}},
		{"complex merges", `{"op":"replace","path":"name","value":{"familyName":"Olsen"}}`, 200, "", map[string]string{"name.familyName": "Olsen", "name.givenName": "Ola"}},
		{"null part", `{"op":"replace","path":"name","value":{"givenName":null}}`, 200, "", map[string]string{"name.givenName": "", "name.familyName": "Hansen"}},
		{"null part beside another", `{"op":"replace","value":{"name":{"givenName":null,"familyName":"Olsen"}}}`, 200, "", map[string]string{"name.givenName": "", "name.familyName": "Olsen"}},
		{"unknown part of an object", `{"op":"replace","value":{"name":{"bogus":"x"}}}`, 200, "", map[string]string{"name.givenName": "Ola", "name.familyName": "Hansen"}},
		{"manager by $ref alone", `{"op":"replace","path":"` + enterprise + `:manager","value":{"$ref":"../Users/x"}}`, 200, "", map[string]string{enterprise + "|manager|value": "boss"}},
		{"manager null", `{"op":"replace","path":"` + enterprise + `:manager","value":[{"value":null}]}`, 200, "", map[string]string{enterprise + "|manager": ""}},
		{"core URN", `{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:name.familyName","value":"Olsen"}`, 200, "", map[string]string{"name.familyName": "Olsen"}},
		{"extension URN", `{"op":"replace","path":"` + enterprise + `:department","value":"IT"}`, 200, "", map[string]string{enterprise + "|department": "IT"}},
		{"whole extension", `{"op":"replace","path":"` + enterprise + `","value":{"department":"IT","costCenter":"9"}}`, 200, "", map[string]string{enterprise + "|department": "IT", enterprise + "|costCenter": "9", enterprise + "|manager|value": "boss"}},
		{"remove extension", `{"op":"remove","path":"` + enterprise + `"}`, 200, "", map[string]string{enterprise: ""}},
		{"no path", `{"op":"replace","value":{"title":"Boss","nickName":"O"}}`, 200, "", map[string]string{"title": "Boss", "nickName": "O"}},
		{"no path, dots and URNs as names", `{"op":"replace","value":{"name.familyName":"Olsen","` + enterprise + `:department":"IT","emails[type eq \"home\"].value":"o@x.example"}}`, 200, "",
			map[string]string{"name.familyName": "Olsen", enterprise + "|department": "IT", "emails.1.value": "o@x.example"}},
		{"no path, nested extension", `{"op":"add","value":{"` + enterprise + `":{"division":"North"}}}`, 200, "", map[string]string{enterprise + "|division": "North", enterprise + "|department": "Sales"}},
		{"no path, unknown and read-only names", `{"op":"add","value":{"id":"x","meta":{"version":"1"},"bogus":1,"groups":[{"value":"x"}],"title":"Boss"}}`, 200, "", map[string]string{"title": "Boss"}},
		{"nothing but unknown names", `{"op":"add","value":{"bogus":1}}`, 200, "", map[string]string{"title": "Clerk"}},
		{"null removes", `{"op":"replace","path":"title","value":null}`, 200, "", map[string]string{"title": ""}},
		{"remove", `{"op":"remove","path":"title"}`, 200, "", map[string]string{"title": ""}},
		{"remove what is not there", `{"op":"remove","path":"nickName"}`, 200, "", map[string]string{"nickName": ""}},
		{"remove sub-attribute", `{"op":"remove","path":"name.givenName"}`, 200, "", map[string]string{"name.givenName": "", "name.familyName": "Hansen"}},
		{"add to a list", `{"op":"add","path":"phoneNumbers","value":[{"type":"home","value":"2"}]}`, 200, "", map[string]string{"phoneNumbers.0.value": "1", "phoneNumbers.1.value": "2"}},
		{"add one value to a list", `{"op":"add","path":"phoneNumbers","value":{"type":"home","value":"2"}}`, 200, "", map[string]string{"phoneNumbers.1.value": "2"}},
		{"add what is there", `{"op":"add","path":"phoneNumbers","value":[{"type":"work","value":"1"}]}`, 200, "", map[string]string{"phoneNumbers.0.value": "1", "phoneNumbers.1": ""}},
		{"add what is there in another case", `{"op":"add","path":"emails","value":[{"type":"HOME","value":"Ola@home.example","display":"x"}]}`, 200, "", map[string]string{"emails.1.display": "x", "emails.2": ""}},
		{"remove by value in another case", `{"op":"remove","path":"emails","value":[{"value":"OLA@home.example"}]}`, 200, "", map[string]string{"emails.0.type": "work", "emails.1": ""}},
		{"remove ignores a value where there is no list", `{"op":"remove","path":"title","value":{"a":1}}`, 200, "", map[string]string{"title": ""}},
		{"functions in any case", `{"op":"add","path":"` + membership + `:functions","value":["Information_Recipient","information_recipient"]}`, 200, "", map[string]string{membership + "|functions|0": "information_recipient", membership + "|functions|1": ""}},
		{"element by an unknown part", `{"op":"replace","path":"emails[type eq \"home\"]","value":{"bogus":"x"}}`, 400, "invalidValue", nil},
		{"replace a list", `{"op":"replace","path":"phoneNumbers","value":[{"value":"7"}]}`, 200, "", map[string]string{"phoneNumbers.0.value": "7", "phoneNumbers.1": ""}},
		{"empty list", `{"op":"replace","path":"phoneNumbers","value":[]}`, 200, "", map[string]string{"phoneNumbers": ""}},
		{"element", `{"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"new@home.example"}}`, 200, "", map[string]string{"emails.1.value": "new@home.example", "emails.1.type": "home"}},
		{"part of an element", `{"op":"replace","path":"emails[type eq \"home\"].display","value":"Home"}`, 200, "", map[string]string{"emails.1.display": "Home", "emails.0.display": ""}},
		{"remove element", `{"op":"remove","path":"emails[type eq \"home\" and value ew \"home.example\"]"}`, 200, "", map[string]string{"emails.1": "", "emails.0.type": "work"}},
		{"remove no element", `{"op":"remove","path":"emails[type eq \"other\"]"}`, 200, "", map[string]string{"emails.1.type": "home"}},
		{"remove by value list", `{"op":"remove","path":"phoneNumbers","value":[{"value":"1"}]}`, 200, "", map[string]string{"phoneNumbers": ""}},
		{"new primary", `{"op":"replace","path":"emails[type eq \"home\"].primary","value":"true"}`, 200, "", map[string]string{"emails.1.primary": "true", "emails.0.primary": "false"}},
		{"element made", `{"op":"replace","path":"phoneNumbers[type eq \"fax\"].value","value":"3"}`, 200, "", map[string]string{"phoneNumbers.1.type": "fax", "phoneNumbers.1.value": "3"}},
		{"no element to select by value", `{"op":"replace","path":"phoneNumbers[value eq \"nope\"].type","value":"fax"}`, 400, "noTarget", nil},
		{"not and or in a path", `{"op":"remove","path":"emails[not (type eq \"work\") or value co \"zzz\"]"}`, 200, "", map[string]string{"emails.1": "", "emails.0.type": "work"}},
		{"manager as string", `{"op":"replace","path":"` + enterprise + `:manager","value":"chief"}`, 200, "", map[string]string{enterprise + "|manager|value": "chief"}},
		{"manager.value", `{"op":"replace","path":"` + enterprise + `:manager.value","value":"chief"}`, 200, "", map[string]string{enterprise + "|manager|value": "chief"}},
		{"empty manager", `{"op":"replace","path":"` + enterprise + `:manager","value":{"value":""}}`, 200, "", map[string]string{enterprise + "|manager": ""}},
		{"password is ignored", `{"op":"replace","path":"password","value":"secret"}`, 200, "", map[string]string{"password": ""}},
		{"role", `{"op":"add","path":"roles","value":[{"value":"seller"}]}`, 200, "", map[string]string{"roles.0.value": "seller", "roles.0.display": "Seller"}},
		{"unknown role", `{"op":"add","path":"roles","value":"nope"}`, 400, "invalidValue", nil},
		{"two roles", `{"op":"add","path":"roles","value":["seller","chief"]}`, 400, "invalidValue", nil},
		{"segments", `{"op":"replace","path":"` + membership + `:segments","value":["oslo"]}`, 200, "", map[string]string{membership + "|segments|0": "oslo"}},
		{"end", `{"op":"add","path":"` + membership + `:end","value":"2027-01-01T00:00:00+01:00"}`, 200, "", map[string]string{membership + "|end": "2026-12-31T23:00:00Z"}},
		{"several, atomic", `{"op":"replace","path":"title","value":"Boss"},{"op":"replace","path":"bogus","value":1}`, 400, "invalidPath", nil},
		{"unknown attribute", `{"op":"replace","path":"bogus","value":1}`, 400, "invalidPath", nil},
		{"unknown part", `{"op":"replace","path":"name.bogus","value":"x"}`, 400, "invalidPath", nil},
		{"unknown part in brackets", `{"op":"replace","path":"emails[bogus eq 1].value","value":"x"}`, 400, "invalidPath", nil},
		{"brackets on no list", `{"op":"replace","path":"title[value eq 1]","value":"x"}`, 400, "invalidPath", nil},
		{"unclosed", `{"op":"replace","path":"emails[type eq \"work\"","value":"x"}`, 400, "invalidPath", nil},
		{"read only", `{"op":"replace","path":"id","value":"x"}`, 400, "mutability", nil},
		{"read only state", `{"op":"replace","path":"` + membership + `:state","value":"active"}`, 400, "mutability", nil},
		{"required", `{"op":"remove","path":"userName"}`, 400, "mutability", nil},
		{"remove without path", `{"op":"remove"}`, 400, "noTarget", nil},
		{"no object", `{"op":"add","value":"x"}`, 400, "invalidValue", nil},
		{"wrong type", `{"op":"replace","path":"title","value":{"a":1}}`, 400, "invalidValue", nil},
		{"wrong boolean", `{"op":"replace","path":"active","value":"maybe"}`, 400, "invalidValue", nil},
		{"the zero date is no open end", `{"op":"replace","path":"` + membership + `:end","value":"0001-01-01T00:00:00Z"}`, 400, "invalidValue", nil},
		{"the year 0 in UTC", `{"op":"replace","path":"` + membership + `:end","value":"0001-01-01T00:00:00+01:00"}`, 400, "invalidValue", nil},
		{"the year 10000 in UTC", `{"op":"replace","path":"` + membership + `:end","value":"9999-12-31T23:59:59-01:00"}`, 400, "invalidValue", nil},
		{"wrong date", `{"op":"replace","path":"` + membership + `:end","value":"tomorrow"}`, 400, "invalidValue", nil},
		{"unknown op", `{"op":"move","path":"title","value":"x"}`, 400, "invalidSyntax", nil},
		{"no operation", ``, 400, "invalidSyntax", nil},
		{"number as operation", `7`, 400, "invalidSyntax", nil},
	})
}

// TestRFC7644_3_5_2_NothingChangedIsNoVersion: what changes nothing is answered 200 and makes no version, whoever sends it as often as they like.
func TestRFC7644_3_5_2_NothingChangedIsNoVersion(t *testing.T) {
	each(t, func(w *world) {
		made := w.create(`"userName":"ola@nordlys.example","title":"Clerk","roles":[{"value":"seller"}],"` + membership + `":{"segments":["oslo"],"functions":["information_recipient"]}`).want(201)
		etag := made.header.Get("ETag")
		for _, ops := range []string{`{"op":"replace","path":"title","value":"Clerk"}`, `{"op":"add","path":"active","value":true}`, `{"op":"remove","path":"nickName"}`, `{"op":"add","value":{"bogus":1}}`} {
			got := w.patch(made.id(), ops).want(200)
			if got.number(1).header.Get("ETag") != etag {
				w.t.Errorf("%s made %s of %s", ops, got.header.Get("ETag"), etag)
			}
		}
		var whole map[string]any
		if err := json.Unmarshal([]byte(made.raw), &whole); err != nil {
			w.t.Fatal(err)
		}
		again := must(json.Marshal(whole))(w.t)
		if got := w.do("PUT", "/Users/"+made.id(), string(again)).want(200); got.header.Get("ETag") != etag {
			w.t.Errorf("putting back what was got made %s:\n%s\n%s", got.header.Get("ETag"), made.raw, got.raw)
		}
		// A member made by the seed has no addresses of its own; the one that is shown must not become one.
		admin := w.as(tokenAll, "nordlys")
		first := admin.patch(w.admin.ID.String(), `{"op":"replace","path":"title","value":"Boss"}`).want(200)
		if m := w.member(first.id()); len(m.Details.Emails) != 0 || m.Email != "kari@nordlys.example" {
			w.t.Errorf("addresses %v, sign-in %s", m.Details.Emails, m.Email)
		}
	})
}
