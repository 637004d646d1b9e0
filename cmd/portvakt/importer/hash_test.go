package importer_test

import (
	"context"
	"fmt"
	"testing"

	"portvakt/cmd/portvakt/importer"
	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const (
	horseHash = "pbkdf2_sha256$1000$0123456789abcdef$f15OrxZoAHqQTae12Mypjguve4aJry1N+fsdzuztEmg="
	otherHash = "$2y$04$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2"
)

// TestPasswordsComeAlong: with people whose home the organization is, never in place of a password; a line whose hash is
// refused leaves nobody behind.
func TestPasswordsComeAlong(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		d, o := prepared(t, db)
		c := credential.New(db, secret.NewPasswords(secret.Params{Memory: 64, Time: 1, Lanes: 1}), nil, ratelimit.New(db), credential.Config{})
		d.SetHash = func(ctx context.Context, tx *sqldb.Tx, org directory.OrganizationID, user directory.UserID, hash string) error {
			_, err := c.SetImported(ctx, tx, credential.Imported{User: user, Hash: hash, By: org})
			return err
		}
		err := db.Update(ctx, func(tx *sqldb.Tx) error {
			tx.Later("insert into organization_domains (domain, organization_id, verified_at) values ('nordlys.example', $1, 1)", o.ID)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		run := func(text string) importer.Result {
			r, err := importer.Run(ctx, d, job("people.csv", text))
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		text := "email,kind,password_hash\n" +
			"kari@nordlys.example,," + horseHash + "\n" + // 2
			"ola@nordlys.example,,\n" + // 3
			"per@elsewhere.example,," + horseHash + "\n" + // 4: nobody's home
			"ida@nordlys.example,contact," + horseHash + "\n" + // 5
			"eva@nordlys.example,,5f4dcc3b5aa765d61d8327deb882cf99\n" + // 6
			"bo@nordlys.example,,pbkdf2_sha256$99000000$0123456789abcdef$f15OrxZoAHqQTae12Mypjguve4aJry1N+fsdzuztEmg=\n" // 7
		r := run(text)
		codes := map[int]string{}
		for _, x := range r.Refusals {
			codes[x.Line] = x.Field + " " + x.Code
		}
		want := "map[4:password_hash not_home 5:password_hash hash_without_person 6:password_hash bad_hash 7:password_hash hash_too_costly]"
		if fmt.Sprint(codes) != want || r.Created != 2 || r.Refused != 4 {
			t.Errorf("%+v, %v", r, codes)
		}
		if n := count(t, db, "select (select count(*) from memberships) * 100 + (select count(*) from users) * 10 + (select count(*) from passwords)"); n != 221 {
			t.Errorf("members, people, passwords: %d, want 221", n)
		}
		kari, _ := directory.ParseEmail("kari@nordlys.example")
		if _, err := c.Verify(ctx, kari, "a quiet horse in the rain", ""); err != nil {
			t.Errorf("the first sign-in: %v", err)
		}
		again := run("email,password_hash\nkari@nordlys.example," + otherHash + "\nola@nordlys.example," + otherHash + "\n")
		if again.Refused != 0 || again.Linked != 2 {
			t.Errorf("again: %+v", again)
		}
		if n := count(t, db, "select count(*) from passwords where hash like '$2y$%'"); n != 1 {
			t.Errorf("%d have the second file's password, want Ola alone", n)
		}
	})
}
