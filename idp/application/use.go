package application

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"portvakt/internal/directory"
)

// lastUse is when a service account's use was last noted, in microseconds since 1970.
type lastUse struct{ at atomic.Int64 }

func newLastUse(at time.Time) *lastUse {
	u := &lastUse{}
	if !at.IsZero() {
		u.at.Store(at.UnixMicro())
	}
	return u
}

// noteUse has Run write that a service account was used, once an hour.
func (c *Clients) noteUse(client *Client, now time.Time) {
	if client.used == nil {
		return
	}
	before := client.used.at.Load()
	if now.UnixMicro()-before < directory.UseEvery.Microseconds() || !client.used.at.CompareAndSwap(before, now.UnixMicro()) {
		return
	}
	if !c.uses.Note(client.ServiceAccount, now) {
		client.used.at.Store(before)
	}
}

// Run writes when service accounts were last used, until ctx ends.
func (c *Clients) Run(ctx context.Context, log *slog.Logger) { c.uses.Run(ctx, log) }
