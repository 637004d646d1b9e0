//go:build e2e

package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestR17_ExplainedOnTheCommandLine: beside a running service, by name, in a language, with an exit code for scripts.
func TestR17_ExplainedOnTheCommandLine(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		serve(t, database)
		explain := func(args ...string) (int, string, string) {
			return operate(t, database, append([]string{"explain", "--organization", "nordlys"}, args...)...)
		}
		code, out, errs := explain("--subject", "per.hansen@nordlys.example", "--action", "view", "--module", "invoices", "--owner", "nora.lie@nordlys.example")
		if code != exitOK || !strings.HasPrefix(out, "allowed (role_above, access version ") || !strings.Contains(out, "Per Hansen") || !strings.Contains(out, "Nora Lie") {
			t.Errorf("%d %s%s", code, out, errs)
		}
		code, out, errs = explain("--subject", "nora.lie@nordlys.example", "--action", "view", "--module", "invoices", "--owner", "per.hansen@nordlys.example", "--language", "nb")
		if code != exitDenied || !strings.HasPrefix(out, "denied (not_shared, ") || errs != "" || len(strings.Split(out, "\n")) < 3 {
			t.Errorf("%d %s%s", code, out, errs)
		}
		code, out, errs = explain("--subject", "kari@nordlys.example", "--action", "view", "--module", "invoices", "--owner", "accounting", "--segment", "oslo")
		if code != exitOK || !strings.HasPrefix(out, "allowed (group, ") {
			t.Errorf("%d %s%s", code, out, errs)
		}
		for want, args := range map[string][]string{
			"has no member":          {"--subject", "erik.sjoberg@bjorkvik.example", "--action", "view", "--module", "invoices"}, // the neighbour's
			"has no group":           {"--subject", "kari@nordlys.example", "--action", "view", "--module", "invoices", "--owner", "ekonomi"},
			"neither an e-mail":      {"--subject", "kari", "--action", "view", "--module", "invoices"},
			"--language":             {"--subject", "kari@nordlys.example", "--action", "view", "--module", "invoices", "--language", "fr"},
			"denied (unknown_module": {"--subject", "kari@nordlys.example", "--action", "view", "--module", "nothing"},
		} {
			if code, out, errs := explain(args...); code == exitOK || !strings.Contains(out+errs, want) {
				t.Errorf("%v: %d %s%s, want %q", args, code, out, errs, want)
			}
		}
	})
}

// TestR17_DryRunTellsWhoGainsAndLoses: the numbers and names are those of the change, and nothing is changed.
func TestR17_DryRunTellsWhoGainsAndLoses(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		serve(t, database)
		file := filepath.Join(t.TempDir(), "change.yaml")
		change := "organizations:\n  - slug: nordlys\n    sharing: {invoices: public_read}\n    roles:\n      - {id: chief, name: Daglig leder, profiles: [sales]}\n"
		if err := os.WriteFile(file, []byte(change), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second tells the same: the first changed nothing
			code, out, errs := operate(t, database, "apply", "--dev", "-f", file, "--dry-run")
			for _, want := range []string{"nothing is changed", "access in nordlys: ", "  invoices: ", "records to view: +", "    Kari Nordmann: ", "loses delete, credit, export"} {
				if code != exitOK || !strings.Contains(out, want) {
					t.Errorf("%d %s%s: want %q", code, out, errs, want)
				}
			}
		}
		if code, out, errs := operate(t, database, "apply", "--dev", "-f", file); code != exitOK || strings.Contains(out, "nothing is changed") {
			t.Errorf("%d %s%s", code, out, errs)
		}
		if code, out, _ := operate(t, database, "apply", "--dev", "-f", file, "--dry-run", "--details"); code != exitOK || !strings.Contains(out, "access in nordlys: the same for everybody") {
			t.Errorf("after applying: %d %s", code, out)
		}
	})
}

// TestR17_RecalculateOnTheCommandLineAndTheAPI: with and without a service, for one organization and for all.
func TestR17_RecalculateOnTheCommandLineAndTheAPI(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		for _, args := range [][]string{{"recalculate", "--organization", "nordlys"}, {"recalculate", "--all"}} {
			if code, out, errs := operate(t, database, args...); code != exitOK || !strings.Contains(out, "what was running is what the rows say") {
				t.Errorf("%v: %d %s%s", args, code, out, errs)
			}
		}
		if code, _, errs := operate(t, database, "recalculate", "--organization", "nowhere"); code != exitMistake || !strings.Contains(errs, "no such organization") {
			t.Errorf("%d %s", code, errs)
		}
		if code, _, _ := operate(t, database, "recalculate"); code != exitMistake {
			t.Errorf("without an organization: %d", code)
		}
		status, token := s.machine("/oauth2/token", "demo-api", "dev-api-secret", url.Values{"grant_type": {"client_credentials"}, "scope": {"access_admin"}})
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, token)
		}
		bearer := token["access_token"].(string)
		req, _ := http.NewRequest("POST", s.issuer+"/api/v1/access/recalculations", strings.NewReader(`{"organization":"nordlys"}`))
		req.Header.Set("Authorization", "Bearer "+bearer)
		req.Header.Set("Content-Type", "application/json")
		status, asked, header := s.send(req)
		if status != http.StatusAccepted {
			t.Fatalf("%d %v", status, asked)
		}
		for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			status, got, _ := s.call("GET", s.issuer+header.Get("Location"), bearer, nil)
			if status != http.StatusOK || time.Since(began) > 10*time.Second {
				t.Fatalf("%d %v", status, got)
			}
			if got["state"] == "done" {
				if got["drifts"] != 0.0 || got["done"] != got["total"] || got["total"].(float64) < 8 {
					t.Errorf("%v", got)
				}
				break
			}
		}
		s.stop()
		if code, out, errs := operate(t, database, "recalculate", "--organization", "nordlys"); code != exitOK || !strings.Contains(out, "what was running is what the rows say") {
			t.Errorf("without a service: %d %s%s", code, out, errs)
		}
	})
}
