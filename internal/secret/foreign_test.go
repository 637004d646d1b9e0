package secret_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"portvakt/internal/secret"
)

const horse = "a quiet horse in the rain"

// foreign are hashes of horse that other programs made: Python's hashlib and glibc's crypt, in the spellings of the systems.
var foreign = map[string]string{
	"bcrypt 2b":         "$2b$04$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2",
	"bcrypt 2y":         "$2y$04$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2",
	"bcrypt 2a":         "$2a$04$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2",
	"Django bcrypt":     "bcrypt$$2b$04$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2",
	"passlib SHA-1":     "$pbkdf2$1000$MDEyMzQ1Njc4OWFiY2RlZg$2v2HO4cACpDDgKOtnCaMhEHD4jo",
	"passlib SHA-256":   "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$f15OrxZoAHqQTae12Mypjguve4aJry1N.fsdzuztEmg",
	"PHC SHA-256":       "$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$f15OrxZoAHqQTae12Mypjguve4aJry1N+fsdzuztEmg",
	"PHC with a length": "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$f15OrxZoAHqQTae12Mypjguve4aJry1N+fsdzuztEmg=",
	"passlib SHA-512":   "$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$IfzzAoC9cqsdr6VF8dyoabdKGDLScV5ZEMnixMhV6qzroi2IrEb6PczLUZHdxvWT/XWmMYS7bWHO1PWQFGBOwg",
	"Django SHA-256":    "pbkdf2_sha256$1000$0123456789abcdef$f15OrxZoAHqQTae12Mypjguve4aJry1N+fsdzuztEmg=",
	"Django SHA-1":      "pbkdf2_sha1$1000$0123456789abcdef$2v2HO4cACpDDgKOtnCaMhEHD4jo=",
	"Django scrypt":     "scrypt$1024$0123456789abcdef$8$1$J8C+ZarCkYVWqTHC2t+6eE+IhwZTxoFwZROjqinGuZpsOMSE9Texl1TYN/P3c2oH+bK/586V089S37uoAMLbBA==",
	"passlib scrypt":    "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$J8C.ZarCkYVWqTHC2t.6eE.IhwZTxoFwZROjqinGuZpsOMSE9Texl1TYN/P3c2oH.bK/586V089S37uoAMLbBA",
	"Keycloak": `{"type":"password","secretData":"{\"value\":\"f15OrxZoAHqQTae12Mypjguve4aJry1N+fsdzuztEmj547PqWqJ1WjC2qSnVVq+JAzO5f+SivigNzZOcwOOmcA==\",` +
		`\"salt\":\"MDEyMzQ1Njc4OWFiY2RlZg==\"}","credentialData":"{\"hashIterations\":1000,\"algorithm\":\"pbkdf2-sha256\",\"additionalParameters\":{}}"}`,
}

