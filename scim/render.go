package scim

import (
	"net/http"
	"net/url"
	"time"

	"portvakt/internal/directory"
)

// rendered is a resource as an answer shows it.
type rendered struct {
	body map[string]any
	tag  string // of what is shown
}

// users are members as answers show them. Roles, and the groups that each is in, are read for all of them at once, and only
// where they are shown.
func (x *exchange) users(list []directory.Member, p projection) ([]rendered, error) {
	roles, err := x.rolesOf(list)
	if err != nil {
		return nil, err
	}
	groups, err := x.groupsOf(list, p)
	if err != nil {
		return nil, err
	}
	out := make([]rendered, len(list))
	for i := range list {
		out[i] = x.user(&list[i], roles, groups[list[i].ID], p)
	}
	return out, nil
}

func (x *exchange) user(m *directory.Member, roles []directory.Role, groups []any, p projection) rendered {
	now := x.h.db.Now()
	res := toSCIM(m, roles, now)
	res["id"] = m.ID.String()
	res["meta"] = map[string]any{
		"resourceType": "User", "created": writeTime(m.CreatedAt), "lastModified": writeTime(m.ChangedAt),
		"location": x.location("Users", m.ID.String()),
	}
	if len(groups) > 0 {
		res["groups"] = groups
	}
	state := m.StateAt(now)
	holder(res, membershipURN)["state"] = string(state)
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
	beside := []any{out["groups"], out["roles"]}
	if state != m.StateAt(m.ChangedAt) { // time alone has made the member another, as an end that has come
		beside = append(beside, string(state))
	}
	return rendered{out, p.seal(x.h.schemas, coreURN, out, tagOf(m.Version, beside...))}
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

// writeUser answers with one member.
func (x *exchange) writeUser(status int, m *directory.Member) error {
	t := x.h.schemas.users
	p, list := x.projection(t), []directory.Member{*m}
	roles, err := x.rolesOf(list)
	if err != nil {
		return err
	}
	var groups map[directory.MembershipID][]any
	if status != http.StatusCreated || !m.Role.IsZero() { // who was just made can be in groups by a role alone
		if groups, err = x.groupsOf(list, p); err != nil {
			return err
		}
	}
	x.writeResource(t, m.ID.String(), status, x.user(m, roles, groups[m.ID], p), m.ChangedAt)
	return nil
}

// writeResource answers with one resource, or that the client has it as it is if it said so (RFC 7644 §3.14, RFC 9110
// §13.1.2).
func (x *exchange) writeResource(t *resourceType, id string, status int, is rendered, changed time.Time) {
	x.validators(t, id, is.tag)
	if (x.r.Method == http.MethodGet || x.r.Method == http.MethodHead) && x.holds(is.tag) {
		x.notModified()
		return
	}
	if status == http.StatusCreated {
		x.w.Header().Set("Location", x.location(t.plural(), id))
	}
	x.w.Header().Set("Last-Modified", changed.UTC().Format(http.TimeFormat))
	x.writeJSON(status, is.body)
}

// writeNothing answers 204 about one resource.
func (x *exchange) writeNothing(t *resourceType, id string, number int64) {
	x.validators(t, id, version(number))
	x.w.WriteHeader(http.StatusNoContent)
}

// wantsNothing reports whether a PATCH that succeeds is answered 204: where the client is served so, unless it names the
// attributes that it wants to see (RFC 7644 §3.5.2).
func (x *exchange) wantsNothing() bool {
	return x.client.PatchAnswer == directory.PatchEmpty && x.query.Get("attributes") == "" && x.query.Get("excludedAttributes") == ""
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
