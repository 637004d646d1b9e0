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
