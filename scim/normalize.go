package scim

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"portvakt/internal/directory"
)

// resource is a user in canonical form: our spelling of names, extensions under their URN, booleans as bool, dates as
// checked strings, lists as lists. A name with nil was written as null: it is to be cleared.
type resource = map[string]any

// reader turns what a client sends into canonical form: by the schemas, and by how the client is to be served.
type reader struct {
	*registry
	refusesUnknown bool                          // else attributes of no schema are left out
	profile        directory.ProvisioningProfile // whose habits are understood beyond those that everybody is allowed
}

func (x *exchange) reader() reader {
	return reader{x.h.schemas, x.client.UnknownAttributes == directory.RefuseUnknown, x.client.Profile}
}

// olderURN is SCIM 1.1's schema of users, which Google Workspace names beside that of SCIM 2.0.
const olderURN = "urn:scim:schemas:core:1.0"

// unknown refuses a name of no schema where the client wants to be told.
func (r reader) unknown(name string) error {
	if !r.refusesUnknown {
		return nil
	}
	return badSyntax("There is no attribute %.100q", name)
}

// normalize reads the body of a POST or PUT tolerantly: names in any letter case, booleans as strings, a manager as a bare
// string, one value where a list belongs. What is read-only is left out, as RFC 7644 §3.3 and §3.5.1 have it.
func (r reader) normalize(body map[string]any) (resource, error) {
	out := resource{}
	named := false
	for _, name := range slices.Sorted(maps.Keys(body)) { // "name" before "name.familyName"
		v := body[name]
		if strings.EqualFold(name, "schemas") {
			var err error
			if named, err = r.schemasOf(v, r.users); err != nil {
				return nil, err
			}
			continue
		}
		p, ok := r.users.placeInBody(name)
		switch {
		case !ok:
			if err := r.unknown(name); err != nil {
				return nil, err
			}
		case v == nil && p.attr == nil:
		case p.attr != nil:
			if err := r.put(out, p, v); err != nil {
				return nil, err
			}
		default:
			object, ok := v.(map[string]any)
			if !ok {
				return nil, badValue("%s has to be an object", p)
			}
			if err := r.extension(out, p.urn, object); err != nil {
				return nil, err
			}
		}
	}
	if !named {
		return nil, badSyntax("schemas has to hold %s", coreURN)
	}
	return out, nil
}

// extension reads what stands in an extension's own object.
func (r reader) extension(out resource, urn string, object map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		p, ok := r.within(urn, name)
		if !ok {
			if err := r.unknown(urn + ":" + name); err != nil {
				return err
			}
			continue
		}
		if err := r.put(out, p, object[name]); err != nil {
			return err
		}
	}
	return nil
}

// schemasOf reports whether the list of schemas names the type's own. What else it names but its extensions is of no
// consequence, unless the client wants to be told of what is not known here.
func (r reader) schemasOf(v any, t *resourceType) (bool, error) {
	named, err := holdsURN(v, t.urn())
	if err != nil {
		return false, err
	}
	for _, e := range v.([]any) {
		urn := e.(string)
		if slices.ContainsFunc(t.urns, func(known string) bool { return strings.EqualFold(known, urn) }) {
			continue
		}
		if r.profile == directory.ProvisioningGoogle && urn == olderURN {
			continue
		}
		if err := r.unknown(urn); err != nil {
			return false, err
		}
	}
	return named, nil
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

func (r reader) put(out resource, p place, v any) error {
	if p.attr.readOnly() || p.attr.mutability == "writeOnly" || p.sub != nil && p.sub.readOnly() {
		return nil // a password too: nobody's is set by somebody else
	}
	at := holder(out, p.urn)
	if p.sub != nil && p.attr.multi {
		return badSyntax("%s is a part of a list, whose elements have to be written whole", p)
	}
	if p.sub != nil { // "name.familyName" as a name of its own
		value, err := r.single(p.sub, p.String(), v)
		if err != nil || value == nil {
			return err
		}
		inner, ok := at[p.attr.name].(map[string]any)
		if !ok {
			inner = map[string]any{}
		}
		if _, twice := inner[p.sub.name]; twice {
			return badSyntax("%s is written twice", p)
		}
		inner[p.sub.name] = value
		at[p.attr.name] = inner
		return nil
	}
	if _, twice := at[p.attr.name]; twice {
		return badSyntax("%s is written twice", p)
	}
	value, err := r.canonical(p.attr, p.String(), v)
	at[p.attr.name] = value
	return err
}

// canonical checks and straightens an attribute's value; nil means that it has none.
func (r reader) canonical(a *attribute, name string, v any) (any, error) {
	if !a.multi || v == nil {
		return r.single(a, name, v)
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v} // one value where a list belongs
	}
	if len(list) > maxCompared {
		return nil, badValue("%s has more than %d values", name, maxCompared)
	}
	out := make([]any, 0, len(list))
	primaries := 0
	for i, e := range list {
		value, err := r.single(a, name+"["+strconv.Itoa(i)+"]", e)
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
