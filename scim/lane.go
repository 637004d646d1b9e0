package scim

import (
	"context"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// lanes let only so many requests of a caller be worked on at a time on this node; the others wait behind one another. A budget
// bounds a minute; this leaves, at each moment, connections of the database and processors to everybody else. Bulk requests
// have turns instead.
//
// Invariant: whatever one caller sends at once, another's request finds room (TestNobodyTakesAll).
type lanes struct {
	width    int64
	patience time.Duration

	mu sync.Mutex
	of map[string]*lane // of callers with a request here
}

type lane struct {
	inside int // waiting or worked on
	places *semaphore.Weighted
}

// newLanes has lanes of half the database's connections, as there are where nobody has configured them: more is no faster.
func newLanes() *lanes {
	return &lanes{width: int64(max(8, 2*runtime.GOMAXPROCS(0))), patience: longestWait, of: map[string]*lane{}}
}

// enter waits for room in the caller's lane. Whoever finds none for long gets errTooMany.
func (l *lanes) enter(ctx context.Context, who string) (leave func(), err error) {
	mine := l.join(who)
	waiting, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	if !acquire(waiting, mine.places, 1) {
		l.part(who, mine)
		if ctx.Err() != nil { // nobody is left to answer
			return nil, ctx.Err()
		}
		return nil, errTooMany.After(time.Second)
	}
	return func() {
		mine.places.Release(1)
		l.part(who, mine)
	}, nil
}

func (l *lanes) join(who string) *lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	mine := l.of[who]
	if mine == nil {
		mine = &lane{places: semaphore.NewWeighted(l.width)}
		l.of[who] = mine
	}
	mine.inside++
	return mine
}

func (l *lanes) part(who string, mine *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if mine.inside--; mine.inside == 0 {
		delete(l.of, who)
	}
}
