package directory_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// another makes a second client of the home organization.
func (h house) anotherClient(t *testing.T, name string) directory.ProvisioningClient {
	t.Helper()
	return must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: name, MayUsers: true}, "token-of-"+name))(t)
}

// TestMembersAreHandedOverOrReleased: with what the former client has set, or without.
func TestMembersAreHandedOverOrReleased(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		hr, payroll := h.hr(t), h.anotherClient(t, "payroll")
		add := func(c directory.ProvisioningClient, email, external string) directory.Member {
			return must(h.Memberships.Create(asClient(c), h.home.ID, directory.NewMember{Member: directory.Member{ManagedBy: c.ID, Email: email,
				ExternalID: external, Details: directory.Details{Title: "Selger"}}}))(t)
		}
		lars, per, anna := add(hr, "lars@nordlys.example", "1"), add(hr, "per@nordlys.example", "2"), add(payroll, "anna@nordlys.example", "2")
		read := func(m directory.Member) directory.Member { return must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t) }

		wantCode(t, "two external ids", second(h.ProvisioningClients.Release(ctx, h.home.ID, hr.ID, payroll.ID)), "external_id_taken")
		wantCode(t, "of the neighbour", second(h.ProvisioningClients.Release(ctx, h.another.ID, hr.ID, directory.ProvisioningClientID{})), "provisioning_client_not_found")
		wantCode(t, "removed by the neighbour", second(h.ProvisioningClients.Remove(ctx, h.another.ID, hr.ID, directory.ProvisioningClientID{})), "provisioning_client_not_found")
		theirs := must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.another.ID, Name: "HR"}, "token-of-theirs"))(t)
		wantCode(t, "to the neighbour", second(h.ProvisioningClients.Release(ctx, h.home.ID, hr.ID, theirs.ID)), "provisioning_client_not_found")
		if m := read(lars); m.ManagedBy != hr.ID || m.Version != lars.Version {
			t.Fatalf("a refused hand-over changed %+v", m)
		}

		must(h.Memberships.Change(asClient(payroll), h.home.ID, anna.ID, 0, func(m *directory.Member) error { m.ExternalID = "3"; return nil }))(t)
		if n := must(h.ProvisioningClients.Release(ctx, h.home.ID, hr.ID, payroll.ID))(t); n != 2 {
			t.Errorf("%d members handed over", n)
		}
		if m := read(per); m.ManagedBy != payroll.ID || !m.Holds("title") || m.ExternalID != "2" || m.Version != per.Version+1 {
			t.Errorf("handed over: %+v", m)
		}
		if n := must(h.ProvisioningClients.Remove(ctx, h.home.ID, payroll.ID, directory.ProvisioningClientID{}))(t); n != 3 {
			t.Errorf("%d members released", n)
		}
		if m := read(per); !m.ManagedBy.IsZero() || len(m.Held) > 0 || m.ExternalID != "2" || m.Details.Title != "Selger" {
			t.Errorf("released: %+v", m)
		}
		if h.lets("token-of-payroll") || !h.lets("first-token") {
			t.Error("the removed client's token opens, or the other one's does not")
		}
		wantCode(t, "again", second(h.ProvisioningClients.Remove(ctx, h.home.ID, payroll.ID, directory.ProvisioningClientID{})), "provisioning_client_not_found")
		if n, m := h.events(t, directory.EventProvisioningReleased), h.events(t, directory.EventProvisioningRemoved); n != 1 || m != 1 {
			t.Errorf("%d and %d told", n, m)
		}
	})
}

