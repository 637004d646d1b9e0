//go:build e2e

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cli runs a command beside the service and answers what it printed.
func cli(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	out := &syncBuffer{}
	code = run(world{ctx: context.Background(), stdout: out, stderr: out}, args)
	return code, out.String()
}

// inviteList invites the people of a list to Björkvik, who is nobody's home here.
func inviteList(t *testing.T, database, list string, more ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(file, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out := cli(t, append([]string{"invite", "--database", database, "--organization", "bjorkvik", "--package", "accountant", "--language", "nb", file}, more...)...)
	want := exitOK
	if !strings.Contains(out, ", 0 refused") {
		want = exitFailure // so that a script sees it
	}
	if code != want {
		t.Fatalf("invite ended with %d: %s", code, out)
	}
	return out
}

func invitationsOf(t *testing.T, database string, args ...string) string {
	t.Helper()
	code, out := cli(t, append([]string{"invitations", "list", "--database", database, "--organization", "bjorkvik"}, args...)...)
	if code != exitOK {
		t.Fatalf("list ended with %d: %s", code, out)
	}
	return out
}

// TestR31_InvitationsFromOutside: a list with bad lines, mails, scanners, resending, withdrawing, answering.
func TestR31_InvitationsFromOutside(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		out := inviteList(t, database, "given_name,email\nLars,lars@x.example\n,not an address\nPer,per.hansen@nordlys.example\nLars,LARS@x.example\nEva,eva@x.example\n")
		for _, want := range []string{`line 3 refused: "not an address": This is not an e-mail address (bad_email)`, `line 5 refused: "LARS@x.example": The same address stands on line 2 (duplicate)`, "3 invited, 2 refused"} {
			if !strings.Contains(out, want) {
				t.Errorf("lacks %q:\n%s", want, out)
			}
		}
		lars := s.mails("lars@x.example", 1)[0]
		if !strings.Contains(lars.Text, "Björkvik AB inviterer deg") || !strings.Contains(lars.Text, "Regnskapsfører") || !strings.Contains(lars.Text, "Invitasjonen gjelder til") {
			t.Errorf("the mail says\n%s", lars.Text)
		}
		s.mails("per.hansen@nordlys.example", 1)
		s.mails("eva@x.example", 1)
		eventually(t, "all are sent", func() bool { return strings.Count(invitationsOf(t, database, "--state", "sent"), "\n") == 3 })

		link := lars.setupLink(t)
		for range 3 { // programs that look at mails
			if res, err := http.Get(link); err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("the link: %v, %v", res, err)
			}
		}
		if got := invitationsOf(t, database, "--state", "opened"); !strings.Contains(got, "lars@x.example") || strings.Contains(got, "token") {
			t.Errorf("opened:\n%s", got)
		}
		if code, out := cli(t, "invitations", "resend", "--database", database, "--organization", "bjorkvik", "lars@x.example"); code != exitOK {
			t.Fatalf("resend ended with %d: %s", code, out)
		}
		if p := newPerson(t).open(link); p.page() != "link-expired" {
			t.Errorf("the older link shows %q", p.page())
		}
		newPerson(t).setUp(s.mails("lars@x.example", 2)[0].setupLink(t)).on("account")

		eva := s.mails("eva@x.example", 1)[0].setupLink(t)
		_, token := s.machine("/oauth2/token", "demo-api", "dev-api-secret", url.Values{"grant_type": {"client_credentials"}, "scope": {"mail"}})
		status, _, _ := s.programs(http.MethodPost, "mail/bounces", fmt.Sprint(token["access_token"]), map[string]string{"address": "eva@x.example", "reason": "550 nobody"})
		if got := invitationsOf(t, database, "--state", "bounced"); status != http.StatusAccepted || !strings.Contains(got, "eva@x.example") || !strings.Contains(got, "550 nobody") {
			t.Errorf("a bounce is answered with %d; bounced:\n%s", status, got)
		}
		if code, out := cli(t, "invitations", "withdraw", "--database", database, "--organization", "bjorkvik", "eva@x.example"); code != exitOK {
			t.Fatalf("withdraw ended with %d: %s", code, out)
		}
		if p := newPerson(t).open(eva); p.page() != "link-expired" || !strings.Contains(p.text, "Björkvik AB") || !strings.Contains(p.text, "har trukket tilbake") {
			t.Errorf("after withdrawal: %s", p.text)
		}
		if code, out := cli(t, "invitations", "withdraw", "--database", database, "--organization", "nordlys", "lars@x.example"); code != exitMistake {
			t.Errorf("the neighbour withdraws: %d %s", code, out)
		}
		got := invitationsOf(t, database)
		for _, want := range []string{"accepted ", "withdrawn ", "sent "} {
			if !strings.Contains(got, want) {
				t.Errorf("lacks %q:\n%s", want, got)
			}
		}
	})
}

