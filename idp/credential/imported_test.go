package credential_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

func bcrypted(t *testing.T, password string, cost int) string {
	t.Helper()
	made, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := credential.ReadHash(string(made))
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func (e *env) bring(i credential.Imported) (stored bool, err error) {
	e.t.Helper()
	err = e.db.Update(ctx, func(tx *sqldb.Tx) error {
		var refused error
		stored, refused = e.SetImported(ctx, tx, i)
		return refused
	})
	return stored, err
}

func (e *env) row(user directory.UserID) (hash, cost string) {
	e.t.Helper()
	if err := e.db.QueryRow(ctx, "select hash, imported_cost from passwords where user_id = $1", user).Scan(&hash, &cost); err != nil {
		e.t.Fatal(err)
	}
	return hash, cost
}

// A hash of another system is verified as it is, and is one of ours after the first sign-in.
func TestImportedHashIsUpgradedAtTheFirstSignIn(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		for i, text := range []string{
			"$2y$04$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2",
			"pbkdf2_sha256$1000$0123456789abcdef$f15OrxZoAHqQTae12Mypjguve4aJry1N+fsdzuztEmg=",
			"$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$J8C.ZarCkYVWqTHC2t.6eE.IhwZTxoFwZROjqinGuZpsOMSE9Texl1TYN/P3c2oH.bK/586V089S37uoAMLbBA",
		} {
			address := fmt.Sprintf("p%d@nordlys.example", i)
			user := e.person(address)
			hash, err := credential.ReadHash(text)
			if err != nil {
				t.Fatal(err)
			}
			if stored, err := e.bring(credential.Imported{User: user, Hash: hash}); !stored || err != nil {
				t.Fatalf("%s: %v, %v", text, stored, err)
			}
			if _, err := e.verify(address, password+"x"); !errors.Is(err, credential.ErrWrongPassword) {
				t.Errorf("%s, wrong: %v", text, err)
			}
			if now, cost := e.row(user); now != hash || cost == "" {
				t.Errorf("a wrong password changed the hash to %s %s", now, cost)
			}
			got, err := e.verify(address, password)
			if err != nil || got.User != user || !got.Password {
				t.Errorf("%s: %+v, %v", text, got, err)
			}
			if now, cost := e.row(user); !strings.HasPrefix(now, "$argon2id$v=19$m=64,") || cost != "" {
				t.Errorf("after the sign-in: %s %s", now, cost)
			}
			if _, err := e.verify(address, password); err != nil {
				t.Errorf("the second sign-in: %v", err)
			}
		}
		if err := e.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		var left int
		if err := e.db.QueryRow(ctx, "select count(*) from password_costs").Scan(&left); err != nil || left != 0 {
			t.Errorf("%d costs are left, %v", left, err)
		}
	})
}

// Invariant: nobody's password is replaced, and only the home brings one along.
func TestAnImportedHashReplacesNothing(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		theirs := bcrypted(t, "another password altogether", 4)
		kari, ola := e.person("kari@nordlys.example"), e.person("ola@nordlys.example")
		e.set(kari)
		if stored, err := e.bring(credential.Imported{User: kari, Hash: theirs}); stored || err != nil {
			t.Errorf("over a password: %v, %v", stored, err)
		}
		if _, err := e.verify("kari@nordlys.example", password); err != nil {
			t.Errorf("the password is another: %v", err)
		}
		if stored, err := e.bring(credential.Imported{User: ola, Hash: bcrypted(t, password, 4)}); !stored || err != nil {
			t.Fatalf("%v, %v", stored, err)
		}
		if stored, err := e.bring(credential.Imported{User: ola, Hash: theirs}); stored || err != nil {
			t.Errorf("over an imported one: %v, %v", stored, err)
		}
		initial := e.person("ny@nordlys.example")
		hash, err := e.Hash(ctx, password)
		if err != nil {
			t.Fatal(err)
		}
		e.update(func(tx *sqldb.Tx) error {
			return e.SetInitial(ctx, tx, credential.Initial{User: initial, Hash: hash})
		})
		if stored, err := e.bring(credential.Imported{User: initial, Hash: theirs}); stored || err != nil {
			t.Errorf("over an initial one: %v, %v", stored, err)
		}

		other, err := e.dir.Organizations.Create(ctx, directory.Organization{Slug: "tallsmia", Name: "Tallsmia AS", Seats: -1})
		if err != nil {
			t.Fatal(err)
		}
		free := e.person("fri@nordlys.example")
		if stored, err := e.bring(credential.Imported{User: free, Hash: theirs, By: other.ID}); stored || !errors.Is(err, credential.ErrHashNotHome) {
			t.Errorf("by the neighbour: %v, %v", stored, err)
		}
		if has, err := e.Of(ctx, e.db, free); err != nil || has.Password {
			t.Errorf("%+v, %v", has, err)
		}
		if err := e.dir.Users.VoidCredentials(ctx, ola); err != nil {
			t.Fatal(err)
		}
		if stored, err := e.bring(credential.Imported{User: ola, Hash: theirs}); !stored || err != nil {
			t.Errorf("over a voided one: %v, %v", stored, err)
		}
	})
}

