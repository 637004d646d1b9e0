package directory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR31_NothingIsAcceptedTwiceOrTooLate is WALL 121 below the pages.
func TestR31_NothingIsAcceptedTwiceOrTooLate(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		refused := func(what string, user directory.UserID, o directory.Outcome) {
			t.Helper()
			if _, err := h.Memberships.Accept(ctx, user, o.Membership); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		twice := h.invited(t, "twice@x.example")
		must(h.Memberships.Accept(ctx, h.user(t, twice), twice.Membership))(t)
		refused("twice", h.user(t, twice), twice)
		check(t, h.Memberships.End(ctx, h.another.ID, twice.Membership, directory.Ending{Choice: directory.EndPending}))
		refused("after the member was removed", h.user(t, twice), twice)

		other := h.invited(t, "other@x.example")
		refused("as somebody else", h.user(t, twice), other)

		withdrawn := h.invited(t, "withdrawn@x.example")
		if err := h.Invitations.Withdraw(ctx, h.home.ID, withdrawn.Membership); !fault.Is(err, fault.NotFound) {
			t.Errorf("the neighbour withdraws: %v", err)
		}
		insertLink(t, db, h.user(t, withdrawn), withdrawn.Membership)
		check(t, h.Invitations.Withdraw(ctx, h.another.ID, withdrawn.Membership))
		refused("after withdrawal", h.user(t, withdrawn), withdrawn)
		if err := h.Invitations.Withdraw(ctx, h.another.ID, withdrawn.Membership); !errors.Is(err, directory.ErrInvitationOver) {
			t.Errorf("withdrawn twice: %v", err)
		}
		if n := count(t, db, "select count(*) from account_links where voided_at is null"); n != 0 {
			t.Errorf("%d links of a withdrawn invitation work", n)
		}

		deleted := h.invited(t, "deleted@x.example")
		check(t, h.Memberships.Delete(ctx, h.another.ID, deleted.Membership))
		refused("after DELETE", h.user(t, deleted), deleted)

		clock.Advance(30*24*time.Hour - time.Microsecond)
		if st := must(h.Memberships.Standing(ctx, other.Membership))(t); st.State(db.Now()) != directory.StateInvited {
			t.Errorf("before the end it is %s", st.State(db.Now()))
		}
		clock.Advance(time.Microsecond)
		refused("expired", h.user(t, other), other)
	})
}

func TestR31_AnInviterWhoIsGoneInvitesNobody(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		chief := func(email string) directory.Member {
			n := directory.NewMember{Member: directory.Member{Email: email, Administrator: true, Details: directory.Details{DisplayName: "Chief " + email}}, Trusted: true}
			return must(h.Memberships.Create(ctx, h.another.ID, n))(t)
		}
		first, second := chief("first@x.example"), chief("second@x.example")
		as := func(m directory.Member) context.Context {
			return actor.With(ctx, actor.Actor{Kind: actor.Person, ID: m.User.String(), Organization: h.another.ID.String()})
		}
		ask := func(email string) directory.Outcome {
			return must(h.Invitations.Invite(as(first), h.another.ID, directory.Batch{People: invitees(email)}))(t)[0]
		}
		kept, lost := ask("kept@x.example"), ask("lost@x.example")
		if a := must(h.Invitations.Asked(ctx, h.another.ID, kept.Membership))(t); a.Inviter != "Chief first@x.example" {
			t.Errorf("invited by %q", a.Inviter)
		}
		must(h.Invitations.Resend(as(second), h.another.ID, kept.Membership))(t)
		must(h.Memberships.Change(ctx, h.another.ID, first.ID, 0, func(m *directory.Member) error { m.Administrator = false; return nil }))(t)
		if _, err := h.Memberships.Accept(ctx, h.user(t, lost), lost.Membership); !errors.Is(err, directory.ErrInvitationVoid) {
			t.Errorf("the invitation of a former administrator: %v", err)
		}
		if got := h.states(t, h.another.ID, directory.InvitationQuery{})["lost@x.example"]; got != directory.InvitationWithdrawn {
			t.Errorf("it is %s", got)
		}
		m := must(h.Memberships.Accept(ctx, h.user(t, kept), kept.Membership))(t)
		if !m.ActiveAt(db.Now()) || m.InvitedBy != second.User {
			t.Errorf("taken over: %+v", m)
		}
	})
}

