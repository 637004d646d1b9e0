package client

import (
	"context"
	"maps"
	"sync"
	"time"
)

// batches gathers questions that are asked at about the same time into one request.
type batches struct {
	c    *Client
	mu   sync.Mutex
	open map[string]*batch // by organization: still taking questions
}

// batch is one request to be. It ends early when nobody waits for it any more.
type batch struct {
	of        string // organization
	questions []Question
	places    map[string]int // of each question, so that the same one is asked once
	waiting   int
	full      chan struct{} // closed when it takes no more
	done      chan struct{} // closed when answers and err stand
	gone      context.CancelFunc
	answers   []answer
	err       error
}

func newBatches(c *Client) *batches { return &batches{c: c, open: map[string]*batch{}} }

// ask joins the batch of the question's organization, or begins one, and waits for its answer.
func (s *batches) ask(ctx context.Context, q Question) (Decision, error) {
	b, place, ok := s.join(q)
	if !ok {
		return Decision{}, ErrClosed
	}
	defer s.leave(b)
	select {
	case <-b.done:
	case <-ctx.Done():
		return Decision{}, ctx.Err()
	}
	if b.err != nil {
		return Decision{}, b.err
	}
	a := b.answers[place]
	a.Fields = maps.Clone(a.Fields) // others may have asked the same
	return a.Decision, a.err
}

func (s *batches) join(q Question) (*batch, int, bool) {
	key := q.key(q.Language)
	if q.Explain {
		key += "explain " + q.ID
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.open[q.Organization]
	if b == nil {
		ctx, gone := context.WithCancel(s.c.ctx)
		b = &batch{of: q.Organization, places: map[string]int{}, full: make(chan struct{}), done: make(chan struct{}), gone: gone}
		if !s.c.running.run(func() { s.run(ctx, b) }) {
			gone()
			return nil, 0, false
		}
		s.open[q.Organization] = b
	}
	b.waiting++
	place, has := b.places[key]
	if !has {
		place = len(b.questions)
		b.places[key] = place
		b.questions = append(b.questions, q)
		if len(b.questions) == s.c.cfg.BatchSize {
			s.shut(b)
			close(b.full)
		}
	}
	return b, place, true
}

func (s *batches) leave(b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.waiting--; b.waiting == 0 {
		s.shut(b) // nobody joins what is given up
		b.gone()
	}
}

// shut keeps further questions out. The lock is held.
func (s *batches) shut(b *batch) {
	if s.open[b.of] == b {
		delete(s.open, b.of)
	}
}

// run waits for the window to pass, and asks.
func (s *batches) run(ctx context.Context, b *batch) {
	defer close(b.done)
	defer b.gone()
	window := time.NewTimer(s.c.cfg.BatchWindow)
	defer window.Stop()
	select {
	case <-window.C:
	case <-b.full:
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.shut(b)
	questions := b.questions
	s.mu.Unlock()
	b.answers, b.err = s.c.evaluations(ctx, b.of, questions)
}
