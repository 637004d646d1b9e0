package directory_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// shutOut are all ways in which an organization can lose an administrator who can act.
func shutOut(h house) map[string]func(directory.Member) error {
	edit := func(e func(*directory.Member)) func(directory.Member) error {
		return func(m directory.Member) error { return h.changeErr(m, e) }
	}
	now := h.db.Now
	return map[string]func(directory.Member) error{
		"demoted":   edit(func(m *directory.Member) { m.Administrator = false }),
		"suspended": edit(func(m *directory.Member) { m.SuspendedAt = now() }),
		"end date":  edit(func(m *directory.Member) { m.End = now().Add(time.Hour) }),
		"ended":     edit(func(m *directory.Member) { m.Start, m.End = now().Add(-time.Hour), now() }),
		"starts":    edit(func(m *directory.Member) { m.Start = now().Add(time.Hour) }),
		"contact":   edit(func(m *directory.Member) { m.Kind, m.Administrator = directory.ContactOnly, false }),
		"external":  edit(func(m *directory.Member) { m.Kind, m.End = directory.External, now().Add(time.Hour) }),
		"end": func(m directory.Member) error {
			return h.Memberships.End(ctx, m.Organization, m.ID, directory.Ending{Choice: directory.EndPending})
		},
		"delete": func(m directory.Member) error { return h.Memberships.Delete(ctx, m.Organization, m.ID) },
		"disabled": func(m directory.Member) error {
			_, err := h.Users.SetState(ctx, m.User, directory.UserDisabled)
			return err
		},
		"erased": func(m directory.Member) error { return h.guard(m.User) },
		"in another": func(m directory.Member) error {
			return h.db.Update(ctx, func(tx *sqldb.Tx) error {
				return h.WithTx(tx).Memberships.End(ctx, m.Organization, m.ID, directory.Ending{Choice: directory.EndPending})
			})
		},
	}
}

// guard is what an erasure asks first.
func (h house) guard(u directory.UserID) error {
	return h.db.Update(ctx, func(tx *sqldb.Tx) error {
		if err := directory.GuardAdministratorsOfUserForTest(ctx, tx, u); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "update users set state = 'erased' where id = $1", u)
		return err
	})
}

// TestR10_LastAdministratorOverEveryPath: alone, the last one stays, whatever is tried; of two who are shut out at the same
// moment, each in another way, one stays.
func TestR10_LastAdministratorOverEveryPath(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		paths := shutOut(h)
		n := 0
		administrators := func(count int) []directory.Member {
			n++
			org := must(h.Organizations.Create(ctx, directory.Organization{Slug: fmt.Sprint("o", n), Name: "O", Seats: directory.UnlimitedSeats}))(t)
			var out []directory.Member
			for i := range count {
				a := person(fmt.Sprintf("admin%d.%d@race.example", n, i))
				a.Administrator, a.Trusted = true, true
				out = append(out, must(h.Memberships.Create(ctx, org.ID, a))(t))
			}
			return out
		}
		for name, path := range paths {
			last := administrators(1)[0]
			if err := path(last); !errors.Is(err, directory.ErrLastAdministrator) {
				t.Errorf("%s: the last administrator: %v", name, err)
			}
			for _, other := range []string{"disabled", "erased", "end", "demoted"} {
				two := administrators(2)
				got := atOnce(2, func(i int) error {
					if i == 0 {
						return path(two[0])
					}
					return paths[other](two[1])
				})
				if got[""] != 1 || got["last_administrator"] != 1 {
					t.Errorf("%s against %s: %v", name, other, got)
				}
			}
		}
	})
}

// TestR10_UserOfManyOrganizations: disabling a person asks every organization that the person administers.
func TestR10_UserOfManyOrganizations(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		a := person("kari@nordlys.example")
		a.Administrator, a.Trusted = true, true
		kari := must(h.Memberships.Create(ctx, h.home.ID, a))(t)
		must(h.Memberships.Create(ctx, h.another.ID, a))(t)
		a.Email, a.UserName = "ola@nordlys.example", ""
		must(h.Memberships.Create(ctx, h.home.ID, a))(t)
		if _, err := h.Users.SetState(ctx, kari.User, directory.UserDisabled); !errors.Is(err, directory.ErrLastAdministrator) {
			t.Errorf("the neighbour's last one: %v", err)
		}
		must(h.Memberships.Create(ctx, h.another.ID, a))(t)
		if _, err := h.Users.SetState(ctx, kari.User, directory.UserDisabled); err != nil {
			t.Errorf("both have another: %v", err)
		}
	})
}

