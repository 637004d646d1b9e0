package scim

import (
	"maps"
	"slices"
	"strings"
)

// naive does the operation to plain JSON and answers the scimType that it is refused with.
func (s modelOperation) naive(res map[string]any) string {
	if s.extension {
		if res[enterpriseURN] == nil {
			res[enterpriseURN] = map[string]any{}
		}
		res = res[enterpriseURN].(map[string]any)
	}
	gone := s.op == "remove" || s.value == nil
	if s.list {
		elements, _ := res[s.attr].([]any)
		elements, refused := s.naiveList(elements, gone)
		res[s.attr] = elements
		return refused
	}
	if part, complex := s.value.(map[string]any); complex && !gone { // of a complex attribute what is not named stays
		old, _ := res[s.attr].(map[string]any)
		if old == nil {
			old = map[string]any{}
		}
		maps.Copy(old, part)
		res[s.attr] = old
		return ""
	}
	at, name := res, s.attr
	if s.part != "" {
		if res[s.attr] == nil {
			res[s.attr] = map[string]any{}
		}
		at, name = res[s.attr].(map[string]any), s.part
	}
	if delete(at, name); !gone {
		at[name] = s.value
	}
	return ""
}

func (s modelOperation) naiveList(elements []any, gone bool) ([]any, string) {
	if s.part == "" && len(s.filter) == 0 {
		return s.naiveWhole(elements, gone), ""
	}
	var out []any
	var touched []map[string]any
	for _, e := range elements {
		m := e.(map[string]any)
		switch {
		case !s.selects(m):
		case gone && s.part == "":
			continue
		case gone:
			if delete(m, s.part); len(m) == 0 {
				continue
			}
		case s.part == "":
			maps.Copy(m, s.value.(map[string]any))
			touched = append(touched, m)
		default:
			m[s.part] = s.value
			touched = append(touched, m)
		}
		out = append(out, m)
	}
	if len(touched) == 0 && !gone {
		made := map[string]any{}
		for _, c := range s.filter { // made only of what the selection says that it equals
			if c.op != "eq" || c.part == "value" || len(s.filter) > 1 && s.joined == "or" {
				return nil, "noTarget"
			}
			made[c.part] = c.value
		}
		if s.part == "" {
			maps.Copy(made, s.value.(map[string]any))
		} else {
			made[s.part] = s.value
		}
		out, touched = append(out, made), append(touched, made)
	}
	leaveOnePrimary(out, touched)
	return out, ""
}

// naiveWhole adds, replaces or removes values of the whole list.
func (s modelOperation) naiveWhole(elements []any, gone bool) []any {
	values, _ := s.value.([]any)
	switch {
	case s.op == "remove" && len(values) > 0:
		return slices.DeleteFunc(elements, func(e any) bool {
			return slices.ContainsFunc(values, func(v any) bool { return same(e, v, "value") })
		})
	case gone:
		return nil
	case s.op == "replace":
		elements = nil
	}
	var touched []map[string]any
	for _, v := range values {
		v := maps.Clone(v.(map[string]any))
		i := slices.IndexFunc(elements, func(e any) bool { return same(e, v, "value") && same(e, v, "type") })
		if i < 0 {
			elements, touched = append(elements, v), append(touched, v)
			continue
		}
		old := elements[i].(map[string]any)
		maps.Copy(old, v)
		touched = append(touched, old)
	}
	leaveOnePrimary(elements, touched)
	return elements
}

func same(a, b any, part string) bool {
	x, _ := a.(map[string]any)[part].(string)
	y, _ := b.(map[string]any)[part].(string)
	return strings.EqualFold(x, y) && (x != "" || part != "value")
}

// leaveOnePrimary: the last value that was touched and is primary is the only one.
func leaveOnePrimary(elements []any, touched []map[string]any) {
	for _, m := range slices.Backward(touched) {
		if m["primary"] != true {
			continue
		}
		for _, e := range elements {
			delete(e.(map[string]any), "primary")
		}
		m["primary"] = true
		return
	}
}

func (s modelOperation) selects(m map[string]any) bool {
	if len(s.filter) == 0 {
		return true
	}
	holds := func(c modelCondition) bool {
		is, there := m[c.part].(string)
		is, want := strings.ToLower(is), strings.ToLower(c.value)
		if c.part == "display" { // caseExact
			is, _ = m[c.part].(string)
			want = c.value
		}
		switch c.op {
		case "pr":
			return there && is != ""
		case "ne":
			return !there || is != want
		case "eq":
			return there && is == want
		case "sw":
			return there && strings.HasPrefix(is, want)
		}
		return there && strings.Contains(is, want)
	}
	if s.joined == "or" {
		return slices.ContainsFunc(s.filter, holds)
	}
	return !slices.ContainsFunc(s.filter, func(c modelCondition) bool { return !holds(c) })
}
