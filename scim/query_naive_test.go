package scim_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"portvakt/internal/directory"
)

// This file is RFC 7644 §3.4.2.2 and §3.4.2.3 over resources as they are served: no SQL, no parser, no condition of ours.

// value is what a resource has of the attribute: of a list its elements.
func (a asked) value(resource map[string]any) any {
	if a.urn != coreUser {
		resource, _ = resource[a.urn].(map[string]any)
	}
	return resource[a.attr.Name]
}

// of is what an element, or the value of an attribute that is no list, has of what is compared. What says nothing of being primary is
// not (RFC 7643 §2.4).
func (a asked) of(element any) any {
	is, parts := a.compared(), map[string]any(nil)
	if a.attr.Type != "complex" || is == nil || element == nil {
		return element
	}
	parts, _ = element.(map[string]any)
	if is.Name == "primary" && parts["primary"] == nil {
		return false
	}
	return parts[is.Name]
}

// holds is what a comparison means of a resource: of a list that one value fits, of anything else that the value does, which may be none.
func (a asked) holds(resource map[string]any, op string, want any) bool {
	value := a.value(resource)
	list, _ := value.([]any)
	has := value != nil && a.of(value) != nil
	if a.attr.MultiValued {
		has = slices.ContainsFunc(list, func(e any) bool { return a.of(e) != nil })
	}
	switch {
	case op == "pr", op == "ne" && want == nil:
		return has
	case want == nil:
		return !has
	case a.attr.MultiValued:
		return slices.ContainsFunc(list, func(e any) bool { return a.compared().fits(a.of(e), op, want) })
	}
	return a.compared().fits(a.of(value), op, want)
}

// fits compares one value, nil where there is none: that is equal to nothing but null and the empty text, and unequal to all else.
func (d described) fits(have any, op string, want any) bool {
	switch {
	case op == "pr":
		return have != nil
	case op == "ne":
		return !d.fits(have, "eq", want)
	case want == nil || want == "" && op == "eq":
		return have == nil
	case have == nil:
		return false
	case d.Type == "boolean":
		return have == want
	}
	sign := d.compare(have, want)
	switch op {
	case "eq":
		return sign == 0
	case "gt":
		return sign > 0
	case "ge":
		return sign >= 0
	case "lt":
		return sign < 0
	case "le":
		return sign <= 0
	case "co":
		return strings.Contains(d.key(have), d.key(want))
	case "sw":
		return strings.HasPrefix(d.key(have), d.key(want))
	}
	return strings.HasSuffix(d.key(have), d.key(want))
}

func (d described) key(v any) string {
	if d.CaseExact {
		return v.(string)
	}
	return directory.Fold(v.(string))
}

// compare says which of two values comes first.
func (d described) compare(a, b any) int {
	switch d.Type {
	case "boolean":
		rank := map[any]int{false: 0, true: 1}
		return cmp.Compare(rank[a], rank[b])
	case "dateTime":
		return instant(a).Compare(instant(b))
	}
	return strings.Compare(d.key(a), d.key(b))
}

func instant(v any) time.Time {
	t, err := time.Parse(time.RFC3339Nano, v.(string))
	if err != nil {
		panic(err)
	}
	return t
}

// sortValue is what a resource is sorted by: of a list the primary value, or the first where none is.
func (a asked) sortValue(resource map[string]any) any {
	value := a.value(resource)
	if list, _ := value.([]any); a.attr.MultiValued {
		if value = nil; len(list) > 0 {
			value = list[0]
		}
		for _, e := range list {
			if parts, _ := e.(map[string]any); parts["primary"] == true {
				value = e
			}
		}
	}
	if value == nil {
		return nil
	}
	return a.of(value)
}

// order compares resources as sortBy does; whoever has no value comes last.
func (a asked) order(x, y map[string]any) int {
	one, two := a.sortValue(x), a.sortValue(y)
	switch {
	case one == nil && two == nil:
		return 0
	case one == nil:
		return 1
	case two == nil:
		return -1
	}
	return a.compared().compare(one, two)
}
