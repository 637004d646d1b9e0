// Package ratelimit counts what may happen only so often: mails to a person, requests from a network, wrong passwords.
// The counters stand in the store, so all nodes share them and a restart forgets nothing. They go by the domain's clock.
//
// Two shapes: Take allows so many in a window. Attempt lets somebody guess, with growing pauses after wrong guesses, so
// that nobody can lock another person out for long.
//
// Invariants:
//   - Counting and deciding are one step: parallel requests never get more than the rule allows (TestParallelTakes,
//     TestParallelAttempts).
//   - The store sees only hashes of what is counted, never an e-mail or an address (TestKeysAreHashed).
package ratelimit

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Rule is what is allowed.
type Rule struct {
	Scope  string        // the name of the rule, never changed and never shared
	Max    int           // Take: how many in a window; Attempt: how many wrong guesses cost no pause
	Window time.Duration // Take: from the first; Attempt: after the last wrong guess, when all is forgotten
}

// Limiter counts in a database.
type Limiter struct{ db *sqldb.DB }

// New makes a limiter.
func New(db *sqldb.DB) *Limiter { return &Limiter{db} }

// ErrExhausted is the fault of somebody who must wait; Refusal says how long.
var ErrExhausted = fault.New(fault.Exhausted, "too_many_attempts", "Too many attempts, try again later")

// Refusal is ErrExhausted with the time to wait.
func Refusal(wait time.Duration) *fault.Fault { return ErrExhausted.After(wait) }

const (
	firstPause   = time.Second
	longestPause = 15 * time.Minute
)

// pause is how long to wait after so many wrong guesses, of which some are free: 1 s, 2 s, 4 s … 15 min.
func pause(failures, free int64) time.Duration {
	over := failures - free
	switch {
	case over <= 0:
		return 0
	case over > 10:
		return longestPause
	}
	return min(firstPause<<(over-1), longestPause)
}

// counter is a row. An absent or forgotten one counts nothing.
type counter struct {
	count int64
	ends  time.Time
}

// at forgets what is over.
func (c counter) at(now time.Time) counter {
	if !c.ends.After(now) {
		return counter{}
	}
	return c
}

// wait is how long the guesser still has to wait. The last wrong guess was a window before the end.
func (c counter) wait(rule Rule, now time.Time) time.Duration {
	if c.count == 0 {
		return 0
	}
	last := c.ends.Add(-rule.Window)
	return max(last.Add(pause(c.count, int64(rule.Max))).Sub(now), 0)
}

// hash makes the stored key: SHA-256 over the parts, each with its length before it, so that ("ab", "c") is not
// ("a", "bc").
func hash(parts []string) []byte {
	h := sha256.New()
	var length [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}
