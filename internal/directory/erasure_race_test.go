package directory_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// interjection runs acts between the statements of one transaction: each before the first statement, after the act before it,
// that holds a text. Other transactions' statements do not count. SQLite lets nobody in between.
type interjection struct {
	armed atomic.Bool
	acts  []act
}

type act struct {
	before string
	do     func()
}

func (b *interjection) trace(text string) {
	if len(b.acts) == 0 || !strings.Contains(text, b.acts[0].before) || !b.armed.CompareAndSwap(true, false) {
		return
	}
	do := b.acts[0].do
	b.acts = b.acts[1:]
	do()
	b.armed.Store(true)
}

// TestR33_ErasedWhileBecomingAMember: whoever is erased while becoming a member elsewhere is none afterwards: known before,
// or made by others since the creation looked, alone or in bulk. SQLite lets nobody in between; there it comes before.
func TestR33_ErasedWhileBecomingAMember(t *testing.T) {
	t.Parallel()
	const found, written, locked = "m.user_id = $2 and m.deleted_at is null order", "insert into memberships", "update users set version = version where state"
	for engine, url := range testenv.URLs(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var b interjection
			db := testenv.Open(t, sqldb.Config{URL: url(t), Clock: testenv.NewClock().Now, Relaxed: true, MaxConnections: 8, Trace: b.trace})
			h := newHouse(t, db, directory.UnlimitedSeats)
			for way, c := range map[string]struct {
				known, bulk bool
				when        string
			}{"known": {true, false, found}, "known, later": {true, false, written}, "made meanwhile": {false, false, found},
				"known, in bulk": {true, true, locked}} {
				email := strings.NewReplacer(",", "", " ", ".").Replace(way) + "@else.example"
				var user directory.UserID
				join := func() { user = must(h.Memberships.Create(ctx, h.home.ID, person(email)))(t).User }
				erase := func() {
					asked := must(h.Users.RequestErasure(ctx, user))(t)
					must(h.Users.ConfirmErasure(ctx, asked.ID))(t)
				}
				if c.known {
					join()
					b.acts = []act{{c.when, erase}}
				} else {
					b.acts = []act{{"insert into users", join}, {c.when, erase}}
				}
				if engine == "sqlite" {
					for _, a := range b.acts {
						a.do()
					}
					b.acts = nil
				}
				b.armed.Store(true)
				var err error
				if c.bulk {
					_, err = h.Memberships.CreateMany(ctx, h.another.ID, []directory.Member{person(email).Member}, 0)
				} else {
					_, err = h.Memberships.Create(ctx, h.another.ID, person(email))
				}
				b.armed.Store(false)
				if len(b.acts) > 0 {
					t.Errorf("%s: nobody came between at %q", way, b.acts[0].before)
				}
				if n := h.count(t, `select count(*) from memberships where user_id = $1 and deleted_at is null`, user); n != 0 {
					t.Errorf("%s: whoever was erased is a member (%v)", way, err)
				}
			}
		})
	}
}
