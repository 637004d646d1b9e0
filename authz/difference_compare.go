package authz

import (
	"cmp"
	"slices"
	"time"

	"portvakt/internal/directory"
)

// Compare finds what changes for whom between two snapshots of an organization, at a moment.
func Compare(before, after *Snapshot, at time.Time) *Difference {
	return compare(before, after, at, func(int) {})
}

// compare tells how many members it has looked at.
func compare(before, after *Snapshot, at time.Time, progress func(done int)) *Difference {
	c := newComparison(before, after, at)
	for n := range c.people {
		c.member(&c.people[n])
		if n%512 == 511 {
			progress(n + 1)
		}
	}
	return c.difference()
}

// comparison is one running.
type comparison struct {
	*Difference
	sets          *ownerSets
	before, after *side
	people        []matched
	modules       []modulePair
	alike         map[alike]*fate
	may           map[[2]int32][]mayChange // by class before and after
}

// matched is a member in both snapshots; -1 where it is not known.
type matched struct {
	id            directory.MembershipID
	before, after int32
	owner         int32 // the number among owners; -1 where the first snapshot does not know it
}

// modulePair is a module in both snapshots; nil where there is none.
type modulePair struct {
	key           string
	before, after *module
	words         []string // actions of both
	fields        []string
	changes       []change
}

// alike is what people share for whom the same changes, but for the records that are their own. -1 is somebody who has no access.
type alike struct{ classBefore, classAfter, partyBefore, partyAfter int32 }

// fate is what changes for them.
type fate struct {
	modules []moduleFate
	none    bool
}

type moduleFate struct {
	may  *mayChange
	sets [3][2]int32 // of owners, before and after
}

func newComparison(before, after *Snapshot, at time.Time) *comparison {
	c := &comparison{alike: map[alike]*fate{}, may: map[[2]int32][]mayChange{}, sets: newOwnerSets(len(before.members) + len(before.groups)),
		Difference: &Difference{Organization: after.organization, Before: before.version, After: after.version, At: at}}
	now := at.UnixMicro()
	c.before, c.after = newSide(before, before, now, c.sets), newSide(after, before, now, c.sets)
	for _, i := range before.order {
		a, known := after.memberAt[before.persons[i].id]
		if !known {
			a = -1
		}
		c.people = append(c.people, matched{before.persons[i].id, i, a, i})
	}
	for _, i := range after.order {
		if id := after.persons[i].id; !before.Has(id) {
			c.people = append(c.people, matched{id, -1, i, -1})
		}
	}
	slices.SortFunc(c.people, func(a, b matched) int { return compareID(a.id, b.id) })
	for i := range before.modules {
		m := &before.modules[i]
		p := modulePair{key: m.key, before: m, words: wordsOf(m), fields: slices.Clone(m.fields)}
		if n, known := after.moduleAt[m.key]; known {
			p.after = &after.modules[n]
			p.words, p.fields = joined(p.words, wordsOf(p.after)), joined(p.fields, p.after.fields)
		}
		c.modules = append(c.modules, p)
	}
	for i := range after.modules {
		if m := &after.modules[i]; !before.hasModule(m.key) {
			c.modules = append(c.modules, modulePair{key: m.key, after: m, words: wordsOf(m), fields: slices.Clone(m.fields)})
		}
	}
	slices.SortFunc(c.modules, func(a, b modulePair) int { return cmp.Compare(a.key, b.key) })
	return c
}

func (s *Snapshot) hasModule(key string) bool {
	_, known := s.moduleAt[key]
	return known
}

func wordsOf(m *module) (words []string) {
	for place := range m.places() {
		words = append(words, m.word(place))
	}
	return words
}

func joined(a, b []string) []string {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}

// kindOf is what somebody shares with others on one side.
func (x *side) kindOf(i int32) (class, party int32) {
	if i < 0 || !x.members[i].activeAt(x.at) {
		return -1, -1
	}
	return x.members[i].class, x.members[i].party
}

// member notes what changes for one.
func (c *comparison) member(p *matched) {
	var k alike
	k.classBefore, k.partyBefore = c.before.kindOf(p.before)
	k.classAfter, k.partyAfter = c.after.kindOf(p.after)
	if k.classBefore < 0 && k.classAfter < 0 {
		return
	}
	f := c.alike[k]
	if f == nil {
		f = c.fateOf(k, p)
		c.alike[k] = f
	}
	inherits := len(c.before.inherits[p.before])+len(c.after.inherits[p.after]) > 0
	if f.none && !inherits {
		return
	}
	touched := false
	for n := range f.modules {
		m := &f.modules[n]
		x := change{member: p.id, may: m.may}
		for a := range recordPlaces {
			x.records[a] = c.countOwners(p, m, a)
		}
		if !m.may.none() || x.records != ([3]counted{}) {
			c.modules[n].changes = append(c.modules[n].changes, x)
			touched = true
		}
	}
	c.Members += one(touched)
}

