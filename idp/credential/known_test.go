package credential_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

func (e *env) over(h *secret.Passwords) *credential.Credentials {
	return credential.New(e.db, h, e.keys, ratelimit.New(e.db), credential.Config{NetworkAttempts: 200})
}

func (e *env) in(browser, address, password string) error {
	e.t.Helper()
	email, err := directory.ParseEmail(address)
	if err != nil {
		e.t.Fatal(err)
	}
	_, err = e.VerifyIn(ctx, email, password, credential.Visitor{Address: network, Browser: browser})
	return err
}

func (e *env) remember(user directory.UserID, old string) string {
	e.t.Helper()
	fresh, err := e.Remember(ctx, user, old)
	if err != nil {
		e.t.Fatal(err)
	}
	return fresh
}

// WALL 85: guesses elsewhere, however many, do not keep a person out of the browser that they have signed in with; guesses
// there do, for a while, and keep nobody else out.
func TestGuessesElsewhereKeepNobodyOut(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari, ola := e.person("kari@nordlys.example"), e.person("ola@nordlys.example")
		e.set(kari)
		e.set(ola)
		karis, olas := e.remember(kari, ""), e.remember(ola, "")
		for i := range 210 { // also the network is exhausted
			_, _ = e.verify("kari@nordlys.example", fmt.Sprint("wrong", i))
			e.clock.Advance(time.Second)
		}
		for name, c := range map[string]struct {
			browser, address string
			out              bool
		}{
			"an unknown browser":        {"", "kari@nordlys.example", true},
			"a token of nobody":         {secret.NewToken(), "kari@nordlys.example", true},
			"somebody else's browser":   {olas, "kari@nordlys.example", true},
			"Kari's browser":            {karis, "kari@nordlys.example", false},
			"Kari's browser, again":     {karis, "KARI@nordlys.example", false},
			"Ola's browser for Ola":     {olas, "ola@nordlys.example", false},
			"Kari's browser for Ola":    {karis, "ola@nordlys.example", true},
			"Kari's browser for nobody": {karis, "nobody@nordlys.example", true},
		} {
			err := e.in(c.browser, c.address, password)
			if c.out != (err != nil) || c.out && !fault.Is(err, fault.Exhausted) && !errors.Is(err, credential.ErrWrongPassword) {
				t.Errorf("%s: %v", name, err)
			}
		}
		refused := 0
		for range 12 {
			if err := e.in(karis, "kari@nordlys.example", "wrong"); fault.Is(err, fault.Exhausted) {
				refused++
			}
		}
		if refused != 6 {
			t.Errorf("%d of 12 guesses in the known browser were refused, want 6", refused)
		}
		e.clock.Advance(15 * time.Minute)
		if err := e.in(karis, "kari@nordlys.example", password); err != nil {
			t.Errorf("after the longest pause: %v", err)
		}
	})
}

// What made a browser known ends: with a new token, with the person's epoch, after half a year, with the person.
func TestKnownBrowsersEnd(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari, ola := e.person("kari@nordlys.example"), e.person("ola@nordlys.example")
		e.set(kari)
		e.set(ola)
		for range 20 {
			_, _ = e.verify("kari@nordlys.example", "wrong")
			_, _ = e.verify("ola@nordlys.example", "wrong")
		}
		known := func(browser, address string) bool { return e.in(browser, address, password) == nil }
		first := e.remember(kari, "")
		both := e.remember(ola, first)
		if known(first, "kari@nordlys.example") || !known(both, "kari@nordlys.example") || !known(both, "ola@nordlys.example") {
			t.Error("the new token must count for both, the old one for nobody")
		}
		if _, err := e.dir.Users.EndSessions(ctx, kari, "everywhere"); err != nil {
			t.Fatal(err)
		}
		if known(both, "kari@nordlys.example") || !known(both, "ola@nordlys.example") {
			t.Error("signing out everywhere forgets the person's browsers, and nobody else's")
		}
		if err := e.Forget(ctx, ola); err != nil {
			t.Fatal(err)
		}
		both = e.remember(kari, both)
		e.clock.Advance(credential.KnownFor + time.Hour)
		for range 20 {
			_, _ = e.verify("kari@nordlys.example", "wrong")
		}
		if known(both, "kari@nordlys.example") {
			t.Error("known after half a year")
		}
		if err := e.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		var left int
		if err := e.db.QueryRow(ctx, "select count(*) from known_browsers").Scan(&left); err != nil || left != 0 {
			t.Errorf("%d are left, %v", left, err)
		}
	})
}

