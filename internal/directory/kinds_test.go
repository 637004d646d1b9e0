package directory_test

import (
	"errors"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const day = 24 * time.Hour

func external(email string, end time.Time) directory.NewMember {
	n := person(email)
	n.Kind, n.End = directory.External, end
	return n
}

func TestR26_AnEmployeeHasSystemAccessUntilSomebodyEndsIt(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 1)
		m := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t) // no kind given
		clock.Advance(3650 * day)
		read := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t)
		if read.Kind != directory.Employee || !read.ActiveAt(db.Now()) || !read.TakesSeat(db.Now()) {
			t.Errorf("%s is %s", read.Kind, read.StateAt(db.Now()))
		}
		if n := must(h.Memberships.RemindEnding(ctx))(t); n != 0 {
			t.Errorf("%d reminders of no end", n)
		}
		if _, err := h.Memberships.Extend(ctx, h.home.ID, m.ID, db.Now().Add(day)); codeOf(err) != "not_external" {
			t.Errorf("extended: %v", err)
		}
		if _, err := h.Memberships.Create(ctx, h.home.ID, person("ola@nordlys.example")); codeOf(err) != "seats_full" {
			t.Errorf("a second one on one seat: %v", err)
		}
	})
}

func TestR27_AnExternalNeedsAnEndAndIsOverThen(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 1)
		if _, err := h.Memberships.Create(ctx, h.home.ID, external("ola@nordlys.example", time.Time{})); codeOf(err) != "missing" {
			t.Errorf("without an end: %v", err)
		}
		m := must(h.Memberships.Create(ctx, h.home.ID, external("ola@nordlys.example", db.Now().Add(day))))(t)
		if err := h.changeErr(m, func(m *directory.Member) { m.End = time.Time{} }); codeOf(err) != "missing" {
			t.Errorf("the end is taken away: %v", err)
		}
		clock.Advance(day)
		if read := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t); read.ActiveAt(db.Now()) || read.TakesSeat(db.Now()) {
			t.Error("active, or on a seat, at the end")
		}
		must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t) // on the seat that is free
		if _, err := h.Memberships.Extend(ctx, h.home.ID, m.ID, db.Now().Add(day)); codeOf(err) != "seats_full" {
			t.Errorf("extended without a seat: %v", err)
		}
	})
}

// TestR27_RemindersOnceAndOnlyTheNearest: 14, 3 and 1 days before, whichever nodes run when.
func TestR27_RemindersOnceAndOnlyTheNearest(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		end := db.Now().Add(20 * day)
		m := must(h.Memberships.Create(ctx, h.home.ID, external("ola@nordlys.example", end)))(t)
		fixed := person("kari@nordlys.example") // an employee with an end is told as well
		fixed.End = end
		must(h.Memberships.Create(ctx, h.home.ID, fixed))(t)
		quiet := must(h.Memberships.Create(ctx, h.home.ID, external("suspended@nordlys.example", end)))(t)
		h.change(t, quiet, func(m *directory.Member) { m.SuspendedAt = db.Now() })
		must(h.Memberships.Create(ctx, h.home.ID, external("invited@elsewhere.example", end)))(t)

		two := [2]*directory.Directory{directory.New(db), directory.New(db)}
		remind := func(want int64, what string) {
			t.Helper()
			was := h.events(t, directory.EventMembershipEnding)
			wantCounts(t, atOnce(30, func(i int) error { _, err := two[i%2].Memberships.RemindEnding(ctx); return err }), map[string]int{"": 30})
			if n := h.events(t, directory.EventMembershipEnding) - was; n != want {
				t.Errorf("%s: %d reminders, want %d", what, n, want)
			}
		}
		remind(0, "20 days before")
		clock.Advance(6*day - tick)
		remind(0, "just above 14 days before")
		clock.Advance(tick)
		remind(2, "14 days before")
		clock.Advance(10 * day)
		remind(0, "4 days before")
		clock.Advance(3*day + time.Hour) // the nodes were down at three days
		remind(2, "less than 1 day before")
		if n := h.count(t, "select count(*) from reminders where days = 3"); n != 0 {
			t.Errorf("%d late reminders of three days", n)
		}
		must(h.Memberships.Create(ctx, h.home.ID, external("late@nordlys.example", db.Now().Add(2*day))))(t)
		remind(0, "made two days before the end")
		must(h.Memberships.Extend(ctx, h.home.ID, m.ID, end.Add(2*day)))(t)
		remind(1, "extended")
		clock.Advance(4 * day)
		remind(0, "over")
	})
}

