package scim_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
)

const groupCore = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]`

// group makes a group of the given members, and answers its id.
func (w *world) group(name string, members ...string) string {
	w.t.Helper()
	return w.do("POST", "/Groups", `{`+groupCore+`,"displayName":"`+name+`","members":[`+values(members...)+`]}`).want(201).id()
}

// values are members as a body names them.
func values(ids ...string) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = `{"value":"` + id + `"}`
	}
	return strings.Join(out, ",")
}

// people makes users.
func (w *world) people(n int) (ids []string) {
	w.t.Helper()
	for i := range n {
		ids = append(ids, w.create(fmt.Sprintf(`"userName":"person%d@nordlys.example","name":{"givenName":"Person","familyName":"%d"}`, i, i)).want(201).id())
	}
	return ids
}

// holds checks who is in a group.
func (r reply) holds(ids ...string) reply {
	r.t.Helper()
	var got []string
	list, _ := r.at("members").([]any)
	for _, m := range list {
		got = append(got, m.(map[string]any)["value"].(string))
	}
	slices.Sort(got)
	ids = slices.Sorted(slices.Values(ids))
	if !slices.Equal(got, ids) {
		r.t.Errorf("in it are %v, want %v: %s", got, ids, r.raw)
	}
	return r
}

func TestRFC7643_4_2_Group(t *testing.T) {
	each(t, func(w *world) {
		p := w.people(2)
		inner := w.group("Inner", p[1])
		made := w.do("POST", "/Groups", `{"SCHEMAS":["urn:ietf:params:scim:schemas:core:2.0:group"],"DisplayName":"Økonomi","externalId":"E 1","id":"grp_mine","meta":{"version":"x"},
			"unknown":{"a":1},"members":[{"value":"`+p[0]+`","display":"Somebody else","type":"User"},{"VALUE":"`+inner+`","type":"Group"},{"value":"`+p[0]+`"}]}`).want(201).
			is("Økonomi", "displayName").is("E 1", "externalId").number(1).is("Group", "meta", "resourceType").holds(p[0], inner)
		location := "https://portvakt.example/scim/v2/nordlys/Groups/" + made.id()
		if made.header.Get("Location") != location || made.at("meta", "location") != location || made.header.Get("ETag") != made.at("meta", "version") {
			w.t.Errorf("Location %q, ETag %q, %s", made.header.Get("Location"), made.header.Get("ETag"), made.raw)
		}
		for _, m := range made.at("members").([]any) {
			is := m.(map[string]any)
			want := map[any][]string{p[0]: {"User", "Person 0"}, inner: {"Group", "Inner"}}[is["value"]]
			if is["type"] != want[0] || is["display"] != want[1] || is["$ref"] != "https://portvakt.example/scim/v2/nordlys/"+want[0]+"s/"+is["value"].(string) {
				w.t.Errorf("%v", is)
			}
		}
		if w.do("GET", "/Groups/"+made.id(), "").want(200).raw != made.raw {
			w.t.Error("what is read is not what was made")
		}
		w.do("GET", "/Groups/"+made.id()+"?excludedAttributes=members", "").want(200).is(nil, "members").is("Økonomi", "displayName")
		w.do("GET", "/Groups/"+made.id()+"?attributes=members.value", "").want(200).is(nil, "displayName").is(nil, "members", 0, "display").holds(p[0], inner)
		w.do("GET", "/Groups/"+made.id(), "", "If-None-Match", made.header.Get("ETag")).want(304)
		for what, body := range map[string]string{
			"no schemas": `{"displayName":"x"}`, "a user's": `{` + core + `,"displayName":"x"}`, "no name": `{` + groupCore + `}`, "an empty name": `{` + groupCore + `,"displayName":""}`,
			"null": `{` + groupCore + `,"displayName":null}`, "a list": `{` + groupCore + `,"displayName":["x"]}`, "a line": `{` + groupCore + `,"displayName":"a\nb"}`,
			"too long": `{` + groupCore + `,"displayName":"` + strings.Repeat("x", 1001) + `"}`, "members' part": `{` + groupCore + `,"displayName":"x","members.value":"` + p[0] + `"}`,
			"members without value": `{` + groupCore + `,"displayName":"x","members":[{"display":"x"}]}`, "a number": `{` + groupCore + `,"displayName":"x","members":[1]}`,
			"an external id too long": `{` + groupCore + `,"displayName":"x","externalId":"` + strings.Repeat("x", 1001) + `"}`,
		} {
			if got := w.do("POST", "/Groups", body); got.status != 400 {
				w.t.Errorf("%s: %d %s", what, got.status, got.raw)
			}
		}
		w.do("GET", "/Groups", "").want(200).is(2, "totalResults")
	})
}

// TestRFC7644_3_5_1_PutGroup: what is not written is gone.
func TestRFC7644_3_5_1_PutGroup(t *testing.T) {
	each(t, func(w *world) {
		p := w.people(3)
		id := w.group("Sales", p[0], p[1])
		w.patchGroup(id, `{"op":"add","path":"externalId","value":"E1"}`).want(200)
		put := func(body string, headers ...string) reply {
			w.t.Helper()
			return w.do("PUT", "/Groups/"+id, `{`+groupCore+`,`+body+`}`, headers...)
		}
		put(`"displayName":"Sellers","externalId":"E1","members":[`+values(p[1], p[2])+`]`).want(200).holds(p[1], p[2]).is("Sellers", "displayName").number(3)
		put(`"displayName":"Sellers","externalId":"E1","members":[`+values(p[2], p[1])+`]`, "If-Match", `W/"3"`).want(200).number(3)
		put(`"displayName":"Sellers","members":[`+values(p[0])+`]`, "If-Match", `W/"2"`).want(412)
		put(`"displayName":"Sellers","members":[`+values(p[0], "mbr_06g9f1p2k6v3q8r5s7t9v1x3z5")+`]`).want(400).is("invalidValue", "scimType")
		w.do("GET", "/Groups/"+id, "").want(200).holds(p[1], p[2]).number(3)
		put(`"displayName":"Sellers"`).want(200).holds().is(nil, "externalId")
		other := w.group("Other")
		put(`"displayName":"OTHER"`).want(409).is("uniqueness", "scimType").is("Another group has this name (displayName)", "detail")
		w.do("DELETE", "/Groups/"+other, "", "If-Match", `W/"7"`).want(412)
		w.do("DELETE", "/Groups/"+other, "", "If-Match", `W/"1"`).want(204)
		put(`"displayName":"OTHER"`).want(200)
		w.do("PUT", "/Groups/"+other, `{`+groupCore+`,"displayName":"Back"}`).want(404)
	})
}

// TestRFC7644_3_4_2_2_GroupFilters: groups are found by what they are and by who is in them.
func TestRFC7644_3_4_2_2_GroupFilters(t *testing.T) {
	each(t, func(w *world) {
		p := w.people(2)
		inner := w.group("Inner", p[0])
		w.group("Outer", inner, p[1])
		w.group("Åland")
		w.patchGroup(inner, `{"op":"add","path":"externalId","value":"Ext"}`).want(200)
		for filter, want := range map[string]string{
			`displayName eq "inner"`: "Inner", `displayName eq "ÅLAND"`: "Åland", `urn:ietf:params:scim:schemas:core:2.0:Group:displayName sw "o"`: "Outer",
			`displayName co "N" and not (displayName eq "inner")`: "Åland", `externalId eq "Ext"`: "Inner", `externalId eq "ext"`: "", `externalId pr`: "Inner",
			`id eq "` + inner + `"`: "Inner", `id eq "` + p[0] + `"`: "", `members.value eq "` + p[0] + `"`: "Inner", `members[value eq "` + p[0] + `"]`: "Inner", `members eq "` + p[1] + `"`: "Outer",
			`members.value eq "` + inner + `"`: "Outer", `members[value eq "` + inner + `" and type eq "Group"]`: "Outer", `members[value eq "` + inner + `" and type eq "User"]`: "",
			`members pr`: "Inner Outer", `not (members pr)`: "Åland", `members.type eq "group"`: "Outer", `members.value eq "nobody"`: "",
			`meta.created gt "2000-01-01T00:00:00Z" and meta.lastModified ge "2000-01-01T00:00:00Z"`: "Inner Outer Åland", `meta.resourceType eq "Group"`: "Inner Outer Åland",
		} {
			got := w.do("GET", "/Groups?sortBy=displayName&filter="+url.QueryEscape(filter), "").want(200)
			var names []string
			for _, r := range got.at("Resources").([]any) {
				names = append(names, r.(map[string]any)["displayName"].(string))
			}
			if strings.Join(names, " ") != want {
				w.t.Errorf("%s: %v, want %s", filter, names, want)
			}
		}
		for _, filter := range []string{`userName eq "x"`, `members.display eq "x"`, `members.$ref eq "x"`, `displayName gt`, `key eq "inner"`, `managedBy pr`} {
			w.do("GET", "/Groups?filter="+url.QueryEscape(filter), "").want(400).is("invalidFilter", "scimType")
		}
		first := w.do("GET", "/Groups?sortBy=displayName&count=2&cursor", "").want(200).is("Inner", "Resources", 0, "displayName")
		w.do("GET", "/Groups?sortBy=displayName&count=2&cursor="+url.QueryEscape(first.at("nextCursor").(string)), "").want(200).is("Åland", "Resources", 0, "displayName").is(nil, "nextCursor")
		w.do("POST", "/Groups/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"members.value eq \"`+p[0]+`\"","excludedAttributes":["members"]}`).
			want(200).is(1, "totalResults").is("Inner", "Resources", 0, "displayName").is(nil, "Resources", 0, "members")
	})
}

