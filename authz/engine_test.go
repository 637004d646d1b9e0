package authz_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/authz"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var ctx = context.Background()

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// breakable is the directory behind a wire that a test cuts, and that counts what goes over it.
type breakable struct {
	directory.Access
	cut           atomic.Bool
	models, marks atomic.Int64
	tamper        func(*directory.AccessModel)
	hold          chan struct{} // not nil: a model waits here before it is answered
}

var errCut = errors.New("the wire is cut")

func (b *breakable) Model(ctx context.Context, org directory.OrganizationID) (directory.AccessModel, error) {
	b.models.Add(1)
	if b.cut.Load() {
		return directory.AccessModel{}, errCut
	}
	m, err := b.Access.Model(ctx, org)
	if b.tamper != nil {
		b.tamper(&m)
	}
	if b.hold != nil {
		<-b.hold
	}
	return m, err
}

func (b *breakable) Marks(ctx context.Context, asked []directory.AccessSince) (map[directory.OrganizationID]directory.AccessMark, error) {
	b.marks.Add(1)
	if b.cut.Load() {
		return nil, errCut
	}
	return b.Access.Marks(ctx, asked)
}

// node is a process: an engine over a database.
type node struct {
	*authz.Engine
	dir    *directory.Directory
	source *breakable
}

func newNode(db *sqldb.DB, maxBytes int64) *node {
	n := &node{dir: directory.New(db)}
	n.source = &breakable{Access: n.dir.Access}
	n.Engine = authz.New(n.source, authz.Config{DB: db, MaxBytes: maxBytes})
	return n
}

func (n *node) organization(t testing.TB, slug string) directory.OrganizationID {
	t.Helper()
	o := must(n.dir.Organizations.Create(ctx, directory.Organization{Slug: slug, Name: slug, Seats: directory.UnlimitedSeats}))(t)
	return o.ID
}

func (n *node) member(t testing.TB, org directory.OrganizationID, name string) directory.Member {
	t.Helper()
	return must(n.dir.Memberships.Create(ctx, org, directory.NewMember{Trusted: true, Member: directory.Member{Email: name + "@x.example"}}))(t)
}

// change makes a role, which no change before made.
func (n *node) change(t testing.TB, org directory.OrganizationID, key string) int64 {
	t.Helper()
	must(n.dir.Access.SaveRoles(ctx, org, []directory.Role{{Key: key, Name: key}}))(t)
	return must(n.dir.Access.AccessVersion(ctx, org))(t)
}

func (n *node) version(t testing.TB, org directory.OrganizationID) int64 {
	t.Helper()
	return must(n.Snapshot(ctx, org))(t).Version()
}

// TestTheNextDecisionSeesTheChange: on the node that made the change nothing runs in the background, and no time passes.
func TestTheNextDecisionSeesTheChange(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		n := newNode(db, 0)
		org, other := n.organization(t, "nordlys"), n.organization(t, "bjorkvik")
		n.version(t, org)
		quiet := must(n.Snapshot(ctx, other))(t)
		for i := range 20 {
			if want, got := n.change(t, org, fmt.Sprint("r", i)), n.version(t, org); got != want {
				t.Fatalf("after change %d the version is %d, want %d", i, got, want)
			}
		}
		built := n.source.models.Load()
		if s := must(n.Snapshot(ctx, other))(t); s != quiet || n.source.models.Load() != built {
			t.Error("an organization in which nothing changed was compiled anew")
		}
		before := n.source.marks.Load()
		for range 100 {
			n.version(t, org)
		}
		if n.source.marks.Load() > before+2 { // a node hears its own notifications once more

			t.Error("the rows are asked although nobody changed anything")
		}
	})
}

// TestChangesAndQuestionsAtOnce: many ask while changes are made; who has made one sees it.
func TestChangesAndQuestionsAtOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		n := newNode(db, 0)
		org := n.organization(t, "nordlys")
		running, stop := context.WithCancel(ctx)
		var group sync.WaitGroup
		group.Go(func() { n.Run(running) })
		for range 8 {
			group.Go(func() {
				for last := int64(0); running.Err() == nil; {
					s, err := n.Snapshot(ctx, org)
					if err != nil || s.Version() < last {
						t.Errorf("the version went from %d to %v (%v)", last, s, err)
						return
					}
					last = s.Version()
				}
			})
		}
		for i := range 30 {
			if want, got := n.change(t, org, fmt.Sprint("r", i)), n.version(t, org); got < want {
				t.Fatalf("version %d after the change to %d", got, want)
			}
		}
		stop()
		group.Wait()
	})
}

