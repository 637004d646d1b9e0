package authz

import (
	"bytes"
	"slices"

	"portvakt/internal/directory"
)

// explain is the chain of facts by the plain reading; decide has answered already.
func (w slow) explain(r Reason) (facts, needed []Fact) {
	if r <= ReasonShared {
		me := w.member(w.q.Subject)
		facts = append(facts, *w.source(me, w.q.Module, w.q.Action))
		if me.Kind == directory.Limited {
			facts = append(facts, Fact{Kind: "self_service", Member: me.ID, Module: w.q.Module})
		}
		if w.q.Segment != "" {
			word := "assigned"
			if me.AllSegments {
				word = "all"
			}
			if me.Administrator {
				word = "administrator"
			}
			facts = append(facts, Fact{Kind: "segment", Member: me.ID, Segment: w.q.Segment, Word: word})
		}
		if w.q.Field != "" {
			facts = append(facts, Fact{Kind: "field", Member: me.ID, Module: w.q.Module, Field: w.q.Field, Word: string(w.field(me, w.q.Module, w.q.Field))})
		}
		return append(facts, w.reached(r, me)...), nil
	}
	return w.denial(r)
}

func (w slow) succession() (out []Fact) {
	if w.q.Owner.Member.IsZero() {
		return nil
	}
	c := w.chain(w.q.Owner.Member)
	for i := 1; i < len(c); i++ {
		out = append(out, Fact{Kind: "successor", Member: c[i-1], Heir: c[i]})
	}
	return out
}

func (w slow) reached(r Reason, me *directory.MemberFacts) []Fact {
	level, _ := w.level()
	switch r {
	case ReasonOwner:
		return append(w.succession(), Fact{Kind: "owner", Member: me.ID})
	case ReasonGroup:
		return append(w.way(me, w.q.Owner.Group), Fact{Kind: "group_owner", Group: w.q.Owner.Group})
	case ReasonRoleAbove:
		return append(w.succession(), Fact{Kind: "role_above", Member: me.ID, Owner: w.owner().ID, Role: me.Role, Below: w.owner().Role})
	case ReasonDefault:
		return []Fact{{Kind: "sharing_default", Module: w.q.Module, Word: level}}
	case ReasonShared:
		return append(w.succession(), w.rule(me)...)
	}
	return nil
}

