//go:build e2e

package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestR19_WhatNobodyChoseIsAnsweredByACommand: an HR system deletes somebody without naming a successor; whoever runs the
// installation sees the question and answers it. R20, R04, R27 and R33 by the same commands; the neighbour finds nobody.
func TestR19_WhatNobodyChoseIsAnsweredByACommand(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s, hook, _ := transferService(t, database)
		kari := s.member("kari@nordlys.example")
		if status, out, _ := s.call(http.MethodDelete, s.users()+"/"+kari, hrToken, nil); status != http.StatusNoContent {
			t.Fatalf("DELETE: %d %v", status, out)
		}
		in := func(slug, command string, args ...string) (int, string) {
			t.Helper()
			code, out, errs := operate(t, database, append(append(strings.Fields(command), "--organization", slug), args...)...)
			return code, out + errs
		}
		try := func(want string, code int, command string, args ...string) {
			t.Helper()
			if got, out := in("nordlys", command, args...); got != code || !strings.Contains(out, want) {
				t.Errorf("%s %v: %d %s", command, args, got, out)
			}
		}
		if code, out := in("bjorkvik", "member end", kari, "--archive"); code != exitMistake || !strings.Contains(out, "There is no such member") {
			t.Errorf("the neighbour answers: %d %s", code, out)
		}
		if _, out := in("bjorkvik", "organization"); strings.Contains(out, "Kari") {
			t.Errorf("the neighbour sees: %s", out)
		}
		try("Kari  "+kari+" ended at", exitOK, "organization")
		try("needs a choice", exitMistake, "member end", kari)
		try("successor Ola <ola@nordlys.example>", exitOK, "member end", kari, "--successor", "ola@nordlys.example")
		eventually(t, "the application is told", func() bool { return len(hook.of(s, "crm", "transfer.requested")) > 0 })
		try("crm invoices: waiting", exitOK, "organization")

		try("Liv <liv@nordlys.example>", exitOK, "member hand-over", "liv@nordlys.example", "--function", "invoice_recipient")
		try("say who takes over", exitMistake, "member end", "liv@nordlys.example", "--archive")
		try("archived employee", exitOK, "member end", "liv@nordlys.example", "--archive", "--functions-to", "ola@nordlys.example")
		try("active employee, invoice_recipient", exitOK, "member show", "ola@nordlys.example")
		try("suspended employee", exitOK, "member suspend", "OLA@nordlys.example")
		try("active employee", exitOK, "member reactivate", "ola@nordlys.example")

		year := time.Now().Year()
		if code, _, errs := s.apply(database, "organizations: [{slug: nordlys, members: [{email: eva@nordlys.example, kind: external, end: "+time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)+"}]}]"); code != exitOK {
			t.Fatal(errs)
		}
		until := time.Date(year+2, 1, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		try("until "+until, exitOK, "member extend", "eva@nordlys.example", "--until", until)
		try("no later", exitMistake, "member extend", "eva@nordlys.example", "--until", until)
		try(`has no member "nobody"`, exitMistake, "member show", "nobody")
	})
}
