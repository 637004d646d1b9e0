package scim

import (
	"strings"

	"portvakt/internal/directory"
)

// elementOf is the field of a list's element that the place names: without a part its value.
func (c filterCompiler) elementOf(p place) (directory.Field, *attribute) {
	sub := p.sub
	if sub == nil {
		if sub = p.attr.subs["value"]; sub == nil && p.attr.complex() {
			return "", nil
		} else if sub == nil {
			return directory.ElementValue, p.attr
		}
	}
	return c.of.elements[sub.name], sub
}

// none compares with null what is no simple value: eq is true where there is none at all.
func (c filterCompiler) none(v comparison) (directory.Condition, error) {
	some, err := c.present(presence{v.name})
	switch {
	case err != nil || v.op == directory.NotEqual:
		return some, err
	case v.op == directory.Equal:
		return negated(some), nil
	}
	return nil, badFilter("%s can be compared with null by eq and ne only", v.name)
}

// some reads attribute[…]: the conditions hold for one element of a list together. Of what is no list of the directory's the brackets
// are a prefix, and there has to be a value that they can be true of.
func (c filterCompiler) some(v valuePath) (directory.Condition, error) {
	p, is, err := c.find(v.name)
	if err != nil || p.sub != nil {
		return nil, c.unknown(v.name)
	}
	if is.list != "" {
		where, err := c.element(p.attr, v.inner)
		return directory.Some{List: is.list, Where: where}, err
	}
	means, err := filterCompiler{of: c.of}.condition(prefixed(v.name, v.inner))
	if err != nil || is.always || !absent(v.inner, p.attr.multi) {
		return means, err
	}
	there, err := c.present(presence{v.name})
	return all([]directory.Condition{there, means}), err
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
