package scim

import (
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/secret"
)

// FuzzCursor: nothing but what was sealed here opens, and what does not is refused as a cursor; a position comes back as it was.
func FuzzCursor(f *testing.F) {
	keys, err := secret.NewKeys(secret.Random(secret.MasterSize)) // so that a fuzzing process opens nothing of another's
	if err != nil {
		f.Fatal(err)
	}
	s := cursors{keys, func() time.Time { return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) }}
	users := testRegistry(f).users
	whole, err := s.seal("User", cursorBeside(users, directory.Position{Text: "a", ID: directory.MembershipID{1}}, false, 1))
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{whole, whole[1:], whole + "A", "", "AAAA", "\x00"} {
		f.Add(text, "text", int64(1))
	}
	f.Fuzz(func(t *testing.T, given, text string, micros int64) {
		if _, err := s.open("User", given); err != nil {
			if got := toRefusal(err); got.Status != 400 || got.ScimType != invalidCursor {
				t.Errorf("%q: %v", given, err)
			}
		} else if given != whole {
			t.Errorf("%q opens", given)
		}
		p := directory.Position{Text: string([]rune(text)), ID: directory.MembershipID{2}, Created: time.UnixMicro(micros).UTC()}
		sealed, err := s.seal("User", cursorBeside(users, p, true, 7))
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) > maxCursor {
			return
		}
		c, err := s.open("User", sealed)
		if err != nil || !c.Back || c.Total != 7 {
			t.Fatalf("%+v comes back as %+v, %v", p, c, err)
		}
		if back := c.position(); back.Text != p.Text || back.ID != p.ID || micros != 0 && !back.Created.Equal(p.Created) {
			t.Errorf("%+v comes back as %+v", p, back)
		}
		if _, err := s.open("User of another client", sealed); err == nil {
			t.Error("it opens for another client")
		}
	})
}
