package authz

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// Source is what the engine reads; directory.Access is it.
type Source interface {
	Of(ctx context.Context, org directory.OrganizationID, member directory.MembershipID) (directory.AccessFacts, error)
	Model(ctx context.Context, org directory.OrganizationID) (directory.AccessModel, error)
	Marks(ctx context.Context, asked []directory.AccessSince) (map[directory.OrganizationID]directory.AccessMark, error)
	NewMembers(ctx context.Context, asked directory.AccessSince) (version int64, members []directory.MemberFacts, err error)
}

// Config is what the engine stands on.
type Config struct {
	DB       *sqldb.DB
	MaxBytes int64 // of all snapshots together; 0: 256 MiB
}

const (
	defaultMaxBytes = 256 << 20
	trustFor        = 2 * time.Second        // how long a snapshot is believed without having been compared with the rows
	pollEvery       = 500 * time.Millisecond // how often snapshots in use are compared, whether or not anybody told of a change
	patience        = 30 * time.Second       // for one reading

	// unknownPause is how long an unknown member stays unknown without a look at the rows: about as long as it takes to hear
	// from another node.
	unknownPause = 20 * time.Millisecond
)

// ErrUnavailable says that an organization's access model cannot be read, so that there is no answer: none is better than
// one by rows that may have changed.
var ErrUnavailable = errors.New("authz: the access model cannot be read")

// Engine answers what members may do. It keeps a snapshot of each organization that is asked about, as far as memory is
// given to it, and swaps it as a whole when the organization's rows have changed.
//
// Invariants:
//   - An answer is by one version, and never by one that a change on this node ended before the question
//     (TestTheNextDecisionSeesTheChange), nor by one that ended two seconds before it on another (TestOtherNodesSeeTheChange).
//   - Whose rows cannot be compared for that long is not answered for (TestNoAnswerWithoutTheDatabase).
//   - What cannot be read is not remembered, nor is an organization that does not exist (TestWhatIsNotThereIsNotKept).
type Engine struct {
	source Source
	db     *sqldb.DB
	max    int64

	generation atomic.Uint64 // rises whenever somebody says that access has changed, somewhere
	building   chan struct{} // as many as may be compiled at the same time

	mu      sync.RWMutex
	held    map[directory.OrganizationID]*kept
	flights map[directory.OrganizationID]*flight
	bytes   int64
	count   counters
}

type counters struct{ rebuilds, evictions, reads, nanoseconds atomic.Int64 }

// New makes an engine that hears of changes in cfg.DB. Run has to run beside it.
func New(source Source, cfg Config) *Engine {
	e := &Engine{source: source, db: cfg.DB, max: cfg.MaxBytes, building: make(chan struct{}, max(2, runtime.GOMAXPROCS(0))),
		held: map[directory.OrganizationID]*kept{}, flights: map[directory.OrganizationID]*flight{}}
	if e.max <= 0 {
		e.max = defaultMaxBytes
	}
	cfg.DB.Subscribe(directory.AccessTopic, func() { e.generation.Add(1) })
	return e
}

// Snapshot is the organization's access model as it stands. Who evaluates several questions by one snapshot answers them all
// by one version.
func (e *Engine) Snapshot(ctx context.Context, org directory.OrganizationID) (*Snapshot, error) {
	generation := e.generation.Load()
	if s := e.fresh(org, generation, trustFor); s != nil {
		return s, nil
	}
	return e.renewed(ctx, org, generation, e.db.Elapsed()-trustFor)
}

// Who is somebody that a question is about.
type Who struct {
	Member directory.MembershipID
	User   directory.UserID
}

// Knowing is Snapshot where nobody of who is unknown that the rows know. A membership made on this node is in the next
// Snapshot anyhow; for one of another node, of which nobody has told here yet, the rows are asked: once for all who are
// unknown, and for an organization no more often than unknownPause, so that a flood of made-up ids is no flood of reads.
func (e *Engine) Knowing(ctx context.Context, org directory.OrganizationID, who ...Who) (*Snapshot, error) {
	generation, began := e.generation.Load(), e.db.Elapsed()
	s, err := e.Snapshot(ctx, org)
	if err != nil {
		return nil, err
	}
	for _, w := range who {
		if s.knows(w, e.db.Now()) {
			continue
		}
		if s := e.fresh(org, generation, unknownPause); s != nil {
			return s, nil
		}
		return e.renewed(ctx, org, generation, began-unknownPause)
	}
	return s, nil
}

func (s *Snapshot) knows(w Who, now time.Time) (known bool) {
	if !w.Member.IsZero() {
		_, known = s.UserOf(w.Member)
		return known
	}
	_, known = s.MemberOf(w.User, now)
	return known || w.User.IsZero()
}

// ClaimsOf are what applications are told about how the member stands, by the rows at the moment of asking: one statement,
// nothing kept.
func (e *Engine) ClaimsOf(ctx context.Context, s directory.Standing) (Claims, error) {
	f, err := e.source.Of(ctx, s.Organization, s.Membership)
	if err != nil {
		return Claims{}, err
	}
	return Evaluate(f), nil
}

// Permissions are what the member may do, module by module, by the rows at the moment of asking.
func (e *Engine) Permissions(ctx context.Context, s directory.Standing) (map[string]Permission, error) {
	f, err := e.source.Of(ctx, s.Organization, s.Membership)
	if err != nil {
		return nil, err
	}
	return Permissions(f), nil
}
