package directory_test

import (
	"sync"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// overlap begins the second act while the first has done its work and not committed yet.
func overlap(t *testing.T, db *sqldb.DB, first func(*directory.Directory) error, second func() error) (a, b error) {
	t.Helper()
	begun, once := make(chan struct{}), sync.Once{}
	var wg sync.WaitGroup
	wg.Go(func() {
		<-begun
		b = second()
	})
	a = db.Update(ctx, func(tx *sqldb.Tx) error {
		if err := first(directory.New(db).WithTx(tx)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update organizations set name = name where id is null`); err != nil { // sends what is queued
			return err
		}
		once.Do(func() { close(begun) })
		time.Sleep(150 * time.Millisecond) // for the second to come as far as it can; nothing tells how far that is
		return nil
	})
	once.Do(func() { close(begun) })
	wg.Wait()
	return a, b
}

// TestR13_SomebodyGetsARoleWhileItGoes: in both orders of a removal and of a member made with the role, which locks nothing.
func TestR13_SomebodyGetsARoleWhileItGoes(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		make := func(d *directory.Directory, email string) error {
			n := person(email)
			n.Role = m.roles["seller"]
			_, err := d.Memberships.Create(ctx, m.home.ID, n)
			return err
		}
		remove := func(d *directory.Directory) error {
			return d.Access.RemoveRole(ctx, m.home.ID, m.roles["seller"], m.roles["clerk"])
		}
		made, removed := overlap(t, db, func(d *directory.Directory) error { return make(d, "first@nordlys.example") }, func() error { return remove(m.Directory) })
		if made != nil || removed != nil {
			t.Errorf("made %v, removed %v", made, removed)
		}
		if got := must(m.Memberships.ByUserName(ctx, m.home.ID, "first@nordlys.example"))(t); got.Role != m.roles["clerk"] {
			t.Errorf("the member has role %s", got.Role)
		}
		m.grow(t, "seller:chief")
		removed, made = overlap(t, db, remove, func() error { return make(m.Directory, "second@nordlys.example") })
		if removed != nil || codeOf(made) != "unknown_role" {
			t.Errorf("removed %v, made %v", removed, made)
		}
	})
}

// TestR06_SomebodyGetsASegmentWhileItGoes: a member made with a segment alone keeps it, or is refused.
func TestR06_SomebodyGetsASegmentWhileItGoes(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		make := func(d *directory.Directory, email string) error {
			n := person(email)
			n.Segments = []string{"oslo"}
			_, err := d.Memberships.Create(ctx, m.home.ID, n)
			return err
		}
		made, removed := overlap(t, db, func(d *directory.Directory) error { return make(d, "first@nordlys.example") },
			func() error { return m.Access.RemoveSegment(ctx, m.home.ID, "oslo") })
		if made != nil || codeOf(removed) != "segment_has_people" {
			t.Errorf("made %v, removed %v", made, removed)
		}
		first := must(m.Memberships.ByUserName(ctx, m.home.ID, "first@nordlys.example"))(t)
		check(t, m.Memberships.Delete(ctx, m.home.ID, first.ID))
		removed, made = overlap(t, db, func(d *directory.Directory) error { return d.Access.RemoveSegment(ctx, m.home.ID, "oslo") },
			func() error { return make(m.Directory, "second@nordlys.example") })
		if removed != nil || codeOf(made) != "unknown_segment" {
			t.Errorf("removed %v, made %v", removed, made)
		}
	})
}
