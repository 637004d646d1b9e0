package session_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/gate"
	"portvakt/idp/session"
	"portvakt/internal/directory"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var ctx = context.Background()

type env struct {
	t        *testing.T
	db       *sqldb.DB
	clock    *testenv.Clock
	dir      *directory.Directory
	sessions *session.Sessions
	outbox   *outbox.Outbox
	org      directory.OrganizationID
	app      directory.Application
}

func each(t *testing.T, test func(t *testing.T, e *env)) {
	t.Helper()
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		log := slog.New(slog.NewTextHandler(io.Discard, nil))
		sessions, err := session.New(db, session.Config{Issuer: "https://id.example"}, log)
		if err != nil {
			t.Fatal(err)
		}
		e := &env{t: t, db: db, clock: clock, dir: directory.New(db), sessions: sessions, outbox: outbox.New(db, log)}
		sessions.Subscribe(e.outbox)
		e.org = e.organization("nordlys")
		if e.app, err = e.dir.Applications.Save(ctx, directory.Application{ClientID: "demo-web", Name: "Demo", AllOrganizations: true}); err != nil {
			t.Fatal(err)
		}
		test(t, e)
	})
}

func (e *env) organization(slug string) directory.OrganizationID {
	e.t.Helper()
	o, err := e.dir.Organizations.Create(ctx, directory.Organization{Slug: slug, Name: slug, Seats: directory.UnlimitedSeats})
	if err != nil {
		e.t.Fatal(err)
	}
	return o.ID
}

func (e *env) member(org directory.OrganizationID, email string) directory.Member {
	e.t.Helper()
	m, err := e.dir.Memberships.Create(ctx, org, directory.NewMember{Member: directory.Member{Email: email}, Trusted: true})
	if err != nil {
		e.t.Fatal(err)
	}
	return m
}

// start signs the person in and answers the request of a browser that has the cookie.
func (e *env) start(user directory.UserID, before *http.Request) (session.Session, *http.Request) {
	e.t.Helper()
	s, r, err := e.tryStart(user, before)
	if err != nil {
		e.t.Fatal(err)
	}
	return s, r
}

func (e *env) tryStart(user directory.UserID, before *http.Request) (session.Session, *http.Request, error) {
	e.t.Helper()
	u, err := e.dir.Users.ByID(ctx, user)
	if err != nil {
		e.t.Fatal(err)
	}
	if before == nil {
		before = httptest.NewRequest(http.MethodGet, "/", nil)
	}
	w := httptest.NewRecorder()
	s, err := e.sessions.Start(ctx, w, before, credential.Evidence{User: user, Epoch: u.Epoch, At: e.clock.Now(), Password: true})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	return s, r, err
}

func (e *env) live(r *http.Request) bool {
	e.t.Helper()
	_, ok, err := e.sessions.Current(r)
	if err != nil {
		e.t.Fatal(err)
	}
	return ok
}

func (e *env) pass(s session.Session, m directory.Member) gate.Pass {
	e.t.Helper()
	p, err := gate.New(e.dir).MayIssue(ctx, e.db, gate.Request{
		Membership: m.ID, UserEpoch: s.UserEpoch, Grant: gate.GrantSession,
		Application: gate.Application{ID: e.app.ID, AllOrganizations: true, SelfService: true},
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return p
}

func TestCurrent(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.member(e.org, "kari@nordlys.example")
		s, r := e.start(kari.User, nil)
		got, ok, err := e.sessions.Current(r)
		if err != nil || !ok || got.ID != s.ID || got.User != kari.User || got.Email != "kari@nordlys.example" ||
			got.ACR != credential.ACRPassword || strings.Join(got.AMR, " ") != "pwd" || !got.AuthenticatedAt.Equal(testenv.Start) {
			t.Fatalf("%+v, %v, %v", got, ok, err)
		}
		for _, value := range []string{"", "x", strings.Repeat("A", 43), s.ID.String()} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.AddCookie(&http.Cookie{Name: e.sessions.Cookies().Session, Value: value})
			if e.live(r) {
				t.Errorf("%q is a session", value)
			}
		}
		twice := r.Clone(ctx)
		twice.AddCookie(&http.Cookie{Name: e.sessions.Cookies().Session, Value: strings.Repeat("A", 43)})
		if e.live(twice) {
			t.Error("two cookies of the name")
		}
	})
}

