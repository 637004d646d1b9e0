//go:build e2e

package main

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// operate runs a command of the program on a database that a service may be serving.
func operate(t *testing.T, database string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(world{ctx: context.Background(), stdout: &out, stderr: &errs}, append(args, "--database", database))
	return code, out.String(), errs.String()
}

// TestR10_OperatorCommands: beside a running service an operator appoints administrators, with a reason, and manages
// domains; what is refused says why.
func TestR10_OperatorCommands(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		find := func(email string) map[string]any {
			_, list, _ := s.call("GET", s.issuer+"/scim/v2/nordlys/Users?filter="+url.QueryEscape(`userName eq "`+email+`"`), "scim-dev-nordlys", nil)
			found, _ := list["Resources"].([]any)
			if len(found) != 1 {
				t.Fatalf("%s: %v", email, list)
			}
			return found[0].(map[string]any)
		}
		const extension = "urn:portvakt:params:scim:schemas:extension:membership:1.0:User"
		administrator := func(email string) any { return find(email)[extension].(map[string]any)["administrator"] }
		if administrator("emily.clarke@nordlys.example") == true {
			t.Fatal("she is one already")
		}
		appoint := func(args ...string) (int, string, string) {
			return operate(t, database, append([]string{"operator", "appoint", "--organization", "nordlys"}, args...)...)
		}
		code, out, errs := appoint("--email", "emily.clarke@nordlys.example", "--reason", "the founder has left")
		if code != exitOK || !strings.Contains(out, "administers Nordlys AS") || administrator("emily.clarke@nordlys.example") != true {
			t.Errorf("appointed: %d %s %s", code, out, errs)
		}
		code, out, errs = appoint("--email", "somebody@elsewhere.example", "--reason", "from support")
		if code != exitOK || !strings.Contains(out, "invited to administer") || administrator("somebody@elsewhere.example") != true {
			t.Errorf("somebody new: %d %s %s", code, out, errs)
		}
		for want, args := range map[string][]string{
			"needs a reason":        {"operator", "appoint", "--organization", "nordlys", "--email", "emily.clarke@nordlys.example", "--reason", " "},
			"no such organization":  {"operator", "appoint", "--organization", "nowhere", "--email", "a@b.example", "--reason", "r"},
			"not an e-mail address": {"operator", "appoint", "--organization", "nordlys", "--email", "emily", "--reason", "r"},
			"nobody signs in as":    {"operator", "grant", "--email", "unknown@elsewhere.example"},
			"many organizations":    {"domain", "claim", "--organization", "nordlys", "--domain", "gmail.com"},
			"has no such domain":    {"domain", "verify", "--organization", "nordlys", "--domain", "unclaimed.example"},
			"--reason":              {"operator", "appoint", "--organization", "nordlys", "--email", "emily.clarke@nordlys.example"},
		} {
			if code, _, errs := operate(t, database, args...); code != exitMistake || !strings.Contains(errs, want) {
				t.Errorf("%v: %d %s", args, code, errs)
			}
		}
		for _, args := range [][]string{{"operator", "grant"}, {"operator", "grant"}, {"operator", "revoke"}, {"operator", "revoke"}} {
			if code, _, errs := operate(t, database, append(args, "--email", "emily.clarke@nordlys.example")...); code != exitOK {
				t.Errorf("%v: %d %s", args, code, errs)
			}
		}
		code, out, errs = operate(t, database, "domain", "claim", "--organization", "nordlys", "--domain", "Nordlys-Butikk.example")
		if code != exitOK || !strings.Contains(out, "_portvakt-challenge.nordlys-butikk.example. TXT") {
			t.Errorf("claim: %d %s %s", code, out, errs)
		}
		code, out, errs = operate(t, database, "domain", "list", "--organization", "nordlys")
		if code != exitOK || !strings.Contains(out, "claimed   nordlys-butikk.example") || !strings.Contains(out, "verified  nordlys.example") {
			t.Errorf("list: %d %s %s", code, out, errs)
		}
		if code, _, errs = operate(t, database, "domain", "give-up", "--organization", "nordlys", "--domain", "nordlys-butikk.example"); code != exitOK {
			t.Errorf("give up: %d %s", code, errs)
		}
	})
}

// TestR10_OperatorPage: an operator with a second factor appoints an administrator in the browser; others are turned away.
func TestR10_OperatorPage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		const page = "/console/operator/appoint"
		if p := newPerson(t).open(s.issuer + page); p.page() != "sign-in" {
			t.Errorf("nobody signed in sees %q", p.page())
		}
		kari := newPerson(t).open(s.issuer+"/account").signIn("ola@tallsmia.example", "dev only secret 11").on("account")
		if kari.open(s.issuer + page); kari.status != http.StatusForbidden || kari.page() != "error" || kari.textOf("error-code") != "not_operator" {
			t.Errorf("a member sees %q, %d", kari.page(), kari.status)
		}
		p := newPerson(t).open(s.issuer+"/account").signIn("ingrid.solbakken@tallsmia.example", "dev only secret 10").on("second-factor")
		p.press("continue", "code", codeAt(t, "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U", time.Now())).on("account")
		p.open(s.issuer + page).on("operator-appoint")
		p.press("appoint", "organization", "nordlys", "email", "emily.clarke@nordlys.example", "reason", " ").on("operator-appoint")
		if p.status != http.StatusUnprocessableEntity || p.textOf("reason-problem") == "" {
			t.Errorf("without a reason: %d", p.status)
		}
		p.press("appoint", "organization", "nordlys", "email", "emily.clarke@nordlys.example", "reason", "the founder has left").on("operator-appoint")
		if p.status != http.StatusOK || p.textOf("notice") == "" {
			t.Errorf("appointed: %d %s", p.status, p.text)
		}
		// Revoked beside the running service, the operator is shut out at the next request.
		if code, _, errs := operate(t, database, "operator", "revoke", "--email", "ingrid.solbakken@tallsmia.example"); code != exitOK {
			t.Fatal(errs)
		}
		if p.open(s.issuer + page); p.status != http.StatusForbidden {
			t.Errorf("a former operator sees %q, %d", p.page(), p.status)
		}
	})
}