func TestImportedHashes(t *testing.T) {
	t.Parallel()
	h := secret.NewPasswords(cheap)
	for name, text := range foreign {
		hash, err := secret.ImportHash(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := secret.ImportHash(hash); again != hash || err != nil || h.Current(hash) {
			t.Errorf("%s: read as %s, then as %s, %v", name, hash, again, err)
		}
		for password, want := range map[string]bool{horse: true, horse + "y": false, "": false, horse[:24]: false, strings.ToUpper(horse): false, horse + "\x00": false} {
			if ok, err := h.Verify(ctx, hash, password); err != nil || ok != want {
				t.Errorf("%s with %q: %v, %v", name, password, ok, err)
			}
		}
	}
}

// Keycloak's newer hashes, made here with the library whose own tests compare it to others.
func TestImportedArgon2(t *testing.T) {
	t.Parallel()
	made := secret.NewPasswords(secret.Params{Memory: 72, Time: 5, Lanes: 1})
	phc := hash(t, made, horse)
	parts := strings.Split(phc, "$")
	for name, text := range map[string]string{
		"PHC": phc, "Django": "argon2" + phc,
		"Keycloak": `{"secretData":"{\"value\":\"` + parts[5] + `=\",\"salt\":\"` + parts[4] + `==\",\"additionalParameters\":{}}",` +
			`"credentialData":"{\"hashIterations\":5,\"algorithm\":\"argon2\",\"additionalParameters\":{\"hashLength\":[\"32\"],\"memory\":[\"72\"],\"type\":[\"id\"],\"version\":[\"1.3\"],\"parallelism\":[\"1\"]}}"}`,
	} {
		if got, err := secret.ImportHash(text); err != nil || got != phc {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// Invariant: no imported hash can make the process use gigabytes or minutes.
func TestImportedHashIsBounded(t *testing.T) {
	t.Parallel()
	salt, key := "MDEyMzQ1Njc4OWFiY2RlZg", "f15OrxZoAHqQTae12Mypjguve4aJry1N+fsdzuztEmg"
	tail := "$" + salt + "$" + key
	began := time.Now()
	for _, text := range []string{
		"$2b$15$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2", "$2b$31$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2",
		"$pbkdf2-sha256$2500001" + tail, "$pbkdf2-sha256$4294967295" + tail, "$pbkdf2$2000000$" + salt + "$" + key,
		"$scrypt$ln=18,r=8,p=1" + tail, "$scrypt$ln=17,r=9,p=1" + tail, "$scrypt$ln=17,r=8,p=5" + tail, "$scrypt$ln=30,r=64,p=64" + tail, "$scrypt$ln=14,r=8,p=64" + tail,
		"$argon2id$v=19$m=131073,t=1,p=1" + tail, "$argon2id$v=19$m=131072,t=9,p=1" + tail, "$argon2id$v=19$m=4294967295,t=1,p=1" + tail,
	} {
		if hash, err := secret.ImportHash(text); !errors.Is(err, secret.ErrHashTooCostly) {
			t.Errorf("%s: %s, %v", text, hash, err)
		}
	}
	for _, text := range []string{
		"", "x", "$", "{}", "{", "null", horse, "5f4dcc3b5aa765d61d8327deb882cf99", "$1$abcdefgh$irWbblnpmw.5z7wgBnprh0", "$6$rounds=5000$abc$def", "$2x$04$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2",
		"$2b$03$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2", "$2b$4$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2", "$2b$04$short", "$2b$-4$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2",
		"$pbkdf2-sha256$0" + tail, "$pbkdf2-sha256$-1" + tail, "$pbkdf2-md5$1000" + tail, "$pbkdf2-sha256$1000$" + salt + "$AAAA", "$pbkdf2-sha256$1000$AA$" + key,
		"$scrypt$ln=0,r=8,p=1" + tail, "$scrypt$ln=10,r=0,p=1" + tail, "scrypt$1000$0123456789abcdef$8$1$" + key, "$argon2i$v=19$m=64,t=1,p=1" + tail,
		"$pbkdf2-sha256$1000,l=16" + tail + "$x", strings.Repeat("$", 5000),
	} {
		if hash, err := secret.ImportHash(text); err == nil || errors.Is(err, secret.ErrHashTooCostly) {
			t.Errorf("%q was taken as %q", text, hash)
		} else if len(text) > 8 && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats the hash: %v", err)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("refusing took %v: something was computed", took)
	}
}

// bcrypt reads 72 bytes, and some of its libraries end at a NUL: what they did not look at proves nothing.
func TestBcryptIsTakenKnowingly(t *testing.T) {
	t.Parallel()
	h := secret.NewPasswords(cheap)
	exactly := strings.Repeat("x", 72)
	made, err := bcrypt.GenerateFromPassword([]byte(exactly), 4)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := h.Verify(ctx, string(made), exactly); !ok || err != nil {
		t.Errorf("72 bytes: %v, %v", ok, err)
	}
	for _, longer := range []string{exactly + "y", exactly + "\x00", exactly[:71] + "\x00x"} {
		if ok, err := h.Verify(ctx, string(made), longer); ok || err != nil {
			t.Errorf("%d bytes: %v, %v", len(longer), ok, err)
		}
	}
	cut, err := bcrypt.GenerateFromPassword([]byte("before\x00after"), 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{"before\x00after", "before", "before\x00AFTER"} {
		if ok, err := h.Verify(ctx, string(cut), given); ok || err != nil {
			t.Errorf("with a NUL: %q: %v, %v", given, ok, err)
		}
	}
}

// What was typed is what another system has hashed; we hash what it composes to.
func TestImportedHashOfDecomposedText(t *testing.T) {
	t.Parallel()
	h := secret.NewPasswords(cheap)
	composed, decomposed := "bl\u00e5b\u00e6r og r\u00f8mmegr\u00f8t", "bla\u030ab\u00e6r og r\u00f8mmegr\u00f8t"
	made, err := bcrypt.GenerateFromPassword([]byte(decomposed), 4)
	if err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]bool{decomposed: true, composed: false} {
		if ok, err := h.Verify(ctx, string(made), given); ok != want || err != nil {
			t.Errorf("%q: %v, %v", given, ok, err)
		}
	}
}

// Whoever it is about, the same hashes are computed: one of today's cost, one of each imported cost.
func TestEverybodyCostsTheSame(t *testing.T) {
	t.Parallel()
	h := secret.NewPasswords(cheap)
	own := hash(t, h, horse)
	var also []string
	for _, name := range []string{"bcrypt 2b", "Keycloak", "passlib scrypt"} {
		imported, err := secret.ImportHash(foreign[name])
		if err != nil {
			t.Fatal(err)
		}
		cost, err := secret.CostOf(imported)
		if err != nil {
			t.Fatal(err)
		}
		also = append(also, cost, cost)
		if i := strings.LastIndex(imported, "$"); !strings.HasPrefix(imported, cost) || strings.Contains(cost, imported[i+1:]) {
			t.Errorf("the cost of %s is %s", imported, cost)
		}
	}
	bcrypted, _ := secret.ImportHash(foreign["bcrypt 2b"])
	for name, c := range map[string]struct {
		hash, password string
		want           bool
	}{
		"own": {own, horse, true}, "own, wrong": {own, "wrong", false}, "imported": {bcrypted, horse, true}, "imported, wrong": {bcrypted, "wrong", false},
		"nobody": {"", horse, false}, "nobody, nothing": {"", "", false}, "imported, far too long": {bcrypted, strings.Repeat("x", 5000), false},
	} {
		before := h.Computed()
		place, err := h.Place("somebody")
		if err != nil {
			t.Fatal(err)
		}
		ok, err := place.Verify(ctx, c.hash, c.password, also)
		place.Leave()
		if ok != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
		if n := h.Computed() - before; n != 4 {
			t.Errorf("%s: %d hashes were computed, want 4", name, n)
		}
	}
}
