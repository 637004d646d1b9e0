package sqldb

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// bus tells subscribers that something of a topic was committed. Within a process it does so at once; on PostgreSQL other
// nodes hear it by NOTIFY, sent after the commit and coalesced, because NOTIFY inside a transaction serializes commits.
// It is a hint that saves waiting, never a promise: whoever listens also polls.
type bus struct {
	mu          sync.Mutex
	subscribers map[string][]func()
	pending     map[string]bool
	wake        chan struct{}
	done        sync.WaitGroup
}

func newBus() *bus {
	return &bus{subscribers: map[string][]func(){}, pending: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// Subscribe calls f, which must not block, after commits that notified the topic, on this node or another.
func (db *DB) Subscribe(topic string, f func()) {
	db.bus.mu.Lock()
	defer db.bus.mu.Unlock()
	db.bus.subscribers[topic] = append(db.bus.subscribers[topic], f)
}

func (b *bus) publish(topic string) {
	b.deliver(topic)
	b.mu.Lock()
	b.pending[topic] = true
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *bus) deliver(topic string) {
	b.mu.Lock()
	fs := slices.Clone(b.subscribers[topic])
	b.mu.Unlock()
	for _, f := range fs {
		f()
	}
}

func (b *bus) close() { b.done.Wait() }

// attach starts the two goroutines that carry topics between nodes until ctx ends.
func (b *bus) attach(ctx context.Context, pool *pgxpool.Pool, channel string) {
	b.done.Go(func() { b.send(ctx, pool, channel) })
	b.done.Go(func() { b.receive(ctx, pool, channel) })
}

// notifyText does not wait for the disk, as every commit of a NOTIFY would: the commits of others would wait behind it.
const notifyText = "select set_config('synchronous_commit', 'off', true), pg_notify($1, $2)"

// gatherHints is how long other nodes may hear later of what follows a hint.
const gatherHints = 5 * time.Millisecond

func (b *bus) send(ctx context.Context, pool *pgxpool.Pool, channel string) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
		b.mu.Lock()
		topics := b.pending
		b.pending = map[string]bool{}
		b.mu.Unlock()
		for topic := range topics {
			_, _ = pool.Exec(ctx, notifyText, channel, topic) // a lost hint costs one poll
		}
		select { // what is committed meanwhile is told of at once
		case <-ctx.Done():
			return
		case <-time.After(gatherHints):
		}
	}
}

func (b *bus) receive(ctx context.Context, pool *pgxpool.Pool, channel string) {
	for ctx.Err() == nil {
		b.listen(ctx, pool, channel)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (b *bus) listen(ctx context.Context, pool *pgxpool.Pool, channel string) {
	pooled, err := pool.Acquire(ctx)
	if err != nil {
		return
	}
	conn := pooled.Hijack() // a listening connection is not one of the pool's
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return
		}
		b.deliver(n.Payload)
	}
}
