package scim_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	coreUser = "urn:ietf:params:scim:schemas:core:2.0:User"
	searchOf = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]`
)

// threePeople makes a small, mixed organization beside the seed's administrator: anna, bo and cy.
func (w *world) threePeople() (anna, bo, cy reply) {
	w.t.Helper()
	w.clock.Advance(time.Hour)
	anna = w.create(`"userName":"anna@nordlys.example","externalId":"Ab1","title":"Say \"hi\" \\ ü","userType":"Employee","name":{"familyName":"Employee","givenName":"Anna","formatted":"Anna E"},
		"emails":[{"value":"anna@example.com","type":"work","primary":true},{"value":"home@example.org","type":"home"}],"roles":["seller"],
		"` + enterprise + `":{"department":"Sales","manager":{"value":"Boss"}},"` + membership + `":{"segments":["oslo"]}`).want(201)
	w.clock.Advance(time.Hour)
	bo = w.create(`"userName":"Bo@nordlys.example","externalId":"ab1","title":"chief","userType":"Contractor","active":false,"name":{"familyName":"Berg"},
		"emails":[{"value":"bo@example.org","type":"work"}],"phoneNumbers":[{"value":"+47 1","type":"mobile"}]`).want(201)
	w.clock.Advance(time.Hour)
	cy = w.create(`"userName":"cy@nordlys.example","displayName":"Cy","` + membership + `":{"end":"2026-12-31T00:00:00Z"}`).want(201)
	return anna, bo, cy
}

// finds asks by URL and by body; the two have to agree.
func (w *world) finds(filter, want string) {
	w.t.Helper()
	got := w.do("GET", "/Users?filter="+url.QueryEscape(filter), "").want(200)
	body := w.do("POST", "/Users/.search", fmt.Sprintf(`%s,"filter":%s}`, searchOf, jsonText(filter))).want(200)
	if userNames(got) != want || fmt.Sprint(got.at("totalResults")) != fmt.Sprint(len(strings.Fields(want))) {
		w.t.Errorf("%s finds %q, want %q", filter, userNames(got), want)
	}
	if userNames(body) != userNames(got) {
		w.t.Errorf("%s finds %q in a SearchRequest, %q in a URL", filter, userNames(body), userNames(got))
	}
}

func jsonText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func TestRFC7644_3_4_2_2_Filters(t *testing.T) {
	each(t, func(w *world) {
		w.threePeople()
		for filter, want := range map[string]string{
			// The RFC's own examples, with our people in them.
			`userName eq "ANNA@nordlys.example"`: "anna", `name.familyName co "E"`: "Bo anna", `userName sw "b"`: "Bo", coreUser + `:userName sw "B"`: "Bo",
			`title pr`: "Bo anna", `meta.lastModified gt "2026-03-02T10:30:00Z"`: "Bo cy", `meta.lastModified ge "2026-03-02T11:00:00Z"`: "Bo cy",
			`meta.lastModified lt "2026-03-02T10:00:00Z"`: "kari", `meta.lastModified le "2026-03-02T11:00:00+01:00"`: "anna kari", `title pr and userType eq "Employee"`: "anna",
			`title pr or userType eq "Intern"`: "Bo anna", `schemas eq "` + enterprise + `"`: "anna", `schemas ne "` + enterprise + `"`: "Bo cy kari", `schemas eq "` + coreUser + `"`: "Bo anna cy kari",
			`schemas eq "` + membership + `"`: "Bo anna cy kari", `schemas eq "urn:other"`: "",
			`userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")`:                                    "anna",
			`userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")`:                                "cy kari",
			`userType eq "Employee" and (emails.type eq "work")`:                                                                       "anna",
			`userType eq "Employee" and emails[type eq "work" and value co "@example.com"]`:                                            "anna",
			`emails[type eq "work" and value co "@example.com"] or phoneNumbers[type eq "mobile" and value co "47"]`:                   "Bo anna",
			`emails[type eq "home" and value co "@example.com"]`:                                                                       "",
			`emails[not (type eq "work") and value pr]`:                                                                                "anna",
			`emails[(type eq "work" or type eq "home") and (value ew ".org" or value ew ".net")]`:                                      "Bo anna",
			enterprise + `:department eq "sales" and ` + membership + `:segments eq "oslo" and ` + coreUser + `:name.givenName eq "A"`: "",
			enterprise + `:department eq "sales" and ` + membership + `:segments eq "oslo" and ` + coreUser + `:name.givenName sw "A"`: "anna",
			coreUser + `:emails[type eq "home"]`:                                                                                       "anna", membership + `:end pr`: "cy", membership + `:end gt "2026-06-01T00:00:00Z"`: "cy", membership + `:kind eq "Employee"`: "Bo anna cy kari",
			// Precedence: not before and before or.
			`userName sw "a" or userName sw "b" and active eq true`: "anna", `not (userName sw "a") and active eq true`: "cy kari",
			// Escapes of JSON.
			`title eq "say \"HI\" \\ \u00fc"`: "anna", `title co "\\"`: "anna", `title co "\/"`: "", `title sw "say \u0022"`: "anna",
			// Absent values.
			`title eq null`: "cy kari", `title ne null`: "Bo anna", `phoneNumbers eq null`: "anna cy kari", `not (phoneNumbers pr)`: "anna cy kari", `title ne "chief"`: "anna cy kari", `title gt ""`: "Bo anna", membership + `:state lt ""`: "",
			`name pr`: "Bo anna kari", `name[familyName eq "berg" and givenName eq null]`: "Bo",
			// Order of texts, by their folded form.
			`name.familyName gt "berg"`: "anna kari", `name.familyName ge "BERG" and name.familyName lt "F"`: "Bo anna", `name.familyName le "berg"`: "Bo",
			// Operators and names in any case; words without quotes, as Microsoft's collection has them.
			`USERNAME SW "A" Or uSeRnAmE sW "B"`: "Bo anna", `name.FamilyName eq Employee and (emails.Value co example.com or emails.Value co example.org)`: "anna", `userName sw b`: "Bo",
			`active eq false`: "Bo", `active ne true`: "Bo", `active eq "False"`: "Bo", `not (active eq true)`: "Bo",
		} {
			w.finds(filter, want)
		}
	})
}