// twoNodes are two processes over one PostgreSQL.
func twoNodes(t *testing.T) (a, b *node) {
	t.Helper()
	cfg := sqldb.Config{URL: testenv.PostgreSQL(t), MaxConnections: 4}
	return newNode(testenv.Open(t, cfg), 0), newNode(testenv.Open(t, cfg), 0)
}

// sees asks until the version is there.
func (n *node) sees(t *testing.T, org directory.OrganizationID, want int64) {
	t.Helper()
	testenv.Within(t, time.Second, fmt.Sprintf("version %d is seen", want), func() bool { return n.version(t, org) == want })
}

func TestOtherNodesSeeTheChange(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t)
	org := a.organization(t, "nordlys")
	running, stop := context.WithCancel(ctx)
	defer stop()
	go b.Run(running)
	b.version(t, org)
	for i := range 5 {
		b.sees(t, org, a.change(t, org, fmt.Sprint("r", i)))
	}
}

// TestALostNotificationIsCaught: the row changes, and nobody says so.
func TestALostNotificationIsCaught(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		n := newNode(db, 0)
		org := n.organization(t, "nordlys")
		running, stop := context.WithCancel(ctx)
		defer stop()
		go n.Run(running)
		version := n.version(t, org)
		if _, err := db.Exec(ctx, "update organizations set access_version = access_version + 1 where id = $1", org); err != nil {
			t.Fatal(err)
		}
		n.sees(t, org, version+1)
	})
}

// TestNoAnswerWithoutTheDatabase: two seconds after the last look at the rows nothing is answered, and at once where a change
// was announced that cannot be read.
func TestNoAnswerWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		n := newNode(db, 0)
		org := n.organization(t, "nordlys")
		running, stop := context.WithCancel(ctx)
		defer stop()
		go n.Run(running)
		n.version(t, org)
		n.source.cut.Store(true)
		began := time.Now()
		for {
			_, err := n.Snapshot(ctx, org)
			if errors.Is(err, authz.ErrUnavailable) && errors.Is(err, errCut) {
				break
			}
			if past := time.Since(began); err != nil || past > 3*time.Second {
				t.Fatalf("%v after %v", err, past)
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Logf("no answers after %v", time.Since(began))
		n.source.cut.Store(false)
		version := n.version(t, org)
		n.source.cut.Store(true)
		n.change(t, org, "r")
		if _, err := n.Snapshot(ctx, org); !errors.Is(err, authz.ErrUnavailable) {
			t.Errorf("answered (%v) although a change was announced that cannot be read", err)
		}
		n.source.cut.Store(false)
		if got := n.version(t, org); got != version+1 {
			t.Errorf("version %d after the database came back", got)
		}
	})
}

func TestWhatIsNotThereIsNotKept(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		n := newNode(db, 0)
		nobody := sqldb.NewID[nobodys](clock.Now())
		for range 3 {
			if _, err := n.Snapshot(ctx, directory.OrganizationID(nobody)); !fault.Is(err, fault.NotFound) {
				t.Errorf("an organization that does not exist: %v", err)
			}
		}
		if s := n.Stats(); s.Snapshots != 0 || n.source.models.Load() != 3 {
			t.Errorf("kept: %+v after %d readings", s, n.source.models.Load())
		}
		org := n.organization(t, "nordlys")
		n.source.cut.Store(true)
		if _, err := n.Snapshot(ctx, org); !errors.Is(err, authz.ErrUnavailable) {
			t.Error(err)
		}
		n.source.cut.Store(false)
		n.version(t, org)
	})
}

type nobodys struct{}

func (nobodys) Prefix() string { return "org" }

