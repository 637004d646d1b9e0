package directory_test

import (
	"errors"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestSessionsEndUnderOneEpoch: of two who end the sessions that they both saw, the second finds another epoch.
func TestSessionsEndUnderOneEpoch(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		kari := must(m.Memberships.Create(ctx, m.home.ID, person("kari@nordlys.example")))(t)
		before := must(m.Users.ByID(ctx, kari.User))(t).Epoch
		if after := must(m.Users.EndSessionsUnder(ctx, kari.User, before, "test"))(t); after.Epoch != before+1 {
			t.Errorf("epoch %d after %d", after.Epoch, before)
		}
		if _, err := m.Users.EndSessionsUnder(ctx, kari.User, before, "test"); !errors.Is(err, directory.ErrEpoch) {
			t.Errorf("once more: %v", err)
		}
	})
}
