package authz

import (
	"cmp"
	"slices"

	"portvakt/internal/directory"
)

// segment is a division of the organization's data.
type segment struct{ key, name string }

// sight is which segments members see.
type sight struct {
	every bool
	some  bitset
}

func (v *sight) sees(segment int32) bool { return v.every || v.some.has(segment) }

func (s *Snapshot) compileSegments(from []directory.Segment) {
	s.segments = make([]segment, len(from))
	for i, x := range from {
		s.segments[i] = segment{x.Key, x.Name}
	}
	slices.SortFunc(s.segments, func(a, b segment) int { return cmp.Compare(a.key, b.key) })
	s.segmentAt = make(map[string]int32, len(from))
	for i := range s.segments {
		s.segmentAt[s.segments[i].key] = int32(i)
	}
}

// sightOf builds one; every comes instead of the list.
func (s *Snapshot) sightOf(f *directory.MemberFacts) sight {
	v := sight{every: f.EverySegment(), some: newBitset(len(s.segments))}
	for _, key := range f.Segments {
		if i, known := s.segmentAt[key]; known && !v.every {
			v.some.set(i)
		}
	}
	return v
}

// segmentKeys are what Claims and Filter say of the segments that a member sees.
func (s *Snapshot) segmentKeys(m *member) []string {
	v := &s.sights[m.sight]
	if v.every {
		return []string{AllSegments}
	}
	out := []string{}
	for _, i := range v.some.list() {
		out = append(out, s.segments[i].key)
	}
	return out
}
