package scim

import (
	"context"
	"sync"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/ratelimit"
)

// How often people may ask for themselves.
const personPerMinute = 60

var errTooMany = fault.New(fault.Exhausted, "too_many_requests", "Too many requests; wait for as long as Retry-After says")

// budgets are what each caller may still do in this minute. The store counts for all nodes together. A node takes a
// twentieth of a minute's budget at a time, so that few requests write a row: a client on several nodes is refused up to
// so much early, and never late.
type budgets struct {
	limiter *ratelimit.Limiter
	now     func() time.Time

	mu   sync.Mutex
	held map[string]*allowance // by caller
}

// allowance is what a node has taken and not used, until the window ends. Who finds nothing left holds the lock while taking
// more, so that of many at once one takes for all.
type allowance struct {
	mu   sync.Mutex
	left int
	ends time.Time
}

const (
	portions    = 20
	mostCallers = 10_000 // remembered; more cost a row a request
)

func newBudgets(l *ratelimit.Limiter, now func() time.Time) *budgets {
	return &budgets{limiter: l, now: now, held: map[string]*allowance{}}
}

// spend takes n requests from the caller's budget: all or none, so that no part of a Bulk request is done. More than a
// whole minute's count as a whole minute's, or they could never be made. A caller with nothing left gets errTooMany, with
// how long to wait.
func (x *exchange) spend(n int) error {
	most := x.client.RequestsPerMinute
	if !x.person.IsZero() {
		most = personPerMinute
	}
	return x.h.budgets.spend(x.ctx, x.caller(), most, n)
}

// caller is whose budget and places a request takes: the client's, or the person's who calls for themselves.
func (x *exchange) caller() string {
	if !x.person.IsZero() {
		return x.person.String()
	}
	return x.client.ID.String()
}

func (b *budgets) spend(ctx context.Context, who string, most, n int) error {
	n = min(n, most)
	a := b.of(who)
	a.mu.Lock()
	defer a.mu.Unlock()
	if !b.now().Before(a.ends) {
		a.left = 0
	}
	if a.left >= n {
		a.left -= n
		return nil
	}
	rule := ratelimit.Rule{Scope: "scim.caller", Max: most, Window: time.Minute}
	taken, ends, err := b.limiter.TakeSome(ctx, rule, ratelimit.Amount{Least: n - a.left, Most: max(n-a.left, most/portions)}, who)
	if err != nil {
		return err
	}
	if taken == 0 {
		return errTooMany.After(ends.Sub(b.now()))
	}
	a.left, a.ends = a.left+taken-n, ends // should the minute end in between, a few of it go into the next
	return nil
}

// of is what the node holds for a caller.
func (b *budgets) of(who string) *allowance {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.held[who]
	if a == nil {
		if len(b.held) >= mostCallers {
			clear(b.held)
		}
		a = &allowance{}
		b.held[who] = a
	}
	return a
}
