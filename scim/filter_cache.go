package scim

import (
	"container/list"
	"sync"

	"portvakt/internal/directory"
)

// Bounds of what is kept of filters. Provisioning systems ask a handful of questions, with another value each time; the few that
// are asked again and again, such as those for everybody active, are the long ones.
const (
	keptFilters   = 256
	maxKeptFilter = 1 << 10 // bytes of the text
)

// filterCache keeps what was compiled last, by resource type and text. It holds nothing of whoever asked and nothing that was
// found: a filter means the same for everybody. Conditions are never changed once they are compiled.
type filterCache struct {
	mu     sync.Mutex
	recent *list.List // of *keptFilter, the last used in front
	byText map[filterKey]*list.Element
}

type filterKey struct{ resource, text string }

type keptFilter struct {
	key   filterKey
	means directory.Condition
}

func newFilterCache() *filterCache {
	return &filterCache{recent: list.New(), byText: map[filterKey]*list.Element{}}
}

// compile is the text as a condition on resources of the type.
func (f *filterCache) compile(t *resourceType, text string) (directory.Condition, error) {
	key := filterKey{t.name, text}
	f.mu.Lock()
	if e, ok := f.byText[key]; ok {
		f.recent.MoveToFront(e)
		means := e.Value.(*keptFilter).means
		f.mu.Unlock()
		return means, nil
	}
	f.mu.Unlock()
	e, err := parseFilter(text)
	if err != nil {
		return nil, err
	}
	means, err := filterCompiler{of: t}.condition(e)
	if err == nil && len(text) <= maxKeptFilter {
		f.keep(&keptFilter{key, means})
	}
	return means, err
}

func (f *filterCache) keep(k *keptFilter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.byText[k.key]; there { // compiled twice at once
		return
	}
	f.byText[k.key] = f.recent.PushFront(k)
	if f.recent.Len() > keptFilters {
		delete(f.byText, f.recent.Remove(f.recent.Back()).(*keptFilter).key)
	}
}
