package directory_test

import (
	"fmt"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const thirty = 30

// crowd makes thirty members of the home organization.
func (h house) crowd(t *testing.T, name string, with func(*directory.NewMember)) []directory.Member {
	t.Helper()
	var out []directory.Member
	for i := range thirty {
		n := person(fmt.Sprintf("%s%d@nordlys.example", name, i))
		if with != nil {
			with(&n)
		}
		out = append(out, must(h.Memberships.Create(ctx, h.home.ID, n))(t))
	}
	return out
}

// TestWall139_ThirtyAtOnce: each rule that says "one" gives exactly one where thirty try at the same moment, on both
// engines, and the others hear why.
func TestWall139_ThirtyAtOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		client := must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: "HR"}, "token-of-hr"))(t).ID
		members := h.crowd(t, "p", nil)
		for what, edit := range map[string]func(i int, m *directory.Member){
			"user_name_taken": func(i int, m *directory.Member) {
				m.UserName = []string{"ÅSE THE CHIEF", "åse the chief", "a\u030ase the chief"}[i%3]
			},
			"external_id_taken": func(_ int, m *directory.Member) { m.ExternalID, m.ManagedBy = "chief", client },
			"function_taken":    func(_ int, m *directory.Member) { m.Functions = []directory.Function{directory.InvoiceRecipient} },
			"email_taken": func(i int, m *directory.Member) {
				m.Email = []string{"boss@nordlys.example", "BOSS@Nordlys.example"}[i%2]
			},
		} {
			wantCounts(t, atOnce(thirty, func(i int) error { return h.changeErr(members[i], func(m *directory.Member) { edit(i, m) }) }), map[string]int{"": 1, what: thirty - 1})
		}
		wantCounts(t, atOnce(thirty, func(i int) error { // made with it, instead of given it
			n := person(fmt.Sprintf("f%d@nordlys.example", i))
			n.Functions = []directory.Function{directory.MainRecipient}
			_, err := h.Memberships.Create(ctx, h.home.ID, n)
			return err
		}), map[string]int{"": 1, "function_taken": thirty - 1})
		wantCounts(t, atOnce(thirty, func(i int) error { // one new person, two organizations
			n := person([]string{"new@elsewhere.example", "NEW@Elsewhere.example"}[i%2])
			n.UserName = fmt.Sprint("new", i)
			_, err := h.Memberships.Create(ctx, []directory.OrganizationID{h.home.ID, h.another.ID}[i/2%2], n)
			return err
		}), map[string]int{"": 2, "already_member": thirty - 2})
		if n := h.count(t, "select count(*) from users where email_key = 'new@elsewhere.example'"); n != 1 {
			t.Errorf("one person is %d users", n)
		}
		for _, m := range members[:2] {
			h.asNeighbour(t, m)
		}
	})
}

// TestAnswersAgainstDelete: of accepting, declining and deleting at the same moment, the person's answer counts once at
// most, the deletion once, and nobody is left in between.
func TestAnswersAgainstDelete(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		for round := range 3 {
			m := must(h.Memberships.Create(ctx, h.another.ID, person(fmt.Sprintf("p%d@elsewhere.example", round))))(t)
			wins := make([]bool, thirty)
			counts := atOnce(thirty, func(i int) (err error) {
				switch i % 3 {
				case 0:
					_, err = h.Memberships.Accept(ctx, m.User, m.ID)
				case 1:
					err = h.Memberships.Decline(ctx, m.User, m.ID)
				default:
					err = h.Memberships.Delete(ctx, h.another.ID, m.ID)
				}
				wins[i] = err == nil
				return err
			})
			won := [3]int{}
			for i, w := range wins {
				won[i%3] += one(w)
			}
			if won[2] != 1 || won[0]+won[1] > 1 || counts[""]+counts["member_not_found"] != thirty {
				t.Errorf("accepted %d, declined %d, deleted %d: %v", won[0], won[1], won[2], counts)
			}
			if list := must(h.Memberships.StandingsOf(ctx, m.User))(t); len(list) != 0 {
				t.Errorf("still stands: %+v", list)
			}
			if n := h.count(t, "select count(*) from audit_entries where object = $1 and action = 'membership.accepted'", m.ID.String()); int(n) != won[0] {
				t.Errorf("accepted %d times, %d entries", won[0], n)
			}
			h.asNeighbour(t, m)
		}
	})
}

