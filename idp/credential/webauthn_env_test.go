package credential_test

import (
	"errors"
	"slices"
	"testing"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

const browser = "the cookie of a browser, and what the page is for"

// withKeys is the env under an issuer that can have passkeys.
func withKeys(t *testing.T, test func(t *testing.T, e *env)) {
	t.Helper()
	each(t, func(t *testing.T, e *env) {
		e.Credentials = credential.New(e.db, secret.NewPasswords(secret.Params{Memory: 64, Time: 1, Lanes: 1}), e.keys, ratelimit.New(e.db),
			credential.Config{Issuer: issuer})
		test(t, e)
	})
}

func (e *env) toRegister(user directory.UserID, passkey bool) credential.Challenge {
	e.t.Helper()
	c, err := e.BeginRegistration(ctx, credential.NewKey{User: user, Passkey: passkey, Account: "kari@nordlys.example", Bound: browser})
	if err != nil {
		e.t.Fatal(err)
	}
	return c
}

// key registers an authenticator for the person.
func (e *env) key(user directory.UserID, a *authenticator, passkey bool) credential.Key {
	e.t.Helper()
	k, _, err := e.FinishRegistration(user, a.register(e.toRegister(user, passkey), browser), "Kari's telephone")
	if err != nil {
		e.t.Fatal(err)
	}
	return k
}

// FinishRegistration proves and stores a key.
func (e *env) FinishRegistration(user directory.UserID, a credential.Answer, name string) (k credential.Key, got credential.Evidence, err error) {
	e.t.Helper()
	p, err := e.ProveKey(ctx, user, a, name)
	if err != nil {
		return k, got, err
	}
	had, err := e.Keys(ctx, user)
	if err != nil {
		return k, got, err
	}
	err = e.db.Update(ctx, func(tx *sqldb.Tx) (err error) {
		got, err = e.EnrolKey(ctx, tx, p)
		return err
	})
	if err != nil {
		return k, credential.Evidence{}, err
	}
	now, err := e.Keys(ctx, user)
	for _, n := range now {
		if !slices.ContainsFunc(had, func(h credential.Key) bool { return h.ID == n.ID }) {
			k = n
		}
	}
	return k, got, err
}

func (e *env) removeKey(user directory.UserID, id credential.KeyID) error {
	return e.db.Update(ctx, func(tx *sqldb.Tx) error { return e.RemoveKey(ctx, tx, user, id) })
}

func (e *env) toSignIn() credential.Challenge {
	e.t.Helper()
	c, err := e.BeginPasskey(ctx, browser, network)
	if err != nil {
		e.t.Fatal(err)
	}
	return c
}

func (e *env) signIn(a *authenticator) (credential.Evidence, error) {
	e.t.Helper()
	return e.FinishPasskey(ctx, a.sign(e.toSignIn(), browser))
}

func (e *env) second(user directory.UserID, a *authenticator) (credential.Evidence, error) {
	e.t.Helper()
	c, err := e.BeginSecondFactor(ctx, user, browser)
	if err != nil {
		e.t.Fatal(err)
	}
	return e.FinishSecondFactor(ctx, user, a.sign(c, browser))
}

// refused fails unless the answer proves nobody, for the one reason that whoever answers is told.
func refused(t *testing.T, what string, got credential.Evidence, err error, want *fault.Fault) {
	t.Helper()
	if !errors.Is(err, want) || got != (credential.Evidence{}) {
		t.Errorf("%s: %+v, %v; want %s", what, got, err, want.Code)
	}
}

func (e *env) exec(query string, args ...any) {
	e.t.Helper()
	if _, err := e.db.Exec(ctx, query, args...); err != nil {
		e.t.Fatal(err)
	}
}

func (e *env) count(query string, args ...any) (n int) {
	e.t.Helper()
	if err := e.db.QueryRow(ctx, query, args...).Scan(&n); err != nil {
		e.t.Fatal(err)
	}
	return n
}
