package main

import (
	"context"
	"fmt"
	"sync"
)

// tasks run at the same time until they are told to stop; the first that fails stops all.
type tasks struct {
	outer context.Context // ends when the process is told to stop
	ctx   context.Context
	stop  context.CancelCauseFunc
	group sync.WaitGroup
}

func newTasks(outer context.Context) *tasks {
	ctx, stop := context.WithCancelCause(outer)
	return &tasks{outer: outer, ctx: ctx, stop: stop}
}

// start runs f, which ends soon after its context.
func (t *tasks) start(what string, f func(context.Context) error) {
	t.group.Go(func() {
		if err := f(t.ctx); err != nil && t.ctx.Err() == nil {
			t.stop(fmt.Errorf("%s: %w", what, err))
		}
	})
}

// wait answers when all have ended: with the failure that stopped them, nil where they were told to stop.
func (t *tasks) wait() error {
	<-t.ctx.Done()
	t.group.Wait()
	if t.outer.Err() != nil {
		return nil
	}
	return context.Cause(t.ctx)
}

// end stops all and waits for them.
func (t *tasks) end() {
	t.stop(nil)
	t.group.Wait()
}
