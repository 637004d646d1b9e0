package scim

import (
	"maps"
	"slices"
	"strings"

	"portvakt/internal/directory"
)

// applyToElements changes the elements that the path selects, or a part of them.
func (o operation) applyToElements(at map[string]any) error {
	t := o.at
	old, _ := at[t.attr.name].([]any)
	var list []any
	var touched []int
	for _, e := range old {
		if t.filter != nil && !matches(t.attr, t.filter, e) {
			list = append(list, e)
			continue
		}
		if e = o.element(e); e != nil {
			list = append(list, e)
			touched = append(touched, len(list)-1)
		}
	}
	if len(touched) == 0 && o.op != "remove" {
		made, ok := o.newElement()
		if !ok {
			return noTarget(t.text)
		}
		if list = append(list, made); len(list) > maxElements {
			return badValue("%s can hold at most %d values", t, maxElements)
		}
		touched = append(touched, len(list)-1)
	}
	onePrimary(t.attr, list, touched)
	at[t.attr.name] = list
	return nil
}

// element is one selected element after the operation; nil if it is gone.
func (o operation) element(e any) any {
	m, ok := e.(map[string]any)
	switch {
	case o.at.sub == nil && o.op == "remove":
		return nil
	case !ok:
		return o.value
	}
	m = maps.Clone(m)
	switch {
	case o.at.sub == nil:
		maps.Copy(m, o.value.(map[string]any))
	case o.op == "remove":
		delete(m, o.at.sub.name)
	default:
		m[o.at.sub.name] = o.value
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

// newElement makes the element that a path like emails[type eq "work"].value means where there is none yet. Entra relies
// on it; a path that selects by value means an existing element and nothing else.
func (o operation) newElement() (map[string]any, bool) {
	m := map[string]any{}
	if o.at.filter != nil && !properties(o.at.attr, o.at.filter, m) {
		return nil, false
	}
	switch {
	case o.at.sub != nil:
		m[o.at.sub.name] = o.value
	default:
		value, ok := o.value.(map[string]any)
		if !ok {
			return nil, false
		}
		maps.Copy(m, value)
	}
	return m, true
}

// properties collects what a filter says of an element, if it only says what it equals and nothing about its value.
func properties(a *attribute, e expression, into map[string]any) bool {
	switch v := e.(type) {
	case conjunction:
		return !slices.ContainsFunc(v, func(inner expression) bool { return !properties(a, inner, into) })
	case comparison:
		sub := a.subs[strings.ToLower(v.name)]
		if sub == nil || sub.name == "value" || v.op != directory.Equal || v.value == nil {
			return false
		}
		value, err := reader{}.single(sub, sub.name, v.value)
		if err != nil || value == nil {
			return false
		}
		into[sub.name] = value
		return true
	}
	return false
}

// onePrimary keeps the last touched primary element as the only one (RFC 7644 §3.5.2). Of roles it says of all others that they
// are not: which of several is meant has to be said (rolesIn).
func onePrimary(attr *attribute, list []any, touched []int) {
	last := -1
	for _, i := range touched {
		if m, ok := list[i].(map[string]any); ok && m["primary"] == true {
			last = i
		}
	}
	if last < 0 {
		return
	}
	for i, e := range list {
		if m, ok := e.(map[string]any); ok && i != last && (m["primary"] == true || attr.name == "roles") {
			m = maps.Clone(m)
			m["primary"] = false
			list[i] = m
		}
	}
}