// TestRFC7643_4_1_2_GroupsOfUsers: directly, through a group, and by a role.
func TestRFC7643_4_1_2_GroupsOfUsers(t *testing.T) {
	each(t, func(w *world) {
		p := w.people(2)
		inner := w.group("Inner", p[0])
		outer := w.group("Outer", inner)
		roles := must(w.dir.Access.Roles(context.Background(), w.org.ID))(w.t)
		must(w.dir.Access.AddGroupMembers(context.Background(), w.org.ID, must(directory.ParseGroupID(w.group("By role")))(w.t), []directory.GroupMember{{Role: roles[0].ID, WithBelow: true}}))(w.t)
		w.patch(p[0], `{"op":"add","path":"roles","value":[{"value":"seller"}]}`).want(200)
		groups := func(r reply, path ...any) string {
			list, _ := r.at(append(path, "groups")...).([]any)
			var out []string
			for _, g := range list {
				is := g.(map[string]any)
				if is["$ref"] != "https://portvakt.example/scim/v2/nordlys/Groups/"+is["value"].(string) {
					w.t.Errorf("%v", is)
				}
				out = append(out, fmt.Sprint(is["display"], " ", is["type"]))
			}
			return strings.Join(out, ", ")
		}
		want := "By role indirect, Inner direct, Outer indirect"
		if got := groups(w.do("GET", "/Users/"+p[0], "").want(200)); got != want {
			w.t.Errorf("in %s", got)
		}
		list := w.do("GET", "/Users?filter="+url.QueryEscape(`userName sw "person"`)+"&sortBy=userName", "").want(200)
		if got := groups(list, "Resources", 0); got != want || groups(list, "Resources", 1) != "" {
			w.t.Errorf("listed in %s, the other in %s", got, groups(list, "Resources", 1))
		}
		w.do("GET", "/Users/"+p[0]+"?attributes=groups.value", "").want(200).is(nil, "groups", 0, "display").is(nil, "userName")
		w.do("GET", "/Users/"+p[0]+"?excludedAttributes=groups", "").want(200).is(nil, "groups")
		w.as(tokenUsers, "nordlys").do("GET", "/Users/"+p[0], "").want(200).is(nil, "groups") // who may not read groups does not read them here
		w.patch(p[0], `{"op":"add","path":"groups","value":[{"value":"`+outer+`"}]}`).want(400).is("mutability", "scimType")
		w.patch(p[1], `{"op":"add","value":{"groups":[{"value":"`+outer+`"}]}}`).want(200).is(nil, "groups")
		w.create(`"userName":"new@nordlys.example","groups":[{"value":"`+outer+`"}]`).want(201).is(nil, "groups")
		w.patchGroup(outer, `{"op":"add","path":"members","value":[`+values(p[0])+`]}`).want(200)
		if got := groups(w.do("GET", "/Users/"+p[0], "").want(200)); got != "By role indirect, Inner direct, Outer direct" {
			w.t.Errorf("in %s", got)
		}
		w.patchGroup(inner, `{"op":"remove","path":"members"}`).want(200)
		w.do("DELETE", "/Groups/"+inner, "").want(204)
		w.do("GET", "/Groups/"+outer, "").want(200).holds(p[0])
		w.do("DELETE", "/Groups/"+outer, "").want(204)
		w.do("GET", "/Users/"+p[0]+"?attributes=groups", "").want(200).is(nil, "groups", 1)
	})
}

