package directory_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// modelBudget bounds how long each engine is tried; a longer search is -args -model=5m -rapid.checks=100000.
var modelBudget = flag.Duration("model", 2*time.Second, "how long TestMembershipsAgreeWithTheBook looks on each engine")

// TestMembershipsAgreeWithTheBook: whatever people do, in whatever order, the database says what the book says.
func TestMembershipsAgreeWithTheBook(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		begun, runs, failing := time.Now(), 0, false
		rapid.Check(t, func(t *rapid.T) {
			if !failing && time.Since(begun) > *modelBudget {
				return
			}
			defer func() { failing = failing || t.Failed() }()
			runs++
			l := newLedger(t, db, clock, runs)
			t.Repeat(l.actions())
		})
		t.Logf("%d sequences", runs)
	})
}

// ledger is the database and the book beside each other.
type ledger struct {
	house
	clock  *testenv.Clock
	orgs   [2]directory.Organization
	emails [4]string
	users  [4]directory.UserID
	book   book
	wrote  map[directory.MembershipID]bool // what the last step is to have written
	entry  map[string]int64                // audit entries by membership, before the last step
	seen   map[directory.MembershipID]sight
	acting [2]int // administrators before the last step
	models [2]directory.AccessModel
	may    bool // the last step may take the last administrator away: time, or an operator
}

// sight is how a membership was last seen.
type sight struct {
	active         bool
	epoch, version int64
	activeEpoch    int64 // when it last gave access
}

