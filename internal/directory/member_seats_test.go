package directory_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// atOnce runs f n times at the same moment and counts how it went, by the code of the fault; "" is success.
func atOnce(n int, f func(i int) error) map[string]int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	counts := map[string]int{}
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			code := codeOf(f(i))
			mu.Lock()
			counts[code]++
			mu.Unlock()
		})
	}
	close(start)
	wg.Wait()
	return counts
}

func codeOf(err error) string {
	switch f := fault.Of(err); {
	case err == nil:
		return ""
	case f.Kind == fault.Internal:
		return err.Error()
	default:
		return f.Code
	}
}

func wantCounts(t *testing.T, got map[string]int, want map[string]int) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("outcomes %v, want %v", got, want)
	}
}

func (h house) change(t *testing.T, m directory.Member, edit func(*directory.Member)) directory.Member {
	t.Helper()
	return must(h.Memberships.Change(ctx, m.Organization, m.ID, 0, func(m *directory.Member) error { edit(m); return nil }))(t)
}

func (h house) changeErr(m directory.Member, edit func(*directory.Member)) error {
	_, err := h.Memberships.Change(ctx, m.Organization, m.ID, 0, func(m *directory.Member) error { edit(m); return nil })
	return err
}

func (h house) count(t *testing.T, sql string, args ...any) int64 {
	t.Helper()
	var n int64
	if err := h.db.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLastSeatRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 4)
		for i := range 3 {
			must(h.Memberships.Create(ctx, h.home.ID, person(fmt.Sprintf("first%d@nordlys.example", i))))(t)
		}
		wantCounts(t, atOnce(50, func(i int) error {
			_, err := h.Memberships.Create(ctx, h.home.ID, person(fmt.Sprintf("p%d@nordlys.example", i)))
			return err
		}), map[string]int{"": 1, "seats_full": 49})
		if n := h.count(t, "select count(*) from users"); n != 4 {
			t.Errorf("%d users; the refused ones left something behind", n)
		}
	})
}

func TestReactivationRaceForTheLastSeat(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 2)
		var suspended []directory.Member
		for i := range 8 {
			m := must(h.Memberships.Create(ctx, h.home.ID, person(fmt.Sprintf("p%d@nordlys.example", i))))(t)
			suspended = append(suspended, h.change(t, m, func(m *directory.Member) { m.SuspendedAt = db.Now() }))
		}
		must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		wantCounts(t, atOnce(8, func(i int) error {
			return h.changeErr(suspended[i], func(m *directory.Member) { m.SuspendedAt = time.Time{} })
		}), map[string]int{"": 1, "seats_full": 7})
	})
}

func TestWhoTakesASeat(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 2)
		limited, contact := person("limited@nordlys.example"), person("contact@nordlys.example")
		limited.Kind, contact.Kind = directory.Limited, directory.ContactOnly
		l := must(h.Memberships.Create(ctx, h.home.ID, limited))(t)
		c := must(h.Memberships.Create(ctx, h.home.ID, contact))(t)
		future, invited := person("future@nordlys.example"), person("invited@elsewhere.example")
		future.Start = db.Now().Add(48 * time.Hour)
		must(h.Memberships.Create(ctx, h.home.ID, future))(t)
		i := must(h.Memberships.Create(ctx, h.home.ID, invited))(t)

		_, err := h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example"))
		if f := fault.Of(err); f.Kind != fault.Forbidden || f.Text != "All 2 seats are in use" {
			t.Errorf("a third: %v", err)
		}
		if code := codeOf(h.changeErr(l, func(m *directory.Member) { m.Kind = directory.Employee })); code != "seats_full" {
			t.Errorf("limited becomes employee: %q", code)
		}
		if code := codeOf(h.changeErr(c, func(m *directory.Member) { m.Kind, m.Email = directory.Employee, "contact@nordlys.example" })); code != "seats_full" {
			t.Errorf("contact becomes employee: %q", code)
		}
		if err := h.Memberships.Decline(ctx, i.User, i.ID); err != nil { // frees the seat
			t.Fatal(err)
		}
		kari := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		h.change(t, kari, func(m *directory.Member) { m.SuspendedAt = db.Now() }) // frees it again
		ola := must(h.Memberships.Create(ctx, h.home.ID, person("ola@nordlys.example")))(t)
		if code := codeOf(h.changeErr(kari, func(m *directory.Member) { m.SuspendedAt = time.Time{} })); code != "seats_full" {
			t.Errorf("reactivated into a full house: %q", code)
		}
		h.change(t, ola, func(m *directory.Member) { m.Kind = directory.Limited })
		h.change(t, kari, func(m *directory.Member) { m.SuspendedAt = time.Time{} })
	})
}

