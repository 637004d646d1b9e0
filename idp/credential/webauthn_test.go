package credential_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/testenv"
)

func TestAPasskeySignsInAlone(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		for _, alg := range []int{es256, edDSA} {
			a := newAuthenticator(t, alg)
			k := e.key(kari, a, true)
			if !k.Passkey || k.Name != "Kari's telephone" {
				t.Errorf("registered %+v", k)
			}
			e.clock.Advance(time.Minute)
			got, err := e.signIn(a)
			if err != nil || got.User != kari || !got.Key || !got.Verified || got.Password || got.ACR() != credential.ACRPhishingResistant || !got.At.Equal(e.db.Now()) {
				t.Errorf("%+v, %v", got, err)
			}
			if !got.Complete(credential.Enrolled{Password: true, Code: true, Keys: 1, Passkeys: 1}) {
				t.Error("a passkey that verified the person is not all that is needed")
			}
		}
		has, err := e.Of(ctx, e.db, kari)
		if err != nil || has.Keys != 2 || has.Passkeys != 2 {
			t.Errorf("%+v, %v", has, err)
		}
		keys, err := e.Keys(ctx, kari)
		if err != nil || len(keys) != 2 || !keys[1].UsedAt.Equal(e.db.Now()) {
			t.Errorf("%+v, %v", keys, err)
		}
	})
}

func TestASecurityKeyIsASecondFactor(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		e.set(kari)
		a := newAuthenticator(t, es256)
		a.flags = present // no PIN was asked for
		if k := e.key(kari, a, false); k.Passkey {
			t.Errorf("registered %+v", k)
		}
		got, err := e.second(kari, a)
		if err != nil || !got.Key || got.Verified || got.First() {
			t.Fatalf("%+v, %v", got, err)
		}
		password, err := e.verify("kari@nordlys.example", password)
		if err != nil {
			t.Fatal(err)
		}
		if both := password.And(got); both.ACR() != credential.ACRPhishingResistant || !both.Complete(credential.Enrolled{Password: true, Keys: 1}) {
			t.Errorf("%+v", both)
		}
	})
}

// TestOtherSoftwareRegisters is descope's authenticator, with its packed self attestation, ES256 and RS256.
func TestOtherSoftwareRegisters(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		rp := virtualwebauthn.RelyingParty{Name: "Portvakt", ID: rpID, Origin: issuer}
		for _, kind := range []virtualwebauthn.KeyType{virtualwebauthn.KeyTypeEC2, virtualwebauthn.KeyTypeRSA} {
			a, key := virtualwebauthn.NewAuthenticator(), testenv.Passkey(kind)
			c := e.toRegister(kari, true)
			creation, err := virtualwebauthn.ParseAttestationOptions(string(c.Options))
			if err != nil {
				t.Fatal(err)
			}
			made := virtualwebauthn.CreateAttestationResponse(rp, a, key, *creation)
			if _, _, err := e.FinishRegistration(kari, credential.Answer{Ceremony: c.Ceremony.String(), Credential: made, Bound: browser}, ""); err != nil {
				t.Fatal(err)
			}
			a.Options.UserHandle = []byte(creation.UserID)
			for range 2 {
				key.Counter++
				c = e.toSignIn()
				request, err := virtualwebauthn.ParseAssertionOptions(string(c.Options))
				if err != nil {
					t.Fatal(err)
				}
				signed := virtualwebauthn.CreateAssertionResponse(rp, a, key, *request)
				got, err := e.FinishPasskey(ctx, credential.Answer{Ceremony: c.Ceremony.String(), Credential: signed, Bound: browser})
				if err != nil || got.User != kari {
					t.Errorf("%+v, %v", got, err)
				}
			}
		}
	})
}

