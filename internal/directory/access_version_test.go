package directory_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// modelOptions compare access models: when they were read does not matter, nor does the version of a member's row.
var modelOptions = cmp.Options{
	cmpopts.IgnoreFields(directory.AccessModel{}, "ReadAt", "Version"), cmpopts.IgnoreFields(directory.MemberFacts{}, "Version"),
	cmpopts.EquateEmpty(), cmp.Exporter(directory.IsModelTypeForTest),
	cmpopts.SortSlices(func(a, b directory.GroupMember) bool { return a.Reference() < b.Reference() }),
}

// stale is how a model that was read before differs from what is there under the same version; "" where it does not, or where
// the version has risen. Members made where seats are unlimited raise none.
func stale(was, is directory.AccessModel, unlimited bool) string {
	if is.Version != was.Version {
		return ""
	}
	if unlimited {
		is.Members = slices.DeleteFunc(slices.Clone(is.Members), func(m directory.MemberFacts) bool {
			return !slices.ContainsFunc(was.Members, func(o directory.MemberFacts) bool { return o.ID == m.ID })
		})
	}
	return cmp.Diff(was, is, modelOptions)
}

// versions: whoever has read the model and sees the same version has what is there.
func (l *ledger) versions(t *rapid.T) {
	for i, o := range l.orgs {
		is, err := l.Access.Model(ctx, o.ID)
		if err != nil {
			t.Fatal(err)
		}
		if was := l.models[i]; was.Version > is.Version {
			t.Fatalf("organization %d has access version %d after %d", i, is.Version, was.Version)
		} else if diff := stale(was, is, l.book.seats[i] == directory.UnlimitedSeats); was.Version != 0 && diff != "" {
			t.Fatalf("organization %d has the access version %d still: -was +is\n%s", i, is.Version, diff)
		}
		l.models[i] = is
	}
}

// watched is a house whose models are compared before and after each act.
type watched struct {
	model
	t *testing.T
}

// does acts and reports organizations whose model changed under the same version, or that did not change at all where it should.
func (w watched) does(what string, changes []directory.Organization, act func() error) {
	w.t.Helper()
	all := []directory.Organization{w.home, w.another}
	before := make([]directory.AccessModel, len(all))
	for i, o := range all {
		before[i] = must(w.Access.Model(ctx, o.ID))(w.t)
	}
	if err := act(); err != nil {
		w.t.Errorf("%s: %v", what, err)
		return
	}
	for i, o := range all {
		after := must(w.Access.Model(ctx, o.ID))(w.t)
		changed := slices.ContainsFunc(changes, func(c directory.Organization) bool { return c.ID == o.ID })
		if same := cmp.Equal(before[i], after, modelOptions); same == changed {
			w.t.Errorf("%s: %s changed: %v, want %v", what, o.Slug, !same, changed)
		}
		if diff := stale(before[i], after, false); diff != "" {
			w.t.Errorf("%s: %s kept the access version %d: -was +is\n%s", what, o.Slug, after.Version, diff)
		}
	}
}

