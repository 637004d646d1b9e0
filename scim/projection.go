package scim

import (
	"strings"
)

// projection is which attributes an answer shows (RFC 7644 §3.9): those asked for, or all but the excluded ones.
type projection struct {
	only     []place
	excluded []place
}

// projection is what the request asks to be shown of resources of the type; names that there are not show nothing.
func (x *exchange) projection(t *resourceType) projection {
	return projection{only: t.places(x.asked.attributes), excluded: t.places(x.asked.excluded)}
}

func (t *resourceType) places(names []string) []place {
	var out []place
	for _, name := range names {
		name, _, _ = strings.Cut(name, "[") // emails[type eq "work"] asks for emails
		p, ok := t.place(name)
		if !ok {
			p = place{urn: name} // of no resource: still narrows what is shown
		}
		out = append(out, p)
	}
	return out
}

// shows reports whether a whole attribute, or a part of it, is shown.
func (p projection) shows(urn string, a *attribute) bool {
	switch a.returned {
	case "always":
		return true
	case "never":
		return false
	}
	if len(p.only) > 0 {
		for _, o := range p.only {
			if o.urn == urn && (o.attr == nil || o.attr == a) {
				return true
			}
		}
		return false
	}
	if a.returned == "request" {
		return false
	}
	for _, e := range p.excluded {
		if e.urn == urn && (e.attr == nil || e.attr == a && e.sub == nil) {
			return false
		}
	}
	return true
}

// part narrows a value to the parts that are shown, nil where none is.
func (p projection) part(urn string, a *attribute, v any) any {
	if !a.complex() {
		return v
	}
	if list, ok := v.([]any); ok {
		out := make([]any, 0, len(list))
		for _, e := range list {
			if e = p.part(urn, a, e); e != nil {
				out = append(out, e)
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	wanted, unwanted := p.parts(urn, a)
	out := map[string]any{}
	for name, value := range m {
		sub := a.subs[strings.ToLower(name)]
		always := sub != nil && sub.returned == "always"
		if sub != nil && sub.returned != "never" && (always || !unwanted[sub] && (wanted == nil || wanted[sub])) {
			out[name] = value
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// parts are the parts of a complex attribute that are asked for, nil for all, and those that are excluded.
func (p projection) parts(urn string, a *attribute) (wanted, unwanted map[*attribute]bool) {
	for _, o := range p.only {
		switch {
		case o.urn != urn || o.attr != nil && o.attr != a:
		case o.sub == nil:
			return nil, nil
		case wanted == nil:
			wanted = map[*attribute]bool{o.sub: true}
		default:
			wanted[o.sub] = true
		}
	}
	for _, e := range p.excluded {
		if e.urn == urn && e.attr == a && e.sub != nil {
			if unwanted == nil {
				unwanted = map[*attribute]bool{}
			}
			unwanted[e.sub] = true
		}
	}
	return wanted, unwanted
}

// apply shows what is to be shown of a resource's attributes of one schema.
func (p projection) apply(r *registry, urn string, at map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range at {
		a := r.attributes[urn][strings.ToLower(name)]
		if a == nil || !p.shows(urn, a) {
			continue
		}
		if part := p.part(urn, a, v); part != nil {
			out[name] = part
		}
	}
	return out
}
