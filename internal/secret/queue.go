package secret

import (
	"context"
	"errors"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Limits of all hashing at once.
const (
	hashMemory = 128 * 1024       // KiB that hashing uses at the same time
	lineLength = 32               // who may be in line, for each computation that runs at once
	longestWay = 10 * time.Second // in line, before somebody is sent away
	comeBack   = 3 * time.Second  // when to try again

	garbageBorne = 64 << 20
)

// ErrBusy says that too many passwords are being computed already.
var ErrBusy = errors.New("secret: too many passwords are being computed")

// BusyFor is when trying again makes sense after ErrBusy.
const BusyFor = comeBack

// queue lets only so many computations run at a time: as many as there are processors, and as fit into hashMemory. The rest
// wait in a line of bounded length, in which nobody has more than a quarter.
//
// Invariant: whatever comes, hashing uses no more than hashMemory, and whoever would wait for long is sent away at once
// (TestAFloodIsSentAway, TestNobodyFillsTheLine).
type queue struct {
	processors *semaphore.Weighted
	memory     *semaphore.Weighted
	length     int

	mu      sync.Mutex
	inside  int
	garbage int64          // bytes that computations have left behind since it was last collected
	of      map[string]int // places by whom they are for
}

func newQueue(usual Params) *queue {
	atOnce := max(1, min(runtime.GOMAXPROCS(0), hashMemory/int(max(usual.Memory, 1))))
	return &queue{
		processors: semaphore.NewWeighted(int64(atOnce)), memory: semaphore.NewWeighted(hashMemory),
		length: atOnce * lineLength, of: map[string]int{},
	}
}

// Place is a place in the line, taken before anything is looked up or counted, so that a flood costs nothing but itself.
type Place struct {
	h    *Passwords
	whom []string
	left bool
}

// Place takes a place in line, or answers ErrBusy at once. whom are those for whom it is taken, such as an address and a
// network; each may have a quarter of the line. Give it back with Leave.
func (h *Passwords) Place(whom ...string) (*Place, error) {
	q := h.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.inside >= q.length {
		return nil, ErrBusy
	}
	for _, who := range whom {
		if q.of[who] >= q.length/4 {
			return nil, ErrBusy
		}
	}
	q.inside++
	for _, who := range whom {
		q.of[who]++
	}
	return &Place{h: h, whom: whom}, nil
}

// Leave gives the place back; more than once does no harm.
func (p *Place) Leave() {
	q := p.h.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if p.left {
		return
	}
	p.left = true
	q.inside--
	for _, who := range p.whom {
		if q.of[who]--; q.of[who] == 0 {
			delete(q.of, who)
		}
	}
}

// run computes when it is the place's turn.
func (p *Place) run(ctx context.Context, kib int64, compute func()) error {
	q := p.h.queue
	waiting, cancel := context.WithTimeoutCause(ctx, longestWay, ErrBusy)
	defer cancel()
	if err := q.processors.Acquire(waiting, 1); err != nil {
		return context.Cause(waiting)
	}
	defer q.processors.Release(1)
	if err := q.memory.Acquire(waiting, min(kib, hashMemory)); err != nil {
		return context.Cause(waiting)
	}
	defer q.memory.Release(min(kib, hashMemory))
	compute()
	q.tidy(kib)
	return nil
}

// tidy collects what computations have left behind before it is much, and before the next one runs. Left to itself the
// collector waits until there is several times as much as lives: with 19 MiB for each password, that would be hundreds.
func (q *queue) tidy(kib int64) {
	q.mu.Lock()
	q.garbage += kib * 1024
	much := q.garbage >= garbageBorne && q.garbage >= living()
	if much {
		q.garbage = 0
	}
	q.mu.Unlock()
	if much {
		runtime.GC()
	}
}

// living is the size of what the last collection found in use.
func living() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
