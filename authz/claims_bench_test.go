package authz_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"portvakt/authz"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// BenchmarkClaims is what the scope access costs for members of few and of many groups, half of them nested.
func BenchmarkClaims(b *testing.B) {
	ctx := context.Background()
	db := testenv.Open(b, sqldb.Config{URL: filepath.Join(b.TempDir(), "bench.db"), Relaxed: true})
	dir := directory.New(db)
	engine := authz.New(dir.Access, authz.Config{DB: db})
	org, err := dir.Organizations.Create(ctx, directory.Organization{Slug: "nordlys", Name: "Nordlys AS", Seats: directory.UnlimitedSeats})
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{10, 1000, 10_000} {
		m, err := dir.Memberships.Create(ctx, org.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: fmt.Sprintf("m%d@nordlys.example", n), Administrator: true}})
		if err != nil {
			b.Fatal(err)
		}
		inGroups(b, db, m, n)
		standing, err := dir.Memberships.Standing(ctx, m.ID)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("groups=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c, err := engine.ClaimsOf(ctx, standing)
				if err != nil {
					b.Fatal(err)
				}
				if named := authz.Mapping(nil).Apply(c.Only(nil)); len(named[2].Values) != n {
					b.Fatalf("%d groups", len(named[2].Values))
				}
			}
		})
	}
}

func inGroups(b testing.TB, db *sqldb.DB, m directory.Member, n int) {
	b.Helper()
	ctx := context.Background()
	err := db.Update(ctx, func(tx *sqldb.Tx) error {
		var above directory.GroupID
		for i := range n {
			id := sqldb.NewID[benchGroupPrefix](tx.Now())
			key := fmt.Sprintf("group-%d-%d", n, i)
			tx.Later(`insert into groups (id, organization_id, key, name, name_key, version, created_at, changed_at) values ($1, $2, $3, $3, $3, 1, 0, 0)`,
				id, m.Organization, key)
			if i%2 == 0 {
				tx.Later(`insert into group_members (group_id, organization_id, member_id, with_below) values ($1, $2, $3, $4)`, id, m.Organization, m.ID, false)
			} else {
				tx.Later(`insert into group_members (group_id, organization_id, child_group_id, with_below) values ($1, $2, $3, $4)`, id, m.Organization, above, false)
			}
			above = directory.GroupID(id)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

type benchGroupPrefix struct{}

func (benchGroupPrefix) Prefix() string { return "grp" }
