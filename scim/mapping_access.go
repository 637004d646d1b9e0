package scim

import (
	"slices"
	"strings"

	"portvakt/internal/directory"
)

// managerIn takes a member's id or, as some systems have them, any word.
func managerIn(res resource, m *directory.Member) {
	extension, _ := res[enterpriseURN].(map[string]any)
	part, _ := extension["manager"].(map[string]any)
	value, _ := part["value"].(string)
	m.Manager, m.ManagerText = directory.MembershipID{}, value
	if id, err := directory.ParseMembershipID(value); err == nil {
		m.Manager, m.ManagerText = id, ""
	}
}

// rolesIn takes the one role. Of several the primary counts, as Entra's complex mapping sends them; after a PATCH that does
// not say so of the others, the one that was there before is no answer to which is meant.
func (in intake) rolesIn(res resource, m *directory.Member) error {
	v, written := in.listed(res, "roles")
	if !written {
		return nil
	}
	keys := valuesOf[string](v)
	if len(keys) > 1 {
		unsaid := false
		elements, _ := v.([]any)
		keys = valuesOf[string](slices.DeleteFunc(slices.Clone(elements), func(e any) bool {
			part, _ := e.(map[string]any)
			unsaid = unsaid || part["primary"] == nil
			return part["primary"] != true
		}))
		if unsaid && in.reading == patched {
			keys = nil
		}
		if len(keys) != 1 {
			return badValue("A member has at most one role (roles)")
		}
	}
	if len(keys) == 0 {
		m.Role = directory.RoleID{}
		return nil
	}
	if keys[0] == m.Role.String() {
		return nil
	}
	i := slices.IndexFunc(in.roles, func(r directory.Role) bool { return r.ID.String() == keys[0] })
	if i < 0 { // an id is never another role's key
		i = slices.IndexFunc(in.roles, func(r directory.Role) bool { return r.Key == keys[0] })
	}
	if i < 0 {
		return badValue("There is no role %.100q (roles)", keys[0])
	}
	m.Role = in.roles[i].ID
	return nil
}

// membershipIn reads the membership extension; what it does not hold stays, but after a PATCH that removed it.
func (in intake) membershipIn(at map[string]any, m *directory.Member) error {
	kindIn(at["kind"], m)
	if s, ok := at["start"].(string); ok {
		m.Start, _ = readTime(s)
	}
	if v, written := in.listed(at, "end"); written {
		s, _ := v.(string)
		m.End, _ = readTime(s)
	}
	if v, written := in.listed(at, "administrator"); written {
		m.Administrator, _ = v.(bool)
	}
	if v, written := in.listed(at, "reseller"); written {
		m.Reseller = resellerIn(v)
	}
	if v, written := in.listed(at, "functions"); written {
		m.Functions = functionsIn(v)
	}
	if err := in.segmentsIn(at, m); err != nil {
		return err
	}
	if v, written := in.listed(at, "grants"); written {
		if err := grantsIn(v, m); err != nil {
			return err
		}
	}
	if v, written := in.listed(at, "successor"); written {
		return successorIn(v, m)
	}
	return nil
}

// resellerIn takes only what is said: bank access and user administration are never given by leaving something out.
func resellerIn(v any) (r directory.ResellerAccess) {
	part, _ := v.(map[string]any)
	role, _ := part["role"].(string)
	r.Role = directory.ResellerRole(strings.ToLower(role))
	r.BankAccess, _ = part["bankAccess"].(bool)
	r.UserAdministration, _ = part["userAdministration"].(bool)
	return r
}

func functionsIn(v any) []directory.Function {
	list := valuesOf[directory.Function](v)
	for i, f := range list {
		list[i] = directory.Function(strings.ToLower(string(f)))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func kindIn(v any, m *directory.Member) {
	if s, _ := v.(string); s != "" {
		m.Kind = directory.Kind(strings.ToLower(s))
	}
	if m.Kind == "" {
		m.Kind = directory.Employee
	}
}

// segmentsIn: "*" is all of them. None at all is not the same, and has to be written by naming a PATCH or PUT that takes
// them away; a new member without segments sees everything, so an empty list is refused there.
func (in intake) segmentsIn(at map[string]any, m *directory.Member) error {
	v, written := in.listed(at, "segments")
	if !written {
		return nil
	}
	keys := valuesOf[string](v)
	switch {
	case slices.Contains(keys, directory.EverySegment):
		for _, key := range keys { // one that is not there is told, as it is where it counts
			known := slices.ContainsFunc(in.segments, func(s directory.Segment) bool { return s.Key == key })
			if key != directory.EverySegment && !known {
				return badValue("There is no segment %.100q (segments)", key)
			}
		}
		m.AllSegments, m.Segments = true, nil
	case len(keys) == 0 && in.reading == creating:
		return badValue("A new member needs at least one segment, or \"*\" for all (segments)")
	default:
		m.AllSegments, m.Segments = false, keys
	}
	return nil
}

func grantsIn(v any, m *directory.Member) error {
	elements, _ := v.([]any)
	m.Grants = make(map[string]directory.Grade, len(elements))
	for _, e := range elements {
		part, _ := e.(map[string]any)
		module, _ := part["module"].(string)
		grade, _ := part["grade"].(string)
		if _, twice := m.Grants[module]; module == "" || grade == "" || twice {
			return badValue("Each grant names one module once and its grade (grants)")
		}
		m.Grants[module] = directory.Grade(strings.ToLower(grade))
	}
	return nil
}

func successorIn(v any, m *directory.Member) error {
	s, _ := v.(string)
	m.Successor = directory.MembershipID{}
	if s == "" {
		return nil
	}
	var err error
	if m.Successor, err = directory.ParseMembershipID(s); err != nil {
		return badValue("A successor is the id of a member (successor)")
	}
	return nil
}
