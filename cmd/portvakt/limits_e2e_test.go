//go:build e2e

package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"portvakt/internal/testenv"
)

// limitsSeed gives Anna a second organization that allows less than her own, and an application that asks for fresh sign-ins.
const limitsSeed = `
organizations:
  - slug: nordlys
  - slug: bjorkvik
    session_idle: 30m
    session_limit: 2h
    members: [{email: anna@nordlys.example}]
applications:
  - {client_id: c4, default_max_age: 3600}
`

// joined is Anna, signed in, a member of both organizations.
func (w *wall) joined() *person {
	w.t.Helper()
	w.settle(limitsSeed)
	return w.signedIn("anna@nordlys.example", annaPassword)
}

// silently is how prompt=none is answered: "code", or the error.
func (w *wall) silently(p *person, client, organization string, pairs ...string) string {
	w.t.Helper()
	q := w.authorize(p, authorization(client, "v", append([]string{"prompt", "none", "organization", organization}, pairs...)...)).location().Query()
	if q.Has("code") {
		return "code"
	}
	return q.Get("error")
}

// TestWall107_AnOrganizationsLimitsEndWhatIsForIt: a session that is too old or too idle for one organization is led to sign
// in again there, and nowhere else; on every path, and by the times alone.
func TestWall107_AnOrganizationsLimitsEndWhatIsForIt(t *testing.T) {
	const noOffline = "openid organization"
	eachWall(t, func(t *testing.T, w *wall) {
		p := w.joined()
		strict, lax := w.tokens(p, "c1", "organization", "bjorkvik", "scope", noOffline), w.tokens(p, "c1", "organization", "nordlys", "scope", noOffline)
		lasting := w.tokens(p, "c1", "organization", "bjorkvik")
		dead := func(when string) {
			t.Helper()
			if w.userinfo(strict.access) != 401 || w.active("c1", strict.access) || w.active("c1", strict.refresh) {
				t.Errorf("%s a token of the organization counts", when)
			}
			w.refused("refresh "+when, w.refreshed("c1", strict.refresh), 400, "invalid_grant")
			for range 2 { // using the session makes it no younger
				if got := w.silently(p, "c1", "bjorkvik"); got != "login_required" {
					t.Errorf("%s: prompt=none is answered %q", when, got)
				}
				if got := w.silently(p, "c1", "nordlys"); got != "code" {
					t.Errorf("%s: the other organization is answered %q", when, got)
				}
				if p.open(w.issuer + "/account"); p.page() != "account" {
					t.Errorf("%s: the account page leads to %q", when, p.page())
				}
				w.advance(2 * time.Minute)
			}
			got := w.as("c1", "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {lax.refresh}, "organization": {"bjorkvik"}})
			w.refused("switching "+when, got, 400, "interaction_required")
			if got := w.refreshed("c1", lax.refresh); got.status != 200 {
				t.Errorf("%s: the other organization's refresh: %d", when, got.status)
			} else {
				lax = ringOf("c1", got)
			}
			if got := w.refreshed("c1", lasting.refresh); got.status != 200 {
				t.Errorf("%s: offline access: %d %s", when, got.status, got.body)
			} else {
				lasting = ringOf("c1", got)
			}
			w.again(p, "bjorkvik")
		}
		w.advance(31 * time.Minute)
		dead("after idling")
		strict = w.tokens(p, "c1", "organization", "bjorkvik", "scope", noOffline)
		if w.userinfo(strict.access) != 200 {
			t.Fatal("signed in again, and no token counts")
		}
		db := opened(t, w.database)
		used := func() (at int64) {
			if err := db.QueryRow(t.Context(), `select max(seen_at) from sessions`).Scan(&at); err != nil {
				t.Fatal(err)
			}
			return at
		}
		for range 5 { // in use all the time
			before := used()
			w.advance(25 * time.Minute)
			if p.open(w.issuer + "/account"); p.page() != "account" {
				t.Fatalf("on %q", p.page())
			}
			eventually(t, "the use is noted, which happens in the background", func() bool { return used() > before })
		}
		dead("two hours after signing in")
	})
}

// again goes through a sign-in that an organization asks for although there is a session.
func (w *wall) again(p *person, organization string) {
	w.t.Helper()
	p.open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v", "organization", organization).Encode()).on("password")
	if got := w.post(p, p.at.RequestURI(), with(p.fields(), "password", annaPassword)); !got.location().Query().Has("code") {
		w.t.Fatalf("after signing in again: %d %q", got.status, got.header.Get("Location"))
	}
}

// TestDefaultMaxAge: an application's own age makes an older sign-in be repeated, whatever the request says.
func TestDefaultMaxAge(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		p := w.signedIn("anna@nordlys.example", annaPassword)
		w.settle(limitsSeed)
		w.advance(59 * time.Minute)
		if got := w.silently(p, "c4", "nordlys"); got != "code" {
			t.Errorf("after 59 minutes: %q", got)
		}
		if got := w.silently(p, "c4", "nordlys", "max_age", "60"); got != "login_required" {
			t.Errorf("a request that allows less: %q", got)
		}
		w.advance(2 * time.Minute)
		for _, pairs := range [][]string{nil, {"max_age", "100000"}} {
			if got := w.silently(p, "c4", "nordlys", pairs...); got != "login_required" {
				t.Errorf("after 61 minutes, %v: %q", pairs, got)
			}
		}
		if got := w.silently(p, "c1", "nordlys"); got != "code" {
			t.Errorf("another application: %q", got)
		}
		p.open(w.issuer + "/oauth2/authorize?" + authorization("c4", "v").Encode()).on("password")
		w.settle("applications: [{client_id: c4, default_max_age: -1}]")
		testenv.Within(t, 5*time.Second, "the application's age to be gone", func() bool { return w.silently(p, "c4", "nordlys") == "code" })
		for text, want := range map[string]string{
			"organizations: [{slug: nordlys, session_idle: 9h}]": "session_idle", "organizations: [{slug: nordlys, session_limit: 25h}]": "session_limit",
			"organizations: [{slug: nordlys, session_idle: 1m}]": "session_idle", "organizations: [{slug: nordlys, key_policy: attested}]": "metadata",
			"applications: [{client_id: c4, default_max_age: -2}]": "default_max_age",
		} {
			if code, _, errs := w.apply(w.database, text); code != exitMistake || !strings.Contains(errs, want) {
				t.Errorf("%s: %d %s", text, code, errs)
			}
		}
	})
}

