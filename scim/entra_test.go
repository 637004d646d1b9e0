package scim_test

import (
	"net/url"
	"testing"
)

// TestEntra is the user part of Microsoft's SCIM validator, written anew, with the quirks that Entra has.
func TestEntra(t *testing.T) {
	each(t, func(w *world) {
		body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","` + enterprise + `"],"externalId":"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
			"userName":"test_user_ab6490ee@nordlys.example","active":true,"emails":[{"primary":true,"type":"work","value":"test_user_ab6490ee@nordlys.example"}],
			"meta":{"resourceType":"User"},"name":{"formatted":"givenName familyName","familyName":"familyName","givenName":"givenName"},"roles":[]}`
		id := w.do("POST", "/Users", body).want(201).id()
		w.do("POST", "/Users", body).want(409).is("uniqueness", "scimType")
		find := func(filter string) reply {
			return w.do("GET", "/Users?filter="+url.QueryEscape(filter), "").want(200)
		}
		find(`userName eq "test_user_ab6490ee@nordlys.example"`).is(id, "Resources", 0, "id")
		find(`userName eq "TEST_USER_ab6490ee@nordlys.EXAMPLE"`).is(id, "Resources", 0, "id")
		find(`userName eq "nobody"`).is(0, "totalResults")
		find(`externalId eq "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef"`).is(1, "totalResults")
		find(`externalId eq "0A21f0f2-8d2a-4f8e-bf98-7363c4aed4ef"`).is(0, "totalResults") // caseExact

		// replace attributes, verbose: one operation each
		w.patch(id, `{"op":"Replace","path":"emails[type eq \"work\"].value","value":"updatedEmail@nordlys.example"},{"op":"Replace","path":"name.familyName","value":"updatedFamilyName"}`).
			want(200).is("updatedEmail@nordlys.example", "emails", 0, "value").is("updatedFamilyName", "name", "familyName").is("givenName", "name", "givenName").is(nil, "emails", 1)
		// userName, without a path
		w.patch(id, `{"op":"Replace","value":{"userName":"5b50642d-79fc-4410-9e90-4c077cdd1a59@nordlys.example"}}`).
			want(200).is("5b50642d-79fc-4410-9e90-4c077cdd1a59@nordlys.example", "userName")
		// disable: seen by GET and by filter
		w.patch(id, `{"op":"Replace","path":"active","value":"False"}`).want(200).is(false, "active")
		w.do("GET", "/Users/"+id, "").want(200).is(false, "active")
		find(`userName sw "5b50642d"`).is(false, "Resources", 0, "active")
		w.patch(id, `{"op":"Replace","path":"active","value":"True"}`).want(200).is(true, "active")
		// add attributes, verbose, with URN paths and elements that are not there yet
		w.patch(id, `{"op":"Add","path":"displayName","value":"Test"},{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+4790000009"},
			{"op":"Add","path":"`+enterprise+`:department","value":"Sales"},{"op":"Add","path":"addresses[type eq \"work\"].country","value":"NO"},
			{"op":"Add","path":"roles[primary eq \"True\"].value","value":"seller"}`).want(200).
			is("Test", "displayName").is("+4790000009", "phoneNumbers", 0, "value").is("mobile", "phoneNumbers", 0, "type").is("Sales", enterprise, "department").
			is("NO", "addresses", 0, "country").is("seller", "roles", 0, "value")
		// manager: added, replaced by an arbitrary string, by a member, removed by an empty string
		manager := enterprise + ":manager"
		w.patch(id, `{"op":"Add","path":"`+manager+`","value":"boss-17"}`).want(200).is("boss-17", enterprise, "manager", "value")
		w.patch(id, `{"op":"Replace","path":"`+manager+`","value":[{"$ref":"x","value":"`+w.admin.ID.String()+`"}]}`).want(200).is(w.admin.ID, enterprise, "manager", "value")
		w.patch(id, `{"op":"Replace","path":"`+manager+`","value":"`+w.admin.ID.String()+`"}`).want(200).is(w.admin.ID, enterprise, "manager", "value").
			is("https://portvakt.example/scim/v2/nordlys/Users/"+w.admin.ID.String(), enterprise, "manager", "$ref")
		find(manager+` eq "`+w.admin.ID.String()+`"`).is(1, "totalResults")
		w.patch(id, `{"op":"Replace","path":"`+manager+`","value":""}`).want(200).is(nil, enterprise, "manager")
		// several operations on the same attribute: the last wins
		w.patch(id, `{"op":"replace","path":"title","value":"a"},{"op":"replace","path":"title","value":"b"}`).want(200).is("b", "title")
		w.do("DELETE", "/Users/"+id, "").want(204)
		w.do("GET", "/Users/"+id, "").want(404)
		w.do("DELETE", "/Users/"+id, "").want(404)
		w.do("DELETE", "/Users/d79a05bf", "").want(404)
	})
}

// TestMicrosoftPostman has what Microsoft's Postman collection asks beyond the validator.
func TestMicrosoftPostman(t *testing.T) {
	each(t, func(w *world) {
		find := func(query string) reply { return w.do("GET", "/Users?"+query, "").want(200) }
		for i, name := range []string{"Employee", "Other", "employee"} {
			w.create(`"userName":"OMalley` + string(rune('a'+i)) + `@nordlys.example","name":{"familyName":"` + name + `"},"emails":[{"value":"x` + string(rune('a'+i)) + `@example.com","type":"work"}]`).want(201)
			w.clock.Advance(1e9)
		}
		find("filter="+url.QueryEscape(`name.FamilyName eq Employee and (emails.Value co example.com or emails.Value co "example\u002eorg")`)).is(2, "totalResults")
		find("filter="+url.QueryEscape(`userName sw O`)).is(3, "totalResults")
		find("filter="+url.QueryEscape(`meta.Created gt "2026-03-02T09:00:00Z"`)).is(2, "totalResults")
		find("filter="+url.QueryEscape(`active eq true and (meta.lastModified ge "2026-03-02T09:00:01Z" and meta.lastModified lt "2026-03-02T09:00:02Z")`)).is(1, "totalResults")
		find("startIndex=1&count=2").is(4, "totalResults").is(2, "itemsPerPage")
		one := find("attributes="+url.QueryEscape(`emails[type eq "work"]`)+"&count=1").at("Resources", 0).(map[string]any)
		if one["emails"] == nil || one["userName"] != nil || one["id"] == nil || one["schemas"] == nil {
			w.t.Errorf("attributes=emails shows %v", one)
		}
		w.create(`"displayName":"no user name"`).want(400).is("invalidValue", "scimType")
		w.do("POST", "/Users", "junk").want(400).is("invalidSyntax", "scimType")
		id := w.create(`"userName":"active-text@nordlys.example","active":"True"`).want(201).is(true, "active").id()
		w.do("PUT", "/Users/"+id, `{`+core+`,"userName":"active-text@nordlys.example","dispName":"misspelled"}`).want(200).is(nil, "dispName")
	})
}
