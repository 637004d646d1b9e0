package directory_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"portvakt/internal/actor"
	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// entriesOf is what an organization's history says of an object, newest first.
func entriesOf(t *testing.T, h house, org directory.OrganizationID, object string) []audit.Record {
	t.Helper()
	return must(audit.List(ctx, h.db, org, audit.Filter{Object: object}, audit.Ask{}))(t).Records
}

// altered is what an entry says of a field in clear.
func altered(t *testing.T, r audit.Record, field string) []any {
	t.Helper()
	var detail struct{ Changes map[string][]any }
	if err := json.Unmarshal(r.Detail, &detail); err != nil {
		t.Fatal(err)
	}
	return detail.Changes[field]
}

// TestR05_AccessIsTickedAndUnticked: it counts at once, and the history says what was ticked before and after, and by whom.
func TestR05_AccessIsTickedAndUnticked(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		if err := db.Update(ctx, func(tx *sqldb.Tx) error {
			tx.Later(`insert into modules (key, names, self_service, position) values ('invoices', '{}', false, 1), ('expenses', '{}', false, 2)`)
			tx.Later(`insert into packages (key, names, base) values ('accountant', '{}', true)`)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		m := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		boss := actor.With(ctx, actor.Actor{Kind: actor.Person, ID: "usr_boss", Organization: h.home.ID.String(), Address: "192.0.2.9", RequestID: "r1", Behalf: "usr_owner"})
		tick := func(edit func(*directory.Member)) audit.Record {
			t.Helper()
			clock.Advance(1e6)
			must(h.Memberships.Change(boss, h.home.ID, m.ID, 0, func(m *directory.Member) error { edit(m); return nil }))(t)
			return entriesOf(t, h, h.home.ID, m.ID.String())[0]
		}
		r := tick(func(m *directory.Member) {
			m.Grants = map[string]directory.Grade{"invoices": directory.GradeEdit}
			m.Packages = []string{"accountant"}
		})
		if got := altered(t, r, "grants"); !reflect.DeepEqual(got, []any{nil, []any{"invoices:edit"}}) {
			t.Errorf("ticked: grants %v", got)
		}
		if got := altered(t, r, "packages"); !reflect.DeepEqual(got, []any{nil, []any{"accountant"}}) {
			t.Errorf("ticked: packages %v", got)
		}
		if r.ActorID != "usr_boss" || r.Behalf != "usr_owner" || r.Address != "192.0.2.9" || r.RequestID != "r1" || r.Person != m.User.String() {
			t.Errorf("who, for whom, from where: %+v", r)
		}
		if facts := must(h.Access.Of(ctx, h.home.ID, m.ID))(t); len(facts.Grants) == 0 {
			t.Error("what was ticked does not count at once")
		}
		r = tick(func(m *directory.Member) {
			m.Grants, m.Packages = map[string]directory.Grade{"expenses": directory.GradeView}, nil
			m.Administrator = true
		})
		if got := altered(t, r, "grants"); !reflect.DeepEqual(got, []any{[]any{"invoices:edit"}, []any{"expenses:view"}}) {
			t.Errorf("unticked: grants %v", got)
		}
		if got := altered(t, r, "administrator"); !reflect.DeepEqual(got, []any{false, true}) {
			t.Errorf("administrator %v", got)
		}
		if got := altered(t, r, "role"); got != nil {
			t.Errorf("what did not change is told: %v", got)
		}
		if r := entriesOf(t, h, h.another.ID, m.ID.String()); len(r) > 0 {
			t.Errorf("the neighbour reads %+v", r)
		}
		if _, err := h.Memberships.Change(boss, h.another.ID, m.ID, 0, func(*directory.Member) error { return nil }); !fault.Is(err, fault.NotFound) {
			t.Errorf("the neighbour ticks: %v", err)
		}
	})
}

// TestR07_HistoryIsKept: after the end, the deletion and a new name, all that somebody did and was is told under the same id.
func TestR07_HistoryIsKept(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		m := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		did := actor.With(ctx, actor.Actor{Kind: actor.Person, ID: m.User.String()})
		clock.Advance(1e6)
		other := must(h.Memberships.Create(did, h.home.ID, person("ola@nordlys.example")))(t)
		clock.Advance(1e6)
		must(h.Memberships.Change(ctx, h.home.ID, m.ID, 0, func(m *directory.Member) error {
			m.Email, m.UserName, m.Details.FamilyName = "kari.gift@nordlys.example", "kari.gift@nordlys.example", "Gift"
			return nil
		}))(t)
		clock.Advance(1e6)
		if err := h.Memberships.End(ctx, h.home.ID, m.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		clock.Advance(1e6)
		if err := h.Memberships.Delete(ctx, h.home.ID, m.ID); err != nil {
			t.Fatal(err)
		}
		var actions []string
		history := entriesOf(t, h, h.home.ID, m.ID.String())
		for _, r := range history {
			actions = append(actions, r.Action)
		}
		want := []string{"ending.pending", "membership.changed", "membership.created", "membership.ended", "membership.ended"}
		slices.Sort(actions) // of one moment they come in any order
		if !reflect.DeepEqual(actions, want) {
			t.Fatalf("history %v, want %v", actions, want)
		}
		said := map[string]audit.Change{}
		for _, c := range history[3].Changes {
			said[c.Field] = c
		}
		for field, c := range map[string]audit.Change{
			"family_name": {Field: "family_name", Before: "Nordmann", After: "Gift"},
			"user_name":   {Field: "user_name", Before: "kari@nordlys.example", After: "kari.gift@nordlys.example"},
			"email":       {Field: "email", Before: "kari@nordlys.example", After: "kari.gift@nordlys.example"},
		} {
			if said[field] != c {
				t.Errorf("%s is told as %+v", field, said[field])
			}
		}
		if done := must(audit.List(ctx, db, h.home.ID, audit.Filter{ActorID: m.User.String()}, audit.Ask{}))(t).Records; len(done) != 1 || done[0].Object != other.ID.String() {
			t.Errorf("what the person did: %+v", done)
		}
		renamed := must(audit.List(ctx, db, directory.OrganizationID{}, audit.Filter{Person: m.User.String(), Action: directory.EventUserEmailChanged}, audit.Ask{}))(t).Records
		if len(renamed) != 1 || len(renamed[0].Changes) != 1 || renamed[0].Changes[0].Before != "kari@nordlys.example" {
			t.Errorf("the rename: %+v", renamed)
		}
		if _, err := h.Memberships.ByID(ctx, h.home.ID, m.ID); !errors.Is(err, directory.ErrMemberNotFound) {
			t.Errorf("deleted: %v", err)
		}
		if found := testenv.Find(t, db, "nordmann"); len(found) > 0 {
			for _, f := range found {
				if len(f) > 5 && f[:5] == "audit" {
					t.Errorf("in clear: %s", f)
				}
			}
		}
	})
}

// TestR07_OrganizationChangesAreTold before and after.
func TestR07_OrganizationChangesAreTold(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		clock.Advance(1e6)
		must(h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Seats, o.Name = 7, "Nordlys ASA"; return nil }))(t)
		r := entriesOf(t, h, h.home.ID, h.home.ID.String())[0]
		if got := altered(t, r, "seats"); !reflect.DeepEqual(got, []any{float64(-1), float64(7)}) {
			t.Errorf("seats %v", got)
		}
		if got := altered(t, r, "name"); !reflect.DeepEqual(got, []any{"Nordlys AS", "Nordlys ASA"}) {
			t.Errorf("name %v", got)
		}
	})
}
