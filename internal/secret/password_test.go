package secret_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"portvakt/internal/secret"
)

var ctx = context.Background()

// cheap keeps the tests fast; the format and the rules are the same.
var cheap = secret.Params{Memory: 64, Time: 1, Lanes: 1}

func hash(t *testing.T, h *secret.Passwords, password string) string {
	t.Helper()
	phc, err := h.Hash(ctx, password)
	if err != nil {
		t.Fatal(err)
	}
	return phc
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	h := secret.NewPasswords(cheap)
	long := strings.Repeat("x", 72)
	for _, c := range []struct {
		name, stored, given string
		want                bool
	}{
		{"the same", clear, clear, true},
		{"another", clear, clear + "r", false},
		{"composed and decomposed", "pass\u00e9\u00c5", "passe\u0301A\u030a", true},
		{"compatibility forms stay different", "\ufb01n", "fin", false},
		{"case", clear, strings.ToUpper(clear), false},
		{"space at the end", clear, clear + " ", false},
		{"different after 72 bytes", long + "a", long + "b", false},
		{"longer than 72 bytes", long + "a", long, false},
		{"different after NUL", "before\x00after", "before\x00AFTER", false},
		{"cut at NUL", "before\x00after", "before", false},
		{"with NUL", "before\x00after", "before\x00after", true},
		{"longest", strings.Repeat("å", 512), strings.Repeat("å", 512), true},
		{"no UTF-8", "\xff\xfe\xfd", "\xff\xfe\xfd", true},
		{"empty", clear, "", false},
		{"too long", clear, strings.Repeat("x", 1025), false},
	} {
		ok, err := h.Verify(ctx, hash(t, h, c.stored), c.given)
		if err != nil || ok != c.want {
			t.Errorf("%s: %v, %v, want %v", c.name, ok, err, c.want)
		}
	}
}

