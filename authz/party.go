package authz

import (
	"encoding/binary"

	"portvakt/internal/directory"
)

// standing is how members with the same role and the same groups stand towards each other's records.
type standing struct {
	direct   []int32 // the groups that they are in by name
	groups   bitset  // all groups that they are in
	from, to bitset  // the rules that open their records, and those that open others' to them
}

// standingOf builds one; a role of -1 is none.
func (s *Snapshot) standingOf(role int32, direct []int32) standing {
	g, r := len(newBitset(len(s.groups))), len(newBitset(len(s.rules)))
	words := make(bitset, g+2*r) // side by side in memory, as they are looked at together
	p := standing{direct, words[:g:g], words[g : g+r : g+r], words[g+r:]}
	if role >= 0 {
		r := &s.roles[role]
		p.groups.add(r.groups)
		p.from.add(r.from)
		p.to.add(r.to)
	}
	for _, g := range direct {
		p.groups.add(s.groups[g].within)
	}
	for _, g := range p.groups.list() {
		p.from.add(s.groups[g].from)
		p.to.add(s.groups[g].to)
	}
	return p
}

// standings gives members who stand alike the same number.
type standings struct {
	s      *Snapshot
	known  map[string]int32
	direct map[directory.MembershipID][]int32
	buffer []byte
}

func (x *standings) of(member directory.MembershipID, role int32) int32 {
	direct := x.direct[member]
	x.buffer = binary.AppendVarint(x.buffer[:0], int64(role))
	for _, g := range direct {
		x.buffer = binary.AppendUvarint(x.buffer, uint64(g))
	}
	if n, known := x.known[string(x.buffer)]; known {
		return n
	}
	n := int32(len(x.s.parties))
	x.s.parties = append(x.s.parties, x.s.standingOf(role, direct))
	x.known[string(x.buffer)] = n
	return n
}
