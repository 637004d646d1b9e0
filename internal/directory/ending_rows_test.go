package directory_test

import (
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestEndingTouchesFewRows: ending a member writes as many rows in an organization of two thousand as in one of twenty, and
// few.
func TestEndingTouchesFewRows(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		wrote := map[directory.OrganizationID]int64{}
		for org, size := range map[directory.OrganizationID]int{h.home.ID: 2000, h.another.ID: 20} {
			members := make([]directory.Member, size)
			for i := range members {
				members[i] = directory.Member{Kind: directory.Employee, Start: db.Now(), AcceptedAt: db.Now(), Administrator: i == 0}
			}
			members = h.fill(t, org, members)
			if err := db.Update(ctx, func(tx *sqldb.Tx) error {
				before, err := written(tx, db.Engine())
				if err != nil {
					return err
				}
				if err := h.WithTx(tx).Memberships.End(ctx, org, members[1].ID, directory.Ending{Choice: directory.EndPending}); err != nil {
					return err
				}
				after, err := written(tx, db.Engine())
				wrote[org] = after - before
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		if many, few := wrote[h.home.ID], wrote[h.another.ID]; many != few || many == 0 || many > 20 {
			t.Errorf("ending writes %d rows in a large organization and %d in a small one, want as many, 20 at most", many, few)
		}
	})
}

// written is how many rows were written so far, by the engine's own count.
func written(tx *sqldb.Tx, engine sqldb.Engine) (n int64, err error) {
	text := "select total_changes()"
	if engine == sqldb.PostgreSQL {
		text = "select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint from pg_stat_xact_user_tables"
	}
	err = tx.QueryRow(ctx, text).Scan(&n)
	return n, err
}
