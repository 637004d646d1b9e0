package directory_test

import (
	"fmt"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func (o office) waiting(t *testing.T, a directory.Application, org directory.OrganizationID) []directory.Transfer {
	t.Helper()
	return must(o.Transfers.ForApplication(ctx, a.ID, org, directory.TransferID{}, 0))(t)
}

func (o office) moved(a directory.Application, id directory.TransferID, module string, n int64) error {
	_, err := o.Transfers.Acknowledge(ctx, a.ID, id, directory.Acknowledgement{Module: module, Moved: n})
	return err
}

var everything = directory.Acknowledgement{All: true, Moved: directory.MovedUnknown}

// TestR19_ApplicationsMoveAndSaySo: a part for each module of each application that keeps records here; done when all are.
func TestR19_ApplicationsMoveAndSaySo(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		books := o.keeper(t, "books", nil, o.home.ID, o.another.ID)
		o.keeper(t, "neighbours", nil, o.another.ID)
		must(o.Applications.Save(ctx, directory.Application{ClientID: "spa", AllOrganizations: true,
			Metadata: directory.ClientMetadata{TokenEndpointAuthMethod: "none", Scopes: []string{"openid"}}}))(t)
		if err := o.end(o.kari, to(o.ola)); err != nil {
			t.Fatal(err)
		}
		x := must(o.Transfers.List(ctx, o.home.ID, directory.TransferID{}))(t)[0]
		var parts []string
		for _, p := range x.Parts {
			parts = append(parts, p.ClientID+"/"+p.Module)
		}
		if fmt.Sprint(parts) != "[books/ crm/calendar crm/invoices]" || x.From != o.kari.ID || x.FromUser != o.kari.User || x.ToUser != o.ola.User {
			t.Fatalf("parts %v of %+v", parts, x)
		}
		mine := o.waiting(t, o.crm, o.home.ID)
		if len(mine) != 1 || len(mine[0].Parts) != 2 || mine[0].Slug != "nordlys" || len(o.waiting(t, books, o.another.ID)) != 0 {
			t.Fatalf("the application sees %+v", mine)
		}
		wantCode(t, "an unknown module", o.moved(o.crm, x.ID, "payroll", 1), "unknown_module")
		wantCode(t, "a negative number", o.moved(o.crm, x.ID, "invoices", -2), "bad_moved")
		wantCode(t, "invoices", o.moved(o.crm, x.ID, "invoices", 12), "")
		clock.Advance(time.Minute)
		wantCode(t, "invoices again", o.moved(o.crm, x.ID, "invoices", 99), "")
		seen := must(o.Transfers.OfApplication(ctx, o.crm.ID, x.ID))(t)
		if p := seen.Parts[1]; p.Moved != 12 || !p.AcknowledgedAt.Equal(db.Now().Add(-time.Minute)) {
			t.Errorf("said twice, it became %+v", p)
		}
		must(o.Transfers.Acknowledge(ctx, o.crm.ID, x.ID, everything))(t)
		if len(o.waiting(t, o.crm, o.home.ID)) != 0 || o.events(t, directory.EventTransferCompleted) != 0 {
			t.Error("done before the other application has moved its own")
		}
		wantCode(t, "a count for two", func() error {
			_, err := o.Transfers.Acknowledge(ctx, books.ID, x.ID, directory.Acknowledgement{All: true, Moved: 3})
			return err
		}(), "") // one part: the count has a place
		done := must(o.Transfers.ByID(ctx, o.home.ID, x.ID))(t)
		if done.DoneAt.IsZero() || o.events(t, directory.EventTransferCompleted) != 1 || o.events(t, directory.EventTransferRequested) != 1 {
			t.Errorf("after all have moved: %+v", done)
		}
		must(o.Transfers.Acknowledge(ctx, books.ID, x.ID, everything))(t)
		if n := o.events(t, directory.EventTransferCompleted); n != 1 {
			t.Errorf("completed %d times", n)
		}
	})
}

// TestR19_TransfersAreTheApplicationsOwn: another application's, and one of an organization that is served no more, are not there.
func TestR19_TransfersAreTheApplicationsOwn(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		stranger := o.keeper(t, "stranger", nil, o.another.ID)
		if err := o.end(o.kari, to(o.ola)); err != nil {
			t.Fatal(err)
		}
		x := o.waiting(t, o.crm, directory.OrganizationID{})[0]
		gone := func(name string, a directory.Application) {
			t.Helper()
			if n := len(o.waiting(t, a, directory.OrganizationID{})) + len(o.waiting(t, a, o.home.ID)); n != 0 {
				t.Errorf("%s lists %d", name, n)
			}
			_, err := o.Transfers.OfApplication(ctx, a.ID, x.ID)
			wantCode(t, name+" reads", err, "transfer_not_found")
			_, err = o.Transfers.Acknowledge(ctx, a.ID, x.ID, everything)
			wantCode(t, name+" acknowledges", err, "transfer_not_found")
		}
		gone("an application of the neighbour", stranger)
		_, err := o.Transfers.ByID(ctx, o.another.ID, x.ID)
		wantCode(t, "the neighbour reads", err, "transfer_not_found")
		if list := must(o.Transfers.List(ctx, o.another.ID, directory.TransferID{}))(t); len(list) != 0 {
			t.Errorf("the neighbour lists %+v", list)
		}
		_, err = o.Transfers.Request(ctx, o.another.ID, o.kari.ID, o.ola.ID)
		wantCode(t, "the neighbour asks", err, "member_not_found")
		for name, edit := range map[string]func(a *directory.Application){
			"disabled":       func(a *directory.Application) { a.Disabled = true },
			"served no more": func(a *directory.Application) { a.Organizations = []directory.OrganizationID{o.another.ID} },
		} {
			changed := o.crm
			edit(&changed)
			must(o.Applications.Save(ctx, changed))(t)
			gone(name, o.crm)
			must(o.Applications.Save(ctx, o.crm))(t)
		}
		suspend := func(yes bool) {
			must(o.Organizations.Change(ctx, o.home.ID, func(x *directory.Organization) error { x.Suspended = yes; return nil }))(t)
		}
		suspend(true)
		gone("of a suspended organization", o.crm)
		suspend(false)
		if len(o.waiting(t, o.crm, o.home.ID)) != 1 {
			t.Error("it did not come back")
		}
	})
}

