package directory_test

import (
	"fmt"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// office is a house with people in it who can end and take over, and an application that keeps their records.
type office struct {
	house
	kari, ola, liv directory.Member
	crm            directory.Application
}

func newOffice(t *testing.T, db *sqldb.DB) office {
	t.Helper()
	o := office{house: newHouse(t, db, directory.UnlimitedSeats)}
	must(o.Organizations.Change(ctx, o.home.ID, func(x *directory.Organization) error { x.Features = []string{"archive"}; return nil }))(t)
	o.kari, o.ola, o.liv = o.employ(t, "kari"), o.employ(t, "ola"), o.employ(t, "liv")
	o.crm = o.keeper(t, "crm", []string{"invoices", "calendar"}, o.home.ID)
	return o
}

func (o office) employ(t *testing.T, name string) directory.Member {
	t.Helper()
	return must(o.Memberships.Create(ctx, o.home.ID, person(name+"@nordlys.example")))(t)
}

// keeper is an application that takes part in transfers.
func (o office) keeper(t *testing.T, clientID string, modules []string, orgs ...directory.OrganizationID) directory.Application {
	t.Helper()
	return must(o.Applications.Save(ctx, directory.Application{ClientID: clientID, Name: clientID, Organizations: orgs,
		Metadata: directory.ClientMetadata{GrantTypes: []string{"client_credentials"}, Scopes: []string{"transfers"}, Modules: modules}}))(t)
}

func (o office) end(m directory.Member, e directory.Ending) error {
	return o.Memberships.End(ctx, m.Organization, m.ID, e)
}

func to(m directory.Member) directory.Ending {
	return directory.Ending{Choice: directory.EndWithSuccessor, Successor: m.ID}
}

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	if got := codeOf(err); got != code {
		t.Errorf("%s: %q, want %q", what, got, code)
	}
}

// TestR07_EndingTakesAllAccessAtOnce: whatever the choice, nothing that the member held gives access after the commit, and
// what it did stays told.
func TestR07_EndingTakesAllAccessAtOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		for name, end := range map[string]func(m directory.Member) error{
			"successor": func(m directory.Member) error { return o.end(m, to(o.liv)) },
			"archive":   func(m directory.Member) error { return o.end(m, directory.Ending{Choice: directory.EndArchived}) },
			"pending":   func(m directory.Member) error { return o.end(m, directory.Ending{Choice: directory.EndPending}) },
			"deleted":   func(m directory.Member) error { return o.Memberships.Delete(ctx, m.Organization, m.ID) },
			"end date":  func(m directory.Member) error { return o.changeErr(m, func(m *directory.Member) { m.End = db.Now() }) },
		} {
			m := o.employ(t, "r07-"+name[:3])
			clock.Advance(time.Second)
			before := o.count(t, "select count(*) from audit_entries where object = $1", m.ID.String())
			if err := end(m); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var epoch int64
			if err := db.QueryRow(ctx, "select epoch from memberships where id = $1", m.ID).Scan(&epoch); err != nil || epoch <= m.Epoch {
				t.Errorf("%s: epoch %d was %d: sessions and tokens of before still count (%v)", name, epoch, m.Epoch, err)
			}
			if st, err := o.Memberships.Standing(ctx, m.ID); err == nil && st.ActiveAt(db.Now()) {
				t.Errorf("%s: still active", name)
			}
			if n := o.count(t, "select count(*) from events where kind = 'membership.ended' and subject = $1", m.ID.String()); n != 1 {
				t.Errorf("%s: told %d times", name, n)
			}
			if n := o.count(t, "select count(*) from audit_entries where object = $1", m.ID.String()); n <= before {
				t.Errorf("%s: %d audit entries, %d before", name, n, before)
			}
			if n := o.count(t, "select count(*) from endings where membership_id = $1", m.ID); n != 1 {
				t.Errorf("%s: %d rows say how it ended", name, n)
			}
		}
	})
}

