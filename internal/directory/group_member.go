package directory

import (
	"context"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// GroupMember is one thing that is in a group: exactly one of Member, Group and Role is set.
type GroupMember struct {
	Member    MembershipID
	Group     GroupID
	Role      RoleID
	WithBelow bool // with Role: everything below it as well

	Name string // what to show; read, never written
}

// ErrUnknownGroupMember is said of what cannot be in a group, because the organization has no such member, group or role: it
// was never there, is another organization's, or has ended.
var ErrUnknownGroupMember = fault.New(fault.Invalid, "unknown_group_member", "There is no such member to be in a group").On("members")

// maxNamedMembers is how many of those who came or went the history and the event name; beyond, they have their number.
const maxNamedMembers = 100

// AddGroupMembers puts things into a group; those that are in it already change nothing. It answers how many came in. Unlike
// an edit of ChangeGroup it takes members who have ended: files of an installation name them.
//
// Invariant: it costs what comes in, however many are in the group (TestR15_AChangeCostsTheDelta).
func (s Access) AddGroupMembers(ctx context.Context, org OrganizationID, group GroupID, members []GroupMember) (int, error) {
	d, err := s.moveGroupMembers(ctx, org, group, func(x *GroupEdit) {
		for _, m := range members {
			x.Put(m)
		}
	})
	return d.came.n, err
}

// RemoveGroupMembers takes things out of a group; those that are not in it change nothing, whatever they are. It answers how
// many went out. Whom a group holds by a role or another group stays in it.
//
// Invariant: it costs what goes out, however many are in the group (TestR15_AChangeCostsTheDelta).
func (s Access) RemoveGroupMembers(ctx context.Context, org OrganizationID, group GroupID, members []GroupMember) (int, error) {
	d, err := s.moveGroupMembers(ctx, org, group, func(x *GroupEdit) {
		for _, m := range members {
			x.Take(m)
		}
	})
	return d.went.n, err
}

func (s Access) moveGroupMembers(ctx context.Context, org OrganizationID, group GroupID, edit func(*GroupEdit)) (d groupDelta, err error) {
	err = s.update(ctx, func(tx *sqldb.Tx) error {
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		was, err := groupByID(ctx, tx, org, group)
		if err != nil {
			return err
		}
		x := GroupEdit{Group: was, former: true}
		edit(&x)
		d, err = e.changeGroup(ctx, &was, &x)
		return err
	})
	return d, err
}

// groupDelta is who came into a group and who went.
type groupDelta struct{ came, went groupTally }

func (d groupDelta) zero() bool { return d.came.n == 0 && d.went.n == 0 }

// groupTally counts what came or went, and names the first of it.
type groupTally struct {
	n     int
	names []string
}

func (t *groupTally) add(list []GroupMember) {
	t.n += len(list)
	for _, m := range list {
		if len(t.names) == maxNamedMembers {
			return
		}
		t.names = append(t.names, m.Reference())
	}
}

func (e *accessEdit) noteMembers(ctx context.Context, group GroupID, d groupDelta) error {
	for _, c := range []struct {
		did string
		groupTally
	}{{"members_added", d.came}, {"members_removed", d.went}} {
		if c.n == 0 {
			continue
		}
		if err := e.note(ctx, accessChange{noun: "group", object: group.String(), did: c.did, detail: map[string]any{"count": c.n, "members": c.names}}); err != nil {
			return err
		}
	}
	return nil
}

// moveMembers makes the difference that an edit says. What goes goes first, so that what comes meets no cycle through it.
func (e *accessEdit) moveMembers(ctx context.Context, x *GroupEdit) (d groupDelta, err error) {
	come, go_ := x.ordered(true), x.ordered(false)
	for _, m := range append(come[:len(come):len(come)], go_...) {
		if err := m.check(); err != nil {
			return d, err
		}
	}
	if x.emptied {
		if come, go_, err = e.emptied(ctx, x, come, &d); err != nil {
			return d, err
		}
	}
	if err := e.takeOut(ctx, x.ID, go_, &d.went); err != nil {
		return d, err
	}
	return d, e.putIn(ctx, x, come, &d.came)
}

// emptied answers who has to come and go so that of members and groups only the given ones are in it. Where that is nobody,
// they go at once, unread.
func (e *accessEdit) emptied(ctx context.Context, x *GroupEdit, come []GroupMember, d *groupDelta) (in, out []GroupMember, err error) {
	for m, is := range x.moves {
		if !is && !m.Role.IsZero() {
			out = append(out, m)
		}
	}
	stays := func(m GroupMember) bool { return m.Role.IsZero() }
	if _, some := find(come, stays); !some {
		return come, out, emptyGroup(ctx, e.tx, e.org, x.ID, &d.went)
	}
	inside, err := groupContent(ctx, e.tx, e.org, x.ID)
	there := make(map[GroupMember]bool, len(inside))
	for _, m := range inside {
		if there[m] = true; !x.moves[m] {
			out = append(out, m)
		}
	}
	for _, m := range come {
		if !there[m] {
			in = append(in, m)
		}
	}
	return in, out, err
}

// refuseCycles refuses groups that hold the one into which they come. Who holds whom is read with the organization locked.
func refuseCycles(ctx context.Context, tx *sqldb.Tx, org OrganizationID, into GroupID, groups []GroupID) error {
	if len(groups) == 0 {
		return nil
	}
	nested, err := groupNesting(ctx, tx, org)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if reaches(nested, g, into) {
			return ErrGroupCycle
		}
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
