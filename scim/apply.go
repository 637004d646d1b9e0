package scim

import (
	"maps"
	"reflect"
	"slices"

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
		x["module"] != nil && x["module"] == y["module"] || reflect.DeepEqual(said(x), said(y))
}

// said is an element without a primary that is false, which is what an absent one is (RFC 7643 §2.4).
func said(m map[string]any) map[string]any {
	if m["primary"] != false {
		return m
	}
	m = maps.Clone(m)
	delete(m, "primary")
	return m
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
	onePrimary(t.attr, list, touched)
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
