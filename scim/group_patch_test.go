package scim_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"portvakt/internal/directory"
)

func (w *world) patchGroup(id, operations string, headers ...string) reply {
	w.t.Helper()
	return w.do("PATCH", "/Groups/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+operations+`]}`, headers...)
}

// TestRFC7644_3_5_2_PatchGroup walks one group through the operations.
func TestRFC7644_3_5_2_PatchGroup(t *testing.T) {
	each(t, func(w *world) {
		p := w.people(4)
		inner := w.group("Inner")
		id := w.group("Group")
		for _, step := range []struct {
			what, operations string
			holds            []string
		}{
			{"add a list", `{"op":"add","path":"members","value":[` + values(p[0], p[1]) + `]}`, p[:2]},
			{"add one again, as an object", `{"op":"Add","path":"members","value":{"value":"` + p[1] + `"}}`, p[:2]},
			{"add with URN, a bare id", `{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:Group:MEMBERS","value":["` + p[2] + `"]}`, p[:3]},
			{"add without a path", `{"op":"add","value":{"members":[` + values(p[3], inner) + `]}}`, append(slices.Clone(p), inner)},
			{"add null", `{"op":"add","path":"members","value":null}`, append(slices.Clone(p), inner)},
			{"remove by value path", `{"op":"remove","path":"members[value eq \"` + p[0] + `\"]"}`, append(slices.Clone(p[1:]), inner)},
			{"remove who is not in it", `{"op":"remove","path":"members[value eq \"` + p[0] + `\"]"}`, append(slices.Clone(p[1:]), inner)},
			{"remove by several ids", `{"op":"remove","path":"members[value eq \"` + p[1] + `\" or (value eq \"` + inner + `\" and type eq \"Group\")]"}`, p[2:]},
			{"the type does not fit", `{"op":"remove","path":"members[value eq \"` + p[2] + `\" and type eq \"group\"]"}`, p[2:]},
			{"remove by a value, Entra's old way", `{"op":"Remove","path":"members","value":[` + values(p[2]) + `]}`, p[3:]},
			{"remove by an object, and nobody", `{"op":"remove","path":"members","value":{"value":"` + p[3] + `"}},{"op":"remove","path":"members","value":[` + values("nobody", "mbr_06g9f1p2k6v3q8r5s7t9v1x3z5") + `]}`, nil},
			{"replace", `{"op":"replace","path":"members","value":[` + values(p[0], p[1]) + `]}`, p[:2]},
			{"replace without a path, with names that cannot be written", `{"op":"replace","value":{"id":"` + id + `","meta":{},"bogus":1,"displayName":"Group","members":[` + values(p[1], p[2]) + `]}}`, p[1:3]},
			{"remove an empty list", `{"op":"remove","path":"members","value":[]}`, p[1:3]},
			{"several on one attribute", `{"op":"add","path":"members","value":[` + values(p[3]) + `]},{"op":"remove","path":"members[value eq \"` + p[1] + `\"]"},{"op":"add","path":"members","value":[` + values(p[0]) + `]}`, []string{p[0], p[2], p[3]}},
			{"the same one in, out and in", `{"op":"remove","path":"members[value eq \"` + p[0] + `\"]"},{"op":"add","path":"members","value":[` + values(p[0]) + `]},{"op":"remove","path":"members","value":[` + values(p[2]) + `]}`, []string{p[0], p[3]}},
			{"all out, one in", `{"op":"remove","path":"members"},{"op":"add","path":"members","value":[` + values(p[3]) + `]}`, p[3:]},
			{"replace by none", `{"op":"replace","path":"members","value":[]}`, nil},
			{"add by a JSON pointer", `{"op":"add","path":"/members","value":[` + values(p[0], p[1]) + `]}`, p[:2]},
			{"remove by ids in other quotes", `{"op":"remove","path":"members[value eq '` + p[0] + `']"},{"op":"remove","path":"members[value eq “` + p[1] + `”]"}`, nil},
			{"remove all of nobody", `{"op":"remove","path":"members"}`, nil},
		} {
			got := w.patchGroup(id, step.operations)
			if got.status != 200 {
				w.t.Errorf("%s: %d %s", step.what, got.status, got.raw)
				continue
			}
			got.holds(step.holds...)
			if read := w.do("GET", "/Groups/"+id, "").want(200); read.raw != got.raw {
				w.t.Errorf("%s: answered %s, is %s", step.what, got.raw, read.raw)
			}
		}
		w.patchGroup(id, `{"op":"replace","path":"displayName","value":"Renamed"},{"op":"add","path":"externalId","value":"E1"}`).want(200).is("Renamed", "displayName").is("E1", "externalId")
		w.patchGroup(id, `{"op":"remove","path":"externalId"}`).want(200).is(nil, "externalId")
		w.patchGroup(id+"?excludedAttributes=members", `{"op":"add","path":"members","value":[`+values(p[0])+`]}`).want(200).is(nil, "members").is("Renamed", "displayName")
		before := w.do("GET", "/Groups/"+id, "").want(200)
		for _, bad := range []struct{ operations, scimType string }{
			{`{"op":"remove"}`, "noTarget"}, {`{"op":"move","path":"members"}`, "invalidSyntax"}, {`{"op":"add","path":"members"}`, "invalidValue"}, {`{"op":"add","value":[1]}`, "invalidValue"},
			{`{"op":"add","path":"bogus","value":1}`, "invalidPath"}, {`{"op":"add","path":"members[","value":1}`, "invalidPath"}, {`{"op":"add","path":"displayName[value eq 1]","value":1}`, "invalidPath"},
			{`{"op":"remove","path":"members[display eq \"x\"]"}`, "invalidFilter"}, {`{"op":"remove","path":"members[bogus eq \"x\"]"}`, "invalidFilter"}, {`{"op":"remove","path":"members[value sw \"mbr\"]"}`, "invalidFilter"}, {`{"op":"remove","path":"members[not (value eq \"x\")]"}`, "invalidFilter"},
			{`{"op":"remove","path":"members[type eq \"User\"]"}`, "invalidFilter"}, {`{"op":"remove","path":"members[value pr]"}`, "invalidFilter"},
			{`{"op":"replace","path":"members[value eq \"` + p[0] + `\"].value","value":"` + p[1] + `"}`, "mutability"}, {`{"op":"replace","path":"members[value eq \"` + p[0] + `\"]","value":{"value":"` + p[1] + `"}}`, "mutability"},
			{`{"op":"remove","path":"members[value eq \"` + p[0] + `\"].value"}`, "mutability"}, {`{"op":"remove","path":"members.value"}`, "mutability"}, {`{"op":"replace","path":"id","value":"x"}`, "mutability"},
			{`{"op":"remove","path":"displayName"}`, "mutability"}, {`{"op":"replace","path":"displayName","value":""}`, "mutability"}, {`{"op":"replace","path":"displayName","value":{}}`, "invalidValue"},
			{`{"op":"add","path":"members","value":[{"value":"nobody"}]}`, "invalidValue"}, {`{"op":"add","path":"members","value":[{"value":"` + id + `"}]}`, "invalidValue"}, {`{"op":"add","path":"members","value":[{}]}`, "invalidValue"},
			{`{"op":"remove","path":"members"},{"op":"add","path":"members","value":[{"value":"nobody"}]}`, "invalidValue"}, // all or nothing
		} {
			got := w.patchGroup(id, bad.operations)
			if got.status != 400 || got.at("scimType") != bad.scimType {
				w.t.Errorf("%s: %d %s", bad.operations, got.status, got.raw)
			}
		}
		if after := w.do("GET", "/Groups/"+id, "").want(200); after.raw != before.raw {
			w.t.Errorf("a refused PATCH changed %s to %s", before.raw, after.raw)
		}
		w.patchGroup(id, `{"op":"add","path":"members","value":[`+values(p[1])+`]}`, "If-Match", `W/"1"`).want(412)
		w.patchGroup(id, `{"op":"add","value":{"id":"x"}}`, "If-Match", before.at("meta", "version").(string)).want(200).is(before.at("meta", "version"), "meta", "version")
		w.patchGroup("grp_06g9f1p2k6v3q8r5s7t9v1x3z5", `{"op":"add","value":{"id":"x"}}`).want(404)
	})
}

// TestRFC7644_3_5_2_LargeGroups: who is in a large group is not read to answer a PATCH.
func TestRFC7644_3_5_2_LargeGroups(t *testing.T) {
	each(t, func(w *world) {
		id := w.group("Large")
		lines := make([]directory.ImportLine, 201)
		for i := range lines {
			lines[i] = directory.ImportLine{Line: i, UserName: fmt.Sprint("contact", i), Kind: directory.ContactOnly}
		}
		crowd := must(w.dir.Memberships.Import(context.Background(), w.org.ID, lines, directory.ImportQuietly))(w.t)
		var ids []string
		for _, c := range crowd {
			ids = append(ids, c.Member.String())
		}
		w.patchGroup(id, `{"op":"add","path":"members","value":[`+values(ids...)+`]}`).want(204)
		add := `{"op":"add","path":"members","value":[` + values(w.people(1)...) + `]}`
		got := w.patchGroup(id, add).want(204)
		if got.raw != "" || got.header.Get("ETag") != `W/"3"` {
			w.t.Errorf("%q, ETag %q", got.raw, got.header.Get("ETag"))
		}
		w.patchGroup(id+"?excludedAttributes=members", `{"op":"replace","path":"displayName","value":"Larger"}`).want(200).is("Larger", "displayName").is(nil, "members")
		w.patchGroup(id+"?attributes=displayName", `{"op":"replace","path":"displayName","value":"Largest"}`).want(200).is("Largest", "displayName").is(nil, "members")
		if list := w.patchGroup(id+"?attributes=members", `{"op":"replace","path":"displayName","value":"Large"}`).want(200).at("members").([]any); len(list) != 202 {
			w.t.Errorf("%d members", len(list))
		}
		w.patchGroup(id, `{"op":"remove","path":"members"}`).want(200).holds()
	})
}
