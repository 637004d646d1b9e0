package directory_test

import (
	"context"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestActiveAgrees holds activeSQL to Member.ListedActive, and stateSQL to Member.StateAt, at every moment at which they change.
func TestActiveAgrees(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		dir, org := people(t, db, clock)
		for range 4 {
			all := everybody(t, dir, org.ID)
			want := 0
			for i := range all {
				if all[i].ListedActive(clock.Now()) {
					want++
				}
			}
			page, err := dir.Memberships.List(context.Background(), org.ID, directory.Query{Where: directory.Compare{Field: directory.FieldActive, Op: directory.Equal, Value: true}})
			if err != nil || page.Total != int64(want) {
				t.Errorf("active: %d, want %d, %v", page.Total, want, err)
			}
			states := map[directory.State]int64{}
			for i := range all {
				states[all[i].StateAt(clock.Now())]++
			}
			for _, state := range []directory.State{directory.StateActive, directory.StateInvited, directory.StateScheduled, directory.StateSuspended, directory.StateEnded,
				directory.StateArchived, directory.StateContact} {
				page, err := dir.Memberships.List(context.Background(), org.ID, directory.Query{Where: directory.Compare{Field: directory.FieldState, Op: directory.Equal, Value: string(state)}})
				if err != nil || page.Total != states[state] {
					t.Errorf("%s: %d, want %d, %v", state, page.Total, states[state], err)
				}
			}
			clock.Advance(time.Hour)
		}
	})
}
