package scim

import (
	"slices"
	"strings"

	"portvakt/internal/directory"
)

// filterCompiler turns a filter into the directory's words, for one resource type.
type filterCompiler struct {
	of *resourceType
	// others are the types that are asked in the same request. What one of them has and ours has not is an attribute without
	// a value to ours (RFC 7644 §3.4.2.1).
	others []*resourceType
}

func (c filterCompiler) condition(e expression) (directory.Condition, error) {
	switch v := e.(type) {
	case conjunction:
		list, err := c.conditions(v)
		return all(list), err
	case disjunction:
		list, err := c.conditions(v)
		return anyOf(list), err
	case negation:
		of, err := c.condition(v.of)
		return negated(of), err
	}
	is, err := c.term(e)
	if err != nil && c.knownElsewhere(e) {
		return without(e), nil
	}
	return is, err
}

// What is true, or false, of every resource of a type is taken out of a filter, so that a type of which nothing is meant is not
// asked: directory.And{} is true of all, directory.Or{} of none.

func everything(c directory.Condition) bool { v, ok := c.(directory.And); return ok && len(v) == 0 }
func nothing(c directory.Condition) bool    { v, ok := c.(directory.Or); return ok && len(v) == 0 }

func all(list []directory.Condition) directory.Condition {
	if slices.ContainsFunc(list, nothing) {
		return directory.Or{}
	}
	return directory.And(slices.DeleteFunc(list, everything))
}

func anyOf(list []directory.Condition) directory.Condition {
	if slices.ContainsFunc(list, everything) {
		return directory.And{}
	}
	return directory.Or(slices.DeleteFunc(list, nothing))
}

func negated(c directory.Condition) directory.Condition {
	switch {
	case everything(c):
		return directory.Or{}
	case nothing(c):
		return directory.And{}
	}
	return directory.Not{Condition: c}
}

func (c filterCompiler) term(e expression) (directory.Condition, error) {
	switch v := e.(type) {
	case presence:
		return c.present(v)
	case comparison:
		return c.compare(v)
	case valuePath:
		return c.some(v)
	}
	return nil, badFilter("The filter cannot be read")
}

func (c filterCompiler) knownElsewhere(e expression) bool {
	return slices.ContainsFunc(c.others, func(t *resourceType) bool {
		_, err := filterCompiler{of: t}.term(e)
		return err == nil
	})
}

// without is what a term means of a resource that has no such attribute.
func without(e expression) directory.Condition {
	if v, ok := e.(comparison); ok && (v.op == directory.Equal) == (v.value == nil) && (v.op == directory.Equal || v.op == directory.NotEqual) {
		return directory.And{} // eq null, or ne something
	}
	return directory.Or{}
}

