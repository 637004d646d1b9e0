package authzen

import (
	"sync"
	"time"
)

// pace is how much each client may ask. It is counted in memory, on each node for itself: an evaluation writes nothing, and
// what is protected is the node. What a client has not used up for two seconds is forgotten.
type pace struct {
	rate float64 // a second
	mu   sync.Mutex
	left map[string]*allowance
}

type allowance struct {
	left float64 // below zero: a debt
	at   time.Time
}

// spare is how many seconds' worth may be asked at once.
const spare = 2

// maxClients is how many clients are counted before those are forgotten that owe nothing.
const maxClients = 4096

func newPace(rate int) *pace { return &pace{rate: float64(rate), left: map[string]*allowance{}} }

// take takes one, or answers how long to wait.
func (p *pace) take(client string, now time.Time) (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.left[client]
	if a == nil {
		if len(p.left) >= maxClients {
			p.forget(now)
		}
		a = &allowance{left: spare * p.rate, at: now}
		p.left[client] = a
	}
	p.refill(a, now)
	if a.left < 1 {
		return time.Duration((1 - a.left) / p.rate * float64(time.Second))
	}
	a.left--
	return 0
}

// charge takes more, of what turned out only while answering; the client may owe it.
func (p *pace) charge(client string, cost int) {
	if cost == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.left[client]; a != nil {
		a.left -= float64(cost)
	}
}

// refill adds what the time has brought. A clock that was set back brings nothing.
func (p *pace) refill(a *allowance, now time.Time) {
	if passed := now.Sub(a.at); passed > 0 {
		a.left = min(a.left+passed.Seconds()*p.rate, spare*p.rate)
	}
	a.at = now
}

func (p *pace) forget(now time.Time) {
	for client, a := range p.left {
		if p.refill(a, now); a.left >= spare*p.rate {
			delete(p.left, client)
		}
	}
}
