package authz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// state is a snapshot with what is known of its freshness. It is never changed, only replaced.
type state struct {
	snapshot   *Snapshot
	since      time.Time     // memberships made from here on are counted
	made       int64         // as many are in the snapshot
	generation uint64        // the last comparing began in this one
	compared   time.Duration // when it began
}

// flight is one comparing of an organization's snapshot with its rows; all who need it at the same time wait for the same.
type flight struct {
	generation uint64
	began      time.Duration
	done       chan struct{}
	snapshot   *Snapshot // these two count when done is closed
	err        error
}

// fresh is the snapshot that is held, if it has been compared with the rows in this generation and not longer ago than that.
func (e *Engine) fresh(org directory.OrganizationID, generation uint64, trust time.Duration) *Snapshot {
	e.mu.RLock()
	h := e.held[org]
	e.mu.RUnlock()
	if h == nil {
		return nil
	}
	now, st := e.db.Elapsed(), h.state.Load()
	if st.generation < generation || now-st.compared >= trust {
		return nil
	}
	h.touch(now)
	return st.snapshot
}

// renewed waits for a comparing that began in the generation and after the moment, or later.
func (e *Engine) renewed(ctx context.Context, org directory.OrganizationID, generation uint64, after time.Duration) (*Snapshot, error) {
	for {
		f := e.join(ctx, org)
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if f.generation >= generation && f.began >= after {
			return f.snapshot, f.err
		}
	}
}

// join is the organization's running flight, or a new one.
func (e *Engine) join(ctx context.Context, org directory.OrganizationID) *flight {
	e.mu.Lock()
	defer e.mu.Unlock()
	if f := e.flights[org]; f != nil {
		return f
	}
	f := &flight{generation: e.generation.Load(), began: e.db.Elapsed(), done: make(chan struct{})}
	e.flights[org] = f
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience) // who asked first may go away; others wait too
	go func() {
		defer cancel()
		st, err := e.read(ctx, org, f)
		e.land(org, f, st, err)
	}()
	return f
}

// land keeps what a flight brought and lets those go on who wait for it.
func (e *Engine) land(org directory.OrganizationID, f *flight, st *state, err error) {
	e.mu.Lock()
	switch {
	case err == nil:
		f.snapshot = st.snapshot
		e.keep(org, st)
	case fault.Is(err, fault.NotFound):
		e.drop(org)
		f.err = err
	default:
		f.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	delete(e.flights, org)
	e.mu.Unlock()
	close(f.done)
}

// read compares what is held with the rows, and reads them anew where they differ.
func (e *Engine) read(ctx context.Context, org directory.OrganizationID, f *flight) (*state, error) {
	e.mu.RLock()
	h := e.held[org]
	e.mu.RUnlock()
	if h == nil {
		return e.compile(ctx, org, f)
	}
	st := h.state.Load()
	e.count.reads.Add(1)
	marks, err := e.source.Marks(ctx, []directory.AccessSince{{Organization: org, Since: st.since}})
	if err != nil {
		return nil, err
	}
	mark, there := marks[org]
	if !there {
		return nil, directory.ErrOrganizationNotFound
	}
	if e.turnedBack(st) {
		return e.compile(ctx, org, f)
	}
	if next := st.still(mark, f.generation, f.began); next != nil {
		return next, nil
	}
	if mark.Version == st.snapshot.Version() && mark.Made > st.made && mark.Made-st.made <= fewNew {
		if next, err := e.withNew(ctx, org, st, f); next != nil || err != nil {
			return next, err
		}
	}
	return e.compile(ctx, org, f)
}

// fewNew is how many new members are put into a snapshot one by one; with more of them it is compiled anew.
const fewNew = 8

// withNew puts in the members who are new at the same version; nil where the version is another one by now.
func (e *Engine) withNew(ctx context.Context, org directory.OrganizationID, st *state, f *flight) (*state, error) {
	version, members, err := e.source.NewMembers(ctx, directory.AccessSince{Organization: org, Since: st.since})
	if err != nil || version != st.snapshot.Version() {
		return nil, err
	}
	next := *st
	next.made, next.generation, next.compared = int64(len(members)), f.generation, f.began
	for _, m := range members {
		if !next.snapshot.Has(m.ID) {
			next.snapshot = next.snapshot.With(m)
		}
	}
	return &next, nil
}

// still is the state after a comparing that found no difference; nil where the rows have changed.
func (s *state) still(mark directory.AccessMark, generation uint64, began time.Duration) *state {
	if mark != (directory.AccessMark{Version: s.snapshot.Version(), Made: s.made}) {
		return nil
	}
	next := *s
	next.generation, next.compared = generation, began
	return &next
}

// turnedBack reports that the clock has gone back since the snapshot was read. Members made from now on stand before the
// moment from which they are counted, so nothing would tell of them where they raise no version.
func (e *Engine) turnedBack(s *state) bool { return e.db.Now().Before(s.since.Add(slack)) }

// slack is how far back new memberships are counted: longer than any transaction that makes one runs.
const slack = 10 * time.Minute

// compile reads the whole model and compiles it.
func (e *Engine) compile(ctx context.Context, org directory.OrganizationID, f *flight) (*state, error) {
	select {
	case e.building <- struct{}{}:
		defer func() { <-e.building }()
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), context.Cause(ctx))
	}
	began := e.db.Elapsed()
	m, err := e.source.Model(ctx, org)
	if err != nil {
		return nil, err
	}
	since := m.ReadAt.Add(-slack)
	st := &state{snapshot: Compile(&m), since: since, made: m.MadeSince(since), generation: f.generation, compared: f.began}
	e.count.rebuilds.Add(1)
	e.count.nanoseconds.Add(int64(e.db.Elapsed() - began))
	return st, nil
}
