package directory_test

import (
	"context"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestFoldNames: members who were there before their middle names and addresses had keys are found by them after a start, whatever became of
// them meanwhile, and a second start has nothing to do.
func TestFoldNames(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		ctx := context.Background()
		dir, org := people(t, db, clock)
		all := everybody(t, dir, org.ID)
		for _, m := range all[:4] {
			must(dir.Memberships.Change(ctx, org.ID, m.ID, 0, func(m *directory.Member) error {
				m.Details.Addresses = []directory.Address{{Locality: "Weißenburg"}, {Country: "DE"}}
				return nil
			}))(t)
		}
		check(t, dir.Memberships.FoldNames(ctx)) // nothing to do
		must(db.Exec(ctx, "delete from member_addresses"))(t)
		must(db.Exec(ctx, "update memberships set middle_name_key = '', name_prefix_key = '', name_suffix_key = ''"))(t)
		must(db.Exec(ctx, `insert into memberships_to_fold (membership_id) select id from memberships where details like '%"middle_name":"%' or details like '%"addresses":%'`))(t)
		find := func(name string) int64 {
			page, err := dir.Memberships.List(ctx, org.ID, directory.Query{Where: directory.Compare{Field: directory.FieldMiddleName, Op: directory.Equal, Value: name}})
			check(t, err)
			return page.Total
		}
		inTown := func() int64 {
			where := directory.Some{List: directory.ListAddresses, Where: directory.Compare{Field: directory.ElementLocality, Op: directory.Equal, Value: "WEISSENBURG"}}
			return must(dir.Memberships.List(ctx, org.ID, directory.Query{Where: where}))(t).Total
		}
		must(dir.Memberships.Change(ctx, org.ID, all[0].ID, 0, func(m *directory.Member) error { m.Details.Addresses = nil; return nil }))(t)
		must(dir.Memberships.Change(ctx, org.ID, all[1].ID, 0, func(m *directory.Member) error { m.Details.Gender = "x"; return nil }))(t)
		var changed directory.Member
		for _, m := range all {
			if m.Details.MiddleName == "Straße" {
				changed = must(dir.Memberships.Change(ctx, org.ID, m.ID, 0, func(m *directory.Member) error { m.Details.MiddleName = "Ny"; return nil }))(t)
				break
			}
		}
		if find("Ny") != 1 || find("STRASSE") != 0 || inTown() != 0 {
			t.Fatalf("before: %d, %d, %d in town", find("Ny"), find("STRASSE"), inTown())
		}
		for range 2 {
			check(t, dir.Memberships.FoldNames(ctx))
			if find("Ny") != 1 || find("STRASSE") == 0 || find("ZZ") == 0 {
				t.Errorf("after: %d, %d, %d", find("Ny"), find("STRASSE"), find("ZZ"))
			}
			if n := inTown(); n != 3 {
				t.Errorf("%d in town, want 3", n)
			}
		}
		var left int64
		if err := db.QueryRow(ctx, "select count(*) from memberships_to_fold").Scan(&left); err != nil || left != 0 {
			t.Errorf("%d are left, %v", left, err)
		}
		if is := must(dir.Memberships.ByID(ctx, org.ID, changed.ID))(t); is.Version != changed.Version {
			t.Errorf("a key is a version: %d", is.Version)
		}
	})
}
