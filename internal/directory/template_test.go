package directory_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR18_ACopyHasTheAccessAndNothingElse: role, packages, grants, segments, groups and kind; nothing that is the person's.
func TestR18_ACopyHasTheAccessAndNothingElse(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		client := must(m.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: m.home.ID, Name: "HR"}, "token-of-the-hr-system"))(t)
		n := person("kari@nordlys.example")
		n.Role, n.Packages, n.Grants = m.roles["seller"], []string{"accountant"}, map[string]directory.Grade{"invoices": directory.GradeEdit}
		n.Segments, n.Functions = []string{"oslo"}, []directory.Function{directory.MainRecipient, directory.InformationRecipient}
		n.Administrator, n.ExternalID, n.ManagedBy = true, "1001", client.ID
		kari := must(m.Memberships.Create(ctx, m.home.ID, n))(t)
		m.put(t, "direct", directory.GroupMember{Member: kari.ID})
		m.put(t, "outer", directory.GroupMember{Group: m.groups["direct"]})

		copied := must(m.Memberships.CreateFrom(ctx, m.home.ID, kari.ID, person("ola@nordlys.example")))(t)
		got := must(m.Memberships.ByID(ctx, m.home.ID, copied.ID))(t)
		if got.Role != kari.Role || !slices.Equal(got.Packages, kari.Packages) || got.Grants["invoices"] != directory.GradeEdit ||
			!slices.Equal(got.Segments, kari.Segments) || got.AllSegments || got.Kind != directory.Employee {
			t.Errorf("the copy's access: %+v", got)
		}
		if got.User == kari.User || got.Administrator || len(got.Functions) != 0 || got.ExternalID != "" || !got.ManagedBy.IsZero() || got.Email != "ola@nordlys.example" {
			t.Errorf("the copy took over what is the person's: %+v", got)
		}
		for group, want := range map[string]bool{"direct": true, "outer": false} {
			_, members, _, err := m.Access.GroupByID(ctx, m.home.ID, m.groups[group], directory.GroupPage{Limit: 10})
			if err != nil || slices.ContainsFunc(members, func(g directory.GroupMember) bool { return g.Member == copied.ID }) != want {
				t.Errorf("in %s: %+v (%v)", group, members, err)
			}
		}

		own := person("liv@nordlys.example")
		own.Role, own.Packages, own.Segments, own.Kind = m.roles["clerk"], []string{}, []string{"bergen"}, directory.External
		own.End = db.Now().Add(time.Hour)
		said := must(m.Memberships.CreateFrom(ctx, m.home.ID, kari.ID, own))(t)
		if said.Role != m.roles["clerk"] || len(said.Packages) != 0 || !slices.Equal(said.Segments, []string{"bergen"}) || said.Kind != directory.External || len(said.Grants) != 1 {
			t.Errorf("what was said does not count: %+v", said)
		}
		_, err := m.Memberships.CreateFrom(ctx, m.home.ID, said.ID, person("mia@nordlys.example"))
		wantCode(t, "like an external one, without dates of one's own", err, "missing")
		_, err = m.Memberships.CreateFrom(ctx, m.another.ID, kari.ID, person("mia@nordlys.example"))
		if !errors.Is(err, directory.ErrMemberNotFound) {
			t.Errorf("like the neighbour's: %v", err)
		}
		if n := m.count(t, "select count(*) from memberships"); n != 3 {
			t.Errorf("%d members; a refused copy left one behind", n)
		}
	})
}

// TestR18_TheTemplateMayHaveEnded: who comes after somebody gets what that one had.
func TestR18_TheTemplateMayHaveEnded(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		n := person("kari@nordlys.example")
		n.Role, n.Packages = m.roles["seller"], []string{"accountant"}
		kari := must(m.Memberships.Create(ctx, m.home.ID, n))(t)
		m.put(t, "direct", directory.GroupMember{Member: kari.ID})
		if err := m.Memberships.End(ctx, m.home.ID, kari.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		heir := must(m.Memberships.CreateFrom(ctx, m.home.ID, kari.ID, person("ola@nordlys.example")))(t)
		if heir.Role != kari.Role || !slices.Equal(heir.Packages, kari.Packages) || !heir.ActiveAt(db.Now()) {
			t.Errorf("like somebody who has ended: %+v", heir)
		}
		if err := m.Memberships.Delete(ctx, m.home.ID, kari.ID); err != nil {
			t.Fatal(err)
		}
		_, err := m.Memberships.CreateFrom(ctx, m.home.ID, kari.ID, person("mia@nordlys.example"))
		wantCode(t, "like a deleted one", err, "member_not_found")
		wantCounts(t, atOnce(30, func(int) error {
			_, err := m.Memberships.CreateFrom(ctx, m.home.ID, heir.ID, person("one@nordlys.example"))
			return err
		}), map[string]int{"": 1, "already_member": 29})
	})
}