// TestRFC7643_2_2_CaseExact: letter case counts where the schema says so and nowhere else.
func TestRFC7643_2_2_CaseExact(t *testing.T) {
	each(t, func(w *world) {
		anna, _, _ := w.threePeople()
		for filter, want := range map[string]string{
			`externalId eq "Ab1"`: "anna", `externalId eq "ab1"`: "Bo", `externalId eq "AB1"`: "", `externalId sw "A"`: "anna", `externalId co "b1"`: "Bo anna", `externalId ew "B1"`: "", `externalId gt "Z"`: "Bo",
			`id eq "` + anna.id() + `"`: "anna", `id eq "` + strings.ToUpper(anna.id()) + `"`: "", `roles.value eq "seller"`: "anna", `roles eq "Seller"`: "",
			membership + `:segments eq "Oslo"`: "", enterprise + `:manager eq "Boss"`: "anna", enterprise + `:manager.value eq "boss"`: "", `meta.resourceType eq "user"`: "", `meta.resourceType eq "User"`: "Bo anna cy kari",
			`userType eq "CONTRACTOR"`: "Bo", `emails.type eq "HOME"`: "anna", `emails.value eq "ANNA@EXAMPLE.COM"`: "anna",
		} {
			w.finds(filter, want)
		}
	})
}

func TestRFC7644_3_4_2_2_Refused(t *testing.T) {
	each(t, func(w *world) {
		for _, filter := range []string{`active gt true`, `active ge "true"`, `active co true`, `emails[primary lt true]`, membership + `:administrator le false`, `title gt null`, `meta.created co "2026"`, `meta.created sw "2026-03-02T00:00:00Z"`,
			`meta.created eq true`, `id gt "mbr_"`, `schemas co "urn"`, `schemas eq true`, `meta.resourceType co "U"`, `meta.resourceType eq null and bogus pr`, `password pr`, `bogus eq "x"`, `name.bogus eq "x"`, `emails.bogus eq "x"`, `emails[bogus pr]`,
			`urn:bogus:User:title eq "x"`, enterprise + ` pr`, enterprise + `:title pr`, `title.value eq "x"`, `title eq`, `title "x"`, `meta.resourceType eq "User" or active gt true`, `roles.key pr`, `entitlements.display eq "x"`, `title eq "x" and`, `or title pr`, `title pr pr`, `title eq "a"b`, `title eq "\x"`, `title eq "\ud800"`, `title eq "a\u0000"`,
			`emails[type eq "a"][value pr]`, `emails[emails[type pr]]`, `title[value eq "x"`, `not title pr`, "title eq \"a\tb\"", strings.Repeat("(", 13) + "title pr" + strings.Repeat(")", 13), `title eq "` + strings.Repeat("x", 8200) + `"`} {
			if got := w.do("GET", "/Users?filter="+url.QueryEscape(filter), ""); got.status != 400 || got.at("scimType") != "invalidFilter" {
				w.t.Errorf("%s is answered with %s", filter, got.raw)
			}
		}
		w.do("POST", "/Users/.search", searchOf+`,"filter":"bogus pr"}`).want(400).is("invalidFilter", "scimType")
	})
}