// TestOneReadingForAll: many who ask for the first time wait for one reading; whoever goes away takes nobody along.
func TestOneReadingForAll(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		n := newNode(db, 0)
		org := n.organization(t, "nordlys")
		n.source.hold = make(chan struct{})
		leaving, leave := context.WithCancel(ctx)
		gone := make(chan error)
		go func() { _, err := n.Snapshot(leaving, org); gone <- err }()
		for n.source.models.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				if _, err := n.Snapshot(ctx, org); err != nil {
					t.Error(err)
				}
			})
		}
		leave()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(n.source.hold)
		all.Wait()
		if got := n.source.models.Load(); got != 1 {
			t.Errorf("%d readings", got)
		}
	})
}

// TestANewMemberIsFound: where seats are unlimited a new membership raises no version.
func TestANewMemberIsFound(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		n := newNode(db, 0)
		org := n.organization(t, "nordlys")
		version := n.version(t, org)
		for i := range 5 {
			clock.Advance(time.Hour)
			m := n.member(t, org, fmt.Sprint("m", i))
			if user, known := must(n.Snapshot(ctx, org))(t).UserOf(m.ID); !known || user != m.User {
				t.Errorf("the next snapshot on this node: %v, %v", user, known)
			}
			for _, who := range []authz.Who{{Member: m.ID}, {User: m.User}} {
				s := must(n.Knowing(ctx, org, who))(t)
				if user, known := s.UserOf(m.ID); !known || user != m.User || s.Version() != version {
					t.Fatalf("member %d: %v, %v at version %d", i, user, known, s.Version())
				}
			}
		}
		if n.Stats().Rebuilds != 1 {
			t.Error("for each new member everything is compiled anew")
		}
		reads := n.source.marks.Load()
		stranger := authz.Who{Member: directory.MembershipID(sqldb.NewID[nobodys](clock.Now()))}
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				if _, known := must(n.Knowing(ctx, org, stranger))(t).UserOf(stranger.Member); known {
					t.Error("a stranger is known")
				}
			})
		}
		all.Wait()
		t.Logf("200 questions about strangers at once: %d reads", n.source.marks.Load()-reads)
		if n.source.marks.Load()-reads > 20 {
			t.Error("a flood of strangers is a flood of reads")
		}
	})
}

// TestANewMemberIsFoundWhenTheClockWasSetBack: however far, and once only everything is read anew for it.
func TestANewMemberIsFoundWhenTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		n := newNode(db, 0)
		org := n.organization(t, "nordlys")
		n.version(t, org)
		clock.Advance(-24 * time.Hour)
		for i := range 3 {
			m := n.member(t, org, fmt.Sprint("m", i))
			if s := must(n.Snapshot(ctx, org))(t); !s.Has(m.ID) {
				t.Errorf("member %d is not found", i)
			}
		}
		if got := n.Stats().Rebuilds; got != 2 {
			t.Errorf("%d compilations", got)
		}
	})
}

// TestMemoryIsBounded: ten thousand organizations, each asked about.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		orgs := make([]directory.OrganizationID, 10_000)
		if testing.Short() {
			orgs = orgs[:1000]
		}
		bound := int64(len(orgs)) * 200 // where each takes about 1500 bytes
		n := newNode(db, bound)
		for i := range orgs {
			orgs[i] = directory.OrganizationID(sqldb.NewID[nobodys](clock.Now()))
		}
		copies(t, db, n.organization(t, "first"), orgs)
		for _, org := range orgs {
			n.version(t, org)
			if s := n.Stats(); s.Bytes > bound {
				t.Fatalf("%d bytes in %d snapshots", s.Bytes, s.Snapshots)
			}
		}
		s, built := n.Stats(), n.source.models.Load()
		t.Logf("%+v", s)
		if s.Evictions == 0 || s.Snapshots < 100 {
			t.Errorf("%+v", s)
		}
		n.version(t, orgs[len(orgs)-1])
		if n.source.models.Load() != built {
			t.Error("the one asked for last was let go")
		}
		n.version(t, orgs[0])
		if n.source.models.Load() != built+1 {
			t.Error("the one asked for first was kept")
		}
	})
}

// copies makes organizations like one that is there.
func copies(t *testing.T, db *sqldb.DB, first directory.OrganizationID, ids []directory.OrganizationID) {
	t.Helper()
	err := db.Update(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, "create temporary table copied as select * from organizations where id = $1", first); err != nil {
			return err
		}
		for i, id := range ids {
			tx.Later("update copied set id = $1, slug = $2", id, fmt.Sprint("o", i))
			tx.Later("insert into organizations select * from copied")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
