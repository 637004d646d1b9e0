package authz

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"
)

// ownerSets are sets of owners, each of which has a number: two sets are the same where their numbers are, whichever of the
// two snapshots they come from.
type ownerSets struct {
	seed  maphash.Seed
	sets  []bitset
	known map[uint64][]int32 // by hash
	diffs map[[2]int32]*setDiff
}

// setDiff is what is in one set and not in another.
type setDiff struct {
	gained, lost bitset
	counted
}

// newOwnerSets has the empty set as number 0.
func newOwnerSets(owners int) *ownerSets {
	o := &ownerSets{seed: maphash.MakeSeed(), known: map[uint64][]int32{}, diffs: map[[2]int32]*setDiff{}}
	o.number(newBitset(owners))
	return o
}

// number finds the set's number; the set must not change afterwards.
func (o *ownerSets) number(b bitset) int32 {
	var h maphash.Hash
	h.SetSeed(o.seed)
	var word [8]byte
	for i, w := range b {
		if w != 0 {
			binary.LittleEndian.PutUint64(word[:], w^uint64(i)<<32)
			_, _ = h.Write(word[:])
		}
	}
	sum := h.Sum64()
	for _, n := range o.known[sum] {
		if slices.Equal(o.sets[n], b) {
			return n
		}
	}
	n := int32(len(o.sets))
	o.sets = append(o.sets, b)
	o.known[sum] = append(o.known[sum], n)
	return n
}

func (o *ownerSets) diff(before, after int32) *setDiff {
	key := [2]int32{before, after}
	if d := o.diffs[key]; d != nil {
		return d
	}
	a, b := o.sets[before], o.sets[after]
	d := &setDiff{gained: make(bitset, len(a)), lost: make(bitset, len(a))}
	for i := range a {
		d.gained[i], d.lost[i] = b[i]&^a[i], a[i]&^b[i]
		d.counted.gained += int32(bits.OnesCount64(d.gained[i]))
		d.counted.lost += int32(bits.OnesCount64(d.lost[i]))
	}
	o.diffs[key] = d
	return d
}

// side is one of the two snapshots, with its owners as sets. The owners are the members and then the groups of the first
// snapshot, in the order of that one.
type side struct {
	*Snapshot
	at     int64
	owners int
	sets   *ownerSets

	groupsOwn int // how many of the owners are groups

	memberAt []int32 // of each owner: who has the records at the moment; -1 for a group, or where it is not known here
	groupAt  []int32 // of each owner: the group; -1 for a member, or where it is not known here
	everyone int32   // set: all that are known here
	archived bitset  // whose records nobody changes without naming a new owner
	below    []int32 // set of each role: owners below it
	rules    []int32 // set of each rule: owners whose records it opens
	groups   []int32 // set of each standing: the groups; -1: not built yet
	reached  map[string]int32
	key      []byte
	inherits map[int32][]int32 // of members: the owners whose records they have beside their own
}

func newSide(s, first *Snapshot, at int64, sets *ownerSets) *side {
	x := &side{Snapshot: s, at: at, owners: len(first.members) + len(first.groups), groupsOwn: len(first.groups), sets: sets,
		reached: map[string]int32{}, inherits: map[int32][]int32{}}
	x.memberAt, x.groupAt, x.archived = make([]int32, x.owners), make([]int32, x.owners), newBitset(x.owners)
	all := newBitset(x.owners)
	for o := range x.owners {
		x.memberAt[o], x.groupAt[o] = -1, -1
		n := int32(o)
		if o < len(first.members) {
			i, known := s.memberAt[first.persons[o].id]
			if !known {
				continue
			}
			holder := s.ownerAt(i, at)
			x.memberAt[o] = holder
			if holder != i {
				x.inherits[holder] = append(x.inherits[holder], n)
			}
			if s.members[holder].held == heldArchived {
				x.archived.set(n)
			}
		} else if g, known := s.groupAt[first.groups[o-len(first.members)].id]; known {
			x.groupAt[o] = g
		} else {
			continue
		}
		all.set(n)
	}
	x.everyone = sets.number(all)
	x.below, x.rules, x.groups = x.belowRoles(), x.openRules(), make([]int32, len(s.parties))
	for i := range x.groups {
		x.groups[i] = -1
	}
	return x
}