// rule is the rule that needs the fewest facts.
func (w slow) rule(me *directory.MemberFacts) []Fact {
	var best []Fact
	rules := slices.Clone(w.m.Rules)
	slices.SortFunc(rules, func(a, b directory.SharingRule) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	for _, r := range rules {
		if !w.opens(r) {
			continue
		}
		var chain []Fact
		if !w.q.Owner.Group.IsZero() {
			chain = w.nested(w.q.Owner.Group, r.From.Group)
		} else {
			chain = w.onSide(w.owner(), r.From)
		}
		chain = append(chain, w.onSide(me, r.To)...)
		chain = append(chain, Fact{Kind: "sharing_rule", Rule: r.ID, Module: r.Module, From: sideOf(r.From), To: sideOf(r.To), Word: string(r.Access)})
		if best == nil || len(chain) < len(best) {
			best = chain
		}
	}
	return best
}

func sideOf(p directory.SharingParty) Side {
	if !p.Group.IsZero() {
		return Side{Group: p.Group}
	}
	return Side{Role: p.Role, WithBelow: p.WithBelow}
}

func (w slow) onSide(m *directory.MemberFacts, p directory.SharingParty) []Fact {
	if !p.Group.IsZero() {
		return w.way(m, p.Group)
	}
	return []Fact{w.roleFact(m, p.Role)}
}

func (w slow) roleFact(m *directory.MemberFacts, role directory.RoleID) Fact {
	if m.Role == role {
		return Fact{Kind: "role", Member: m.ID, Role: role}
	}
	return Fact{Kind: "role", Member: m.ID, Role: role, Below: m.Role}
}

// way tries chains of one fact, of two, and so on.
func (w slow) way(m *directory.MemberFacts, g directory.GroupID) []Fact {
	for n := 1; ; n++ {
		if chain := w.wayOf(m, g, n); chain != nil {
			return chain
		}
	}
}

func (w slow) wayOf(m *directory.MemberFacts, g directory.GroupID, n int) []Fact {
	if n == 1 {
		if slices.Contains(w.m.GroupMembers[g], directory.GroupMember{Member: m.ID}) {
			return []Fact{{Kind: "group_member", Member: m.ID, Group: g}}
		}
		return nil
	}
	if n == 2 {
		if chain := w.byRole(m, g); chain != nil {
			return chain
		}
	}
	for _, inner := range w.inside(g) {
		if chain := w.wayOf(m, inner, n-1); chain != nil {
			return append(chain, Fact{Kind: "group_in_group", Inner: inner, Group: g})
		}
	}
	return nil
}

func (w slow) byRole(m *directory.MemberFacts, g directory.GroupID) []Fact {
	if w.role(m.Role) == nil {
		return nil
	}
	for i, role := range append([]directory.RoleID{m.Role}, w.rolesAbove(m.Role)...) {
		for _, withBelow := range []bool{false, true} {
			if (i == 0 || withBelow) && slices.Contains(w.m.GroupMembers[g], directory.GroupMember{Role: role, WithBelow: withBelow}) {
				f := Fact{Kind: "group_role", Role: role, Group: g}
				if withBelow {
					f.Word = "with_below"
				}
				return []Fact{w.roleFact(m, role), f}
			}
		}
	}
	return nil
}

// inside are the groups that a group holds, by key.
func (w slow) inside(g directory.GroupID) (out []directory.GroupID) {
	groups := slices.Clone(w.m.Groups)
	slices.SortFunc(groups, func(a, b directory.Group) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
	for _, x := range groups {
		if slices.Contains(w.m.GroupMembers[g], directory.GroupMember{Group: x.ID}) {
			out = append(out, x.ID)
		}
	}
	return out
}

func (w slow) nested(inner, outer directory.GroupID) []Fact {
	for n := 0; ; n++ {
		if chain, found := w.nestedIn(inner, outer, n); found {
			return chain
		}
	}
}

func (w slow) nestedIn(inner, outer directory.GroupID, n int) ([]Fact, bool) {
	if n == 0 {
		return nil, inner == outer
	}
	for _, x := range w.inside(outer) {
		if chain, found := w.nestedIn(inner, x, n-1); found {
			return append(chain, Fact{Kind: "group_in_group", Inner: x, Group: outer}), true
		}
	}
	return nil, false
}

// denial is what denies, and what would have been needed.
func (w slow) denial(r Reason) (facts, needed []Fact) {
	q, me := w.q, w.member(w.q.Subject)
	switch r {
	case ReasonUnknownSubject:
		return []Fact{{Kind: "unknown", Word: "subject", Member: q.Subject}}, nil
	case ReasonNotActive:
		word := string(me.State(q.At))
		if word == "active" {
			word = "closed"
		}
		return []Fact{{Kind: "state", Member: me.ID, Word: word}}, []Fact{{Kind: "state", Member: me.ID, Word: "active"}}
	case ReasonUnknownModule:
		return []Fact{{Kind: "unknown", Word: "module", Module: q.Module}}, nil
	case ReasonUnknownAction:
		return []Fact{{Kind: "unknown", Word: "action", Module: q.Module, Action: q.Action}}, nil
	case ReasonUnknownOwner:
		return []Fact{{Kind: "unknown", Word: "owner", Owner: q.Owner.Member, Group: q.Owner.Group}}, nil
	case ReasonUnknownSegment:
		return []Fact{{Kind: "unknown", Word: "segment", Segment: q.Segment}}, nil
	case ReasonUnknownField:
		return []Fact{{Kind: "unknown", Word: "field", Module: q.Module, Field: q.Field}}, nil
	case ReasonPermission:
		return []Fact{{Kind: "no_permission", Member: me.ID, Module: q.Module, Action: q.Action}}, w.sources(me)
	case ReasonSelfService:
		return []Fact{{Kind: "limited", Member: me.ID, Module: q.Module}},
			[]Fact{{Kind: "self_service", Member: me.ID, Module: q.Module}, {Kind: "member_kind", Member: me.ID, Word: "employee"}}
	case ReasonSegment:
		return []Fact{{Kind: "no_segment", Member: me.ID, Segment: q.Segment}}, []Fact{{Kind: "segment", Member: me.ID, Segment: q.Segment, Word: "assigned"}}
	case ReasonField:
		want := "read_only"
		if w.changesField() {
			want = "editable"
		}
		return []Fact{{Kind: "field", Member: me.ID, Module: q.Module, Field: q.Field, Word: string(w.field(me, q.Module, q.Field))}},
			[]Fact{{Kind: "field", Member: me.ID, Module: q.Module, Field: q.Field, Word: want}}
	case ReasonOwnerArchived:
		return append(w.succession(), Fact{Kind: "archived", Owner: w.owner().ID}), []Fact{{Kind: "new_owner"}}
	}
	return w.unshared(me)
}

// sources are three profiles and three packages at most, and a grade.
func (w slow) sources(me *directory.MemberFacts) (out []Fact) {
	f := func(x Fact) Fact { x.Member, x.Module, x.Action = me.ID, w.q.Module, w.q.Action; return x }
	tools := w.module(w.q.Module).Tools
	profiles, packages := slices.Clone(w.m.Profiles), slices.Clone(w.m.Packages)
	slices.SortFunc(profiles, func(a, b directory.Profile) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
	slices.SortFunc(packages, func(a, b directory.Package) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
	n := 0
	for _, p := range profiles {
		if profileAllows(p, w.q.Module, w.q.Action) && n < 3 {
			out, n = append(out, f(Fact{Kind: "profile", Profile: p.ID})), n+1
		}
	}
	if n == 0 {
		out = append(out, f(Fact{Kind: "profile"}))
	}
	n = 0
	for _, p := range packages {
		if gradeAllows(p.Grants[w.q.Module], w.q.Action) && n < 3 {
			out, n = append(out, f(Fact{Kind: "package", Package: p.Key})), n+1
		}
	}
	switch {
	case w.q.Action == "view":
		out = append(out, f(Fact{Kind: "grant", Word: "view"}))
	case !slices.Contains(tools, w.q.Action):
		out = append(out, f(Fact{Kind: "grant", Word: "edit"}))
	}
	return out
}

func (w slow) unshared(me *directory.MemberFacts) (facts, needed []Fact) {
	level, _ := w.level()
	owner, group := directory.MembershipID{}, w.q.Owner.Group
	if group.IsZero() {
		owner = w.owner().ID
		if above := w.rolesAbove(w.owner().Role); len(above) > 0 {
			needed = append(needed, Fact{Kind: "role_above", Member: me.ID, Owner: owner, Role: above[0], Below: w.owner().Role})
		}
	} else {
		needed = append(needed, Fact{Kind: "group_member", Member: me.ID, Group: group})
	}
	word := []string{"", "public_read", "public_read_write", "public_full"}[w.needed()]
	needed = append(needed, Fact{Kind: "sharing_default", Module: w.q.Module, Word: word})
	if w.needed() < 3 {
		needed = append(needed, Fact{Kind: "sharing_rule", Member: me.ID, Owner: owner, Group: group, Module: w.q.Module, Word: []string{"", "read", "read_write"}[w.needed()]})
	}
	facts = append(w.succession(), Fact{Kind: "not_shared", Member: me.ID, Owner: owner, Group: group, Module: w.q.Module, Action: w.q.Action},
		Fact{Kind: "sharing_default", Module: w.q.Module, Word: level})
	return facts, needed
}