// A flood counts against nobody: whoever finds no place in line has guessed nothing.
func TestAFullLineCountsNothing(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		hasher := secret.NewPasswords(secret.Params{Memory: 64, Time: 1, Lanes: 1})
		e.Credentials = e.over(hasher)
		e.set(e.person("kari@nordlys.example"))
		var places []*secret.Place
		for i := 0; ; i++ {
			p, err := hasher.Place(fmt.Sprint(i))
			if err != nil {
				break
			}
			places = append(places, p)
		}
		for range 50 {
			_, err := e.verify("kari@nordlys.example", password)
			if !errors.Is(err, credential.ErrBusy) || fault.Of(err).Retry <= 0 || !fault.Is(err, fault.Exhausted) {
				t.Fatalf("a full line: %v", err)
			}
		}
		if _, err := e.Hash(ctx, password); !errors.Is(err, credential.ErrBusy) {
			t.Errorf("Hash: %v", err)
		}
		for _, p := range places {
			p.Leave()
		}
		if _, err := e.verify("kari@nordlys.example", password); err != nil {
			t.Errorf("after the flood: %v", err)
		}
		var n int
		if err := e.db.QueryRow(ctx, "select count(*) from attempts where scope like 'password.account'").Scan(&n); err != nil || n != 0 {
			t.Errorf("%d counters, %v", n, err)
		}
	})
}

// WALL 88 and the rules of NIST SP 800-63B-4 §3.1.1.2 at their edges.
func TestWall088_RulesAtTheirEdges(t *testing.T) {
	t.Parallel()
	breached := strings.Repeat("correct horse battery staple ", 2)
	c := credential.New(nil, secret.NewPasswords(secret.DefaultParams), nil, nil, credential.Config{Breached: func(p string) bool { return p == breached || p == "kari correct horse battery" }})
	email, _ := directory.ParseEmail("kari@nordlys.example")
	about := credential.About{Email: email}
	for _, x := range []struct {
		name, password string
		want           error
	}{
		{"15 code points of four bytes", "🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧🐦🐤🦆", nil},
		{"14 of them", "🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧🐦🐤", credential.ErrTooShort},
		{"15 typed that compose to 14", "a\u030abcdeghiklmnop", credential.ErrTooShort},
		{"64", strings.Repeat("quiet sea ", 6) + "four", nil},
		{"200", strings.Repeat("quiet river and sea ", 9) + "a different end of it", nil},
		{"spaces around stay and count", "  quiet sea 12 ", nil},
		{"a space within", "quiet sea river", nil},
		{"a NUL", "quiet sea\x00 and river", credential.ErrUnprintable},
		{"a tab", "quiet sea\tand a river", credential.ErrUnprintable},
		{"a line's end", "quiet sea and a river\n", credential.ErrUnprintable},
		{"no UTF-8", "quiet sea and a \xff river", credential.ErrUnprintable},
		{"1,025 bytes", strings.Repeat("quiet sea 1", 94), credential.ErrTooLong},
		{"breached", breached, credential.ErrBreached},
		{"breached, with a name", "kari correct horse battery", credential.ErrBreached},
		{"no digits, no capitals", "quiet river and the sea", nil},
	} {
		err := c.Check(x.password, about)
		if x.want == nil && err != nil || x.want != nil && !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", x.name, err, x.want)
		}
	}
}

// WALL 91: fresh sign-ins do not reset the count of codes, and there is one counter whoever asks, in whatever browser.
func TestWall091_TenSignInsWithTenCodes(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.person("kari@nordlys.example")
		e.set(kari)
		e.update(func(tx *sqldb.Tx) error { return e.SetTOTP(ctx, tx, kari, totp) })
		looked := 0
		for range 10 {
			browser := e.remember(kari, "")
			if err := e.in(browser, "kari@nordlys.example", password); err != nil {
				t.Fatal(err)
			}
			for i := range 10 {
				if _, err := e.VerifyCode(ctx, kari, fmt.Sprintf("00000%d", i)); !fault.Is(err, fault.Exhausted) {
					looked++
				}
			}
		}
		if looked != 6 {
			t.Errorf("%d of 100 codes were looked at, want 6", looked)
		}
	})
}
