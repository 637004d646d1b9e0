package credential_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/ratelimit"
)

// mailed is a code that the person has asked for just now.
func (e *env) mailed(user directory.UserID, bound string) string {
	e.t.Helper()
	code, err := e.MakeMailed(ctx, e.asked(user, bound))
	if err != nil || len(code) != 8 {
		e.t.Fatalf("code %q, %v", code, err)
	}
	return code
}

func (e *env) asked(user directory.UserID, bound string) credential.Mailed {
	e.t.Helper()
	u, err := e.dir.Users.ByID(ctx, user)
	if err != nil {
		e.t.Fatal(err)
	}
	return credential.Mailed{User: user, Epoch: u.Epoch, Bound: bound, AskedAt: e.clock.Now()}
}

func TestMailedCode(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari, ola := e.person("kari@nordlys.example"), e.person("ola@nordlys.example")
		refused := func(what string, user directory.UserID, bound, code string) {
			t.Helper()
			if ev, err := e.VerifyMailed(ctx, user, bound, code); !errors.Is(err, credential.ErrWrongCode) || !ev.User.IsZero() {
				t.Errorf("%s: %v, %v", what, ev, err)
			}
			e.clock.Advance(20 * time.Minute) // past every pause
		}
		ok := func(code string) {
			t.Helper()
			ev, err := e.VerifyMailed(ctx, kari, "here", code)
			if err != nil || ev.User != kari || !ev.Mail || ev.Second() || ev.First() || ev.Complete(credential.Enrolled{}) {
				t.Errorf("%+v, %v", ev, err)
			}
		}
		code := e.mailed(kari, "here")
		ok(code[:4] + " " + code[4:] + " ")
		refused("once more", kari, "here", code)
		refused("another conversation", kari, "there", e.mailed(kari, "here"))
		refused("another person", ola, "here", e.mailed(kari, "here"))
		old, again := e.mailed(kari, "here"), e.mailed(kari, "here")
		if _, err := e.VerifyMailed(ctx, kari, "here", old); old != again && !errors.Is(err, credential.ErrWrongCode) {
			t.Errorf("an older one: %v", err)
		}
		ok(again)

		code = e.mailed(kari, "here")
		e.clock.Advance(credential.MailedFor)
		refused("after ten minutes", kari, "here", code)
		code = e.mailed(kari, "here")
		if _, err := e.dir.Users.EndSessions(ctx, kari, "everywhere"); err != nil {
			t.Fatal(err)
		}
		refused("another epoch", kari, "here", code)
		code = e.mailed(kari, "here")
		if _, err := e.dir.Users.SetState(ctx, kari, directory.UserDisabled); err != nil {
			t.Fatal(err)
		}
		refused("disabled", kari, "here", code)
		for _, bad := range []string{"", "1234567", "123456789", "1234567a", "１２３４５６７８", strings.Repeat(" ", 1000) + "12345678", "-1234567", "12345678\x00"} {
			refused(bad, ola, "here", bad)
		}
	})
}

// TestMailedCodeIsForWhoWaits: mails are delivered late and out of order.
func TestMailedCodeIsForWhoWaits(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		first := e.asked(kari, "here")
		e.clock.Advance(time.Minute)
		second := e.asked(kari, "here")
		newest := e.mailed(kari, "here")
		if late, err := e.MakeMailed(ctx, first); err != nil || late != "" {
			t.Errorf("an older request made %q, %v", late, err)
		}
		if _, err := e.VerifyMailed(ctx, kari, "here", newest); err != nil {
			t.Errorf("the newest: %v", err)
		}
		e.clock.Advance(credential.MailedFor)
		if late, err := e.MakeMailed(ctx, second); err != nil || late != "" {
			t.Errorf("after ten minutes it made %q, %v", late, err)
		}
		before := e.asked(kari, "here")
		if _, err := e.dir.Users.EndSessions(ctx, kari, "everywhere"); err != nil {
			t.Fatal(err)
		}
		if code, err := e.MakeMailed(ctx, before); err != nil || code != "" {
			t.Errorf("under another epoch it made %q, %v", code, err)
		}
	})
}

func TestMailedCodeOnceAtOnce(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		code := e.mailed(kari, "here")
		var all sync.WaitGroup
		var taken atomic.Int32
		for range 30 {
			all.Go(func() {
				if _, err := e.VerifyMailed(ctx, kari, "here", code); err == nil {
					taken.Add(1)
				} else if !errors.Is(err, credential.ErrWrongCode) && !errors.Is(err, ratelimit.ErrExhausted) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := taken.Load(); n != 1 {
			t.Errorf("it was taken %d times", n)
		}
	})
}

// TestWall091_MailedCodesShareTheCounter: guesses at mailed codes, at the app's and at recovery codes are one count, and a new
// code starts no new one.
func TestWall091_MailedCodesShareTheCounter(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		for range 2 {
			e.mailed(kari, "here")
			_, _ = e.VerifyMailed(ctx, kari, "there", "00000000")
			_, _ = e.VerifyFactor(ctx, kari, "000000")
		}
		_, _ = e.VerifyMailed(ctx, kari, "there", "no code")
		_, _ = e.VerifyFactor(ctx, kari, "abcd-efgh-ijkl-mnop")
		code := e.mailed(kari, "new")
		for what, verify := range map[string]func() error{
			"mailed": func() error { _, err := e.VerifyMailed(ctx, kari, "new", code); return err },
			"app":    func() error { _, err := e.VerifyFactor(ctx, kari, "000000"); return err },
		} {
			if err := verify(); !errors.Is(err, ratelimit.ErrExhausted) {
				t.Errorf("%s after six guesses: %v", what, err)
			}
		}
		e.clock.Advance(5 * time.Second)
		if _, err := e.VerifyMailed(ctx, kari, "new", code); err != nil {
			t.Errorf("after the pause: %v", err)
		}
	})
}