func (c filterCompiler) conditions(list []expression) ([]directory.Condition, error) {
	out := make([]directory.Condition, len(list))
	for i, e := range list {
		var err error
		if out[i], err = c.condition(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c filterCompiler) unknown(name string) error {
	return badFilter("%s cannot be filtered by %.100q", c.of.plural(), name)
}

// find is the attribute of a name, and what of the directory it stands for.
func (c filterCompiler) find(name string) (place, meaning, error) {
	p, ok := c.of.place(name)
	if !ok || p.attr == nil {
		return p, meaning{}, c.unknown(name)
	}
	is := c.of.known[p.key()]
	if p.sub != nil && is.field == "" && !is.always { // of a list?
		is.list = c.of.known[attributeKey{attr: p.attr}].list
	}
	return p, is, nil
}

// elementOf is the field of a list's element that the place names: without a part its value.
func (c filterCompiler) elementOf(p place) (directory.Field, *attribute) {
	sub := p.sub
	if sub == nil {
		if sub = p.attr.subs["value"]; sub == nil {
			return directory.ElementValue, p.attr
		}
	}
	return c.of.elements[sub.name], sub
}

func (c filterCompiler) present(v presence) (directory.Condition, error) {
	p, is, err := c.find(v.name)
	switch {
	case err != nil:
		return nil, err
	case is.list != "" && p.sub == nil:
		return directory.Some{List: is.list}, nil
	case is.list != "":
		field, _ := c.elementOf(p)
		if field == "" {
			return nil, c.unknown(v.name)
		}
		return directory.Some{List: is.list, Where: directory.Present{Field: field}}, nil
	case is.field != "":
		return directory.Present{Field: is.field}, nil
	case is.always:
		return directory.And{}, nil
	}
	var parts directory.Or // a complex attribute has a value where a part of it has
	for _, sub := range p.attr.sorted {
		if part := c.of.known[attributeKey{p.attr, sub}]; p.sub == nil && part.field != "" {
			parts = append(parts, directory.Present{Field: part.field})
		}
	}
	if len(parts) == 0 {
		return nil, c.unknown(v.name)
	}
	return parts, nil
}

func (c filterCompiler) compare(v comparison) (directory.Condition, error) {
	p, is, err := c.find(v.name)
	switch {
	case err != nil:
		return nil, err
	case is.list != "" && v.value == nil: // no value at all
		return nullList(is.list, v)
	case is.list != "":
		field, attr := c.elementOf(p)
		if field == "" {
			return nil, c.unknown(v.name)
		}
		where, err := typed(v, attr, field)
		return directory.Some{List: is.list, Where: where}, err
	case p.attr.name == "schemas":
		return c.schemas(v)
	case p.attr.name == "meta" && p.sub != nil && p.sub.name == "resourceType":
		return c.constant(v, c.of.name)
	case is.field == "":
		return nil, c.unknown(v.name)
	}
	attr := p.attr
	if p.sub != nil {
		attr = p.sub
	} else if value := p.attr.subs["value"]; value != nil {
		attr = value
	}
	return typed(v, attr, is.field)
}

func nullList(list directory.List, v comparison) (directory.Condition, error) {
	switch v.op {
	case directory.Equal:
		return directory.Not{Condition: directory.Some{List: list}}, nil
	case directory.NotEqual:
		return directory.Some{List: list}, nil
	}
	return nil, badFilter("%s can be compared with null by eq and ne only", v.name)
}

// schemas compares with the schemas that a resource shows: its own, and those extensions of which it has an attribute.
func (c filterCompiler) schemas(v comparison) (directory.Condition, error) {
	urn, isText := v.value.(string)
	if v.op != directory.Equal && v.op != directory.NotEqual || !isText {
		return nil, c.unknown(v.name)
	}
	var has directory.Condition = directory.Or{}
	switch i := slices.Index(c.of.urns, urn); {
	case i == 0:
		has = directory.And{}
	case i > 0:
		has = directory.Or(c.of.presences(urn))
	}
	if v.op == directory.NotEqual {
		has = negated(has)
	}
	return has, nil
}

// presences are true where there is a value of an attribute of the schema.
func (t *resourceType) presences(urn string) (list []directory.Condition) {
	for _, attr := range t.registry.attributes[urn] {
		if field := t.known[attributeKey{attr: attr}].field; field != "" {
			list = append(list, directory.Present{Field: field})
		}
	}
	return list
}

// constant compares with what is the same for every resource of the type.
func (c filterCompiler) constant(v comparison, is string) (directory.Condition, error) {
	same := v.value == is
	switch {
	case v.op == directory.Equal && same, v.op == directory.NotEqual && !same:
		return directory.And{}, nil
	case v.op == directory.Equal, v.op == directory.NotEqual:
		return directory.Or{}, nil
	}
	return nil, c.unknown(v.name)
}

// some reads attribute[…]: of a list the conditions hold for one element together; of anything else the brackets are a prefix.
func (c filterCompiler) some(v valuePath) (directory.Condition, error) {
	p, is, err := c.find(v.name)
	if err != nil || p.sub != nil {
		return nil, c.unknown(v.name)
	}
	if is.list == "" {
		return filterCompiler{of: c.of}.condition(prefixed(v.name, v.inner))
	}
	where, err := c.element(p.attr, v.inner)
	return directory.Some{List: is.list, Where: where}, err
}

// prefixed writes name[a eq 1 and b pr] as name.a eq 1 and name.b pr.
func prefixed(name string, e expression) expression {
	switch v := e.(type) {
	case conjunction:
		out := make(conjunction, len(v))
		for i, inner := range v {
			out[i] = prefixed(name, inner)
		}
		return out
	case disjunction:
		out := make(disjunction, len(v))
		for i, inner := range v {
			out[i] = prefixed(name, inner)
		}
		return out
	case negation:
		return negation{prefixed(name, v.of)}
	case comparison:
		v.name = name + "." + v.name
		return v
	case presence:
		return presence{name + "." + v.name}
	}
	return e
}

// element turns what stands in a value path's brackets into a condition on one element.
func (c filterCompiler) element(attr *attribute, e expression) (directory.Condition, error) {
	many := func(list []expression) ([]directory.Condition, error) {
		out := make([]directory.Condition, len(list))
		for i, inner := range list {
			var err error
			if out[i], err = c.element(attr, inner); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	switch v := e.(type) {
	case conjunction:
		list, err := many(v)
		return directory.And(list), err
	case disjunction:
		list, err := many(v)
		return directory.Or(list), err
	case negation:
		of, err := c.element(attr, v.of)
		return directory.Not{Condition: of}, err
	case presence:
		if _, field, ok := c.partOf(attr, v.name); ok {
			return directory.Present{Field: field}, nil
		}
		return nil, c.unknown(attr.name + "." + v.name)
	case comparison:
		if sub, field, ok := c.partOf(attr, v.name); ok {
			return typed(v, sub, field)
		}
		return nil, c.unknown(attr.name + "." + v.name)
	}
	return nil, badFilter("The filter cannot be read")
}

// partOf finds a sub-attribute; the elements of a simple list have the one "value".
func (c filterCompiler) partOf(attr *attribute, name string) (*attribute, directory.Field, bool) {
	sub := attr.subs[strings.ToLower(name)]
	if sub == nil && !attr.complex() && strings.EqualFold(name, "value") {
		return attr, directory.ElementValue, true
	}
	if sub == nil {
		return nil, "", false
	}
	field, ok := c.of.elements[sub.name]
	return sub, field, ok
}
