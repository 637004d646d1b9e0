package authz

import (
	"cmp"
	"slices"

	"portvakt/internal/directory"
)

// profileRules is a permission profile over the numbers of all actions and fields.
type profileRules struct {
	id        directory.ProfileID
	key, name string
	modules   bitset // those that it says anything of
	allows    bitset // actions
	ruled     bitset // the fields that it has a rule of its own for
	read      bitset // the fields that may be seen, by rule or else by the permission
	edit      bitset // the fields that may be changed as well
}

// profileSet is what the profiles of a role say together.
type profileSet struct {
	profiles          []int32 // sorted
	allows            bitset
	ruled, read, edit bitset
}

// pack is a package over the numbers of all actions.
type pack struct {
	key    string
	names  names
	allows bitset
}

func (s *Snapshot) compileProfiles(from []directory.Profile) map[string]int32 {
	s.profiles = make([]profileRules, len(from))
	for i := range from {
		s.profiles[i] = s.profileRules(&from[i])
	}
	slices.SortFunc(s.profiles, func(a, b profileRules) int { return cmp.Compare(a.key, b.key) })
	at := make(map[string]int32, len(from))
	for i := range s.profiles {
		at[s.profiles[i].key] = int32(i)
	}
	return at
}

func (s *Snapshot) profileRules(p *directory.Profile) profileRules {
	fields := func() bitset { return newBitset(int(s.fields)) }
	out := profileRules{p.ID, p.Key, p.Name, newBitset(len(s.modules)), newBitset(int(s.actions)), fields(), fields(), fields()}
	for key, pm := range p.Modules {
		i, known := s.moduleAt[key]
		if !known {
			continue
		}
		m := &s.modules[i]
		out.modules.set(i)
		for place, allowed := range []bool{pm.View, pm.Create, pm.Edit, pm.Delete} {
			if allowed {
				out.allows.set(m.action + int32(place))
			}
		}
		for _, tool := range pm.Tools {
			if place := after(actionTool, m.tools, tool); place >= 0 {
				out.allows.set(m.action + place)
			}
		}
		for n, field := range m.fields {
			number := m.field + int32(n)
			access, ruled := pm.Fields[field]
			if ruled {
				out.ruled.set(number)
			} else {
				access = byPermission(pm.View, pm.Create || pm.Edit)
			}
			if fieldRank[access] >= fieldRank[directory.FieldReadOnly] {
				out.read.set(number)
			}
			if access == directory.FieldEditable {
				out.edit.set(number)
			}
		}
	}
	return out
}

// profileSetOf builds what several profiles, sorted, say together: the most permissive counts.
func (s *Snapshot) profileSetOf(profiles []int32) profileSet {
	fields := func() bitset { return newBitset(int(s.fields)) }
	set := profileSet{profiles, newBitset(int(s.actions)), fields(), fields(), fields()}
	for _, i := range profiles {
		p := &s.profiles[i]
		set.allows.add(p.allows)
		set.ruled.add(p.ruled)
		set.read.add(p.read)
		set.edit.add(p.edit)
	}
	return set
}

// giveProfiles says of each role which profiles it has. The first set is the empty one, which those without role have.
func (s *Snapshot) giveProfiles(from []directory.Role, profileAt map[string]int32) {
	s.profileSets = []profileSet{s.profileSetOf(nil)}
	known := map[string]int32{"": 0}
	for i := range from {
		var list []int32
		for _, key := range from[i].Profiles {
			if p, is := profileAt[key]; is {
				list = append(list, p)
			}
		}
		slices.Sort(list)
		list = slices.Compact(list)
		key := numbersKey(nil, list)
		n, is := known[string(key)]
		if !is {
			n = int32(len(s.profileSets))
			s.profileSets = append(s.profileSets, s.profileSetOf(list))
			known[string(key)] = n
		}
		s.roles[i].profiles = n
	}
}

func (s *Snapshot) compilePackages(from []directory.Package) {
	s.packages = make([]pack, len(from))
	for i, p := range from {
		s.packages[i] = pack{p.Key, namesOf(p.Name), newBitset(int(s.actions))}
		for key, g := range p.Grants {
			if m, known := s.moduleAt[key]; known {
				s.grade(s.packages[i].allows, m, g)
			}
		}
	}
	slices.SortFunc(s.packages, func(a, b pack) int { return cmp.Compare(a.key, b.key) })
	s.packageAt = make(map[string]int32, len(s.packages))
	for i := range s.packages {
		s.packageAt[s.packages[i].key] = int32(i)
	}
}

// grade adds what a grade opens in a module; none opens nothing, and edit no tools.
func (s *Snapshot) grade(allows bitset, m int32, g directory.Grade) {
	first := s.modules[m].action
	switch g {
	case directory.GradeEdit:
		for place := actionView; place < actionTool; place++ {
			allows.set(first + place)
		}
	case directory.GradeView:
		allows.set(first + actionView)
	}
}
