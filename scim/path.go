package scim

import "strings"

// target is what a path points to: an attribute, perhaps some of its elements, perhaps a part of it or of them.
type target struct {
	place
	filter expression // nil: all
	text   string     // as the client wrote it
}

// parsePath reads attribute, attribute.sub, attribute[filter] or attribute[filter].sub, with or without URN.
func (r *registry) parsePath(text string) (target, error) {
	p, err := newScanner(text)
	if err != nil {
		return target{}, badPath("The path cannot be read")
	}
	name := p.word()
	found, ok := r.find(name)
	if !ok {
		return target{}, badPath("There is no attribute %.100q", name)
	}
	t := target{place: found, text: text}
	if p.take('[') {
		if found.attr == nil || !found.attr.multi || found.sub != nil {
			return target{}, badPath("%s is not a list", found)
		}
		p.within = true
		if t.filter, err = p.closed(']'); err != nil {
			return target{}, badPath("The path cannot be read (byte %d)", p.pos+1)
		}
		if err := checkElement(found.attr, t.filter); err != nil {
			return target{}, err
		}
		if p.pos < len(text) && text[p.pos] == '.' {
			p.pos++
			sub := p.word()
			if t.sub = found.attr.subs[strings.ToLower(sub)]; t.sub == nil {
				return target{}, badPath("%s has no part %.100q", found, sub)
			}
		}
	}
	if p.skip(); p.pos < len(text) {
		return target{}, badPath("The path cannot be read (byte %d)", p.pos+1)
	}
	return t, nil
}

// checkElement refuses a path's filter that names what such elements do not have.
func checkElement(a *attribute, e expression) error {
	name := ""
	switch v := e.(type) {
	case conjunction:
		return checkElements(a, v)
	case disjunction:
		return checkElements(a, v)
	case negation:
		return checkElement(a, v.of)
	case presence:
		name = v.name
	case comparison:
		name = v.name
	default:
		return badPath("The path cannot be read")
	}
	if a.subs[strings.ToLower(name)] == nil && (a.complex() || !strings.EqualFold(name, "value")) {
		return badPath("%s has no part %.100q", a.name, name)
	}
	return nil
}

func checkElements(a *attribute, list []expression) error {
	for _, e := range list {
		if err := checkElement(a, e); err != nil {
			return err
		}
	}
	return nil
}

// straighten makes the value canonical for what the path points to.
func (t target) straighten(value any) (any, error) {
	switch {
	case t.sub != nil:
		return single(t.sub, t.String(), value)
	case t.filter != nil:
		object, ok := objectOf(value)
		if ok {
			value = object
		}
		straight, err := single(t.attr, t.String(), value)
		if ok && err == nil && straight == nil { // it must not read as "remove"
			err = badValue("The value names no part of %s", t)
		}
		return straight, err
	}
	return canonical(t.attr, t.String(), value)
}
