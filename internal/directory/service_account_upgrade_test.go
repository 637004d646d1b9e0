package directory_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
	"portvakt/migrations"
)

// A secret of the time when there could be one goes on working.
func TestR34_TheFormerSecretIsTakenAlong(t *testing.T) {
	t.Parallel()
	const foundation = "0001_foundation.sql"
	text, err := fs.ReadFile(migrations.Files, foundation)
	if err != nil {
		t.Fatal(err)
	}
	for name, url := range testenv.URLs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := sqldb.Open(ctx, sqldb.Config{URL: url(t), Clock: testenv.NewClock().Now})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(db.Close)
			must(db.Migrate(ctx, fstest.MapFS{foundation: &fstest.MapFile{Data: text}}))(t)
			org, id := sqldb.NewID[account](db.Now()), sqldb.NewID[account](db.Now())
			must(db.Exec(ctx, `insert into organizations (id, slug, name, language, second_factor, state, access_version, version, created_at, changed_at)
				values ($1, 'nordlys', 'Nordlys AS', 'en', 'optional', 'active', 1, 1, 0, 0)`, org))(t)
			must(db.Exec(ctx, `insert into service_accounts (id, organization_id, key, name, client_id, secret_hash, created_at)
				values ($1, $2, 'webshop', 'Web shop', 'nordlys.webshop', $3, $4)`, id, org, digest("first"), sqldb.Micros(db.Now())))(t)
			must(db.Migrate(ctx, migrations.Files))(t)
			h := house{Directory: directory.New(db), db: db}
			a := must(h.ServiceAccounts.ByClientID(ctx, "nordlys.webshop"))(t)
			if !h.opens(t, a, "first") || a.Method != directory.BySecret || a.Organization.String()[4:] != org.String()[4:] {
				t.Errorf("after the migration: %+v", a)
			}
		})
	}
}

type account struct{}

func (account) Prefix() string { return "svc" }
