package client

import (
	"container/list"
	"sync"
	"time"
)

// versionMemory is how long a version is taken for the newest that there is: a smaller number after that is an
// installation that was restored, not an answer that comes late.
const versionMemory = 10 * time.Second

// cache remembers answers, the least recently used going first.
//
// Invariants:
//   - An answer counts for maxAge from before it was asked for, and never past its until (TestRememberedAnswersEnd).
//   - Once an answer of a newer version has come, none of the organization's older ones counts
//     (TestNewerVersionDropsOlderAnswers).
type cache struct {
	size   int // in units of weight
	maxAge time.Duration
	now    func() time.Time

	mu       sync.Mutex
	weight   int
	entries  map[cacheKey]*list.Element
	recent   *list.List // of *cacheEntry, the most recently used first
	versions map[string]seenVersion
}

type cacheKey struct{ organization, question string }

type seenVersion struct {
	number int64
	at     time.Time
}

type cacheEntry struct {
	key    cacheKey
	value  any
	fresh  freshness
	asked  time.Time
	weight int
}

func newCache(size int, maxAge time.Duration, now func() time.Time) *cache {
	return &cache{size: size, maxAge: maxAge, now: now, entries: map[cacheKey]*list.Element{}, recent: list.New(), versions: map[string]seenVersion{}}
}

// off reports that nothing is remembered.
func (c *cache) off() bool { return c.size < 0 || c.maxAge < 0 }

func (c *cache) get(key cacheKey) (any, bool) {
	if c.off() {
		return nil, false
	}
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.entries[key]
	if el == nil {
		return nil, false
	}
	e := el.Value.(*cacheEntry)
	age := now.Sub(e.asked)
	if age < 0 || age >= c.maxAge || !e.fresh.until.IsZero() && !now.Before(e.fresh.until) || e.fresh.number < c.versions[key.organization].number {
		c.remove(el)
		return nil, false
	}
	c.recent.MoveToFront(el)
	return e.value, true
}

// put remembers an answer that was asked for at a moment. weight is 1 for a decision, and more for what takes more memory.
func (c *cache) put(e cacheEntry) {
	if c.off() || e.fresh.version == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.versions[e.key.organization]
	switch {
	case e.fresh.number < seen.number && e.asked.Sub(seen.at) < versionMemory:
		return // of another node that lags behind, or on its way for long
	case e.asked.After(seen.at) || e.fresh.number > seen.number:
		c.see(e.key.organization, seenVersion{e.fresh.number, e.asked})
	}
	if el := c.entries[e.key]; el != nil {
		c.remove(el)
	}
	if e.weight > c.size {
		return
	}
	c.entries[e.key] = c.recent.PushFront(&e)
	c.weight += e.weight
	for c.weight > c.size {
		c.remove(c.recent.Back())
	}
}

// see notes an organization's version. The notes are bounded too: those that are too old to matter go.
func (c *cache) see(organization string, v seenVersion) {
	if _, has := c.versions[organization]; !has && len(c.versions) >= max(c.size, 1) {
		for name, old := range c.versions {
			if v.at.Sub(old.at) >= max(versionMemory, c.maxAge) {
				delete(c.versions, name)
			}
		}
	}
	c.versions[organization] = v
}

func (c *cache) remove(el *list.Element) {
	e := c.recent.Remove(el).(*cacheEntry)
	delete(c.entries, e.key)
	c.weight -= e.weight
}
