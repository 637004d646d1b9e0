package scim

import (
	"maps"
	"slices"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
)

// Limits on a PATCH. It is applied while the member is locked, to lists of up to maxElements: the work stays below their product.
const (
	maxOperations = 1000
	maxCompared   = 5000 // values of lists, and comparisons in paths, of all operations
)

// operation is one step of a PATCH (RFC 7644 §3.5.2), straightened: one attribute, a canonical value.
type operation struct {
	op    string // add, replace, remove
	at    target
	value any // nil for remove, unless it lists the elements to remove
}

// parsePatch reads the body of a PATCH into operations, the quirks of real clients straightened: operations in any letter
// case, values without path, names with URN or dots in them, null and empty managers that mean "remove".
func (r reader) parsePatch(body map[string]any) ([]operation, error) {
	var list []any
	named := false
	for name, v := range body {
		var err error
		switch strings.ToLower(name) {
		case "schemas":
			if named, err = holdsURN(v, patchURN); err != nil {
				return nil, err
			}
		case "operations":
			var ok bool
			if list, ok = v.([]any); !ok {
				return nil, badSyntax("Operations has to be a list")
			}
		}
	}
	switch {
	case !named:
		return nil, badSyntax("schemas has to hold %s", patchURN)
	case len(list) == 0:
		return nil, badSyntax("Operations has to hold at least one operation")
	case len(list) > maxOperations:
		return nil, badValue("A PATCH has at most %d operations", maxOperations)
	}
	var out []operation
	compared := 0
	for _, e := range list {
		object, ok := e.(map[string]any)
		if !ok {
			return nil, badSyntax("An operation has to be an object")
		}
		ops, err := r.readOperation(object)
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

func (r reader) readOperation(object map[string]any) ([]operation, error) {
	var op, path string
	var value any
	valued := false
	for name, v := range object {
		var ok = true
		switch strings.ToLower(name) {
		case "op":
			op, ok = v.(string)
		case "path":
			if v != nil {
				path, ok = v.(string)
			}
		case "value":
			value, valued = v, true
		}
		if !ok {
			return nil, badSyntax("%s has to be a string", strings.ToLower(name))
		}
	}
	op = strings.ToLower(op)
	if op != "add" && op != "replace" && op != "remove" {
		return nil, badSyntax("op has to be add, replace or remove")
	}
	if op != "remove" && !valued {
		return nil, badValue("%s needs a value", op)
	}
	if path != "" {
		t, err := r.parsePath(path)
		if err != nil {
			return nil, err
		}
		return r.operations(op, t, value)
	}
	if op == "remove" {
		return nil, refuse(400, scimerrors.ScimTypeNoTarget, "remove needs a path")
	}
	values, ok := objectOf(value)
	if !ok {
		return nil, badValue("Without a path the value has to be an object")
	}
	return r.explode(op, values, r.parsePath)
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

// objectOf is an object, or the only one in a list, as Entra sends a manager.
func objectOf(value any) (map[string]any, bool) {
	if list, ok := value.([]any); ok && len(list) == 1 {
		value = list[0]
	}
	object, ok := value.(map[string]any)
	return object, ok
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

// patchBody is the operations as the library validates them: the attribute and its value, without the selection of
// elements, of whose grammar the library knows only a part.
func patchBody(ops []operation) map[string]any {
	list := make([]any, len(ops))
	for i, o := range ops {
		step := map[string]any{"op": o.op, "path": o.at.place.String()}
		if o.op != "remove" {
			step["value"] = o.value
		}
		list[i] = step
	}
	return map[string]any{"schemas": []string{patchURN}, "Operations": list}
}
