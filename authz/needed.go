package authz

import "portvakt/internal/directory"

// suggestions is how many existing profiles or packages are named at most as what would have been needed.
const suggestions = 3

// denied is what stands in the way, and what would have to be otherwise.
func (x *explainer) denied(r Reason) (facts, needed []Fact) {
	me, q := &x.members[x.subject], x.q
	unknown := func(f Fact) ([]Fact, []Fact) { f.Kind = FactUnknown; return []Fact{f}, nil }
	switch r {
	case ReasonNotActive:
		return []Fact{{Kind: FactState, Member: x.me(), Word: x.state(me)}}, []Fact{{Kind: FactState, Member: x.me(), Word: string(directory.StateActive)}}
	case ReasonUnknownModule:
		return unknown(Fact{Word: "module", Module: q.Module})
	case ReasonUnknownAction:
		return unknown(Fact{Word: "action", Module: q.Module, Action: q.Action})
	case ReasonUnknownSegment:
		return unknown(Fact{Word: "segment", Segment: q.Segment})
	case ReasonUnknownField:
		return unknown(Fact{Word: "field", Module: q.Module, Field: q.Field})
	case ReasonUnknownOwner:
		return unknown(Fact{Word: "owner", Owner: q.Owner.Member, Group: q.Owner.Group})
	case ReasonSelfService:
		return []Fact{{Kind: FactLimited, Member: x.me(), Module: q.Module}},
			[]Fact{{Kind: FactSelfService, Member: x.me(), Module: q.Module}, {Kind: FactKind, Member: x.me(), Word: string(directory.Employee)}}
	case ReasonPermission:
		return []Fact{{Kind: FactForbidden, Member: x.me(), Module: q.Module, Action: q.Action}}, x.sourcesNeeded()
	case ReasonSegment:
		return []Fact{{Kind: FactBlind, Member: x.me(), Segment: q.Segment}}, []Fact{{Kind: FactSegment, Member: x.me(), Segment: q.Segment, Word: "assigned"}}
	case ReasonField:
		f := Fact{Kind: FactField, Member: x.me(), Module: q.Module, Field: q.Field, Word: string(x.classes[me.class].field(x.asked.field))}
		n := f
		if n.Word = string(directory.FieldReadOnly); x.asked.changes {
			n.Word = string(directory.FieldEditable)
		}
		return []Fact{f}, []Fact{n}
	case ReasonOwnerArchived:
		return append(x.succession(), Fact{Kind: FactArchived, Owner: x.persons[x.asked.owner].id}), []Fact{{Kind: FactNewOwner}}
	}
	return x.notShared()
}

// state is the membership's state; closed where that alone would let the member in.
func (x *explainer) state(me *member) string {
	state := me.stateAt(x.asked.at)
	if state == directory.StateActive {
		return "closed"
	}
	return string(state)
}

// sourcesNeeded names profiles and packages that would allow the action, and the grade that would.
func (x *explainer) sourcesNeeded() (out []Fact) {
	m := &x.modules[x.asked.module]
	base := Fact{Member: x.me(), Module: m.key, Action: x.q.Action}
	number := m.action + x.asked.place
	for i := range x.profiles {
		if x.profiles[i].allows.has(number) && len(out) < suggestions {
			f := base
			f.Kind, f.Profile = FactProfile, x.profiles[i].id
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		f := base
		f.Kind = FactProfile
		out = append(out, f)
	}
	profiles := len(out)
	for i := range x.packages {
		if x.packages[i].allows.has(number) && len(out)-profiles < suggestions {
			f := base
			f.Kind, f.Package = FactPackage, x.packages[i].key
			out = append(out, f)
		}
	}
	if x.asked.place < actionTool {
		f := base
		f.Kind, f.Word = FactGrant, string(directory.GradeEdit)
		if x.asked.place == actionView {
			f.Word = string(directory.GradeView)
		}
		out = append(out, f)
	}
	return out
}

func (x *explainer) notShared() (facts, needed []Fact) {
	m := &x.modules[x.asked.module]
	denial := Fact{Kind: FactNotShared, Member: x.me(), Module: m.key, Action: x.q.Action}
	rule := Fact{Kind: FactRule, Member: x.me(), Module: m.key, Word: accessWord(x.asked.need == reachWrite)}
	if x.asked.whose == whoseGroup {
		g := x.groups[x.asked.owner].id
		denial.Group, rule.Group = g, g
		needed = append(needed, Fact{Kind: FactMember, Member: x.me(), Group: g})
	} else {
		owner, role := x.persons[x.asked.owner].id, x.members[x.asked.owner].role
		denial.Owner, rule.Owner = owner, owner
		if role >= 0 && x.roles[role].above >= 0 {
			needed = append(needed, Fact{Kind: FactRoleAbove, Member: x.me(), Owner: owner, Role: x.roles[x.roles[role].above].id, Below: x.roles[role].id})
		}
	}
	needed = append(needed, Fact{Kind: FactDefault, Module: m.key, Word: string(levelWords[x.asked.need])})
	if x.asked.need < reachFull {
		needed = append(needed, rule)
	}
	return append(x.succession(), denial, x.sharingDefault()), needed
}
