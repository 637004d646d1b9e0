package scim_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"portvakt/internal/directory"
)

// TestWall059_TheNeighboursGroups: another organization's groups and people are nobody's.
func TestWall059_TheNeighboursGroups(t *testing.T) {
	each(t, func(w *world) {
		them := w.as(tokenOther, "bjorkvik")
		person := them.create(`"userName":"sven@bjorkvik.example"`).want(201).id()
		theirs := them.do("POST", "/Groups", `{`+groupCore+`,"displayName":"Hidden","externalId":"E1","members":[`+values(person)+`]}`).want(201)
		never := "grp_" + strings.Replace(theirs.id()[4:], theirs.id()[20:24], "0000", 1)
		neverPerson := "mbr_" + never[4:]
		must(directory.ParseGroupID(never))(w.t)
		op := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members"}]}`
		for _, e := range []struct{ method, body, query string }{{"GET", "", ""}, {"GET", "", "?excludedAttributes=members"}, {"PUT", `{` + groupCore + `,"displayName":"x"}`, ""}, {"PATCH", op, ""},
			{"PATCH", strings.Replace(op, `"path":"members"`, `"path":"externalId"`, 1), "?attributes=displayName"}, {"DELETE", "", ""}} {
			got := w.do(e.method, "/Groups/"+theirs.id()+e.query, e.body).want(404)
			for _, other := range []string{never, "grp_06g9f1p2k6v3q8r5s7t9v1x3z5", "1", w.admin.ID.String(), "x%2F..%2F" + theirs.id()} {
				if random := w.do(e.method, "/Groups/"+other+e.query, e.body).want(404); random.raw != got.raw {
					w.t.Errorf("%s tells: %s, of nobody: %s", e.method, got.raw, random.raw)
				}
			}
		}
		mine := w.group("Hidden") // the same name is free here
		for _, method := range []string{"POST", "PUT", "PATCH"} {
			add := func(id string) reply {
				switch method {
				case "PATCH":
					return w.patchGroup(mine, `{"op":"add","path":"members","value":[`+values(id)+`]}`).want(400)
				case "PUT":
					return w.do("PUT", "/Groups/"+mine, `{`+groupCore+`,"displayName":"Mine","members":[`+values(id)+`]}`).want(400)
				}
				return w.do("POST", "/Groups", `{`+groupCore+`,"displayName":"More","members":[`+values(id)+`]}`).want(400)
			}
			nobody := add(neverPerson).raw
			for _, id := range []string{person, theirs.id(), never, "x", ""} {
				if got := add(id).raw; got != nobody {
					w.t.Errorf("%s of %s tells %s, of nobody %s", method, id, got, nobody)
				}
			}
		}
		w.patchGroup(mine, `{"op":"remove","path":"members[value eq \"`+person+`\"]"}`).want(200)
		for _, filter := range []string{`id eq "` + theirs.id() + `"`, `externalId eq "E1"`, `members.value eq "` + person + `"`, `members pr`, `not (displayName eq "zzz") and members[type eq "User"]`} {
			w.do("GET", "/Groups?filter="+url.QueryEscape(filter), "").want(200).is(0, "totalResults")
		}
		w.do("GET", "/Groups", "").want(200).is(1, "totalResults")
		if now := them.do("GET", "/Groups/"+theirs.id(), "").want(200); now.raw != theirs.raw {
			w.t.Errorf("the neighbour's group was changed: %s", now.raw)
		}
		them.do("GET", "/Users/"+person, "").want(200).is(theirs.id(), "groups", 0, "value").is(nil, "groups", 1)
	})
}

