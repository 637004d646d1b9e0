package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// maxNamedMembers is how many of those who came or went the history names; beyond, it has their number.
const maxNamedMembers = 100

// AddGroupMembers puts things into a group; those that are in it already change nothing. It answers how many came in.
//
// Invariant: it costs what comes in, however many are in the group (TestR15_AChangeCostsTheDelta).
func (s Access) AddGroupMembers(ctx context.Context, org OrganizationID, group GroupID, members []GroupMember) (int, error) {
	return s.changeGroupMembers(ctx, org, group, groupMemberChange{did: "members_added", members: members, one: addGroupMember})
}

// RemoveGroupMembers takes things out of a group; those that are not in it change nothing, whatever they are. It answers how
// many went out. Whom a group holds by a role or another group stays in it.
//
// Invariant: it costs what goes out, however many are in the group (TestR15_AChangeCostsTheDelta).
func (s Access) RemoveGroupMembers(ctx context.Context, org OrganizationID, group GroupID, members []GroupMember) (int, error) {
	return s.changeGroupMembers(ctx, org, group, groupMemberChange{did: "members_removed", members: members, one: deleteGroupMember})
}

// groupMemberChange is what is done to each thing of a list; one reports whether anything changed.
type groupMemberChange struct {
	did     string
	members []GroupMember
	one     func(ctx context.Context, g *groupEdit, m GroupMember) (bool, error)
}

// groupEdit is a group whose organization is locked.
type groupEdit struct {
	*accessEdit
	group  GroupID
	nested map[GroupID][]GroupID // which groups hold which directly; nil until it is asked for
}

func (s Access) changeGroupMembers(ctx context.Context, org OrganizationID, group GroupID, c groupMemberChange) (int, error) {
	changed := 0
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		changed = 0
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		if _, err := groupByID(ctx, tx, org, group); err != nil {
			return err
		}
		g := &groupEdit{accessEdit: e, group: group}
		var names []string
		for _, m := range c.members {
			if err := m.check(); err != nil {
				return err
			}
			did, err := c.one(ctx, g, m)
			if err != nil {
				return err
			}
			if !did {
				continue
			}
			if changed++; changed <= maxNamedMembers {
				names = append(names, m.Reference())
			}
		}
		if changed == 0 {
			return nil
		}
		touchGroup(tx, group)
		return e.note(ctx, accessChange{noun: "group", object: group.String(), did: c.did,
			detail: map[string]any{"count": changed, "members": names}})
	})
	return changed, err
}

func addGroupMember(ctx context.Context, g *groupEdit, m GroupMember) (bool, error) {
	if !m.Group.IsZero() {
		if err := g.refuseCycle(ctx, m.Group); err != nil {
			return false, err
		}
	}
	return insertGroupMember(ctx, g.tx, g.org, g.group, m)
}

// refuseCycle refuses a group that holds this one, and notes it as held.
func (g *groupEdit) refuseCycle(ctx context.Context, child GroupID) (err error) {
	if g.nested == nil {
		if g.nested, err = groupNesting(ctx, g.tx, g.org); err != nil {
			return err
		}
	}
	if reaches(g.nested, child, g.group) {
		return ErrGroupCycle
	}
	g.nested[g.group] = append(g.nested[g.group], child)
	return nil
}

// Reference is how the history names it: an outside identifier, with a plus for a role with everything below.
func (m GroupMember) Reference() string {
	switch {
	case !m.Member.IsZero():
		return m.Member.String()
	case !m.Group.IsZero():
		return m.Group.String()
	case m.WithBelow:
		return m.Role.String() + "+"
	}
	return m.Role.String()
}

// RemoveGroup removes a group with all that is in it. One that another group holds or a sharing rule names is refused with
// their names: what would become of those is for people to say, and never a silent change of somebody else's access. Records
// that the group owned have an unknown owner from then on, whom nobody reaches.
func (s Access) RemoveGroup(ctx context.Context, org OrganizationID, group GroupID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		g, err := groupByID(ctx, tx, org, group)
		if err != nil {
			return err
		}
		uses, err := groupUses(ctx, tx, org, group)
		if err != nil {
			return err
		}
		if err := uses.refuseGroup(); err != nil {
			return err
		}
		deleteGroup(tx, org, group)
		return e.note(ctx, accessChange{noun: "group", object: group.String(), did: "removed", detail: map[string]any{"key": g.Key, "name": g.Name}})
	})
}
