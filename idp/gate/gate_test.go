package gate_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"portvakt/idp/gate"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// world is one member of one organization, an application for all, and the gate.
type world struct {
	dir    *directory.Directory
	clock  *testenv.Clock
	org    directory.Organization
	member directory.Member
	app    gate.Application
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newWorld(t *testing.T, db *sqldb.DB, clock *testenv.Clock, n directory.NewMember) *world {
	t.Helper()
	ctx := context.Background()
	dir := directory.New(db)
	w := &world{dir: dir, clock: clock}
	w.org = must(dir.Organizations.Create(ctx, directory.Organization{Slug: "nordlys", Name: "Nordlys AS", Seats: directory.UnlimitedSeats}))(t)
	admin := directory.NewMember{Trusted: true, Member: directory.Member{Email: "admin@nordlys.example", Administrator: true}}
	must(dir.Memberships.Create(ctx, w.org.ID, admin))(t)
	n.Email = "kari@nordlys.example"
	w.member = must(dir.Memberships.Create(ctx, w.org.ID, n))(t)
	app := must(dir.Applications.Save(ctx, directory.Application{ClientID: "demo", Name: "Demo", AllOrganizations: true}))(t)
	w.app = gate.Application{ID: app.ID, AllOrganizations: true, Grants: []string{"authorization_code", "refresh_token"}, SelfService: true}
	return w
}

func (w *world) request(t *testing.T) gate.Request {
	t.Helper()
	s := must(w.dir.Memberships.Standing(context.Background(), w.member.ID))(t)
	return gate.Request{Membership: w.member.ID, UserEpoch: s.UserEpoch, MembershipEpoch: s.Epoch, Application: w.app, Grant: "refresh_token", ACR: "urn:portvakt:acr:password"}
}

func (w *world) change(edit func(*directory.Member)) func(*testing.T) {
	return func(t *testing.T) {
		must(w.dir.Memberships.Change(context.Background(), w.org.ID, w.member.ID, 0, func(m *directory.Member) error {
			edit(m)
			return nil
		}))(t)
	}
}

// Each row breaks one thing of what gave access a moment before.
func TestGateMatrix(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	trusted := directory.NewMember{Trusted: true}
	rows := []struct {
		name  string
		made  directory.NewMember
		spoil func(w *world, r *gate.Request) func(*testing.T)
		want  error
	}{
		{"user disabled", trusted, func(w *world, _ *gate.Request) func(*testing.T) {
			return func(t *testing.T) { must(w.dir.Users.SetState(ctx, w.member.User, directory.UserDisabled))(t) }
		}, gate.ErrUser},
		{"user epoch raised", trusted, func(w *world, _ *gate.Request) func(*testing.T) {
			return func(t *testing.T) { must(w.dir.Users.EndSessions(ctx, w.member.User, "everywhere"))(t) }
		}, gate.ErrEpoch},
		{"membership suspended", trusted, func(w *world, r *gate.Request) func(*testing.T) {
			r.MembershipEpoch = 0
			return w.change(func(m *directory.Member) { m.SuspendedAt = testenv.Start })
		}, gate.ErrMembership},
		{"membership suspended and reactivated", trusted, func(w *world, _ *gate.Request) func(*testing.T) {
			return func(t *testing.T) {
				w.change(func(m *directory.Member) { m.SuspendedAt = testenv.Start })(t)
				w.change(func(m *directory.Member) { m.SuspendedAt = time.Time{} })(t)
			}
		}, gate.ErrEpoch},
		{"membership ended", trusted, func(w *world, r *gate.Request) func(*testing.T) {
			r.MembershipEpoch = 0
			return func(t *testing.T) {
				if err := w.dir.Memberships.End(ctx, w.org.ID, w.member.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
					t.Fatal(err)
				}
			}
		}, gate.ErrMembership},
		{"membership deleted", trusted, func(w *world, r *gate.Request) func(*testing.T) {
			r.MembershipEpoch = 0
			return func(t *testing.T) {
				if err := w.dir.Memberships.Delete(ctx, w.org.ID, w.member.ID); err != nil {
					t.Fatal(err)
				}
			}
		}, gate.ErrMembership},
		{"membership lapsed", directory.NewMember{Trusted: true, Member: directory.Member{Kind: directory.External, End: testenv.Start.Add(time.Hour)}},
			func(w *world, _ *gate.Request) func(*testing.T) {
				return func(*testing.T) { w.clock.Advance(time.Hour) }
			}, gate.ErrMembership},
		{"organization suspended", trusted, func(w *world, _ *gate.Request) func(*testing.T) {
			return func(t *testing.T) {
				must(w.dir.Organizations.Change(ctx, w.org.ID, func(o *directory.Organization) error { o.Suspended = true; return nil }))(t)
			}
		}, gate.ErrOrganization},
		{"second factor now required", trusted, func(w *world, _ *gate.Request) func(*testing.T) {
			return func(t *testing.T) {
				must(w.dir.Organizations.Change(ctx, w.org.ID, func(o *directory.Organization) error {
					o.SecondFactor = directory.SecondFactorRequired
					return nil
				}))(t)
			}
		}, gate.ErrSecondFactor},
		{"application disabled", trusted, func(_ *world, r *gate.Request) func(*testing.T) {
			return func(*testing.T) { r.Application.Disabled = true }
		}, gate.ErrApplication},
		{"application not serving", trusted, func(_ *world, r *gate.Request) func(*testing.T) {
			return func(*testing.T) { r.Application.AllOrganizations = false }
		}, gate.ErrNotServed},
		{"grant not registered", trusted, func(_ *world, r *gate.Request) func(*testing.T) {
			return func(*testing.T) { r.Grant = "client_credentials" }
		}, gate.ErrGrant},
		{"limited member, no self-service", directory.NewMember{Trusted: true, Member: directory.Member{Kind: directory.Limited}},
			func(_ *world, r *gate.Request) func(*testing.T) {
				return func(*testing.T) { r.Application.SelfService = false }
			}, gate.ErrSelfService},
		{"unknown membership", trusted, func(_ *world, r *gate.Request) func(*testing.T) {
			return func(*testing.T) { r.Membership[15] ^= 1 }
		}, gate.ErrNoMembership},
		{"no application", trusted, func(_ *world, r *gate.Request) func(*testing.T) {
			return func(*testing.T) { r.Application = gate.Application{} }
		}, fault.New(fault.Internal, "no_application", "")},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
				w := newWorld(t, db, clock, row.made)
				g := gate.New(w.dir)
				r := w.request(t)
				pass, err := g.MayIssue(ctx, db, r)
				if err != nil || !pass.Valid() {
					t.Fatalf("refused before anything was broken: %v", err)
				}
				row.spoil(w, &r)(t)
				pass, err = g.MayIssue(ctx, db, r)
				if !errors.Is(err, row.want) || pass.Valid() {
					t.Errorf("MayIssue = %v, want %v", err, row.want)
				}
			})
		})
	}
}