// TestR34_TheEndOfTheLastTokenIsToldOnce, of all who ask at the same moment, and not while a later one is in force.
func TestR34_TheEndOfTheLastTokenIsToldOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		c := h.hr(t)
		told := func() int { return must(h.ProvisioningClients.TellEnding(ctx))(t) }
		rotate := func(overlap, lifetime time.Duration) {
			must(h.ProvisioningClients.Rotate(ctx, h.home.ID, c.ID, directory.Renewal{Overlap: overlap, Lifetime: lifetime}))(t)
		}
		const day = 24 * time.Hour
		rotate(day, 30*day)
		if told() != 0 {
			t.Error("the former token's end was told, or one in 30 days")
		}
		clock.Advance(16*day + tick)
		if all := must(h.ProvisioningClients.Ending(ctx))(t); len(all) != 1 || all[0].Client.Name != "HR" || !all[0].Ends.Equal(clock.Now().Add(14*day-tick)) {
			t.Errorf("ending %+v", all)
		}
		atOnce(8, func(int) error { _, err := h.ProvisioningClients.TellEnding(ctx); return err })
		if n := h.events(t, directory.EventProvisioningTokenEnding); n != 1 || told() != 0 {
			t.Errorf("told %d times", n)
		}
		rotate(day, 0)
		if all := must(h.ProvisioningClients.Ending(ctx))(t); len(all) != 0 {
			t.Errorf("a token without end is there: %+v", all)
		}
		rotate(0, 2*day)
		if told() != 1 || h.count(t, "select count(*) from audit_entries where action = $1", directory.EventProvisioningTokenEnding) != 2 {
			t.Error("another end is not told")
		}
		clock.Advance(2 * day)
		if all := must(h.ProvisioningClients.Ending(ctx))(t); len(all) != 0 {
			t.Errorf("what is over is told: %+v", all)
		}
	})
}

// TestAnApplicationActsAsOneClient of the organization, which must know it.
func TestAnApplicationActsAsOneClient(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		hr, payroll := h.hr(t), h.anotherClient(t, "payroll")
		app := must(h.Applications.Save(ctx, directory.Application{ClientID: "hr-app", Name: "HR", AllOrganizations: true}))(t)
		foreign := must(h.Applications.Save(ctx, directory.Application{ClientID: "their-app", Name: "HR", Organization: h.another.ID}))(t)
		account := must(h.ServiceAccounts.Save(ctx, "bjorkvik", directory.ServiceAccount{Organization: h.another.ID, Key: "hr", Name: "HR"}))(t)
		called := func(a directory.ApplicationID, s directory.ServiceAccountID) string {
			c, err := h.ProvisioningClients.CalledBy(ctx, h.home.ID, a, s)
			if err != nil {
				return codeOf(err)
			}
			return c.Name
		}
		none, nobody := directory.ApplicationID{}, directory.ServiceAccountID{}
		if got := called(app.ID, nobody); got != "provisioning_client_not_found" {
			t.Errorf("named nowhere, it acts as %s", got)
		}
		for _, id := range []string{foreign.ClientID, account.ClientID, "nobody"} {
			wantCode(t, id, second(h.ProvisioningClients.SetCaller(ctx, h.home.ID, hr.ID, id)), "application_not_found")
		}
		must(h.ProvisioningClients.SetCaller(ctx, h.home.ID, hr.ID, "hr-app"))(t)
		wantCode(t, "two clients", second(h.ProvisioningClients.SetCaller(ctx, h.home.ID, payroll.ID, "hr-app")), "caller_taken")
		if got := called(app.ID, nobody); got != "HR" {
			t.Errorf("it acts as %s", got)
		}
		if a, b := called(none, nobody), called(app.ID, account.ID); a != "provisioning_client_not_found" || b != a {
			t.Errorf("none and both act as %s, %s", a, b)
		}
		if _, err := h.ProvisioningClients.CalledBy(ctx, h.another.ID, app.ID, nobody); codeOf(err) != "provisioning_client_not_found" {
			t.Errorf("in the neighbour's: %v", err)
		}
		must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: "HR", MayGroups: true}, "first-token"))(t)
		if got := called(app.ID, nobody); got != "HR" {
			t.Errorf("after a change of rights it acts as %s", got)
		}
		must(h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Suspended = true; return nil }))(t)
		if got := called(app.ID, nobody); got != "provisioning_client_not_found" {
			t.Errorf("in a suspended organization it acts as %s", got)
		}
		must(h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Suspended = false; return nil }))(t)
		must(h.ProvisioningClients.SetCaller(ctx, h.home.ID, hr.ID, ""))(t)
		if got := called(app.ID, nobody); got != "provisioning_client_not_found" {
			t.Errorf("taken back, it acts as %s", got)
		}
	})
}

