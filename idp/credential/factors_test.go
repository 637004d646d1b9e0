package credential_test

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// enrol stores an authenticator whose app shows the code.
func (e *env) enrol(user directory.UserID, a credential.Authenticator, code string) (ev credential.Evidence, err error) {
	proven, err := e.Prove(user, a, code)
	if err != nil {
		return ev, err
	}
	err = e.db.Update(ctx, func(tx *sqldb.Tx) error {
		ev, err = e.Enrol(ctx, tx, proven)
		return err
	})
	return ev, err
}

// codeOf is the code of a new authenticator, read from what its app is shown.
func codeOf(t *testing.T, a credential.Authenticator, at time.Time) string {
	t.Helper()
	u, err := url.Parse(a.URI("id.example", "kari@nordlys.example"))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/id.example:kari@nordlys.example" || u.Query().Get("issuer") != "id.example" {
		t.Fatalf("%v %v", u, err)
	}
	if u.Query().Get("secret") != strings.ReplaceAll(a.Text(), " ", "") {
		t.Fatal("the picture and the text differ")
	}
	key, err := credential.ParseSecret(u.Query().Get("secret"))
	if err != nil || len(key) != 20 {
		t.Fatal(len(key), err)
	}
	return codeFor(key, at)
}

func TestEnrolledByAFirstCode(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari, ola := e.person("kari@nordlys.example"), e.person("ola@nordlys.example")
		a := credential.NewAuthenticator()
		sealed := e.SealAuthenticator(a, "here")
		if _, ok := e.OpenAuthenticator(sealed, "elsewhere"); ok {
			t.Error("a key opens for another purpose")
		}
		for _, bad := range []string{"", "x", sealed + "A", strings.Repeat("A", 1000)} {
			if _, ok := e.OpenAuthenticator(bad, "here"); ok {
				t.Errorf("%.20q opens", bad)
			}
		}
		if a, _ = e.OpenAuthenticator(sealed, "here"); a.Text() == "" {
			t.Fatal("lost")
		}
		now := e.clock.Now()
		for _, at := range []time.Duration{-61 * time.Second, 61 * time.Second} {
			if _, err := e.enrol(kari, a, codeOf(t, a, now.Add(at))); !errors.Is(err, credential.ErrWrongCode) {
				t.Errorf("a code of %s: %v", at, err)
			}
		}
		code := codeOf(t, a, now)
		ev, err := e.enrol(kari, a, code)
		if err != nil || !ev.Code || ev.User != kari {
			t.Fatal(ev, err)
		}
		if _, err := e.enrol(kari, a, code); !errors.Is(err, credential.ErrWrongCode) {
			t.Errorf("the same form once more: %v", err)
		}
		if _, err := e.VerifyFactor(ctx, kari, code); !errors.Is(err, credential.ErrWrongCode) {
			t.Errorf("the code of the enrolment opens: %v", err)
		}
		if _, err := e.VerifyFactor(ctx, ola, codeOf(t, a, now.Add(30*time.Second))); !errors.Is(err, credential.ErrWrongCode) {
			t.Errorf("it is somebody else's as well: %v", err)
		}
		if _, err := e.VerifyFactor(ctx, kari, codeOf(t, a, now.Add(30*time.Second))); err != nil {
			t.Error(err)
		}
		if _, err := e.Prove(kari, credential.Authenticator{}, "000000"); !errors.Is(err, credential.ErrWrongCode) {
			t.Errorf("an authenticator without key: %v", err)
		}
	})
}