func TestR10_Appoint(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		operator := actor.With(ctx, actor.Actor{Kind: actor.Operator, ID: "usr_operator"})
		ola := must(h.Memberships.Create(ctx, h.home.ID, person("ola@nordlys.example")))(t)
		foreign := must(h.Memberships.Create(ctx, h.another.ID, person("foreign@elsewhere.example")))(t)
		if without := must(h.Organizations.WithoutAdministrator(ctx))(t); len(without) != 2 || without[1].Slug != "nordlys" {
			t.Errorf("without: %+v", without)
		}
		appoint := func(a directory.Appointment) (directory.Member, error) {
			return h.Memberships.Appoint(operator, h.home.ID, a)
		}
		for name, a := range map[string]directory.Appointment{
			"missing":          {Email: "ola@nordlys.example", Reason: " "},
			"too_long":         {Email: "ola@nordlys.example", Reason: strings.Repeat("x", 501)},
			"bad_text":         {Email: "ola@nordlys.example", Reason: "a\x00b"},
			"bad_email":        {Email: "ola", Reason: "r"},
			"member_not_found": {Membership: foreign.ID, Reason: "r"},
		} {
			if _, err := appoint(a); codeOf(err) != name {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, kind := range []actor.Kind{actor.Person, actor.ProvisioningClient, actor.Anonymous, actor.Application, actor.ServiceAccount} {
			_, err := h.Memberships.Appoint(actor.With(ctx, actor.Actor{Kind: kind}), h.home.ID, directory.Appointment{Email: "ola@nordlys.example", Reason: "r"})
			if !errors.Is(err, directory.ErrNotOperator) {
				t.Errorf("%s appoints: %v", kind, err)
			}
		}
		m := must(appoint(directory.Appointment{Email: "OLA@nordlys.example", Reason: "the founder has left"}))(t)
		if m.ID != ola.ID || !m.Administrator || !m.ActiveAt(db.Now()) {
			t.Errorf("a member: %+v", m)
		}
		if without := must(h.Organizations.WithoutAdministrator(ctx))(t); len(without) != 1 || without[0].ID != h.another.ID {
			t.Errorf("without: %+v", without)
		}
		contact := directory.NewMember{Member: directory.Member{Kind: directory.ContactOnly, UserName: "post@elsewhere.example"}}
		must(h.Memberships.Create(ctx, h.home.ID, contact))(t)
		if _, err := appoint(directory.Appointment{Email: "post@elsewhere.example", Reason: "r"}); codeOf(err) != "appointee_name" {
			t.Errorf("a contact's user name: %v", err)
		}
		invited := must(appoint(directory.Appointment{Email: "new@elsewhere.example", Reason: "a second one"}))(t)
		if !invited.Administrator || invited.StateAt(db.Now()) != directory.StateInvited {
			t.Errorf("somebody new: %+v", invited)
		}
		if err := h.Memberships.End(ctx, h.home.ID, invited.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		if again := must(appoint(directory.Appointment{Email: "new@elsewhere.example", Reason: "come back"}))(t); again.ID == invited.ID {
			t.Error("an ended membership was brought back")
		}
		away := must(h.Memberships.Create(ctx, h.home.ID, person("away@nordlys.example")))(t)
		h.change(t, away, func(m *directory.Member) { m.SuspendedAt = db.Now() })
		if _, err := appoint(directory.Appointment{Membership: away.ID, Reason: "r"}); codeOf(err) != "bad_appointee" {
			t.Errorf("a suspended member: %v", err)
		}
		if n := h.count(t, "select count(*) from audit_entries where action = 'administrator.appointed' and actor_id = 'usr_operator' and detail like '%the founder has left%'"); n != 1 {
			t.Errorf("%d entries with the reason", n)
		}
		if n := h.events(t, directory.EventAdministratorAppointed); n != 3 {
			t.Errorf("%d events, want 3", n)
		}
	})
}

// TestR10_AppointRace: thirty times the same person at the same moment makes one member.
func TestR10_AppointRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		wantCounts(t, atOnce(30, func(int) error {
			_, err := h.Memberships.Appoint(ctx, h.home.ID, directory.Appointment{Email: "new@elsewhere.example", Reason: "r"})
			return err
		}), map[string]int{"": 30})
		if n := h.count(t, "select count(*) from memberships where administrator = true"); n != 1 {
			t.Errorf("%d administrators", n)
		}
	})
}