// TestFormerMembersAreNoMembers: whoever has ended or was deleted is not shown, and cannot be put in.
func TestFormerMembersAreNoMembers(t *testing.T) {
	each(t, func(w *world) {
		p := w.people(4)
		id := w.group("Group", p...)
		w.patch(p[1], `{"op":"replace","path":"active","value":false}`).want(200)
		w.patch(p[2], `{"op":"add","path":"`+membership+`:end","value":"`+w.clock.Now().Add(time.Hour).Format(time.RFC3339)+`"}`).want(200)
		w.do("DELETE", "/Users/"+p[3], "").want(204)
		w.clock.Advance(2 * time.Hour)
		w.do("GET", "/Groups/"+id, "").want(200).holds(p[0], p[1]) // who is suspended is a member
		nobody := w.patchGroup(id, `{"op":"add","path":"members","value":[{"value":"mbr_06g9f1p2k6v3q8r5s7t9v1x3z5"}]}`).want(400)
		for _, who := range p[2:] {
			other := w.group("Other "+who, p[0])
			if got := w.patchGroup(other, `{"op":"add","path":"members","value":[{"value":"`+who+`"}]}`).want(400); got.raw != nobody.raw {
				w.t.Errorf("%s, of nobody %s", got.raw, nobody.raw)
			}
			w.do("POST", "/Groups", `{`+groupCore+`,"displayName":"x","members":[`+values(who)+`]}`).want(400)
		}
		w.do("GET", "/Groups?filter="+url.QueryEscape(`members.value eq "`+p[2]+`"`), "").want(200).is(0, "totalResults")
	})
}
