package scim_test

import (
	"net/url"
	"testing"
)

// TestEntraGroups is the group part of Microsoft's SCIM validator, its twelve cases and the preview's three, written anew.
func TestEntraGroups(t *testing.T) {
	each(t, func(w *world) {
		p := w.people(2)
		find := func(filter, more string) reply {
			return w.do("GET", "/Groups?"+more+"filter="+url.QueryEscape(filter), "").want(200)
		}
		body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
			"externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159","displayName":"displayName","meta":{"resourceType":"Group"}}`
		id := w.do("POST", "/Groups", body).want(201).is("8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159", "externalId").id()
		w.do("POST", "/Groups", body).want(409).is("uniqueness", "scimType")
		w.do("GET", "/Groups/"+id+"?excludedAttributes=members", "").want(200).is("displayName", "displayName").is(nil, "members")
		find(`displayName eq "displayName"`, "excludedAttributes=members&").is(1, "totalResults").is(id, "Resources", 0, "id").is(nil, "Resources", 0, "members")
		find(`displayName eq "DISPLAYNAME"`, "excludedAttributes=members&").is(id, "Resources", 0, "id")
		find(`displayName eq "nobody has this"`, "excludedAttributes=members&").is(0, "totalResults").is("[]", "Resources")
		find(`externalId eq "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159"`, "").is(id, "Resources", 0, "id")
		w.patchGroup(id, `{"op":"Replace","path":"displayName","value":"1879db59-3bdf-4490-ad68-ab880a269474updatedDisplayName"}`).want(200).
			is("1879db59-3bdf-4490-ad68-ab880a269474updatedDisplayName", "displayName")
		w.patchGroup(id, `{"op":"Replace","path":"externalId","value":"fcd2b3d1"}`).want(200).is("fcd2b3d1", "externalId")
		w.patchGroup(id, `{"op":"Add","path":"members","value":[{"$ref":null,"value":"`+p[0]+`"}]}`).want(200).holds(p[0])
		find(`displayName eq "1879db59-3bdf-4490-ad68-ab880a269474updatedDisplayName"`, "").is(p[0], "Resources", 0, "members", 0, "value")
		find(`id eq "`+id+`" and members eq "`+p[0]+`"`, "attributes=id&").is(id, "Resources", 0, "id") // how Entra asks whether somebody is in it
		w.patchGroup(id, `{"op":"Remove","path":"members[value eq \"`+p[0]+`\"]"}`).want(200).holds()
		w.patchGroup(id, `{"op":"Add","path":"members","value":[`+values(p[0])+`]},{"op":"Add","path":"members","value":[`+values(p[1])+`]}`).want(200).holds(p...)
		w.patchGroup(id, `{"op":"Remove","path":"members","value":[{"$ref":null,"value":"`+p[0]+`"}]},{"op":"Remove","path":"members","value":[{"$ref":null,"value":"`+p[1]+`"}]}`).want(200).holds()
		w.do("DELETE", "/Groups/"+id, "").want(204)
		w.do("GET", "/Groups/"+id, "").want(404)
		w.do("DELETE", "/Groups/"+id, "").want(404)
		w.do("DELETE", "/Groups/5b50642d-79fc-4410-9e90-4c077cdd1a59", "").want(404)
	})
}

// TestMicrosoftPostmanGroups has what Microsoft's Postman collection asks beyond the validator.
func TestMicrosoftPostmanGroups(t *testing.T) {
	each(t, func(w *world) {
		p := w.people(3)
		id := w.do("POST", "/Groups", `{`+groupCore+`,"displayName":"Group1DisplayName"}`).want(201).id()
		two := w.group("Group2DisplayName", p[0])
		w.do("GET", "/Groups", "").want(200).is(2, "totalResults")
		w.do("GET", "/Groups?attributes=displayName", "").want(200).is("Group1DisplayName", "Resources", 0, "displayName").is(nil, "Resources", 1, "members")
		w.do("PUT", "/Groups/"+two, `{`+groupCore+`,"id":"`+two+`","displayName":"putName","members":[`+values(p[0], p[1])+`]}`).want(200).is("putName", "displayName").holds(p[0], p[1])
		w.patchGroup(id, `{"op":"add","path":"members","value":[`+values(p...)+`]}`).want(200).holds(p...)
		w.patchGroup(id, `{"op":"remove","path":"members[value eq \"`+p[1]+`\"]"}`).want(200).holds(p[0], p[2])
		w.patchGroup(id, `{"op":"remove","path":"members"}`).want(200).holds()
		w.patchGroup(id, `{"op":"replace","value":{"displayName":"Renamed"}}`).want(200).is("Renamed", "displayName")
		for _, id := range []string{id, two} {
			w.do("DELETE", "/Groups/"+id, "").want(204)
		}
		w.do("GET", "/Groups", "").want(200).is(0, "totalResults")
	})
}

// TestOktaGroupPush is the order in which Okta pushes a group, by its documentation of SCIM 2.0, written anew: looked for and
// made, filled, renamed, changed, and at last removed; the older integrations write the whole group by PUT.
func TestOktaGroupPush(t *testing.T) {
	each(t, func(w *world) {
		p := w.people(3)
		w.do("GET", "/Groups?startIndex=1&count=100", "").want(200).is(0, "totalResults").is("[]", "Resources")
		w.do("GET", `/Groups?filter=displayName+eq+%22Test+SCIMv2%22&startIndex=1&count=100`, "").want(200).is(0, "totalResults")
		id := w.do("POST", "/Groups", `{`+groupCore+`,"displayName":"Test SCIMv2","members":[]}`, "Content-Type", "application/scim+json; charset=utf-8").
			want(201).is("Test SCIMv2", "displayName").id()
		w.do("GET", "/Groups/"+id, "").want(200).is(id, "id")
		w.patchGroup(id, `{"op":"add","path":"members","value":[{"value":"`+p[0]+`","display":"person0@nordlys.example"},{"value":"`+p[1]+`","display":"person1@nordlys.example"}]}`).want(200).holds(p[0], p[1])
		w.patchGroup(id, `{"op":"replace","value":{"id":"`+id+`","displayName":"New name"}}`).want(200).is("New name", "displayName").holds(p[0], p[1])
		w.patchGroup(id, `{"op":"remove","path":"members[value eq \"`+p[0]+`\"]"},{"op":"add","path":"members","value":[{"value":"`+p[2]+`","display":"person2@nordlys.example"}]}`).want(200).holds(p[1], p[2])
		w.patchGroup(id, `{"op":"replace","path":"members","value":[{"value":"`+p[0]+`","display":"person0@nordlys.example"}]}`).want(200).holds(p[0])
		w.do("PUT", "/Groups/"+id, `{`+groupCore+`,"id":"`+id+`","displayName":"Test SCIMv2","members":[{"value":"`+p[1]+`","display":"person1@nordlys.example"},{"value":"`+p[2]+`","display":"person2@nordlys.example"}]}`).
			want(200).is("Test SCIMv2", "displayName").holds(p[1], p[2])
		w.do("DELETE", "/Groups/"+id, "").want(204)
		w.do("GET", "/Groups/"+id, "").want(404).is("404", "status")
	})
}
