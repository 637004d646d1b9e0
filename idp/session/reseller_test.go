package session_test

import (
	"testing"

	"portvakt/internal/directory"
)

// TestR30_ASuspendedAgencyHasNoSessions: what SQL takes for a reason to be signed in is what Standing.ActiveAt does.
func TestR30_ASuspendedAgencyHasNoSessions(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		agency, err := e.dir.Organizations.Create(ctx, directory.Organization{Slug: "agency", Name: "Agency", Domains: []string{"agency.example"}, Seats: -1})
		if err != nil {
			t.Fatal(err)
		}
		change := func(id directory.OrganizationID, edit func(*directory.Organization)) {
			t.Helper()
			if _, err := e.dir.Organizations.Change(ctx, id, func(o *directory.Organization) error { edit(o); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		change(e.org, func(o *directory.Organization) { o.ManagedBy = agency.ID })
		e.member(agency.ID, "anna@agency.example")
		n := directory.NewMember{Trusted: true}
		n.Email, n.Kind, n.Reseller.Role = "anna@agency.example", directory.Reseller, directory.Auditor
		m, err := e.dir.Memberships.Create(ctx, e.org, n)
		if err != nil {
			t.Fatal(err)
		}
		_, r := e.start(m.User, nil)
		for _, suspended := range []bool{false, true, false} {
			change(agency.ID, func(o *directory.Organization) { o.Suspended = suspended })
			if e.live(r) == suspended {
				t.Errorf("agency suspended %v: session %v", suspended, !suspended)
			}
		}
	})
}
