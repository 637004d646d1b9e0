package session_test

import (
	"errors"
	"testing"
	"time"

	"portvakt/idp/gate"
	"portvakt/idp/session"
	"portvakt/internal/directory"
)

// TestPausesAreRemembered: coming back after a pause that an organization does not allow leaves the pause in place for it,
// and for it alone; a new sign-in ends that organization's sid and keeps the other's.
func TestPausesAreRemembered(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		strict := e.member(e.org, "kari@nordlys.example")
		lax := e.member(e.organization("tallsmia"), "kari@nordlys.example")
		if _, err := e.dir.Organizations.Change(ctx, e.org, func(o *directory.Organization) error { o.IdleLimit = 30 * time.Minute; return nil }); err != nil {
			t.Fatal(err)
		}
		first, r := e.start(strict.User, nil)
		enter := func(v session.Session, m directory.Member) (session.SID, error) {
			pass, err := gate.New(e.dir).MayIssue(ctx, e.db, gate.Request{Membership: m.ID, UserEpoch: v.UserEpoch, Grant: gate.GrantSession, Use: v.Use(),
				Application: gate.Application{ID: e.app.ID, AllOrganizations: true, SelfService: true}})
			if err != nil {
				return session.SID{}, err
			}
			return e.sessions.Enter(ctx, v, pass, e.app.ID)
		}
		current := func() session.Session {
			t.Helper()
			v, ok, err := e.sessions.Current(r)
			if err != nil || !ok {
				t.Fatalf("the session is gone: %v", err)
			}
			if err := e.sessions.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			return v
		}
		var sids [2]session.SID
		for i, m := range []directory.Member{strict, lax} {
			sid, err := enter(first, m)
			if err != nil {
				t.Fatal(err)
			}
			sids[i] = sid
		}
		e.clock.Advance(29 * time.Minute)
		if _, err := enter(current(), strict); err != nil {
			t.Fatalf("after 29 minutes: %v", err)
		}
		e.clock.Advance(30 * time.Minute)
		for range 3 { // the first use notes that the session is in use again
			v := current()
			if _, err := enter(v, strict); !errors.Is(err, gate.ErrSessionLimit) {
				t.Errorf("after a pause: %v", err)
			}
			if sid, err := enter(v, lax); err != nil || sid != sids[1] {
				t.Errorf("the organization without a limit: %v, %v", sid, err)
			}
			e.clock.Advance(2 * time.Minute)
		}
		again, _ := e.start(strict.User, r)
		if sid, err := enter(again, strict); err != nil || sid == sids[0] {
			t.Errorf("signed in again: %v, %v; before %v", sid, err, sids[0])
		}
		if sid, err := enter(again, lax); err != nil || sid != sids[1] {
			t.Errorf("the other's sid after that: %v, %v; want %v", sid, err, sids[1])
		}
		var told int64
		if err := e.db.QueryRow(ctx, "select count(*) from events where kind = $1", session.EventEnded).Scan(&told); err != nil || told != 1 {
			t.Errorf("%d ends were announced, %v", told, err)
		}
	})
}
