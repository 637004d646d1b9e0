package authz_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"portvakt/authz"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// office is an organization in which a role may view invoices, and two members have it.
func office(t *testing.T, db *sqldb.DB) (n *node, org directory.OrganizationID, people []directory.Member) {
	t.Helper()
	n = newNode(db, 0)
	must(n.dir.Access.SaveModules(ctx, []directory.Module{{Key: "invoices", Names: map[string]string{"en": "Invoices"}}}))(t)
	org = n.organization(t, "nordlys")
	must(n.dir.Access.SaveProfiles(ctx, org, []directory.Profile{{Key: "sales", Name: "Sales", Modules: map[string]directory.ProfileModule{"invoices": {View: true}}}}))(t)
	must(n.dir.Access.SaveRoles(ctx, org, []directory.Role{{Key: "seller", Name: "Seller", Profiles: []string{"sales"}}}))(t)
	roles := must(n.dir.Access.Roles(ctx, org))(t)
	for _, name := range []string{"kari", "ola"} {
		people = append(people, must(n.dir.Memberships.Create(ctx, org, directory.NewMember{Trusted: true,
			Member: directory.Member{Email: name + "@x.example", Role: roles[0].ID}}))(t))
	}
	return n, org, people
}

// TestR17_RecalculateFindsDrift: what is running has been made wrong, and nobody has changed a row.
func TestR17_RecalculateFindsDrift(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		n, org, people := office(t, db)
		n.source.tamper = func(m *directory.AccessModel) { m.Profiles = nil }
		n.version(t, org)
		n.source.tamper = nil
		may := func() bool {
			s := must(n.Snapshot(ctx, org))(t)
			return s.Decide(authz.Question{Subject: people[0].ID, Module: "invoices", Action: "view", At: db.Now()}).Allowed
		}
		if may() {
			t.Fatal("what is running is not wrong")
		}
		if drift := must(n.Drift(ctx, org))(t); len(drift) != 2+2 || drift[0].Module != "invoices" || len(drift[0].Running) != 0 || !slices.Equal(drift[0].Rows, []string{"view"}) {
			t.Errorf("drift: %+v", drift)
		}
		asked := must(n.dir.Access.Recalculate(ctx, org))(t)
		if again := must(n.dir.Access.Recalculate(ctx, org))(t); again.ID != asked.ID {
			t.Error("two wait for the same organization")
		}
		if did := must(n.RecalculateNext(ctx, "me"))(t); !did {
			t.Fatal("nothing was done")
		}
		got := must(n.dir.Access.Recalculation(ctx, asked.ID))(t)
		if got.FinishedAt.IsZero() || got.Done != 2 || got.Total != 2 || got.Drifts != 4 || got.Version != must(n.dir.Access.AccessVersion(ctx, org))(t) {
			t.Errorf("%+v", got)
		}
		if slugs := must(n.dir.Access.Drifted(ctx))(t); !slices.Equal(slugs, []string{"nordlys"}) {
			t.Errorf("drifted: %v", slugs)
		}
		if !may() {
			t.Error("what is running is still wrong")
		}
		clock.Advance(time.Minute)
		again := must(n.dir.Access.Recalculate(ctx, org))(t)
		must(n.RecalculateNext(ctx, "me"))(t)
		if got := must(n.dir.Access.Recalculation(ctx, again.ID))(t); again.ID == asked.ID || got.Drifts != 0 || got.FinishedAt.IsZero() {
			t.Errorf("%+v", got)
		}
		if slugs := must(n.dir.Access.Drifted(ctx))(t); len(slugs) != 0 {
			t.Errorf("drifted: %v", slugs)
		}
		if _, err := n.dir.Access.Recalculation(ctx, directory.RecalculationID(sqldb.NewID[nobodys](clock.Now()))); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

// TestR17_RecalculateBesideChanges: members and roles change while it runs, and there is no drift in that.
func TestR17_RecalculateBesideChanges(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db, clock, 3)
		running, stop := context.WithCancel(ctx)
		var group sync.WaitGroup
		group.Go(func() { p.Run(running) })
		for range 2 { // two workers: one lease
			group.Go(func() { p.RunRecalculations(running, slog.New(slog.DiscardHandler)) })
		}
		for range 10 {
			p.version(t, p.org)
			asked := must(p.dir.Access.Recalculate(ctx, p.org))(t)
			for {
				p.change(db)
				if r := must(p.dir.Access.Recalculation(ctx, asked.ID))(t); !r.FinishedAt.IsZero() {
					if r.Drifts != 0 {
						t.Errorf("%+v", r)
					}
					break
				}
			}
		}
		stop()
		group.Wait()
	})
}

// TestR17_RecalculateAll reaches every organization.
func TestR17_RecalculateAll(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		n, org, _ := office(t, db)
		n.organization(t, "bjorkvik")
		n.version(t, org)
		since, count, err := n.dir.Access.RecalculateAll(ctx)
		if err != nil || count != 2 {
			t.Fatal(count, err)
		}
		for must(n.RecalculateNext(ctx, "me"))(t) {
		}
		if got := must(n.dir.Access.RecalculationsSince(ctx, since))(t); got != (directory.RecalculationProgress{Asked: 2, Finished: 2}) {
			t.Errorf("%+v", got)
		}
	})
}
