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
	held map[string]allowance // by caller
}

// allowance is what a node has taken and not used, until the window ends.
type allowance struct {
	left int
	ends time.Time
}

const (
	portions    = 20
	mostCallers = 10_000 // remembered; more cost a row a request
)

func newBudgets(l *ratelimit.Limiter, now func() time.Time) *budgets {
	return &budgets{limiter: l, now: now, held: map[string]allowance{}}
}

// spend takes n requests from the caller's budget: all or none, so that no part of a Bulk request is done. More than a
// whole minute's count as a whole minute's, or they could never be made. A caller with nothing left gets errTooMany, with
// how long to wait.
func (x *exchange) spend(n int) error {
	who, most := x.client.ID.String(), x.client.RequestsPerMinute
	if !x.person.IsZero() {
		who, most = x.person.String(), personPerMinute
	}
	return x.h.budgets.spend(x.ctx, who, most, n)
}

func (b *budgets) spend(ctx context.Context, who string, most, n int) error {
	n = min(n, most)
	if b.fromHeld(who, n) {
		return nil
	}
	rule := ratelimit.Rule{Scope: "scim.caller", Max: most, Window: time.Minute}
	taken, ends, err := b.limiter.TakeSome(ctx, rule, ratelimit.Amount{Least: n, Most: max(n, most/portions)}, who)
	if err != nil {
		return err
	}
	if taken == 0 {
		return errTooMany.After(ends.Sub(b.now()))
	}
	b.hold(who, allowance{taken - n, ends})
	return nil
}

func (b *budgets) fromHeld(who string, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.held[who]
	if a.left < n || !b.now().Before(a.ends) {
		return false
	}
	a.left -= n
	b.held[who] = a
	return true
}

// hold keeps what was taken, beside what others have taken of the same minute.
func (b *budgets) hold(who string, a allowance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if was := b.held[who]; was.ends.Equal(a.ends) {
		a.left += was.left
	}
	if len(b.held) >= mostCallers {
		clear(b.held)
	}
	b.held[who] = a
}
