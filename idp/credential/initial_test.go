package credential_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

func (e *env) setInitial(i credential.Initial) error {
	e.t.Helper()
	var err error
	if i.Hash, err = e.Hash(ctx, password); err != nil {
		e.t.Fatal(err)
	}
	return e.db.Update(ctx, func(tx *sqldb.Tx) error { return e.SetInitial(ctx, tx, i) })
}

func TestR35_OnlyTheHomeGivesAnInitialPassword(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		home, err := e.dir.Organizations.Create(ctx, directory.Organization{Slug: "home", Name: "Home", Seats: -1, Domains: []string{"home.example"}})
		if err != nil {
			t.Fatal(err)
		}
		nordlys, err := e.dir.Organizations.BySlug(ctx, "nordlys")
		if err != nil {
			t.Fatal(err)
		}
		guest, own := e.person("guest@x.example"), e.person("ola@home.example")
		for what, i := range map[string]credential.Initial{
			"where nobody is at home": {User: guest, By: nordlys.ID}, "an organization that is not the home": {User: own, By: nordlys.ID},
		} {
			if err := e.setInitial(i); !errors.Is(err, credential.ErrNotHome) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := e.setInitial(credential.Initial{User: own, By: home.ID}); err != nil {
			t.Errorf("the home: %v", err)
		}
		has, err := e.Of(ctx, e.db, own)
		if err != nil || !has.Password || !has.MustChange {
			t.Errorf("%+v, %v", has, err)
		}
		e.set(guest)
		if err := e.setInitial(credential.Initial{User: guest}); !errors.Is(err, credential.ErrHasPassword) {
			t.Errorf("over a password in use: %v", err)
		}
		e.set(own) // chosen by the person
		if err := e.setInitial(credential.Initial{User: own, By: home.ID}); !errors.Is(err, credential.ErrHasPassword) {
			t.Errorf("the home, over a password in use: %v", err)
		}
		if err := e.setInitial(credential.Initial{User: directory.UserID{1}}); !fault.Is(err, fault.NotFound) {
			t.Errorf("nobody: %v", err)
		}
	})
}

func TestR35_AnInitialPasswordExpires(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		user := e.person("ola@x.example")
		if err := e.setInitial(credential.Initial{User: user}); err != nil {
			t.Fatal(err)
		}
		e.clock.Advance(credential.InitialValid - time.Second)
		if _, err := e.verify("ola@x.example", password); err != nil {
			t.Errorf("within seven days: %v", err)
		}
		e.clock.Advance(2 * time.Second)
		if _, err := e.verify("ola@x.example", password); !errors.Is(err, credential.ErrWrongPassword) {
			t.Errorf("after seven days: %v", err)
		}
		if has, err := e.Of(ctx, e.db, user); err != nil || has.Password || has.MustChange {
			t.Errorf("after seven days: %+v, %v", has, err)
		}
	})
}

// TestR35_AnInitialPasswordIsReplacedOnce: of many at the same moment one is stored.
func TestR35_AnInitialPasswordIsReplacedOnce(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		user := e.person("ola@x.example")
		if err := e.setInitial(credential.Initial{User: user}); err != nil {
			t.Fatal(err)
		}
		shown, err := e.verify("ola@x.example", password)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.CheckAgain(ctx, user, password); !errors.Is(err, credential.ErrUsedBefore) {
			t.Errorf("the same again: %v", err)
		}
		var group sync.WaitGroup
		won := make([]bool, 30)
		for i := range won {
			group.Go(func() {
				err := e.db.Update(ctx, func(tx *sqldb.Tx) error { return e.Replace(ctx, tx, shown, "hash") })
				won[i] = err == nil
				if err != nil && !errors.Is(err, credential.ErrNotMustReset) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		n := 0
		for _, w := range won {
			if w {
				n++
			}
		}
		if n != 1 {
			t.Errorf("replaced %d times", n)
		}
	})
}

// TestNobodyChoosesForWhoLostEverything: neither the home organization nor the seed or an import sets the password of somebody
// whose factors were reset, until the person has set up new ones.
func TestNobodyChoosesForWhoLostEverything(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		if err := e.setInitial(credential.Initial{User: kari}); err != nil {
			t.Fatal(err)
		}
		e.update(func(tx *sqldb.Tx) error {
			if err := e.dir.WithTx(tx).Users.VoidCredentials(ctx, kari); err != nil {
				return err
			}
			return credential.DemandFactor(ctx, tx, kari)
		})
		if err := e.setInitial(credential.Initial{User: kari}); !errors.Is(err, credential.ErrReset) {
			t.Errorf("an initial password: %v", err)
		}
		if stored, err := e.bring(credential.Imported{User: kari, Hash: bcrypted(t, password, 4)}); stored || err != nil {
			t.Errorf("an imported password: %v, %v", stored, err)
		}
		if has, err := e.Of(ctx, e.db, kari); err != nil || has.Password || !has.Due {
			t.Errorf("%+v, %v", has, err)
		}
	})
}