// TestR17_EveryPathMakesAVersion: whatever changes what decides access raises the version of every organization that it
// touches, over each path that the directory has.
func TestR17_EveryPathMakesAVersion(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := watched{newModel(t, db), t}
		w.another.ManagedBy = w.home.ID // nordlys is the agency of björkvik
		must(w.Organizations.Change(ctx, w.another.ID, func(o *directory.Organization) error { o.ManagedBy = w.home.ID; return nil }))(t)
		home, there, both := []directory.Organization{w.home}, []directory.Organization{w.another}, []directory.Organization{w.home, w.another}
		made := func(email string, edit func(m *directory.Member)) directory.Member {
			n := person(email)
			n.Trusted = true
			edit(&n.Member)
			return must(w.Memberships.Create(ctx, w.home.ID, n))(t)
		}
		plain := func(*directory.Member) {}
		boss := made("boss@nordlys.example", func(m *directory.Member) { m.Administrator = true })
		made("second@nordlys.example", func(m *directory.Member) { m.Administrator = true })
		kari, per, ola := made("kari@nordlys.example", plain), made("per@nordlys.example", plain), made("ola@nordlys.example", plain)
		reseller := func(m directory.Member) directory.Member {
			n := person(m.Email)
			n.Trusted, n.Kind, n.Reseller.Role = true, directory.Reseller, directory.Auditor
			return must(w.Memberships.Create(ctx, w.another.ID, n))(t)
		}
		change := func(m *directory.Member, edit func(m *directory.Member)) func() error {
			return func() error {
				_, err := w.Memberships.Change(ctx, m.Organization, m.ID, 0, func(m *directory.Member) error { edit(m); return nil })
				return err
			}
		}
		must(w.Applications.Save(ctx, directory.Application{ClientID: "crm", Name: "CRM", Organizations: []directory.OrganizationID{w.home.ID},
			Metadata: directory.ClientMetadata{GrantTypes: []string{"client_credentials"}, Scopes: []string{"transfers"}}}))(t)
		w.does("details alone", nil, change(&kari, func(m *directory.Member) { m.Details.Title = "Chief" }))
		w.does("role", home, change(&kari, func(m *directory.Member) { m.Role = w.roles["seller"] }))
		w.does("packages", home, change(&kari, func(m *directory.Member) { m.Packages = []string{"accountant"} }))
		w.does("grants", home, change(&kari, func(m *directory.Member) { m.Grants = map[string]directory.Grade{"expenses": directory.GradeView} }))
		w.does("segments", home, change(&kari, func(m *directory.Member) { m.AllSegments, m.Segments = false, []string{"oslo"} }))
		w.does("function", home, change(&kari, func(m *directory.Member) { m.Functions = []directory.Function{directory.MainRecipient} }))
		w.does("successor", home, change(&kari, func(m *directory.Member) { m.Successor = per.ID }))
		w.does("no successor", home, change(&kari, func(m *directory.Member) { m.Successor = directory.MembershipID{} }))
		w.does("suspended", home, change(&kari, func(m *directory.Member) { m.SuspendedAt = db.Now() }))
		w.does("reactivated", home, change(&kari, func(m *directory.Member) { m.SuspendedAt = time.Time{} }))
		w.does("function handed over", home, func() error {
			return w.Memberships.HandOver(ctx, w.home.ID, directory.MainRecipient, kari.ID, per.ID)
		})
		w.does("ended", home, func() error {
			return w.Memberships.End(ctx, w.home.ID, kari.ID, directory.Ending{Choice: directory.EndPending})
		})
		w.does("successor chosen", home, func() error {
			return w.Memberships.Choose(ctx, w.home.ID, kari.ID, directory.Ending{Choice: directory.EndWithSuccessor, Successor: ola.ID})
		})
		w.does("successor replaced", home, func() error {
			_, err := w.Transfers.Request(ctx, w.home.ID, kari.ID, per.ID)
			return err
		})
		w.does("deleted", home, func() error { return w.Memberships.Delete(ctx, w.home.ID, kari.ID) })
		w.does("copied", home, func() error { // the group is what changes: unlimited seats
			w.put(t, "direct", directory.GroupMember{Member: ola.ID})
			_, err := w.Memberships.CreateFrom(ctx, w.home.ID, ola.ID, person("copy@nordlys.example"))
			return err
		})

		asked := w.invited(t, "guest@x.example")
		clock.Advance(time.Hour)
		w.does("invitation sent again", there, func() error { _, err := w.Invitations.Resend(ctx, w.another.ID, asked.Membership); return err })
		w.does("accepted", there, func() error { _, err := w.Memberships.Accept(ctx, w.user(t, asked), asked.Membership); return err })
		no := must(w.Memberships.Create(ctx, w.home.ID, person("no@x.example")))(t)
		w.does("declined", home, func() error { return w.Memberships.Decline(ctx, no.User, no.ID) })
		back := must(w.Memberships.Create(ctx, w.home.ID, person("back@x.example")))(t)
		w.does("withdrawn", home, func() error { return w.Invitations.Withdraw(ctx, w.home.ID, back.ID) })
		w.does("made again", home, func() error { _, err := w.Memberships.Create(ctx, w.home.ID, person("back@x.example")); return err })
		w.does("imported", home, func() error {
			_, err := w.Memberships.Import(ctx, w.home.ID, []directory.ImportLine{{Line: 1, Email: "new@nordlys.example"}}, directory.ImportQuietly)
			return err
		})
		w.does("function lost by its own end", home, func() error {
			soon := made("soon@nordlys.example", func(m *directory.Member) {
				m.Kind, m.End, m.Functions = directory.External, db.Now().Add(time.Hour), []directory.Function{directory.InvoiceRecipient}
			})
			before := must(w.Access.Model(ctx, w.home.ID))(t)
			clock.Advance(2 * time.Hour)
			must(w.Memberships.AnnounceEnded(ctx))(t)
			after := must(w.Access.Model(ctx, w.home.ID))(t)
			if diff := stale(before, after, false); diff != "" || cmp.Equal(before, after, modelOptions) {
				t.Errorf("announcing the end of %s: %s", soon.ID, diff)
			}
			return nil
		})

		reseller(per)
		w.does("an agency's employee gets an end", both, change(&per, func(m *directory.Member) { m.End = db.Now().Add(90 * 24 * time.Hour) }))
		w.does("an agency's employee leaves", both, func() error { return w.Memberships.Delete(ctx, w.home.ID, per.ID) })
		reseller(ola)
		w.does("suspended at the agency", both, change(&ola, func(m *directory.Member) { m.SuspendedAt = db.Now() }))
		reseller(boss)
		w.does("the agency is suspended", both, func() error {
			_, err := w.Organizations.Change(ctx, w.home.ID, func(o *directory.Organization) error { o.Suspended = true; return nil })
			return err
		})
		w.does("the agency is back", both, func() error {
			_, err := w.Organizations.Change(ctx, w.home.ID, func(o *directory.Organization) error { o.Suspended = false; return nil })
			return err
		})
		w.does("a person is disabled", both, func() error { _, err := w.Users.SetState(ctx, boss.User, directory.UserDisabled); return err })
		w.does("and enabled", both, func() error { _, err := w.Users.SetState(ctx, boss.User, directory.UserActive); return err })
		reseller(boss)
		w.does("another agency", there, func() error {
			_, err := w.Organizations.Change(ctx, w.another.ID, func(o *directory.Organization) error { o.ManagedBy = directory.OrganizationID{}; return nil })
			return err
		})
		gone := must(w.Users.RequestErasure(ctx, boss.User))(t)
		w.does("a person is erased", both, func() error { _, err := w.Users.ConfirmErasure(ctx, gone.ID); return err })
		w.does("modules", both, func() error {
			_, err := w.Access.SaveModules(ctx, []directory.Module{{Key: "calendar"}})
			return err
		})
		w.does("packages of the installation", both, func() error {
			_, err := w.Access.SavePackages(ctx, []directory.Package{{Key: "accountant", Base: true, Grants: map[string]directory.Grade{"calendar": directory.GradeEdit}}})
			return err
		})
		version := w.version(t) // nothing is locked for whoever is made where seats are unlimited
		if must(w.Memberships.Create(ctx, w.home.ID, person("uncounted@nordlys.example")))(t); w.version(t) != version {
			t.Error("a member without a counted seat raises the version, and so waits for the organization's row")
		}
		must(w.Organizations.Change(ctx, w.home.ID, func(o *directory.Organization) error { o.Seats = 100; return nil }))(t)
		w.does("made where seats are counted", home, func() error {
			_, err := w.Memberships.Create(ctx, w.home.ID, person("counted@nordlys.example"))
			return err
		})
	})
}
