package scim_test

import (
	"net/url"
	"strings"
	"testing"
)

// TestOkta is Okta's SCIM 2.0 specification test, its twelve cases written anew.
func TestOkta(t *testing.T) {
	each(t, func(w *world) {
		first := w.do("GET", "/Users?count=1&startIndex=1", "").want(200).
			is("[urn:ietf:params:scim:api:messages:2.0:ListResponse]", "schemas").is(1, "itemsPerPage").is(1, "startIndex").is(1, "totalResults").
			is("Nordmann", "Resources", 0, "name", "familyName").is("Kari", "Resources", 0, "name", "givenName").
			is("kari@nordlys.example", "Resources", 0, "userName").is(true, "Resources", 0, "active").is("kari@nordlys.example", "Resources", 0, "emails", 0, "value")
		for _, number := range []string{"itemsPerPage", "startIndex", "totalResults"} {
			if _, ok := first.at(number).(float64); !ok {
				w.t.Errorf("%s is no number", number)
			}
		}
		w.do("GET", "/Users/"+first.at("Resources", 0, "id").(string), "").want(200).is("kari@nordlys.example", "userName")
		filter := func(userName string) string {
			return "/Users?filter=" + url.QueryEscape(`userName eq "`+userName+`"`)
		}
		w.do("GET", filter("invalid"), "").want(200).is(0, "totalResults").is("[]", "Resources")
		w.do("GET", "/Users/010101001010101011001010101011", "").want(404).is("404", "status")
		w.do("GET", filter("runscope300sqhw6nb@example.com"), "").want(200).is(0, "totalResults")

		body := `{` + core + `,"userName":"Runscope300@nordlys.example","name":{"givenName":"Runscope","familyName":"Six"},
			"emails":[{"primary":true,"value":"runscope300@nordlys.example","type":"work"}],"displayName":"Runscope Six","locale":"en-US",
			"externalId":"00ujl29u0le5T6Aj10h7","groups":[],"password":"1mz050nq","active":true}`
		made := w.do("POST", "/Users", body, "Content-Type", "application/json").want(201).is(true, "active").
			is("Runscope", "name", "givenName").is("Six", "name", "familyName").is(nil, "password")
		if !strings.Contains(made.raw, "urn:ietf:params:scim:schemas:core:2.0:User") {
			w.t.Error("the answer names no schema")
		}
		location := "https://portvakt.example/scim/v2/nordlys/Users/" + made.id()
		if made.header.Get("Location") != location || made.at("meta", "location") != location {
			w.t.Errorf("Location %q, meta %v", made.header.Get("Location"), made.at("meta"))
		}
		w.do("GET", "/Users/"+made.id(), "").want(200).is("Runscope300@nordlys.example", "userName")
		w.do("POST", "/Users", body, "Content-Type", "application/json").want(409).is("uniqueness", "scimType")
		w.do("GET", filter(strings.ToUpper("runscope300@nordlys.example")), "").want(200).is(1, "totalResults").is(made.id(), "Resources", 0, "id")
		w.do("GET", "/Groups", "").want(200).is("[urn:ietf:params:scim:api:messages:2.0:ListResponse]", "schemas")
		refused := w.as("non-token", "nordlys").do("GET", "/Users", "").want(401).is("401", "status")
		if !strings.HasPrefix(refused.header.Get("WWW-Authenticate"), "Bearer") {
			w.t.Error("401 without WWW-Authenticate")
		}
		w.do("GET", "/Users/00919288221112222", "").want(404).is("404", "status")

		// What Okta does afterwards: a profile push with everything, and a deactivation, by PUT.
		pushed := strings.Replace(body, `"Six"`, `"Seven"`, 1)
		w.do("PUT", "/Users/"+made.id(), pushed, "Content-Type", "application/json").want(200).is("Seven", "name", "familyName").is(true, "active")
		w.do("PUT", "/Users/"+made.id(), strings.Replace(pushed, `"active":true`, `"active":false`, 1)).want(200).is(false, "active")
		w.patch(made.id(), `{"op":"replace","value":{"id":"`+made.id()+`","active":true}}`).want(200).is(true, "active")
	})
}
