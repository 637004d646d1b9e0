package scim_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/internal/directory"
)

// TestBudgets: each client its own, for all its tokens together, until the minute is over.
func TestBudgets(t *testing.T) {
	each(t, func(w *world) {
		ctx := context.Background()
		c := w.clientOf(token)
		c.RequestsPerMinute = 45 // portions of two
		must(w.dir.ProvisioningClients.Create(ctx, c, token))(w.t)
		r := must(w.dir.ProvisioningClients.Rotate(ctx, w.org.ID, c.ID, directory.Renewal{Overlap: time.Hour}))(w.t)
		served := 0
		for i := range 50 {
			by := w.as([]string{token, r.Token}[i%2], "nordlys")
			if got := by.do("GET", "/Schemas", ""); got.status == 200 {
				served++
			} else if s, _ := strconv.Atoi(got.want(429).header.Get("Retry-After")); s < 1 || s > 61 {
				w.t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
			}
		}
		if served != 45 {
			w.t.Errorf("%d requests served, 45 allowed", served)
		}
		w.as(tokenAll, "nordlys").do("GET", "/Schemas", "").want(200)
		w.as(token+"x", "nordlys").do("GET", "/Schemas", "").want(401)
		w.clock.Advance(time.Minute)
		w.do("GET", "/Schemas", "").want(200)
	})
}

// TestBudgetsInARace: of sixty at once exactly as many pass as the budget has.
func TestBudgetsInARace(t *testing.T) {
	each(t, func(w *world) {
		c := w.clientOf(token)
		c.RequestsPerMinute = 25
		must(w.dir.ProvisioningClients.Create(context.Background(), c, token))(w.t)
		var served atomic.Int64
		var group sync.WaitGroup
		for range 60 {
			group.Go(func() {
				if w.do("GET", "/Schemas", "").status == 200 {
					served.Add(1)
				}
			})
		}
		group.Wait()
		if served.Load() != 25 {
			w.t.Errorf("%d served, 25 allowed", served.Load())
		}
	})
}

// TestABurstIsNoFlood: many at once take no more from the budget than they need.
func TestABurstIsNoFlood(t *testing.T) {
	each(t, func(w *world) {
		var group sync.WaitGroup
		for range 60 {
			group.Go(func() { w.do("GET", "/Schemas/"+enterprise, "").want(200) })
		}
		group.Wait()
	})
}
