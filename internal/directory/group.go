package directory

import (
	"cmp"
	"context"
	"time"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Group collects members, other groups, roles, and roles with everything below (R15).
type Group struct {
	ID         GroupID
	Key, Name  string // the name is unique in the organization without regard to case
	ExternalID string
	Version    int64
	CreatedAt  time.Time
	ChangedAt  time.Time
}

// GroupMember is one thing that is in a group: exactly one of Member, Group and Role is set.
type GroupMember struct {
	Member    MembershipID
	Group     GroupID
	Role      RoleID
	WithBelow bool // with Role: everything below it as well

	Name string // what to show; read, never written
}

// SaveGroups makes and renames groups; who is in them is AddGroupMembers' part.
func (s Access) SaveGroups(ctx context.Context, org OrganizationID, groups []Group) (Tally, error) {
	var t Tally
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		t = Tally{}
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		was, err := s.in(tx).Groups(ctx, org)
		if err != nil {
			return err
		}
		for _, g := range groups {
			if err := cmp.Or(checkNamed(g.Key, g.Name), checkIndexed("name", g.Name)); err != nil {
				return err
			}
			if _, taken := find(was, func(o Group) bool { return o.Key != g.Key && Fold(o.Name) == Fold(g.Name) }); taken {
				return ErrGroupNameTaken
			}
			old, there := find(was, func(o Group) bool { return o.Key == g.Key })
			if there && old.Name == g.Name && old.ExternalID == g.ExternalID {
				continue
			}
			if g.ID = old.ID; !there {
				g.ID = sqldb.NewID[groupPrefix](tx.Now())
				was = append(was, g)
			}
			writeGroup(tx, org, g)
			if err := e.saved(ctx, "group", g.ID.String(), there, &t); err != nil {
				return err
			}
		}
		return nil
	})
	return t, err
}

func (m GroupMember) check() error {
	set := 0
	for _, zero := range []bool{m.Member.IsZero(), m.Group.IsZero(), m.Role.IsZero()} {
		if !zero {
			set++
		}
	}
	if set != 1 || m.WithBelow && m.Role.IsZero() {
		return fault.New(fault.Invalid, "bad_group_member", "In a group are members, groups, or roles with or without everything below").On("members")
	}
	return nil
}

// reaches reports whether from is to, or holds it directly or through other groups. It ends on cycles as well.
func reaches(nested map[GroupID][]GroupID, from, to GroupID) bool {
	seen := map[GroupID]bool{}
	open := []GroupID{from}
	for len(open) > 0 {
		id := open[len(open)-1]
		open = open[:len(open)-1]
		if id == to {
			return true
		}
		if !seen[id] {
			seen[id] = true
			open = append(open, nested[id]...)
		}
	}
	return false
}

// GroupPage is which of a group's members to read.
type GroupPage struct{ Offset, Limit int }

// GroupByID is a group with a page of what is in it, and how much that is in all.
func (s Access) GroupByID(ctx context.Context, org OrganizationID, id GroupID, page GroupPage) (Group, []GroupMember, int64, error) {
	g, err := groupByID(ctx, s.q(), org, id)
	if err != nil {
		return g, nil, 0, err
	}
	members, total, err := groupMembers(ctx, s.q(), org, id, page)
	return g, members, total, err
}
