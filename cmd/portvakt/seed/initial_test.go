package seed_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"portvakt/cmd/portvakt/seed"
	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func setInitial(c *credential.Credentials) func(context.Context, *sqldb.Tx, directory.UserID, string) error {
	return func(ctx context.Context, tx *sqldb.Tx, user directory.UserID, hash string) error {
		return c.SetInitial(ctx, tx, credential.Initial{User: user, Hash: hash})
	}
}

const initialFile = `
organizations:
  - slug: nordlys
    name: Nordlys AS
    members:
      - {email: ola@nordlys.example, initial_password: first of many words}
`

// TestR35_ASeedGivesAnInitialPasswordOnce: at creation only, also after the person has changed it or it has expired.
func TestR35_ASeedGivesAnInitialPasswordOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		p.apply(t, parse(t, initialFile))
		e, _ := directory.ParseEmail("ola@nordlys.example")
		u, err := p.Directory.Users.ByEmail(ctx, e)
		if err != nil {
			t.Fatal(err)
		}
		if has, err := p.credentials.Of(ctx, db, u.ID); err != nil || !has.MustChange {
			t.Errorf("has %+v, %v", has, err)
		}
		clock.Advance(credential.InitialValid + time.Second)
		p.apply(t, parse(t, initialFile))
		if has, err := p.credentials.Of(ctx, db, u.ID); err != nil || has.Password {
			t.Errorf("applied again, has %+v, %v", has, err)
		}
	})
}

func TestR35_InitialPasswordsAreChecked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		strings.Replace(initialFile, "first of many words", "short", 1):                                              "shorter than 8",
		strings.Replace(initialFile, "first of many words", "first of many words, password: another of my words", 1): "exclude each other",
	} {
		_, problems := seed.Parse("test.yaml", []byte(text), dev)
		if !strings.Contains(problems.Error(), want) {
			t.Errorf("%s\nsays %v, want %q", text, problems, want)
		}
	}
	options := dev
	options.AllowPlainSecrets = false
	if _, problems := seed.Parse("test.yaml", []byte(initialFile), options); !strings.Contains(problems.Error(), "initial_password stands here in plain text") {
		t.Errorf("outside of development: %v", problems)
	}
}
