package directory_test

import (
	"fmt"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestWall137_GroupsAreBounded: the last group there may be is made, and no other; one that is removed makes room.
func TestWall137_GroupsAreBounded(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		now := sqldb.Micros(db.Now())
		var rows [][]any
		for i := range directory.MaxGroups - 1 {
			key := fmt.Sprint("g", i)
			rows = append(rows, []any{directory.GroupID(directory.NewMembershipIDForTest(db.Now())), h.home.ID, key, key, key, int64(1), now, now})
		}
		check(t, db.Update(ctx, func(tx *sqldb.Tx) error {
			return tx.Load(ctx, "groups", []string{"id", "organization_id", "key", "name", "name_key", "version", "created_at", "changed_at"}, rows)
		}))
		add := func(org directory.OrganizationID, name string) (directory.Group, error) {
			return h.Access.CreateGroup(ctx, org, directory.GroupEdit{Group: directory.Group{Name: name}})
		}
		last := must(add(h.home.ID, "Last"))(t)
		wantCode(t, "one more", second(add(h.home.ID, "More")), "too_many_groups")
		must(add(h.another.ID, "The neighbour's"))(t)
		check(t, h.Access.RemoveGroup(ctx, h.home.ID, last.ID))
		must(add(h.home.ID, "More"))(t)
	})
}