// TestRFC7644_3_4_2_3_Sorting: missing values come last ascending and first descending; of lists the primary counts, or the first.
func TestRFC7644_3_4_2_3_Sorting(t *testing.T) {
	each(t, func(w *world) {
		w.threePeople()
		for by, want := range map[string]string{
			"userName": "anna bo cy kari", "title": "bo anna | cy kari", "name.familyName": "bo anna kari | cy", "name.givenName": "anna kari | bo cy", "emails": "anna bo cy kari", "emails.value": "anna bo cy kari",
			"phoneNumbers.value": "bo | anna cy kari", "externalId": "anna bo | cy kari", "active": "bo | anna cy kari", "meta.created": "kari anna bo cy", "meta.lastModified": "kari anna bo cy", "meta.version": "anna bo cy kari",
			"roles": "anna | bo cy kari", enterprise + ":department": "anna | bo cy kari", membership + ":end": "cy | anna bo kari", membership + ":administrator": "anna bo cy | kari", coreUser + ":displayName": "cy | anna bo kari",
			"id": "", "meta.location": "", "meta.resourceType": "", "nickName": "", "profileUrl": "", "userType": "bo anna | cy kari", "preferredLanguage": "", "locale": "", "timezone": "", "name.formatted": "anna | bo cy kari",
			enterprise + ":employeeNumber": "", enterprise + ":costCenter": "", enterprise + ":organization": "", enterprise + ":division": "", membership + ":kind": "", membership + ":start": "kari anna bo cy", membership + ":successor": "",
			"ims": "", "photos.value": "", "emails.type": "anna bo cy kari", "phoneNumbers.type": "bo | anna cy kari", "roles.display": "anna | bo cy kari", enterprise + ":manager": "anna | bo cy kari",
			membership + ":segments": "bo cy kari | anna", "addresses.locality": "anna bo cy kari",
		} {
			up := inOrder(w.do("GET", "/Users?sortBy="+url.QueryEscape(by), "").want(200))
			down := inOrder(w.do("POST", "/Users/.search", searchOf+`,"sortBy":"`+by+`","sortOrder":"descending"}`).want(200))
			for i := range up {
				if up[i] != down[len(down)-1-i] {
					w.t.Errorf("%s: %q is not the reverse of %q", by, down, up)
				}
			}
			at := 0
			for part := range strings.SplitSeq(want, " | ") { // those with the same value, or without one, come in any order
				names := strings.Fields(part)
				if want == "" {
					break
				}
				var got []string
				for _, n := range up[at : at+len(names)] {
					name, _, _ := strings.Cut(strings.ToLower(n), "@")
					got = append(got, name)
				}
				if at += len(names); !sameNames(got, names) {
					w.t.Errorf("%s: %q, want %q", by, up, want)
				}
			}
		}
		for _, by := range []string{"bogus", "password", "name", "emails.$ref", "addresses", enterprise, "groups", "groups.display", membership + ":grants", "meta"} {
			w.do("GET", "/Users?sortBy="+url.QueryEscape(by), "").want(400).is("invalidValue", "scimType")
		}
	})
}

func sameNames(a, b []string) bool {
	seen := map[string]int{}
	for _, n := range a {
		seen[n]++
	}
	for _, n := range b {
		seen[n]--
	}
	for _, n := range seen {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestRFC7644_3_4_3_Search(t *testing.T) {
	each(t, func(w *world) {
		w.threePeople()
		w.do("POST", "/Users/.search", searchOf+`,"SortBy":"userName","startIndex":2,"count":2,"attributes":["userName","emails.value"]}`).want(200).is(4, "totalResults").is(2, "startIndex").
			is("Bo@nordlys.example", "Resources", 0, "userName").is("bo@example.org", "Resources", 0, "emails", 0, "value").is(nil, "Resources", 0, "emails", 0, "type").is(nil, "Resources", 0, "meta")
		w.do("POST", "/Users/.search", searchOf+`,"count":0}`).want(200).is(4, "totalResults").is(0, "itemsPerPage")
		w.do("POST", "/Users/.search", searchOf+`,"count":-1,"startIndex":1e3}`).want(400)
		w.do("POST", "/Groups/.search", searchOf+`}`).want(200).is(0, "totalResults")
		w.do("POST", "/.search", searchOf+`,"filter":null}`).want(200).is(4, "totalResults")
		for _, bad := range []string{`{}`, `{"schemas":["urn:bogus"]}`, searchOf + `,"count":true}`, searchOf + `,"filter":7}`, searchOf + `,"attributes":[7]}`, searchOf + `,"attributes":["id"],"excludedAttributes":["meta"]}`, searchOf + `,"filter":" "}`} {
			for _, path := range []string{"/.search", "/Users/.search", "/Groups/.search"} {
				w.do("POST", path, bad).want(400)
			}
		}
		w.as(tokenUsers, "nordlys").do("POST", "/Groups/.search", searchOf+`}`).want(403)
		if got := w.do("GET", "/Users/.search", "").want(405).header.Get("Allow"); got != "POST" {
			w.t.Errorf(".search allows %q", got)
		}
	})
}
