package scim

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"portvakt/internal/directory"
)

const maxElements = 200

// applyPatch does the operations to a canonical resource, in order; the first that cannot be done ends it. It is pure but
// for the resource, which is the caller's own; the operations may be applied again to another one.
func applyPatch(res resource, ops []operation) error {
	for _, o := range ops {
		if err := o.apply(holder(res, o.at.urn)); err != nil {
			return err
		}
	}
	return nil
}

func (o operation) apply(at map[string]any) error {
	t := o.at
	switch {
	case t.attr.multi && (t.filter != nil || t.sub != nil):
		return o.applyToElements(at)
	case t.sub != nil:
		o.applyToPart(at)
		return nil
	case o.op == "remove":
		return o.remove(at)
	case t.attr.multi:
		return o.applyToList(at)
	case t.attr.complex(): // what is not named stays, for add and replace alike (RFC 7644 §3.5.2.3)
		merged := map[string]any{}
		if old, ok := at[t.attr.name].(map[string]any); ok {
			merged = maps.Clone(old)
		}
		maps.Copy(merged, o.value.(map[string]any))
		at[t.attr.name] = merged
	default:
		at[t.attr.name] = o.value
	}
	return nil
}

func (o operation) remove(at map[string]any) error {
	t := o.at
	if t.attr.required {
		return readOnly(t.String())
	}
	gone, some := o.value.([]any)
	if !some {
		delete(at, t.attr.name)
		return nil
	}
	list, _ := at[t.attr.name].([]any)
	at[t.attr.name] = slices.DeleteFunc(slices.Clone(list), func(e any) bool {
		return slices.ContainsFunc(gone, func(g any) bool { return sameElement(t.attr, e, g) })
	})
	return nil
}

// sameElement compares by value, or of grants by module, because the client need not know the rest.
func sameElement(attr *attribute, a, b any) bool {
	x, ok := a.(map[string]any)
	y, also := b.(map[string]any)
	if !ok || !also {
		return sameText(attr, a, b)
	}
	return x["value"] != nil && sameText(attr.subs["value"], x["value"], y["value"]) ||
		x["module"] != nil && x["module"] == y["module"] || reflect.DeepEqual(a, b)
}

// sameText minds the letter case where the attribute does.
func sameText(attr *attribute, a, b any) bool {
	x, ok := a.(string)
	y, also := b.(string)
	return a == b || ok && also && attr != nil && !attr.exact && directory.Fold(x) == directory.Fold(y)
}

func (o operation) applyToPart(at map[string]any) {
	t := o.at
	part := map[string]any{}
	if old, ok := at[t.attr.name].(map[string]any); ok {
		part = maps.Clone(old)
	}
	if o.op == "remove" {
		delete(part, t.sub.name)
	} else {
		part[t.sub.name] = o.value
	}
	if at[t.attr.name] = part; len(part) == 0 {
		delete(at, t.attr.name)
	}
}

func (o operation) applyToList(at map[string]any) error {
	t := o.at
	added := o.value.([]any)
	var list []any
	if o.op == "add" {
		list, _ = at[t.attr.name].([]any)
		list = slices.Clone(list)
	}
	var touched []int
	for _, e := range added {
		if m, ok := e.(map[string]any); ok {
			e = maps.Clone(m)
		}
		if i := slices.IndexFunc(list, func(old any) bool { return sameKey(t.attr, old, e) }); i >= 0 {
			list[i] = merge(list[i], e)
			touched = append(touched, i)
			continue
		}
		if list = append(list, e); len(list) > maxElements {
			return badValue("%s can hold at most %d values", t, maxElements)
		}
		touched = append(touched, len(list)-1)
	}
	onePrimary(list, touched)
	at[t.attr.name] = list
	return nil
}

// sameKey reports whether adding an element means one that is there: equal value and type (RFC 7643 §2.4).
func sameKey(attr *attribute, a, b any) bool {
	x, ok := a.(map[string]any)
	y, also := b.(map[string]any)
	if !ok || !also {
		return sameText(attr, a, b)
	}
	if x["module"] != nil { // a grant: one a module
		return x["module"] == y["module"]
	}
	return x["value"] != nil && sameText(attr.subs["value"], x["value"], y["value"]) && sameText(attr.subs["type"], x["type"], y["type"])
}

func merge(old, add any) any {
	m, ok := old.(map[string]any)
	if !ok {
		return add
	}
	out := maps.Clone(m)
	maps.Copy(out, add.(map[string]any))
	return out
}

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
	onePrimary(list, touched)
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
		value, err := single(sub, sub.name, v.value)
		if err != nil || value == nil {
			return false
		}
		into[sub.name] = value
		return true
	}
	return false
}

// onePrimary keeps the last touched primary element as the only one (RFC 7644 §3.5.2).
func onePrimary(list []any, touched []int) {
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
		if m, ok := e.(map[string]any); ok && i != last && m["primary"] == true {
			m = maps.Clone(m)
			m["primary"] = false
			list[i] = m
		}
	}
}

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
		want, err := single(sub, "", v.value)
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
