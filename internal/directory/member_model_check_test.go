package directory_test

import (
	"pgregory.net/rapid"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// check compares all that can be seen of both organizations with the book, and with what holds whatever the book says.
func (l *ledger) check(t *rapid.T) {
	l.book.now = l.clock.Now()
	for org, o := range l.orgs {
		page, err := l.Memberships.List(ctx, o.ID, directory.Query{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		listed, err := l.Memberships.List(ctx, o.ID, directory.Query{Limit: 1, Where: directory.Compare{Field: directory.FieldActive, Op: directory.Equal, Value: true}})
		if err != nil {
			t.Fatal(err)
		}
		takers, err := directory.SeatTakersForTest(ctx, l.db, o.ID, l.book.now)
		if err != nil {
			t.Fatal(err)
		}
		var there, active, seated, acting int
		for i := range page.Members {
			m := &page.Members[i]
			x := l.line(m.ID)
			if x == nil || x.gone || x.org != org {
				t.Fatalf("organization %d has a member whom the book has not: %+v", org, m)
			}
			l.compare(t, m, x)
			l.follow(t, m)
			there++
			active += one(m.ListedActive(l.book.now))
			seated += one(m.TakesSeat(l.book.now))
			acting += one(m.Administrator && m.ActiveAt(l.book.now) && !l.book.disabled[x.who])
		}
		if want := l.members(org); there != want || int(listed.Total) != active || len(takers) != seated || int64(seated) != l.book.used(org, nil) {
			t.Fatalf("organization %d: %d members of %d, %d listed active of %d, %d and %d seats of %d", org, there, want, listed.Total, active, len(takers), seated, l.book.used(org, nil))
		}
		if seats := l.book.seats[org]; seats != directory.UnlimitedSeats && int64(seated) > seats {
			t.Fatalf("organization %d uses %d seats of %d", org, seated, seats)
		}
		if acting != l.book.administrators(org, nil, false) || acting == 0 && l.acting[org] > 0 && !l.may {
			t.Fatalf("organization %d has %d administrators, had %d; the book %d", org, acting, l.acting[org], l.book.administrators(org, nil, false))
		}
		l.acting[org] = acting
	}
	l.standings(t)
	l.entries(t)
	l.versions(t)
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (l *ledger) line(id directory.MembershipID) *bookLine {
	for _, x := range l.book.lines {
		if x.id == id {
			return x
		}
	}
	return nil
}

func (l *ledger) members(org int) (n int) {
	for _, x := range l.book.lines {
		n += one(x.org == org && !x.gone)
	}
	return n
}

func (l *ledger) compare(t *rapid.T, m *directory.Member, x *bookLine) {
	now := l.book.now
	if m.StateAt(now) != x.state(now) || m.Epoch != x.epoch || m.ListedActive(now) != x.listed(now) || m.TakesSeat(now) != x.seated(now) ||
		m.AnnouncedAt.IsZero() == x.told || m.Administrator != x.admin || m.Kind != x.kind || !m.End.Equal(x.end) || m.User != l.users[x.who] {
		t.Fatalf("the database: %s, epoch %d, announced %v, %+v\nthe book: %s, %+v", m.StateAt(now), m.Epoch, !m.AnnouncedAt.IsZero(), m, x.state(now), *x)
	}
}

// follow checks what holds over time: a version for each change, and never access under an epoch in which it was lost.
func (l *ledger) follow(t *rapid.T, m *directory.Member) {
	was, known := l.seen[m.ID]
	s := sight{active: m.ActiveAt(l.book.now), epoch: m.Epoch, version: m.Version, activeEpoch: was.activeEpoch}
	if known {
		if s.epoch < was.epoch || (s.version > was.version) != l.wrote[m.ID] {
			t.Fatalf("epoch %d after %d, version %d after %d, written %v", s.epoch, was.epoch, s.version, was.version, l.wrote[m.ID])
		}
		if s.active && !was.active && s.epoch <= was.activeEpoch {
			t.Fatalf("access came back under the epoch %d in which it was lost: %+v", s.epoch, m)
		}
	}
	if s.active {
		s.activeEpoch = s.epoch
	}
	l.seen[m.ID] = s
}

// standings: what is asked before anything is issued says the same, of the person too.
func (l *ledger) standings(t *rapid.T) {
	for who, user := range l.users {
		if user.IsZero() {
			continue
		}
		list, err := l.Memberships.StandingsOf(ctx, user)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for org := range l.orgs {
			want += one(l.book.current(org, who) != nil)
		}
		if len(list) != want {
			t.Fatalf("person %d stands in %d organizations, the book has %d", who, len(list), want)
		}
		for i := range list {
			x := l.line(list[i].Membership)
			if list[i].State(l.book.now) != x.state(l.book.now) || list[i].ActiveAt(l.book.now) != (x.active(l.book.now) && !l.book.disabled[who]) || list[i].Epoch != x.epoch {
				t.Fatalf("person %d stands as %s, epoch %d; the book has %+v", who, list[i].State(l.book.now), list[i].Epoch, *x)
			}
		}
	}
}

// entries: what was written has an entry in the history, and nothing else has.
func (l *ledger) entries(t *rapid.T) {
	type count struct {
		object string
		n      int64
	}
	all, err := sqldb.All(ctx, l.db, func(r sqldb.Row) (c count, err error) { err = r.Scan(&c.object, &c.n); return c, err },
		`select object, count(*) from audit_entries where organization_id in ($1, $2) and object like 'mbr_%' group by object`, l.orgs[0].ID, l.orgs[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		id, err := directory.ParseMembershipID(c.object)
		if err != nil {
			t.Fatal(err)
		}
		if (c.n > l.entry[c.object]) != l.wrote[id] {
			t.Fatalf("%d entries about %s, there were %d; written %v", c.n, c.object, l.entry[c.object], l.wrote[id])
		}
		l.entry[c.object] = c.n
		delete(l.wrote, id)
	}
	for id, written := range l.wrote {
		if written {
			t.Fatalf("%v was written, and no entry says so", id)
		}
	}
}