// TestWall86_PasskeyOptionsNameNobody: they are the same whoever is there, and whether anybody has a passkey.
func TestWall86_PasskeyOptionsNameNobody(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		shape := func() string {
			c := e.toSignIn()
			o := read(t, c)
			if len(o.Allow) != 0 || o.RPID != rpID {
				t.Errorf("%s", c.Options)
			}
			if challenge, err := base64.RawURLEncoding.DecodeString(o.Challenge); err != nil || len(challenge) < 16 {
				t.Errorf("challenge %q", o.Challenge)
			}
			return strings.Replace(string(c.Options), o.Challenge, "", 1)
		}
		before := shape()
		e.key(e.person("kari@nordlys.example"), newAuthenticator(t, es256), true)
		if after := shape(); after != before {
			t.Errorf("%s, then %s", before, after)
		}
	})
}

func TestKeysOfWhoMayNotSignInAreRefused(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari, ola := e.person("kari@nordlys.example"), e.person("ola@nordlys.example")
		key, olas := newAuthenticator(t, es256), newAuthenticator(t, es256)
		k := e.key(kari, key, true)
		e.key(ola, olas, true)

		_, _, err := e.FinishRegistration(ola, key.with(func(*authenticator) {}).register(e.toRegister(ola, true), browser), "")
		if !errors.Is(err, credential.ErrKeyTaken) {
			t.Errorf("Kari's key for Ola as well: %v", err)
		}
		for what, err := range map[string]error{
			"rename": e.RenameKey(ctx, ola, k.ID, "mine"), "remove": e.removeKey(ola, k.ID),
		} {
			if !errors.Is(err, credential.ErrKeyNotFound) {
				t.Errorf("%s of somebody else's: %v", what, err)
			}
		}
		if err := e.RenameKey(ctx, kari, k.ID, strings.Repeat("x", 61)); !errors.Is(err, credential.ErrKeyName) {
			t.Errorf("a long name: %v", err)
		}
		if err := e.RenameKey(ctx, kari, k.ID, "  blue\tkey "); err != nil {
			t.Fatal(err)
		}
		if keys, err := e.Keys(ctx, kari); err != nil || keys[0].Name != "blue key" {
			t.Errorf("%+v, %v", keys, err)
		}
		if err := e.removeKey(kari, k.ID); err != nil {
			t.Fatal(err)
		}
		answer := key.sign(e.toSignIn(), browser)
		got, err := e.FinishPasskey(ctx, answer)
		refused(t, "removed", got, err, credential.ErrKeyUnknown)
		if id := e.UnknownKey(answer, err); id != b64(key.id) {
			t.Errorf("the browser is told of %q", id)
		}

		if _, err := e.db.Exec(ctx, `update users set state = 'disabled' where id = $1`, ola); err != nil {
			t.Fatal(err)
		}
		got, err = e.signIn(olas)
		refused(t, "disabled", got, err, credential.ErrKeyRefused)
		if _, err := e.db.Exec(ctx, `update users set state = 'active' where id = $1`, ola); err != nil {
			t.Fatal(err)
		}
		if err := e.dir.Users.VoidCredentials(ctx, ola); err != nil {
			t.Fatal(err)
		}
		got, err = e.signIn(olas)
		refused(t, "voided", got, err, credential.ErrKeyUnknown)
		e.key(ola, olas.with(func(*authenticator) {}), true) // the same authenticator may come back
		if err := e.Forget(ctx, ola); err != nil {
			t.Fatal(err)
		}
		if n := e.count(`select (select count(*) from webauthn_keys) + (select count(*) from webauthn_handles where user_id = $1)
			+ (select count(*) from webauthn_ceremonies where user_id = $1)`, ola); n != 0 {
			t.Errorf("%d rows are left of an erased person", n)
		}
	})
}

