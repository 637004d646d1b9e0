package authz

import "portvakt/internal/directory"

// Explain answers a question with the shortest chain of facts that decides it: for a permission what gives the action,
// and what opens the record; for a denial what stands in the way first, and what would have to be otherwise.
//
// Invariant: the decision is Decide's, and every fact is a row of the model (TestTheFastAndTheSlowAgree).
func (s *Snapshot) Explain(q Question) Explanation {
	e := Explanation{in: s}
	subject, known := s.memberAt[q.Subject]
	if !known {
		e.Decision, e.Facts = because(ReasonUnknownSubject), []Fact{{Kind: FactUnknown, Word: "subject", Member: q.Subject}}
		return e
	}
	x := explainer{Snapshot: s, q: &q, subject: subject}
	s.read(&q, &x.asked)
	e.Decision = because(s.decide(&x.asked, subject))
	if e.Allowed {
		e.Facts = append(x.permission(), x.reached(e.Reason)...)
		return e
	}
	e.Facts, e.Needed = x.denied(e.Reason)
	return e
}

// explainer is one question on its way to an explanation.
type explainer struct {
	*Snapshot
	q       *Question
	asked   asked
	subject int32
}

// me is the subject's id.
func (x *explainer) me() directory.MembershipID { return x.persons[x.subject].id }

// permission is what lets the subject do the action in the module, the segment and the field.
func (x *explainer) permission() []Fact {
	m, me := &x.modules[x.asked.module], &x.members[x.subject]
	c := &x.classes[me.class]
	out := []Fact{x.source(m, c)}
	if me.kind == kindLimited {
		out = append(out, Fact{Kind: FactSelfService, Member: x.me(), Module: m.key})
	}
	if x.asked.segment != none {
		out = append(out, x.seen(me))
	}
	if x.asked.field != none {
		out = append(out, Fact{Kind: FactField, Member: x.me(), Module: m.key, Field: x.q.Field, Word: string(c.field(x.asked.field))})
	}
	return out
}

// source is the first of the profiles, the packages and the member's own grants that allows the action.
func (x *explainer) source(m *module, c *class) Fact {
	me, number := &x.members[x.subject], m.action+x.asked.place
	f := Fact{Member: x.me(), Module: m.key, Action: x.q.Action}
	for _, p := range x.profileSets[c.profiles].profiles {
		if x.profiles[p].allows.has(number) {
			f.Kind, f.Profile, f.Role = FactProfile, x.profiles[p].id, x.roles[me.role].id
			return f
		}
	}
	f.Word = string(directory.GradeEdit)
	for _, p := range c.packages {
		if allows := x.packages[p].allows; allows.has(number) {
			if !allows.has(m.action + actionEdit) {
				f.Word = string(directory.GradeView)
			}
			f.Kind, f.Package = FactPackage, x.packages[p].key
			return f
		}
	}
	f.Kind = FactGrant
	for _, g := range c.grants {
		if g.module == x.asked.module {
			f.Word = string(g.grade)
		}
	}
	return f
}

func (x *explainer) seen(me *member) Fact {
	f := Fact{Kind: FactSegment, Member: x.me(), Segment: x.q.Segment, Word: "assigned"}
	switch {
	case me.traits&administrator != 0:
		f.Word = "administrator"
	case x.sights[me.sight].every:
		f.Word = "all"
	}
	return f
}

// reached is what opens the record, by the reason.
func (x *explainer) reached(r Reason) []Fact {
	me := &x.members[x.subject]
	switch r {
	case ReasonOwner:
		return append(x.succession(), Fact{Kind: FactOwner, Member: x.me()})
	case ReasonGroup:
		return append(x.wayIn(x.subject, x.asked.owner), Fact{Kind: FactGroupOwner, Group: x.groups[x.asked.owner].id})
	case ReasonRoleAbove:
		owner := x.members[x.asked.owner].role
		return append(x.succession(), Fact{Kind: FactRoleAbove, Member: x.me(), Owner: x.persons[x.asked.owner].id, Role: x.roles[me.role].id, Below: x.roles[owner].id})
	case ReasonDefault:
		return []Fact{x.sharingDefault()}
	case ReasonShared:
		return append(x.succession(), x.shared()...)
	}
	return nil
}

func (x *explainer) sharingDefault() Fact {
	m := &x.modules[x.asked.module]
	return Fact{Kind: FactDefault, Module: m.key, Word: string(levelWords[m.level])}
}

// succession is the chain from the owner whom the question names to the one whose the record is now.
func (x *explainer) succession() []Fact {
	var out []Fact
	if x.asked.whose != whoseMember {
		return out
	}
	for i := x.memberAt[x.q.Owner.Member]; i != x.asked.owner; i = x.members[i].heir {
		out = append(out, Fact{Kind: FactSuccessor, Member: x.persons[i].id, Heir: x.persons[x.members[i].heir].id})
	}
	return out
}

// shared is the rule that takes the fewest facts to apply, the first by id of several.
func (x *explainer) shared() []Fact {
	m, to := &x.modules[x.asked.module], x.parties[x.members[x.subject].party].to
	end := m.ruleEnd
	if x.asked.need == reachWrite {
		end = m.readOnly
	}
	var best []Fact
	chosen := int32(-1)
	for i := m.rule; i < end; i++ {
		if !x.asked.from.has(i) || !to.has(i) {
			continue
		}
		r := &x.rules[i]
		facts := append(x.ownerSide(r.from), x.memberSide(x.subject, r.to)...)
		if chosen < 0 || len(facts) < len(best) || len(facts) == len(best) && compareID(r.id, x.rules[chosen].id) < 0 {
			best, chosen = facts, i
		}
	}
	r := &x.rules[chosen]
	return append(best, Fact{Kind: FactRule, Rule: r.id, Module: m.key, From: x.side(r.from), To: x.side(r.to), Word: accessWord(r.writes)})
}

// ownerSide is why the owner is on that side of a rule.
func (x *explainer) ownerSide(p party) []Fact {
	if x.asked.whose == whoseGroup {
		return x.nesting(distances{x.asked.owner: 0}, p.group)
	}
	return x.memberSide(x.asked.owner, p)
}

func (x *explainer) memberSide(i int32, p party) []Fact {
	if p.group >= 0 {
		return x.wayIn(i, p.group)
	}
	return []Fact{x.hasRole(i, p.role)}
}

// hasRole says that a member has a role, or one below it.
func (s *Snapshot) hasRole(i, r int32) Fact {
	f := Fact{Kind: FactRole, Member: s.persons[i].id, Role: s.roles[r].id}
	if own := s.members[i].role; own != r {
		f.Below = s.roles[own].id
	}
	return f
}