func TestWall061_ExternalIDsOfGroupsAreOpaque(t *testing.T) {
	each(t, func(w *world) {
		first := w.group("First", w.admin.ID.String())
		before := w.do("GET", "/Groups/"+first, "").want(200).raw
		for i, id := range []string{`"1"`, `2`, `"0"`, `"-1"`, `"` + first + `"`, `"` + w.admin.ID.String() + `"`, `null`, `""`} {
			made := w.do("POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"G%d","externalId":%s,"id":"%s"}`, groupCore, i, id, first)).want(201)
			if made.id() == first {
				w.t.Errorf("externalId %s took over an id", id)
			}
			want := strings.Trim(id, `"`)
			if want == "null" || want == "" {
				want = "<nil>"
			}
			made.is(want, "externalId")
		}
		w.do("POST", "/Groups", `{`+groupCore+`,"displayName":"Long","externalId":"`+strings.Repeat("x", 10<<10)+`"}`).want(400).is("invalidValue", "scimType")
		w.do("POST", "/Groups", `{`+groupCore+`,"displayName":"Again","externalId":"1"}`).want(409).is("uniqueness", "scimType")
		w.as(tokenAll, "nordlys").do("POST", "/Groups", `{`+groupCore+`,"displayName":"Again","externalId":"1"}`).want(201)
		if after := w.do("GET", "/Groups/"+first, "").want(200).raw; after != before {
			w.t.Errorf("the group was changed: %s", after)
		}
	})
}

// TestWall062_NobodyRulesByAGroup: a group makes no administrator and gives no right of Portvakt's own, whatever it is called
// and whatever is written into it; and roles in it are not SCIM's to see or take.
func TestWall062_NobodyRulesByAGroup(t *testing.T) {
	each(t, func(w *world) {
		ctx := context.Background()
		p := w.people(1)
		facts := func() directory.AccessFacts {
			return must(w.dir.Access.Of(ctx, w.org.ID, must(directory.ParseMembershipID(p[0]))(w.t)))(w.t)
		}
		was := facts()
		for _, name := range []string{"local_admin", "administrators", "chief", "seller"} {
			id := w.do("POST", "/Groups", `{`+groupCore+`,"displayName":"`+name+`","administrator":true,"roles":[{"value":"chief"}],"key":"local_admin","managedBy":"x","`+membership+`":{"administrator":true},
				"members":[{"value":"`+p[0]+`","administrator":true}]}`).want(201).holds(p[0]).is(nil, "key").is(nil, "administrator").id()
			w.patchGroup(id, `{"op":"add","value":{"administrator":true,"roles":[{"value":"chief"}],"key":"local_admin","version":9,"meta":{"version":"9"}}}`).want(200)
			for _, path := range []string{"key", "roles", "managedBy", "administrator", "version", membership + ":administrator"} {
				w.patchGroup(id, `{"op":"add","path":"`+path+`","value":"local_admin"}`).want(400)
			}
			roles := must(w.dir.Access.Roles(ctx, w.org.ID))(w.t)
			w.patchGroup(id, `{"op":"add","path":"members","value":[`+values(roles[0].ID.String())+`]}`).want(400).is("invalidValue", "scimType")
		}
		is := facts()
		if is.Administrator || is.Role != was.Role || len(is.Profiles) != len(was.Profiles) || len(is.Packages) != len(was.Packages) || len(is.Groups) != 4 {
			w.t.Errorf("%+v, was %+v", is, was)
		}
		for _, g := range is.Groups {
			if g.Key == directory.LocalAdministrator {
				w.t.Errorf("a group has the key %s", g.Key)
			}
		}
		// Roles in a group stay, whatever SCIM does.
		group := w.group("With a role", p[0])
		parsed, roles := must(directory.ParseGroupID(group))(w.t), must(w.dir.Access.Roles(ctx, w.org.ID))(w.t)
		must(w.dir.Access.AddGroupMembers(ctx, w.org.ID, parsed, []directory.GroupMember{{Role: roles[0].ID}}))(w.t)
		w.do("GET", "/Groups/"+group, "").want(200).holds(p[0])
		w.patchGroup(group, `{"op":"remove","path":"members"}`).want(200).holds()
		w.do("PUT", "/Groups/"+group, `{`+groupCore+`,"displayName":"With a role"}`).want(200).holds()
		if inside := must(w.dir.Access.MembersOf(ctx, w.org.ID, []directory.GroupID{parsed}))(w.t)[parsed]; len(inside) != 1 || inside[0].Role != roles[0].ID {
			w.t.Errorf("in it are %v", inside)
		}
	})
}

// TestWall064_AnotherClientsGroup: the first client that writes a group keeps it.
func TestWall064_AnotherClientsGroup(t *testing.T) {
	each(t, func(w *world) {
		ctx := context.Background()
		must(w.dir.Access.SaveGroups(ctx, w.org.ID, []directory.Group{{Key: "seeded", Name: "Seeded"}}))(w.t)
		seeded := w.do("GET", "/Groups", "").want(200).at("Resources", 0, "id").(string)
		other := w.as(tokenAll, "nordlys")
		other.patchGroup(seeded, `{"op":"add","value":{"bogus":1}}`).want(200)
		for _, id := range []string{seeded, other.group("Theirs")} {
			before := w.do("GET", "/Groups/"+id, "").want(200).raw
			w.patchGroup(id, `{"op":"add","path":"members","value":[`+values(w.admin.ID.String())+`]}`).want(403)
			w.patchGroup(id, `{"op":"add","value":{"bogus":1}}`).want(403)
			w.do("PUT", "/Groups/"+id, `{`+groupCore+`,"displayName":"Mine"}`).want(403)
			w.do("DELETE", "/Groups/"+id, "").want(403)
			if after := w.do("GET", "/Groups/"+id, "").want(200).raw; after != before {
				w.t.Errorf("changed: %s", after)
			}
		}
		for _, e := range []struct{ method, path, body string }{{"POST", "/Groups", `{}`}, {"GET", "/Groups", ""}, {"PUT", "/Groups/" + seeded, `{}`}, {"PATCH", "/Groups/" + seeded, `{}`}, {"DELETE", "/Groups/" + seeded, ""},
			{"GET", "/Groups/" + seeded, ""}, {"POST", "/Groups/.search", `{}`}} {
			w.as(tokenUsers, "nordlys").do(e.method, e.path, e.body).want(403)
		}
		other.do("DELETE", "/Groups/"+seeded, "").want(204)
	})
}

// TestWall073_GroupsRace: of one name at once there is one group; of thirty changes none is lost; of two groups that are put
// into each other one holds the other.
func TestWall073_GroupsRace(t *testing.T) {
	each(t, func(w *world) {
		p := w.people(30)
		at := func(n int, act func(i int) reply) map[int]int {
			counts := map[int]int{}
			var wg sync.WaitGroup
			var mu sync.Mutex
			for i := range n {
				wg.Go(func() {
					status := act(i).status
					mu.Lock()
					defer mu.Unlock()
					counts[status]++
				})
			}
			wg.Wait()
			return counts
		}
		same := func(int) reply {
			return w.do("POST", "/Groups", `{`+groupCore+`,"displayName":"Race","externalId":"race"}`)
		}
		if counts := at(30, same); counts[201] != 1 || counts[409] != 29 {
			w.t.Errorf("30 equal POSTs: %v", counts)
		}
		id := w.group("Many", p[:15]...)
		if counts := at(30, func(i int) reply {
			if i < 15 {
				return w.patchGroup(id, `{"op":"remove","path":"members[value eq \"`+p[i]+`\"]"}`)
			}
			return w.patchGroup(id, `{"op":"add","path":"members","value":[`+values(p[i])+`]}`)
		}); counts[200] != 30 {
			w.t.Errorf("%v", counts)
		}
		w.do("GET", "/Groups/"+id, "").want(200).holds(p[15:]...).number(31)
		pair := []string{w.group("A"), w.group("B")}
		if counts := at(2, func(i int) reply {
			return w.patchGroup(pair[i], `{"op":"add","path":"members","value":[`+values(pair[1-i])+`]}`)
		}); counts[200] != 1 || counts[400] != 1 {
			w.t.Errorf("a ring of two: %v", counts)
		}
		if counts := at(8, func(int) reply { return w.patchGroup(id, `{"op":"remove","path":"members"}`, "If-Match", `W/"31"`) }); counts[200] != 1 || counts[412] != 7 {
			w.t.Errorf("one version, eight changes: %v", counts)
		}
	})
}