// TestEndAgainstChanges: an end is never refused or lost, whoever edits at the same moment under whatever version.
func TestEndAgainstChanges(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		for round := range 3 {
			m := must(h.Memberships.Create(ctx, h.home.ID, person(fmt.Sprintf("p%d@nordlys.example", round))))(t)
			counts := atOnce(thirty, func(i int) error {
				if i == 7 || i == 8 {
					return h.endNow(h.home.ID, m.ID)
				}
				_, err := h.Memberships.Change(ctx, h.home.ID, m.ID, m.Version, func(m *directory.Member) error { m.SuspendedAt = db.Now(); return nil })
				return err
			})
			if counts[""] < 2 || counts[""] > 3 || counts["stale"] != thirty-counts[""] {
				t.Errorf("outcomes %v", counts)
			}
			got := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t)
			if got.StateAt(db.Now()) != directory.StateEnded || got.EndedAt.IsZero() || got.AnnouncedAt.IsZero() || got.Epoch <= m.Epoch {
				t.Errorf("after the end: %s, epoch %d", got.StateAt(db.Now()), got.Epoch)
			}
			if n := h.count(t, "select count(*) from events where kind = $1 and subject = $2", directory.EventMembershipEnded, m.ID.String()); n != 1 {
				t.Errorf("told %d times", n)
			}
			h.asNeighbour(t, m)
		}
	})
}

// TestLastAdministratorOfThirty: all leave at once, each by another path; one cannot.
func TestLastAdministratorOfThirty(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		admins := h.crowd(t, "a", func(n *directory.NewMember) { n.Administrator = true })
		paths := []func(m directory.Member) error{
			func(m directory.Member) error {
				return h.changeErr(m, func(m *directory.Member) { m.Administrator = false })
			},
			func(m directory.Member) error {
				return h.changeErr(m, func(m *directory.Member) { m.SuspendedAt = db.Now() })
			},
			func(m directory.Member) error {
				return h.changeErr(m, func(m *directory.Member) { m.End = db.Now().Add(time.Hour) })
			},
			func(m directory.Member) error { return h.endNow(m.Organization, m.ID) },
			func(m directory.Member) error { return h.Memberships.Delete(ctx, m.Organization, m.ID) },
		}
		wantCounts(t, atOnce(thirty, func(i int) error { return paths[i%len(paths)](admins[i]) }), map[string]int{"": thirty - 1, "last_administrator": 1})
		n := h.count(t, `select count(*) from memberships where organization_id = $1 and administrator = true and end_at is null
			and ended_at is null and deleted_at is null and suspended_at is null`, h.home.ID)
		if n != 1 {
			t.Errorf("%d administrators are left", n)
		}
		h.asNeighbour(t, admins[0])
	})
}

// TestLastSeatOfEveryPath: thirty ways to take the one seat that is left, at the same moment.
func TestLastSeatOfEveryPath(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		limited := h.crowd(t, "l", func(n *directory.NewMember) { n.Kind = directory.Limited })
		var gone []directory.Member
		for _, m := range h.crowd(t, "g", nil)[:10] {
			if err := h.endNow(h.home.ID, m.ID); err != nil {
				t.Fatal(err)
			}
			gone = append(gone, m)
		}
		must(h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Seats = 21; return nil }))(t) // 20 are in use
		wantCounts(t, atOnce(thirty, func(i int) error {
			switch i % 3 {
			case 0:
				return h.changeErr(limited[i], func(m *directory.Member) { m.Kind = directory.Employee })
			case 1:
				return h.changeErr(gone[i/3], func(m *directory.Member) { m.End = db.Now().Add(time.Hour) })
			}
			_, err := h.Memberships.Create(ctx, h.home.ID, person(fmt.Sprintf("n%d@elsewhere.example", i)))
			return err
		}), map[string]int{"": 1, "seats_full": thirty - 1})
		if n := len(must(directory.SeatTakersForTest(ctx, db, h.home.ID, db.Now()))(t)); n != 21 {
			t.Errorf("%d seats are taken", n)
		}
		h.asNeighbour(t, limited[0])
	})
}
