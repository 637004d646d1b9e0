package directory_test

import (
	"fmt"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR19_AcknowledgingAndReplacingRace: fifteen applications say that they have moved the records to the successor while
// fifteen administrators choose another one. Either the records are moved and the successor stays, or nothing was moved.
func TestR19_AcknowledgingAndReplacingRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		apps := []directory.Application{o.crm}
		for i := range 14 {
			apps = append(apps, o.keeper(t, fmt.Sprint("app", i), nil, o.home.ID))
		}
		for round := range 10 {
			clock.Advance(time.Second) // the newest comes first
			m := o.employ(t, fmt.Sprint("leaver", round))
			if err := o.end(m, to(o.ola)); err != nil {
				t.Fatal(err)
			}
			x := must(o.Transfers.List(ctx, o.home.ID, directory.TransferID{}))(t)[0]
			got := atOnce(30, func(i int) error {
				if i%2 == 0 {
					_, err := o.Transfers.Acknowledge(ctx, apps[i/2].ID, x.ID, everything)
					return err
				}
				_, err := o.Transfers.Request(ctx, o.home.ID, m.ID, o.liv.ID)
				return err
			})
			was := must(o.Transfers.ByID(ctx, o.home.ID, x.ID))(t)
			moved := 0
			for _, p := range was.Parts {
				if !p.AcknowledgedAt.IsZero() {
					moved++
				}
			}
			switch {
			case !was.WithdrawnAt.IsZero() && moved == 0 && got[""] == 15 && got["transfer_withdrawn"] == 15:
			case was.WithdrawnAt.IsZero() && moved == len(was.Parts) && got[""] == 15 && got["transfer_begun"] == 15:
			default:
				t.Fatalf("round %d: %v; withdrawn at %v with %d parts moved", round, got, was.WithdrawnAt, moved)
			}
			to := o.ola.ID
			if !was.WithdrawnAt.IsZero() {
				to = o.liv.ID
			}
			if owner := must(o.Memberships.ActiveOwner(ctx, o.home.ID, m.ID))(t); owner != to {
				t.Fatalf("round %d: the records count to %s, and were moved to %s", round, owner, to)
			}
		}
	})
}
