package credential_test

import (
	"strings"
	"testing"

	"portvakt/idp/credential"
)

// TestWall100_PresenceIsNoVerification: what the flags of this ceremony say is what counts.
func TestWall100_PresenceIsNoVerification(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		key := newAuthenticator(t, es256)
		e.key(kari, key, true)
		for what, flags := range map[string]byte{"present only": present, "verified but absent": verified, "nothing": 0} {
			bent := key.with(func(a *authenticator) { a.flags = flags })
			got, err := e.signIn(bent)
			refused(t, what, got, err, credential.ErrKeyRefused)
			_, got, err = e.FinishRegistration(kari, newAuthenticator(t, es256).with(func(a *authenticator) { a.flags = flags }).register(e.toRegister(kari, true), browser), "")
			refused(t, "registration of a passkey, "+what, got, err, credential.ErrKeyRefused)
		}
		got, err := e.second(kari, key.with(func(a *authenticator) { a.flags = verified }))
		refused(t, "second factor, verified but absent", got, err, credential.ErrKeyRefused)
		got, err = e.second(kari, key.with(func(a *authenticator) { a.flags = present }))
		if err != nil || got.Verified {
			t.Errorf("a passkey beside a password, present only: %+v, %v", got, err)
		}
	})
}

func TestWall100_OnlyOfferedAlgorithms(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		odd := newAuthenticator(t, es384)
		_, got, err := e.FinishRegistration(kari, odd.register(e.toRegister(kari, true), browser), "")
		refused(t, "ES384", got, err, credential.ErrKeyRefused)
		odd.alg = es256
		_, got, err = e.FinishRegistration(kari, odd.register(e.toRegister(kari, true), browser), "")
		refused(t, "ES256 on P-384", got, err, credential.ErrKeyRefused)
	})
}

func TestWall100_TheCounterGoesForward(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		key := newAuthenticator(t, es256)
		key.counter = 7
		e.key(kari, key, true)
		at := func(n uint32) *authenticator { return key.with(func(a *authenticator) { a.counter = n }) }
		for _, n := range []uint32{8, 20} {
			if _, err := e.signIn(at(n)); err != nil {
				t.Fatalf("counter %d: %v", n, err)
			}
		}
		for _, n := range []uint32{20, 19, 0} {
			got, err := e.signIn(at(n))
			refused(t, "a counter gone back", got, err, credential.ErrKeySuspicious)
			got, err = e.second(kari, at(n))
			refused(t, "a counter gone back, second factor", got, err, credential.ErrKeySuspicious)
		}
		if told := e.count("select count(*) from events where kind = 'credential.key_suspicious'"); told != 1 {
			t.Errorf("the person is told %d times a day", told)
		}
		if noted := e.count("select count(*) from audit_entries where action = 'credential.key_suspicious'"); noted != 6 {
			t.Errorf("the history has %d entries", noted)
		}
		if _, err := e.signIn(at(21)); err != nil {
			t.Errorf("the key itself: %v", err)
		}
	})
}

func TestWall100_BackupFlags(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		key := newAuthenticator(t, es256)
		key.flags = present | verified | eligible
		e.key(kari, key, true)
		synced := func() bool {
			keys, err := e.Keys(ctx, kari)
			if err != nil {
				t.Fatal(err)
			}
			return keys[0].Synced
		}
		if synced() {
			t.Error("not yet")
		}
		if _, err := e.signIn(key.with(func(a *authenticator) { a.flags |= synch })); err != nil || !synced() {
			t.Errorf("the backup is not noted: %v", err)
		}
		if _, err := e.signIn(key); err != nil || synced() {
			t.Errorf("the end of the backup is not noted: %v", err)
		}
		for what, flags := range map[string]byte{"not eligible any more": present | verified, "backed up but not eligible": present | verified | synch} {
			got, err := e.signIn(key.with(func(a *authenticator) { a.flags = flags }))
			refused(t, what, got, err, credential.ErrKeyRefused)
		}
		fixed := newAuthenticator(t, es256)
		e.key(kari, fixed, true)
		got, err := e.signIn(fixed.with(func(a *authenticator) { a.flags |= eligible }))
		refused(t, "eligible all at once", got, err, credential.ErrKeyRefused)
	})
}

func TestWall100_WhatIsMalformedIsRefused(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		key := newAuthenticator(t, es256)
		e.key(kari, key, true)
		trailing := func(a *authenticator) { a.trailing = []byte{0xa0} }
		got, err := e.signIn(key.with(trailing))
		refused(t, "trailing CBOR", got, err, credential.ErrKeyRefused)
		_, got, err = e.FinishRegistration(kari, newAuthenticator(t, es256).with(trailing).register(e.toRegister(kari, true), browser), "")
		refused(t, "registration with trailing CBOR", got, err, credential.ErrKeyRefused)
		for what, spoil := range map[string]func(string) string{
			"huge":            func(s string) string { return strings.Replace(s, "{", `{"x":"`+strings.Repeat("x", 33*1024)+`",`, 1) },
			"two values":      func(s string) string { return s + s },
			"no JSON":         func(string) string { return "webauthn" },
			"nothing":         func(string) string { return "" },
			"null":            func(string) string { return "null" },
			"deep":            func(string) string { return strings.Repeat("[", 20000) },
			"another raw id":  func(s string) string { return strings.Replace(s, `"rawId":"`, `"rawId":"AAAA`, 1) },
			"padded base64":   func(s string) string { return strings.Replace(s, `"signature":"`, `"signature":"=!`, 1) },
			"not public-key":  func(s string) string { return strings.Replace(s, "public-key", "password", 1) },
			"empty signature": func(s string) string { return strings.Replace(s, `"signature":"`, `"signature":"","x":"`, 1) },
		} {
			answer := key.sign(e.toSignIn(), browser)
			if what == "another raw id" {
				answer.Credential = strings.Replace(answer.Credential, `"id":"`, `"id":"AAAA`, 1)
			}
			answer.Credential = spoil(answer.Credential)
			got, err := e.FinishPasskey(ctx, answer)
			if what == "another raw id" {
				refused(t, what, got, err, credential.ErrKeyUnknown)
				continue
			}
			refused(t, what, got, err, credential.ErrKeyRefused)
		}
		for _, id := range []string{"", "x", "wac_", "wac_" + strings.Repeat("a", 26), strings.Repeat("x", 100_000)} {
			answer := key.sign(e.toSignIn(), browser)
			answer.Ceremony = id
			got, err := e.FinishPasskey(ctx, answer)
			refused(t, "ceremony "+id[:min(len(id), 10)], got, err, credential.ErrCeremonyOver)
		}
	})
}
