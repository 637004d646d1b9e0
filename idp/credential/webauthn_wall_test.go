package credential_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/idp/credential"
)

// TestWall97_OriginsAreExact: nothing but pages of the issuer's own origin use its keys.
func TestWall97_OriginsAreExact(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		good := newAuthenticator(t, es256)
		e.key(kari, good, true)
		for _, origin := range []string{
			"https://evil-id.portvakt.example", "https://evilid.portvakt.example", "https://id.portvakt.example.evil.example", "https://a.id.portvakt.example",
			"https://portvakt.example", "https://id.portvakt.example:8443", "https://id.portvakt.example:443", "http://id.portvakt.example", "https://ID.portvakt.example",
			"https://id.portvakt.example/", "https://id.portvakt.example/x", "https://x@id.portvakt.example", "null", "", "android:apk-key-hash:x",
		} {
			bad := good.with(func(a *authenticator) { a.origin = origin })
			got, err := e.signIn(bad)
			refused(t, "sign-in at "+origin, got, err, credential.ErrKeyRefused)
			fresh := newAuthenticator(t, es256).with(func(a *authenticator) { a.origin = origin })
			_, got, err = e.FinishRegistration(kari, fresh.register(e.toRegister(kari, true), browser), "")
			refused(t, "registration at "+origin, got, err, credential.ErrKeyRefused)
		}
		for what, bend := range map[string]func(*authenticator){
			"in a frame":           func(a *authenticator) { a.client = map[string]any{"crossOrigin": true} },
			"in a frame of a page": func(a *authenticator) { a.client = map[string]any{"crossOrigin": true, "topOrigin": issuer} },
			"with a top origin":    func(a *authenticator) { a.client = map[string]any{"topOrigin": "https://evil.example"} },
			"for another domain":   func(a *authenticator) { a.rp = "portvakt.example" },
			"for a subdomain":      func(a *authenticator) { a.rp = "a." + rpID },
		} {
			got, err := e.signIn(good.with(bend))
			refused(t, what, got, err, credential.ErrKeyRefused)
			_, got, err = e.FinishRegistration(kari, newAuthenticator(t, es256).with(bend).register(e.toRegister(kari, true), browser), "")
			refused(t, "registration "+what, got, err, credential.ErrKeyRefused)
		}
		if _, err := e.signIn(good); err != nil {
			t.Errorf("after all that the key itself is refused: %v", err)
		}
	})
}

// TestWall98_AChallengeIsGoodOnce: for one answer, in one browser, for one purpose and person, for five minutes.
func TestWall98_AChallengeIsGoodOnce(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari, ola := e.person("kari@nordlys.example"), e.person("ola@nordlys.example")
		key, olas := newAuthenticator(t, es256), newAuthenticator(t, es256)
		e.key(kari, key, true)
		e.key(ola, olas, true)

		answer := key.sign(e.toSignIn(), browser)
		if _, err := e.FinishPasskey(ctx, answer); err != nil {
			t.Fatal(err)
		}
		got, err := e.FinishPasskey(ctx, answer)
		refused(t, "replay", got, err, credential.ErrCeremonyOver)

		c := e.toSignIn()
		answer = key.with(func(a *authenticator) { a.spoil = true }).sign(c, browser)
		got, err = e.FinishPasskey(ctx, answer)
		refused(t, "bad signature", got, err, credential.ErrKeyRefused)
		got, err = e.FinishPasskey(ctx, key.sign(c, browser))
		refused(t, "second try at a challenge", got, err, credential.ErrCeremonyOver)

		got, err = e.FinishPasskey(ctx, key.sign(e.toSignIn(), "another browser"))
		refused(t, "another browser", got, err, credential.ErrCeremonyOver)

		got, err = e.FinishPasskey(ctx, key.sign(e.toRegister(kari, true), browser))
		refused(t, "a registration's challenge", got, err, credential.ErrCeremonyOver)
		second, err := e.BeginSecondFactor(ctx, kari, browser)
		if err != nil {
			t.Fatal(err)
		}
		got, err = e.FinishPasskey(ctx, key.sign(second, browser))
		refused(t, "a second factor's challenge", got, err, credential.ErrCeremonyOver)
		got, err = e.FinishSecondFactor(ctx, kari, key.sign(e.toSignIn(), browser))
		refused(t, "a passkey's challenge", got, err, credential.ErrCeremonyOver)
		_, got, err = e.FinishRegistration(kari, newAuthenticator(t, es256).register(e.toSignIn(), browser), "")
		refused(t, "a sign-in's challenge registers", got, err, credential.ErrCeremonyOver)

		got, err = e.FinishSecondFactor(ctx, kari, key.sign(e.toRegister(kari, true), browser))
		refused(t, "a registration's challenge as second factor", got, err, credential.ErrCeremonyOver)
		_, got, err = e.FinishRegistration(kari, newAuthenticator(t, es256).register(second, browser), "")
		refused(t, "a second factor's challenge registers", got, err, credential.ErrCeremonyOver)
		got, err = e.FinishSecondFactor(ctx, ola, olas.sign(second, browser))
		refused(t, "Kari's challenge for Ola", got, err, credential.ErrCeremonyOver)
		got, err = e.second(kari, olas)
		refused(t, "Ola's key for Kari", got, err, credential.ErrKeyRefused)
		_, got, err = e.FinishRegistration(ola, newAuthenticator(t, es256).register(e.toRegister(kari, true), browser), "")
		refused(t, "Kari's registration for Ola", got, err, credential.ErrCeremonyOver)
		got, err = e.signIn(key.with(func(a *authenticator) { a.handle = olas.handle }))
		refused(t, "Ola's handle with Kari's key", got, err, credential.ErrKeyRefused)
		got, err = e.signIn(key.with(func(a *authenticator) { a.handle = nil }))
		refused(t, "no handle", got, err, credential.ErrKeyRefused)
		got, err = e.FinishPasskey(ctx, key.with(func(a *authenticator) { a.client = map[string]any{"type": "webauthn.create"} }).sign(e.toSignIn(), browser))
		refused(t, "the other ceremony's client data", got, err, credential.ErrKeyRefused)
		other := e.toSignIn()
		mixed := key.sign(e.toSignIn(), browser)
		mixed.Ceremony = other.Ceremony.String()
		got, err = e.FinishPasskey(ctx, mixed)
		refused(t, "another ceremony's challenge", got, err, credential.ErrKeyRefused)

		c = e.toSignIn()
		e.clock.Advance(5*time.Minute - time.Microsecond)
		late := e.toSignIn()
		if _, err := e.FinishPasskey(ctx, key.sign(c, browser)); err != nil {
			t.Errorf("within five minutes: %v", err)
		}
		e.clock.Advance(5 * time.Minute)
		got, err = e.FinishPasskey(ctx, key.sign(late, browser))
		refused(t, "after five minutes", got, err, credential.ErrCeremonyOver)
		e.toSignIn()
		e.clock.Advance(5*time.Minute + 1)
		if n, err := e.PurgeChallenges(ctx); err != nil || n == 0 {
			t.Errorf("purged %d, %v", n, err)
		}
	})
}

func TestWall98_OneOfThirtyParallelAnswersCounts(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		key := newAuthenticator(t, es256)
		e.key(kari, key, true)
		answer := key.sign(e.toSignIn(), browser)
		var wins atomic.Int32
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				if _, err := e.FinishPasskey(ctx, answer); err == nil {
					wins.Add(1)
				} else if !errors.Is(err, credential.ErrCeremonyOver) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if wins.Load() != 1 {
			t.Errorf("%d answers counted", wins.Load())
		}
	})
}
