package session_test

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"portvakt/idp/session"
	"portvakt/internal/directory"
)

// Signing in once more is no sign-out: the sids, and what hangs on them, go on under the new session.
func TestSignInAgainKeepsSids(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		m := e.member(e.org, "kari@nordlys.example")
		ola := e.member(e.org, "ola@nordlys.example")
		first, r1 := e.start(m.User, nil)
		sid, err := e.sessions.Enter(ctx, first, e.pass(first, m), e.app.ID)
		if err != nil {
			t.Fatal(err)
		}
		second, r2 := e.start(m.User, r1)
		got, err := e.sessions.Enter(ctx, second, e.pass(second, m), e.app.ID)
		if err != nil || got != sid {
			t.Errorf("sid %v, %v; want %v", got, err, sid)
		}
		if id, ok, err := e.sessions.RememberedOrganization(ctx, second, e.app.ID); err != nil || !ok || id != m.ID {
			t.Errorf("remembered %v, %v, %v", id, ok, err)
		}
		if _, err := e.sessions.Enter(ctx, first, e.pass(first, m), e.app.ID); !errors.Is(err, session.ErrSIDEnded) {
			t.Errorf("the earlier session: %v", err)
		}
		open := func() (n int64) {
			if err := e.db.QueryRow(ctx, "select count(*) from session_organizations where ended_at is null").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if open() != 1 {
			t.Errorf("%d open sids", open())
		}
		if _, _ = e.start(ola.User, r2); open() != 0 {
			t.Errorf("%d open sids after somebody else signed in", open())
		}
		idle, r3 := e.start(m.User, nil)
		if _, err := e.sessions.Enter(ctx, idle, e.pass(idle, m), e.app.ID); err != nil {
			t.Fatal(err)
		}
		e.clock.Advance(9 * time.Hour)
		if e.start(m.User, r3); open() != 0 {
			t.Errorf("%d open sids of a session that had died of idleness", open())
		}
	})
}

func TestSid(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		m := e.member(e.org, "kari@nordlys.example")
		other := e.member(e.organization("tallsmia"), "kari@nordlys.example")
		s, _ := e.start(m.User, nil)
		enter := func(m directory.Member) (session.SID, error) {
			return e.sessions.Enter(ctx, s, e.pass(s, m), e.app.ID)
		}
		one, err := enter(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := enter(m)
		if err != nil || again != one {
			t.Errorf("%v then %v, %v", one, again, err)
		}
		e.clock.Advance(2 * time.Minute)
		two, err := enter(other)
		if err != nil || two == one {
			t.Errorf("the other organization: %v, %v", two, err)
		}
		if id, ok, err := e.sessions.RememberedOrganization(ctx, s, e.app.ID); err != nil || !ok || id != other.ID {
			t.Errorf("remembered %v, %v, %v", id, ok, err)
		}
		e.clock.Advance(time.Minute)
		if _, err := enter(m); err != nil {
			t.Fatal(err)
		}
		if id, _, _ := e.sessions.RememberedOrganization(ctx, s, e.app.ID); id != m.ID {
			t.Errorf("remembered %v", id)
		}
		stranger := e.member(e.org, "ola@nordlys.example")
		if _, err := e.sessions.Enter(ctx, s, e.pass(session.Session{}, stranger), e.app.ID); !errors.Is(err, session.ErrSIDEnded) {
			t.Errorf("somebody else's pass: %v", err)
		}
		if err := e.sessions.End(ctx, httptest.NewRecorder(), s); err != nil {
			t.Fatal(err)
		}
		if _, err := enter(m); !errors.Is(err, session.ErrSIDEnded) {
			t.Errorf("after sign-out: %v", err)
		}
	})
}

func TestEndDead(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		m := e.member(e.org, "kari@nordlys.example")
		other := e.member(e.organization("tallsmia"), "kari@nordlys.example")
		s, r := e.start(m.User, nil)
		for _, m := range []directory.Member{m, other} {
			if _, err := e.sessions.Enter(ctx, s, e.pass(s, m), e.app.ID); err != nil {
				t.Fatal(err)
			}
		}
		open := func() (sids, sessions int64) {
			if err := e.outbox.Drain(ctx); err != nil {
				t.Fatal(err)
			}
			for sql, n := range map[string]*int64{
				"select count(*) from session_organizations where ended_at is null": &sids, "select count(*) from sessions where ended_at is null": &sessions,
			} {
				if err := e.db.QueryRow(ctx, sql).Scan(n); err != nil {
					t.Fatal(err)
				}
			}
			return sids, sessions
		}
		suspend := func(at time.Time) {
			_, err := e.dir.Memberships.Change(ctx, other.Organization, other.ID, 0, func(m *directory.Member) error { m.SuspendedAt = at; return nil })
			if err != nil {
				t.Fatal(err)
			}
		}
		suspend(e.clock.Now())
		if sids, sessions := open(); sids != 1 || sessions != 1 || !e.live(r) {
			t.Fatalf("one of two suspended: %d sids, %d sessions", sids, sessions)
		}
		suspend(time.Time{}) // what was ended stays so; what is made since lives
		sid, err := e.sessions.Enter(ctx, s, e.pass(s, other), e.app.ID)
		if err != nil {
			t.Fatal(err)
		}
		if sids, _ := open(); sids != 2 {
			t.Fatalf("reactivated: %d sids, with %v", sids, sid)
		}
		for _, m := range []directory.Member{m, other} {
			if err := e.dir.Memberships.End(ctx, m.Organization, m.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
				t.Fatal(err)
			}
		}
		if sids, sessions := open(); sids != 0 || sessions != 0 || e.live(r) {
			t.Fatalf("both ended: %d sids, %d sessions", sids, sessions)
		}
	})
}