func TestAlwaysMinted(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.member(e.org, "kari@nordlys.example")
		ola := e.member(e.org, "ola@nordlys.example")
		planted := httptest.NewRequest(http.MethodGet, "/", nil)
		planted.AddCookie(&http.Cookie{Name: e.sessions.Cookies().Session, Value: strings.Repeat("A", 43)})
		first, r1 := e.start(kari.User, planted)
		if e.live(planted) || !e.live(r1) {
			t.Fatal("a planted cookie became a session")
		}
		second, r2 := e.start(kari.User, r1)
		third, r3 := e.start(ola.User, r2)
		if e.live(r1) || e.live(r2) || !e.live(r3) || first.ID == second.ID || second.ID == third.ID {
			t.Error("a browser's earlier session outlived a sign-in")
		}
		var events int64
		if err := e.db.QueryRow(ctx, "select count(*) from events where kind = 'session.ended'").Scan(&events); err != nil || events != 1 { // the one whose person left
			t.Errorf("%d events, %v", events, err)
		}
	})
}

func TestStaleEvidence(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.member(e.org, "kari@nordlys.example")
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		start := func(ev credential.Evidence) error {
			_, err := e.sessions.Start(ctx, httptest.NewRecorder(), r, ev)
			return err
		}
		good := credential.Evidence{User: kari.User, Epoch: 1, At: e.clock.Now(), Password: true}
		for name, ev := range map[string]credential.Evidence{
			"nothing": {}, "no proof": {User: kari.User, Epoch: 1}, "another epoch": {User: kari.User, Epoch: 2, Password: true},
			"nobody": {User: directory.UserID{1}, Epoch: 1, Password: true},
		} {
			if err := start(ev); !errors.Is(err, session.ErrStaleEvidence) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := e.dir.Users.EndSessions(ctx, kari.User, "test"); err != nil {
			t.Fatal(err)
		}
		if err := start(good); !errors.Is(err, session.ErrStaleEvidence) {
			t.Errorf("evidence from before the sessions were ended: %v", err)
		}
	})
}

func TestIdle(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.member(e.org, "kari@nordlys.example")
		_, r := e.start(kari.User, nil)
		e.clock.Advance(8*time.Hour - time.Second)
		if !e.live(r) {
			t.Fatal("ended before its idle time")
		}
		run, stop := context.WithCancel(ctx)
		var done sync.WaitGroup
		done.Go(func() { _ = e.sessions.Run(run) })
		for written := false; !written; { // in the background
			var seen time.Time
			if err := e.db.QueryRow(ctx, "select seen_at from sessions").Scan(sqldb.Time(&seen)); err != nil {
				t.Fatal(err)
			}
			written = seen.Equal(e.clock.Now())
		}
		stop()
		done.Wait()
		e.clock.Advance(8*time.Hour - time.Second)
		if !e.live(r) {
			t.Fatal("its use was not counted")
		}
		e.clock.Advance(time.Second)
		if e.live(r) {
			t.Fatal("lives on after eight idle hours")
		}
	})
}

func TestAbsolute(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		kari := e.member(e.org, "kari@nordlys.example")
		_, r := e.start(kari.User, nil)
		use := func() {
			if _, err := e.db.Exec(ctx, "update sessions set seen_at = $1", sqldb.Micros(e.clock.Now())); err != nil {
				t.Fatal(err)
			}
		}
		e.clock.Advance(24*time.Hour - time.Microsecond)
		if use(); !e.live(r) {
			t.Fatal("ended before its time")
		}
		e.clock.Advance(time.Microsecond)
		if e.live(r) {
			t.Fatal("lives on after a day")
		}
		if n, err := e.sessions.Purge(ctx); err != nil || n != 0 {
			t.Errorf("purged %d at once, %v", n, err)
		}
		e.clock.Advance(8 * 24 * time.Hour)
		if n, err := e.sessions.Purge(ctx); err != nil || n != 1 {
			t.Errorf("purged %d, %v", n, err)
		}
	})
}

