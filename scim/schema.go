package scim

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/elimity-com/scim/schema"
)

// The schemas as JSON: what /Schemas shows, what the library validates by, and what names mean in paths and filters.
//
//go:embed schemas/*.json
var schemaFiles embed.FS

// The URNs of the schemas.
const (
	coreURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	membershipURN = "urn:portvakt:params:scim:schemas:extension:membership:1.0:User"
	patchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	listURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
)

// attribute is what we need to know of an attribute while reading and writing.
type attribute struct {
	name       string
	kind       string // string, boolean, dateTime, reference, complex
	multi      bool
	required   bool
	exact      bool // letter case matters
	mutability string
	returned   string
	subs       map[string]*attribute // by lower-case name
	sorted     []*attribute          // the same in the schema's order
	validator  schema.CoreAttribute  // the same attribute, as the library validates values by it
}

func (a *attribute) complex() bool  { return a.kind == "complex" }
func (a *attribute) readOnly() bool { return a.mutability == "readOnly" }

// registry knows every schema by URN and every attribute by lower-case name. It never changes after New.
type registry struct {
	schemas       map[string]schema.Schema         // by URN, as they are shown
	common        schema.Attributes                // of every resource, and of no schema (RFC 7643 §3.1)
	attributes    map[string]map[string]*attribute // URN → lower-case name → attribute
	users, groups *resourceType
}

func readSchemas() (*registry, error) {
	r := &registry{schemas: map[string]schema.Schema{}, attributes: map[string]map[string]*attribute{}, users: users(), groups: groups()}
	for _, file := range []string{"user", "enterprise", "membership", "group"} {
		s, err := readSchema(file)
		if err != nil {
			return nil, err
		}
		r.schemas[s.ID], r.attributes[s.ID] = s, byName(s.Attributes)
	}
	common, err := readSchema("common")
	if err != nil {
		return nil, err
	}
	r.common = common.Attributes
	for name, a := range byName(r.common) {
		r.attributes[coreURN][name] = a
		r.attributes[groupURN][name] = a
	}
	for _, t := range r.types() {
		if err := t.resolve(r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func readSchema(file string) (s schema.Schema, err error) {
	raw, err := schemaFiles.ReadFile("schemas/" + file + ".json")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("SCIM schema %s: %w", file, err)
	}
	return s, nil
}

// whole is a schema with the common attributes that clients write: what bodies are validated by.
func (r *registry) whole(urn string) schema.Schema {
	s := r.schemas[urn]
	s.Attributes = slices.Clone(s.Attributes)
	for _, a := range r.common {
		if a.Mutability() != "readOnly" {
			s.Attributes = append(s.Attributes, a)
		}
	}
	return s
}

// types are the resource types in the order shown, in which the root lists their resources too.
func (r *registry) types() []*resourceType { return []*resourceType{r.users, r.groups} }

func byName(list schema.Attributes) map[string]*attribute {
	out := make(map[string]*attribute, len(list))
	for _, a := range list {
		is := &attribute{
			name: a.Name(), kind: a.AttributeType(), multi: a.MultiValued(), required: a.Required(), exact: a.CaseExact(),
			mutability: a.Mutability(), returned: a.Returned(), subs: byName(a.SubAttributes()), validator: a,
		}
		for _, sub := range a.SubAttributes() {
			is.sorted = append(is.sorted, is.subs[strings.ToLower(sub.Name())])
		}
		out[strings.ToLower(a.Name())] = is
	}
	return out
}

// place names an attribute: of which schema, which one, and perhaps which part of it. attr is nil for a whole extension.
type place struct {
	urn  string
	attr *attribute
	sub  *attribute
}

// String is the place as a client writes it, the URN of a core schema left out.
func (p place) String() string {
	if p.attr == nil {
		return p.urn
	}
	s := p.attr.name
	if p.urn != coreURN && p.urn != groupURN {
		s = p.urn + ":" + s
	}
	if p.sub != nil {
		s += "." + p.sub.name
	}
	return s
}

// place reads a name as in RFC 7644 §3.10: [URN:]attribute[.subAttribute], without regard to letter case.
func (t *resourceType) place(name string) (place, bool) {
	urn, rest := t.urn(), name
	for _, known := range t.urns {
		if len(name) >= len(known) && strings.EqualFold(name[:len(known)], known) {
			if len(name) == len(known) {
				return place{urn: known}, known != t.urn()
			}
			if name[len(known)] == ':' {
				urn, rest = known, name[len(known)+1:]
			}
		}
	}
	return t.registry.within(urn, rest)
}

// placeInBody reads a name in a body; some clients write a dot behind the URN.
func (t *resourceType) placeInBody(name string) (place, bool) {
	for _, urn := range t.urns {
		if n := len(urn); len(name) > n && name[n] == '.' && strings.EqualFold(name[:n], urn) {
			name = urn + ":" + name[n+1:]
		}
	}
	return t.place(name)
}

// within reads attribute[.subAttribute] of one schema.
func (r *registry) within(urn, name string) (place, bool) {
	first, second, dotted := strings.Cut(strings.ToLower(name), ".")
	attr := r.attributes[urn][first]
	if attr == nil {
		return place{}, false
	}
	p := place{urn: urn, attr: attr}
	if dotted {
		p.sub = attr.subs[second]
		return p, p.sub != nil
	}
	return p, true
}
