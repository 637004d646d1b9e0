package scim

import (
	"context"
	"encoding/base64"
	"path/filepath"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// FuzzCursor: nothing but what was sealed here opens, and what does not is refused as a cursor; a position comes back as it was.
func FuzzCursor(f *testing.F) {
	keys, err := secret.NewKeys([]byte("0123456789abcdefghijklmnopqrstuv"))
	if err != nil {
		f.Fatal(err)
	}
	r := testRegistry(f)
	h := &Handler{keys: keys, schemas: r, db: testenv.Open(f, sqldb.Config{URL: filepath.Join(f.TempDir(), "fuzz.db"), Clock: testenv.NewClock().Now})}
	x := &exchange{h: h, ctx: context.Background()}
	whole, err := x.seal("User", r.users, directory.Position{Text: "a", ID: directory.MembershipID{1}}, false)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{whole, whole[1:], whole + "A", "", "AAAA", "\x00"} {
		f.Add(s, "text", int64(1))
	}
	f.Fuzz(func(t *testing.T, s, text string, micros int64) {
		x := &exchange{h: h, ctx: context.Background(), asked: asked{cursor: s}}
		if _, err := x.openCursor("User"); err != nil {
			if got := toRefusal(err); got.Status != 400 || got.ScimType != invalidCursor {
				t.Errorf("%q: %v", s, err)
			}
		} else if s != whole {
			t.Errorf("%q opens", s)
		}
		p := directory.Position{Text: string([]rune(text)), ID: directory.MembershipID{2}, Created: time.UnixMicro(micros).UTC()}
		sealed, err := x.seal("User", r.users, p, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := base64.RawURLEncoding.DecodeString(sealed); err != nil {
			t.Fatal(err)
		}
		x.asked.cursor = sealed
		c, err := x.openCursor("User")
		if len(sealed) > maxCursor {
			return
		}
		if back := c.position(); err != nil || !c.Back || back.Text != p.Text || back.ID != p.ID || micros != 0 && !back.Created.Equal(p.Created) {
			t.Errorf("%+v comes back as %+v, %v", p, back, err)
		}
	})
}
