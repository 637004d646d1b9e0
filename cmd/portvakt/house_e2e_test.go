//go:build e2e

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// apply applies a file beside the running service.
func (s *service) apply(database, text string) (code int, stdout, stderr string) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "file.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return operate(s.t, database, "apply", "--dev", "-f", file)
}

// TestR32_SeatsAsOthersSeeThem: over SCIM and apply, with the number that is in use; extra users lift the bound (R24).
func TestR32_SeatsAsOthersSeeThem(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		code, _, errs := s.apply(database, "organizations: [{slug: nordlys, seats: 1}]")
		if code != exitMistake || !strings.Contains(errs, "seats are in use") {
			t.Fatalf("below use: %d %s", code, errs)
		}
		used := strings.Fields(errs[strings.Index(errs, "nordlys: ")+len("nordlys: "):])[0]
		if code, _, errs = s.apply(database, "organizations: [{slug: nordlys, seats: "+used+"}]"); code != exitOK {
			t.Fatalf("as many as are in use: %d %s", code, errs)
		}
		hire := func(email string) (int, map[string]any) {
			status, out, _ := s.call(http.MethodPost, s.users(), hrToken, map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": email})
			return status, out
		}
		status, out := hire("one.too.many@nordlys.example")
		if status != http.StatusForbidden || out["detail"] != "All "+used+" seats are in use" || out["scimType"] != nil {
			t.Errorf("one too many: %d %v", status, out)
		}
		if code, _, errs = s.apply(database, "organizations: [{slug: nordlys, features: [archive, extra_users]}]"); code != exitOK {
			t.Fatalf("extra users: %d %s", code, errs)
		}
		if status, out = hire("one.too.many@nordlys.example"); status != http.StatusCreated {
			t.Errorf("with extra users: %d %v", status, out)
		}
		if code, _, errs = s.apply(database, "organizations: [{slug: nordlys, features: [archive]}]"); code != exitMistake || !strings.Contains(errs, "seats are in use") {
			t.Errorf("given back while they are there: %d %s", code, errs)
		}
	})
}

// TestR06_SegmentsInClaims: an administrator's token says all, whatever is ticked and whatever is made later; R01: a
// member of whom a second factor is demanded is asked for it.
func TestR06_SegmentsInClaims(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		member := func(more string) {
			t.Helper()
			code, _, errs := s.apply(database, "organizations: [{slug: bjorkvik, segments: [north, south], members: [{email: sven@bjorkvik.example, password: dev only secret 77, segments: [north]"+more+"}]}]")
			if code != exitOK {
				t.Fatalf("%d %s", code, errs)
			}
		}
		claims := func() (string, *person) {
			p := newPerson(t)
			p.open(s.demo).press("sign-in").signIn("sven@bjorkvik.example", "dev only secret 77").enrolAsAsked()
			return p.claim("segments"), p
		}
		member("")
		if got, p := claims(); !strings.Contains(got, "north") || strings.Contains(got, "*") {
			t.Errorf("a member's segments %q on %q", got, p.page())
		}
		member(", administrator: true")
		if got, p := claims(); !strings.Contains(got, "*") || strings.Contains(got, "north") {
			t.Errorf("an administrator's segments %q on %q", got, p.page())
		}
		member(", administrator: false, second_factor: required")
		if _, p := claims(); p.page() != "second-factor" {
			t.Errorf("a member of whom a second factor is demanded comes to %q", p.page())
		}
	})
}

// TestR23_ReadyPackages: an installation that starts with a file of its own organizations only has them.
func TestR23_ReadyPackages(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		file := filepath.Join(t.TempDir(), "seed.yaml")
		if err := os.WriteFile(file, []byte("organizations: [{slug: alone, name: Alone}]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := serve(t, database, "--seed", file)
		code, _, errs := s.apply(database, "organizations: [{slug: alone, members: [{email: a@alone.example, packages: [accountant]}, {email: b@alone.example, packages: [receptionist]}]}]")
		if code != exitOK {
			t.Errorf("%d %s", code, errs)
		}
	})
}

// TestR03_TwoAdministrativeRoles: a member is a user or a local administrator; a provisioning client without the right
// makes none, and the token of an administrator says so.
func TestR03_TwoAdministrativeRoles(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, database string) {
		s := serve(t, database)
		const extension = "urn:portvakt:params:scim:schemas:extension:membership:1.0:User"
		user := map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User", extension},
			"userName": "boss@nordlys.example", extension: map[string]any{"administrator": true}}
		status, out, _ := s.call(http.MethodPost, s.users(), hrToken, user)
		if made, _ := out[extension].(map[string]any); status == http.StatusCreated && made["administrator"] == true {
			t.Errorf("HR made an administrator: %d %v", status, out)
		}
		member := func(administrator string) string {
			t.Helper()
			code, _, errs := s.apply(database, "organizations: [{slug: bjorkvik, members: [{email: sven@bjorkvik.example, password: dev only secret 77, administrator: "+administrator+"}]}]")
			if code != exitOK {
				t.Fatalf("%d %s", code, errs)
			}
			p := newPerson(t)
			p.open(s.demo).press("sign-in").signIn("sven@bjorkvik.example", "dev only secret 77").enrolAsAsked()
			return p.claim("roles")
		}
		if got := member("false"); strings.Contains(got, "local_admin") {
			t.Errorf("a user's roles %q", got)
		}
		if got := member("true"); !strings.Contains(got, "local_admin") {
			t.Errorf("an administrator's roles %q", got)
		}
	})
}
