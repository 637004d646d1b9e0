package scim

import (
	"strings"

	"portvakt/internal/directory"
)

// target is what a path points to: an attribute, perhaps some of its elements, perhaps a part of it or of them.
type target struct {
	place
	filter expression // nil: all
	terms  int        // how many comparisons the filter makes with each element
	text   string     // as the client wrote it
}

// parsePath reads a path into a user, whose filter names parts that such elements have.
func (r reader) parsePath(text string) (target, error) {
	t, err := readPath(text, func(name string) (place, bool) {
		p, ok := r.users.placeInBody(name)
		if !ok && r.profile == directory.ProvisioningEntra { // whose older jobs leave the extension's URN away: "manager"
			p, ok = r.within(enterpriseURN, name)
		}
		return p, ok
	})
	if err == nil && t.filter != nil {
		err = checkElement(t.attr, t.filter)
	}
	return t, err
}

// readPath reads attribute, attribute.sub, attribute[filter] or attribute[filter].sub, with or without URN (RFC 7644
// §3.5.2, figure 7). What clients write beside the grammar and can mean one thing only is understood: see plainPath. find is
// what names mean.
func readPath(text string, find func(string) (place, bool)) (target, error) {
	p, err := newScanner(plainPath(text))
	if err != nil {
		return target{}, badPath("The path cannot be read")
	}
	name := p.word()
	found, ok := find(strings.TrimSuffix(name, "."))
	if !ok {
		return target{}, badPath("There is no attribute %.100q", name)
	}
	t := target{place: found, text: text}
	if p.take('[') {
		if err := p.selection(&t); err != nil {
			return target{}, err
		}
	} else if strings.HasSuffix(name, ".") {
		return target{}, badPath("The path ends with a dot")
	}
	if p.skip(); p.pos < len(p.s) {
		return target{}, badPath("The path cannot be read (byte %d)", p.pos+1)
	}
	return t, nil
}

// selection reads behind the opening bracket: which elements, and perhaps which part of them.
func (p *scanner) selection(t *target) error {
	found := t.place
	if found.attr == nil || !found.attr.multi || found.sub != nil {
		return badPath("%s is not a list", found)
	}
	p.within = true
	var err error
	if t.filter, err = p.closed(']'); err != nil {
		return badPath("The path cannot be read (byte %d)", p.pos+1)
	}
	t.terms = p.terms
	if p.take('.') {
		sub := p.word()
		if t.sub = found.attr.subs[strings.ToLower(sub)]; t.sub == nil {
			return badPath("%s has no part %.100q", found, sub)
		}
	}
	return nil
}

// plainPath straightens what stands outside of double quotes: a text in single or typographic quotes, quotes escaped once
// too often, and the slashes of a JSON pointer.
func plainPath(text string) string {
	whole := strings.TrimSpace(text)
	text, pointer := strings.CutPrefix(whole, "/")
	if !pointer && !strings.ContainsAny(text, "'\\“”‘’") {
		return text
	}
	var out strings.Builder
	brackets, end := 0, rune(0) // end closes the text that we are in
	escaped := false
	for i, c := range text {
		switch {
		case escaped:
			escaped = false
		case end == '"' && c == '\\':
			escaped = true
		case end != 0 && c == end:
			end, c = 0, '"'
		case end != 0:
			if c == '"' { // in a text of other quotes
				out.WriteByte('\\')
			}
		case c == '\\' && strings.HasPrefix(text[i+1:], `"`): // \"work\"
			return plainPath(strings.ReplaceAll(whole, `\"`, `"`))
		case c == '"', strings.ContainsRune("'“‘”’", c) && strings.HasSuffix(text[:i], " "): // a value's beginning
			if end = closing[c]; end == 0 {
				end = c
			}
			c = '"'
		case c == '[':
			brackets++
		case c == ']':
			brackets--
		case c == '/' && pointer && brackets == 0:
			c = '.'
		}
		out.WriteRune(c)
	}
	return out.String()
}

// closing is how a text ends that begins with a typographic quote.
var closing = map[rune]rune{'“': '”', '‘': '’'}

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
func (r reader) straighten(t target, value any) (any, error) {
	switch {
	case t.sub != nil:
		return r.single(t.sub, t.String(), value)
	case t.filter != nil:
		object, ok := objectOf(value)
		if ok {
			value = object
		}
		straight, err := r.single(t.attr, t.String(), value)
		if ok && err == nil && straight == nil { // it must not read as "remove"
			err = badValue("The value names no part of %s", t)
		}
		return straight, err
	}
	return r.canonical(t.attr, t.String(), value)
}
