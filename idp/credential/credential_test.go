package credential_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var ctx = context.Background()

const (
	password = "a quiet horse in the rain"
	totp     = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" // "12345678901234567890", the secret of RFC 6238's test vectors
	network  = "192.0.2.7"
)

type env struct {
	t     *testing.T
	db    *sqldb.DB
	clock *testenv.Clock
	dir   *directory.Directory
	keys  *secret.Keys
	*credential.Credentials
}

func each(t *testing.T, test func(t *testing.T, e *env)) {
	t.Helper()
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		keys, err := secret.NewKeys([]byte("0123456789abcdefghijklmnopqrstuv"))
		if err != nil {
			t.Fatal(err)
		}
		e := &env{t: t, db: db, clock: clock, dir: directory.New(db), keys: keys}
		e.Credentials = e.with(secret.Params{Memory: 64, Time: 1, Lanes: 1})
		if _, err := e.dir.Organizations.Create(ctx, directory.Organization{Slug: "nordlys", Name: "Nordlys AS", Seats: -1}); err != nil {
			t.Fatal(err)
		}
		test(t, e)
	})
}

func (e *env) with(p secret.Params) *credential.Credentials {
	return credential.New(e.db, secret.NewPasswords(p), e.keys, ratelimit.New(e.db), credential.Config{NetworkAttempts: 200})
}

func (e *env) person(address string) directory.UserID {
	e.t.Helper()
	org, err := e.dir.Organizations.BySlug(ctx, "nordlys")
	if err != nil {
		e.t.Fatal(err)
	}
	m, err := e.dir.Memberships.Create(ctx, org.ID, directory.NewMember{Member: directory.Member{Email: address}, Trusted: true})
	if err != nil {
		e.t.Fatal(err)
	}
	return m.User
}

func (e *env) set(user directory.UserID) {
	e.t.Helper()
	hash, err := e.Hash(ctx, password)
	if err != nil {
		e.t.Fatal(err)
	}
	e.update(func(tx *sqldb.Tx) error { return e.Set(ctx, tx, user, hash) })
}

func (e *env) update(fn func(tx *sqldb.Tx) error) {
	e.t.Helper()
	if err := e.db.Update(ctx, fn); err != nil {
		e.t.Fatal(err)
	}
}

func (e *env) verify(address, password string) (credential.Evidence, error) {
	e.t.Helper()
	email, err := directory.ParseEmail(address)
	if err != nil {
		e.t.Fatal(err)
	}
	return e.Verify(ctx, email, password, network)
}

func TestVerify(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		e.set(kari)
		got, err := e.verify("Kari@NORDLYS.example", password)
		if err != nil || got.User != kari || !got.Password || got.Code || got.ACR() != credential.ACRPassword || !got.At.Equal(testenv.Start) {
			t.Fatalf("%+v, %v", got, err)
		}
		composed, decomposed := "blåbær og rømmegrøt i går", "bla\u030abær og rømmegrøt i ga\u030ar"
		hash, err := e.Hash(ctx, composed)
		if err != nil {
			t.Fatal(err)
		}
		e.update(func(tx *sqldb.Tx) error { return e.Set(ctx, tx, kari, hash) })
		if _, err := e.verify("kari@nordlys.example", decomposed); err != nil {
			t.Errorf("the same text in another composition: %v", err)
		}
	})
}

func TestSameFaultForEverybody(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		e.set(e.person("kari@nordlys.example"))
		e.person("ny@nordlys.example")
		disabled := e.person("borte@nordlys.example")
		e.set(disabled)
		if _, err := e.dir.Users.SetState(ctx, disabled, directory.UserDisabled); err != nil {
			t.Fatal(err)
		}
		tries := map[string][]string{
			"kari@nordlys.example":   {"wrong", "null", "undefined", strings.Repeat("x", 1000), strings.Repeat("x", 1<<16), password[:24], password + "\x00"},
			"ny@nordlys.example":     {"wrong", "null", "", "[]", "{}"},
			"ukjent@nordlys.example": {"wrong", "", password},
			"borte@nordlys.example":  {"wrong", password},
		}
		for address, passwords := range tries {
			for _, p := range passwords {
				_, err := e.verify(address, p)
				if !errors.Is(err, credential.ErrWrongPassword) || fault.Of(err).Error() != credential.ErrWrongPassword.Error() {
					t.Errorf("%s with %.20q: %v", address, p, err)
				}
				e.clock.Advance(time.Hour)
			}
		}
	})
}