func TestR27_ExtendingIsOneStep(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		end := db.Now().Add(10 * day)
		m := must(h.Memberships.Create(ctx, h.home.ID, external("ola@nordlys.example", end)))(t)
		for want, until := range map[string]time.Time{"not_later": end, "end_in_past": db.Now(), "bad_date": time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)} {
			if _, err := h.Memberships.Extend(ctx, h.home.ID, m.ID, until); codeOf(err) != want {
				t.Errorf("until %v: %v, want %s", until, err, want)
			}
		}
		if _, err := h.Memberships.Extend(ctx, h.another.ID, m.ID, end.Add(day)); !errors.Is(err, directory.ErrMemberNotFound) {
			t.Errorf("the neighbour extends: %v", err)
		}
		audited := h.count(t, "select count(*) from audit_entries")
		wantCounts(t, atOnce(30, func(int) error { _, err := h.Memberships.Extend(ctx, h.home.ID, m.ID, end.Add(day)); return err }),
			map[string]int{"": 1, "not_later": 29})
		if n := h.count(t, "select count(*) from audit_entries") - audited; n != 1 {
			t.Errorf("%d audit entries of one extension", n)
		}
		read := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t)
		if !read.End.Equal(end.Add(day)) || read.Epoch != m.Epoch {
			t.Errorf("extended: end %v, epoch %d after %d: the access went on", read.End, read.Epoch, m.Epoch)
		}

		clock.Advance(11 * day) // lapsed, and announced
		must(h.Memberships.AnnounceEnded(ctx))(t)
		back := must(h.Memberships.Extend(ctx, h.home.ID, m.ID, db.Now().Add(day)))(t)
		if !back.ActiveAt(db.Now()) || back.Epoch == m.Epoch {
			t.Errorf("brought back: %s, epoch %d", back.StateAt(db.Now()), back.Epoch)
		}
		if err := h.Memberships.End(ctx, h.home.ID, m.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Memberships.Extend(ctx, h.home.ID, m.ID, db.Now().Add(9*day)); codeOf(err) != "ended" {
			t.Errorf("somebody ended it, and it is extended: %v", err)
		}
	})
}

func TestR28_ALimitedMemberTakesNoSeatAndAdministersNothing(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 0)
		n := person("leon@nordlys.example")
		n.Kind, n.Administrator = directory.Limited, true
		if _, err := h.Memberships.Create(ctx, h.home.ID, n); codeOf(err) != "limited_administrator" {
			t.Errorf("an administrator without system access: %v", err)
		}
		n.Administrator = false
		m := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		if !m.ActiveAt(db.Now()) || m.TakesSeat(db.Now()) {
			t.Errorf("%s, seat %v", m.StateAt(db.Now()), m.TakesSeat(db.Now()))
		}
		if err := h.changeErr(m, func(m *directory.Member) { m.Administrator = true }); codeOf(err) != "limited_administrator" {
			t.Errorf("made an administrator: %v", err)
		}
		if err := h.changeErr(m, func(m *directory.Member) { m.Kind = directory.Employee }); codeOf(err) != "seats_full" {
			t.Errorf("system access without a seat: %v", err)
		}
		boss := person("kari@elsewhere.example")
		boss.Administrator = true
		other := must(h.Memberships.Create(ctx, h.another.ID, boss))(t)
		other = must(h.Memberships.Accept(ctx, other.User, other.ID))(t)
		if err := h.changeErr(other, func(m *directory.Member) { m.Kind, m.Administrator = directory.Limited, false }); !errors.Is(err, directory.ErrLastAdministrator) {
			t.Errorf("the last administrator becomes limited: %v", err)
		}
	})
}