// Whatever Standing.ActiveAt says of a person's only membership, the session says, too, at every moment.
func TestSessionFollowsStanding(t *testing.T) {
	changes := map[string]func(e *env, m *directory.Member){
		"none":       func(*env, *directory.Member) {},
		"suspended":  func(e *env, m *directory.Member) { m.SuspendedAt = e.clock.Now() },
		"to an end":  func(e *env, m *directory.Member) { m.End = e.clock.Now().Add(time.Hour) },
		"scheduled":  func(e *env, m *directory.Member) { m.Start = e.clock.Now().Add(time.Hour) },
		"limited":    func(_ *env, m *directory.Member) { m.Kind = directory.Limited },
		"with a day": func(e *env, m *directory.Member) { m.Kind, m.End = directory.External, e.clock.Now().Add(24*time.Hour) },
	}
	each(t, func(t *testing.T, e *env) {
		for name, change := range changes {
			m := e.member(e.org, strings.ReplaceAll(name, " ", "")+"@nordlys.example")
			_, r := e.start(m.User, nil)
			_, err := e.dir.Memberships.Change(ctx, e.org, m.ID, 0, func(m *directory.Member) error { change(e, m); return nil })
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, step := range []time.Duration{0, time.Hour - time.Microsecond, time.Microsecond, time.Hour} {
				e.clock.Advance(step)
				st, err := e.dir.Memberships.Standing(ctx, m.ID)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := e.live(r), st.ActiveAt(e.clock.Now()); got != want {
					t.Errorf("%s, after %v: session %v, standing %v", name, step, got, want)
				}
			}
		}
		m := e.member(e.org, "ended@nordlys.example")
		_, r := e.start(m.User, nil)
		if err := e.dir.Memberships.Delete(ctx, e.org, m.ID); err != nil {
			t.Fatal(err)
		}
		if e.live(r) {
			t.Error("lives on after DELETE")
		}
		if _, _, err := e.tryStart(m.User, nil); !errors.Is(err, session.ErrNoMembership) {
			t.Errorf("a new session after DELETE: %v", err)
		}
		if err := e.dir.Users.SetOperator(ctx, m.User, directory.IsOperator); err != nil {
			t.Fatal(err)
		}
		if _, r := e.start(m.User, nil); !e.live(r) {
			t.Error("an operator without membership has no session")
		}
	})
}

func TestPersonAndOrganization(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		acts := map[string]func(m directory.Member) error{
			"disabled": func(m directory.Member) error {
				_, err := e.dir.Users.SetState(ctx, m.User, directory.UserDisabled)
				return err
			},
			"everywhere": func(m directory.Member) error {
				_, err := e.dir.Users.EndSessions(ctx, m.User, "test")
				return err
			},
			"voided": func(m directory.Member) error { return e.dir.Users.VoidCredentials(ctx, m.User) },
			"suspended": func(m directory.Member) error {
				_, err := e.dir.Organizations.Change(ctx, m.Organization, func(o *directory.Organization) error { o.Suspended = true; return nil })
				return err
			},
		}
		for name, act := range acts {
			m := e.member(e.organization(name), name+"@elsewhere.example")
			_, r := e.start(m.User, nil)
			if err := act(m); err != nil {
				t.Fatal(err)
			}
			if e.live(r) {
				t.Errorf("%s: lives on", name)
			}
		}
	})
}

func TestListAndEndOther(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		m, ola := e.member(e.org, "kari@nordlys.example"), e.member(e.org, "ola@nordlys.example")
		one, r1 := e.start(m.User, nil)
		_, r2 := e.start(m.User, nil)
		if all, err := e.sessions.List(ctx, m.User); err != nil || len(all) != 2 {
			t.Fatalf("%d sessions, %v", len(all), err)
		}
		if err := e.sessions.EndOther(ctx, ola.User, one.ID); err != nil || !e.live(r1) {
			t.Fatalf("ended by somebody else: %v", err)
		}
		if err := e.sessions.EndOther(ctx, m.User, one.ID); err != nil || e.live(r1) || !e.live(r2) {
			t.Fatalf("not ended: %v", err)
		}
	})
}

func TestCookies(t *testing.T) {
	t.Parallel()
	for issuer, names := range map[string][2]string{
		"https://id.example":    {"__Host-portvakt-session", "__Host-portvakt-browser"},
		"http://localhost:8080": {"portvakt-session-8080", "portvakt-browser-8080"},
		"http://localhost":      {"portvakt-session-80", "portvakt-browser-80"},
	} {
		c, err := session.NewCookies(issuer)
		if err != nil || c.Session != names[0] || c.Browser != names[1] {
			t.Errorf("%s: %+v, %v", issuer, c, err)
		}
		w := httptest.NewRecorder()
		c.Set(w, c.Browser, "old")
		c.Set(w, c.Session, "value")
		c.Set(w, c.Browser, "new")
		got := w.Result().Cookies()
		if len(got) != 2 || got[1].Value != "new" {
			t.Errorf("%v", got)
		}
		for _, cookie := range got {
			if !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" || cookie.SameSite != http.SameSiteLaxMode ||
				cookie.Secure != strings.HasPrefix(issuer, "https") {
				t.Errorf("%s: %v", issuer, cookie)
			}
		}
	}
	for _, bad := range []string{"", "id.example", "ftp://id.example", "http://", "%"} {
		if _, err := session.NewCookies(bad); err == nil {
			t.Errorf("%q is an issuer", bad)
		}
	}
}