func TestThrottleSharesOneCounter(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		e.set(e.person("kari@nordlys.example"))
		for _, who := range []string{"kari", "ukjent"} {
			writings := []string{"%s@nordlys.example", " %s@Nordlys.example", "%s@NORDLYS.EXAMPLE "}
			refused := 0
			for i := range 10 {
				writing := fmt.Sprintf(writings[i%len(writings)], strings.ToUpper(who[:1])+who[1:])
				if _, err := e.verify(writing, "wrong"); fault.Is(err, fault.Exhausted) {
					refused++
					if fault.Of(err).Retry <= 0 {
						t.Error("no word of when to come back")
					}
				}
			}
			if refused != 4 {
				t.Errorf("%s: %d of 10 tries were refused, want 4", who, refused)
			}
		}
		if _, err := e.verify("kari@nordlys.example", password); !fault.Is(err, fault.Exhausted) {
			t.Errorf("the right password within the pause: %v", err)
		}
		e.clock.Advance(15 * time.Minute)
		if _, err := e.verify("kari@nordlys.example", password); err != nil {
			t.Errorf("after the longest pause: %v", err)
		}
		if _, err := e.verify("kari@nordlys.example", "wrong"); !errors.Is(err, credential.ErrWrongPassword) {
			t.Errorf("after success the count begins again: %v", err)
		}
	})
}

func TestThrottleByNetwork(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		refused := 0
		for i := range 210 {
			if _, err := e.verify(fmt.Sprintf("p%d@nordlys.example", i), "wrong"); fault.Is(err, fault.Exhausted) {
				refused++
			}
		}
		if refused != 10 {
			t.Errorf("%d of 210 tries from one network were refused, want 10", refused)
		}
		email, _ := directory.ParseEmail("x@nordlys.example")
		for _, from := range []string{"192.0.2.8", "127.0.0.1", "[::1]:4711", "nonsense"} {
			if _, err := e.Verify(ctx, email, "wrong", from); !errors.Is(err, credential.ErrWrongPassword) {
				t.Errorf("from %s: %v", from, err)
			}
			e.clock.Advance(time.Second)
		}
	})
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "192.0.2.7:443": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "[2001:db8:1:2::9]:1": "2001:db8:1:2::/64",
		"127.0.0.1": "", "::1": "", "": "", "@": "",
	} {
		if got, ok := credential.Network(from); got != want || ok != (want != "") {
			t.Errorf("Network(%q) = %q, %v", from, got, ok)
		}
	}
}

func TestVoidedCredentials(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		e.set(kari)
		e.update(func(tx *sqldb.Tx) error { return e.SetTOTP(ctx, tx, kari, totp) })
		if has, err := e.Of(ctx, e.db, kari); err != nil || !has.Password || !has.Code {
			t.Fatalf("%+v, %v", has, err)
		}
		if err := e.dir.Users.VoidCredentials(ctx, kari); err != nil {
			t.Fatal(err)
		}
		if has, err := e.Of(ctx, e.db, kari); err != nil || has.Password || has.Code {
			t.Errorf("after voiding: %+v, %v", has, err)
		}
		if _, err := e.verify("kari@nordlys.example", password); !errors.Is(err, credential.ErrWrongPassword) {
			t.Errorf("a voided password: %v", err)
		}
		if _, err := e.VerifyCode(ctx, kari, codeAt(e.clock.Now())); !errors.Is(err, credential.ErrWrongCode) {
			t.Errorf("a voided authenticator: %v", err)
		}
		e.set(kari)
		if _, err := e.verify("kari@nordlys.example", password); err != nil {
			t.Errorf("a new password: %v", err)
		}
	})
}