// TestR19_AskingAgain: the same successor is the same transfer; another one replaces it while nothing has been moved.
func TestR19_AskingAgain(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		ask := func(to directory.Member) (directory.Transfer, error) {
			return o.Transfers.Request(ctx, o.home.ID, o.kari.ID, to.ID)
		}
		_, err := ask(o.ola)
		wantCode(t, "of somebody active", err, "not_ended")
		if err := o.end(o.kari, to(o.ola)); err != nil {
			t.Fatal(err)
		}
		first := must(ask(o.ola))(t)
		if again := must(ask(o.ola))(t); again.ID != first.ID || o.events(t, directory.EventTransferRequested) != 1 {
			t.Error("asking again made another transfer")
		}
		clock.Advance(time.Second)
		second := must(ask(o.liv))(t)
		if second.ID == first.ID || second.To != o.liv.ID || len(second.Parts) != 2 {
			t.Errorf("replaced by %+v", second)
		}
		wantCode(t, "what was replaced", o.moved(o.crm, first.ID, "invoices", 1), "transfer_withdrawn")
		if list := o.waiting(t, o.crm, o.home.ID); len(list) != 1 || list[0].ID != second.ID {
			t.Errorf("waiting: %+v", list)
		}
		wantCode(t, "moved", o.moved(o.crm, second.ID, "invoices", 1), "")
		_, err = ask(o.ola)
		wantCode(t, "another one after that", err, "transfer_begun")

		// The successor ends while a part is waiting: that is seen, and another one takes the rest.
		tor := o.employ(t, "tor")
		clock.Advance(time.Second)
		if err := o.end(o.liv, to(tor)); err != nil {
			t.Fatal(err)
		}
		if x := must(o.Transfers.ByID(ctx, o.home.ID, second.ID))(t); !x.SuccessorGone {
			t.Error("nobody sees that the successor has gone")
		}
		clock.Advance(time.Second)
		third := must(ask(o.ola))(t)
		if len(third.Parts) != 1 || third.Parts[0].Module != "calendar" || third.To != o.ola.ID {
			t.Errorf("the rest: %+v", third)
		}
		if x := must(o.Transfers.ByID(ctx, o.home.ID, second.ID))(t); x.DoneAt.IsZero() || x.SuccessorGone || len(x.Parts) != 1 || x.Parts[0].Module != "invoices" {
			t.Errorf("what was moved before: %+v", x)
		}
		if m := must(o.Memberships.ByID(ctx, o.home.ID, o.kari.ID))(t); m.Successor != o.ola.ID {
			t.Errorf("the member's successor is %s", m.Successor)
		}
		must(o.Transfers.Acknowledge(ctx, o.crm.ID, third.ID, everything))(t)
		_, err = ask(tor)
		wantCode(t, "when all is done", err, "transfer_begun")
		if again := must(ask(o.ola))(t); again.ID != third.ID {
			t.Error("asked again when all is done, it is another transfer")
		}
	})
}

// TestR19_AcknowledgingRace: thirty say at the same moment that they have moved; the transfer is completed once.
func TestR19_AcknowledgingRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		apps := []directory.Application{o.crm}
		for i := range 14 {
			apps = append(apps, o.keeper(t, fmt.Sprint("app", i), []string{"a", "b"}, o.home.ID))
		}
		if err := o.end(o.kari, to(o.ola)); err != nil {
			t.Fatal(err)
		}
		x := o.waiting(t, o.crm, o.home.ID)[0]
		wantCounts(t, atOnce(30, func(i int) error {
			_, err := o.Transfers.Acknowledge(ctx, apps[i/2].ID, x.ID, everything)
			return err
		}), map[string]int{"": 30})
		done := must(o.Transfers.ByID(ctx, o.home.ID, x.ID))(t)
		if n := o.events(t, directory.EventTransferCompleted); n != 1 || done.DoneAt.IsZero() {
			t.Errorf("completed %d times: %+v", n, done)
		}
		if n := o.count(t, "select count(*) from audit_entries where action = 'transfer.acknowledged'"); n != 30 {
			t.Errorf("%d acknowledgements of 30 parts", n)
		}
	})
}

func TestR19_WithoutApplicationsThereIsNothingToWaitFor(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		n := person("solo@elsewhere.example")
		n.Trusted = true
		a := must(o.Memberships.Create(ctx, o.another.ID, n))(t)
		n.Email = "next@elsewhere.example"
		b := must(o.Memberships.Create(ctx, o.another.ID, n))(t)
		if err := o.end(a, to(b)); err != nil {
			t.Fatal(err)
		}
		if x := must(o.Transfers.List(ctx, o.another.ID, directory.TransferID{}))(t); len(x) != 1 || x[0].DoneAt.IsZero() {
			t.Errorf("waiting for nobody: %+v", x)
		}
	})
}