// openRules builds the set of each rule: the owners whose records it opens.
func (x *side) openRules() []int32 {
	sets := newBitsets(len(x.Snapshot.rules), x.owners)
	for o := range x.owners {
		var from bitset
		if m := x.memberAt[o]; m >= 0 {
			from = x.parties[x.members[m].party].from
		} else if g := x.groupAt[o]; g >= 0 {
			from = x.Snapshot.groups[g].owned
		}
		from.visit(func(rule int32) { sets[rule].set(int32(o)) })
	}
	return x.numbers(sets)
}

// belowRoles builds the set of each role: the owners strictly below it.
func (x *side) belowRoles() []int32 {
	own, below := newBitsets(len(x.roles), x.owners), newBitsets(len(x.roles), x.owners)
	for o := range x.owners {
		if m := x.memberAt[o]; m >= 0 && x.members[m].role >= 0 {
			own[x.members[m].role].set(int32(o))
		}
	}
	upwards := make([]int32, len(x.roles))
	for i := range upwards {
		upwards[i] = int32(i)
	}
	slices.SortFunc(upwards, func(a, b int32) int { return cmp.Compare(x.roles[b].first, x.roles[a].first) })
	for _, r := range upwards { // a role comes after all that are below it
		if up := x.roles[r].above; up >= 0 {
			below[up].add(below[r])
			below[up].add(own[r])
		}
	}
	return x.numbers(below)
}

// ownGroups is the set of the groups that those in a standing are in.
func (x *side) ownGroups(p int32) int32 {
	if x.groups[p] < 0 {
		b := newBitset(x.owners)
		for o := len(x.memberAt) - x.groupsOwn; o < x.owners; o++ {
			if g := x.groupAt[o]; g >= 0 && x.parties[p].groups.has(g) {
				b.set(int32(o))
			}
		}
		x.groups[p] = x.sets.number(b)
	}
	return x.groups[p]
}

func newBitsets(n, size int) []bitset {
	out := make([]bitset, n)
	for i := range out {
		out[i] = newBitset(size)
	}
	return out
}

func (x *side) numbers(sets []bitset) []int32 {
	out := make([]int32, len(sets))
	for i := range sets {
		out[i] = x.sets.number(sets[i])
	}
	return out
}

// reach is the set of owners whose records somebody in a role and a standing gets at far enough, by what they share with
// others; their own come to it.
func (x *side) reach(role, party int32, m *module, need reach) int32 {
	key := x.key[:0]
	key = append(key, byte(one(need >= reachWrite && x.Snapshot.archived)))
	if m.level >= need {
		key = binary.AppendUvarint(key, uint64(x.everyone))
	} else {
		if role >= 0 {
			key = binary.AppendUvarint(key, uint64(x.below[role]))
		}
		key = binary.AppendUvarint(key, uint64(x.ownGroups(party)))
		end := m.ruleEnd
		switch need {
		case reachWrite:
			end = m.readOnly
		case reachFull:
			end = m.rule
		}
		to := x.parties[party].to
		for r := m.rule; r < end; r++ {
			if to.has(r) {
				key = binary.AppendUvarint(key, uint64(x.rules[r]))
			}
		}
	}
	x.key = key
	if n, known := x.reached[string(key)]; known {
		return n
	}
	b := newBitset(x.owners)
	for rest := key[1:]; len(rest) > 0; {
		n, size := binary.Uvarint(rest)
		b.add(x.sets.sets[n])
		rest = rest[size:]
	}
	if key[0] == 1 {
		for i, w := range x.archived {
			b[i] &^= w
		}
	}
	n := x.sets.number(b)
	x.reached[string(key)] = n
	return n
}

// visit calls f with what is in the set, from the least.
func (b bitset) visit(f func(i int32)) {
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			f(int32(i<<6 + bits.TrailingZeros64(w)))
		}
	}
}
