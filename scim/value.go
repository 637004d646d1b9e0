package scim

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"portvakt/internal/directory"
)

// single checks and straightens one value; nil means that there is none. name is how a refusal calls it.
func (r reader) single(a *attribute, name string, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch a.kind {
	case "complex":
		return r.complexValue(a, name, v)
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
		if a.kind == "binary" {
			return base64Text(name, s)
		}
		return s, nil
	case json.Number: // systems with numbered employees
		return s.String(), nil
	}
	return nil, badValue("%s has to be a string", name)
}

// base64Text takes what RFC 7643 §2.3.6 has, and lines of it as in a PEM file.
func base64Text(name, s string) (any, error) {
	s = strings.Join(strings.Fields(s), "")
	if _, err := base64.StdEncoding.Strict().DecodeString(s); err != nil {
		return nil, badValue("%s has to be base64", name)
	}
	if s == "" {
		return nil, nil
	}
	return s, nil
}

func (r reader) complexValue(a *attribute, name string, v any) (any, error) {
	object, err := r.object(a, name, v)
	if object == nil {
		return nil, err
	}
	out := map[string]any{}
	for _, inner := range slices.Sorted(maps.Keys(object)) {
		sub := r.part(a, inner)
		if sub == nil {
			if err := r.unknown(name + "." + inner); err != nil {
				return nil, err
			}
			continue
		}
		if sub.readOnly() {
			continue
		}
		value, err := r.single(sub, name+"."+sub.name, object[inner])
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

// part finds a sub-attribute. OneLogin's templates call the value of a manager as SCIM 1.1 did.
func (r reader) part(a *attribute, name string) *attribute {
	if r.profile == directory.ProvisioningOneLogin && a.name == "manager" && strings.EqualFold(name, "managerId") {
		return a.subs["value"]
	}
	return a.subs[strings.ToLower(name)]
}

// object is a complex value as an object: also the only one in a list, as Entra ID sends a manager, and a manager or a role
// as its bare value. Without an error and nil it is an empty text, which is no value.
func (r reader) object(a *attribute, name string, v any) (map[string]any, error) {
	if list, ok := v.([]any); ok && len(list) == 1 {
		v = list[0]
	}
	if n, ok := v.(json.Number); ok {
		v = n.String()
	}
	object, ok := v.(map[string]any)
	switch text, plain := v.(string); {
	case plain && a.subs["value"] != nil && text == "":
		return nil, nil
	case plain && a.subs["value"] != nil:
		object = map[string]any{"value": text}
	case !ok:
		return nil, badValue("%s has to be an object", name)
	}
	return r.unpacked(object), nil
}

// unpacked reads the role that Entra ID's expression AppRoleAssignments puts as JSON into the text of "value".
func (r reader) unpacked(object map[string]any) map[string]any {
	text, _ := object["value"].(string)
	if r.profile != directory.ProvisioningEntra || !strings.HasPrefix(text, "{") {
		return object
	}
	inner, err := readJSON([]byte(text), oneResource)
	value, ok := inner["value"].(string)
	if err != nil || !ok {
		return object
	}
	out := maps.Clone(object)
	out["value"] = value
	return out
}
