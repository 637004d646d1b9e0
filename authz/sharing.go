package authz

import (
	"bytes"
	"cmp"
	"slices"

	"portvakt/internal/directory"
)

// rule is a sharing rule. Rules stand by module, those that open writing first, so that the ones which matter to a
// question are one run of numbers.
type rule struct {
	id       directory.SharingRuleID
	module   int32
	writes   bool
	from, to party
}

// party is one side of a rule: a group, or a role with or without everything below.
type party struct {
	role, group int32 // -1 for none
	withBelow   bool
}

func compareID[T ~[16]byte](a, b T) int { return bytes.Compare(a[:], b[:]) }

// compileRules leaves out what names nothing that is there, and what opens nothing.
func (s *Snapshot) compileRules(from []directory.SharingRule, roleAt map[directory.RoleID]int32) {
	partyOf := func(p directory.SharingParty) (party, bool) {
		out := party{-1, -1, p.WithBelow}
		if p.Role.IsZero() == p.Group.IsZero() {
			return out, false
		}
		if r, known := roleAt[p.Role]; known && !p.Role.IsZero() {
			out.role = r
		}
		if g, known := s.groupAt[p.Group]; known && !p.Group.IsZero() {
			out.group = g
		}
		return out, out.role >= 0 || out.group >= 0
	}
	for _, r := range from {
		m, known := s.moduleAt[r.Module]
		a, fromKnown := partyOf(r.From)
		b, toKnown := partyOf(r.To)
		if known && fromKnown && toKnown && (r.Access == directory.ShareRead || r.Access == directory.ShareReadWrite) {
			s.rules = append(s.rules, rule{r.ID, m, r.Access == directory.ShareReadWrite, a, b})
		}
	}
	slices.SortFunc(s.rules, func(a, b rule) int {
		return cmp.Or(cmp.Compare(a.module, b.module), writesFirst(a, b), compareID(a.id, b.id))
	})
	s.rules = slices.Clip(s.rules)
	n := int32(0)
	for i := range s.modules {
		m := &s.modules[i]
		for m.rule = n; n < int32(len(s.rules)) && s.rules[n].module == int32(i) && s.rules[n].writes; n++ {
		}
		for m.readOnly = n; n < int32(len(s.rules)) && s.rules[n].module == int32(i); n++ {
		}
		m.ruleEnd = n
	}
}

func writesFirst(a, b rule) int {
	switch {
	case a.writes == b.writes:
		return 0
	case a.writes:
		return -1
	}
	return 1
}

// seatRules says of each role and group which rules it is a side of. Roles come from above downwards.
func (s *Snapshot) seatRules(downwards []int32) {
	none := func() bitset { return newBitset(len(s.rules)) }
	for i := range s.groups {
		s.groups[i].from, s.groups[i].to, s.groups[i].owned = none(), none(), none()
	}
	below := make([]struct{ from, to bitset }, len(s.roles))
	for i := range s.roles {
		s.roles[i].from, s.roles[i].to = none(), none()
		below[i].from, below[i].to = none(), none()
	}
	for i, r := range s.rules {
		n := int32(i)
		switch {
		case r.from.group >= 0:
			s.groups[r.from.group].from.set(n)
		case r.from.withBelow:
			below[r.from.role].from.set(n)
		default:
			s.roles[r.from.role].from.set(n)
		}
		switch {
		case r.to.group >= 0:
			s.groups[r.to.group].to.set(n)
		case r.to.withBelow:
			below[r.to.role].to.set(n)
		default:
			s.roles[r.to.role].to.set(n)
		}
	}
	for _, r := range downwards {
		x := &s.roles[r]
		if x.above >= 0 {
			below[r].from.add(below[x.above].from)
			below[r].to.add(below[x.above].to)
		}
		x.from.add(below[r].from)
		x.to.add(below[r].to)
	}
	for i := range s.groups {
		for _, outer := range s.groups[i].within.list() {
			s.groups[i].owned.add(s.groups[outer].from)
		}
	}
}
