package directory_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR21_FiltersOfMany: a filter that a thousand members and more fit finds the same page and total as one that a few do,
// whichever way the database goes about it; and nobody of the neighbour's.
func TestR21_FiltersOfMany(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		const people = 1250
		for _, org := range []directory.OrganizationID{h.home.ID, h.another.ID} {
			members := make([]directory.Member, people)
			for i := range members {
				members[i] = directory.Member{Kind: directory.Employee, Start: db.Now(), AcceptedAt: db.Now(), CreatedAt: db.Now(),
					Details: directory.Details{FamilyName: []string{"", "Ås", "Berg", "Zorn"}[i%4]}}
				if i%20 > 0 {
					members[i].SuspendedAt, members[i].Kind, members[i].End = db.Now(), directory.External, db.Now().Add(time.Hour)
				}
				if org == h.another.ID && i%6 == 1 { // its packages stay
					members[i].DeletedAt = db.Now()
				}
			}
			h.fill(t, org, members)
		}
		if err := db.Update(ctx, func(tx *sqldb.Tx) error {
			tx.Later(`insert into modules (key, names, self_service, position) values ('m', '{}', false, 1)`)
			tx.Later(`insert into packages (key, names, base) values ('many', '{}', false)`)
			tx.Later(`insert into packages (key, names, base) values ('few', '{}', false)`)
			tx.Later(`insert into segments (organization_id, key, name, position) select id, 's', 'S', 1 from organizations`)
			tx.Later(`insert into member_packages (membership_id, organization_id, package_key) select id, organization_id, 'many' from memberships where suspended_at is not null`)
			tx.Later(`insert into member_packages (membership_id, organization_id, package_key) select id, organization_id, 'few' from memberships where suspended_at is null`)
			tx.Later(`insert into member_grants (membership_id, organization_id, module_key, grade) select id, organization_id, 'm', 'view' from memberships where suspended_at is not null`)
			tx.Later(`insert into member_segments (membership_id, organization_id, segment_key) select id, organization_id, 's' from memberships where suspended_at is not null`)
			tx.Later(`insert into member_functions (organization_id, function, membership_id) select organization_id, 'information_recipient', id
				from memberships where suspended_at is not null`)
			tx.Later(`insert into member_addresses (membership_id, organization_id, position, formatted_key, street_key, locality_key, region_key, postal_code_key,
				country_key, type_key, is_primary) select id, organization_id, 0, '', '', 'oslo', '', '', 'no', '', false from memberships where suspended_at is not null`)
			for _, org := range []directory.OrganizationID{h.home.ID, h.another.ID} { // the externals half in the group itself, half in the group within
				outer, inner := directory.GroupID(org), directory.NewMembershipIDForTest(h.db.Now())
				for key, id := range map[string]any{"outer": outer, "inner": inner} {
					tx.Later(`insert into groups (id, organization_id, key, name, name_key, version, created_at, changed_at) values ($1, $2, $3, $3, $3, 1, 1, 1)`, id, org, key)
				}
				tx.Later(`insert into group_members (group_id, organization_id, child_group_id, with_below) values ($1, $1, $2, false)`, outer, inner)
				for group, half := range map[any]string{outer: "family_name_key > 'b'", inner: "family_name_key < 'b'"} {
					tx.Later(`insert into group_members (group_id, organization_id, member_id, with_below)
						select $1, organization_id, id, false from memberships where organization_id = $2 and suspended_at is not null and `+half, group, org)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		filtersOfMany(t, h, h.home.ID, people)
		filtersOfMany(t, h, h.another.ID, people-209)
	})
}

func filtersOfMany(t *testing.T, h house, org directory.OrganizationID, people int) {
	t.Helper()
	all := must(h.Memberships.List(ctx, org, directory.Query{Limit: 2 * people}))(t).Members
	if len(all) != people {
		t.Fatalf("%d members, want %d", len(all), people)
	}
	some := func(l directory.List, f directory.Field, value string) directory.Condition {
		return directory.Some{List: l, Where: directory.Compare{Field: f, Op: directory.Equal, Value: value}}
	}
	active := directory.Compare{Field: directory.FieldActive, Op: directory.Equal, Value: false}
	for _, c := range []struct {
		name  string
		where directory.Condition
		many  bool
	}{
		{"packages of many", some(directory.ListPackages, directory.ElementValue, "many"), true},
		{"packages of few", some(directory.ListPackages, directory.ElementValue, "few"), false},
		{"grants", some(directory.ListGrants, directory.ElementModule, "m"), true},
		{"segments", some(directory.ListSegments, directory.ElementValue, "s"), true},
		{"functions", some(directory.ListFunctions, directory.ElementValue, "information_recipient"), true},
		{"a package of many, each asked", directory.And{some(directory.ListPackages, directory.ElementValue, "many")}, true},
		{"addresses", some(directory.ListAddresses, directory.ElementLocality, "OSLO"), true},
		{"groups", some(directory.ListGroups, directory.ElementValue, directory.GroupID(org).String()), true},
		{"not active", active, true},
		{"an end", directory.Compare{Field: directory.FieldEnd, Op: directory.Greater, Value: h.db.Now()}, true},
		{"externals", directory.Compare{Field: directory.FieldKind, Op: directory.Equal, Value: "External"}, true},
		{"employees", directory.Compare{Field: directory.FieldKind, Op: directory.Equal, Value: "employee"}, false},
		{"not active and a package", directory.And{active, some(directory.ListPackages, directory.ElementValue, "many")}, true},
		{"none of those", directory.Not{Condition: directory.Or{active, some(directory.ListPackages, directory.ElementValue, "many")}}, false},
	} {
		fits := slices.DeleteFunc(slices.Clone(all), func(m directory.Member) bool { return m.SuspendedAt.IsZero() == c.many })
		for _, sort := range []directory.Field{"", directory.FieldFamilyName, directory.FieldUserName} {
			for _, countTo := range []int64{0, 40, 1000} {
				q := directory.Query{Where: c.where, SortBy: sort, Limit: 30, CountTo: countTo, Offset: 15}
				want := idsOf(fits)
				if sort != "" {
					want = inOrder(fits, directory.Query{SortBy: sort})
				}
				page := must(h.Memberships.List(ctx, org, q))(t)
				total := int64(len(want))
				if countTo > 0 {
					total = min(total, countTo)
				}
				if name := fmt.Sprint(c.name, " by ", sort, " to ", countTo); !slices.Equal(idsOf(page.Members), want[15:min(45, len(want))]) || page.Total != total ||
					page.More != (countTo > 0 && int64(len(want)) > countTo) {
					t.Errorf("%s: %d members of %d, more: %v; want %d of %d", name, len(page.Members), page.Total, page.More, min(30, len(want)-15), total)
				}
			}
		}
	}
}
