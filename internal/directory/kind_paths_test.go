package directory_test

import (
	"testing"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR28_NoPathMakesALimitedMemberAnAdministrator: nor a contact, whichever comes first, the kind or the right.
func TestR28_NoPathMakesALimitedMemberAnAdministrator(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		operator := actor.With(ctx, actor.Actor{Kind: actor.Operator, ID: "usr_operator"})
		n := person("boss@nordlys.example")
		n.Administrator = true
		boss := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		n = person("second@nordlys.example")
		n.Administrator = true
		second := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		yes := true
		for kind, code := range map[directory.Kind]string{directory.Limited: "limited_administrator", directory.ContactOnly: "contact_administrator"} {
			n := person(string(kind) + "@nordlys.example")
			n.Kind = kind
			m := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
			n = person("new-" + n.Email)
			n.Kind, n.Administrator = kind, true
			_, err := h.Memberships.Create(ctx, h.home.ID, n)
			wantCode(t, "made so", err, code)
			n.Trusted = true
			_, err = h.Memberships.CreateFrom(ctx, h.home.ID, boss.ID, n)
			wantCode(t, "made like another", err, code)
			wantCode(t, "given the right", h.changeErr(m, func(m *directory.Member) { m.Administrator = true }), code)
			wantCode(t, "given the kind", h.changeErr(second, func(m *directory.Member) { m.Kind = kind }), code)
			_, err = h.Memberships.Appoint(operator, h.home.ID, directory.Appointment{Membership: m.ID, Reason: "r"})
			wantCode(t, "appointed", err, code)
			line := importLine(n.Email)
			line.Kind, line.Administrator = kind, &yes
			if got := said(h.imported(t, h.home.ID, line)); got != code+"@administrator" {
				t.Errorf("imported as %s: %s", kind, got)
			}
		}
		if n := h.count(t, "select count(*) from memberships where administrator = true"); n != 2 {
			t.Errorf("%d administrators", n)
		}
	})
}
