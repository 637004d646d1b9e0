package directory_test

import (
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// aMoment is long enough for a transaction that nothing holds up, and short enough to wait for one that something does.
const aMoment = 300 * time.Millisecond

// TestR17_DisablingRacesWithJoining: somebody who is disabled while becoming a member elsewhere, where a member raises no
// version, is disabled in a model that was read in between as well: nobody keeps answering yes. Whichever of the two was
// there first, and over each way in which somebody known becomes a member.
func TestR17_DisablingRacesWithJoining(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		org := m.another.ID
		contact := person("late@nordlys.example")
		contact.Kind, contact.UserName = directory.ContactOnly, "late"
		late := must(m.Memberships.Create(ctx, org, contact))(t)
		ways := map[string]func(d *directory.Directory, email string) error{
			"made": func(d *directory.Directory, email string) error {
				n := person(email)
				n.Trusted = true
				_, err := d.Memberships.Create(ctx, org, n)
				return err
			},
			"imported": func(d *directory.Directory, email string) error {
				_, err := d.Memberships.Import(ctx, org, []directory.ImportLine{{Line: 1, Email: email}}, directory.ImportQuietly)
				return err
			},
			"turned from a contact": func(d *directory.Directory, email string) error {
				_, err := d.Memberships.Change(ctx, org, late.ID, 0, func(m *directory.Member) error { m.Kind, m.Email = directory.Employee, email; return nil })
				return err
			},
		}
		disable := func(d *directory.Directory, user directory.UserID) error {
			_, err := d.Users.SetState(ctx, user, directory.UserDisabled)
			return err
		}
		meanwhile := func(first func(tx *sqldb.Tx) error, then func() error, between func()) {
			t.Helper()
			over := make(chan error, 1)
			check(t, db.Update(ctx, func(tx *sqldb.Tx) error {
				if err := first(tx); err != nil {
					return err
				}
				go func() { over <- then() }()
				select {
				case err := <-over:
					over <- err
					between()
				case <-time.After(aMoment):
				}
				return nil
			}))
			check(t, <-over)
		}
		for way, join := range ways {
			email := "before." + way[:4] + "@nordlys.example"
			user := must(m.Memberships.Create(ctx, m.home.ID, person(email)))(t).User
			var model directory.AccessModel
			meanwhile(func(tx *sqldb.Tx) error { return disable(m.WithTx(tx), user) }, func() error { return join(m.Directory, email) },
				func() { model = must(m.Access.Model(ctx, org))(t) })
			if diff := stale(model, must(m.Access.Model(ctx, org))(t), false); model.Version != 0 && diff != "" {
				t.Errorf("%s while being disabled: the model kept its version: -was +is\n%s", way, diff)
			}
		}
		for way, raises := range map[string]int64{"made": 0, "imported": 1} {
			email := "after." + way + "@nordlys.example"
			user := must(m.Memberships.Create(ctx, m.home.ID, person(email)))(t).User
			version := must(m.Access.AccessVersion(ctx, org))(t)
			meanwhile(func(tx *sqldb.Tx) error { return ways[way](m.WithTx(tx), email) }, func() error { return disable(m.Directory, user) }, func() {})
			if now := must(m.Access.AccessVersion(ctx, org))(t); now != version+raises+1 {
				t.Errorf("disabled while being %s: version %d after %d, and %d by joining", way, now, version, raises)
			}
		}
	})
}
