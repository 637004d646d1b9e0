package scim

import (
	"net/http"
	"slices"

	"portvakt/internal/directory"
)

// findGroups shows a page of the organization's groups, by name; SCIM does not change them yet, and nothing of them can be
// filtered or sorted by but what all of them have.
func (x *exchange) findGroups(q directory.Query, shown projection) (found, error) {
	all, err := x.h.dir.Access.Groups(x.ctx, x.client.Organization)
	if err != nil {
		return found{}, err
	}
	if q.Descending {
		slices.Reverse(all)
	}
	low := min(q.Offset, len(all))
	if q.After != nil {
		low = slices.IndexFunc(all, func(g directory.Group) bool { return directory.MembershipID(g.ID) == q.After.ID }) + 1
	}
	page := all[low:min(low+q.Limit, len(all))]
	shownGroups, err := x.groups(page, shown)
	resources := make([]any, len(shownGroups))
	for i, g := range shownGroups {
		resources[i] = g
	}
	return found{total: int64(len(all)), resources: resources, at: func(i int) (directory.Position, error) {
		return directory.Position{Text: directory.Fold(page[i].Name), ID: directory.MembershipID(page[i].ID)}, nil
	}}, err
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
	t := x.h.schemas.groups
	if x.unchanged(t, x.id, g.Version) {
		return nil
	}
	resources, err := x.groups([]directory.Group{g}, x.projection(t))
	if err != nil {
		return err
	}
	x.writeResource(t, g.ID.String(), http.StatusOK, resources[0])
	return nil
}

// groups are groups as answers show them; what is in them is read only where it is shown, for all of them at once.
func (x *exchange) groups(list []directory.Group, shown projection) ([]map[string]any, error) {
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
	out := make([]map[string]any, len(list))
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
