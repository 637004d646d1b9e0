package authz

import (
	"maps"
	"slices"

	"portvakt/internal/directory"
)

// slow answers one question by reading the rules plainly from the rows, over and over. It shares no code with the
// snapshot, so that both would have to be wrong in the same way.
type slow struct {
	m *directory.AccessModel
	q Question
}

func firstOf[T any](list []T, is func(*T) bool) *T {
	for i := range list {
		if is(&list[i]) {
			return &list[i]
		}
	}
	return nil
}

func (w slow) member(id directory.MembershipID) *directory.MemberFacts {
	return firstOf(w.m.Members, func(x *directory.MemberFacts) bool { return x.ID == id })
}

func (w slow) role(id directory.RoleID) *directory.Role {
	return firstOf(w.m.Roles, func(x *directory.Role) bool { return x.ID == id })
}

func (w slow) module(key string) *directory.Module {
	return firstOf(w.m.Modules, func(x *directory.Module) bool { return x.Key == key })
}

func (w slow) group(id directory.GroupID) *directory.Group {
	return firstOf(w.m.Groups, func(x *directory.Group) bool { return x.ID == id })
}

// rolesAbove are those strictly above, the nearest first; none where the way up goes round in a circle.
func (w slow) rolesAbove(id directory.RoleID) []directory.RoleID {
	at, seen, out := w.role(id), map[directory.RoleID]bool{id: true}, []directory.RoleID{}
	for at != nil && at.Parent != "" {
		parent := at.Parent
		at = firstOf(w.m.Roles, func(x *directory.Role) bool { return x.Key == parent })
		if at != nil {
			if seen[at.ID] {
				return nil
			}
			seen[at.ID] = true
			out = append(out, at.ID)
		}
	}
	return out
}

// has reports whether a role is the wanted one, or counts as it because everything below does.
func (w slow) has(role, wanted directory.RoleID, withBelow bool) bool {
	if w.role(role) == nil || w.role(wanted) == nil {
		return false
	}
	return role == wanted || withBelow && slices.Contains(w.rolesAbove(role), wanted)
}

// in reports whether a member is in a group, through whatever it holds; seen ends circles.
func (w slow) in(m *directory.MemberFacts, g directory.GroupID, seen map[directory.GroupID]bool) bool {
	if seen[g] || w.group(g) == nil {
		return false
	}
	seen = maps.Clone(seen)
	if seen == nil {
		seen = map[directory.GroupID]bool{}
	}
	seen[g] = true
	for _, x := range w.m.GroupMembers[g] {
		switch {
		case !x.Member.IsZero():
			if x.Member == m.ID {
				return true
			}
		case !x.Role.IsZero():
			if w.has(m.Role, x.Role, x.WithBelow) {
				return true
			}
		case w.in(m, x.Group, seen):
			return true
		}
	}
	return false
}

// holds reports whether a group is another, or in it through others.
func (w slow) holds(outer, inner directory.GroupID, seen []directory.GroupID) bool {
	if slices.Contains(seen, outer) || w.group(outer) == nil {
		return false
	}
	if outer == inner {
		return true
	}
	return slices.ContainsFunc(w.m.GroupMembers[outer], func(x directory.GroupMember) bool {
		return !x.Group.IsZero() && w.holds(x.Group, inner, append(slices.Clone(seen), outer))
	})
}

// chain is from a named owner to the one whose records they are now, both included.
func (w slow) chain(id directory.MembershipID) []directory.MembershipID {
	out := []directory.MembershipID{id}
	for {
		m := w.member(out[len(out)-1])
		if !m.Over(w.q.At) || m.Archived() || w.member(m.Successor) == nil {
			return out
		}
		if slices.Contains(out, m.Successor) {
			return out[:1]
		}
		out = append(out, m.Successor)
	}
}

func (w slow) owner() *directory.MemberFacts {
	c := w.chain(w.q.Owner.Member)
	return w.member(c[len(c)-1])
}

// profilesOf are the profiles of the member's role, by key.
func (w slow) profilesOf(m *directory.MemberFacts) (out []directory.Profile) {
	if r := w.role(m.Role); r != nil {
		for _, p := range w.m.Profiles {
			if slices.Contains(r.Profiles, p.Key) {
				out = append(out, p)
			}
		}
	}
	slices.SortFunc(out, func(a, b directory.Profile) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	return out
}

func profileAllows(p directory.Profile, module, action string) bool {
	pm := p.Modules[module]
	switch action {
	case "view":
		return pm.View
	case "create":
		return pm.Create
	case "edit":
		return pm.Edit
	case "delete":
		return pm.Delete
	}
	return slices.Contains(pm.Tools, action)
}

func gradeAllows(g directory.Grade, action string) bool {
	switch action {
	case "view":
		return g == directory.GradeView || g == directory.GradeEdit
	case "create", "edit", "delete":
		return g == directory.GradeEdit
	}
	return false
}

// source is the first thing that allows the action; nil where nothing does.
func (w slow) source(m *directory.MemberFacts, module, action string) *Fact {
	f := Fact{Member: m.ID, Module: module, Action: action}
	for _, p := range w.profilesOf(m) {
		if profileAllows(p, module, action) {
			f.Kind, f.Role, f.Profile = "profile", m.Role, p.ID
			return &f
		}
	}
	for _, key := range slices.Sorted(slices.Values(m.Packages)) {
		p := firstOf(w.m.Packages, func(x *directory.Package) bool { return x.Key == key })
		if p != nil && gradeAllows(p.Grants[module], action) {
			f.Kind, f.Package, f.Word = "package", key, string(p.Grants[module])
			return &f
		}
	}
	if g := m.Grants[module]; gradeAllows(g, action) {
		f.Kind, f.Word = "grant", string(g)
		return &f
	}
	return nil
}

// field is how far a field is open: as profiles say, if one has a rule for it, but never further than the module.
func (w slow) field(m *directory.MemberFacts, module, field string) directory.FieldAccess {
	levels := []directory.FieldAccess{"hidden", "read_only", "editable"}
	most, ruled, given := 0, false, 0
	if w.source(m, module, "view") != nil {
		most = 1
	}
	if w.source(m, module, "create") != nil || w.source(m, module, "edit") != nil {
		most = 2
	}
	for _, p := range w.profilesOf(m) {
		pm, says := p.Modules[module]
		if !says {
			continue
		}
		level := 0
		if rule, has := pm.Fields[field]; has {
			ruled, level = true, max(0, slices.Index(levels, rule))
		} else if pm.Create || pm.Edit {
			level = 2
		} else if pm.View {
			level = 1
		}
		given = max(given, level)
	}
	if ruled {
		return levels[min(given, most)]
	}
	return levels[most]
}