// TestR19_EndingNeedsASuccessor: an administrator who ends somebody must say who takes over, and it must be somebody who can.
func TestR19_EndingNeedsASuccessor(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		contact, limited := person("c@nordlys.example"), person("l@nordlys.example")
		contact.Kind, limited.Kind = directory.ContactOnly, directory.Limited
		invited := must(o.Memberships.Create(ctx, o.home.ID, person("guest@elsewhere.example")))(t)
		over := o.employ(t, "over")
		if err := o.end(over, directory.Ending{Choice: directory.EndArchived}); err != nil {
			t.Fatal(err)
		}
		gone := o.employ(t, "gone")
		if err := o.Memberships.Delete(ctx, o.home.ID, gone.ID); err != nil {
			t.Fatal(err)
		}
		suspended := o.change(t, o.employ(t, "away"), func(m *directory.Member) { m.SuspendedAt = db.Now() })
		neighbour := person("n@elsewhere.example")
		neighbour.Trusted = true
		theirs := must(o.Memberships.Create(ctx, o.another.ID, neighbour))(t)
		wantCode(t, "no choice", o.end(o.kari, directory.Ending{}), "choice_needed")
		for name, tc := range map[string]struct {
			who  directory.MembershipID
			code string
		}{
			"nobody": {directory.MembershipID{}, "unknown_successor"}, "the neighbour's": {theirs.ID, "unknown_successor"},
			"a deleted one": {gone.ID, "unknown_successor"}, "oneself": {o.kari.ID, "bad_successor"}, "an invited one": {invited.ID, "bad_successor"},
			"an archived one": {over.ID, "bad_successor"}, "a suspended one": {suspended.ID, "bad_successor"},
			"a contact": {must(o.Memberships.Create(ctx, o.home.ID, contact))(t).ID, "bad_successor"},
			"a limited": {must(o.Memberships.Create(ctx, o.home.ID, limited))(t).ID, "bad_successor"},
		} {
			wantCode(t, name, o.end(o.kari, directory.Ending{Choice: directory.EndWithSuccessor, Successor: tc.who}), tc.code)
		}
		if m := must(o.Memberships.ByID(ctx, o.home.ID, o.kari.ID))(t); !m.ActiveAt(db.Now()) || m.Version != o.kari.Version {
			t.Error("a refused end changed the member")
		}
		wantCode(t, "the neighbour ends", o.Memberships.End(ctx, o.another.ID, o.kari.ID, to(theirs)), "member_not_found")
		wantCode(t, "an invited one needs no choice", o.end(invited, directory.Ending{}), "")
		if n := o.count(t, "select count(*) from endings where membership_id = $1", invited.ID); n != 0 {
			t.Error("who takes over from somebody who was never there?")
		}
		future := person("future@nordlys.example")
		future.Start = db.Now().Add(time.Hour)
		later := must(o.Memberships.Create(ctx, o.home.ID, future))(t)
		wantCode(t, "a scheduled successor", o.end(o.kari, to(later)), "")
		wantCode(t, "the same end again", o.end(o.kari, to(later)), "")
		wantCode(t, "another end", o.end(o.kari, to(o.ola)), "ending_chosen")
		if n := o.events(t, directory.EventTransferRequested); n != 1 {
			t.Errorf("%d transfers were asked for", n)
		}
		if m := must(o.Memberships.ByID(ctx, o.home.ID, o.kari.ID))(t); m.Successor != later.ID || m.StateAt(db.Now()) != directory.StateEnded {
			t.Errorf("ended: %+v", m)
		}
	})
}

