package directory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestLimitsOfOrganizations: shorter than the installation's, or nothing; what stood there before the installation became
// stricter stays.
func TestLimitsOfOrganizations(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		ctx := context.Background()
		const idle, session = 8 * time.Hour, 24 * time.Hour
		dir := directory.New(db).In(directory.Installation{Idle: idle, Session: session})
		org, err := dir.Organizations.Create(ctx, directory.Organization{Slug: "nordlys", Name: "Nordlys AS", Seats: directory.UnlimitedSeats})
		if err != nil || org.KeyPolicy != directory.KeysAny {
			t.Fatal(org.KeyPolicy, err)
		}
		if _, err := dir.Organizations.Create(ctx, directory.Organization{Slug: "long", Name: "Long", IdleLimit: idle + time.Second}); !errors.Is(err, directory.ErrSessionIdle) {
			t.Errorf("made with a longer limit: %v", err)
		}
		set := func(d *directory.Directory, edit func(*directory.Organization)) error {
			return db.Update(ctx, func(tx *sqldb.Tx) error { // inside a transaction as well
				_, err := d.WithTx(tx).Organizations.Change(ctx, org.ID, func(o *directory.Organization) error { edit(o); return nil })
				return err
			})
		}
		for _, row := range []struct {
			idle, session time.Duration
			policy        directory.KeyPolicy
			want          error
		}{
			{idle + time.Second, 0, "any", directory.ErrSessionIdle}, {0, session + time.Second, "any", directory.ErrSessionLimit},
			{time.Minute, 0, "any", directory.ErrSessionIdle}, {0, -time.Hour, "any", directory.ErrSessionLimit},
			{time.Hour + time.Millisecond, 0, "any", directory.ErrSessionIdle},
			{0, 0, "attested", directory.ErrNoMetadata}, {0, 0, "all", directory.ErrKeyPolicy}, {idle, session, "any", nil},
		} {
			err := set(dir, func(o *directory.Organization) {
				o.IdleLimit, o.SessionLimit, o.KeyPolicy = row.idle, row.session, row.policy
			})
			if !errors.Is(err, row.want) || (err == nil) != (row.want == nil) {
				t.Errorf("%s, %s, %s: %v", row.idle, row.session, row.policy, err)
			}
		}
		stricter := dir.In(directory.Installation{Idle: time.Hour, Session: time.Hour})
		if err := set(stricter, func(o *directory.Organization) { o.Name = "Nordlys" }); err != nil {
			t.Errorf("another change under a stricter installation: %v", err)
		}
		if got, err := dir.Organizations.BySlug(ctx, "nordlys"); err != nil || got.IdleLimit != idle || got.SessionLimit != session || got.Name != "Nordlys" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
