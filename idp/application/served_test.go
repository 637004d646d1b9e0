package application_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"portvakt/idp/application"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
	"portvakt/migrations"
)

// TestWall125_WhoIsNotServedCostsWhatNobodyCosts: by the time that an answer takes nobody finds out which organizations there
// are: one that is not the client's is looked for as long as one that is nobody's, also when another client has just asked.
func TestWall125_WhoIsNotServedCostsWhatNobodyCosts(t *testing.T) {
	t.Parallel()
	var read atomic.Int64
	db := must(sqldb.Open(ctx, sqldb.Config{URL: t.TempDir() + "/served.db", Vault: testenv.Vault(), Relaxed: true, Trace: func(text string) {
		if strings.Contains(text, "organization") {
			read.Add(1)
		}
	}}))(t)
	t.Cleanup(db.Close)
	must(db.Migrate(ctx, migrations.Files))(t)
	dir := directory.New(db)
	client := func(id, slug string) *application.Client {
		t.Helper()
		o := must(dir.Organizations.Create(ctx, directory.Organization{Slug: slug, Name: slug, Domains: []string{slug + ".example"}, Seats: directory.UnlimitedSeats}))(t)
		save(t, dir, directory.Application{ClientID: id, Organizations: []directory.OrganizationID{o.ID}, Secrets: []directory.ApplicationSecret{{Hash: secret.HashToken(id)}}})
		return must(application.NewClients(db, dir).ByClientID(ctx, id))(t)
	}
	ours, theirs := client("ours", "nordlys"), client("theirs", "bjorkvik")
	clients := application.NewClients(db, dir)
	cost := func(slug string) int64 {
		t.Helper()
		before := read.Load()
		if _, err := clients.OrganizationServed(ctx, ours, slug); !errors.Is(err, application.ErrUnknownOrganization) {
			t.Errorf("%s: %v", slug, err)
		}
		return read.Load() - before
	}
	for _, when := range []string{"first", "again", "after its own client has asked"} {
		if when != "first" && when != "again" {
			must(clients.OrganizationServed(ctx, theirs, "bjorkvik"))(t)
		}
		if there, none := cost("bjorkvik"), cost("nowhere"); there != none || there != 1 {
			t.Errorf("%s: %d statements for a neighbour, %d for nobody", when, there, none)
		}
	}
	must(clients.OrganizationServed(ctx, ours, "nordlys"))(t)
	if before := read.Load(); must(clients.OrganizationServed(ctx, ours, "nordlys"))(t).Slug != "nordlys" || read.Load() != before {
		t.Error("one's own organization is read every time")
	}
}
