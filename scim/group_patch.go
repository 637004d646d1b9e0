package scim

import (
	"maps"
	"slices"
	"strings"

	"portvakt/internal/directory"
)

// groupOperation is one step of a PATCH of a group (RFC 7644 §3.5.2). Unlike one of a user it is not applied to a resource:
// who is in the group is not read, so that a step says who comes and who goes.
type groupOperation struct {
	op      string
	attr    *attribute
	text    string                  // of displayName and externalId; "" where it is removed
	members []directory.GroupMember // of members
	all     bool                    // of members: the others, or everybody, go
}

type groupOperations []groupOperation

// edit does the steps in order; the last word about each member counts.
func (ops groupOperations) edit(g *directory.GroupEdit) error {
	for _, o := range ops {
		switch o.attr.name {
		case "displayName":
			g.Name = o.text
		case "externalId":
			g.ExternalID = o.text
		case "members":
			o.move(g)
		}
	}
	return nil
}

func (o groupOperation) move(g *directory.GroupEdit) {
	if o.all {
		g.Empty()
	}
	for _, m := range o.members {
		if o.op == "remove" {
			g.Take(m)
		} else {
			g.Put(m)
		}
	}
}

// written is the operations as the library validates them.
func (ops groupOperations) written() []operation {
	out := make([]operation, len(ops))
	for i, o := range ops {
		out[i] = operation{op: o.op, at: target{place: place{urn: groupURN, attr: o.attr}}, value: o.text}
		if o.attr.name == "members" {
			out[i].value = writtenMembers(o.members)
		}
	}
	return out
}

// readGroupPatch reads the body of a PATCH of a group, with the habits of real clients: values without path, members to
// remove as a value of the operation (Entra), names that cannot be written (Okta's id).
func (r reader) readGroupPatch(body map[string]any) (out groupOperations, err error) {
	steps, err := readSteps(body)
	if err != nil {
		return nil, err
	}
	for _, s := range steps {
		ops, err := r.readGroupOperation(s)
		if err != nil {
			return nil, err
		}
		out = append(out, ops...)
	}
	return out, nil
}

func (r reader) readGroupOperation(s step) (out groupOperations, err error) {
	if s.path != "" {
		t, err := readPath(s.path, r.groups.placeInBody)
		if err != nil {
			return nil, err
		}
		o, err := r.groupStep(s.op, t, s.value)
		return groupOperations{o}, err
	}
	values := s.value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p, ok := r.groups.placeInBody(name)
		if !ok || p.attr == nil {
			if err := r.unknown(name); err != nil {
				return nil, err
			}
			continue
		}
		if p.attr.readOnly() { // as in a PUT
			continue
		}
		o, err := r.groupStep(s.op, target{place: p, text: name}, values[name])
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// groupStep reads one operation on one attribute.
func (r reader) groupStep(op string, t target, value any) (o groupOperation, err error) {
	var selected []directory.GroupMember
	if t.filter != nil {
		if selected, err = membersSelected(t.filter); err != nil {
			return o, err
		}
	}
	o = groupOperation{op: op, attr: t.attr}
	switch {
	case t.attr == nil: // an extension, of which groups have none yet
		return o, badPath("There is no attribute %.100q", t.text)
	case t.attr.readOnly(), t.sub != nil: // what members are is immutable (RFC 7643 §8.7.1): one goes and another comes
		return o, readOnly(t.text)
	case t.attr.name != "members":
		if op != "remove" && value != nil {
			o.text, err = plainText(t.place, value)
		}
		if err == nil && o.text == "" && t.attr.required {
			err = readOnly(t.String())
		}
		if o.text == "" {
			o.op = "remove"
		}
	case t.filter != nil && op != "remove":
		err = readOnly(t.text)
	case t.filter != nil:
		o.members = selected
	case op == "remove":
		o.members, o.all = membersNamed(value), value == nil
	default:
		o.members, err = r.readMembers(value)
		o.all = op == "replace"
	}
	return o, err
}

// membersSelected are the members whom a path's filter names by their ids: value eq "…", perhaps with their type, perhaps
// several with or between them. To look at who is in the group would cost what is in it.
func membersSelected(e expression) ([]directory.GroupMember, error) {
	var out []directory.GroupMember
	switch v := e.(type) {
	case disjunction:
		for _, inner := range v {
			some, err := membersSelected(inner)
			if err != nil {
				return nil, err
			}
			out = append(out, some...)
		}
		return out, nil
	case conjunction:
		return membersOfType(v)
	case comparison:
		id, ok := v.value.(string)
		if !ok || v.op != directory.Equal || !strings.EqualFold(v.name, "value") {
			break
		}
		if m, ok := memberCalled(id); ok {
			out = append(out, m)
		}
		return out, nil
	}
	return nil, badFilter(`Members are chosen by their ids: members[value eq "…"]`)
}

// membersOfType reads value eq "…" and type eq "…", in any order.
func membersOfType(list conjunction) ([]directory.GroupMember, error) {
	var ids, types conjunction
	for _, e := range list {
		if c, ok := e.(comparison); ok && c.op == directory.Equal && strings.EqualFold(c.name, "type") {
			types = append(types, c)
		} else {
			ids = append(ids, e)
		}
	}
	if len(ids) != 1 {
		return nil, badFilter(`Members are chosen by their ids: members[value eq "…"]`)
	}
	members, err := membersSelected(ids[0])
	for _, e := range types {
		kind, _ := e.(comparison).value.(string)
		members = slices.DeleteFunc(members, func(m directory.GroupMember) bool {
			return m.Member.IsZero() != strings.EqualFold(kind, "Group") || !strings.EqualFold(kind, "Group") && !strings.EqualFold(kind, "User")
		})
	}
	return members, err
}
