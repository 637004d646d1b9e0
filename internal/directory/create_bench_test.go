package directory_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// BenchmarkCreate is one member made on SQLite, without waiting for the disk.
func BenchmarkCreate(b *testing.B) {
	db := testenv.Open(b, sqldb.Config{URL: filepath.Join(b.TempDir(), "bench.db"), Relaxed: true})
	dir := directory.New(db)
	o, err := dir.Organizations.Create(ctx, directory.Organization{Slug: "bench", Name: "Bench", Seats: directory.UnlimitedSeats})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		n := directory.NewMember{Member: directory.Member{Email: fmt.Sprintf("person-%d@nordlys.example", i), Details: directory.Details{
			GivenName: "Kari", FamilyName: "Nordmann", Emails: []directory.Contact{{Value: "kari@nordlys.example", Type: "work", Primary: true}}}}}
		if _, err := dir.Memberships.Create(ctx, o.ID, n); err != nil {
			b.Fatal(err)
		}
	}
}
