package authz

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"portvakt/internal/directory"
)

const (
	recalculationLease = "recalculations"
	leaseFor           = 15 * time.Second
	lookEvery          = time.Second
	noteEvery          = 300 * time.Millisecond
)

// RunRecalculations carries out what is asked for until ctx ends. One node does it at a time; when it dies, another one
// begins the same anew.
func (e *Engine) RunRecalculations(ctx context.Context, log *slog.Logger) {
	wake := make(chan struct{}, 1)
	e.db.Subscribe(directory.RecalculationTopic, func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	holder := rand.Text()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		for {
			did, err := e.RecalculateNext(ctx, holder)
			if err != nil && ctx.Err() == nil {
				log.Error("failed", "what", "recalculate", "error", err)
			}
			if !did || err != nil {
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-tick.C:
		}
	}
}

// RecalculateNext carries out the oldest recalculation that is not done; false where there is none, or somebody else is at it.
func (e *Engine) RecalculateNext(ctx context.Context, holder string) (bool, error) {
	store := directory.New(e.db).Access
	r, there, err := store.NextRecalculation(ctx)
	if err != nil || !there {
		return false, err
	}
	mine, err := e.db.Lease(ctx, recalculationLease, holder, leaseFor)
	if err != nil || !mine {
		return false, err
	}
	defer func() { _, _ = e.db.Lease(context.WithoutCancel(ctx), recalculationLease, holder, -time.Second) }() // given back
	return true, e.recalculate(ctx, store, r, holder)
}

// recalculate compares what is running with the rows, and has every node, this one too, build from the rows anew.
//
// Invariant: after it every node answers by the rows, whatever it answered by before (TestR17_RecalculateFindsDrift).
func (e *Engine) recalculate(ctx context.Context, store directory.Access, r directory.Recalculation, holder string) error {
	p, err := e.pair(ctx, r.Organization)
	if err != nil {
		return err
	}
	r.Total = int64(p.members())
	if err := store.BeginRecalculation(ctx, r.ID, r.Total); err != nil {
		return err
	}
	noted := e.db.Elapsed()
	r.Drift = p.drift(e.db.Now(), func(done int) {
		if e.db.Elapsed()-noted < noteEvery {
			return
		}
		noted = e.db.Elapsed()
		_ = store.NoteRecalculation(ctx, r.ID, int64(done)) // a note that fails is missed by nobody
		_, _ = e.db.Lease(ctx, recalculationLease, holder, leaseFor)
	})
	r.Drifts = int64(len(r.Drift))
	return store.FinishRecalculation(ctx, r)
}