// TestR08_SwitchingAsksOnlyForWhatIsMissing: every way into another organization, where it wants no more than the session
// gives, and where it does; the choice survives the step up and is remembered for the application in this browser.
func TestR08_SwitchingAsksOnlyForWhatIsMissing(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		p := w.joined()
		w.settle("organizations: [{slug: bjorkvik, session_idle: 0s, session_limit: 0s}]")
		switched := func(k ring) wallAnswer {
			return w.as("c1", "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {k.refresh}, "organization": {"bjorkvik"}})
		}
		held := w.tokens(p, "c1", "organization", "nordlys")
		if got := switched(held); got.status != 200 || claimOf(ringOf("c1", got).id, "org_slug") != nil && claimOf(ringOf("c1", got).access, "org_slug") != "bjorkvik" {
			t.Errorf("switching by refresh: %d %s", got.status, got.body)
		}
		choose := func(slug string) wallAnswer {
			t.Helper()
			p.open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v", "prompt", "select_account").Encode()).on("organization")
			return w.post(p, p.at.RequestURI(), with(p.fields(), "organization", slug))
		}
		if got := choose("bjorkvik"); !got.location().Query().Has("code") {
			t.Errorf("choosing an equal organization: %d %q", got.status, got.header.Get("Location"))
		}
		remembered := func(client string) any { return claimOf(w.tokens(p, client).access, "org_slug") }
		if got := remembered("c1"); got != "bjorkvik" {
			t.Errorf("remembered for the application: %v", got)
		}
		if got := w.silently(p, "c2", ""); got != "interaction_required" {
			t.Errorf("another application goes by the first one's choice: %q", got)
		}
		other := w.signedIn("anna@nordlys.example", annaPassword)
		if got := w.silently(other, "c1", ""); got != "interaction_required" {
			t.Errorf("another browser goes by this one's choice: %q", got)
		}
		w.settle("organizations: [{slug: bjorkvik, second_factor: required}]")
		w.refused("switching by refresh", switched(held), 400, "interaction_required")
		for _, pairs := range [][]string{{"organization", "bjorkvik"}, {}} { // the second by what is remembered
			if got := w.authorize(p, authorization("c1", "v", append(pairs, "prompt", "none")...)).location().Query().Get("error"); got != "login_required" {
				t.Errorf("prompt=none %v: %q", pairs, got)
			}
		}
		if got := w.silently(p, "c1", "nordlys"); got != "code" {
			t.Errorf("the organization that asks for nothing: %q", got)
		}
		if got := choose("nordlys"); !got.location().Query().Has("code") {
			t.Errorf("choosing the organization that asks for nothing: %d", got.status)
		}
		if got := choose("bjorkvik"); got.location().Query().Has("code") {
			t.Fatal("the stricter organization was entered by password alone")
		}
		p.open(p.at.String()).on("enrol-factor")
		p.press("continue", "code", totp(t, p.totpKey(), time.Now())).on("recovery-codes")
		if got := w.post(p, p.at.RequestURI(), p.fields()); !got.location().Query().Has("code") {
			t.Fatalf("after the step up: %d %q", got.status, got.header.Get("Location"))
		}
		if got := remembered("c1"); got != "bjorkvik" {
			t.Errorf("the step up forgot what was chosen: %v", got)
		}
		if got := switched(w.tokens(p, "c1", "organization", "nordlys")); got.status != 200 {
			t.Errorf("switching after the step up: %d %s", got.status, got.body)
		}
	})
}

