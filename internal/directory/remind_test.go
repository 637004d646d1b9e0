package directory_test

import (
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR27_ADayThatHadPassedIsNotMadeUpFor: who comes for five days is told at three and at one, and not while being welcomed.
func TestR27_ADayThatHadPassedIsNotMadeUpFor(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		five := must(h.Memberships.Create(ctx, h.home.ID, external("five@nordlys.example", db.Now().Add(5*day))))(t)
		whole := must(h.Memberships.Create(ctx, h.home.ID, external("fourteen@nordlys.example", db.Now().Add(14*day))))(t)
		hours := must(h.Memberships.Create(ctx, h.home.ID, external("hours@nordlys.example", db.Now().Add(6*time.Hour))))(t)
		invited := must(h.Memberships.Create(ctx, h.home.ID, external("invited@elsewhere.example", db.Now().Add(20*day))))(t)
		reminded := func(m directory.Member, want ...int64) {
			t.Helper()
			must(h.Memberships.RemindEnding(ctx))(t)
			got := must(sqldb.All(ctx, db, func(r sqldb.Row) (n int64, err error) { return n, r.Scan(&n) },
				"select days from reminders where membership_id = $1 order by days desc", m.ID))(t)
			if len(got) != len(want) {
				t.Errorf("reminded of %v days, want %v", got, want)
				return
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("reminded of %v days, want %v", got, want)
				}
			}
		}
		reminded(five)
		reminded(hours)
		reminded(whole, 14) // its first day is the day
		clock.Advance(2*day - tick)
		reminded(five)
		clock.Advance(tick)
		reminded(five, 3)
		clock.Advance(2 * day)
		reminded(five, 3, 1)
		reminded(hours)
		clock.Advance(8 * day) // eight before the invited one's end
		must(h.Memberships.Accept(ctx, invited.User, invited.ID))(t)
		reminded(invited)
		clock.Advance(5 * day)
		reminded(invited, 3)
	})
}
