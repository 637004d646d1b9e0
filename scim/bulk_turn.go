package scim

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"portvakt/internal/directory"
)

// Limits on the bulk requests that one process has in hand, all organizations together. What a request holds while it is worked
// on is many times its body, so bodies are what is weighed.
const (
	bulksOfOne  = 4                // of one organization, while they arrive, wait and are worked on
	bulksOfAll  = 16               // of all
	bulkBytes   = 8 << 20          // of the bodies that are worked on at a time
	bytesOfOne  = bulkBytes / 2    // of those, of one organization: nobody takes it all
	leastWeight = 1 << 20          // what a small one counts: it may find much to do
	longestWait = 10 * time.Second // for a turn, before somebody is sent away
	comeBack    = "2"              // seconds, when to send it again
)

var (
	errBusy = refuse(http.StatusTooManyRequests, "", "The organization has as many bulk requests running as it may have (%d, fewer of large ones); send this one again when one of them is done", bulksOfOne)
	errFull = refuse(http.StatusServiceUnavailable, "", "The service has as many bulk requests in hand as it can; send this one again after Retry-After")
)

// turns lets only so many bulk requests be in hand, and only so much of them be worked on at a time. The others wait, with
// their bodies as they came, or are sent away.
//
// Invariant: whatever comes, the memory for it is bounded, and no organization has more than half of it
// (TestBulkMemory, TestWall071_ManyAtOnce).
type turns struct {
	patience time.Duration // in line
	bytes    *semaphore.Weighted

	mu     sync.Mutex
	inside int
	of     map[directory.OrganizationID]*share
}

// share is an organization's part.
type share struct {
	inside int
	bytes  *semaphore.Weighted
}

func newTurns() *turns {
	return &turns{patience: longestWait, bytes: semaphore.NewWeighted(bulkBytes), of: map[directory.OrganizationID]*share{}}
}

// turn is a place in hand, taken before the body is read. It is given back by leave.
type turn struct {
	t      *turns
	org    directory.OrganizationID
	share  *share
	weight int64 // of what is worked on; 0: not yet
}

// enter takes a place, or answers at once that there is none.
func (t *turns) enter(org directory.OrganizationID) (*turn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.of[org]
	if s == nil {
		s = &share{bytes: semaphore.NewWeighted(bytesOfOne)}
	}
	switch {
	case s.inside == bulksOfOne:
		return nil, errBusy
	case t.inside == bulksOfAll:
		return nil, errFull
	}
	t.of[org] = s
	t.inside++
	s.inside++
	return &turn{t: t, org: org, share: s}, nil
}

// begin waits until a body of that many bytes may be worked on: first for the organization's own, then for all.
func (p *turn) begin(ctx context.Context, bytes int) error {
	weight := min(max(int64(bytes), leastWeight), bytesOfOne)
	waiting, cancel := context.WithTimeout(ctx, p.t.patience)
	defer cancel()
	refused := func(err error) error {
		if ctx.Err() != nil { // nobody is left to answer
			return ctx.Err()
		}
		return err
	}
	if !acquire(waiting, p.share.bytes, weight) {
		return refused(errBusy)
	}
	if !acquire(waiting, p.t.bytes, weight) {
		p.share.bytes.Release(weight)
		return refused(errFull)
	}
	p.weight = weight
	return nil
}

// acquire takes what is there, also at the last moment, or waits for it until waiting ends.
func acquire(waiting context.Context, from *semaphore.Weighted, n int64) bool {
	return from.TryAcquire(n) || from.Acquire(waiting, n) == nil
}

func (p *turn) leave() {
	if p.weight > 0 {
		p.t.bytes.Release(p.weight)
		p.share.bytes.Release(p.weight)
	}
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	p.t.inside--
	if p.share.inside--; p.share.inside == 0 {
		delete(p.t.of, p.org)
	}
}
