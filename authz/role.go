package authz

import "portvakt/internal/directory"

// role is a node of the role tree, and what having it means.
type role struct {
	id          directory.RoleID
	key, name   string
	above       int32  // the role above; -1 at a root
	first, last int32  // numbers of a walk through the tree: those below have a first within (first, last]
	profiles    int32  // which profiles: a number into profileSets
	groups      bitset // effective groups of whoever has the role
	from, to    bitset // the rules that open the records of whoever has the role, or open others' to them, by the role alone
}

// above reports whether a stands strictly above b in the same branch.
func (s *Snapshot) above(a, b int32) bool {
	if a < 0 || b < 0 {
		return false
	}
	x, y := &s.roles[a], &s.roles[b]
	return x.first < y.first && y.first <= x.last
}

// path is the role and those above it, from the root.
func (s *Snapshot) path(r int32) []int32 {
	depth := 0
	for x := r; x >= 0; x = s.roles[x].above {
		depth++
	}
	out := make([]int32, depth)
	for x := r; x >= 0; x = s.roles[x].above {
		depth--
		out[depth] = x
	}
	return out
}

// compileRoles builds the tree. The rows may come in any order; a role whose way up does not end at a root, because the
// rows form a cycle, has nobody above it and nobody below, so that bad rows open nothing.
func (s *Snapshot) compileRoles(from []directory.Role) (at map[directory.RoleID]int32, downwards []int32) {
	at = make(map[directory.RoleID]int32, len(from))
	byKey := make(map[string]int32, len(from))
	s.roles = make([]role, len(from))
	for i := range from {
		s.roles[i] = role{id: from[i].ID, key: from[i].Key, name: from[i].Name, above: -1}
		at[from[i].ID], byKey[from[i].Key] = int32(i), int32(i)
	}
	below := make([][]int32, len(from))
	var roots []int32
	for i := range from {
		if parent, known := byKey[from[i].Parent]; known && from[i].Parent != "" {
			below[parent] = append(below[parent], int32(i))
			continue
		}
		roots = append(roots, int32(i))
	}
	number := int32(0)
	var walk func(r int32) // as deep as the tree: the directory allows 64 levels
	walk = func(r int32) {
		x := &s.roles[r]
		number++
		x.first = number
		downwards = append(downwards, r)
		for _, child := range below[r] {
			s.roles[child].above = r
			walk(child)
		}
		x.last = number
	}
	for _, r := range roots {
		walk(r)
	}
	for i := range s.roles {
		if x := &s.roles[i]; x.first == 0 { // in a cycle or below one
			number++
			x.first, x.last = number, number
			downwards = append(downwards, int32(i))
		}
	}
	return at, downwards
}