func TestRehash(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		e.set(kari)
		stored := func() (hash string) {
			if err := e.db.QueryRow(ctx, "select hash from passwords where user_id = $1", kari).Scan(&hash); err != nil {
				t.Fatal(err)
			}
			return hash
		}
		before := stored()
		if _, err := e.verify("kari@nordlys.example", password); err != nil || stored() != before {
			t.Fatalf("hashed anew without need: %v", err)
		}
		e.Credentials = e.with(secret.Params{Memory: 128, Time: 1, Lanes: 1})
		if _, err := e.verify("kari@nordlys.example", password); err != nil || !strings.Contains(stored(), "m=128,") {
			t.Fatalf("%v: %s", err, stored())
		}
		if _, err := e.verify("kari@nordlys.example", password); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCodes(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari, ola := e.person("kari@nordlys.example"), e.person("ola@nordlys.example")
		e.update(func(tx *sqldb.Tx) error { return e.SetTOTP(ctx, tx, kari, strings.ToLower(totp)+"==") })
		good := codeAt(e.clock.Now())
		for _, bad := range []string{"", good + "0", "0" + good, good[:5], wide(good), codeAt(e.clock.Now().Add(-time.Minute)), codeAt(e.clock.Now().Add(time.Minute))} {
			if _, err := e.VerifyCode(ctx, kari, bad); !errors.Is(err, credential.ErrWrongCode) {
				t.Errorf("%q: %v", bad, err)
			}
			e.clock.Advance(20 * time.Hour)
			good = codeAt(e.clock.Now())
		}
		if _, err := e.VerifyCode(ctx, ola, good); !errors.Is(err, credential.ErrWrongCode) {
			t.Errorf("somebody without an authenticator: %v", err)
		}
		got, err := e.VerifyCode(ctx, kari, good[:3]+" "+good[3:])
		if err != nil || !got.Code || got.Password || got.User != kari {
			t.Errorf("%+v, %v", got, err)
		}
		if err := e.db.Update(ctx, func(tx *sqldb.Tx) error { return e.SetTOTP(ctx, tx, ola, "no base32 1") }); !errors.Is(err, credential.ErrBadSecret) {
			t.Errorf("a bad secret: %v", err)
		}
	})
}

func wide(s string) string {
	return strings.Map(func(r rune) rune { return r - '0' + '０' }, s)
}

// TestDriftIsNoted: codes of the steps beside this one are accepted, and counted apart.
func TestDriftIsNoted(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		e.update(func(tx *sqldb.Tx) error { return e.SetTOTP(ctx, tx, kari, totp) })
		for _, off := range []time.Duration{-30 * time.Second, 0, 30 * time.Second, 30 * time.Second} {
			e.clock.Advance(time.Hour)
			if _, err := e.VerifyCode(ctx, kari, codeAt(e.clock.Now().Add(off))); err != nil {
				t.Errorf("%v: %v", off, err)
			}
		}
		if got := e.Drift(); len(got) != 3 || got[-1] != 1 || got[0] != 1 || got[1] != 2 {
			t.Errorf("noted %v", got)
		}
	})
}

func TestCodeIsAcceptedOnce(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		e.update(func(tx *sqldb.Tx) error { return e.SetTOTP(ctx, tx, kari, totp) })
		later := codeAt(e.clock.Now().Add(30 * time.Second))
		var accepted atomic.Int64
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if _, err := e.VerifyCode(ctx, kari, later); err == nil {
					accepted.Add(1)
				} else if k := fault.Of(err).Kind; k != fault.Unauthenticated && k != fault.Exhausted {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if accepted.Load() != 1 {
			t.Errorf("%d of 16 took the code", accepted.Load())
		}
		e.clock.Advance(15 * time.Minute)
		if _, err := e.VerifyCode(ctx, kari, later); err == nil {
			t.Error("an old code")
		}
	})
}