func TestPasswordSize(t *testing.T) {
	t.Parallel()
	h := secret.NewPasswords(cheap)
	for name, c := range map[string]struct {
		password string
		want     error
	}{
		"empty":                         {"", secret.ErrPasswordSize},
		"1024 bytes":                    {strings.Repeat("x", 1024), nil},
		"1025 bytes":                    {strings.Repeat("x", 1025), secret.ErrPasswordSize},
		"1024 bytes once composed":      {strings.Repeat("e\u0301", 512), nil},
		"more than 1024 once composed":  {strings.Repeat("e\u0301", 513), secret.ErrPasswordSize},
		"far too long to be looked at":  {strings.Repeat("x", 1<<20), secret.ErrPasswordSize},
		"long only before it is folded": {strings.Repeat("a\u030a", 400), nil},
	} {
		if _, err := h.Hash(ctx, c.password); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestHashesAreSaltedAndReadable(t *testing.T) {
	t.Parallel()
	h := secret.NewPasswords(cheap)
	a, b := hash(t, h, clear), hash(t, h, clear)
	if a == b || !strings.HasPrefix(a, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("hashes %s and %s", a, b)
	}
	other := secret.NewPasswords(secret.Params{Memory: 128, Time: 2, Lanes: 2})
	if ok, err := other.Verify(ctx, a, clear); err != nil || !ok {
		t.Errorf("a hash with other parameters: %v, %v", ok, err)
	}
	d := secret.DefaultParams
	if d.Memory < 19*1024 || d.Time < 2 || d.Lanes < 1 {
		t.Errorf("default parameters %+v are below 19 MiB, 2 passes, 1 lane", d)
	}
}

// Invariant: a stored row cannot make the process use gigabytes or minutes, nor weaken the comparison.
func TestStoredHashIsBounded(t *testing.T) {
	t.Parallel()
	h := secret.NewPasswords(cheap)
	good := hash(t, h, clear)
	parts := strings.Split(good, "$")
	salt, key := parts[4], parts[5]
	with := func(params, salt, key string) string { return "$argon2id$v=19$" + params + "$" + salt + "$" + key }
	bad := []string{"", "$", "x", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		good + "$x", strings.TrimSuffix(good, "$"+key), with("m=64,t=1,p=1", "", key), with("m=64,t=1,p=1", salt, ""),
		with("m=64,t=1,p=1", salt, key[:20]), with("m=64,t=1,p=1", salt, "!"+key[1:]), with("", salt, key), with("t=1,m=64,p=1", salt, key),
		"$2x$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "$2a$15$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}
	for _, params := range []string{"m=4194304,t=1,p=1", "m=262145,t=1,p=1", "m=64,t=17,p=1", "m=64,t=4294967295,p=1", "m=64,t=1,p=9", "m=64,t=1,p=255",
		"m=64,t=1,p=256", "m=0,t=1,p=1", "m=64,t=0,p=1", "m=64,t=1,p=0", "m=-1,t=1,p=1", "m=99999999999,t=1,p=1"} {
		bad = append(bad, with(params, salt, key))
	}
	began := time.Now()
	for _, phc := range bad {
		if ok, err := h.Verify(ctx, phc, clear); ok || err == nil {
			t.Errorf("%q: %v, %v, want an error", phc, ok, err)
		} else if phc != "" && len(phc) > 3 && strings.Contains(err.Error(), phc) {
			t.Errorf("the error repeats the hash: %v", err)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("refusing took %v: something was computed", took)
	}
}

// Who has no password takes as long as who has one: both compute with the same parameters.
func TestDummyTakesTheTimeOfAVerification(t *testing.T) {
	h := secret.NewPasswords(secret.Params{Memory: 16 * 1024, Time: 2, Lanes: 1})
	phc := hash(t, h, clear)
	fastest := func(f func()) time.Duration {
		best := time.Hour
		for range 7 {
			began := time.Now()
			f()
			best = min(best, time.Since(began))
		}
		return best
	}
	nobodys := func(password string) { // as sign-in asks where there is no hash
		place, err := h.Place()
		if err != nil {
			t.Fatal(err)
		}
		defer place.Leave()
		if ok, err := place.Verify(ctx, "", password, nil); ok || err != nil {
			t.Fatalf("nobody's password: %v, %v", ok, err)
		}
	}
	verify := fastest(func() { _, _ = h.Verify(ctx, phc, clear) })
	for name, f := range map[string]func(){
		"dummy":             func() { nobodys(clear) },
		"dummy without":     func() { nobodys("") },
		"wrong":             func() { _, _ = h.Verify(ctx, phc, "wrong") },
		"too long":          func() { _, _ = h.Verify(ctx, phc, strings.Repeat("x", 5000)) },
		"dummy, far beyond": func() { nobodys(strings.Repeat("x", 5000)) },
	} {
		if took := fastest(f); took < verify/20 { // it would be a thousandth if nothing were computed; the machine may be busy
			t.Errorf("%s took %v, a verification %v", name, took, verify)
		}
	}
}

func TestHashingWaitsItsTurn(t *testing.T) {
	t.Parallel()
	h := secret.NewPasswords(secret.Params{Memory: 32 * 1024, Time: 8, Lanes: 1})
	done := make(chan struct{})
	for range 4 * runtime.GOMAXPROCS(0) {
		go func() { _, _ = h.Hash(ctx, clear); done <- struct{}{} }()
	}
	hurried, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	refused := 0
	for range 4 {
		if _, err := h.Hash(hurried, clear); errors.Is(err, context.DeadlineExceeded) {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nobody had to wait: the number of parallel hashes is not bounded")
	}
	for range 4 * runtime.GOMAXPROCS(0) {
		<-done
	}
}

func ExamplePasswords() {
	h := secret.NewPasswords(secret.DefaultParams)
	phc, _ := h.Hash(context.Background(), "a long enough password")
	ok, _ := h.Verify(context.Background(), phc, "a long enough password")
	fmt.Println(ok)
	// Output: true
}

func BenchmarkVerify(b *testing.B) {
	h := secret.NewPasswords(secret.DefaultParams)
	phc, err := h.Hash(ctx, clear)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := h.Verify(ctx, phc, clear); err != nil {
			b.Fatal(err)
		}
	}
}