func TestRevivalTakesASeatAgain(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 1)
		n := person("ola@nordlys.example")
		n.Kind, n.End = directory.External, db.Now().Add(time.Hour)
		m := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		clock.Advance(time.Hour)
		other := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		later := func(m *directory.Member) { m.End = db.Now().Add(time.Hour) }
		if code := codeOf(h.changeErr(m, later)); code != "seats_full" {
			t.Errorf("revived into a full house: %q", code)
		}
		if err := h.Memberships.End(ctx, h.home.ID, other.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		if revived := h.change(t, m, later); !revived.ActiveAt(db.Now()) {
			t.Error("not revived")
		}
	})
}

// TestLastAdministratorRace: two administrators take each other away at the same moment, over every path; one stays.
func TestLastAdministratorRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		edit := func(e func(*directory.Member)) func(directory.Member) error {
			return func(m directory.Member) error { return h.changeErr(m, e) }
		}
		demote := edit(func(m *directory.Member) { m.Administrator = false })
		paths := map[string]func(directory.Member) error{
			"demote":  demote,
			"suspend": edit(func(m *directory.Member) { m.SuspendedAt = db.Now() }),
			"archive": func(m directory.Member) error {
				return h.Memberships.End(ctx, m.Organization, m.ID, directory.Ending{Choice: directory.EndArchived})
			},
			"end date":    edit(func(m *directory.Member) { m.End = db.Now().Add(time.Hour) }),
			"end now":     edit(func(m *directory.Member) { m.Start, m.End = db.Now().Add(-time.Hour), db.Now() }),
			"later start": edit(func(m *directory.Member) { m.Start = db.Now().Add(time.Hour) }),
			"kind":        edit(func(m *directory.Member) { m.Kind, m.Administrator = directory.ContactOnly, false }),
			"end": func(m directory.Member) error {
				return h.Memberships.End(ctx, m.Organization, m.ID, directory.Ending{Choice: directory.EndPending})
			},
			"delete": func(m directory.Member) error { return h.Memberships.Delete(ctx, m.Organization, m.ID) },
			"in one's own": func(m directory.Member) error {
				return db.Update(ctx, func(tx *sqldb.Tx) error {
					return h.WithTx(tx).Memberships.End(ctx, m.Organization, m.ID, directory.Ending{Choice: directory.EndPending})
				})
			},
		}
		n := 0
		for name, path := range paths {
			for other, otherPath := range map[string]func(directory.Member) error{name: path, "demote": demote} {
				n++
				org := must(h.Organizations.Create(ctx, directory.Organization{Slug: fmt.Sprint("race", n), Name: "Race", Seats: directory.UnlimitedSeats,
					Features: []string{"archive"}}))(t)
				var two []directory.Member
				for i := range 2 {
					a := person(fmt.Sprintf("admin%d.%d@race.example", n, i))
					a.Administrator, a.Trusted = true, true
					two = append(two, must(h.Memberships.Create(ctx, org.ID, a))(t))
				}
				got := atOnce(2, func(i int) error {
					if i == 0 {
						return path(two[0])
					}
					return otherPath(two[1])
				})
				if got[""] != 1 || got["last_administrator"] != 1 {
					t.Errorf("%s against %s: %v", name, other, got)
				}
			}
		}
	})
}

func TestLastAdministrator(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		a := person("admin@nordlys.example")
		a.Administrator, a.Kind, a.End = true, directory.External, db.Now().Add(time.Hour)
		m := must(h.Memberships.Create(ctx, h.home.ID, a))(t)
		m = h.change(t, m, func(m *directory.Member) { m.End = m.End.Add(time.Hour) }) // a later end takes nothing away
		if err := h.changeErr(m, func(m *directory.Member) { m.End = m.End.Add(-time.Minute) }); !errors.Is(err, directory.ErrLastAdministrator) {
			t.Errorf("a nearer end: %v", err)
		}
		b := person("second@nordlys.example")
		b.Administrator = true
		second := must(h.Memberships.Create(ctx, h.home.ID, b))(t)
		h.change(t, m, func(m *directory.Member) { m.Administrator = false })
		if err := h.changeErr(second, func(m *directory.Member) { m.End = db.Now().Add(time.Hour) }); !errors.Is(err, directory.ErrLastAdministrator) {
			t.Errorf("an end for the last one: %v", err)
		}
		invited := person("third@elsewhere.example")
		invited.Administrator = true
		must(h.Memberships.Create(ctx, h.home.ID, invited))(t)
		if err := h.Memberships.End(ctx, h.home.ID, second.ID, directory.Ending{Choice: directory.EndPending}); !errors.Is(err, directory.ErrLastAdministrator) {
			t.Errorf("an invited administrator counted: %v", err)
		}
		h.change(t, second, func(m *directory.Member) { m.Details.Title = "still here" })
	})
}
