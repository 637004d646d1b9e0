package directory_test

import (
	"fmt"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// seatPath is a way in which a seat is taken: prepare makes what the path needs, take takes the seat.
type seatPath struct {
	name    string
	prepare func(t *testing.T, h house, email string) directory.Member
	take    func(h house, m directory.Member, email string) error
}

func seatPaths(clock *testenv.Clock) []seatPath {
	none := func(*testing.T, house, string) directory.Member { return directory.Member{} }
	of := func(kind directory.Kind) func(*testing.T, house, string) directory.Member {
		return func(t *testing.T, h house, email string) directory.Member {
			n := person(email)
			n.Kind = kind
			return must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		}
	}
	edit := func(e func(*directory.Member, string)) func(house, directory.Member, string) error {
		return func(h house, m directory.Member, email string) error {
			return h.changeErr(m, func(m *directory.Member) { e(m, email) })
		}
	}
	create := func(with func(*directory.NewMember)) func(house, directory.Member, string) error {
		return func(h house, _ directory.Member, email string) error {
			n := person(email)
			with(&n)
			_, err := h.Memberships.Create(ctx, h.home.ID, n)
			return err
		}
	}
	return []seatPath{
		{"creation", none, create(func(*directory.NewMember) {})},
		{"apply", none, create(func(n *directory.NewMember) { n.Trusted = true })},
		{"invitation", none, create(func(n *directory.NewMember) { n.Email += ".elsewhere.example"; n.UserName = n.Email })},
		{"future start", none, create(func(n *directory.NewMember) { n.Start = clock.Now().Add(90 * 24 * time.Hour) })},
		{"limited becomes employee", of(directory.Limited), edit(func(m *directory.Member, _ string) { m.Kind = directory.Employee })},
		{"contact becomes user", of(directory.ContactOnly), edit(func(m *directory.Member, email string) { m.Kind, m.Email = directory.Employee, email })},
		{"reactivation", func(t *testing.T, h house, email string) directory.Member {
			m := of(directory.Employee)(t, h, email)
			return h.change(t, m, func(m *directory.Member) { m.SuspendedAt = clock.Now() })
		}, edit(func(m *directory.Member, _ string) { m.SuspendedAt = time.Time{} })},
		{"later end", func(t *testing.T, h house, email string) directory.Member {
			n := person(email)
			n.Kind, n.Start, n.End = directory.External, clock.Now().Add(-48*time.Hour), clock.Now().Add(-time.Hour)
			return must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		}, edit(func(m *directory.Member, _ string) { m.End = clock.Now().Add(time.Hour) })},
		{"appointment", none, func(h house, _ directory.Member, email string) error {
			_, err := h.Memberships.Appoint(ctx, h.home.ID, directory.Appointment{Email: email, Reason: "nobody is left"})
			return err
		}},
	}
}

// TestR32_LastSeatOverEveryPath: forty want the last seat at the same moment, each in another way; one has it, once told.
func TestR32_LastSeatOverEveryPath(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 3)
		paths := seatPaths(clock)
		var prepared []directory.Member
		email := func(i int) string { return fmt.Sprintf("p%d@nordlys.example", i) }
		for i := range 40 {
			prepared = append(prepared, paths[i%len(paths)].prepare(t, h, email(i)))
		}
		for i := range 2 {
			must(h.Memberships.Create(ctx, h.home.ID, person(fmt.Sprintf("first%d@nordlys.example", i))))(t)
		}
		told := h.events(t, directory.EventSeatsFull)
		wantCounts(t, atOnce(40, func(i int) error { return paths[i%len(paths)].take(h, prepared[i], email(i)) }),
			map[string]int{"": 1, "seats_full": 39})
		if u := must(h.Organizations.SeatUsage(ctx, h.home.ID))(t); u.Used != 3 || u.Free() != 0 || u.Extra != 0 {
			t.Errorf("usage %+v", u)
		}
		if n := h.events(t, directory.EventSeatsFull) - told; n != 1 {
			t.Errorf("the last seat was told of %d times", n)
		}
	})
}

