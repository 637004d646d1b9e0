package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
)

// Handler does what an event asks of a subscriber. It may be called again for the same event.
type Handler func(context.Context, Event) error

// Outbox delivers events to subscribers. Any number of processes may run one over the same database.
type Outbox struct {
	db          *sqldb.DB
	log         *slog.Logger
	wake        chan struct{}
	subscribers map[string][]subscriber // by kind of event
	mistakes    []error

	workers  int
	lease    time.Duration // longer than timeout, so that a live handler keeps its delivery
	timeout  time.Duration
	grace    time.Duration // how long running handlers may go on after a stop
	tries    int64
	pause    func(attempt int64) time.Duration
	pollWait time.Duration
}

type subscriber struct {
	name   string
	before Precedence
	handle Handler
}

// Precedence says which deliveries go first where more are due than can be made: a load of a hundred thousand people keeps
// nobody waiting who has asked for a code.
type Precedence int

// Precedences, from last to first.
const (
	Ordinary Precedence = iota
	Ending              // tells others that somebody is out
	Awaited             // somebody sits there and waits. One worker is kept for these
)

// ahead is by how much a delivery is due earlier for each step of precedence. What failed and is tried again has lost it.
const ahead = 10 * 365 * 24 * time.Hour

// New makes an outbox without subscribers.
func New(db *sqldb.DB, log *slog.Logger) *Outbox {
	o := &Outbox{
		db: db, log: log, wake: make(chan struct{}, 1), subscribers: map[string][]subscriber{},
		workers: 8, lease: 15 * time.Second, timeout: 12 * time.Second, grace: 3 * time.Second, tries: 12, pause: pause,
		pollWait: 500 * time.Millisecond,
	}
	db.Subscribe(Topic, o.Wake)
	return o
}

// Subscribe has every event of the kind delivered to handle. The name tells the subscribers of a kind apart, also after
// a restart, so it never changes. All subscriptions are made before Run, which reports their mistakes.
func (o *Outbox) Subscribe(kind, name string, handle func(context.Context, Event) error) {
	o.SubscribeBefore(Ordinary, kind, name, handle)
}

// SubscribeBefore is Subscribe for what goes before other deliveries.
func (o *Outbox) SubscribeBefore(others Precedence, kind, name string, handle func(context.Context, Event) error) {
	if kind == "" || name == "" || handle == nil {
		o.mistakes = append(o.mistakes, fmt.Errorf("outbox: subscription %q to %q lacks a kind, a name or a handler", name, kind))
		return
	}
	if o.handler(kind, name) != nil {
		o.mistakes = append(o.mistakes, fmt.Errorf("outbox: %q subscribes to %q twice", name, kind))
		return
	}
	o.subscribers[kind] = append(o.subscribers[kind], subscriber{name, others, handle})
}

func (o *Outbox) handler(kind, name string) Handler {
	for _, s := range o.subscribers[kind] {
		if s.name == name {
			return s.handle
		}
	}
	return nil
}

// Wake has the worker look for events now instead of at its next poll.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends; then running handlers get a few seconds to finish, and what they did is recorded.
func (o *Outbox) Run(ctx context.Context) error {
	w, err := o.worker()
	if err != nil {
		return err
	}
	purged := make(chan struct{})
	go func() {
		defer close(purged)
		o.purgeHourly(ctx, w.holder)
	}()
	w.run(ctx)
	<-purged
	return nil
}

// Drain delivers until nothing is due, also what another worker holds at the moment, and leaves alone what failed and
// waits for its next try. Tests use it instead of waiting.
func (o *Outbox) Drain(ctx context.Context) error {
	w, err := o.worker()
	if err != nil {
		return err
	}
	return w.drain(ctx)
}

func (o *Outbox) worker() (*worker, error) {
	if err := errors.Join(o.mistakes...); err != nil {
		return nil, err
	}
	return &worker{Outbox: o, holder: secret.NewToken(), results: make(chan outcome, o.workers)}, nil
}

// Backlog is what a monitoring page wants to know.
type Backlog struct {
	Waiting int64         // events and deliveries that are still to be done
	Oldest  time.Duration // how long ago the oldest of them happened
	GivenUp int64         // deliveries that failed at every try
}

const (
	firstPause   = time.Second
	longestPause = 10 * time.Minute
)

// pause is how long to wait after the given attempt: doubling from a second, a fifth more or less, so that what failed
// together does not come back together.
func pause(attempt int64) time.Duration {
	d := longestPause
	if attempt <= 10 {
		d = min(firstPause<<max(attempt-1, 0), longestPause)
	}
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// Events are kept for a week after all was delivered, given-up deliveries for three months.
const (
	keepDone    = 7 * 24 * time.Hour
	keepGivenUp = 90 * 24 * time.Hour
	purgeBatch  = 500
)

func (o *Outbox) purgeHourly(ctx context.Context, holder string) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := o.purge(ctx, holder); err != nil && ctx.Err() == nil {
			o.log.Warn("outbox: purging old events failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// purge deletes old events in small batches, one node at a time.
func (o *Outbox) purge(ctx context.Context, holder string) error {
	for {
		held, err := o.db.Lease(ctx, "outbox.purge", holder, 5*time.Minute)
		if err != nil || !held {
			return err
		}
		n, err := o.purgeSome(ctx)
		if err != nil || n < purgeBatch {
			return err
		}
	}
}
