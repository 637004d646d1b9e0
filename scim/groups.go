package scim

import (
	"net/http"

	"portvakt/internal/directory"
)

// findGroups shows a page of the organization's groups, by name; SCIM does not change them yet, and nothing of them can be
// filtered or sorted by.
func (x *exchange) findGroups(q directory.Query, shown projection) (found, error) {
	all, err := x.h.dir.Access.Groups(x.ctx, x.client.Organization)
	if err != nil {
		return found{}, err
	}
	low := min(q.Offset, len(all))
	resources, err := x.groups(all[low:min(low+q.Limit, len(all))], shown)
	return found{total: int64(len(all)), resources: resources}, err
}

func (x *exchange) getGroup() error {
	id, err := directory.ParseGroupID(x.id)
	if err != nil {
		return errNotFound
	}
	g, _, _, err := x.h.dir.Access.GroupByID(x.ctx, x.client.Organization, id, directory.GroupPage{})
	if err != nil {
		return err
	}
	resources, err := x.groups([]directory.Group{g}, x.projection(x.h.schemas.groups))
	if err != nil {
		return err
	}
	x.w.Header().Set("ETag", version(g.Version))
	x.writeJSON(http.StatusOK, resources[0])
	return nil
}

// groups are groups as answers show them; what is in them is read only where it is shown, for all of them at once.
func (x *exchange) groups(list []directory.Group, shown projection) ([]any, error) {
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
	out := make([]any, len(list))
	for i, g := range list {
		out[i] = shown.apply(x.h.schemas, groupURN, x.group(g, members[g.ID]))
	}
	return out, nil
}

func (x *exchange) group(g directory.Group, members []directory.GroupMember) map[string]any {
	id := g.ID.String()
	res := map[string]any{
		"schemas": []string{groupURN}, "id": id, "displayName": g.Name,
		"meta": map[string]any{
			"resourceType": "Group", "created": writeTime(g.CreatedAt), "lastModified": writeTime(g.ChangedAt),
			"location": x.location("Groups", id), "version": version(g.Version),
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