func TestNoAccessToBeginWith(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, made := range map[string]directory.NewMember{
		"invited":     {},
		"not started": {Trusted: true, Member: directory.Member{Start: testenv.Start.Add(time.Hour)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
				w := newWorld(t, db, clock, made)
				if _, err := gate.New(w.dir).MayIssue(ctx, db, w.request(t)); !errors.Is(err, gate.ErrMembership) {
					t.Errorf("MayIssue = %v", err)
				}
			})
		})
	}
}

func TestPassCarriesTheEndAndJoinsTheTransaction(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		end := testenv.Start.Add(time.Hour)
		w := newWorld(t, db, clock, directory.NewMember{Trusted: true, Member: directory.Member{Kind: directory.External, End: end}})
		g := gate.New(w.dir)
		err := db.Update(ctx, func(tx *sqldb.Tx) error {
			pass, err := g.MayIssue(ctx, tx, w.request(t))
			if err != nil {
				return err
			}
			if !pass.Cap().Equal(end) || !pass.Until(end.Add(time.Hour)).Equal(end) || !pass.Until(testenv.Start).Equal(testenv.Start) ||
				pass.Application() != w.app.ID || !pass.Now().Equal(tx.Now()) {
				t.Errorf("pass %+v", pass)
			}
			// What the transaction has done so far counts.
			if _, err := w.dir.WithTx(tx).Users.EndSessions(ctx, w.member.User, "everywhere"); err != nil {
				return err
			}
			r := gate.Request{Membership: w.member.ID, UserEpoch: pass.Standing().UserEpoch, Application: w.app, Grant: gate.GrantSession}
			if _, err := g.MayIssue(ctx, tx, r); !errors.Is(err, gate.ErrEpoch) {
				t.Errorf("the gate does not see its transaction: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if (gate.Pass{}).Valid() {
			t.Error("the zero pass is valid")
		}
	})
}
