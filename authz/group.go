package authz

import (
	"cmp"
	"slices"

	"portvakt/internal/directory"
)

// group is a group, and what being in it means.
type group struct {
	id        directory.GroupID
	key, name string
	in        []int32    // the groups that hold it directly
	roles     []roleSeat // the roles that it holds
	within    bitset     // itself and every group that holds it, through any number of others
	from, to  bitset     // the rules that open the records of those in it, or open others' to them
	owned     bitset     // the rules that open the records that it owns itself
}

// roleSeat is a role in a group, perhaps with everything below.
type roleSeat struct {
	role      int32
	withBelow bool
}

// compileGroups orders groups by key. Members of a group that are nowhere in the model are passed over.
func (s *Snapshot) compileGroups(m *directory.AccessModel, roleAt map[directory.RoleID]int32) {
	s.groups = make([]group, len(m.Groups))
	for i, g := range m.Groups {
		s.groups[i] = group{id: g.ID, key: g.Key, name: g.Name}
	}
	slices.SortFunc(s.groups, func(a, b group) int { return cmp.Or(cmp.Compare(a.key, b.key), compareID(a.id, b.id)) })
	s.groupAt = make(map[directory.GroupID]int32, len(s.groups))
	s.groupKey = make(map[string]int32, len(s.groups))
	for i := range s.groups {
		s.groupAt[s.groups[i].id], s.groupKey[s.groups[i].key] = int32(i), int32(i)
	}
	for i := range s.groups {
		g := &s.groups[i]
		for _, x := range m.GroupMembers[g.id] {
			if inner, known := s.groupAt[x.Group]; known && !x.Group.IsZero() {
				s.groups[inner].in = append(s.groups[inner].in, int32(i))
			}
			if r, known := roleAt[x.Role]; known && !x.Role.IsZero() {
				g.roles = append(g.roles, roleSeat{r, x.WithBelow})
			}
		}
	}
	for i := range s.groups {
		s.groups[i].within = s.holders(int32(i))
	}
}

// holders walks up from a group; each is met once, so that cycles end.
func (s *Snapshot) holders(g int32) bitset {
	met := newBitset(len(s.groups))
	met.set(g)
	todo := []int32{g}
	for len(todo) > 0 {
		x := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, outer := range s.groups[x].in {
			if !met.has(outer) {
				met.set(outer)
				todo = append(todo, outer)
			}
		}
	}
	return met
}

// seatRoles says of each role which groups whoever has it is in. Roles come from above downwards.
func (s *Snapshot) seatRoles(downwards []int32) {
	plain, below := make([]bitset, len(s.roles)), make([]bitset, len(s.roles))
	for i := range s.roles {
		plain[i], below[i] = newBitset(len(s.groups)), newBitset(len(s.groups))
	}
	for i := range s.groups {
		for _, seat := range s.groups[i].roles {
			if seat.withBelow {
				below[seat.role].add(s.groups[i].within)
			} else {
				plain[seat.role].add(s.groups[i].within)
			}
		}
	}
	for _, r := range downwards {
		if up := s.roles[r].above; up >= 0 {
			below[r].add(below[up])
		}
		plain[r].add(below[r])
		s.roles[r].groups = plain[r]
	}
}

// directGroups is which groups each member is in by name, sorted.
func (s *Snapshot) directGroups(m *directory.AccessModel) map[directory.MembershipID][]int32 {
	direct := map[directory.MembershipID][]int32{}
	for i := range s.groups {
		for _, x := range m.GroupMembers[s.groups[i].id] {
			if !x.Member.IsZero() {
				direct[x.Member] = append(direct[x.Member], int32(i))
			}
		}
	}
	for id, list := range direct {
		direct[id] = slices.Compact(list)
	}
	return direct
}

// Group finds a group by its outside id (grp_…) or its key.
//
// Invariant: what reads as an id is one, and never another group's key: whoever may choose a key takes nobody's records by it
// (TestAKeyIsNoOtherGroupsID).
func (s *Snapshot) Group(word string) (directory.GroupID, bool) {
	if id, err := directory.ParseGroupID(word); err == nil {
		_, known := s.groupAt[id]
		if !known {
			return directory.GroupID{}, false
		}
		return id, true
	}
	i, known := s.groupKey[word]
	if !known {
		return directory.GroupID{}, false
	}
	return s.groups[i].id, true
}

// Groups are the groups that a member is in effectively, by key.
func (s *Snapshot) Groups(member directory.MembershipID) []directory.GroupID {
	i, known := s.memberAt[member]
	if !known {
		return nil
	}
	list := s.parties[s.members[i].party].groups.list()
	out := make([]directory.GroupID, len(list))
	for n, g := range list {
		out[n] = s.groups[g].id
	}
	return out
}
