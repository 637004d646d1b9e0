package session_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/gate"
	"portvakt/idp/session"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
)

const (
	windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
	mac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15"
	chrome  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
	android = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36"
)

// place is a browser somewhere.
type place struct{ userAgent, address string }

// at signs the person in from a place, for the applications of the organizations.
func (e *env) at(m directory.Member, p place, memberships ...directory.Member) session.Session {
	e.t.Helper()
	where := actor.With(ctx, actor.Actor{Kind: actor.Anonymous, Address: p.address})
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(where)
	r.Header.Set("User-Agent", p.userAgent)
	u, err := e.dir.Users.ByID(ctx, m.User)
	if err != nil {
		e.t.Fatal(err)
	}
	v, err := e.sessions.Start(where, httptest.NewRecorder(), r, credential.Evidence{User: u.ID, Epoch: u.Epoch, At: e.db.Now(), Password: true})
	if err != nil {
		e.t.Fatal(err)
	}
	for _, m := range memberships {
		st, err := e.dir.Memberships.Standing(ctx, m.ID)
		if err != nil {
			e.t.Fatal(err)
		}
		app := gate.Application{ID: e.app.ID, AllOrganizations: true, Grants: []string{"authorization_code"}, SelfService: true}
		pass, err := gate.Judge(st, e.db.Now(), gate.Request{Membership: m.ID, Application: app, Grant: gate.GrantAuthorize})
		if err != nil {
			e.t.Fatal(err)
		}
		if _, err := e.sessions.Enter(ctx, v, pass, e.app.ID); err != nil {
			e.t.Fatal(err)
		}
	}
	return v
}

func (e *env) sharedOf(m directory.Member) []session.SharedUse {
	e.t.Helper()
	all, err := e.sessions.SharedOf(ctx, m.User, e.db.Now().Add(-30*24*time.Hour))
	if err != nil {
		e.t.Fatal(err)
	}
	return all
}

func (e *env) hints(org directory.OrganizationID) []session.SharedUse {
	e.t.Helper()
	all, err := session.Hints(ctx, e.db, org, e.db.Now().Add(-30*24*time.Hour))
	if err != nil {
		e.t.Fatal(err)
	}
	return all
}

func (e *env) flush() {
	e.t.Helper()
	if err := e.sessions.Flush(ctx); err != nil {
		e.t.Fatal(err)
	}
}

func TestR36_SeveralDevicesAndNetworksAtTheSameTime(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		for i, row := range []struct {
			name          string
			first, second place
			pause         time.Duration
			want          int
		}{
			{"two computers in two networks", place{windows, "192.0.2.1"}, place{mac, "198.51.100.1"}, 0, 1},
			{"within five minutes", place{windows, "192.0.2.1"}, place{mac, "198.51.100.1"}, 4 * time.Minute, 1},
			{"one after the other", place{windows, "192.0.2.1"}, place{mac, "198.51.100.1"}, 5 * time.Minute, 0},
			{"two telephones in two networks", place{iphone, "192.0.2.1"}, place{android, "2001:db8:1::1"}, 0, 1},
			{"in one office", place{windows, "192.0.2.1"}, place{mac, "192.0.2.200"}, 0, 0},
			{"in one home", place{windows, "2001:db8:1:2::1"}, place{mac, "2001:db8:1:3::1"}, 0, 0},
			{"one network, said in two ways", place{windows, "192.0.2.1"}, place{mac, "::ffff:192.0.2.9"}, 0, 0},
			{"telephone and computer in one network", place{iphone, "192.0.2.1"}, place{mac, "192.0.2.2"}, 0, 0},
			{"telephone on the road", place{iphone, "203.0.113.9"}, place{mac, "192.0.2.2"}, 0, 0},
			{"the same browser in two networks", place{windows, "192.0.2.1"}, place{windows, "198.51.100.1"}, 0, 0},
			{"two browsers, two networks", place{windows, "192.0.2.1"}, place{chrome, "198.51.100.1"}, 0, 1},
			{"from nowhere", place{windows, ""}, place{mac, "198.51.100.1"}, 0, 0},
			{"a browser without a name", place{"", "192.0.2.1"}, place{mac, "198.51.100.1"}, 0, 0},
		} {
			m := e.member(e.org, string(rune('a'+i))+"@nordlys.example")
			e.at(m, row.first)
			e.flush()
			e.clock.Advance(row.pause)
			e.at(m, row.second)
			e.flush()
			if got := e.sharedOf(m); len(got) != row.want || row.want > 0 && (got[0].Devices != 2 || got[0].Times != 1) {
				t.Errorf("%s: %+v, want %d", row.name, got, row.want)
			}
		}
	})
}

