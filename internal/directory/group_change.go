package directory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"portvakt/internal/sqldb"
)

// GroupEdit is a group as an edit finds and leaves it, and what the edit makes of who is in it. Who is in it is not read for
// that: an edit says who comes and who goes, and the last word about each counts.
type GroupEdit struct {
	Group
	emptied bool
	moves   map[GroupMember]bool // true: is in it afterwards
	former  bool                 // those who have ended come in as well
	moved   bool                 // saved, and something came or went
}

// Put brings something in; what is in already stays.
func (x *GroupEdit) Put(m GroupMember) { x.move(m, true) }

// Take takes something out, if it is in the group.
func (x *GroupEdit) Take(m GroupMember) { x.move(m, false) }

// Empty takes out all members and groups. Roles stay.
func (x *GroupEdit) Empty() {
	x.emptied = true
	maps.DeleteFunc(x.moves, func(m GroupMember, _ bool) bool { return m.Role.IsZero() })
}

func (x *GroupEdit) move(m GroupMember, in bool) {
	if x.moves == nil {
		x.moves = map[GroupMember]bool{}
	}
	m.Name = ""
	x.moves[m] = in
}

// Moved reports whether the edit, once it is saved, brought something in or took something out; of a new group, whether it says
// that anything comes in.
func (x *GroupEdit) Moved() bool { return x.moved || x.Version == 0 && len(x.moves) > 0 }

// ordered are those who come or those who go, in an order that does not depend on the edit.
func (x *GroupEdit) ordered(in bool) []GroupMember {
	var list []GroupMember
	for m, is := range x.moves {
		if is == in {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b GroupMember) int { return cmp.Compare(a.Reference(), b.Reference()) })
	return list
}

// CreateGroup makes a group with a key of its own. Nothing of x but the name, the external id, the provisioning client and
// whoever is put in counts.
//
// Invariant: of two groups of one name made at once one is there (TestWall073_GroupsRace), and there are never more than
// MaxGroups (TestWall137_GroupsAreBounded).
func (s Access) CreateGroup(ctx context.Context, org OrganizationID, x GroupEdit) (Group, error) {
	var g Group
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		if many, err := hasGroups(ctx, tx, org, MaxGroups); err != nil || many {
			return cmp.Or(err, error(ErrTooManyGroups))
		}
		made := x
		made.ID, made.Version, made.CreatedAt, made.ChangedAt = sqldb.NewID[groupPrefix](tx.Now()), 1, tx.Now(), tx.Now()
		if made.Key, err = newGroupKey(ctx, tx, org, &made.Group); err != nil {
			return err
		}
		if err := e.checkGroup(ctx, &Group{}, &made.Group); err != nil {
			return err
		}
		insertGroup(tx, org, made.Group)
		if err := e.note(ctx, accessChange{noun: "group", object: made.ID.String(), did: "created", detail: map[string]any{"key": made.Key, "name": made.Name}}); err != nil {
			return err
		}
		d, err := e.moveMembers(ctx, &made)
		if err != nil {
			return err
		}
		g = made.Group
		return e.noteMembers(ctx, g.ID, d)
	})
	return g, err
}

// ChangeGroup edits a group under an optimistic version; version 0 takes whatever is there. The edit may run again, so it
// must depend on nothing but the group it is given. The organization is locked: of changes at once none is lost. An edit
// that changes nothing writes nothing.
//
// Invariant: it costs what comes and goes, however many are in the group (TestR15_AChangeCostsTheDelta).
func (s Access) ChangeGroup(ctx context.Context, org OrganizationID, id GroupID, version int64, edit func(*GroupEdit) error) (Group, error) {
	var g Group
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		was, err := groupByID(ctx, tx, org, id)
		if err != nil {
			return err
		}
		if version != 0 && was.Version != version {
			return ErrGroupChanged
		}
		x := GroupEdit{Group: was}
		if err := edit(&x); err != nil {
			return err
		}
		_, err = e.changeGroup(ctx, &was, &x)
		g = x.Group
		return err
	})
	return g, err
}

// changeGroup saves what an edit made of a group.
func (e *accessEdit) changeGroup(ctx context.Context, was *Group, x *GroupEdit) (d groupDelta, err error) {
	x.ID, x.Key, x.Version, x.CreatedAt, x.ChangedAt = was.ID, was.Key, was.Version, was.CreatedAt, was.ChangedAt
	changed := x.Group != *was
	if changed {
		if err := e.checkGroup(ctx, was, &x.Group); err != nil {
			return d, err
		}
	}
	if d, err = e.moveMembers(ctx, x); err != nil || !changed && d.zero() {
		return d, err
	}
	x.moved = !d.zero()
	x.Version, x.ChangedAt = was.Version+1, e.tx.Now()
	updateGroup(e.tx, e.org, x.Group)
	if changed {
		if err := e.note(ctx, accessChange{noun: "group", object: x.ID.String(), did: "changed", detail: groupDifference(was, &x.Group)}); err != nil {
			return d, err
		}
	}
	return d, e.noteMembers(ctx, x.ID, d)
}

// groupDifference is what the history says of a change of the group itself.
func groupDifference(was, g *Group) map[string]any {
	detail := map[string]any{}
	if g.Name != was.Name {
		detail["name"], detail["former_name"] = g.Name, was.Name
	}
	if g.ExternalID != was.ExternalID {
		detail["external_id"], detail["former_external_id"] = g.ExternalID, was.ExternalID
	}
	if g.ManagedBy != was.ManagedBy {
		detail["provisioning_client"] = g.ManagedBy.String()
	}
	return detail
}

// checkGroup refuses a name or external id that another group has. The organization is locked, so that nobody takes it
// meanwhile; the unique indexes stand behind it. was is the zero group for a new one.
func (e *accessEdit) checkGroup(ctx context.Context, was, g *Group) error {
	if err := g.check(); err != nil {
		return err
	}
	if Fold(g.Name) != Fold(was.Name) {
		if taken, err := groupNameTaken(ctx, e.tx, e.org, g); err != nil || taken {
			return cmp.Or(err, error(ErrGroupNameTaken))
		}
	}
	if g.ExternalID == "" || g.ManagedBy.IsZero() || g.ExternalID == was.ExternalID && g.ManagedBy == was.ManagedBy {
		return nil
	}
	if taken, err := groupExternalIDTaken(ctx, e.tx, e.org, g); err != nil || taken {
		return cmp.Or(err, error(ErrGroupExternalIDTaken))
	}
	return nil
}

// RemoveGroup removes a group with all that is in it, and takes it out of the groups that hold it: each of them has a new
// version, and the history and the event say so. One that a sharing rule names is refused with the modules of the rules: what
// would become of those is for people to say, and never a silent change of what others see. Records that the group owned have
// an unknown owner from then on, whom nobody reaches: CreateGroup gives its key to no other.
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
		if err := e.leaveGroups(ctx, group); err != nil {
			return err
		}
		deleteGroup(tx, org, g)
		return e.note(ctx, accessChange{noun: "group", object: group.String(), did: "removed", detail: map[string]any{"key": g.Key, "name": g.Name}})
	})
}

// leaveGroups takes a group out of those that hold it.
func (e *accessEdit) leaveGroups(ctx context.Context, group GroupID) error {
	holders, err := groupsHolding(ctx, e.tx, e.org, group)
	if err != nil {
		return err
	}
	for i := range holders {
		x := GroupEdit{Group: holders[i]}
		x.Take(GroupMember{Group: group})
		if _, err := e.changeGroup(ctx, &holders[i], &x); err != nil {
			return err
		}
	}
	return nil
}