// TestR19_FunctionsGoOverWithTheEnd: the duties that one member alone has go to another one in the same transaction.
func TestR19_FunctionsGoOverWithTheEnd(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		kari := o.change(t, o.kari, func(m *directory.Member) {
			m.Functions = []directory.Function{directory.MainRecipient, directory.InvoiceRecipient}
		})
		wantCode(t, "no holder", o.end(kari, to(o.ola)), "function_needs_holder")
		e := to(o.ola)
		e.NewHolder = o.liv.ID
		wantCode(t, "with a holder", o.end(kari, e), "")
		if m := must(o.Memberships.ByID(ctx, o.home.ID, o.liv.ID))(t); len(m.Functions) != 2 {
			t.Errorf("the new holder has %v", m.Functions)
		}
	})
}

// TestR19_WhoCouldNotChooseLeavesTheQuestionOpen: access ends at once; the administrators are told and choose later, once.
func TestR19_WhoCouldNotChooseLeavesTheQuestionOpen(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		external := person("ext@nordlys.example")
		external.Kind, external.End = directory.External, db.Now().Add(time.Hour)
		lapsing := must(o.Memberships.Create(ctx, o.home.ID, external))(t)
		invited := person("never@elsewhere.example")
		invited.Kind, invited.End = directory.External, db.Now().Add(time.Hour)
		must(o.Memberships.Create(ctx, o.home.ID, invited))(t)
		if err := o.Memberships.Delete(ctx, o.home.ID, o.kari.ID); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Hour)
		if n := must(o.Memberships.AnnounceEnded(ctx))(t); n != 2 {
			t.Errorf("announced %d", n)
		}
		open, next, err := o.Memberships.PendingEndings(ctx, o.home.ID, "")
		if err != nil || next != "" || len(open) != 2 || open[0].Membership != o.kari.ID || open[1].Membership != lapsing.ID || open[0].Name != "Kari Nordmann" {
			t.Fatalf("open questions: %+v, next %q (%v)", open, next, err)
		}
		if n := o.events(t, directory.EventEndingPending); n != 2 {
			t.Errorf("the administrators were told %d times", n)
		}
		if theirs, _, err := o.Memberships.PendingEndings(ctx, o.another.ID, ""); err != nil || len(theirs) != 0 {
			t.Errorf("the neighbour sees %+v (%v)", theirs, err)
		}
		wantCode(t, "the neighbour chooses", o.Memberships.Choose(ctx, o.another.ID, o.kari.ID, to(o.ola)), "member_not_found")
		wantCode(t, "nothing chosen", o.Memberships.Choose(ctx, o.home.ID, o.kari.ID, directory.Ending{Choice: directory.EndPending}), "choice_needed")
		wantCode(t, "of somebody active", o.Memberships.Choose(ctx, o.home.ID, o.ola.ID, to(o.liv)), "not_ended")
		wantCode(t, "the deleted one's", o.Memberships.Choose(ctx, o.home.ID, o.kari.ID, to(o.ola)), "")
		wantCode(t, "the same again", o.Memberships.Choose(ctx, o.home.ID, o.kari.ID, to(o.ola)), "")
		wantCode(t, "another", o.Memberships.Choose(ctx, o.home.ID, o.kari.ID, to(o.liv)), "ending_chosen")
		wantCode(t, "the lapsed one's, by ending it", o.end(lapsing, to(o.ola)), "")
		if open, _, _ := o.Memberships.PendingEndings(ctx, o.home.ID, ""); len(open) != 0 {
			t.Errorf("still open: %+v", open)
		}
		if _, _, err := o.Memberships.PendingEndings(ctx, o.home.ID, "x"); codeOf(err) != "bad_cursor" {
			t.Errorf("a bad cursor: %v", err)
		}
	})
}

