package directory

import (
	"context"
	"log/slog"
	"time"
)

// UseEvery is how exactly it is known when something was last used.
const UseEvery = time.Hour

// Uses gathers when things were used and has that written beside the requests, many in one transaction. It is safe for
// concurrent use.
type Uses[K comparable] struct {
	queue chan usedAt[K]
	write func(context.Context, map[K]time.Time) error
}

type usedAt[K comparable] struct {
	what K
	at   time.Time
}

// NewUses makes a gatherer; write keeps the latest use of each thing.
func NewUses[K comparable](write func(context.Context, map[K]time.Time) error) *Uses[K] {
	return &Uses[K]{make(chan usedAt[K], 1024), write}
}

// Note has a use written. It never waits: should the queue be full it answers false, and a later use will do.
func (u *Uses[K]) Note(what K, at time.Time) bool {
	select {
	case u.queue <- usedAt[K]{what, at}:
		return true
	default:
		return false
	}
}

// Run writes until ctx ends.
func (u *Uses[K]) Run(ctx context.Context, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-u.queue:
			if err := u.write(ctx, u.gather(first)); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "uses were not recorded", "error", err)
			}
		}
	}
}

// Flush writes what waits at present.
func (u *Uses[K]) Flush(ctx context.Context) error {
	select {
	case first := <-u.queue:
		return u.write(ctx, u.gather(first))
	default:
		return nil
	}
}

func (u *Uses[K]) gather(first usedAt[K]) map[K]time.Time {
	used := map[K]time.Time{first.what: first.at}
	for len(used) < cap(u.queue) {
		select {
		case next := <-u.queue:
			used[next.what] = next.at
		default:
			return used
		}
	}
	return used
}