func newLedger(t *rapid.T, db *sqldb.DB, clock *testenv.Clock, run int) *ledger {
	l := &ledger{house: house{Directory: directory.New(db), db: db}, clock: clock, entry: map[string]int64{}, seen: map[directory.MembershipID]sight{}}
	clock.Advance(100 * time.Hour) // past everything of the runs before
	for {
		n, err := l.Memberships.AnnounceEnded(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	for i := range l.orgs {
		o := directory.Organization{Slug: fmt.Sprintf("o%d-%d", i, run), Name: "O", Seats: rapid.SampledFrom([]int64{directory.UnlimitedSeats, 1, 2, 3}).Draw(t, "seats")}
		if i == 0 {
			o.Domains = []string{fmt.Sprintf("n%d.example", run)}
		}
		var err error
		if l.orgs[i], err = l.Organizations.Create(ctx, o); err != nil {
			t.Fatal(err)
		}
		l.book.seats[i] = o.Seats
	}
	l.home, l.another = l.orgs[0], l.orgs[1]
	for i := range l.emails { // two have their home in the first organization
		l.emails[i] = fmt.Sprintf("p%d@%s%d.example", i, []string{"n", "n", "x", "x"}[i], run)
	}
	return l
}

func (l *ledger) actions() map[string]func(*rapid.T) {
	edits := map[string]func(*rapid.T){
		"":        l.check,
		"create":  l.create,
		"create2": l.create,
		"accept":  func(t *rapid.T) { l.answer(t, true) },
		"decline": func(t *rapid.T) { l.answer(t, false) },
		"end":     func(t *rapid.T) { l.stop(t, false) },
		"delete":  func(t *rapid.T) { l.stop(t, true) },
		"advance": func(t *rapid.T) {
			l.clock.Advance(rapid.SampledFrom([]time.Duration{time.Microsecond, 30 * time.Minute, time.Hour, 2 * time.Hour}).Draw(t, "by"))
			l.may = true
		},
		"announce": func(t *rapid.T) {
			before := slices.Clone(l.book.lines)
			untold := map[*bookLine]bool{}
			for _, x := range before {
				untold[x] = !x.told
			}
			want := l.book.announce()
			n, err := l.Memberships.AnnounceEnded(ctx)
			if err != nil || n != want {
				t.Fatalf("announced %d, %v; the book has %d", n, err, want)
			}
			for _, x := range before {
				l.wrote[x.id] = untold[x] && x.told
			}
		},
		"user":  l.user,
		"seats": l.seats,
	}
	for name, draw := range map[string]func(*rapid.T) (func(*directory.Member), func(*bookLine)){
		"suspend": func(*rapid.T) (func(*directory.Member), func(*bookLine)) {
			return func(m *directory.Member) { m.SuspendedAt = l.book.now }, func(x *bookLine) { x.suspended = true }
		},
		"reactivate": func(*rapid.T) (func(*directory.Member), func(*bookLine)) {
			return func(m *directory.Member) { m.SuspendedAt = time.Time{} }, func(x *bookLine) { x.suspended = false }
		},
		"kind": func(t *rapid.T) (func(*directory.Member), func(*bookLine)) {
			k := rapid.SampledFrom([]directory.Kind{directory.Employee, directory.External, directory.Limited, directory.ContactOnly}).Draw(t, "kind")
			return func(m *directory.Member) { m.Kind = k }, func(x *bookLine) { x.kind = k }
		},
		"administrator": func(t *rapid.T) (func(*directory.Member), func(*bookLine)) {
			is := rapid.Bool().Draw(t, "administrator")
			return func(m *directory.Member) { m.Administrator = is }, func(x *bookLine) { x.admin = is }
		},
		"start": func(t *rapid.T) (func(*directory.Member), func(*bookLine)) {
			at := l.moment(t, -time.Hour, 0, time.Hour)
			return func(m *directory.Member) { m.Start = at }, func(x *bookLine) { x.start = at }
		},
		"set end": func(t *rapid.T) (func(*directory.Member), func(*bookLine)) {
			at := l.moment(t, -time.Minute, time.Hour, 3*time.Hour)
			if rapid.Bool().Draw(t, "open") {
				at = time.Time{}
			}
			return func(m *directory.Member) { m.End = at }, func(x *bookLine) { x.end = at }
		},
	} {
		edits[name] = func(t *rapid.T) { l.edit(t, draw) }
	}
	for name, act := range edits {
		if name != "" {
			edits[name] = func(t *rapid.T) {
				l.book.now, l.wrote, l.may = l.clock.Now(), map[directory.MembershipID]bool{}, false
				act(t)
				l.book.now = l.clock.Now()
			}
		}
	}
	return edits
}

func (l *ledger) moment(t *rapid.T, from ...time.Duration) time.Time {
	return l.book.now.Add(rapid.SampledFrom(from).Draw(t, "at"))
}

func (l *ledger) create(t *rapid.T) {
	org, who := rapid.IntRange(0, 1).Draw(t, "organization"), rapid.IntRange(0, 3).Draw(t, "who")
	n := person(l.emails[who])
	n.Kind = rapid.SampledFrom([]directory.Kind{directory.Employee, directory.External, directory.Limited}).Draw(t, "kind")
	n.Administrator = rapid.Bool().Draw(t, "administrator")
	n.Start = l.moment(t, -time.Hour, 0, time.Hour)
	if n.Kind == directory.External || rapid.IntRange(0, 4).Draw(t, "ends") == 0 {
		n.End = n.Start.Add(rapid.SampledFrom([]time.Duration{30 * time.Minute, 90 * time.Minute, 3 * time.Hour}).Draw(t, "for"))
	}
	x := bookLine{org: org, who: who, kind: n.Kind, admin: n.Administrator, start: n.Start, end: n.End, accepted: org == 0 && who < 2}
	if !x.accepted && rapid.Bool().Draw(t, "expires") {
		n.AcceptBy = l.moment(t, time.Hour)
		x.acceptBy = n.AcceptBy
	}
	former := l.book.current(org, who)
	want := l.book.create(x)
	m, err := l.Memberships.Create(ctx, l.orgs[org].ID, n)
	l.expect(t, "create", err, want)
	if want != "" {
		return
	}
	if l.users[who].IsZero() {
		l.users[who] = m.User
	}
	if l.users[who] != m.User {
		t.Fatalf("person %d is two users", who)
	}
	l.book.lines[len(l.book.lines)-1].id = m.ID
	l.wrote[m.ID] = true
	if former != nil {
		l.wrote[former.id] = true
	}
}

func (l *ledger) expect(t *rapid.T, what string, err error, want string) {
	if got := codeOf(err); got != want {
		t.Fatalf("%s: %q, the book says %q", what, got, want)
	}
}

// target draws a membership, also one that is gone; a neighbour's attempt on it finds nothing.
func (l *ledger) target(t *rapid.T) *bookLine {
	if len(l.book.lines) == 0 {
		t.Skip("nobody is there") // rapid draws another step; the check goes on
	}
	i := len(l.book.lines) - 1 - rapid.IntRange(0, min(len(l.book.lines)-1, 7)).Draw(t, "which")
	return l.book.lines[i]
}

// asNeighbour: the same, tried by the other organization.
func (l *ledger) asNeighbour(t *rapid.T, x *bookLine, act func(directory.OrganizationID) error) {
	if err := act(l.orgs[1-x.org].ID); codeOf(err) != "member_not_found" {
		t.Fatalf("the neighbour: %v", err)
	}
}

func (l *ledger) edit(t *rapid.T, draw func(*rapid.T) (func(*directory.Member), func(*bookLine))) {
	x := l.target(t)
	real, paper := draw(t)
	act := func(org directory.OrganizationID) error {
		_, err := l.Memberships.Change(ctx, org, x.id, 0, func(m *directory.Member) error { real(m); return nil })
		return err
	}
	l.asNeighbour(t, x, act)
	if x.gone {
		l.expect(t, "change of somebody gone", act(l.orgs[x.org].ID), "member_not_found")
		return
	}
	want, written := l.book.change(x, paper)
	l.wrote[x.id] = written
	l.expect(t, "change", act(l.orgs[x.org].ID), want)
}

func (l *ledger) stop(t *rapid.T, forGood bool) {
	x := l.target(t)
	act := func(org directory.OrganizationID) error {
		if forGood {
			return l.Memberships.Delete(ctx, org, x.id)
		}
		return l.endNow(org, x.id)
	}
	l.asNeighbour(t, x, act)
	if x.gone {
		l.expect(t, "end of somebody gone", act(l.orgs[x.org].ID), "member_not_found")
		return
	}
	want, written := l.book.stop(x, forGood)
	l.wrote[x.id] = written
	l.expect(t, "end", act(l.orgs[x.org].ID), want)
}

// endNow ends a membership and leaves open who takes over.
func (h house) endNow(org directory.OrganizationID, id directory.MembershipID) error {
	return h.Memberships.End(ctx, org, id, directory.Ending{Choice: directory.EndPending})
}

func (l *ledger) answer(t *rapid.T, yes bool) {
	x := l.target(t)
	act := func(user directory.UserID) error {
		if !yes {
			return l.Memberships.Decline(ctx, user, x.id)
		}
		_, err := l.Memberships.Accept(ctx, user, x.id)
		return err
	}
	for who, user := range l.users { // somebody else's invitation is not there
		if who != x.who && !user.IsZero() {
			l.expect(t, "answer of somebody else", act(user), "member_not_found")
		}
	}
	want := "member_not_found"
	if !x.gone {
		want = l.book.answer(x, yes)
	}
	l.wrote[x.id] = want == ""
	l.expect(t, "answer", act(l.users[x.who]), want)
}

// user disables and enables people; where the directory keeps the last administrator enabled, the book follows.
func (l *ledger) user(t *rapid.T) {
	who := rapid.IntRange(0, 3).Draw(t, "who")
	if l.users[who].IsZero() {
		t.Skip("nobody is there") // rapid draws another step; the check goes on
	}
	state := rapid.SampledFrom([]directory.UserState{directory.UserActive, directory.UserDisabled}).Draw(t, "state")
	_, err := l.Users.SetState(ctx, l.users[who], state)
	if codeOf(err) == "last_administrator" && state == directory.UserDisabled && l.isLast(who) {
		return
	}
	l.expect(t, "disable", err, "")
	l.book.disabled[who], l.may = state == directory.UserDisabled, true
}

func (l *ledger) isLast(who int) bool {
	for org := range l.orgs {
		if x := l.book.current(org, who); x != nil && x.admin && x.active(l.book.now) && l.book.administrators(org, x, true) == 0 {
			return true
		}
	}
	return false
}

// seats are never set below what is in use; where the directory does not refuse that, the organization takes it back.
func (l *ledger) seats(t *rapid.T) {
	org := rapid.IntRange(0, 1).Draw(t, "organization")
	to := rapid.SampledFrom([]int64{directory.UnlimitedSeats, 0, 1, 2, 4}).Draw(t, "seats")
	set := func(n int64) error {
		_, err := l.Organizations.Change(ctx, l.orgs[org].ID, func(o *directory.Organization) error { o.Seats = n; return nil })
		return err
	}
	err := set(to)
	if to != directory.UnlimitedSeats && to < l.book.used(org, nil) {
		if err == nil {
			err = set(l.book.seats[org])
		} else if codeOf(err) == "seats_in_use" {
			err = nil
		}
		to = l.book.seats[org]
	}
	l.expect(t, "seats", err, "")
	l.book.seats[org] = to
}
