package application

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"portvakt/internal/directory"
)

// useEvery is how exactly it is known when a service account was last used.
const useEvery = time.Hour

// use is one moment in which a service account was used.
type use struct {
	account directory.ServiceAccountID
	at      time.Time
}

// lastUse is when a service account's use was last noted, in microseconds since 1970.
type lastUse struct{ at atomic.Int64 }

func newLastUse(at time.Time) *lastUse {
	u := &lastUse{}
	if !at.IsZero() {
		u.at.Store(at.UnixMicro())
	}
	return u
}

// noteUse has Run write that a service account was used, once an hour. It never waits: should the queue be full, a later
// request will do.
func (c *Clients) noteUse(client *Client, now time.Time) {
	if client.used == nil {
		return
	}
	before := client.used.at.Load()
	if now.UnixMicro()-before < useEvery.Microseconds() || !client.used.at.CompareAndSwap(before, now.UnixMicro()) {
		return
	}
	select {
	case c.use <- use{client.ServiceAccount, now}:
	default:
		client.used.at.Store(before)
	}
}

// Run writes when service accounts were last used, many in one transaction, until ctx ends.
func (c *Clients) Run(ctx context.Context, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-c.use:
			if err := c.dir.ServiceAccounts.NoteUsed(ctx, c.gather(first)); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "application: use was not recorded", "error", err)
			}
		}
	}
}

func (c *Clients) gather(first use) map[directory.ServiceAccountID]time.Time {
	used := map[directory.ServiceAccountID]time.Time{first.account: first.at}
	for len(used) < cap(c.use) {
		select {
		case next := <-c.use:
			used[next.account] = next.at
		default:
			return used
		}
	}
	return used
}