// TestR25_AKnownAddressMeetsNoDeadEnd: Per has an account; the invitation waits for him on his page, whichever way he comes.
// Then he works in two organizations with one sign-in, as different things.
func TestR25_AKnownAddressMeetsNoDeadEnd(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		inviteList(t, database, "email\nper.hansen@nordlys.example\n", "--kind", "external", "--end", time.Now().Add(100*24*time.Hour).UTC().Format(time.RFC3339))
		mail := s.mails("per.hansen@nordlys.example", 1)[0]
		p := newPerson(t).open(mail.Links[0]).signIn("per.hansen@nordlys.example", "dev only secret 2").on("account")
		for _, want := range []string{"Björkvik AB", "Ekstern", "Regnskapsfører", "Invitasjonen gjelder til"} {
			if !strings.Contains(p.text, want) {
				t.Errorf("the account page lacks %q:\n%s", want, p.text)
			}
		}
		if status, out, _ := s.call(http.MethodGet, s.issuer+"/scim/v2/bjorkvik/Users", "scim-dev-bjorkvik", nil); strings.Contains(fmt.Sprint(out), "Hansen") || status == http.StatusInternalServerError {
			t.Errorf("Björkvik reads the person's name before the answer: %d %v", status, out)
		}
		p.press("accept").on("account")
		p.open(s.demo).press("sign-in").on("organization").press("continue", "organization", "bjorkvik").on("demo-signed-in")
		if p.claim("org_slug") != "bjorkvik" || p.claim("membership_kind") != "external" {
			t.Errorf("organization %q, kind %q", p.claim("org_slug"), p.claim("membership_kind"))
		}
		p.press("switch-organization").on("organization").press("continue", "organization", "nordlys").on("demo-signed-in")
		if p.claim("org_slug") != "nordlys" || p.claim("membership_kind") != "employee" {
			t.Errorf("organization %q, kind %q", p.claim("org_slug"), p.claim("membership_kind"))
		}
		eventually(t, "the list says accepted", func() bool { return strings.Contains(invitationsOf(t, database), "accepted") })
	})
}

// TestR31_ThePersonIsRemindedAndThenItIsOver: three days before the end a mail, after it nothing opens.
func TestR31_ThePersonIsRemindedAndThenItIsOver(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		inviteList(t, database, "email\nlars@x.example\n")
		s.mails("lars@x.example", 1)
		s.advance(27*24*time.Hour + time.Hour)
		reminder := s.mails("lars@x.example", 2)[0]
		if reminder.Subject != "Påminnelse: invitasjon fra Björkvik AB" {
			t.Errorf("subject %q", reminder.Subject)
		}
		s.advance(3 * 24 * time.Hour)
		p := newPerson(t).open(reminder.setupLink(t)).on("link-expired")
		if p.status != http.StatusGone || !strings.Contains(p.text, "Björkvik AB") || strings.Contains(p.text, "resend") {
			t.Errorf("after the end: %d %s", p.status, p.text)
		}
	})
}

const initialSeed = `
organizations:
  - slug: nordlys
    name: Nordlys AS
    domains: [nordlys.example]
    members:
      - {email: ola@nordlys.example, given_name: Ola, family_name: Berg, initial_password: first of many words}
`

// TestR35_AnInitialPasswordIsReplacedBeforeAnythingElse in front of an application.
func TestR35_AnInitialPasswordIsReplacedBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		file := filepath.Join(t.TempDir(), "seed.yaml")
		if err := os.WriteFile(file, []byte(initialSeed), 0o600); err != nil {
			t.Fatal(err)
		}
		s := serve(t, database, "--seed", file)
		p := newPerson(t)
		p.open(s.demo).press("sign-in").signIn("ola@nordlys.example", "first of many words").on("new-password")
		if other := *p; other.open(s.issuer+"/account").page() != "sign-in" {
			t.Error("there is a session before the change")
		}
		p.press("continue", "new_password", "first of many words", "new_password_again", "first of many words").on("new-password")
		p.press("continue", "new_password", newPassword, "new_password_again", newPassword).on("demo-signed-in")
		if p.claim("name") != "Ola Berg" {
			t.Errorf("name %q", p.claim("name"))
		}
		newPerson(t).open(s.issuer+"/account").signIn("ola@nordlys.example", "first of many words").on("password")
	})
}

// TestR37_ApplicationsLearnPreferences at the next sign-in and from userinfo at once.
func TestR37_ApplicationsLearnPreferences(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		p := newPerson(t)
		p.open(s.demo).press("sign-in").signIn("per.hansen@nordlys.example", "dev only secret 2").on("demo-signed-in")
		if p.claim("name") != "Per Hansen" || p.claim("locale") != "nb" {
			t.Fatalf("name %q, locale %q", p.claim("name"), p.claim("locale"))
		}
		p.open(s.issuer + "/account").on("account").press("preferences").on("preferences")
		p.press("save", "language", "sv", "name_form", "family_given", "time_zone", "Europe/Stockholm").on("account")
		p.open(s.demo).press("sign-out")
		p.open(s.demo).press("sign-in").signIn("per.hansen@nordlys.example", "dev only secret 2").on("demo-signed-in")
		if p.claim("name") != "Hansen Per" || p.claim("locale") != "sv" || p.claim("zoneinfo") != "Europe/Stockholm" {
			t.Errorf("name %q, locale %q, zoneinfo %q", p.claim("name"), p.claim("locale"), p.claim("zoneinfo"))
		}
	})
}
