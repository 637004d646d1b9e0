package testenv_test

import (
	"context"
	"testing"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func TestEachGivesAMigratedDatabase(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		var n int64
		if err := db.QueryRow(context.Background(), "select count(*) from memberships").Scan(&n); err != nil || n != 0 {
			t.Fatalf("count = %d, %v", n, err)
		}
		if !db.Now().Equal(testenv.Start) {
			t.Errorf("Now = %v, want the test's clock", db.Now())
		}
	})
}
