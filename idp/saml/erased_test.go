package saml_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"portvakt/idp/saml/wire"
	"portvakt/idp/session"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestAnErasedPersonHasNoNames: service providers are told of the end by the only name that they know, then the name is gone
// from what is noted of sign-ins; whom nobody could tell keeps it for minutes alone. Other people keep theirs.
func TestAnErasedPersonHasNoNames(t *testing.T) {
	for name, reachable := range map[string]bool{"who can be told": true, "who does not answer": false} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, d *door) {
				byAddress := func(p *directory.ServiceProvider) { p.Settings.NameIDFormat = directory.NameIDEmail }
				quiet := d.peerOf("quiet", directory.Organization{}, byAddress, byPOST, bySOAP)
				loud := d.peerOf("loud", directory.Organization{}, byAddress, byRedirect)
				told := d.backs(t, quiet)
				if !reachable {
					told.code = 500
				}
				over := d.signedIn() // has signed out long ago
				loud.signIn(over)
				over.leave(session.Departure{})
				b := d.signedIn()
				k := quiet.signIn(b)
				loud.signIn(b)
				other := must(d.dir.Users.ByID(ctx, d.join(d.org, "ola@nordlys.example", directory.Member{}).User))(t)
				quiet.signIn(d.signedInAs(other, false))

				waiting := must(d.dir.Users.RequestErasure(ctx, d.user.ID))(t)
				must(d.dir.Users.ConfirmErasure(ctx, waiting.ID))(t)
				told.drain()
				if told.count() == 0 || told.asked[0].Subject.Value != k.name.Value || told.asked[0].SessionIndexes[0] != k.index {
					t.Fatalf("told %+v", told.asked)
				}
				d.clock.Advance(11 * time.Minute)
				d.again(told)
				if found := testenv.Find(t, d.db, "kari@nordlys.example"); len(found) > 0 {
					t.Errorf("the address is left in %s", strings.Join(found, ", "))
				}
				var names, nobodys int
				if err := d.db.QueryRow(ctx, `select count(distinct name_id), count(case when name_id = '' and ended_at is null then 1 end) from saml_participants`).Scan(&names, &nobodys); err != nil || names != 2 || nobodys != 0 {
					t.Errorf("%d names, %d without one are to be told, %v", names, nobodys, err)
				}
				n := told.count()
				told.drain()
				if told.count() != n {
					t.Error("who has no name is told")
				}
			})
		})
	}
}

// again has what failed be delivered once more, and the rest of what that leads to.
func (d *door) again(told *backs) {
	d.t.Helper()
	if _, err := d.db.Exec(ctx, `update deliveries set due_at = 0 where done_at is null`); err != nil {
		d.t.Fatal(err)
	}
	told.drain()
}

// TestAnEndMeanwhileIsTold: a participant is noted while the session ends and whoever is there is told, which PostgreSQL lets
// happen side by side. Nobody gets an assertion of a session that was over when the participant was noted, and nobody who is
// noted is forgotten.
func TestAnEndMeanwhileIsTold(t *testing.T) {
	t.Parallel()
	clock := testenv.NewClock()
	d := newDoor(t, testenv.Open(t, sqldb.Config{URL: testenv.PostgreSQL(t), Clock: clock.Now, Relaxed: true, MaxConnections: 8}), clock)
	quiet := d.peerOf("quiet", directory.Organization{}, func(p *directory.ServiceProvider) { p.Settings.IDPInitiated = true }, byPOST, bySOAP)
	told := d.backs(t, quiet)
	b := d.signedIn()
	// The sid is there, and that it was used is noted; under the other name the service provider is not in it yet.
	b.ask(ask{from: quiet.entity, children: `<samlp:NameIDPolicy Format="` + transient + `"/>`}).answer(t)
	answered := make(chan *reply, 1)
	if err := d.db.Update(ctx, func(tx *sqldb.Tx) error {
		// Whoever notes a participant looks whether the session lives, then waits here for the row that it refers to.
		var pid int
		if err := tx.QueryRow(ctx, `select pg_backend_pid() from applications where id = $1 for update`, quiet.sp.ID()).Scan(&pid); err != nil {
			return err
		}
		go func() { answered <- d.signedInCopy(b).get("/saml/init/" + quiet.sp.ID().String()) }()
		for waits, n := 0, 0; waits == 0; n++ {
			if n == 10_000 || len(answered) > 0 {
				return errors.New("nobody waits to be noted")
			}
			if err := d.db.QueryRow(ctx, `select count(*) from pg_stat_activity where $1 = any(pg_blocking_pids(pid)) and query like 'insert into saml_participants%'`, pid).Scan(&waits); err != nil {
				return err
			}
		}
		must(d.dir.Users.EndSessions(ctx, d.user.ID, "test"))(t)
		told.drain()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	res := <-answered
	told.drain()
	if strings.Contains(res.body, "SAMLResponse") {
		t.Error("a session that is over lets in")
	}
	if told.count() != 2 { // one is of the other name
		t.Errorf("told %d times", told.count())
	}
}

// TestOldSessionsHideNone: a sign-out finds the live session of somebody who had very many before it.
func TestOldSessionsHideNone(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		p := d.peer("one", byRedirect)
		b := d.signedIn()
		k := p.signIn(b)
		gone := d.signedIn()
		dead := p.signIn(gone)
		gone.leave(session.Departure{})
		if err := d.db.Update(ctx, func(tx *sqldb.Tx) error {
			for range 600 {
				if _, err := tx.Exec(ctx, `insert into saml_participants (id, sid, application_id, name_id, name_id_format, session_index, created_at, ended_at)
					select $1, sid, application_id, name_id, name_id_format, $2, created_at + 1, created_at + 2 from saml_participants where session_index = $3`,
					sqldb.NewID[roundPrefix](tx.Now()), freshID(), dead.index); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if a := p.told(p.signOut(b, k, byRedirect, "")); a.Status != wire.StatusSuccess || b.alive() {
			t.Errorf("%v, alive %v", a.Status, b.alive())
		}
	})
}