// TestGroupsAreHandedOverOrReleased with the members: a client that keeps groups can be removed, and nobody is shut out of
// its groups afterwards.
func TestGroupsAreHandedOverOrReleased(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		hr, payroll := h.hr(t), h.anotherClient(t, "payroll")
		add := func(c directory.ProvisioningClient, name, external string) directory.Group {
			return must(h.Access.CreateGroup(asClient(c), h.home.ID, directory.GroupEdit{Group: directory.Group{Name: name, ExternalID: external, ManagedBy: c.ID}}))(t)
		}
		read := func(g directory.Group) directory.Group {
			g, _, _, err := h.Access.GroupByID(ctx, h.home.ID, g.ID, directory.GroupPage{})
			check(t, err)
			return g
		}
		sales, stock, pay := add(hr, "Sales", "1"), add(hr, "Stock", "2"), add(payroll, "Pay", "2")
		wantCode(t, "two external ids", second(h.ProvisioningClients.Release(ctx, h.home.ID, hr.ID, payroll.ID)), "group_external_id_taken")
		if g := read(sales); g.ManagedBy != hr.ID || g.Version != sales.Version {
			t.Fatalf("a refused hand-over changed %+v", g)
		}
		must(h.Access.ChangeGroup(asClient(payroll), h.home.ID, pay.ID, 0, func(g *directory.GroupEdit) error { g.ExternalID = "3"; return nil }))(t)
		must(h.ProvisioningClients.Release(ctx, h.home.ID, hr.ID, payroll.ID))(t)
		if g := read(stock); g.ManagedBy != payroll.ID || g.ExternalID != "2" || g.Version != stock.Version+1 {
			t.Errorf("handed over: %+v", g)
		}
		must(h.ProvisioningClients.Remove(ctx, h.home.ID, payroll.ID, directory.ProvisioningClientID{}))(t)
		if g := read(pay); !g.ManagedBy.IsZero() || g.ExternalID != "3" {
			t.Errorf("released: %+v", g)
		}
		if n := h.events(t, directory.EventProvisioningReleased); n != 1 {
			t.Errorf("groups alone were handed over, and %d heard of it", n)
		}
	})
}

// TestAClientIsRemovedWhileItWrites: what it has begun is waited for and released with the rest, at the first try, so that no
// client is too busy to be removed. SQLite lets nobody write meanwhile.
func TestAClientIsRemovedWhileItWrites(t *testing.T) {
	t.Parallel()
	for engine, url := range testenv.URLs(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int64
			db := testenv.Open(t, sqldb.Config{URL: url(t), Clock: testenv.NewClock().Now, Relaxed: true, Trace: func(text string) {
				if strings.HasPrefix(text, "delete from provisioning_clients") {
					tries.Add(1)
				}
			}})
			h := newHouse(t, db, directory.UnlimitedSeats)
			hr := h.hr(t)
			over := make(chan error, 1)
			check(t, db.Update(ctx, func(tx *sqldb.Tx) error {
				if _, err := h.WithTx(tx).Memberships.Create(asClient(hr), h.home.ID, directory.NewMember{Member: directory.Member{ManagedBy: hr.ID, Email: "lars@nordlys.example"}}); err != nil {
					return err
				}
				go func() {
					_, err := h.ProvisioningClients.Remove(ctx, h.home.ID, hr.ID, directory.ProvisioningClientID{})
					over <- err
				}()
				time.Sleep(aMoment)
				return nil
			}))
			check(t, <-over)
			if n := h.count(t, `select count(*) from memberships where provisioning_client_id is null`); n != 1 || tries.Load() != 1 {
				t.Errorf("%d members released at try %d", n, tries.Load())
			}
		})
	}
}
