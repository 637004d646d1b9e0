package scim

import (
	"slices"
	"strings"

	"portvakt/internal/directory"
)

// matches evaluates a path's filter on one element; its names were checked when the path was read.
func matches(a *attribute, e expression, elem any) bool {
	switch v := e.(type) {
	case conjunction:
		return !slices.ContainsFunc(v, func(inner expression) bool { return !matches(a, inner, elem) })
	case disjunction:
		return slices.ContainsFunc(v, func(inner expression) bool { return matches(a, inner, elem) })
	case negation:
		return !matches(a, v.of, elem)
	case presence:
		_, have := part(a, v.name, elem)
		return have != nil && have != ""
	case comparison:
		sub, have := part(a, v.name, elem)
		return matchesValue(sub, v, have)
	}
	return false
}

// part is a sub-attribute and its value in an element; the elements of a simple list are their own "value".
func part(a *attribute, name string, elem any) (*attribute, any) {
	m, ok := elem.(map[string]any)
	if !ok {
		return a, elem
	}
	sub := a.subs[strings.ToLower(name)]
	if sub == nil {
		return a, nil
	}
	return sub, m[sub.name]
}

func matchesValue(sub *attribute, v comparison, have any) bool {
	if v.op == directory.NotEqual {
		v.op = directory.Equal
		return !matchesValue(sub, v, have)
	}
	if v.value == nil {
		return have == nil && v.op == directory.Equal
	}
	if sub.kind == "boolean" {
		want, err := reader{}.single(sub, "", v.value)
		is, _ := have.(bool) // an absent "primary" is false, RFC 7643 §2.4
		return err == nil && v.op == directory.Equal && is == want
	}
	h, ok := have.(string)
	want, also := v.value.(string)
	if !ok || !also {
		return false
	}
	if !sub.exact {
		h, want = directory.Fold(h), directory.Fold(want)
	}
	switch v.op {
	case directory.Equal:
		return h == want
	case directory.Contains:
		return strings.Contains(h, want)
	case directory.StartsWith:
		return strings.HasPrefix(h, want)
	case directory.EndsWith:
		return strings.HasSuffix(h, want)
	case directory.Greater:
		return h > want
	case directory.GreaterOrEqual:
		return h >= want
	case directory.Less:
		return h < want
	}
	return h <= want
}
