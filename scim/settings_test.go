package scim_test

import (
	"context"
	"strings"
	"testing"

	"portvakt/internal/directory"
)

// served is the same world for a client with settings of its own.
func (w *world) served(s directory.ProvisioningSettings) *world {
	w.t.Helper()
	name := "served-" + string(s.Profile) + "-" + string(s.UnknownAttributes) + "-" + string(s.PatchAnswer)
	must(w.dir.ProvisioningClients.Create(context.Background(), directory.ProvisioningClient{Organization: w.org.ID, Name: name, MayUsers: true, MayGroups: true, MayAccess: true, ProvisioningSettings: s}, name))(w.t)
	return w.as(name, "nordlys")
}

// TestUnknownAttributes: what no schema has is left out, or refused where the client is to be told; what is read-only is
// left out for both (RFC 7644 §3.3, §3.5.1), and what GET answers can be put back by both.
func TestUnknownAttributes(t *testing.T) {
	each(t, func(w *world) {
		ignores, refuses := w.served(directory.ProvisioningSettings{}), w.served(directory.ProvisioningSettings{UnknownAttributes: directory.RefuseUnknown})
		const user = `"userName":"u@nordlys.example"`
		id, other := ignores.create(user).want(201).id(), refuses.create(`"userName":"v@nordlys.example","externalId":"7","title":"Clerk","roles":["seller"],"`+enterprise+`":{"manager":"`+w.admin.ID.String()+`"}`).want(201)
		for name, attributes := range map[string]string{
			"misspelled": `"dispName":"x"`, "unknown part": `"name":{"famlyName":"x"}`, "unknown part as a name": `"name.famlyName":"x"`, "of a list's element": `"emails":[{"value":"a@x.example","verified":true}]`,
			"of an extension": `"` + enterprise + `":{"departmnt":"x"}`, "of an extension, as a name": `"` + enterprise + `:departmnt":"x"`, "an extension": `"urn:other:2.0:User":{"a":1}`,
			"of the wrong extension": `"` + enterprise + `":{"title":"x"}`, "core in an extension": `"department":"x"`,
		} {
			body := `{` + core + `,` + user + `,` + attributes + `}`
			if got := ignores.do("PUT", "/Users/"+id, body).want(200); got.json["dispName"] != nil || got.at("name") != nil {
				w.t.Errorf("%s was kept: %s", name, got.raw)
			}
			ignores.patch(id, `{"op":"replace","value":{`+attributes+`}}`).want(200)
			refuses.do("PUT", "/Users/"+other.id(), `{`+core+`,"userName":"v@nordlys.example",`+attributes+`}`).want(400).is("invalidSyntax", "scimType")
			refuses.do("POST", "/Users", `{`+core+`,"userName":"w@nordlys.example",`+attributes+`}`).want(400).is("invalidSyntax", "scimType")
			refuses.patch(other.id(), `{"op":"replace","value":{`+attributes+`}}`).want(400).is("invalidSyntax", "scimType")
		}
		refuses.do("PUT", "/Users/"+other.id(), `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:other:2.0:User"],"userName":"v@nordlys.example"}`).want(400).is("invalidSyntax", "scimType")
		ignores.do("PUT", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:other:2.0:User"],`+user+`}`).want(200)
		ignores.patch(id, `{"op":"replace","path":"dispName","value":"x"}`).want(400).is("invalidPath", "scimType") // a path has to lead somewhere
		for _, c := range []*world{ignores, refuses} {
			who := map[*world]string{ignores: id, refuses: other.id()}[c]
			got := c.do("GET", "/Users/"+who, "").want(200)
			if put := c.do("PUT", "/Users/"+who, got.raw).want(200); put.raw != got.raw {
				w.t.Errorf("what was got and put back:\n%s\n%s", got.raw, put.raw)
			}
			c.patch(who, `{"op":"replace","value":`+got.raw+`}`).want(200).is(got.at("meta", "version"), "meta", "version")
		}
		if got := refuses.do("GET", "/Users/"+other.id(), ""); got.raw != other.raw {
			w.t.Errorf("what was refused changed the user: %s", got.raw)
		}
	})
}

// TestPatchAnswer: 200 with the user, or 204 (RFC 7644 §3.5.2), but for whoever asks for attributes.
func TestPatchAnswer(t *testing.T) {
	each(t, func(w *world) {
		empty := w.served(directory.ProvisioningSettings{PatchAnswer: directory.PatchEmpty})
		id := empty.create(`"userName":"u@nordlys.example"`).want(201).id()
		for _, ops := range []string{`{"op":"add","path":"title","value":"Clerk"}`, `{"op":"add","value":{"bogus":1}}`} { // the second changes nothing
			if got := empty.patch(id, ops).want(204); got.raw != "" || got.header.Get("ETag") != `W/"2"` || got.header.Get("Content-Type") != "" {
				w.t.Errorf("%s: %q %v", ops, got.raw, got.header)
			}
		}
		empty.do("GET", "/Users/"+id, "").want(200).is("Clerk", "title").is(`W/"2"`, "meta", "version")
		ops := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"Boss"}]}`
		empty.do("PATCH", "/Users/"+id+"?attributes=title", ops).want(200).is("Boss", "title").is(nil, "userName")
		empty.patch(id, `{"op":"replace","path":"bogus","value":1}`).want(400)
		empty.do("PUT", "/Users/"+id, `{`+core+`,"userName":"u@nordlys.example"}`).want(200)
	})
}

// TestProfiles: what one product alone does is understood from its clients alone.
func TestProfiles(t *testing.T) {
	each(t, func(w *world) {
		const role = `"{\"id\":\"06b07648\",\"value\":\"seller\",\"displayName\":\"Seller\"}"`
		entra := w.served(directory.ProvisioningSettings{Profile: directory.ProvisioningEntra})
		for i, roles := range []string{`[` + role + `]`, `[{"value":` + role + `}]`, `{"value":` + role + `,"primary":"True"}`} {
			name := `"userName":"` + string(rune('a'+i)) + `@nordlys.example"`
			entra.create(name+`,"roles":`+roles).want(201).is("seller", "roles", 0, "value").is(nil, "roles", 1)
			w.create(`"userName":"other@nordlys.example","roles":`+roles).want(400).is("invalidValue", "scimType")
		}
		template := `"userName":"one@nordlys.example","active":"true","id":null,"title":"","meta":{"resourceType":"User"},"` + enterprise + `":{"department":"","manager":{"managerId":"boss-17","displayName":"The Boss"}}`
		one := w.served(directory.ProvisioningSettings{Profile: directory.ProvisioningOneLogin, UnknownAttributes: directory.RefuseUnknown})
		id := one.create(template).want(201).is("boss-17", enterprise, "manager", "value").is(nil, "title").id()
		one.patch(id, `{"op":"replace","value":{"`+enterprise+`":{"manager":{"managerId":"boss-18"}}}}`).want(200).is("boss-18", enterprise, "manager", "value")
		w.create(strings.Replace(template, "one@", "two@", 1)).want(201).is(nil, enterprise)
		entra.create(`"userName":"bad@nordlys.example","roles":["{\"value\":7}"]`).want(400).is("invalidValue", "scimType")
		entra.create(`"userName":"bad@nordlys.example","roles":["{\"value\":"]`).want(400).is("invalidValue", "scimType")
	})
}

// TestGroupSettings: a client is served with groups as it is with users.
func TestGroupSettings(t *testing.T) {
	each(t, func(w *world) {
		p := w.people(1)
		served := w.served(directory.ProvisioningSettings{UnknownAttributes: directory.RefuseUnknown, PatchAnswer: directory.PatchEmpty})
		ignores := w.served(directory.ProvisioningSettings{})
		ours, theirs := served.group("Ours"), ignores.group("Theirs")
		for name, body := range map[string]string{
			"misspelled": `"displayName":"X","dispName":"x"`, "an extension": `"displayName":"X","urn:other:2.0:Group":{"a":1}`, "of a user": `"displayName":"X","userName":"x"`,
			"of a member": `"displayName":"X","members":[{"value":"` + p[0] + `","since":"2020"}]`,
		} {
			served.do("POST", "/Groups", `{`+groupCore+`,`+body+`}`).want(400).is("invalidSyntax", "scimType")
			served.do("PUT", "/Groups/"+ours, `{`+groupCore+`,`+body+`}`).want(400).is("invalidSyntax", "scimType")
			served.patchGroup(ours, `{"op":"replace","value":{`+body+`}}`).want(400).is("invalidSyntax", "scimType")
			if got := ignores.do("PUT", "/Groups/"+theirs, `{`+groupCore+`,`+body+`}`).want(200); strings.Contains(got.raw, "dispName") || strings.Contains(got.raw, "2020") {
				w.t.Errorf("%s was kept: %s", name, got.raw)
			}
			ignores.patchGroup(theirs, `{"op":"replace","value":{`+body+`}}`).want(200)
		}
		served.do("PUT", "/Groups/"+ours, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","urn:other:2.0:Group"],"displayName":"X"}`).want(400).is("invalidSyntax", "scimType")
		served.do("GET", "/Groups/"+ours, "").want(200).is("Ours", "displayName").number(1)
		if got := served.patchGroup(ours, `{"op":"add","path":"members","value":[`+values(p[0])+`]}`).want(204); got.raw != "" || got.header.Get("ETag") != `W/"2"` {
			w.t.Errorf("%q %v", got.raw, got.header)
		}
		got := served.do("GET", "/Groups/"+ours, "").want(200).holds(p[0]).number(2)
		served.do("PUT", "/Groups/"+ours, got.raw).want(200).number(2) // what was got can be put back
		served.do("PATCH", "/Groups/"+ours+"?attributes=displayName", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"displayName","value":"New"}]}`).
			want(200).is("New", "displayName").is(nil, "members")
	})
}

// TestTheRequestLogOfGroups: what changed of a group, by name.
func TestTheRequestLogOfGroups(t *testing.T) {
	each(t, func(w *world) {
		p := w.people(1)
		w.last()
		id := w.group("Sales", p[0])
		changed := func(want string) {
			w.t.Helper()
			if got := w.last(); strings.Join(got.Changed, " ") != want || got.Object != id {
				w.t.Errorf("changed %q of %s, want %q", got.Changed, got.Object, want)
			}
		}
		changed("displayName members")
		w.patchGroup(id, `{"op":"add","path":"members","value":[`+values(p[0])+`]}`).want(200)
		changed("")
		w.patchGroup(id, `{"op":"remove","path":"members"},{"op":"add","path":"externalId","value":"7"}`).want(200)
		changed("externalId members")
		w.do("PUT", "/Groups/"+id, `{`+groupCore+`,"displayName":"Sellers"}`).want(200)
		changed("displayName externalId")
	})
}

// TestDeletedGroups: a group leaves those that hold it, as a member does; what a rule names stays.
func TestDeletedGroups(t *testing.T) {
	each(t, func(w *world) {
		p := w.people(1)
		inner := w.group("Inner", p[0])
		outer := w.group("Outer", inner, p[0])
		must(w.dir.Access.SaveModules(context.Background(), []directory.Module{{Key: "invoices", Names: map[string]string{"en": "Invoices"}}}))(w.t)
		rules := must(w.dir.Access.SharingRules(context.Background(), w.org.ID))(w.t)
		must(w.dir.Access.SaveSharingRules(context.Background(), w.org.ID, append(rules, directory.SharingRule{Module: "invoices",
			From: directory.SharingParty{Group: must(directory.ParseGroupID(inner))(w.t)}, To: directory.SharingParty{Group: must(directory.ParseGroupID(outer))(w.t)}, Access: directory.ShareRead})))(w.t)
		w.do("DELETE", "/Groups/"+inner, "").want(409).is(`Sharing rules name this group, for the modules "invoices"; take it out there first (group)`, "detail")
		w.do("GET", "/Groups/"+outer, "").want(200).holds(inner, p[0]).number(1)
		for _, r := range must(w.dir.Access.SharingRules(context.Background(), w.org.ID))(w.t) {
			if err := w.dir.Access.RemoveSharingRule(context.Background(), w.org.ID, r.ID); err != nil {
				w.t.Fatal(err)
			}
		}
		w.do("DELETE", "/Groups/"+inner, "").want(204)
		w.do("GET", "/Groups/"+outer, "").want(200).holds(p[0]).number(2)
		w.do("GET", "/Users/"+p[0], "").want(200).is("Outer", "groups", 0, "display").is(nil, "groups", 1)
	})
}
