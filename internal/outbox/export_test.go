package outbox

import (
	"context"
	"time"
)

// SetLease shortens the lease and what depends on it.
func (o *Outbox) SetLease(lease, timeout, grace time.Duration) {
	o.lease, o.timeout, o.grace = lease, timeout, grace
}

// SetPause replaces the pause between tries.
func (o *Outbox) SetPause(pause func(attempt int64) time.Duration) { o.pause = pause }

// SetPoll replaces the time between polls.
func (o *Outbox) SetPoll(d time.Duration) { o.pollWait = d }

// LeaseAndDie leases what is due, as a process does that dies before its handlers end.
func (o *Outbox) LeaseAndDie(ctx context.Context) (int, error) {
	w, err := o.worker()
	if err != nil {
		return 0, err
	}
	leased, _, err := w.exchange(ctx, o.workers)
	return len(leased), err
}

// Purge runs the hourly purge once.
func (o *Outbox) Purge(ctx context.Context) error { return o.purge(ctx, "test") }

// Pause is the built-in pause.
var Pause = pause

// Reason is what is kept of an error.
var Reason = reason
