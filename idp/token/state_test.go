package token_test

import (
	"context"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// SQLite has one writer: while a transaction holds it, whatever would write waits, and these must not.
func TestStateNeverWrites(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tokens := w.tokens(t)
		err := w.db.Update(ctx, func(tx *sqldb.Tx) error {
			if _, err := tx.Exec(ctx, "update organizations set version = version"); err != nil {
				return err
			}
			c, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			a, err := w.VerifyAccess(c, tokens.AccessToken)
			if err != nil {
				return err
			}
			pass, err := w.State(c, a, w.client)
			if err != nil {
				return err
			}
			if _, err := w.UserInfo(c, a, w.client, pass); err != nil {
				return err
			}
			_, err = w.RefreshState(c, tokens.RefreshToken, w.client)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A membership's end that was moved forward caps what introspection says, too.
func TestRefreshStateIsCapped(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tokens := w.tokens(t)
		end := w.db.Now().Add(time.Hour)
		if _, err := w.dir.Memberships.Change(ctx, w.org.ID, w.member.ID, 0, func(m *directory.Member) error { m.End = end; return nil }); err != nil {
			t.Fatal(err)
		}
		if r, err := w.RefreshState(ctx, tokens.RefreshToken, w.client); err != nil || r.Expires != end.Unix() {
			t.Errorf("expires %d, %v; the membership ends at %d", r.Expires, err, end.Unix())
		}
	})
}
