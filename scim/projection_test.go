package scim_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// namesOf are the names of an answer's attributes, with their parts.
func namesOf(v any) string {
	var names []string
	m, _ := v.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		inner := m[name]
		if list, ok := inner.([]any); ok && len(list) > 0 {
			inner = list[0]
		}
		short := name
		if i := strings.LastIndex(name, ":"); i > 0 {
			short = strings.Split(name, ":")[len(strings.Split(name, ":"))-3]
		}
		if _, deep := inner.(map[string]any); deep {
			short += "(" + namesOf(inner) + ")"
		}
		names = append(names, short)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// TestRFC7644_3_9_Attributes: the same parameters narrow every answer that holds a resource.
func TestRFC7644_3_9_Attributes(t *testing.T) {
	each(t, func(w *world) {
		anna, _, _ := w.threePeople()
		user := `{` + core + `,"userName":"anna@nordlys.example","name":{"familyName":"Employee","givenName":"Anna"},"emails":[{"value":"anna@example.com","type":"work","primary":true}],"` + enterprise + `":{"department":"Sales","division":"North"}}`
		op := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"%d"}]}`
		w.do("PUT", "/Users/"+anna.id(), user).want(200)
		n := 0
		for query, want := range map[string]string{
			"attributes=userName": "id schemas userName", "attributes=USERNAME,id": "id schemas userName", "attributes=name.familyName": "id name(familyName) schemas", "attributes=name": "id name(familyName givenName) schemas",
			"attributes=emails": "emails(primary type value) id schemas", "attributes=emails.value": "emails(value) id schemas", `attributes=emails[type eq "work"]`: "emails(primary type value) id schemas",
			"attributes=" + coreUser + ":name.givenName": "id name(givenName) schemas", "attributes=" + enterprise: "enterprise(department division) id schemas", "attributes=" + enterprise + ":department": "enterprise(department) id schemas",
			"attributes=meta.version": "id meta(version) schemas", "attributes=bogus": "id schemas", "attributes=password": "id schemas", "attributes=roles.primary": "id schemas", "attributes=emails.value,emails.type": "emails(type value) id schemas",
			"attributes=userName, ,,title": "id schemas title userName",
			"excludedAttributes=id,schemas,meta,emails,name,title,active,userName," + membership:                                                                           "enterprise(department division) id roles(display value) schemas",
			"excludedAttributes=meta.location,meta.created,meta.lastModified,emails.value,emails.type,name.givenName,title," + membership + "," + enterprise + ":division": "active emails(primary) enterprise(department) id meta(resourceType version) name(familyName) roles(display value) schemas userName",
		} {
			query = strings.ReplaceAll(url.PathEscape(query), "&", "%26")
			n++
			answers := map[string]any{}
			answers["GET"] = w.do("GET", "/Users/"+anna.id()+"?"+query, "").want(200).json
			answers["PUT"] = w.do("PUT", "/Users/"+anna.id()+"?"+query, user).want(200).json
			answers["PATCH"] = w.do("PATCH", "/Users/"+anna.id()+"?"+query, fmt.Sprintf(op, n)).want(200).json
			answers["list"] = w.do("GET", "/Users?filter=userName+sw+anna&"+query, "").want(200).at("Resources", 0)
			answers["root"] = w.do("GET", "/?filter=userName+sw+anna&"+query, "").want(200).at("Resources", 0)
			name, value, _ := strings.Cut(query, "=")
			value, _ = url.PathUnescape(value)
			answers["search"] = w.do("POST", "/Users/.search", searchOf+`,"filter":"userName sw anna","`+name+`":[`+jsonText(value)+`]}`).want(200).at("Resources", 0)
			for how, got := range answers {
				got := strings.TrimSpace(strings.ReplaceAll(" "+namesOf(got)+" ", " title ", " "))
				if want := strings.TrimSpace(strings.ReplaceAll(" "+want+" ", " title ", " ")); got != want {
					w.t.Errorf("%s %s shows %s, want %s", how, query, got, want)
				}
			}
		}
		made := w.do("POST", "/Users?attributes=userName", `{`+core+`,"userName":"dan@nordlys.example","title":"x"}`).want(201)
		if names := namesOf(made.json); names != "id schemas userName" {
			w.t.Errorf("POST shows %s", names)
		}
	})
}

// TestRFC7644_3_9_BothAreRefused: before anything is written.
func TestRFC7644_3_9_BothAreRefused(t *testing.T) {
	each(t, func(w *world) {
		id := w.create(`"userName":"ola@nordlys.example"`).want(201).id()
		const both = "?attributes=id&excludedAttributes=meta"
		for _, r := range []reply{w.do("GET", "/Users"+both, ""), w.do("GET", "/Users/"+id+both, ""), w.do("POST", "/Users"+both, `{`+core+`,"userName":"new@nordlys.example"}`), w.do("GET", "/Groups"+both, ""), w.do("GET", "/"+both, ""),
			w.do("PUT", "/Users/"+id+both, `{`+core+`,"userName":"other@nordlys.example"}`), w.do("PATCH", "/Users/"+id+both, `{}`), w.do("GET", "/Users?attributes="+strings.Repeat("a,", 501), "")} {
			r.want(400).is("invalidValue", "scimType")
		}
		w.do("GET", "/Users?sortBy=userName&sortOrder=descending", "").want(200).is(2, "totalResults").is("ola@nordlys.example", "Resources", 0, "userName")
	})
}

func TestRFC7644_3_14_Versions(t *testing.T) {
	each(t, func(w *world) {
		const base = "https://portvakt.example/scim/v2/nordlys/Users/"
		made := w.create(`"userName":"ola@nordlys.example"`).want(201)
		if made.header.Get("Location") != base+made.id() || made.header.Get("ETag") != `W/"1"` {
			w.t.Errorf("the answer to POST has the headers %v", made.header)
		}
		for what, r := range map[string]reply{"POST": made, "GET": w.do("GET", "/Users/"+made.id(), ""), "PATCH": w.patch(made.id(), `{"op":"replace","path":"title","value":"x"}`),
			"PUT": w.do("PUT", "/Users/"+made.id(), `{`+core+`,"userName":"ola@nordlys.example","title":"y"}`)} {
			if r.header.Get("Content-Location") != base+made.id() || r.at("meta", "location") != base+made.id() || r.header.Get("ETag") != r.at("meta", "version") {
				w.t.Errorf("%s answers %v, %s", what, r.header, r.raw)
			}
		}
		now := w.do("GET", "/Users/"+made.id(), "").want(200).header.Get("ETag")
		for _, tag := range []string{now, strings.TrimPrefix(now, "W/"), `"x", ` + now, "*"} {
			got := w.do("GET", "/Users/"+made.id(), "", "If-None-Match", tag).want(http.StatusNotModified)
			if got.raw != "" || got.header.Get("ETag") != now {
				w.t.Errorf("304 with %q, %v", got.raw, got.header)
			}
		}
		for _, tag := range []string{`W/"1"`, `W/"99"`, "x", `"`} {
			w.do("GET", "/Users/"+made.id(), "", "If-None-Match", tag).want(200)
		}
		ends := w.create(`"userName":"ends@nordlys.example","` + membership + `":{"end":"` + w.clock.Now().Add(time.Hour).Format(time.RFC3339) + `"}`).want(201)
		w.do("GET", "/Users/"+ends.id(), "", "If-None-Match", ends.header.Get("ETag")).want(304)
		w.clock.Advance(2 * time.Hour) // the end comes without a new version
		w.do("GET", "/Users/"+ends.id(), "", "If-None-Match", ends.header.Get("ETag")).want(200).is(false, "active")
		w.do("GET", "/Users/mbr_00000000000000000000000000", "", "If-None-Match", "*").want(404)
		w.as(tokenOther, "bjorkvik").do("GET", "/Users/"+made.id(), "", "If-None-Match", "*").want(404)
	})
}

func TestRFC7644_4_DiscoveryIsKept(t *testing.T) {
	each(t, func(w *world) {
		for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas", "/Schemas/" + enterprise} {
			first := w.do("GET", path+"?startIndex=2&count=1&sortBy=id", "").want(200)
			tag := first.header.Get("ETag")
			if !strings.HasPrefix(tag, `"`) || strings.Contains(first.raw, "\x7f") {
				w.t.Errorf("%s: ETag %q, %s", path, tag, first.raw)
			}
			w.do("GET", path, "", "If-None-Match", tag).want(304)
			w.do("GET", path, "", "If-None-Match", `"x"`).want(200)
			theirs := w.as(tokenOther, "bjorkvik").do("GET", path, "").want(200)
			if strings.Contains(theirs.raw, "nordlys") || !strings.Contains(theirs.raw, "/bjorkvik/") {
				w.t.Errorf("%s tells a neighbour %s", path, theirs.raw)
			}
		}
	})
}