// TestR19_ASuccessorNamedBeforehandTakesOver: what SCIM wrote into the extension counts when DELETE comes, or the end date.
func TestR19_ASuccessorNamedBeforehandTakesOver(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		for _, m := range []directory.Member{o.kari, o.ola} {
			o.change(t, m, func(m *directory.Member) { m.Successor = o.liv.ID })
		}
		if err := o.Memberships.Delete(ctx, o.home.ID, o.kari.ID); err != nil {
			t.Fatal(err)
		}
		o.change(t, o.ola, func(m *directory.Member) { m.End = db.Now().Add(time.Hour) })
		clock.Advance(time.Hour)
		must(o.Memberships.AnnounceEnded(ctx))(t)
		list := must(o.Transfers.List(ctx, o.home.ID, directory.TransferID{}))(t)
		if len(list) != 2 || list[0].From != o.ola.ID || list[1].From != o.kari.ID || list[0].To != o.liv.ID || len(list[0].Parts) != 2 {
			t.Errorf("transfers: %+v", list)
		}
		siv := o.employ(t, "siv")
		if err := o.end(siv, to(o.liv)); err != nil {
			t.Fatal(err)
		}
		chosen := o.events(t, directory.EventEndingChosen)
		if err := o.Memberships.Delete(ctx, o.home.ID, siv.ID); err != nil {
			t.Fatal(err)
		}
		if n := o.events(t, directory.EventEndingChosen); n != chosen || o.count(t, "select count(*) from transfers") != 3 {
			t.Errorf("deleting somebody whose successor was chosen chose again: %d events, %d before", n, chosen)
		}
		mia := o.employ(t, "mia")
		o.change(t, mia, func(m *directory.Member) { m.Successor = o.liv.ID })
		if err := o.end(o.liv, directory.Ending{Choice: directory.EndArchived}); err != nil {
			t.Fatal(err)
		}
		if err := o.Memberships.Delete(ctx, o.home.ID, mia.ID); err != nil {
			t.Fatal(err)
		}
		if open, _, _ := o.Memberships.PendingEndings(ctx, o.home.ID, ""); len(open) != 1 || open[0].Membership != mia.ID {
			t.Errorf("whose successor has gone: %+v", open)
		}
	})
}

func TestPendingEndingsArePaged(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		members := make([]directory.Member, 230)
		for i := range members {
			members[i] = directory.Member{Kind: directory.Employee, Start: db.Now(), AcceptedAt: db.Now(), End: db.Now().Add(time.Hour)}
		}
		o.fill(t, o.home.ID, members)
		clock.Advance(time.Hour)
		for must(o.Memberships.AnnounceEnded(ctx))(t) > 0 { // 200 of them with the same time
		}
		seen, cursor, pages := map[directory.MembershipID]bool{}, "", 0
		for {
			open, next, err := o.Memberships.PendingEndings(ctx, o.home.ID, cursor)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range open {
				seen[e.Membership] = true
			}
			if pages++; next == "" {
				break
			}
			cursor = next
		}
		if len(seen) != len(members) || pages != 3 {
			t.Errorf("%d of %d on %d pages", len(seen), len(members), pages)
		}
	})
}

// TestR19_ChoosingRace: thirty administrators choose at the same moment; one choice counts and makes one transfer.
func TestR19_ChoosingRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		if err := o.Memberships.Delete(ctx, o.home.ID, o.kari.ID); err != nil {
			t.Fatal(err)
		}
		var heirs []directory.Member
		for i := range 30 {
			heirs = append(heirs, o.employ(t, fmt.Sprint("heir", i)))
		}
		wantCounts(t, atOnce(30, func(i int) error { return o.Memberships.Choose(ctx, o.home.ID, o.kari.ID, to(heirs[i])) }),
			map[string]int{"": 1, "ending_chosen": 29})
		if n := o.count(t, "select count(*) from transfers"); n != 1 || o.events(t, directory.EventTransferRequested) != 1 || o.events(t, directory.EventEndingChosen) != 1 {
			t.Errorf("%d transfers", n)
		}
		wantCounts(t, atOnce(30, func(i int) error { return o.end(o.ola, to(heirs[i])) }), map[string]int{"": 1, "ending_chosen": 29})
		if n := o.events(t, directory.EventMembershipEnded); n != 2 {
			t.Errorf("two ends were told of %d times", n)
		}
	})
}

