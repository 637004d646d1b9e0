package directory_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func (h house) holder(t *testing.T, f directory.Function) directory.MembershipID {
	t.Helper()
	all := must(h.Memberships.Holders(ctx, h.home.ID, f))(t)
	if len(all) > 1 {
		t.Fatalf("%d members have %s", len(all), f)
	}
	if len(all) == 0 {
		return directory.MembershipID{}
	}
	return all[0].ID
}

func TestR04_HandOver(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		n := person("kari@nordlys.example")
		n.Functions = []directory.Function{directory.MainRecipient, directory.InvoiceRecipient}
		kari := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		ola := must(h.Memberships.Create(ctx, h.home.ID, person("ola@nordlys.example")))(t)
		per := must(h.Memberships.Create(ctx, h.home.ID, person("per@nordlys.example")))(t)
		give := func(f directory.Function, from, to directory.MembershipID) error {
			return h.Memberships.HandOver(ctx, h.home.ID, f, from, to)
		}
		if err := give(directory.InvoiceRecipient, directory.MembershipID{}, ola.ID); err != nil {
			t.Fatal(err)
		}
		if h.holder(t, directory.InvoiceRecipient) != ola.ID || h.holder(t, directory.MainRecipient) != kari.ID {
			t.Error("not handed over, or the other one with it")
		}
		if _, err := h.Memberships.Change(ctx, h.home.ID, kari.ID, kari.Version, func(*directory.Member) error { return nil }); !errors.Is(err, directory.ErrStale) {
			t.Errorf("an edit of before: %v", err)
		}
		if n := h.count(t, "select count(*) from audit_entries where action = 'function.handed_over' and detail like $1", "%"+kari.ID.String()+"%"); n != 1 {
			t.Errorf("%d entries say who had it", n)
		}
		if err := give(directory.InvoiceRecipient, kari.ID, per.ID); !errors.Is(err, directory.ErrFunctionMoved) {
			t.Errorf("from who no longer has it: %v", err)
		}
		if err := give(directory.InvoiceRecipient, ola.ID, per.ID); err != nil {
			t.Error(err)
		}
		if err := give(directory.InvoiceRecipient, per.ID, per.ID); err != nil {
			t.Errorf("to oneself: %v", err)
		}
		for range 2 { // what several may have is added
			if err := give(directory.InformationRecipient, directory.MembershipID{}, ola.ID); err != nil {
				t.Error(err)
			}
		}
		if err := give(directory.InformationRecipient, ola.ID, kari.ID); err != nil || h.holder(t, directory.InformationRecipient) != kari.ID {
			t.Errorf("moved: %v", err)
		}
		if n := h.events(t, directory.EventFunctionHandedOver); n != 4 {
			t.Errorf("%d events", n)
		}

		contact, invited := person("c@nordlys.example"), person("i@elsewhere.example")
		contact.Kind = directory.ContactOnly
		c := must(h.Memberships.Create(ctx, h.home.ID, contact))(t)
		i := must(h.Memberships.Create(ctx, h.home.ID, invited))(t)
		foreign := must(h.Memberships.Create(ctx, h.another.ID, person("f@elsewhere.example")))(t)
		suspended := h.change(t, ola, func(m *directory.Member) { m.SuspendedAt = db.Now() })
		for to, code := range map[directory.MembershipID]string{c.ID: "bad_holder", i.ID: "bad_holder", suspended.ID: "bad_holder", foreign.ID: "member_not_found", {}: "member_not_found"} {
			if got := codeOf(give(directory.MainRecipient, directory.MembershipID{}, to)); got != code {
				t.Errorf("to %v: %q, want %q", to, got, code)
			}
		}
		if err := h.Memberships.HandOver(ctx, h.another.ID, directory.MainRecipient, directory.MembershipID{}, per.ID); !errors.Is(err, directory.ErrMemberNotFound) {
			t.Errorf("the neighbour hands over: %v", err)
		}
		if err := give("treasurer", directory.MembershipID{}, per.ID); codeOf(err) != "bad_function" {
			t.Errorf("no function: %v", err)
		}
		if all := must(h.Memberships.Holders(ctx, h.another.ID, directory.MainRecipient))(t); len(all) != 0 {
			t.Errorf("the neighbour's holders: %v", all)
		}
		// A suspended holder keeps the function and is seen to be suspended.
		h.change(t, per, func(m *directory.Member) { m.SuspendedAt = db.Now() })
		if all := must(h.Memberships.Holders(ctx, h.home.ID, directory.InvoiceRecipient))(t); len(all) != 1 || all[0].StateAt(db.Now()) != directory.StateSuspended {
			t.Errorf("a suspended holder: %+v", all)
		}
		if err := h.changeErr(kari, func(m *directory.Member) { m.Kind = directory.ContactOnly }); codeOf(err) != "contact_function" {
			t.Errorf("the main recipient becomes a contact: %v", err)
		}
	})
}

