package authz

import "slices"

// distances are how many facts it takes at least to be in each group.
type distances map[int32]int

// spread carries distances on to the groups that hold those already reached.
func (s *Snapshot) spread(d distances) {
	for level := 0; ; level++ {
		met, more := false, false
		for g, at := range d {
			more = more || at > level
			if at != level {
				continue
			}
			met = true
			for _, outer := range s.groups[g].in {
				if was, known := d[outer]; !known || was > level+1 {
					d[outer] = level + 1
				}
			}
		}
		if !met && !more {
			return
		}
	}
}

// wayIn is the shortest chain of facts by which a member is in a group: by name, or by role, and on through groups in
// groups; of equally short ones the first by the keys of the groups, from the outermost inwards.
func (s *Snapshot) wayIn(i, g int32) []Fact {
	x := &s.members[i]
	d := distances{}
	for n := range s.groups {
		if _, holds := s.seatOf(int32(n), x.role); holds {
			d[int32(n)] = 2
		}
	}
	for _, direct := range s.parties[x.party].direct {
		d[direct] = 1
	}
	start := distances{}
	for n, at := range d {
		start[n] = at
	}
	s.spread(d)
	chain := []Fact{}
	for d[g] != start[g] { // the first that leads here is found from the end
		inner := s.innerAt(d, g)
		chain = append(chain, Fact{Kind: FactNesting, Inner: s.groups[inner].id, Group: s.groups[g].id})
		g = inner
	}
	if d[g] == 1 {
		chain = append(chain, Fact{Kind: FactMember, Member: s.persons[i].id, Group: s.groups[g].id})
	} else {
		seat, _ := s.seatOf(g, x.role)
		f := Fact{Kind: FactGroupRole, Role: s.roles[seat.role].id, Group: s.groups[g].id}
		if seat.withBelow {
			f.Word = "with_below"
		}
		chain = append(chain, f, s.hasRole(i, seat.role))
	}
	slices.Reverse(chain)
	return chain
}

// nesting is the shortest chain from a group at distance 0 to one that holds it.
func (s *Snapshot) nesting(d distances, g int32) []Fact {
	s.spread(d)
	var chain []Fact
	for d[g] != 0 {
		inner := s.innerAt(d, g)
		chain = append(chain, Fact{Kind: FactNesting, Inner: s.groups[inner].id, Group: s.groups[g].id})
		g = inner
	}
	slices.Reverse(chain)
	return chain
}

// innerAt is the first group in g that is one fact nearer.
func (s *Snapshot) innerAt(d distances, g int32) int32 {
	for n := range s.groups {
		at, known := d[int32(n)]
		if known && at == d[g]-1 && slices.Contains(s.groups[n].in, g) {
			return int32(n)
		}
	}
	return g // not met: a group that was reached has one nearer
}

// seatOf is how a group holds a role: for itself, or with everything below the role or the nearest one above it.
func (s *Snapshot) seatOf(g, r int32) (roleSeat, bool) {
	for x := r; x >= 0; x = s.roles[x].above {
		for _, withBelow := range []bool{false, true} {
			if seat := (roleSeat{x, withBelow}); (withBelow || x == r) && slices.Contains(s.groups[g].roles, seat) {
				return seat, true
			}
		}
	}
	return roleSeat{}, false
}
