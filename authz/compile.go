package authz

import (
	"cmp"
	"encoding/binary"
	"slices"

	"portvakt/internal/directory"
)

// Compile builds the snapshot of a model. The model may be reused afterwards.
func Compile(m *directory.AccessModel) *Snapshot {
	s := &Snapshot{organization: m.Organization, version: m.Version, name: m.Name}
	s.compileModules(m.Modules, m.Sharing)
	s.compilePackages(m.Packages)
	profileAt := s.compileProfiles(m.Profiles)
	roleAt, downwards := s.compileRoles(m.Roles)
	s.giveProfiles(m.Roles, profileAt)
	s.compileGroups(m, roleAt)
	s.seatRoles(downwards)
	s.compileRules(m.Rules, roleAt)
	s.seatRules(downwards)
	s.compileSegments(m.Segments)
	s.compileMembers(m, roleAt)
	s.roleAt = roleAt
	s.size = s.measure()
	return s
}

// compileMembers sorts memberships by id, whatever order they come in.
func (s *Snapshot) compileMembers(m *directory.AccessModel, roleAt map[directory.RoleID]int32) {
	standings := standings{s: s, known: map[string]int32{}, direct: s.directGroups(m)}
	classes := classes{s: s, known: map[string]int32{}}
	rest := interned{s: s, sights: map[string]int32{}, duties: map[string]int32{}}
	s.members, s.persons = make([]member, len(m.Members)), make([]person, len(m.Members))
	s.memberAt = make(map[directory.MembershipID]int32, len(m.Members))
	s.newest = make(map[directory.UserID]int32, len(m.Members))
	s.order = make([]int32, len(m.Members))
	for i := range s.order {
		s.order[i] = int32(i)
	}
	slices.SortFunc(s.order, func(a, b int32) int { return compareID(m.Members[a].ID, m.Members[b].ID) })
	for n, i := range s.order {
		f := &m.Members[i]
		x := newMember(f)
		if r, known := roleAt[f.Role]; known && !f.Role.IsZero() {
			x.role = r
		}
		x.party, x.class = standings.of(f.ID, x.role), classes.of(f, x.kind, x.role)
		x.sight, x.duty = rest.sight(f), rest.duty(f)
		s.members[n], s.persons[n], s.order[n] = x, person{f.ID, f.User}, int32(n)
		s.memberAt[f.ID] = int32(n)
		s.addPerson(int32(n))
	}
	s.compileHeirs(m)
	s.archived = slices.ContainsFunc(s.members, func(x member) bool { return x.held == heldArchived })
	s.parties, s.classes, s.sights, s.duties = slices.Clip(s.parties), slices.Clip(s.classes), slices.Clip(s.sights), slices.Clip(s.duties)
}

// addPerson links a person's memberships, newest first. Members come by id, which is the order of their making.
func (s *Snapshot) addPerson(i int32) {
	user := s.persons[i].user
	if user.IsZero() {
		return
	}
	if older, known := s.newest[user]; known {
		s.members[i].older = older
	}
	s.newest[user] = i
}

// compileHeirs links successors, and notes when records pass on.
func (s *Snapshot) compileHeirs(m *directory.AccessModel) {
	for i := range m.Members {
		f := &m.Members[i]
		if f.Successor.IsZero() {
			continue
		}
		n := s.memberAt[f.ID]
		heir, known := s.memberAt[f.Successor]
		if !known {
			s.heirless = append(s.heirless, heirless{n, f.Successor})
			continue
		}
		s.members[n].heir = heir
	}
	s.notePassings()
}

// heirless is a member whose successor is not in the model.
type heirless struct {
	member int32
	heir   directory.MembershipID
}

// notePassings sorts the moments at which records pass on to a successor.
func (s *Snapshot) notePassings() {
	s.passings = nil
	for i := range s.members {
		if x := &s.members[i]; x.heir >= 0 && x.held != heldArchived && x.over != never && x.over != always {
			s.passings = append(s.passings, x.over)
		}
	}
	slices.Sort(s.passings)
	s.passings = slices.Clip(slices.Compact(s.passings))
}

// interned gives members who see the same segments, or have the same functions, the same number.
type interned struct {
	s              *Snapshot
	sights, duties map[string]int32
	buffer         []byte
}

func (x *interned) sight(f *directory.MemberFacts) int32 {
	x.buffer = x.buffer[:0]
	if f.EverySegment() {
		x.buffer = append(x.buffer, '*')
	} else {
		for _, key := range f.Segments {
			x.buffer = append(append(x.buffer, key...), ' ')
		}
	}
	if n, known := x.sights[string(x.buffer)]; known {
		return n
	}
	n := int32(len(x.s.sights))
	x.s.sights = append(x.s.sights, x.s.sightOf(f))
	x.sights[string(x.buffer)] = n
	return n
}

func (x *interned) duty(f *directory.MemberFacts) int32 {
	x.buffer = binary.AppendUvarint(x.buffer[:0], uint64(len(f.Functions)))
	for _, fn := range f.Functions {
		x.buffer = append(append(x.buffer, fn...), ' ')
	}
	if n, known := x.duties[string(x.buffer)]; known {
		return n
	}
	n := int32(len(x.s.duties))
	x.s.duties = append(x.s.duties, dutiesOf(f))
	x.duties[string(x.buffer)] = n
	return n
}

func dutiesOf(f *directory.MemberFacts) []string {
	out := []string{}
	for _, fn := range f.Functions {
		out = append(out, string(fn))
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(a, b) })
	return out
}