// TestR20_ArchivingNeedsTheFeature: the records stay with the ended member, who is chosen for nothing more.
func TestR20_ArchivingNeedsTheFeature(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		archive := directory.Ending{Choice: directory.EndArchived}
		guest := person("guest@elsewhere.example")
		guest.Trusted = true
		theirs := must(o.Memberships.Create(ctx, o.another.ID, guest))(t)
		wantCode(t, "where the feature is off", o.end(theirs, archive), "feature_off")
		if m := must(o.Memberships.ByID(ctx, o.another.ID, theirs.ID))(t); !m.ActiveAt(db.Now()) {
			t.Error("the refused end ended")
		}
		wantCode(t, "archive", o.end(o.kari, archive), "")
		m := must(o.Memberships.ByID(ctx, o.home.ID, o.kari.ID))(t)
		if m.StateAt(db.Now()) != directory.StateArchived || m.ListedActive(db.Now()) || o.count(t, "select count(*) from transfers") != 0 {
			t.Errorf("archived: %+v", m)
		}
		wantCode(t, "as successor", o.changeErr(o.ola, func(m *directory.Member) { m.Successor = o.kari.ID }), "unknown_successor")
		wantCode(t, "as manager", o.changeErr(o.ola, func(m *directory.Member) { m.Manager = o.kari.ID }), "unknown_manager")
		wantCode(t, "choosing again", o.Memberships.Choose(ctx, o.home.ID, o.kari.ID, to(o.ola)), "ending_chosen")
		_, err := o.Memberships.ActiveOwner(ctx, o.home.ID, o.kari.ID)
		wantCode(t, "an edit of what it owned", err, "owner_archived")
		_, err = o.Memberships.ActiveOwner(ctx, o.another.ID, o.kari.ID)
		wantCode(t, "the neighbour's edit", err, "member_not_found")
		o.change(t, o.ola, func(m *directory.Member) { m.ArchivedAt = db.Now() })
		if m := must(o.Memberships.ByID(ctx, o.home.ID, o.ola.ID))(t); !m.ArchivedAt.IsZero() {
			t.Error("an edit archived somebody")
		}
		if err := o.Memberships.Delete(ctx, o.home.ID, o.ola.ID); err != nil {
			t.Fatal(err)
		}
		_, err = o.Memberships.ActiveOwner(ctx, o.home.ID, o.ola.ID)
		wantCode(t, "before anybody chose", err, "owner_pending")
		wantCode(t, "archive later", o.Memberships.Choose(ctx, o.home.ID, o.ola.ID, archive), "")
		mia, tor := o.employ(t, "mia"), o.employ(t, "tor")
		if o.end(mia, to(tor)) != nil || o.end(tor, to(o.liv)) != nil {
			t.Fatal("ending two in a row")
		}
		if heir := must(o.Memberships.ActiveOwner(ctx, o.home.ID, mia.ID))(t); heir != o.liv.ID {
			t.Errorf("the heir's heir: %s", heir)
		}
	})
}

