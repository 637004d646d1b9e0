package outbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"portvakt/internal/fault"
)

// worker is one running loop: a single goroutine does all that the outbox writes, in one transaction a turn, and a
// bounded number of others run handlers.
type worker struct {
	*Outbox
	holder   string
	results  chan outcome
	running  int       // handlers whose outcome has not been received
	finished []outcome // received, to be written in the next turn
	trouble  bool      // the last turn failed
}

// delivery is a leased row of deliveries.
type delivery struct {
	event      Event
	subscriber string
	attempt    int64 // 1 for the first
}

// outcome is what became of a delivery.
type outcome struct {
	delivery
	state  state
	reason string // a fault's code or an error's type; never its text, which may be personal
}

type state uint8

const (
	delivered state = iota
	failed
	released // the process stops: not the delivery's failure
)

func (w *worker) run(ctx context.Context) {
	handling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	tick := time.NewTicker(w.pollWait)
	defer tick.Stop()
	again := true
	for ctx.Err() == nil {
		if again {
			again = w.attempt(ctx, handling)
			continue
		}
		select {
		case <-ctx.Done():
		case <-w.wake:
			again = true
		case r := <-w.results:
			w.receive(r)
			w.gather()
			again = true
		case <-tick.C:
			again = len(w.finished) > 0 || w.anythingDue(ctx)
		}
	}
	w.stop(handling, cancel)
}

// gatherWait is how long outcomes wait for others, so that a turn, which is a durable commit, is for many.
const gatherWait = 2 * time.Millisecond

// gather receives what ends at about the same time.
func (w *worker) gather() {
	patience := time.NewTimer(gatherWait)
	defer patience.Stop()
	for w.running > 0 {
		select {
		case r := <-w.results:
			w.receive(r)
		case <-patience.C:
			return
		}
	}
}

// drain alternates turns and waiting until nothing is due.
func (w *worker) drain(ctx context.Context) error {
	handling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer w.stop(handling, cancel)
	for {
		if _, err := w.turn(ctx, handling); err != nil {
			return err
		}
		if w.running > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case r := <-w.results:
				w.receive(r)
				continue
			}
		}
		due, err := w.due(ctx, true)
		if err != nil || !due {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond): // another worker has what is left
		}
	}
}

// stop waits for running handlers, first patiently, and writes what they did.
func (w *worker) stop(handling context.Context, cancel context.CancelFunc) {
	patience := time.NewTimer(w.grace)
	defer patience.Stop()
	for w.running > 0 {
		select {
		case r := <-w.results:
			w.receive(r)
		case <-patience.C:
			if handling.Err() != nil { // a handler that does not listen; its lease will run out
				w.running = 0
				continue
			}
			cancel()
			patience.Reset(w.grace)
		}
	}
	if len(w.finished) == 0 {
		return
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(handling), 5*time.Second)
	defer done()
	if err := w.writeOutcomes(ctx); err != nil {
		w.log.Warn("outbox: outcomes were not recorded, the deliveries will be repeated", "error", err)
	}
}

// attempt makes a turn and reports whether another one right away makes sense. Trouble is logged when it begins and when
// it ends.
func (w *worker) attempt(ctx, handling context.Context) bool {
	more, err := w.turn(ctx, handling)
	switch {
	case err != nil && ctx.Err() == nil && !w.trouble:
		w.trouble = true
		w.log.Error("outbox: the database does not take work, will go on trying", "error", err)
	case err == nil && w.trouble:
		w.trouble = false
		w.log.Info("outbox: the database takes work again")
	}
	return more && err == nil
}

// turn writes outcomes, turns events into deliveries and leases as many as there are free workers, all in one
// transaction, and starts their handlers. more reports that events are left: however busy the workers are, it has to be known
// what among them is awaited.
func (w *worker) turn(ctx, handling context.Context) (more bool, err error) {
	for len(w.results) > 0 { // only this goroutine receives
		w.receive(<-w.results)
	}
	free := w.workers - w.running
	leased, more, err := w.exchange(ctx, free)
	if err != nil {
		return false, err
	}
	for _, d := range leased {
		w.running++
		go func() { w.results <- w.deliver(handling, d) }()
	}
	return more, nil
}

func (w *worker) receive(r outcome) {
	w.running--
	w.finished = append(w.finished, r)
}

func (w *worker) anythingDue(ctx context.Context) bool {
	due, err := w.due(ctx, false)
	return due || err != nil // the turn will tell of the trouble
}

// deliver runs one handler.
func (w *worker) deliver(ctx context.Context, d delivery) outcome {
	if d.attempt > w.tries { // leased for the last time by a process that died of it
		return w.outcome(d, failed, "abandoned")
	}
	bounded, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	handle := w.handler(d.event.Kind, d.subscriber)
	if handle == nil { // made by another version of the program
		return w.outcome(d, failed, "no_such_subscriber")
	}
	err := w.guarded(bounded, handle, d)
	switch {
	case err == nil:
		return w.outcome(d, delivered, "")
	case ctx.Err() != nil:
		return w.outcome(d, released, "")
	}
	return w.outcome(d, failed, reason(err))
}

func (w *worker) outcome(d delivery, s state, reason string) outcome {
	if s == failed {
		w.log.Warn("outbox: a delivery failed", "event", d.event.ID.String(), "subscriber", d.subscriber,
			"attempt", d.attempt, "reason", reason, "given_up", d.attempt >= w.tries)
	}
	return outcome{d, s, reason}
}

var errPanic = errors.New("panic")

// guarded keeps a panic of a handler from taking the process down. What was panicked with may be personal, so the log
// gets the stack and the type.
func (w *worker) guarded(ctx context.Context, handle Handler, d delivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.log.Error("outbox: a handler panicked", "event", d.event.ID.String(), "kind", d.event.Kind, "subscriber", d.subscriber,
				"panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	return handle(ctx, d.event)
}

// reason names an error without repeating its text.
func reason(err error) string {
	var f *fault.Fault
	switch {
	case errors.Is(err, errPanic):
		return "panic"
	case errors.As(err, &f):
		return f.Code
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return fmt.Sprintf("%T", err)
		}
		err = inner
	}
}