// countOwners corrects what is shared with those who are alike by what is the member's own.
func (c *comparison) countOwners(p *matched, m *moduleFate, action int) counted {
	may, sets := m.may.allowed[action], m.sets[action]
	if !may.before && !may.after {
		return counted{}
	}
	d := c.sets.diff(sets[0], sets[1])
	out := d.counted
	own := func(o int32) {
		was, is := c.sets.sets[sets[0]].has(o), c.sets.sets[sets[1]].has(o)
		out.gained -= int32(one(is && !was))
		out.lost -= int32(one(was && !is))
		was = may.before && (was || c.before.memberAt[o] == p.before)
		is = may.after && (is || c.after.memberAt[o] == p.after)
		out.gained += int32(one(is && !was))
		out.lost += int32(one(was && !is))
	}
	if p.owner >= 0 {
		own(p.owner)
	}
	inherited := c.before.inherits[p.before]
	for _, o := range inherited {
		own(o)
	}
	for _, o := range c.after.inherits[p.after] {
		if !slices.Contains(inherited, o) {
			own(o)
		}
	}
	return out
}

// fateOf says what changes for all who are like p.
func (c *comparison) fateOf(k alike, p *matched) *fate {
	f := &fate{modules: make([]moduleFate, len(c.modules)), none: true}
	may := c.mayOf([2]int32{k.classBefore, k.classAfter})
	for n := range c.modules {
		m, x := &c.modules[n], &f.modules[n]
		x.may = &may[n]
		for i, place := range recordPlaces {
			if x.may.allowed[i].before {
				x.sets[i][0] = c.before.reach(c.before.members[p.before].role, k.partyBefore, m.before, needOf(place))
			}
			if x.may.allowed[i].after {
				x.sets[i][1] = c.after.reach(c.after.members[p.after].role, k.partyAfter, m.after, needOf(place))
			}
			f.none = f.none && x.sets[i][0] == x.sets[i][1] && x.may.allowed[i].before == x.may.allowed[i].after
		}
		f.none = f.none && x.may.none()
	}
	return f
}

// mayOf says, module by module, what changes for those of one class who come to be of another.
func (c *comparison) mayOf(classes [2]int32) []mayChange {
	if may := c.may[classes]; may != nil {
		return may
	}
	may := make([]mayChange, len(c.modules))
	for n := range c.modules {
		m, x := &c.modules[n], &may[n]
		for _, word := range m.words {
			was, is := c.before.allows(classes[0], m.before, word), c.after.allows(classes[1], m.after, word)
			switch {
			case is && !was:
				x.gained = append(x.gained, word)
			case was && !is:
				x.lost = append(x.lost, word)
			}
			if i := slices.Index(recordPlaces[:], int32(slices.Index(actionWords[:], word))); i >= 0 {
				x.allowed[i] = allowance{was, is}
			}
		}
		for _, field := range m.fields {
			was, is := c.before.fieldOf(classes[0], m.before, field), c.after.fieldOf(classes[1], m.after, field)
			if was != is {
				x.fields = append(x.fields, FieldChange{field, was, is})
			}
		}
	}
	c.may[classes] = may
	return may
}

func (x *side) allows(class int32, m *module, word string) bool {
	if class < 0 || m == nil {
		return false
	}
	place := m.place(word)
	return place >= 0 && x.classes[class].allows.has(m.action+place)
}

func (x *side) fieldOf(class int32, m *module, field string) directory.FieldAccess {
	if class < 0 || m == nil {
		return directory.FieldHidden
	}
	n := m.fieldNumber(field)
	if n < 0 {
		return directory.FieldHidden
	}
	return x.classes[class].field(n)
}

// difference puts the modules' changes together.
func (c *comparison) difference() *Difference {
	for i := range c.modules {
		if m := &c.modules[i]; len(m.changes) > 0 {
			first := len(c.changes)
			c.changes = append(c.changes, m.changes...)
			c.count(m.key, m.words, first)
		}
	}
	return c.Difference
}
