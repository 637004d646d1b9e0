package seed_test

import (
	"context"
	"strings"
	"testing"

	"portvakt/cmd/portvakt/seed"
	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func checkHash(text string) error { _, err := credential.ReadHash(text); return err }

func setImported(c *credential.Credentials) func(context.Context, *sqldb.Tx, directory.UserID, string) error {
	return func(ctx context.Context, tx *sqldb.Tx, user directory.UserID, text string) error {
		hash, err := credential.ReadHash(text)
		if err == nil {
			_, err = c.SetImported(ctx, tx, credential.Imported{User: user, Hash: hash})
		}
		return err
	}
}

const importedFile = `
organizations:
  - slug: nordlys
    name: Nordlys AS
    members:
      - {email: ola@nordlys.example, password_hash: "pbkdf2_sha256$1000$0123456789abcdef$f15OrxZoAHqQTae12Mypjguve4aJry1N+fsdzuztEmg="}
`

// TestAPasswordHashIsSetOnce: in any file, and never over a password.
func TestAPasswordHashIsSetOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		p := newPlace(t, db)
		production := dev
		production.AllowPlainSecrets = false
		f, problems := seed.Parse("test.yaml", []byte(importedFile), production)
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		p.apply(t, f)
		e, _ := directory.ParseEmail("ola@nordlys.example")
		if _, err := p.credentials.Verify(ctx, e, "a quiet horse in the rain", ""); err != nil {
			t.Errorf("the first sign-in: %v", err)
		}
		before := p.table(t, "passwords")
		p.apply(t, f)
		if after := p.table(t, "passwords"); strings.Join(before, "\n") != strings.Join(after, "\n") || !strings.Contains(after[0], "argon2id") {
			t.Errorf("applied again:\n%s\n%s", before, after)
		}
	})
}

func TestPasswordHashesAreChecked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		strings.Replace(importedFile, "pbkdf2_sha256$1000", "pbkdf2_sha256$99000000", 1):                  "too much time",
		strings.Replace(importedFile, "pbkdf2_sha256", "md5", 1):                                          "no password hash",
		strings.Replace(importedFile, "password_hash", "password: another of my words, password_hash", 1): "exclude each other",
		strings.Replace(importedFile, "password_hash", "kind: contact, password_hash", 1):                 "cannot sign in",
	} {
		_, problems := seed.Parse("test.yaml", []byte(text), dev)
		if !strings.Contains(problems.Error(), want) {
			t.Errorf("%s\nsays %v, want %q", text, problems, want)
		}
		if strings.Contains(problems.Error(), "f15Orx") {
			t.Errorf("the hash is repeated: %v", problems)
		}
	}
}
