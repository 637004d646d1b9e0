package authz

import (
	"cmp"
	"encoding/binary"
	"slices"

	"portvakt/internal/directory"
)

// class is what members with the same profiles, packages and grants may do in the modules.
type class struct {
	profiles int32   // a number into profileSets
	packages []int32 // sorted
	grants   []grant // by module
	allows   bitset  // actions
	read     bitset  // fields that may be seen
	edit     bitset  // fields that may be changed
}

// grant is a member's own grade in a module.
type grant struct {
	module int32
	grade  directory.Grade
}

// sources are where a member's permissions come from.
type sources struct {
	kind     kind
	profiles int32
	packages []int32
	grants   []grant
}

// classOf builds a class.
func (s *Snapshot) classOf(from sources) class {
	set := &s.profileSets[from.profiles]
	c := class{from.profiles, slices.Clone(from.packages), slices.Clone(from.grants),
		newBitset(int(s.actions)), newBitset(int(s.fields)), newBitset(int(s.fields))}
	if from.kind == kindContact {
		return c
	}
	c.allows.add(set.allows)
	for _, p := range from.packages {
		c.allows.add(s.packages[p].allows)
	}
	for _, g := range from.grants {
		s.grade(c.allows, g.module, g.grade)
	}
	for i := range s.modules {
		m := &s.modules[i]
		if from.kind == kindLimited && !m.selfService {
			for place := range m.places() {
				c.allows.clear(m.action + place)
			}
			continue
		}
		c.openFields(m, set)
	}
	return c
}

// openFields lets the profiles decide where one of them has a rule for the field, else the permission. No field is open
// further than its module; Permissions says the same of one member's facts.
func (c *class) openFields(m *module, set *profileSet) {
	edit := c.allows.has(m.action+actionCreate) || c.allows.has(m.action+actionEdit)
	read := edit || c.allows.has(m.action+actionView)
	for n := range m.fields {
		f := m.field + int32(n)
		byProfile := set.ruled.has(f)
		if read && (!byProfile || set.read.has(f)) {
			c.read.set(f)
		}
		if edit && (!byProfile || set.edit.has(f)) {
			c.edit.set(f)
		}
	}
}

// classes gives members with the same permissions the same number.
type classes struct {
	s        *Snapshot
	known    map[string]int32
	buffer   []byte
	packages []int32
	grants   []grant
}

func (x *classes) of(m *directory.MemberFacts, k kind, role int32) int32 {
	from := x.sourcesOf(m, k, role)
	x.buffer = append(x.buffer[:0], byte(k))
	x.buffer = binary.AppendUvarint(x.buffer, uint64(from.profiles))
	x.buffer = binary.AppendUvarint(x.buffer, uint64(len(from.packages)))
	x.buffer = numbersKey(x.buffer, from.packages)
	for _, g := range from.grants {
		x.buffer = binary.AppendUvarint(x.buffer, uint64(g.module))
		x.buffer = append(append(x.buffer, g.grade...), 0)
	}
	if n, known := x.known[string(x.buffer)]; known {
		return n
	}
	n := int32(len(x.s.classes))
	x.s.classes = append(x.s.classes, x.s.classOf(from))
	x.known[string(x.buffer)] = n
	return n
}

// sourcesOf is good until the next call.
func (x *classes) sourcesOf(m *directory.MemberFacts, k kind, role int32) sources {
	x.packages, x.grants = x.packages[:0], x.grants[:0]
	for _, key := range m.Packages {
		if p, known := x.s.packageAt[key]; known {
			x.packages = append(x.packages, p)
		}
	}
	for key, g := range m.Grants {
		if module, known := x.s.moduleAt[key]; known {
			x.grants = append(x.grants, grant{module, gradeWord(g)})
		}
	}
	slices.Sort(x.packages)
	slices.SortFunc(x.grants, func(a, b grant) int { return cmp.Compare(a.module, b.module) })
	from := sources{kind: kindFull, packages: slices.Compact(x.packages), grants: x.grants}
	if k == kindLimited || k == kindContact {
		from.kind = k
	}
	if role >= 0 {
		from.profiles = x.s.roles[role].profiles
	}
	return from
}

// gradeWord is one of our own words, so that the text of a row is not held by every class; any other opens nothing.
func gradeWord(g directory.Grade) directory.Grade {
	switch g {
	case directory.GradeEdit:
		return directory.GradeEdit
	case directory.GradeView:
		return directory.GradeView
	}
	return directory.GradeNone
}

// numbersKey appends numbers to a key of a table.
func numbersKey(key []byte, list []int32) []byte {
	for _, n := range list {
		key = binary.AppendUvarint(key, uint64(n))
	}
	return key
}