func TestCodesInARowAreExhausted(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		e.set(kari)
		e.update(func(tx *sqldb.Tx) error { return e.SetTOTP(ctx, tx, kari, totp) })
		var last error
		for range 10 {
			if _, err := e.verify("kari@nordlys.example", password); err != nil { // does not reset the count
				t.Fatal(err)
			}
			_, last = e.VerifyCode(ctx, kari, "000000")
		}
		if !fault.Is(last, fault.Exhausted) {
			t.Errorf("the tenth wrong code: %v", last)
		}
		if _, err := e.VerifyCode(ctx, kari, codeAt(e.clock.Now())); !fault.Is(err, fault.Exhausted) {
			t.Errorf("the right code within the pause: %v", err)
		}
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	c := credential.New(nil, secret.NewPasswords(secret.DefaultParams), nil, nil, credential.Config{})
	email, _ := directory.ParseEmail("kari.nordmann@nordlys.example")
	alone := credential.About{Email: email, Names: []string{"Kari Nordmann"}, Organizations: []string{"Nordlys AS"}}
	factor := alone
	factor.SecondFactor = true
	for _, c2 := range []struct {
		about    credential.About
		password string
		want     error
	}{
		{alone, password, nil},
		{alone, "fourteen chars", credential.ErrTooShort},
		{factor, "fourteen chars", nil},
		{factor, "seven77", credential.ErrTooShort},
		{factor, "trustno1", credential.ErrTooCommon},
		{factor, "TrustNo1", credential.ErrTooCommon},
		{factor, "12345678", credential.ErrTooCommon},
		{alone, "passwordpassword", credential.ErrTooCommon},
		{alone, "aaaaaaaaaaaaaaaaaaaa", credential.ErrTooCommon},
		{alone, "123456789012345", credential.ErrTooCommon},
		{alone, "0987654321098765", credential.ErrTooCommon},
		{alone, "abcdefghijklmnop", credential.ErrTooCommon},
		{alone, "Nordlys Nordlys 2026", credential.ErrContainsName},
		{alone, "kari.nordmann@nordlys.example", credential.ErrContainsName},
		{alone, "KARI nordmann 1987", credential.ErrContainsName},
		{alone, "portvaktportvakt1", credential.ErrContainsName},
		{alone, "nordlys over a quiet sea", nil},
		{alone, strings.Repeat("æ", 512), credential.ErrTooCommon},
		{alone, strings.Repeat("x y", 400), credential.ErrTooLong},
		{alone, "blåbærsyltetøy på", nil},
	} {
		err := c.Check(c2.password, c2.about)
		if c2.want == nil && err != nil || c2.want != nil && !errors.Is(err, c2.want) {
			t.Errorf("Check(%.30q) = %v, want %v", c2.password, err, c2.want)
		}
	}
}

func TestEvidence(t *testing.T) {
	t.Parallel()
	user := directory.UserID{1}
	known := credential.Evidence{User: user, Epoch: 1, At: testenv.Start, Password: true}
	held := credential.Evidence{User: user, Epoch: 1, At: testenv.Start.Add(time.Second), Code: true}
	both := known.And(held)
	if !both.Complete(credential.Enrolled{Code: true}) || both.ACR() != credential.ACRMFA || fmt.Sprint(both.AMR()) != "[pwd otp mfa]" || !both.At.Equal(held.At) {
		t.Errorf("%+v", both)
	}
	if known.Complete(credential.Enrolled{Code: true}) || held.Complete(credential.Enrolled{Code: true}) || !known.Complete(credential.Enrolled{}) {
		t.Error("half a proof completes")
	}
	for _, other := range []credential.Evidence{{User: directory.UserID{2}, Epoch: 1, Code: true}, {User: user, Epoch: 2, Code: true}} {
		if got := known.And(other); !got.User.IsZero() || got.Complete(credential.Enrolled{}) {
			t.Errorf("joined with somebody else's: %+v", got)
		}
	}
}
