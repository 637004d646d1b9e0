package scim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"portvakt/internal/directory"
)

// groupBody is a group as a POST or PUT writes it.
type groupBody struct {
	name, externalID string
	members          []directory.GroupMember
}

// readGroup reads the body of a POST or PUT tolerantly: names in any letter case and with URN, one member where a list
// belongs. What is read-only is left out, as RFC 7644 §3.5.1 has it.
func (r reader) readGroup(body map[string]any) (in groupBody, err error) {
	named := false
	for _, name := range slices.Sorted(maps.Keys(body)) {
		v := body[name]
		if strings.EqualFold(name, "schemas") {
			if named, err = r.schemasOf(v, r.groups); err != nil {
				return in, err
			}
			continue
		}
		p, ok := r.groups.placeInBody(name)
		if !ok || p.attr == nil {
			if err := r.unknown(name); err != nil {
				return in, err
			}
			continue
		}
		if p.attr.readOnly() || v == nil {
			continue
		}
		if p.sub != nil {
			return in, badSyntax("%s is a part of a list, whose elements have to be written whole", p)
		}
		switch p.attr.name {
		case "displayName":
			in.name, err = plainText(p, v)
		case "externalId":
			in.externalID, err = plainText(p, v)
		case "members":
			in.members, err = r.readMembers(v)
		}
		if err != nil {
			return in, err
		}
	}
	if !named {
		return in, badSyntax("schemas has to hold %s", groupURN)
	}
	if in.name == "" {
		return in, badValue("displayName is missing")
	}
	return in, nil
}

// edit makes the group what the body says.
func (in groupBody) edit(g *directory.GroupEdit) error {
	g.Name, g.ExternalID = in.name, in.externalID
	g.Empty()
	for _, m := range in.members {
		g.Put(m)
	}
	return nil
}

// written is the body as the library validates it.
func (in groupBody) written() map[string]any {
	out := map[string]any{"schemas": []any{groupURN}, "displayName": in.name}
	setText(out, "externalId", in.externalID)
	if len(in.members) > 0 {
		out["members"] = writtenMembers(in.members)
	}
	return out
}

func writtenMembers(list []directory.GroupMember) []any {
	out := make([]any, len(list))
	for i, m := range list {
		out[i] = map[string]any{"value": m.Reference()}
	}
	return out
}

// plainText reads a text; systems with numbered things write numbers.
func plainText(p place, v any) (string, error) {
	switch s := v.(type) {
	case string:
		return s, nil
	case json.Number:
		return s.String(), nil
	}
	return "", badValue("%s has to be a string", p)
}

// readMembers reads elements of members that are to be in the group. What cannot be anybody's id is refused in the very words
// for somebody whom the organization does not have.
func (r reader) readMembers(v any) (list []directory.GroupMember, err error) {
	for _, e := range elementsOf(v) {
		if err := r.knownParts(e); err != nil {
			return nil, err
		}
		text, ok := valueOf(e)
		if !ok {
			return nil, badValue("Each of members has to have a value, the id of a user or group")
		}
		m, ok := memberCalled(text)
		if !ok {
			return nil, directory.ErrUnknownGroupMember
		}
		list = append(list, m)
	}
	return list, nil
}

// knownParts refuses an element with a part that members do not have, where the client wants to be told.
func (r reader) knownParts(e any) error {
	object, _ := e.(map[string]any)
	if !r.refusesUnknown {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(object)) { // of several always the same is told
		if r.attributes[groupURN]["members"].subs[strings.ToLower(name)] == nil {
			if err := r.unknown("members." + name); err != nil {
				return err
			}
		}
	}
	return nil
}

// membersNamed are the elements of members that are to go: what names nobody takes nobody out.
func membersNamed(v any) (list []directory.GroupMember) {
	for _, e := range elementsOf(v) {
		if text, ok := valueOf(e); ok {
			if m, ok := memberCalled(text); ok {
				list = append(list, m)
			}
		}
	}
	return list
}

// elementsOf is a list, or the one value that stands where a list belongs.
func elementsOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// valueOf is what an element calls the member: {"value": id}, in any letter case, or the bare id.
func valueOf(e any) (string, bool) {
	if s, ok := e.(string); ok {
		return s, true
	}
	object, _ := e.(map[string]any)
	for name, v := range object {
		if s, ok := v.(string); ok && strings.EqualFold(name, "value") {
			return s, true
		}
	}
	return "", false
}

// memberCalled is the member or group with an id; which of them it is, the id tells.
func memberCalled(id string) (m directory.GroupMember, ok bool) {
	var err error
	if m.Member, err = directory.ParseMembershipID(id); err == nil {
		return m, true
	}
	m.Group, err = directory.ParseGroupID(id)
	return m, err == nil
}
