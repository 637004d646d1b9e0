package scim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// resource is a user in canonical form: our spelling of names, extensions under their URN, booleans as bool, dates as
// checked strings, lists as lists. A name with nil was written as null: it is to be cleared.
type resource = map[string]any

// normalize reads the body of a POST or PUT tolerantly: names in any letter case, booleans as strings, a manager as a bare
// string, one value where a list belongs. What is unknown or read-only is left out, as RFC 7644 §3.5.1 has it.
func (r *registry) normalize(body map[string]any) (resource, error) {
	out := resource{}
	named := false
	for _, name := range slices.Sorted(maps.Keys(body)) { // "name" before "name.familyName"
		v := body[name]
		if strings.EqualFold(name, "schemas") {
			var err error
			if named, err = holdsURN(v, coreURN); err != nil {
				return nil, err
			}
			continue
		}
		p, ok := r.find(name)
		switch {
		case !ok || v == nil && p.attr == nil:
			continue
		case p.attr != nil:
			if err := put(out, p, v); err != nil {
				return nil, err
			}
		default:
			object, ok := v.(map[string]any)
			if !ok {
				return nil, badValue("%s has to be an object", p)
			}
			for _, inner := range slices.Sorted(maps.Keys(object)) {
				if q, ok := r.within(p.urn, inner); ok {
					if err := put(out, q, object[inner]); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	if !named {
		return nil, badSyntax("schemas has to hold %s", coreURN)
	}
	return out, nil
}

// holdsURN reports whether a list of schemas names the one.
func holdsURN(v any, want string) (bool, error) {
	list, ok := v.([]any)
	if !ok {
		return false, badSyntax("schemas has to be a list of strings")
	}
	found := false
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return false, badSyntax("schemas has to be a list of strings")
		}
		found = found || strings.EqualFold(s, want)
	}
	return found, nil
}

// holder is where a schema's attributes stand in a resource; it is made where it is missing.
func holder(res resource, urn string) map[string]any {
	if urn == coreURN {
		return res
	}
	inner, ok := res[urn].(map[string]any)
	if !ok {
		inner = map[string]any{}
		res[urn] = inner
	}
	return inner
}

func put(out resource, p place, v any) error {
	if p.attr.readOnly() || p.attr.mutability == "writeOnly" || p.sub != nil && p.sub.readOnly() {
		return nil // a password too: nobody's is set by somebody else
	}
	at := holder(out, p.urn)
	if p.sub != nil && p.attr.multi {
		return badSyntax("%s is a part of a list, whose elements have to be written whole", p)
	}
	if p.sub != nil { // "name.familyName" as a name of its own
		value, err := single(p.sub, p.String(), v)
		if err != nil || value == nil {
			return err
		}
		inner, ok := at[p.attr.name].(map[string]any)
		if !ok {
			inner = map[string]any{}
		}
		inner[p.sub.name] = value
		at[p.attr.name] = inner
		return nil
	}
	if _, twice := at[p.attr.name]; twice {
		return badSyntax("%s is written twice", p)
	}
	value, err := canonical(p.attr, p.String(), v)
	at[p.attr.name] = value
	return err
}

// canonical checks and straightens an attribute's value; nil means that it has none.
func canonical(a *attribute, name string, v any) (any, error) {
	if !a.multi || v == nil {
		return single(a, name, v)
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v} // one value where a list belongs
	}
	out := make([]any, 0, len(list))
	primaries := 0
	for _, e := range list {
		value, err := single(a, name, e)
		if err != nil {
			return nil, err
		}
		if m, ok := value.(map[string]any); ok && m["primary"] == true {
			if primaries++; primaries > 1 {
				return nil, badValue("%s has more than one primary value", name)
			}
		}
		if value != nil {
			out = append(out, value)
		}
	}
	return out, nil
}

func single(a *attribute, name string, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch a.kind {
	case "complex":
		return complexValue(a, name, v)
	case "boolean":
		switch b := v.(type) {
		case bool:
			return b, nil
		case string: // Entra
			if value, ok := readBool(b); ok {
				return value, nil
			}
		}
		return nil, badValue("%s has to be true or false", name)
	case "dateTime":
		s, ok := v.(string)
		if ok && s == "" {
			return nil, nil
		}
		if t, valid := readTime(s); ok && valid && !t.IsZero() { // the zero time would read as none
			return writeTime(t), nil
		}
		return nil, badValue("%s has to be a date and time like 2026-01-31T12:00:00Z", name)
	}
	switch s := v.(type) {
	case string:
		return s, nil
	case json.Number: // systems with numbered employees
		return s.String(), nil
	}
	return nil, badValue("%s has to be a string", name)
}

func complexValue(a *attribute, name string, v any) (any, error) {
	if list, ok := v.([]any); ok && len(list) == 1 { // Entra's manager
		v = list[0]
	}
	object, ok := v.(map[string]any)
	if s, plain := v.(string); plain && a.subs["value"] != nil { // a manager or a role as a bare string
		if s == "" {
			return nil, nil
		}
		object, ok = map[string]any{"value": s}, true
	}
	if !ok {
		return nil, badValue("%s has to be an object", name)
	}
	out := map[string]any{}
	for inner, v := range object {
		sub := a.subs[strings.ToLower(inner)]
		if sub == nil || sub.readOnly() {
			continue
		}
		value, err := single(sub, name+"."+sub.name, v)
		if err != nil {
			return nil, err
		}
		if value != nil {
			out[sub.name] = value
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// written is a canonical resource as the library validates it: without nulls, with its schemas.
func written(res resource) map[string]any {
	out := map[string]any{}
	schemas := []any{coreURN}
	for name, v := range res {
		switch inner := v.(type) {
		case nil:
		case map[string]any:
			cleaned := map[string]any{}
			for n, v := range inner {
				if v != nil {
					cleaned[n] = v
				}
			}
			out[name] = cleaned
			if name == enterpriseURN || name == membershipURN {
				schemas = append(schemas, name)
			}
		default:
			out[name] = v
		}
	}
	out["schemas"] = schemas
	return out
}