// TestR29_AContactBecomesAUserInOneStep: with everything that refers to the contact kept, and back again.
func TestR29_AContactBecomesAUserInOneStep(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 2)
		n := person("karin@elsewhere.example")
		n.Kind, n.UserName = directory.ContactOnly, "karin"
		c := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		if !c.User.IsZero() || c.TakesSeat(db.Now()) || c.StateAt(db.Now()) != directory.StateContact {
			t.Fatalf("a contact is %+v", c)
		}
		if n := h.count(t, "select count(*) from users"); n != 0 {
			t.Error("a contact made a user")
		}
		n = person("kari@nordlys.example") // refers to the contact
		n.Manager, n.Successor = c.ID, c.ID
		kari := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		must(h.Access.SaveGroups(ctx, h.home.ID, []directory.Group{{Key: "leads", Name: "Leads"}}))(t)
		group := must(h.Access.Groups(ctx, h.home.ID))(t)[0]
		if _, err := db.Exec(ctx, "insert into group_members (organization_id, group_id, member_id, with_below) values ($1, $2, $3, $4)", h.home.ID, group.ID, c.ID, false); err != nil {
			t.Fatal(err)
		}

		if err := h.changeErr(c, func(m *directory.Member) { m.Kind = directory.Employee }); codeOf(err) != "missing" {
			t.Errorf("a user without an address: %v", err)
		}
		turn := func(m *directory.Member) { m.Kind, m.Email = directory.Employee, "Karin@elsewhere.example" }
		if _, err := h.Memberships.Change(ctx, h.another.ID, c.ID, 0, func(m *directory.Member) error { turn(m); return nil }); !errors.Is(err, directory.ErrMemberNotFound) {
			t.Errorf("the neighbour does it: %v", err)
		}
		wantCounts(t, atOnce(30, func(int) error { return h.changeErr(c, turn) }), map[string]int{"": 30})
		u := must(h.Memberships.ByID(ctx, h.home.ID, c.ID))(t)
		if u.User.IsZero() || u.ID != c.ID || u.UserName != "karin" || u.StateAt(db.Now()) != directory.StateInvited || !u.TakesSeat(db.Now()) {
			t.Errorf("the user is %+v", u)
		}
		if n := h.count(t, "select count(*) from events where kind = 'membership.created' and subject = $1", c.ID.String()); n != 2 {
			t.Errorf("%d times created, want the contact and the user: one mail", n)
		}
		if kari = must(h.Memberships.ByID(ctx, h.home.ID, kari.ID))(t); kari.Manager != c.ID || kari.Successor != c.ID {
			t.Error("who referred to the contact does not refer to the user")
		}
		u = must(h.Memberships.Accept(ctx, u.User, u.ID))(t)
		if facts := must(h.Access.Of(ctx, h.home.ID, u.ID))(t); len(facts.Groups) != 1 {
			t.Errorf("groups %v", facts.Groups)
		}

		back := h.change(t, u, func(m *directory.Member) { m.Kind = directory.ContactOnly })
		if back.TakesSeat(db.Now()) || back.StateAt(db.Now()) != directory.StateContact || back.Epoch == u.Epoch || back.User != u.User {
			t.Errorf("a contact again: %+v", back)
		}
		must(h.Memberships.Create(ctx, h.home.ID, person("third@nordlys.example")))(t) // on the free seat
		if err := h.changeErr(back, func(m *directory.Member) { m.Kind = directory.Employee }); codeOf(err) != "seats_full" {
			t.Errorf("a user again without a seat: %v", err)
		}
		limited := h.change(t, back, func(m *directory.Member) { m.Kind = directory.Limited })
		if !limited.ActiveAt(db.Now()) || limited.Epoch != back.Epoch || limited.User != u.User {
			t.Errorf("with access again: %s, epoch %d", limited.StateAt(db.Now()), limited.Epoch)
		}
	})
}
