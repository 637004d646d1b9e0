//go:build e2e

package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const newPassword = "seven brown horses swim"

// setUp goes from the mail's link to a chosen password.
func (p *person) setUp(link string) *person {
	p.t.Helper()
	return p.open(link).on("new-password").press("continue", "new_password", newPassword, "new_password_again", newPassword)
}

func TestJourney1HRSystemCreatesAnEmployeeAndAMailGoesOut(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		id := s.hire("lars@nordlys.example", "Lars", "Berg", nil)
		if !strings.HasPrefix(id, "mbr_") {
			t.Errorf("the SCIM id is %q, want the membership's", id)
		}
		mail := s.mails("lars@nordlys.example", 1)[0]
		if link := mail.setupLink(t); !strings.HasPrefix(link, s.issuer+"/") {
			t.Errorf("the link %q does not lead to the issuer", link)
		}
		status, out, _ := s.call(http.MethodGet, s.users()+"/"+id, hrToken, nil)
		if status != http.StatusOK || out["active"] != true {
			t.Errorf("reading back answered %d: %v", status, out)
		}
	})
}

func TestJourney2FirstSignInGoesOnAfterThePassword(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		s.hire("lars@nordlys.example", "Lars", "Berg", nil)
		first := s.mails("lars@nordlys.example", 1)[0].setupLink(t)

		p := newPerson(t)
		p.open(s.demo).press("sign-in").on("sign-in").press("continue", "email", "lars@nordlys.example").on("password")
		p.press("forgot-password").on("mail-sent")
		second := s.mails("lars@nordlys.example", 2)[0].setupLink(t)
		if first == second {
			t.Fatal("the same link came twice")
		}
		p.setUp(second).on("demo-signed-in")
		if p.textOf("name") != "Lars Berg" || p.textOf("organization") != "Nordlys AS" {
			t.Errorf("name %q, organization %q", p.textOf("name"), p.textOf("organization"))
		}
		for claim, want := range map[string]string{"email": "lars@nordlys.example", "org_slug": "nordlys", "acr": "urn:portvakt:acr:password"} {
			if got := p.claim(claim); got != want {
				t.Errorf("claim %s = %q, want %q", claim, got, want)
			}
		}

		other := newPerson(t)
		if other.open(first); other.page() != "link-expired" {
			t.Errorf("a newer link does not void the older: %q", other.page())
		}
		if other.open(second); other.page() != "link-expired" {
			t.Errorf("a used link opens %q", other.page())
		}
	})
}

// TestJourney2TheMailOfTheCreationGoesOnToo: whoever is on the way to an application needs no second mail.
func TestJourney2TheMailOfTheCreationGoesOnToo(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		s.hire("lars@nordlys.example", "Lars", "Berg", nil)
		p := newPerson(t)
		p.open(s.demo).press("sign-in").on("sign-in").press("continue", "email", "LARS@nordlys.example").on("password")
		p.setUp(s.mails("lars@nordlys.example", 1)[0].setupLink(t)).on("demo-signed-in")
	})
}

func TestJourney2TheLinkWorksInAnotherBrowser(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		s.hire("lars@nordlys.example", "Lars", "Berg", nil)
		p := newPerson(t)
		p.setUp(s.mails("lars@nordlys.example", 1)[0].setupLink(t)).on("account")
		if !strings.Contains(p.text, "Nordlys AS") {
			t.Error("the account page does not show the organization")
		}
		q := newPerson(t)
		q.open(s.demo).press("sign-in").signIn("lars@nordlys.example", newPassword).on("demo-signed-in")
	})
}

func TestJourney3DeactivationEndsEverythingWithinASecond(t *testing.T) {
	t.Parallel()
	ends := map[string]func(s *service, id string){
		"active false":     func(s *service, id string) { s.setActive(id, false) },
		"active \"False\"": func(s *service, id string) { s.setActive(id, "False") },
		"delete": func(s *service, id string) {
			if status, out, _ := s.call(http.MethodDelete, s.users()+"/"+id, hrToken, nil); status != http.StatusNoContent {
				s.t.Fatalf("DELETE answered %d: %v", status, out)
			}
		},
	}
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		for name, end := range ends {
			email := "lars." + strings.NewReplacer(" ", "-", `"`, "q").Replace(name) + "@nordlys.example"
			id := s.hire(email, "Lars", "Berg", nil)
			p := newPerson(t)
			p.open(s.demo).press("sign-in").press("continue", "email", email).press("forgot-password")
			p.setUp(s.mails(email, 2)[0].setupLink(t)).on("demo-signed-in")
			keys := obtainTokens(t, s, email)
			if code := keys.userinfo(); code != http.StatusOK {
				t.Fatalf("%s: userinfo before the end answers %d", name, code)
			}

			end(s, id)

			keys.deadWithinASecond(name)
			withinASecond(t, name+": the browser session", func() bool {
				return p.open(s.issuer+"/account").page() == "sign-in"
			})
			q := newPerson(t).open(s.issuer + "/account")
			q.signIn(email, newPassword).on("organization") // which says, to the person alone, that there is none left
			if q.press("cancel"); q.open(s.issuer+"/account").page() != "sign-in" {
				t.Errorf("%s: a new sign-in opens %q", name, q.page())
			}
			eventually(t, name+": the application has been told", func() bool {
				return p.open(s.demo).page() == "demo-home" && p.textOf("ended-notice") != ""
			})
		}
	})
}

func TestJourney4AnEndDateEndsEverythingByItself(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		end := time.Now().Add(3 * time.Hour).UTC().Truncate(time.Second)
		email := "accountant@nordlys.example"
		s.hire(email, "Ingrid", "Dahl", map[string]any{
			"schemas":        []string{"urn:ietf:params:scim:schemas:core:2.0:User", membershipSchema},
			membershipSchema: map[string]any{"kind": "external", "end": end.Format(time.RFC3339)},
		})
		p := newPerson(t)
		p.open(s.demo).press("sign-in").press("continue", "email", email).press("forgot-password")
		p.setUp(s.setupMails(email, 2)[0].setupLink(t)).on("demo-signed-in")
		s.advance(time.Until(end) - 5*time.Minute)
		keys := obtainTokens(t, s, email)
		if latest := keys.latestExpiry(); latest.After(end) {
			t.Errorf("a token lives until %s, after the end %s", latest, end)
		}
		if keys.userinfo() != http.StatusOK {
			t.Fatal("dead before the end")
		}
		s.advance(5*time.Minute + time.Second)
		if code := keys.userinfo(); code != http.StatusUnauthorized {
			t.Errorf("userinfo after the end answers %d", code)
		}
		if keys.active() {
			t.Error("introspection after the end answers active")
		}
		if code := keys.refresh(); code != http.StatusBadRequest {
			t.Errorf("refresh after the end answers %d", code)
		}
		if p.open(s.issuer + "/account"); p.page() != "sign-in" {
			t.Errorf("the browser session after the end shows %q", p.page())
		}
	})
}

const membershipSchema = "urn:portvakt:params:scim:schemas:extension:membership:1.0:User"