func TestR32_SeatsAreCountedByState(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 5)
		make := func(email string, with func(*directory.NewMember)) directory.Member {
			n := person(email)
			with(&n)
			return must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		}
		plain := func(*directory.NewMember) {}
		active := make("a@nordlys.example", plain)
		make("b@elsewhere.example", plain)
		make("c@nordlys.example", func(n *directory.NewMember) { n.Start = db.Now().Add(time.Hour) })
		make("d@nordlys.example", func(n *directory.NewMember) { n.Kind = directory.Limited })
		make("e@nordlys.example", func(n *directory.NewMember) { n.Kind = directory.ContactOnly })
		away := make("f@nordlys.example", plain)
		h.change(t, away, func(m *directory.Member) { m.SuspendedAt = db.Now() })
		lapsing := make("g@elsewhere.example", func(n *directory.NewMember) { n.AcceptBy = db.Now().Add(time.Hour) })
		_ = lapsing
		want := directory.Usage{Seats: 5, Used: 4, Active: 1, Invited: 2, Scheduled: 1, Suspended: 1, Limited: 1, Contacts: 1}
		if u := must(h.Organizations.SeatUsage(ctx, h.home.ID))(t); u != want || u.Free() != 1 {
			t.Errorf("usage %+v\nwant  %+v", u, want)
		}
		clock.Advance(time.Hour) // the invitation has lapsed, the start has come
		want.Used, want.Active, want.Invited, want.Scheduled = 3, 2, 1, 0
		if u := must(h.Organizations.SeatUsage(ctx, h.home.ID))(t); u != want {
			t.Errorf("an hour later %+v\nwant  %+v", u, want)
		}
		if err := h.Memberships.End(ctx, h.home.ID, active.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		want.Used, want.Active = 2, 1
		if u := must(h.Organizations.SeatUsage(ctx, h.home.ID))(t); u != want {
			t.Errorf("after an end %+v\nwant  %+v", u, want)
		}
		if u := must(h.Organizations.SeatUsage(ctx, h.another.ID))(t); u.Used != 0 || u.Free() != directory.UnlimitedSeats {
			t.Errorf("the neighbour's usage %+v", u)
		}
		if _, err := h.Organizations.SeatUsage(ctx, directory.OrganizationID{9}); codeOf(err) != "organization_not_found" {
			t.Errorf("nobody's usage: %v", err)
		}
	})
}

// TestR32_SuspendedKeepSeats: where the organization chose so, a suspended member keeps the seat and comes back to it.
func TestR32_SuspendedKeepSeats(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 2)
		kari := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		must(h.Memberships.Create(ctx, h.home.ID, person("ola@nordlys.example")))(t)
		keep := func(on bool) error {
			_, err := h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.SuspendedKeepSeats = on; return nil })
			return err
		}
		if err := keep(true); err != nil {
			t.Fatal(err)
		}
		suspend := func(m *directory.Member) { m.SuspendedAt = db.Now() }
		back := func(m *directory.Member) { m.SuspendedAt = time.Time{} }
		h.change(t, kari, suspend)
		per := person("per@nordlys.example")
		if _, err := h.Memberships.Create(ctx, h.home.ID, per); codeOf(err) != "seats_full" {
			t.Errorf("somebody took the suspended member's seat: %v", err)
		}
		// A member who is suspended and becomes an employee takes a seat as well, and so does one made suspended.
		limited := person("limited@nordlys.example")
		limited.Kind = directory.Limited
		l := h.change(t, must(h.Memberships.Create(ctx, h.home.ID, limited))(t), suspend)
		if code := codeOf(h.changeErr(l, func(m *directory.Member) { m.Kind = directory.Employee })); code != "seats_full" {
			t.Errorf("a suspended limited member becomes an employee: %q", code)
		}
		away := person("away@nordlys.example")
		away.SuspendedAt = db.Now()
		if _, err := h.Memberships.Create(ctx, h.home.ID, away); codeOf(err) != "seats_full" {
			t.Errorf("made suspended: %v", err)
		}
		h.change(t, kari, back)
		h.change(t, kari, suspend)
		if u := must(h.Organizations.SeatUsage(ctx, h.home.ID))(t); u.Used != 2 || u.Suspended != 1 || !u.SuspendedKeepSeats {
			t.Errorf("usage %+v", u)
		}
		if err := keep(false); err != nil {
			t.Fatal(err)
		}
		must(h.Memberships.Create(ctx, h.home.ID, per))(t)
		if f := fault.Of(keep(true)); f == nil || f.Code != "seats_in_use" || f.Text != "3 seats are in use" {
			t.Errorf("chosen with more than there are: %v", f)
		}
		if code := codeOf(h.changeErr(kari, back)); code != "seats_full" {
			t.Errorf("reactivated into a full house: %q", code)
		}
	})
}

// TestR32_SeatsBelowUse: refused with the number that is in use, also at the same moment as the seats are taken.
func TestR32_SeatsBelowUse(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		for i := range 3 {
			must(h.Memberships.Create(ctx, h.home.ID, person(fmt.Sprintf("p%d@nordlys.example", i))))(t)
		}
		seats := func(n int64) error {
			_, err := h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Seats = n; return nil })
			return err
		}
		if f := fault.Of(seats(2)); f == nil || f.Kind != fault.Conflict || f.Code != "seats_in_use" || f.Field != "seats" || f.Text != "3 seats are in use" {
			t.Errorf("below use: %v", f)
		}
		if err := seats(10); err != nil {
			t.Fatal(err)
		}
		atOnce(20, func(i int) error {
			if i%2 == 0 {
				return seats(int64(4 + i%7))
			}
			_, err := h.Memberships.Create(ctx, h.home.ID, person(fmt.Sprintf("q%d@nordlys.example", i)))
			return err
		})
		if u := must(h.Organizations.SeatUsage(ctx, h.home.ID))(t); u.Used > u.Seats {
			t.Errorf("passed: %+v", u)
		}
	})
}
