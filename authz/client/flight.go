package client

import (
	"context"
	"sync"
)

// flights does the same work once for all who want it at the same time. The work belongs to the client, not to the one
// who came first: whoever leaves, leaves alone.
type flights[V any] struct {
	c    *Client
	mu   sync.Mutex
	open map[string]*flight[V]
}

type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
}

func newFlights[V any](c *Client) *flights[V] {
	return &flights[V]{c: c, open: map[string]*flight[V]{}}
}

// do answers what work answers, waiting no longer than ctx allows.
func (s *flights[V]) do(ctx context.Context, key string, work func(ctx context.Context) (V, error)) (V, error) {
	s.mu.Lock()
	f := s.open[key]
	if f == nil {
		f = &flight[V]{done: make(chan struct{})}
		began := s.c.running.run(func() {
			defer close(f.done)
			defer func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(s.open, key)
			}()
			f.value, f.err = work(s.c.ctx)
		})
		if !began {
			s.mu.Unlock()
			var none V
			return none, ErrClosed
		}
		s.open[key] = f
	}
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}
