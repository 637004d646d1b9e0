package scim

import (
	"slices"

	"portvakt/internal/directory"
)

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

// nameOf is the attribute that a term is about.
func nameOf(e expression) string {
	switch v := e.(type) {
	case presence:
		return v.name
	case comparison:
		return v.name
	case valuePath:
		return v.name
	}
	return ""
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
	parts := c.parts(p.attr)
	if len(parts) == 0 || p.sub != nil {
		return nil, c.unknown(v.name)
	}
	return parts, nil
}

// parts are true where a part of a complex attribute has a value, and so the attribute.
func (c filterCompiler) parts(attr *attribute) (parts directory.Or) {
	for _, sub := range attr.sorted {
		if part := c.of.known[attributeKey{attr, sub}]; part.field != "" {
			parts = append(parts, directory.Present{Field: part.field})
		}
	}
	return parts
}

func (c filterCompiler) compare(v comparison) (directory.Condition, error) {
	p, is, err := c.find(v.name)
	switch {
	case err != nil:
		return nil, err
	case v.value == nil && (is.list != "" || p.sub == nil && p.attr.complex() && is.field == ""):
		return c.none(v)
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
	means, err := typed(v, attr, is.field)
	if err == nil && p.attr.multi && v.value != nil && absent(v, false) { // a list of one value at most, of which it has to be true
		means = directory.And{directory.Present{Field: is.field}, means}
	}
	return means, err
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
	if v.op != directory.Equal && v.op != directory.NotEqual {
		return nil, c.unknown(v.name)
	}
	return constantly((v.value == is) == (v.op == directory.Equal)), nil
}
