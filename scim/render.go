package scim

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"portvakt/internal/directory"
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

// user is a member as answers show it.
func (x *exchange) user(m *directory.Member, roles []directory.Role, p projection) map[string]any {
	now := x.h.db.Now()
	res := toSCIM(m, roles, now)
	res["id"] = m.ID.String()
	res["meta"] = map[string]any{
		"resourceType": "User", "created": writeTime(m.CreatedAt), "lastModified": writeTime(m.ChangedAt),
		"location": x.location("Users", m.ID.String()), "version": version(m.Version),
	}
	holder(res, membershipURN)["state"] = string(m.StateAt(now))
	extensions := map[string]any{}
	schemas := []any{coreURN}
	for _, urn := range []string{enterpriseURN, membershipURN} {
		if at, ok := res[urn].(map[string]any); ok {
			x.linkManager(at)
			schemas = append(schemas, urn)
			if shown := p.apply(x.h.schemas, urn, at); len(shown) > 0 {
				extensions[urn] = shown
			}
			delete(res, urn)
		}
	}
	res["schemas"] = schemas
	out := p.apply(x.h.schemas, coreURN, res)
	for urn, at := range extensions {
		out[urn] = at
	}
	return out
}

// linkManager adds the URI of a manager who is a member.
func (x *exchange) linkManager(at map[string]any) {
	manager, _ := at["manager"].(map[string]any)
	value, _ := manager["value"].(string)
	if _, err := directory.ParseMembershipID(value); err == nil {
		manager["$ref"] = x.location("Users", value)
	}
}

// base is the organization's SCIM base URL. It comes from configuration, never from the request.
func (x *exchange) base() string { return x.h.base + "/" + x.client.Slug }

func (x *exchange) location(parts ...string) string {
	out := x.base()
	for _, p := range parts {
		out += "/" + url.PathEscape(p)
	}
	return out
}

func version(n int64) string { return `W/"` + strconv.FormatInt(n, 10) + `"` }

// writeUser answers with one member.
func (x *exchange) writeUser(status int, m *directory.Member) error {
	t := x.h.schemas.users
	id := m.ID.String()
	if m.StateAt(m.ChangedAt) != m.StateAt(x.h.db.Now()) {
		x.r.Header.Del("If-None-Match") // time alone has made the member another since this version, as an end that has come
	}
	if x.unchanged(t, id, m.Version) {
		return nil
	}
	roles, err := x.rolesOf([]directory.Member{*m})
	if err != nil {
		return err
	}
	x.w.Header().Set("Last-Modified", m.ChangedAt.UTC().Format(http.TimeFormat))
	shown := x.projection(t)
	user := x.user(m, roles, shown)
	if status != http.StatusCreated || !m.Role.IsZero() { // who was just made can be in groups by a role alone
		if err := x.showGroups(shown, []directory.Member{*m}, []map[string]any{user}); err != nil {
			return err
		}
	}
	x.writeResource(t, id, status, user)
	return nil
}

// unchanged sets the validators of one resource, and answers that the client has this version of it if it said so
// (RFC 7644 §3.14, RFC 9110 §13.1.2). After it returns true there is nothing left to write.
func (x *exchange) unchanged(t *resourceType, id string, number int64) bool {
	header := x.w.Header()
	header.Set("ETag", version(number))
	header.Set("Content-Location", x.location(t.plural(), id)) // RFC 7643 §3.1
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead || !x.holds(version(number)) {
		return false
	}
	x.notModified()
	return true
}

func (x *exchange) notModified() {
	x.w.Header().Set("Cache-Control", "no-store")
	x.w.WriteHeader(http.StatusNotModified)
}

// holds reports whether If-None-Match names the tag; weak and strong ones are alike to it.
func (x *exchange) holds(tag string) bool {
	for _, line := range x.r.Header["If-None-Match"] {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}

// writeResource answers with one resource, as projected.
func (x *exchange) writeResource(t *resourceType, id string, status int, resource map[string]any) {
	if status == http.StatusCreated {
		x.w.Header().Set("Location", x.location(t.plural(), id))
	}
	x.writeJSON(status, resource)
}

// rolesOf reads the organization's roles if one of the members has any.
func (x *exchange) rolesOf(members []directory.Member) ([]directory.Role, error) {
	for i := range members {
		if !members[i].Role.IsZero() {
			return x.h.dir.Access.Roles(x.ctx, x.client.Organization)
		}
	}
	return nil, nil
}
