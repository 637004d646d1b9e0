package scim

import (
	"maps"
	"slices"
	"strings"
)

// maxCompared bounds the values of lists, and the comparisons in paths, of all operations of a PATCH: with maxElements, its work.
const maxCompared = 5000

// operation is one step of a PATCH (RFC 7644 §3.5.2), straightened: one attribute, a canonical value.
type operation struct {
	op    string // add, replace, remove
	at    target
	value any // nil for remove, unless it lists the elements to remove
}

// parsePatch reads the body of a PATCH into operations, the quirks of real clients straightened: values without path, names
// with URN or dots in them, null and empty managers that mean "remove".
func (r reader) parsePatch(body map[string]any) ([]operation, error) {
	steps, err := readSteps(body)
	if err != nil {
		return nil, err
	}
	var out []operation
	compared := 0
	for _, s := range steps {
		ops, err := r.readOperation(s)
		if err != nil {
			return nil, err
		}
		if out = append(out, ops...); len(out) > maxOperations {
			return nil, badValue("A PATCH changes at most %d attributes", maxOperations)
		}
		for _, o := range ops {
			values, _ := o.value.([]any)
			if compared += len(values) + o.at.terms; compared > maxCompared {
				return nil, badValue("A PATCH holds at most %d values of lists and comparisons", maxCompared)
			}
		}
	}
	return out, nil
}

func (r reader) readOperation(s step) ([]operation, error) {
	if s.path == "" {
		return r.explode(s.op, s.value.(map[string]any), r.parsePath)
	}
	t, err := r.parsePath(s.path)
	if err != nil {
		return nil, err
	}
	return r.operations(s.op, t, s.value)
}

// explode makes one operation of each name of an object; unknown and read-only ones are treated as in a PUT.
func (r reader) explode(op string, values map[string]any, parse func(string) (target, error)) ([]operation, error) {
	var out []operation
	for _, name := range slices.Sorted(maps.Keys(values)) {
		t, err := parse(name)
		if err != nil {
			if err := r.unknown(name); err != nil && !strings.EqualFold(name, "schemas") {
				return nil, err
			}
			continue
		}
		if t.attr != nil && t.attr.readOnly() || t.sub != nil && t.sub.readOnly() {
			continue
		}
		ops, err := r.operations(op, t, values[name])
		if err != nil {
			return nil, err
		}
		out = append(out, ops...)
	}
	return out, nil
}

func (r reader) operations(op string, t target, value any) ([]operation, error) {
	switch {
	case t.attr == nil:
		return r.wholeExtension(op, t, value)
	case t.attr.readOnly(), t.sub != nil && t.sub.readOnly():
		return nil, readOnly(t.String())
	case t.attr.mutability == "writeOnly": // a password
		return nil, nil
	}
	whole := t.filter == nil && t.sub == nil
	if op == "remove" && !(whole && t.attr.multi) {
		value = nil // only of a list a value says which elements go
	}
	if object, ok := objectOf(value); ok && whole && t.attr.complex() && !t.attr.multi {
		return r.parts(op, t, object)
	}
	straight, err := r.straighten(t, value)
	if err != nil {
		return nil, err
	}
	if op == "remove" {
		if _, list := straight.([]any); !list {
			straight = nil
		}
		return []operation{{op, t, straight}}, nil
	}
	if straight == nil {
		if op == "add" {
			return nil, nil
		}
		op = "remove" // replaced by nothing
	}
	return []operation{{op, t, straight}}, nil
}

// parts makes one operation of each part that the object names: null takes a part away, what is not named or not known
// stays (RFC 7644 §3.5.2.3).
func (r reader) parts(op string, t target, object map[string]any) ([]operation, error) {
	return r.explode(op, object, func(name string) (target, error) {
		inner := t
		if inner.sub = r.part(t.attr, name); inner.sub == nil {
			return target{}, badPath("%s has no part %.100q", t, name)
		}
		return inner, nil
	})
}

// wholeExtension takes an operation on a URN apart.
func (r reader) wholeExtension(op string, t target, value any) ([]operation, error) {
	within := func(name string) (target, error) {
		p, ok := r.within(t.urn, name)
		if !ok {
			return target{}, badPath("There is no attribute %.100q", name)
		}
		return target{place: p, text: t.text}, nil
	}
	if op == "remove" || value == nil {
		all := map[string]any{}
		for name := range r.attributes[t.urn] {
			all[name] = nil
		}
		return r.explode("remove", all, within)
	}
	values, ok := value.(map[string]any)
	if !ok {
		return nil, badValue("%s has to be an object", t)
	}
	return r.explode(op, values, within)
}