// The work of each cost is done for everybody, so there are few.
func TestFewCostsAtATime(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		for i := range 5 {
			user := e.person(fmt.Sprintf("p%d@nordlys.example", i))
			hash := fmt.Sprintf("$pbkdf2-sha256$i=%d,l=32$MDEyMzQ1Njc4OWFiY2RlZg$f15OrxZoAHqQTae12Mypjguve4aJry1N+fsdzuztEmg", 1000+min(i, 3))
			stored, err := e.bring(credential.Imported{User: user, Hash: hash})
			if i < 3 && (!stored || err != nil) || i >= 3 && (stored || !errors.Is(err, credential.ErrManyCosts)) {
				t.Errorf("cost %d: %v, %v", i, stored, err)
			}
		}
		if stored, err := e.bring(credential.Imported{User: e.person("q@nordlys.example"), Hash: "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$f15OrxZoAHqQTae12Mypjguve4aJry1N+fsdzuztEmg"}); !stored || err != nil {
			t.Errorf("a cost that is there: %v, %v", stored, err)
		}
	})
}

// Known, unknown, disabled, ended, invited, without a password, with an imported one: one answer, as many statements, as
// many hashes.
func TestWall086_EverybodyCostsTheSame(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		hasher := secret.NewPasswords(secret.Params{Memory: 64, Time: 1, Lanes: 1})
		e.Credentials = e.over(hasher)
		e.set(e.person("known@nordlys.example"))
		e.person("without@nordlys.example")
		disabled := e.person("disabled@nordlys.example")
		e.set(disabled)
		if _, err := e.dir.Users.SetState(ctx, disabled, directory.UserDisabled); err != nil {
			t.Fatal(err)
		}
		for address, cost := range map[string]int{"imported@nordlys.example": 4, "disabled.imported@nordlys.example": 5} {
			if stored, err := e.bring(credential.Imported{User: e.person(address), Hash: bcrypted(t, password, cost)}); !stored || err != nil {
				t.Fatal(err)
			}
		}
		e.ended("ended@nordlys.example")
		for _, who := range []string{"known", "without", "disabled", "imported", "disabled.imported", "ended", "unknown"} {
			email, err := directory.ParseEmail(who + "@nordlys.example")
			if err != nil {
				t.Fatal(err)
			}
			before := hasher.Computed()
			_, err = e.VerifyIn(ctx, email, "certainly not this one", credential.Visitor{Address: network, Browser: secret.NewToken()})
			if !errors.Is(err, credential.ErrWrongPassword) {
				t.Errorf("%s: %v", who, err)
			}
			if n := hasher.Computed() - before; n != 3 {
				t.Errorf("%s: %d hashes were computed, want 3", who, n)
			}
		}
	})
}

func (e *env) ended(address string) {
	e.t.Helper()
	user := e.person(address)
	e.set(user)
	sts, err := e.dir.Memberships.StandingsOf(ctx, user)
	if err != nil || len(sts) != 1 {
		e.t.Fatalf("%d standings, %v", len(sts), err)
	}
	if err := e.dir.Memberships.End(ctx, sts[0].Organization, sts[0].Membership, directory.Ending{Choice: directory.EndPending}); err != nil {
		e.t.Fatal(err)
	}
}