// TestR04_HandOverRace: thirty hand-overs at the same moment, and others who take the function by an edit: it has one
// holder afterwards, and who named the former one succeeded once.
func TestR04_HandOverRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		n := person("first@nordlys.example")
		n.Functions = []directory.Function{directory.MainRecipient, directory.InvoiceRecipient}
		first := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		var members []directory.Member
		for i := range 30 {
			members = append(members, must(h.Memberships.Create(ctx, h.home.ID, person(fmt.Sprintf("p%d@nordlys.example", i))))(t))
		}
		wantCounts(t, atOnce(30, func(i int) error {
			return h.Memberships.HandOver(ctx, h.home.ID, directory.MainRecipient, first.ID, members[i].ID)
		}), map[string]int{"": 1, "function_moved": 29})
		got := atOnce(30, func(i int) error {
			if i%3 == 0 {
				return h.changeErr(members[i], func(m *directory.Member) { m.Functions = []directory.Function{directory.InvoiceRecipient} })
			}
			return h.Memberships.HandOver(ctx, h.home.ID, directory.InvoiceRecipient, directory.MembershipID{}, members[i].ID)
		})
		if got[""] < 20 || got[""]+got["function_taken"] != 30 {
			t.Errorf("whoever has it: %v", got)
		}
		if h.holder(t, directory.InvoiceRecipient).IsZero() || h.holder(t, directory.MainRecipient).IsZero() {
			t.Error("nobody has it")
		}
	})
}

// TestR04_Vacancy: an end that came by itself leaves a visible vacancy and tells of it once, until somebody takes over.
func TestR04_Vacancy(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		deputy := must(h.Memberships.Create(ctx, h.home.ID, person("deputy@nordlys.example")))(t)
		both := []directory.Function{directory.MainRecipient, directory.InvoiceRecipient, directory.InformationRecipient}
		for i, end := range map[string]func(m directory.Member) error{
			"by time": func(directory.Member) error {
				clock.Advance(2 * time.Hour)
				_, err := h.Memberships.AnnounceEnded(ctx)
				return err
			},
			"by SCIM": func(m directory.Member) error { return h.Memberships.Delete(ctx, m.Organization, m.ID) },
			"by edit": func(m directory.Member) error {
				clock.Advance(time.Minute)
				return h.changeErr(m, func(m *directory.Member) { m.End = db.Now() })
			},
		} {
			n := person("holder@nordlys.example")
			n.Kind, n.End, n.Functions = directory.External, db.Now().Add(time.Hour), both
			holder := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
			told := h.events(t, directory.EventFunctionVacant)
			if err := end(holder); err != nil {
				t.Fatalf("%s: %v", i, err)
			}
			vacant := must(h.Memberships.Vacancies(ctx, h.home.ID))(t)
			if len(vacant) != 2 || vacant[0].Membership != holder.ID || !vacant[0].Since.Equal(db.Now()) {
				t.Errorf("%s: vacancies %+v", i, vacant)
			}
			if n := h.events(t, directory.EventFunctionVacant) - told; n != 2 {
				t.Errorf("%s: told %d times", i, n)
			}
			if n := h.count(t, "select count(*) from member_functions"); n != 0 {
				t.Errorf("%s: %d functions left", i, n)
			}
			if err := h.Memberships.HandOver(ctx, h.home.ID, directory.MainRecipient, directory.MembershipID{}, deputy.ID); err != nil {
				t.Fatal(err)
			}
			h.change(t, deputy, func(m *directory.Member) { m.Functions = both })
			if vacant := must(h.Memberships.Vacancies(ctx, h.home.ID))(t); len(vacant) != 0 {
				t.Errorf("%s: taken, and yet vacant: %+v", i, vacant)
			}
			h.change(t, deputy, func(m *directory.Member) { m.Functions = nil })
		}
		if vacant := must(h.Memberships.Vacancies(ctx, h.another.ID))(t); len(vacant) != 0 {
			t.Errorf("the neighbour sees %+v", vacant)
		}
	})
}

// TestR04_WhoEndsAHolderNamesTheNext: the step that an administrator's ending takes.
func TestR04_WhoEndsAHolderNamesTheNext(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		n := person("holder@nordlys.example")
		n.Functions = []directory.Function{directory.MainRecipient, directory.InvoiceRecipient, directory.InformationRecipient}
		holder := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		next := must(h.Memberships.Create(ctx, h.home.ID, person("next@nordlys.example")))(t)
		foreign := must(h.Memberships.Create(ctx, h.another.ID, person("next@nordlys.example")))(t)
		hand := func(to directory.MembershipID) error {
			return db.Update(ctx, func(tx *sqldb.Tx) error { return directory.HandOverFunctionsForTest(ctx, tx, holder, to) })
		}
		if f := fault.Of(hand(directory.MembershipID{})); f == nil || f.Code != "function_needs_holder" ||
			f.Text != "This is the organization's invoice recipient and main recipient; say who takes over" ||
			len(f.Nouns(0)) != 2 || f.Nouns(0)[0].Key != "function.invoice_recipient" {
			t.Errorf("to nobody: %v", f)
		}
		for to, code := range map[directory.MembershipID]string{holder.ID: "bad_holder", foreign.ID: "member_not_found"} {
			if got := codeOf(hand(to)); got != code {
				t.Errorf("%q, want %q", got, code)
			}
		}
		if err := hand(next.ID); err != nil {
			t.Fatal(err)
		}
		if h.holder(t, directory.MainRecipient) != next.ID || h.holder(t, directory.InvoiceRecipient) != next.ID || h.holder(t, directory.InformationRecipient) != holder.ID {
			t.Error("not in the right hands")
		}
		if vacant := must(h.Memberships.Vacancies(ctx, h.home.ID))(t); len(vacant) != 0 {
			t.Errorf("vacancies %+v", vacant)
		}
	})
}
