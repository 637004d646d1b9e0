package authz

import (
	"math/bits"
	"reflect"
)

// measure adds up what the snapshot holds. It is an estimate: allocations are counted with their round sizes, maps by how
// the runtime lays them out.
func (s *Snapshot) measure() int64 {
	total := sizeOf[Snapshot]() + int64(len(s.name))
	total += listSize(s.members) + listSize(s.persons) + listSize(s.order) + listSize(s.heirless) + listSize(s.passings)
	total += mapSize(s.memberAt) + mapSize(s.newest) + mapSize(s.roleAt) + mapSize(s.groupAt)
	total += mapSize(s.moduleAt) + mapSize(s.packageAt) + mapSize(s.groupKey) + mapSize(s.segmentAt)
	total += s.sharedSize() + s.modelSize()
	return total
}

// sharedSize is that of the rows which members share.
func (s *Snapshot) sharedSize() int64 {
	total := listSize(s.classes) + listSize(s.parties) + listSize(s.sights) + listSize(s.duties) + listSize(s.profileSets)
	for i := range s.classes {
		c := &s.classes[i]
		total += listSize(c.packages) + listSize(c.grants) + listSize(c.allows) + listSize(c.read) + listSize(c.edit)
	}
	for i := range s.parties {
		p := &s.parties[i]
		total += listSize(p.direct) + (int64(len(p.groups)+len(p.from)+len(p.to))*8+15)&^15 // one piece of memory
	}
	for i := range s.sights {
		total += listSize(s.sights[i].some)
	}
	for _, d := range s.duties {
		total += textsSize(d)
	}
	for i := range s.profileSets {
		p := &s.profileSets[i]
		total += listSize(p.profiles) + listSize(p.allows) + listSize(p.ruled) + listSize(p.read) + listSize(p.edit)
	}
	return total
}

// modelSize is that of what is not about members.
func (s *Snapshot) modelSize() int64 {
	total := listSize(s.modules) + listSize(s.profiles) + listSize(s.packages) + listSize(s.roles) + listSize(s.groups) + listSize(s.rules) + listSize(s.segments)
	for i := range s.modules {
		m := &s.modules[i]
		total += int64(len(m.key)) + m.names.size() + textsSize(m.tools) + textsSize(m.fields)
	}
	for i := range s.profiles {
		p := &s.profiles[i]
		total += int64(len(p.key)+len(p.name)) + listSize(p.modules) + listSize(p.allows) + listSize(p.ruled) + listSize(p.read) + listSize(p.edit)
	}
	for i := range s.packages {
		total += int64(len(s.packages[i].key)) + s.packages[i].names.size() + listSize(s.packages[i].allows)
	}
	for i := range s.roles {
		r := &s.roles[i]
		total += int64(len(r.key)+len(r.name)) + listSize(r.groups) + listSize(r.from) + listSize(r.to)
	}
	for i := range s.groups {
		g := &s.groups[i]
		total += int64(len(g.key)+len(g.name)) + listSize(g.in) + listSize(g.roles) + listSize(g.within) + listSize(g.from) + listSize(g.to) + listSize(g.owned)
	}
	for i := range s.segments {
		total += int64(len(s.segments[i].key) + len(s.segments[i].name))
	}
	return total
}

func (n *names) size() (total int64) {
	for _, name := range n {
		total += int64(len(name))
	}
	return total
}

func textsSize(list []string) int64 {
	total := listSize(list)
	for _, text := range list {
		total += int64(len(text))
	}
	return total
}

func sizeOf[T any]() int64 { return int64(reflect.TypeFor[T]().Size()) }

// listSize rounds up as the allocator does, roughly.
func listSize[S ~[]T, T any](list S) int64 {
	n := int64(cap(list)) * sizeOf[T]()
	if n > 1024 {
		return n + n>>4
	}
	return (n + 15) &^ 15
}

// mapSize follows the runtime's layout: groups of eight slots with one byte of control each, at most 7/8 full, in numbers
// that are powers of two.
func mapSize[K comparable, V any](m map[K]V) int64 {
	if len(m) == 0 {
		return 48
	}
	slots := int64(8)
	if need := len(m)*8/7 + 1; need > 8 {
		slots = 1 << bits.Len(uint(need-1))
	}
	pair := reflect.TypeFor[struct {
		key   K
		value V
	}]().Size()
	return 96 + slots*(int64(pair)+1)
}