// One hint and one event a day, however often and on however many nodes it is seen; and no address anywhere.
func TestR36_OneEventADay(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		m := e.member(e.org, "kari@nordlys.example")
		e.at(m, place{windows, "192.0.2.1"})
		e.flush()
		nodes := []*session.Sessions{e.sessions, e.node()}
		ids := []session.ID{e.at(m, place{mac, "198.51.100.1"}).ID}
		for _, s := range nodes {
			s.Forget()
		}
		var done sync.WaitGroup
		for i := range 30 {
			done.Go(func() {
				if err := nodes[i%2].WriteSeen(ctx, ids); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		count := func(text string) (n int64) {
			t.Helper()
			if err := e.db.QueryRow(ctx, text).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if got := e.sharedOf(m); len(got) != 1 || got[0].Times != 1 {
			t.Errorf("%+v", got)
		}
		if n := count("select count(*) from events where kind = 'user.shared_use'"); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
		if n := count("select count(*) from events where data like '%192.0.2%' or data like '%198.51%'"); n != 0 {
			t.Error("an event tells an address")
		}
		e.clock.Advance(2 * time.Hour)
		e.at(m, place{windows, "192.0.2.1"})
		e.at(m, place{mac, "198.51.100.1"})
		e.flush()
		if got := e.sharedOf(m); len(got) != 1 || got[0].Times != 2 || !got[0].Last.Equal(e.clock.Now()) {
			t.Errorf("another time that day: %+v", got)
		}
		e.clock.Advance(24 * time.Hour)
		e.at(m, place{windows, "192.0.2.1"})
		e.at(m, place{mac, "198.51.100.1"})
		e.at(m, place{chrome, "203.0.113.1"})
		e.flush()
		if got := e.sharedOf(m); len(got) != 2 || got[0].Devices != 3 || got[1].Devices != 2 {
			t.Errorf("the next day: %+v", got)
		}
		if n := count("select count(*) from events where kind = 'user.shared_use'"); n != 2 {
			t.Errorf("%d events, want 2", n)
		}
		e.clock.Advance(91 * 24 * time.Hour)
		if _, err := e.sessions.Purge(ctx); err != nil || count("select count(*) from shared_account_hints") != 0 {
			t.Errorf("hints are kept for ever: %v", err)
		}
	})
}

func TestR36_TheNeighbourSeesNothing(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		neighbour := e.organization("bjorkvik")
		m := e.member(e.org, "kari@nordlys.example")
		there := e.member(neighbour, "kari@nordlys.example")
		stranger := e.organization("fjell")
		e.at(m, place{windows, "192.0.2.1"}, m)
		e.at(m, place{mac, "198.51.100.1"}, m, there)
		e.flush()
		if got := e.hints(e.org); len(got) != 1 || got[0].User != m.User || got[0].Devices != 2 {
			t.Errorf("the organization whose devices they are: %+v", got)
		}
		if got := e.hints(neighbour); len(got) != 0 {
			t.Errorf("the neighbour, where one device was: %+v", got)
		}
		if got := e.hints(stranger); len(got) != 0 {
			t.Errorf("a stranger: %+v", got)
		}
		if err := e.dir.Memberships.Delete(ctx, e.org, m.ID); err != nil {
			t.Fatal(err)
		}
		if got := e.hints(e.org); len(got) != 0 {
			t.Errorf("of somebody who is no member any more: %+v", got)
		}
	})
}

// A session counts where it is used, not where it began; nothing is blocked.
func TestR36_UseCountsWhereItIs(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		m := e.member(e.org, "kari@nordlys.example")
		e.at(m, place{windows, "192.0.2.1"})
		laptop := e.at(m, place{mac, "192.0.2.2"})
		e.flush()
		if got := e.sharedOf(m); len(got) != 0 {
			t.Fatalf("in one office: %+v", got)
		}
		if err := e.sessions.WriteSeenFrom(ctx, laptop.ID, "198.51.100.7"); err != nil {
			t.Fatal(err)
		}
		if got := e.sharedOf(m); len(got) != 1 {
			t.Errorf("the laptop went elsewhere, the other goes on: %+v", got)
		}
		if all, err := e.sessions.List(ctx, m.User); err != nil || len(all) != 2 {
			t.Errorf("%d sessions live on, %v", len(all), err)
		}
	})
}

// node is another process over the same database.
func (e *env) node() *session.Sessions {
	e.t.Helper()
	s, err := session.New(e.db, session.Config{Issuer: "https://id.example"}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}