// TestR08_OnlyThePersonHearsOfAnEndedMembership: whoever has not signed in, and whoever is somebody else, hears the same
// whether a membership ended, was suspended or never was.
func TestR08_OnlyThePersonHearsOfAnEndedMembership(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		p := w.joined()
		stranger := func(email string) string {
			q := w.person().open(w.issuer+"/oauth2/authorize?"+authorization("c1", "v", "organization", "bjorkvik").Encode()).press("continue", "email", email).on("password")
			return w.masked(wallAnswer{status: http.StatusOK, body: q.text}, email)
		}
		before := stranger("anna@nordlys.example")
		off := w.scim("bjorkvik", http.MethodPatch, "/Users/"+w.member("bjorkvik", "anna@nordlys.example"),
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
		if off.status/100 != 2 {
			t.Fatalf("suspending was answered %d: %s", off.status, off.body)
		}
		if after := stranger("anna@nordlys.example"); after != before {
			t.Errorf("a stranger sees the end:\n%s\n%s", before, after)
		}
		if got := w.silently(p, "c1", "bjorkvik"); got != "access_denied" {
			t.Errorf("the person themself: %q", got)
		}
		bob := w.signedIn("bob@nordlys.example", bobPassword)
		if got := w.silently(bob, "c1", "bjorkvik"); got != "access_denied" {
			t.Errorf("somebody who never was a member: %q", got)
		}
		if got := w.silently(p, "c1", ""); got != "code" {
			t.Errorf("without naming one: %q", got)
		}
	})
}

// TestWall092_WhoBecomesAdministratorEnrolsFirst: somebody signed in by password alone is made administrator, or operator:
// nothing is issued any more, anywhere, until a second factor is set up.
func TestWall092_WhoBecomesAdministratorEnrolsFirst(t *testing.T) {
	eachWall(t, func(t *testing.T, w *wall) {
		for _, who := range []struct{ email, password, seed string }{
			{"anna@nordlys.example", annaPassword, "organizations: [{slug: nordlys, members: [{email: anna@nordlys.example, administrator: true}]}]"},
			{"bob@nordlys.example", bobPassword, "operators: [bob@nordlys.example]"},
		} {
			p := w.signedIn(who.email, who.password)
			held := w.tokens(p, "c1")
			waiting := w.code(p, "c1")
			w.settle(who.seed)
			if w.userinfo(held.access) != 401 || w.active("c1", held.access) {
				t.Errorf("%s: the access token lives on", who.email)
			}
			w.refused("refresh", w.refreshed("c1", held.refresh), 400, "interaction_required")
			if got := w.as("c1", "/oauth2/token", waiting.form()); got.status != 400 {
				t.Errorf("%s: a code from before: %d", who.email, got.status)
			}
			if got := w.authorize(p, authorization("c1", "v", "prompt", "none")).location().Query().Get("error"); got != "login_required" {
				t.Errorf("%s: prompt=none: %q", who.email, got)
			}
			p.open(w.issuer + "/oauth2/authorize?" + authorization("c1", "v").Encode()).on("enrol-factor")
			q := w.person().open(w.issuer+"/account").signIn(who.email, who.password).on("enrol-factor")
			if q.open(w.issuer + "/account"); q.page() == "account" {
				t.Errorf("%s: signed in without a factor", who.email)
			}
			p.press("continue", "code", totp(t, p.totpKey(), time.Now())).on("recovery-codes")
			if got := w.post(p, p.at.RequestURI(), p.fields()); !got.location().Query().Has("code") {
				t.Errorf("%s: after enrolment: %d %q", who.email, got.status, got.header.Get("Location"))
			}
			if k := w.tokens(p, "c1"); claimOf(k.id, "acr") != "urn:portvakt:acr:mfa" {
				t.Errorf("%s: acr %v", who.email, claimOf(k.id, "acr"))
			}
		}
	})
}
