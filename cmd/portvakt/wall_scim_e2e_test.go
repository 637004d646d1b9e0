//go:build e2e

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

const coreSchema = "urn:ietf:params:scim:schemas:core:2.0:User"

// scim sends a SCIM request of an organization's provisioning client.
func (w *wall) scim(organization, method, path, body string) wallAnswer {
	w.t.Helper()
	headers := []string{"Authorization", "Bearer scim-dev-" + organization}
	if body != "" {
		headers = append(headers, "Content-Type", "application/scim+json")
	}
	return w.ask(method, "/scim/v2/"+organization+path, body, headers...)
}

// scimRoutes are the addresses of DESIGN section 4 with every method that changes or tells something.
func scimRoutes(id string) []struct{ method, path string } {
	var out []struct{ method, path string }
	for _, path := range []string{"/Users", "/Users/" + id, "/Users/.search", "/Groups", "/Groups/" + id, "/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas",
		"/Schemas/" + coreSchema, "/Bulk", "/Me", "/.search", "/nowhere", "/"} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			out = append(out, struct{ method, path string }{method, path})
		}
	}
	return out
}

func user(email string, more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"schemas":["` + coreSchema + `"],"userName":"` + email + `"` + more + `}`
}

func patch(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}

func (a wallAnswer) id() string { id, _ := a.json()["id"].(string); return id }

func (w *wall) member(organization, email string) string {
	w.t.Helper()
	got := w.scim(organization, "GET", "/Users?"+url.Values{"filter": {`userName eq "` + email + `"`}}.Encode(), "")
	list, _ := got.json()["Resources"].([]any)
	if len(list) != 1 {
		w.t.Fatalf("%s in %s: %d %s", email, organization, got.status, got.body)
	}
	return list[0].(map[string]any)["id"].(string)
}

func TestWall058_SCIMTakesItsOwnCredentialOnly(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		anna := w.signedIn("anna@nordlys.example", annaPassword)
		mine := w.tokens(anna, "c1")
		scoped := ringOf("c1", w.as("c1", "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"authzen"}, "organization": {"nordlys"}}))
		cookie := w.cookieName("session") + "=" + w.cookie(anna, "portvakt-session")
		kinds := map[string][]string{
			"none": nil, "empty": {"Authorization", ""}, "Bearer": {"Authorization", "Bearer"}, "blanks": {"Authorization", "Bearer    "}, "Basic": {"Authorization", "Basic " + hrToken},
			"no scheme": {"Authorization", hrToken}, "quoted": {"Authorization", `Bearer "` + hrToken + `"`}, "twice": {"Authorization", "Bearer " + hrToken, "Authorization", "Bearer " + hrToken},
			"prefix": {"Authorization", "Bearer " + hrToken[:len(hrToken)-1]}, "longer": {"Authorization", "Bearer " + hrToken + "x"}, "upper case": {"Authorization", "Bearer " + strings.ToUpper(hrToken)},
			"session cookie": {"Cookie", cookie}, "cookie with text/plain": {"Cookie", cookie, "Content-Type", "text/plain"}, "access token": {"Authorization", "Bearer " + mine.access},
			"ID token": {"Authorization", "Bearer " + mine.id}, "refresh token": {"Authorization", "Bearer " + mine.refresh}, "client's token": {"Authorization", "Bearer " + scoped.access},
			"client's secret": {"Authorization", "Bearer wall-secret-one"}, "null": {"Authorization", "Bearer null"}, "undefined": {"Authorization", "Bearer undefined"}, "long": {"Authorization", "Bearer " + strings.Repeat("x", 20_000)},
			"X-Authorization": {"X-Authorization", "Bearer " + hrToken}, "Proxy-Authorization": {"Proxy-Authorization", "Bearer " + hrToken}, "DPoP": {"Authorization", "DPoP " + hrToken},
		}
		id := w.member("nordlys", "bob@nordlys.example")
		first := ""
		check := func(what string, got wallAnswer) {
			if got.status != 401 || got.header.Get("WWW-Authenticate") == "" || !strings.HasPrefix(got.header.Get("Content-Type"), "application/scim+json") || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %v", what, got.status, got.header)
			}
			if first == "" {
				first = got.body
			}
			if got.body != first {
				t.Errorf("%s is told something else: %s", what, got.body)
			}
		}
		for _, route := range scimRoutes(id) {
			for name, headers := range kinds {
				check(route.method+" "+route.path+" with "+name, w.ask(route.method, "/scim/v2/nordlys"+route.path, user("x@nordlys.example", ""), headers...))
			}
			check(route.method+" "+route.path+" with the token in the address", w.ask(route.method, "/scim/v2/nordlys"+route.path+"?access_token="+hrToken, ""))
		}
		if got := w.scim("nordlys", "GET", "/Users/"+id, ""); got.status != 200 || got.json()["active"] != true {
			t.Errorf("bob after all that: %d %s", got.status, got.body)
		}
	})
}

func TestWall059_061_OtherOrganizationsDoNotExist(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		erik, anna, bob := w.member("bjorkvik", "erik@bjorkvik.example"), w.member("nordlys", "anna@nordlys.example"), w.member("nordlys", "bob@nordlys.example")
		nobody := erik[:20] + "0000" + erik[24:]
		before := w.scim("bjorkvik", "GET", "/Users/"+erik, "").body
		group, _ := w.scim("nordlys", "GET", "/Groups", "").json()["Resources"].([]any)
		if len(group) == 0 {
			t.Fatal("no group in nordlys")
		}
		theirGroup := group[0].(map[string]any)["id"].(string)
		for _, row := range []struct{ method, path, body string }{
			{"GET", "/Users/%s", ""}, {"GET", "/Users/%s?attributes=emails", ""}, {"GET", "/Users/%s?excludedAttributes=emails", ""}, {"PUT", "/Users/%s", user("x@nordlys.example", "")},
			{"PATCH", "/Users/%s", patch(`{"op":"replace","path":"active","value":false}`)}, {"PATCH", "/Users/%s", `{}`}, {"DELETE", "/Users/%s", ""}, {"GET", "/Groups/%s", ""},
		} {
			got := w.scim("nordlys", row.method, fmt.Sprintf(row.path, erik), row.body)
			never := w.scim("nordlys", row.method, fmt.Sprintf(row.path, nobody), row.body)
			if got.status != never.status || got.body != never.body || got.status < 400 || got.status > 404 {
				t.Errorf("%s %s: %d %s, of nobody: %d %s", row.method, row.path, got.status, got.body, never.status, never.body)
			}
		}
		for name, token := range map[string]string{"another organization's address": "bjorkvik", "no organization's": "nowhere"} {
			for _, path := range []string{"/Users", "/Users/" + erik, "/Schemas", "/Groups/" + theirGroup} {
				if got := w.ask("GET", "/scim/v2/"+token+path, "", "Authorization", "Bearer "+hrToken); got.status != 404 || strings.Contains(got.body, "erik") {
					t.Errorf("%s%s: %d %s", name, path, got.status, got.body)
				}
			}
		}
		if got := w.scim("bjorkvik", "GET", "/Groups/"+theirGroup, ""); got.status != 404 {
			t.Errorf("a foreign group: %d", got.status)
		}
		for _, reference := range []string{
			`{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"%s"}`, `{"op":"add","path":"` + membershipSchema + `:successor","value":"%s"}`,
		} {
			got, never := w.scim("nordlys", "PATCH", "/Users/"+bob, patch(fmt.Sprintf(reference, erik))), w.scim("nordlys", "PATCH", "/Users/"+bob, patch(fmt.Sprintf(reference, nobody)))
			if got.status != 400 || got.body != strings.ReplaceAll(never.body, nobody, erik) {
				t.Errorf("a reference to a neighbour: %d %s, to nobody: %d %s", got.status, got.body, never.status, never.body)
			}
		}
		for _, filter := range []string{`userName eq "erik@bjorkvik.example"`, `id eq "` + erik + `"`, `emails.value co "bjorkvik"`, `userName co ""`, `not (userName eq "x")`, `userName pr or userName pr`} {
			got := w.scim("nordlys", "GET", "/Users?"+url.Values{"filter": {filter}}.Encode(), "")
			if strings.Contains(got.body, "bjorkvik") || got.status >= 500 {
				t.Errorf("filter %s: %d %s", filter, got.status, got.body)
			}
		}
		// 61: ids and external ids that want to be somebody else's.
		for i, external := range []string{`"1"`, `"0"`, `"-1"`, `"` + anna + `"`, `"` + erik + `"`, `"null"`, `"' or '1'='1"`, `"%"`} {
			got := w.scim("nordlys", "POST", "/Users", user(fmt.Sprintf("external%d@nordlys.example", i), `"id":"`+anna+`","externalId":`+external+`,"meta":{"location":"https://evil.example"}`))
			if got.status == 201 && (got.id() == anna || got.id() == erik || strings.Contains(got.body, "evil.example")) || got.status >= 500 {
				t.Errorf("externalId %s: %d %s", external, got.status, got.body)
			}
		}
		if got := w.scim("nordlys", "POST", "/Users", user("long@nordlys.example", `"externalId":"`+strings.Repeat("x", 10_000)+`"`)); got.status != 400 {
			t.Errorf("a long externalId: %d", got.status)
		}
		if after := w.scim("bjorkvik", "GET", "/Users/"+erik, "").body; after != before {
			t.Errorf("the neighbour has changed:\n%s\n%s", before, after)
		}
		// 60: whoever is known elsewhere is answered as whoever is not.
		known := w.scim("nordlys", "POST", "/Users", user("erik@bjorkvik.example", ""))
		unknown := w.scim("nordlys", "POST", "/Users", user("else@bjorkvik.example", ""))
		mask := regexp.MustCompile(`mbr_[a-z0-9]+|"[^"]*T[0-9:.]+Z"|W/\\"[^"]*\\"|erik@|else@`)
		if a, b := mask.ReplaceAllString(known.body, "·"), mask.ReplaceAllString(unknown.body, "·"); a != b || known.status != 201 || unknown.status != 201 {
			t.Errorf("an e-mail known elsewhere shows:\n%d %s\n%d %s", known.status, a, unknown.status, b)
		}
		w.signedIn("erik@bjorkvik.example", erikPassword) // and keeps what is theirs
	})
}

func TestWall062_064_SCIMGivesNoRights(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		admin, bob := w.member("nordlys", "admin@nordlys.example"), w.member("nordlys", "bob@nordlys.example")
		before := w.scim("nordlys", "GET", "/Users/"+admin, "").body
		for _, body := range []string{
			user("mass1@nordlys.example", `"`+membershipSchema+`":{"administrator":true}`), user("mass2@nordlys.example", `"URN:PORTVAKT:params:scim:schemas:extension:membership:1.0:user":{"ADMINISTRATOR":true}`),
		} {
			if got := w.scim("nordlys", "POST", "/Users", body); got.status == 201 {
				t.Errorf("%s: %d %s", body, got.status, got.body)
			}
		}
		for _, more := range []string{`"isAdmin":true`, `"org_id":"x"`, `"operator":true`, `"role":"chief"`, `"email_verified":true`, `"accepted_at":1`, `"urn:evil:2.0:User":{"administrator":true}`} {
			got := w.scim("nordlys", "POST", "/Users", user(fmt.Sprintf("m%d@nordlys.example", len(more)), more))
			if got.status >= 500 || strings.Contains(got.body, `"administrator":true`) {
				t.Errorf("%s: %d %s", more, got.status, got.body)
			}
		}
		for _, operation := range []string{
			`{"op":"add","path":"` + membershipSchema + `:administrator","value":true}`, `{"op":"Add","path":"` + strings.ToUpper(membershipSchema) + `:ADMINISTRATOR","value":"True"}`,
			`{"op":"replace","value":{"` + membershipSchema + `":{"administrator":true}}}`, `{"op":"replace","value":{"` + membershipSchema + `:administrator":true}}`,
			`{"op":"replace","path":"` + membershipSchema + `","value":{"administrator":true}}`, `{"op":"add","path":"groups","value":[{"value":"x"}]}`, `{"op":"replace","path":"id","value":"x"}`,
			`{"op":"replace","path":"meta.created","value":"2020-01-01T00:00:00Z"}`, `{"op":"replace","path":"` + membershipSchema + `:state","value":"active"}`, `{"op":"replace","path":"password","value":"a new secret of hers"}`,
		} {
			got := w.scim("nordlys", "PATCH", "/Users/"+bob, patch(operation))
			now := w.scim("nordlys", "GET", "/Users/"+bob, "").body
			if got.status >= 500 || strings.Contains(now, `"administrator":true`) || strings.Contains(now, "secret of hers") {
				t.Errorf("%s: %d %s", operation, got.status, now)
			}
		}
		w.signedIn("bob@nordlys.example", bobPassword)
		for _, row := range []struct{ method, body string }{
			{"PATCH", patch(`{"op":"replace","path":"active","value":false}`)}, {"PATCH", patch(`{"op":"replace","value":{"active":"False"}}`)}, {"DELETE", ""},
			{"PUT", user("admin@nordlys.example", `"active":false`)}, {"PUT", user("evil@nordlys.example", "")}, {"PATCH", patch(`{"op":"replace","path":"userName","value":"evil@nordlys.example"}`)},
			{"PATCH", patch(`{"op":"replace","path":"` + membershipSchema + `:end","value":"2020-01-01T00:00:00Z"}`)}, {"PATCH", patch(`{"op":"remove","path":"` + membershipSchema + `:administrator"}`)},
		} {
			if got := w.scim("nordlys", row.method, "/Users/"+admin, row.body); got.status != 403 && got.status != 409 {
				t.Errorf("%s %s of the last administrator: %d %s", row.method, row.body, got.status, got.body)
			}
		}
		if after := w.scim("nordlys", "GET", "/Users/"+admin, "").body; after != before {
			t.Errorf("the administrator has changed:\n%s\n%s", before, after)
		}
	})
}

func TestWall065_005_107_EveryEndEndsEverything(t *testing.T) {
	ends := map[string]func(w *wall, id, email string){
		"active false":   func(w *wall, id, _ string) { w.setActive(id, false) },
		`active "False"`: func(w *wall, id, _ string) { w.setActive(id, "False") },
		"active without a path": func(w *wall, id, _ string) {
			w.scimDone(id, "PATCH", patch(`{"op":"Replace","value":{"active":"false"}}`))
		},
		"PUT":    func(w *wall, id, email string) { w.scimDone(id, "PUT", user(email, `"active":false`)) },
		"DELETE": func(w *wall, id, _ string) { w.scimDone(id, "DELETE", "") },
		"an end date": func(w *wall, id, _ string) {
			w.scimDone(id, "PATCH", endAt(time.Now().Add(20*time.Second)))
			w.advance(21 * time.Second)
		},
		"password reset": func(w *wall, _, email string) {
			w.person().open(w.issuer+"/account").press("continue", "email", email).press("forgot-password").on("mail-sent")
			w.person().setUp(w.link(email, 2)).on("account")
		},
	}
	eachWall(t, func(t *testing.T, w *wall) {
		for name, end := range ends {
			email := regexp.MustCompile(`\W+`).ReplaceAllString(name, "-") + "@nordlys.example"
			id := w.hire(email, "Lars", "Berg", nil)
			p := w.person().setUp(w.link(email, 1)).on("account")
			plain := w.tokens(p, "c2", "scope", "openid email organization")
			offline := w.tokens(p, "c1", "scope", "openid offline_access organization scim")
			public := w.tokens(p, "p1", "scope", "openid offline_access")
			code := w.code(p, "c1")
			half := w.person().open(w.issuer+"/oauth2/authorize?"+authorization("c1", "v").Encode()).on("sign-in").press("continue", "email", email).on("password")
			if !w.active("c1", offline.access) || !w.active("c1", offline.refresh) || w.userinfo(plain.access) != 200 || !w.signedInNow(p) {
				t.Fatalf("%s: dead before the end", name)
			}

			own := func() int {
				return w.ask("GET", "/scim/v2/nordlys/Me", "", "Authorization", "Bearer "+offline.access).status
			}
			if at := own(); at != 200 {
				t.Fatalf("%s: /Me answers %d before the end", name, at)
			}

			end(w, id, email)

			if at := own(); at != 401 {
				t.Errorf("%s: /Me answers %d", name, at)
			}
			for what, r := range map[string]ring{"plain": plain, "offline": offline, "public": public} {
				if code := w.userinfo(r.access); code != 401 {
					t.Errorf("%s: userinfo (%s) answers %d", name, what, code)
				}
				w.refused(name+": refresh ("+what+")", w.refreshed(r.client, r.refresh), 400, "invalid_grant")
			}
			if w.active("c1", offline.access) || w.active("c1", offline.refresh) || w.active("c2", plain.access) {
				t.Errorf("%s: introspection answers active", name)
			}
			w.refused(name+": code", w.as("c1", "/oauth2/token", code.form()), 400, "invalid_grant")
			if w.signedInNow(p) {
				t.Errorf("%s: the cookie lives", name)
			}
			for _, change := range [][]string{{"prompt", "none"}, {}} {
				if q := w.authorize(p, authorization("c1", "v", change...)).location().Query(); q.Has("code") {
					t.Errorf("%s: the cookie still makes codes", name)
				}
			}
			if name == "password reset" {
				continue // the person goes on with the new password
			}
			half.press("continue", "password", newPassword)
			if w.signedInNow(half) || half.page() != "organization" && half.page() != "password" {
				t.Errorf("%s: a sign-in under way leads to %q", name, half.page())
			}
			w.noLinks(name, email)
		}
	})
}

// noLinks: whoever has no access gets no link, and the one that is out there opens nothing.
func (w *wall) noLinks(name, email string) {
	w.t.Helper()
	n := len(w.mails(email, 0))
	w.person().open(w.issuer+"/account").press("continue", "email", email).press("forgot-password").on("mail-sent")
	w.hire("flush."+email, "Flush", "Flush", nil)
	w.mails("flush."+email, 1) // mails go out in order: now the other would be there
	for _, m := range w.mails(email, 0)[:len(w.mails(email, 0))-n] {
		for _, l := range m.Links {
			if strings.Contains(l, "token=") && w.person().open(l).page() != "link-expired" {
				w.t.Errorf("%s: the person got a link that works", name)
			}
		}
	}
}

func (w *wall) scimDone(id, method, body string) {
	w.t.Helper()
	if got := w.scim("nordlys", method, "/Users/"+id, body); got.status >= 300 {
		w.t.Fatalf("%s answered %d: %s", method, got.status, got.body)
	}
}

func endAt(at time.Time) string {
	return patch(`{"op":"replace","path":"` + membershipSchema + `:end","value":"` + at.UTC().Format(time.RFC3339Nano) + `"}`)
}

func TestWall073_139_OneWinner(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		spellings := []string{"race@nordlys.example", "RACE@nordlys.example", "race@NORDLYS.example", "Race@Nordlys.Example"}
		created := 0
		for _, got := range race(16, func(i int) wallAnswer { return w.scim("nordlys", "POST", "/Users", user(spellings[i%4], "")) }) {
			switch got.status {
			case http.StatusCreated:
				created++
			case http.StatusConflict:
			default:
				t.Errorf("a loser: %d %s", got.status, got.body)
			}
		}
		if created != 1 {
			t.Errorf("%d members were made for one e-mail", created)
		}
		// Two organizations at once: two memberships, one person.
		answers := race(16, func(i int) wallAnswer {
			return w.scim([]string{"nordlys", "bjorkvik"}[i%2], "POST", "/Users", user("both@else.example", ""))
		})
		made := map[string]int{}
		for i, got := range answers {
			if got.status == 201 {
				made[[]string{"nordlys", "bjorkvik"}[i%2]]++
			} else if got.status != 409 {
				t.Errorf("a loser: %d %s", got.status, got.body)
			}
		}
		if made["nordlys"] != 1 || made["bjorkvik"] != 1 {
			t.Errorf("memberships made: %v", made)
		}
		// A version is worth one change.
		id := w.member("nordlys", "bob@nordlys.example")
		version := w.scim("nordlys", "GET", "/Users/"+id, "").header.Get("ETag")
		changed := 0
		for _, got := range race(16, func(i int) wallAnswer {
			return w.ask("PATCH", "/scim/v2/nordlys/Users/"+id, patch(fmt.Sprintf(`{"op":"replace","path":"title","value":"t%d"}`, i)),
				"Authorization", "Bearer "+hrToken, "Content-Type", "application/scim+json", "If-Match", version)
		}) {
			switch got.status {
			case 200, 204:
				changed++
			case 412:
			default:
				t.Errorf("a loser: %d %s", got.status, got.body)
			}
		}
		if version == "" || changed != 1 {
			t.Errorf("version %q was good for %d changes", version, changed)
		}
	})
}

func TestWall067_068_070_133_FiltersTellNothing(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		total := func(got wallAnswer) json.Number {
			var list struct {
				Total json.Number `json:"totalResults"`
			}
			_ = json.Unmarshal([]byte(got.body), &list)
			return list.Total
		}
		all := total(w.scim("nordlys", "GET", "/Users", ""))
		for _, value := range []string{"'", "`", "$1", "$$", "--", ";", "%", "_", `\\`, `\"`, "' or '1'='1", "\x00", `\u0000`, "a%00b", strings.Repeat("x", 30_000), "é", "İ", "(select 1)"} {
			for _, filter := range []string{`userName eq "` + value + `"`, `userName co "` + value + `"`, `name.familyName sw "` + value + `"`, `externalId eq "` + value + `"`} {
				got := w.scim("nordlys", "GET", "/Users?"+url.Values{"filter": {filter}}.Encode(), "")
				if got.status != 400 && (got.status != 200 || total(got) != "0") || regexp.MustCompile(`(?i)sql|sqlite|syntax error at|pgx|select `).MatchString(got.body) {
					t.Errorf("filter %.60s: %d %.200s", filter, got.status, got.body)
				}
			}
		}
		for _, path := range []string{"password", "passwordHash", "credentials", "totp", "token", "users.password", "email_key", "organization_id", "urn:portvakt:params:scim:schemas:extension:membership:1.0:User:version"} {
			for _, query := range []url.Values{{"filter": {path + ` sw "a"`}}, {"filter": {path + " pr"}}, {"sortBy": {path}}} {
				if got := w.scim("nordlys", "GET", "/Users?"+query.Encode(), ""); got.status != 400 && !(query.Has("sortBy") && got.status == 200) {
					t.Errorf("%v: %d %.200s", query, got.status, got.body)
				}
			}
			if got := w.scim("nordlys", "GET", "/Users?attributes="+url.QueryEscape(path), ""); got.status >= 500 || strings.Contains(got.body, "argon2") || strings.Contains(got.body, `"password"`) {
				t.Errorf("attributes=%s: %d %.200s", path, got.status, got.body)
			}
		}
		for _, query := range []string{"count=-1", "count=0", "count=2147483648", "count=9223372036854775808", "startIndex=0", "startIndex=-5", "startIndex=1000000000000", "startIndex=9223372036854775808",
			"count=x", "count=1e3", "sortBy=userName;drop", "sortBy=(select+1)", "sortOrder=sideways", "sortBy=userName&sortOrder=desc;--", "count=1&count=2", "filter=", "filter=%00", "filter=%ff"} {
			got := w.scim("nordlys", "GET", "/Users?"+query, "")
			if got.status != 200 && got.status != 400 {
				t.Errorf("%s: %d %s", query, got.status, got.body)
			}
			if got.status == 200 && query != "sortOrder=sideways" && total(got) != all && !strings.HasPrefix(query, "filter") {
				t.Errorf("%s: %s of %s", query, total(got), all)
			}
		}
	})
}
