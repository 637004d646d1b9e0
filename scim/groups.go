package scim

import (
	"net/http"

	"portvakt/internal/directory"
)

// findGroups is a page of the organization's groups.
func (x *exchange) findGroups(q directory.Query, shown projection) (found, error) {
	page, err := x.h.dir.Access.ListGroups(x.ctx, x.client.Organization, q)
	if err != nil {
		return found{}, err
	}
	groups, err := x.groups(page.Groups, shown)
	out := found{total: page.Total, resources: make([]any, len(groups)), at: func(i int) (directory.Position, error) {
		return page.Groups[i].PositionIn(q.SortBy), nil
	}}
	for i, g := range groups {
		out.resources[i] = g.body
	}
	return out, err
}

func (x *exchange) getGroup() error {
	id, err := x.groupID()
	if err != nil {
		return err
	}
	g, _, _, err := x.h.dir.Access.GroupByID(x.ctx, x.client.Organization, id, directory.GroupPage{})
	if err != nil {
		return err
	}
	return x.writeGroup(http.StatusOK, g)
}

// groupID is the id of the path; what is no id of ours is nobody's.
func (x *exchange) groupID() (directory.GroupID, error) {
	id, err := directory.ParseGroupID(x.id)
	if err != nil {
		return id, errNotFound
	}
	return id, nil
}

// writeGroup answers with one group.
func (x *exchange) writeGroup(status int, g directory.Group) error {
	t := x.h.schemas.groups
	groups, err := x.groups([]directory.Group{g}, x.projection(t))
	if err != nil {
		return err
	}
	x.writeResource(t, g.ID.String(), status, groups[0], g.ChangedAt)
	return nil
}

// groups are groups as answers show them; what is in them is read only where it is shown, for all of them at once.
func (x *exchange) groups(list []directory.Group, shown projection) ([]rendered, error) {
	var members map[directory.GroupID][]directory.GroupMember
	if shown.shows(groupURN, x.h.schemas.attributes[groupURN]["members"]) {
		ids := make([]directory.GroupID, len(list))
		for i, g := range list {
			ids[i] = g.ID
		}
		var err error
		if members, err = x.h.dir.Access.MembersOf(x.ctx, x.client.Organization, ids); err != nil {
			return nil, err
		}
	}
	out := make([]rendered, len(list))
	for i, g := range list {
		body := shown.apply(x.h.schemas, groupURN, x.group(g, members[g.ID]))
		// Names change, and whoever has ended is gone, without a new version.
		out[i] = rendered{body, shown.seal(x.h.schemas, groupURN, body, tagOf(g.Version, body["members"]))}
	}
	return out, nil
}

func (x *exchange) group(g directory.Group, members []directory.GroupMember) map[string]any {
	id := g.ID.String()
	res := map[string]any{
		"schemas": []string{groupURN}, "id": id, "displayName": g.Name,
		"meta": map[string]any{
			"resourceType": "Group", "created": writeTime(g.CreatedAt), "lastModified": writeTime(g.ChangedAt),
			"location": x.location("Groups", id),
		},
	}
	setText(res, "externalId", g.ExternalID)
	var list []any
	for _, m := range members {
		switch { // roles in a group are not SCIM's to show
		case !m.Member.IsZero():
			list = append(list, x.groupMember("User", m.Member.String(), m.Name))
		case !m.Group.IsZero():
			list = append(list, x.groupMember("Group", m.Group.String(), m.Name))
		}
	}
	if len(list) > 0 {
		res["members"] = list
	}
	return res
}

func (x *exchange) groupMember(kind, id, name string) map[string]any {
	m := map[string]any{"value": id, "type": kind, "$ref": x.location(kind+"s", id)}
	setText(m, "display", name)
	return m
}

// groupsOf are the groups that each of the members is in, as answers show them, to a client that may read groups. They are read
// for a whole page at once, and only where they are shown.
func (x *exchange) groupsOf(members []directory.Member, shown projection) (map[directory.MembershipID][]any, error) {
	if !x.client.MayGroups || len(members) == 0 || !shown.shows(coreURN, x.h.schemas.attributes[coreURN]["groups"]) {
		return nil, nil
	}
	ids := make([]directory.MembershipID, len(members))
	for i := range members {
		ids[i] = members[i].ID
	}
	groups, err := x.h.dir.Access.GroupsOf(x.ctx, x.client.Organization, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[directory.MembershipID][]any, len(groups))
	for id, list := range groups {
		for _, g := range list {
			kind := "indirect"
			if g.Direct {
				kind = "direct"
			}
			out[id] = append(out[id], map[string]any{"value": g.ID.String(), "$ref": x.location("Groups", g.ID.String()), "display": g.Name, "type": kind})
		}
	}
	return out, nil
}
