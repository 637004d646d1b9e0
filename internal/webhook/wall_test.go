package webhook_test

import (
	"strings"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestWall125_InvitedPeopleAreNobodysToKnow: whoever never accepted is told of to no application, whatever becomes of the
// invitation, and not at the person's erasure either.
func TestWall125_InvitedPeopleAreNobodysToKnow(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		w := newWorld(t, db)
		w.application(t, "home", "https://home.example/", w.home.ID)
		w.application(t, "next", "https://next.example/", w.next.ID)
		kari := w.employ(t, "kari@nordlys.example")
		ask := func() directory.Member {
			return must(w.dir.Memberships.Create(ctx, w.next.ID, directory.NewMember{Member: directory.Member{Email: "kari@nordlys.example"}}))(t)
		}
		withdrawn := ask()
		if err := w.dir.Invitations.Withdraw(ctx, w.next.ID, withdrawn.ID); err != nil {
			t.Fatal(err)
		}
		if err := w.dir.Memberships.Decline(ctx, kari.User, ask().ID); err != nil {
			t.Fatal(err)
		}
		if err := w.dir.Memberships.Delete(ctx, w.next.ID, ask().ID); err != nil {
			t.Fatal(err)
		}
		w.suspend(t, ask())
		asked := must(w.dir.Users.RequestErasure(ctx, kari.User))(t)
		must(w.dir.Users.ConfirmErasure(ctx, asked.ID))(t)
		w.drain(t)
		if told := w.got("https://next.example/"); len(told) != 0 {
			t.Errorf("the application of those who only asked was told %d times: %s", len(told), told)
		}
		if told := w.got("https://home.example/"); len(told) != 2 || !strings.Contains(strings.Join(told, " "), kari.User.String()) {
			t.Errorf("her own organization's application was told %d times: %s", len(told), told)
		}
	})
}
