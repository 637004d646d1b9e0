package scim

import (
	"context"
	"sync"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// How many requests wait to be written at most. They are written once a second, so this is also how many of a second are kept.
const (
	logEvery    = time.Second
	maxWaiting  = 1000
	maxOfClient = 100 // of one client, refused or not: no flood hides another client's requests, nor its own refusals
)

// requestLog gathers what clients have asked and has it written beside the requests, many in one transaction. What comes faster
// is counted and left out. It is safe for concurrent use.
type requestLog struct {
	keep func(context.Context, []directory.NewProvisioningRequest, map[directory.ProvisioningClientID]int64) error

	mu      sync.Mutex
	waiting []directory.NewProvisioningRequest
	counts  map[logSort]int
	missed  map[directory.ProvisioningClientID]int64
}

// logSort is what has room of its own. Those whom nobody was let in with share one.
type logSort struct {
	client  directory.ProvisioningClientID
	refused bool
}

func newRequestLog(log directory.ProvisioningLog) *requestLog {
	return &requestLog{keep: log.Keep, counts: map[logSort]int{}, missed: map[directory.ProvisioningClientID]int64{}}
}

// admits takes a place for a request, or counts it as missed; so nothing is made ready for the log that has no room there.
func (l *requestLog) admits(s logSort) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts[s] >= maxOfClient || len(l.waiting) >= maxWaiting {
		if !s.client.IsZero() {
			l.missed[s.client]++
		}
		return false
	}
	l.counts[s]++
	return true
}

// add puts a request where admits has taken a place. Between the two a flush may have come: then the place was the former one's.
func (l *requestLog) add(r directory.NewProvisioningRequest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, r)
}

// take is all that waits.
func (l *requestLog) take() ([]directory.NewProvisioningRequest, map[directory.ProvisioningClientID]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	requests, missed := l.waiting, l.missed
	l.waiting, l.counts, l.missed = nil, map[logSort]int{}, map[directory.ProvisioningClientID]int64{}
	return requests, missed
}

// flush writes what waits. While the database cannot be reached it goes on waiting, within its bounds; whatever else goes wrong,
// it is counted as missed, so that nothing is tried forever.
func (l *requestLog) flush(ctx context.Context) error {
	requests, missed := l.take()
	if len(requests) == 0 && len(missed) == 0 {
		return nil
	}
	err := l.keep(ctx, requests, missed)
	if err == nil {
		return nil
	}
	l.mu.Lock()
	for client, n := range missed {
		l.missed[client] += n
	}
	l.mu.Unlock()
	again := sqldb.IsUnavailable(err) || ctx.Err() != nil
	for _, r := range requests {
		switch s := (logSort{r.Client, r.Refused()}); {
		case again && l.admits(s):
			l.add(r)
		case !again && !r.Client.IsZero():
			l.mu.Lock()
			l.missed[r.Client]++
			l.mu.Unlock()
		}
	}
	return err
}

// FlushLog writes what is known of the requests that were answered. Whoever stops the service calls it when no request runs any more.
func (h *Handler) FlushLog(ctx context.Context) error { return h.requests.flush(ctx) }

// writeLog writes once a second until ctx ends.
func (h *Handler) writeLog(ctx context.Context) {
	tick := time.NewTicker(logEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := h.requests.flush(ctx); err != nil && ctx.Err() == nil {
				h.log.WarnContext(ctx, "requests of provisioning clients were not recorded", "error", err)
			}
		}
	}
}