// TestR33_NothingIsEverDeleted: deactivating, ending, archiving, deleting and renaming leave every row of the person where it
// is, and the same person finds it again.
func TestR33_NothingIsEverDeleted(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		must(o.Access.SaveModules(ctx, []directory.Module{{Key: "invoices", Names: map[string]string{"en": "Invoices"}}}))(t)
		must(o.Access.SavePackages(ctx, []directory.Package{{Key: "accountant", Base: true, Grants: map[string]directory.Grade{"invoices": directory.GradeView}}}))(t)
		kari := o.change(t, o.kari, func(m *directory.Member) {
			m.Packages, m.Grants = []string{"accountant"}, map[string]directory.Grade{"invoices": directory.GradeEdit}
			m.Details.Addresses = []directory.Address{{Locality: "Oslo"}}
		})
		rows := func() string {
			return fmt.Sprint(o.count(t, "select count(*) from users"), o.count(t, "select count(*) from memberships"),
				o.count(t, "select count(*) from member_packages"), o.count(t, "select count(*) from member_grants"), o.count(t, "select count(*) from member_contacts"), o.count(t, "select count(*) from member_addresses"))
		}
		before, audits := rows(), o.count(t, "select count(*) from audit_entries")
		for _, step := range []struct {
			name string
			do   func() error
		}{
			{"deactivate", func() error { return o.changeErr(kari, func(m *directory.Member) { m.SuspendedAt = db.Now() }) }},
			{"reactivate", func() error { return o.changeErr(kari, func(m *directory.Member) { m.SuspendedAt = time.Time{} }) }},
			{"rename", func() error {
				return o.changeErr(kari, func(m *directory.Member) { m.Email, m.Details.FamilyName = "kari.hansen@nordlys.example", "Hansen" })
			}},
			{"end", func() error { return o.end(kari, to(o.ola)) }},
			{"revive", func() error { return o.changeErr(kari, func(m *directory.Member) { m.End = db.Now().Add(time.Hour) }) }},
			{"archive", func() error { return o.end(kari, directory.Ending{Choice: directory.EndArchived}) }},
			{"delete", func() error { return o.Memberships.Delete(ctx, o.home.ID, kari.ID) }},
		} {
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			if now := rows(); now != before {
				t.Errorf("%s: rows %s, before %s", step.name, now, before)
			}
			if n := o.count(t, "select count(*) from audit_entries"); n <= audits {
				t.Errorf("%s left no trace", step.name)
			} else {
				audits = n
			}
		}
		if n := o.count(t, "select count(*) from audit_entries where object = $1 and action like 'membership.%'", kari.ID.String()); n < 8 {
			t.Errorf("%d entries under the one id that never changed", n)
		}
		again := must(o.Memberships.Create(ctx, o.home.ID, person("kari.hansen@nordlys.example")))(t)
		if again.User != kari.User || again.ID == kari.ID {
			t.Error("made again, it is another person, or the same membership")
		}
	})
}

// TestR33_WhoComesBackEndsAnew: an end that is taken back takes its question with it, and its transfer where nothing was moved.
func TestR33_WhoComesBackEndsAnew(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		o := newOffice(t, db)
		revive := func() {
			o.change(t, o.kari, func(m *directory.Member) { m.End = db.Now().Add(time.Hour) })
			clock.Advance(time.Minute)
		}
		if err := o.end(o.kari, to(o.ola)); err != nil {
			t.Fatal(err)
		}
		first := must(o.Transfers.List(ctx, o.home.ID, directory.TransferID{}))(t)[0]
		revive()
		if m := must(o.Memberships.ByID(ctx, o.home.ID, o.kari.ID))(t); !m.ActiveAt(db.Now()) {
			t.Fatalf("revived: %s", m.StateAt(db.Now()))
		}
		if x := must(o.Transfers.ByID(ctx, o.home.ID, first.ID))(t); x.WithdrawnAt.IsZero() || o.events(t, directory.EventTransferWithdrawn) != 1 {
			t.Error("the transfer of somebody who is back goes on")
		}
		_, err := o.Transfers.Acknowledge(ctx, o.crm.ID, first.ID, directory.Acknowledgement{All: true, Moved: directory.MovedUnknown})
		wantCode(t, "acknowledging it", err, "transfer_withdrawn")
		wantCode(t, "archived", o.end(o.kari, directory.Ending{Choice: directory.EndArchived}), "")
		revive()
		wantCode(t, "a second time", o.end(o.kari, to(o.ola)), "")
		if list := must(o.Transfers.ForApplication(ctx, o.crm.ID, directory.OrganizationID{}, directory.TransferID{}, 0))(t); len(list) != 1 || list[0].ID == first.ID {
			t.Errorf("waiting: %+v", list)
		}
	})
}