func TestR31_InvitationsReserveSeatsAndGiveThemBack(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		small := must(h.Organizations.Create(ctx, directory.Organization{Slug: "small", Name: "Small", Seats: 2}))(t)
		got := h.invite(t, small.ID, directory.Batch{AcceptWithin: 2 * time.Hour, People: invitees("a@x.example", "b@x.example", "c@x.example")})
		if got[0].Fault != nil || got[1].Fault != nil || got[2].Fault == nil || got[2].Fault.Code != "seats_full" {
			t.Fatalf("two seats: %+v", got)
		}
		check(t, h.Invitations.Withdraw(ctx, small.ID, got[0].Membership))
		if o := h.invite(t, small.ID, directory.Batch{AcceptWithin: 2 * time.Hour, People: invitees("c@x.example")})[0]; o.Fault != nil {
			t.Errorf("after withdrawal: %v", o.Fault)
		}
		clock.Advance(2 * time.Hour)
		if o := h.invite(t, small.ID, directory.Batch{People: invitees("d@x.example", "e@x.example")}); o[0].Fault != nil || o[1].Fault != nil {
			t.Errorf("after expiry: %+v", o)
		}
		var wins sync.WaitGroup
		free := must(h.Organizations.Create(ctx, directory.Organization{Slug: "last", Name: "Last", Seats: 1}))(t)
		ok := make([]bool, 30)
		for i := range ok {
			wins.Go(func() {
				o, err := h.Invitations.Invite(ctx, free.ID, directory.Batch{People: invitees(fmt.Sprintf("r%d@x.example", i))})
				ok[i] = err == nil && o[0].Fault == nil
			})
		}
		wins.Wait()
		if n := len(slices.DeleteFunc(ok, func(b bool) bool { return !b })); n != 1 {
			t.Errorf("%d of 30 got the last seat", n)
		}
	})
}

func TestR31_AcceptAndWithdrawRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		o := h.invited(t, "race@x.example")
		user := h.user(t, o)
		var group sync.WaitGroup
		accepted, withdrawn := make([]bool, 15), make([]bool, 15)
		for i := range 15 {
			group.Go(func() { _, err := h.Memberships.Accept(ctx, user, o.Membership); accepted[i] = err == nil })
			group.Go(func() { withdrawn[i] = h.Invitations.Withdraw(ctx, h.another.ID, o.Membership) == nil })
		}
		group.Wait()
		wins := 0
		for i := range 15 {
			for _, won := range []bool{accepted[i], withdrawn[i]} {
				if won {
					wins++
				}
			}
		}
		if wins != 1 {
			t.Errorf("%d answers counted", wins)
		}
	})
}

func TestR31_UnansweredAndExpiredAreToldOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		h.invited(t, "late@x.example")
		yes := h.invited(t, "yes@x.example")
		must(h.Memberships.Accept(ctx, h.user(t, yes), yes.Membership))(t)
		clock.Advance(27*24*time.Hour - time.Minute)
		h.invite(t, h.another.ID, directory.Batch{AcceptWithin: 48 * time.Hour, People: invitees("short@x.example")})
		if n := must(h.Invitations.AnnounceUnanswered(ctx))(t); n != 0 {
			t.Errorf("%d told too early", n)
		}
		clock.Advance(2 * time.Minute)
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() { _, _ = h.Invitations.AnnounceUnanswered(ctx) })
		}
		group.Wait()
		if n := h.events(t, directory.EventInvitationUnanswered); n != 1 {
			t.Errorf("%d reminders, want 1", n)
		}
		clock.Advance(4 * 24 * time.Hour)
		must(h.Memberships.AnnounceEnded(ctx))(t)
		must(h.Memberships.AnnounceEnded(ctx))(t)
		if n := h.events(t, directory.EventInvitationExpired); n != 2 { // late and short
			t.Errorf("%d expired, want 2", n)
		}
	})
}
