package scim

import (
	"slices"

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
	if err != nil {
		if p, known := c.elsewhere(e); known {
			return constantly(absent(e, p.attr.multi)), nil
		}
	}
	return is, err
}

// What is true, or false, of every resource of a type is taken out of a filter, so that a type of which nothing is meant is not
// asked: directory.And{} is true of all, directory.Or{} of none.

func constantly(is bool) directory.Condition {
	if is {
		return directory.And{}
	}
	return directory.Or{}
}

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

// elsewhere finds what a term names among the attributes of the other types.
func (c filterCompiler) elsewhere(e expression) (p place, known bool) {
	for _, t := range c.others {
		if _, err := (filterCompiler{of: t}).term(e); err == nil {
			return t.place(nameOf(e))
		}
	}
	return p, false
}

// absent is what a filter means of a resource that has no such attribute. Of a list one value has to fit (RFC 7644 §3.4.2.2), and
// there is none; one value that is not there is unequal to everything.
func absent(e expression, multi bool) bool {
	is := func(e expression) bool { return absent(e, multi) }
	switch v := e.(type) {
	case conjunction:
		return !slices.ContainsFunc(v, func(e expression) bool { return !is(e) })
	case disjunction:
		return slices.ContainsFunc(v, is)
	case negation:
		return !is(v.of)
	case comparison:
		nothing := v.value == nil || v.value == "" // stored texts are never empty but absent
		return v.op == directory.Equal && (v.value == nil || nothing && !multi) || v.op == directory.NotEqual && !nothing && !multi
	}
	return false
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