func TestAttestedKeysAreRefused(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		c := e.toRegister(kari, true)
		e.exec(`update organizations set key_policy = 'attested'`)
		_, got, err := e.FinishRegistration(kari, newAuthenticator(t, es256).register(c, browser), "")
		refused(t, "a policy that came meanwhile", got, err, credential.ErrKeyAttested)
		may := func(what string, user directory.UserID, want error) {
			t.Helper()
			if _, err := e.BeginRegistration(ctx, credential.NewKey{User: user, Bound: browser}); !errors.Is(err, want) {
				t.Errorf("%s: %v", what, err)
			}
		}
		may("member", kari, credential.ErrKeyAttested)

		// Who is invited has agreed to nothing yet; who is nothing but invited has no other organization to speak for them.
		e.exec(`update organizations set key_policy = 'any'`)
		org, err := e.dir.Organizations.Create(ctx, directory.Organization{Slug: "bjorkvik", Name: "Björkvik AB", Seats: directory.UnlimitedSeats})
		if err != nil {
			t.Fatal(err)
		}
		e.exec(`update organizations set key_policy = 'attested' where id = $1`, org.ID)
		invited := map[string]directory.Member{}
		for _, email := range []string{"kari@nordlys.example", "ola@bjorkvik.example"} {
			if invited[email], err = e.dir.Memberships.Create(ctx, org.ID, directory.NewMember{Member: directory.Member{Email: email}}); err != nil {
				t.Fatal(err)
			}
		}
		may("invited, and a member elsewhere", kari, nil)
		may("invited", invited["ola@bjorkvik.example"].User, credential.ErrKeyAttested)
		if _, err := e.dir.Memberships.Accept(ctx, kari, invited["kari@nordlys.example"].ID); err != nil {
			t.Fatal(err)
		}
		may("accepted", kari, credential.ErrKeyAttested)
	})
}

func TestRegistrationExcludesAndLimits(t *testing.T) {
	withKeys(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		var handle string
		for i := range 20 {
			c := e.toRegister(kari, i%2 == 0)
			o := read(t, c)
			if len(o.Exclude) != i || handle != "" && o.User.ID != handle || strings.Contains(o.User.ID, kari.String()) {
				t.Errorf("%s", c.Options)
			}
			handle = o.User.ID
			if _, _, err := e.FinishRegistration(kari, newAuthenticator(t, es256).register(c, browser), ""); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := e.BeginRegistration(ctx, credential.NewKey{User: kari, Bound: browser}); !errors.Is(err, credential.ErrTooManyKeys) {
			t.Error(err)
		}
	})
}

// TestOriginsAreAsBrowsersSayThem: without a usual port, and with what is configured beside the issuer.
func TestOriginsAreAsBrowsersSayThem(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		const related = "https://id.example.org"
		e.Credentials = credential.New(e.db, secret.NewPasswords(secret.Params{Memory: 64, Time: 1, Lanes: 1}), e.keys, ratelimit.New(e.db),
			credential.Config{Issuer: issuer + ":443", RelatedOrigins: []string{related}})
		if got := e.Origins(); len(got) != 2 || got[0] != issuer || got[1] != related {
			t.Errorf("%v", got)
		}
		key := newAuthenticator(t, es256)
		e.key(e.person("kari@nordlys.example"), key, true)
		if _, err := e.signIn(key.with(func(a *authenticator) { a.origin = related })); err != nil {
			t.Error(err)
		}
		got, err := e.signIn(key.with(func(a *authenticator) { a.origin = related + ":8443" }))
		refused(t, "another port of the related origin", got, err, credential.ErrKeyRefused)
	})
}

// TestNoKeysUnderAnAddress: a relying party is a domain.
func TestNoKeysUnderAnAddress(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		for _, issuer := range []string{"http://127.0.0.1:8080", "https://[::1]", "", "nonsense"} {
			e.Credentials = credential.New(e.db, secret.NewPasswords(secret.Params{Memory: 64, Time: 1, Lanes: 1}), e.keys, ratelimit.New(e.db), credential.Config{Issuer: issuer})
			if _, err := e.BeginPasskey(ctx, browser, network); e.KeysWork() || !errors.Is(err, credential.ErrNoCeremonies) {
				t.Errorf("%s: %v", issuer, err)
			}
			if _, err := e.FinishPasskey(ctx, credential.Answer{}); !errors.Is(err, credential.ErrNoCeremonies) {
				t.Errorf("%s: %v", issuer, err)
			}
		}
	})
}