// TestADeviceStepsNothingUp: only a factor that was shown makes a browser trusted, and a trusted browser is a password.
func TestADeviceStepsNothingUp(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari, ola := e.person("kari@nordlys.example"), e.person("ola@nordlys.example")
		u, err := e.dir.Users.ByID(ctx, kari)
		if err != nil {
			t.Fatal(err)
		}
		known := credential.Evidence{User: kari, Epoch: u.Epoch, At: e.clock.Now(), Password: true}
		shown := known
		shown.Code = true
		for name, ev := range map[string]credential.Evidence{
			"password": known, "recovery": {User: kari, Epoch: u.Epoch, Password: true, Recovery: true}, "mail": {User: kari, Epoch: u.Epoch, Password: true, Mail: true},
			"device": {User: kari, Epoch: u.Epoch, Password: true, Device: true, FactorAt: e.clock.Now()}, "code alone": {User: kari, Epoch: u.Epoch, Code: true},
		} {
			if _, err := e.Trust(ctx, ev, "", ""); err == nil {
				t.Errorf("%s makes a browser trusted", name)
			}
		}
		token, err := e.Trust(ctx, shown, "Firefox", "192.0.2.7")
		if err != nil {
			t.Fatal(err)
		}
		const day = 24 * time.Hour
		trusted, err := e.Trusted(ctx, known, token, day)
		if err != nil || !trusted.Device || !trusted.FactorAt.Equal(shown.At) {
			t.Fatalf("%+v %v", trusted, err)
		}
		both := known.And(trusted)
		if both.ACR() != credential.ACRPassword || both.Second() || len(both.AMR()) != 1 || !both.Complete(credential.Enrolled{Code: true}) || both.TrustedSince() != trusted.FactorAt {
			t.Errorf("%+v is %s", both, both.ACR())
		}
		if again := both.And(credential.Evidence{User: kari, Epoch: u.Epoch, Code: true}); !again.TrustedSince().IsZero() || again.ACR() != credential.ACRMFA {
			t.Errorf("%+v", again)
		}
		if (credential.Evidence{User: kari, Device: true}).Complete(credential.Enrolled{Code: true}) {
			t.Error("a browser alone completes")
		}
		for name, got := range map[string]func() (credential.Evidence, error){
			"no days":     func() (credential.Evidence, error) { return e.Trusted(ctx, known, token, 0) },
			"other token": func() (credential.Evidence, error) { return e.Trusted(ctx, known, token[1:]+"A", day) },
			"no password": func() (credential.Evidence, error) {
				return e.Trusted(ctx, credential.Evidence{User: kari, Epoch: u.Epoch}, token, day)
			},
			"other person": func() (credential.Evidence, error) {
				return e.Trusted(ctx, credential.Evidence{User: ola, Epoch: u.Epoch, Password: true}, token, day)
			},
			"another epoch": func() (credential.Evidence, error) {
				return e.Trusted(ctx, credential.Evidence{User: kari, Epoch: u.Epoch + 1, Password: true}, token, day)
			},
		} {
			if ev, err := got(); ev.Device || err != nil {
				t.Errorf("%s: %+v %v", name, ev, err)
			}
		}
		e.clock.Advance(day)
		if ev, _ := e.Trusted(ctx, known, token, day); ev.Device {
			t.Error("it outlives its days")
		}
		if ev, _ := e.Trusted(ctx, known, token, 2*day); !ev.Device {
			t.Error("longer ones do not count")
		}
		list, err := e.Devices(ctx, kari, testenv.Start.Add(-time.Hour))
		if err != nil || len(list) != 1 || list[0].UserAgent != "Firefox" {
			t.Fatal(list, err)
		}
		if err := e.EndDevice(ctx, ola, list[0].ID); err != nil {
			t.Fatal(err)
		}
		if ev, _ := e.Trusted(ctx, known, token, 2*day); !ev.Device {
			t.Error("somebody else has ended it")
		}
		if _, err := e.db.Exec(ctx, "update users set credentials_epoch = credentials_epoch + 1 where id = $1", kari); err != nil {
			t.Fatal(err)
		}
		if ev, _ := e.Trusted(ctx, known, token, 2*day); ev.Device {
			t.Error("it outlives voided credentials")
		}
		e.clock.Advance(100 * day)
		if n, err := e.PurgeDevices(ctx); n != 1 || err != nil {
			t.Error(n, err)
		}
	})
}

// TestEnrolledOnceAtOnce: thirty forms with one code enrol one authenticator.
func TestEnrolledOnceAtOnce(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		a := credential.NewAuthenticator()
		code := codeOf(t, a, e.clock.Now())
		var won atomic.Int64
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				if _, err := e.enrol(kari, a, code); err == nil {
					won.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 30", won.Load())
		}
	})
}

func TestCarriedPassword(t *testing.T) {
	t.Parallel()
	at := testenv.Start
	held := credential.Held{User: directory.UserID{1}, Epoch: 3, At: at, ACR: credential.ACRMFA, AMR: []string{"pwd", "otp", "mfa"}}
	if e := held.Password(at.Add(10 * time.Minute)); !e.Password || e.Second() || e.Epoch != 3 || !e.At.Equal(at) {
		t.Errorf("%+v", e)
	}
	keyOnly := held
	keyOnly.AMR = []string{"hwk", "user", "mfa"}
	for name, e := range map[string]credential.Evidence{"old": held.Password(at.Add(10*time.Minute + 1)), "future": held.Password(at.Add(-1)), "no password": keyOnly.Password(at)} {
		if !e.User.IsZero() {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
