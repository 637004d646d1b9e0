package authz

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"portvakt/internal/directory"
)

// kept is an organization's place among what is kept.
type kept struct {
	state atomic.Pointer[state]
	used  atomic.Int64 // when it was last asked for
	size  int64        // as counted; under the engine's lock
}

// overhead is about what keeping a snapshot costs beside its own size.
const overhead = 512

// touchEvery spares the processors writing the same word at every question.
const touchEvery = int64(10 * time.Millisecond)

func (h *kept) touch(now time.Duration) {
	if int64(now)-h.used.Load() >= touchEvery {
		h.used.Store(int64(now))
	}
}

// keep puts a state in its place and makes room. The engine's lock is held.
func (e *Engine) keep(org directory.OrganizationID, st *state) {
	h := e.held[org]
	if h == nil {
		h = &kept{}
		e.held[org] = h
	}
	before := h.state.Swap(st)
	h.used.Store(int64(e.db.Elapsed()))
	if before != nil && before.snapshot == st.snapshot {
		return
	}
	size := st.snapshot.Size() + overhead
	e.bytes += size - h.size
	h.size = size
	if e.bytes > e.max {
		e.evict(h)
	}
}

func (e *Engine) drop(org directory.OrganizationID) {
	if h := e.held[org]; h != nil {
		e.bytes -= h.size
		delete(e.held, org)
	}
}

// evict lets go of those that nobody has asked for the longest, down to a little below the bound, so that the next does not
// have to look again. The newest stays, however large it is: without it each question would read everything.
func (e *Engine) evict(newest *kept) {
	type place struct {
		org  directory.OrganizationID
		used int64
	}
	places := make([]place, 0, len(e.held))
	for org, h := range e.held {
		if h != newest {
			places = append(places, place{org, h.used.Load()})
		}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.used, b.used) })
	for _, p := range places {
		if e.bytes <= e.max-e.max/8 {
			return
		}
		e.drop(p.org)
		e.count.evictions.Add(1)
	}
}

// Run compares the snapshots in use until ctx ends. It is what finds a change that nobody told of; those that are not in use
// are compared when they are asked for.
func (e *Engine) Run(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.poll(ctx)
		}
	}
}

// poll compares all that was asked for lately, many with one statement. What it cannot read grows old, and is then not
// answered by.
func (e *Engine) poll(ctx context.Context) {
	generation, began := e.generation.Load(), e.db.Elapsed()
	inUse := map[directory.OrganizationID]*state{}
	var asked []directory.AccessSince
	e.mu.RLock()
	for org, h := range e.held {
		st := h.state.Load()
		if began-time.Duration(h.used.Load()) <= trustFor && (st.generation < generation || began-st.compared >= pollEvery/2) {
			inUse[org] = st
			asked = append(asked, directory.AccessSince{Organization: org, Since: st.since})
		}
	}
	e.mu.RUnlock()
	if len(asked) == 0 {
		return
	}
	e.count.reads.Add(1)
	marks, err := e.source.Marks(ctx, asked)
	if err != nil {
		return
	}
	for org, st := range inUse {
		mark, there := marks[org]
		if next := st.still(mark, generation, began); there && next != nil && !e.turnedBack(st) {
			e.compared(org, st, next)
			continue
		}
		f := e.join(ctx, org)
		select {
		case <-f.done:
		case <-ctx.Done():
			return
		}
	}
}

// compared notes that a state is still right, unless another one has come in the meantime.
func (e *Engine) compared(org directory.OrganizationID, was, is *state) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if h := e.held[org]; h != nil {
		h.state.CompareAndSwap(was, is)
	}
}

// Stats is what operators watch.
type Stats struct {
	Snapshots int
	Bytes     int64
	Rebuilds  int64
	Evictions int64
	Seconds   float64 // spent on rebuilding, reading included
}

// Stats says how much the engine keeps and how often it has read it anew.
func (e *Engine) Stats() Stats {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return Stats{Snapshots: len(e.held), Bytes: e.bytes, Rebuilds: e.count.rebuilds.Load(), Evictions: e.count.evictions.Load(),
		Seconds: time.Duration(e.count.nanoseconds.Load()).Seconds()}
}
