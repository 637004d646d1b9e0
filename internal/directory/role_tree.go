package directory

import (
	"context"
	"slices"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Faults of moving and removing roles.
var (
	ErrRoleNotFound = fault.New(fault.NotFound, "role_not_found", "There is no such role")
	ErrRolePlace    = fault.New(fault.Invalid, "bad_place", "The role to stand before is not among those below the same role").On("before")
	errTakesItself  = fault.New(fault.Invalid, "bad_taker", "The people of a role that is removed need another role").On("people_to")
)

// roleTree is an organization's role tree as it stands behind the lock.
type roleTree struct {
	byID     map[RoleID]Role
	byKey    map[string]Role
	below    map[string][]RoleID // in their order, by the key above; "" holds the roots
	position map[RoleID]int64
}

func (s Access) roleTree(ctx context.Context, org OrganizationID) (roleTree, error) {
	t := roleTree{byID: map[RoleID]Role{}, byKey: map[string]Role{}, below: map[string][]RoleID{}}
	roles, err := s.Roles(ctx, org)
	if err != nil {
		return t, err
	}
	for _, r := range roles {
		t.byID[r.ID], t.byKey[r.Key] = r, r
		t.below[r.Parent] = append(t.below[r.Parent], r.ID)
	}
	t.position, err = rolePositions(ctx, s.q(), org)
	return t, err
}

// levels are how many levels a branch has.
func levels(below map[string][]string, key string, bound int) int {
	deepest := 0
	for _, child := range below[key] {
		if bound > 0 {
			deepest = max(deepest, levels(below, child, bound-1))
		}
	}
	return deepest + 1
}

// checkBranch refuses a place where what stands below the role would stand too deep.
func checkBranch(tree map[string]Role, key, parent string) error {
	below := map[string][]string{}
	for _, r := range tree {
		if r.Key != key {
			below[r.Parent] = append(below[r.Parent], r.Key)
		}
	}
	above := 0
	for k := parent; k != "" && above <= maxDepth; k = tree[k].Parent {
		above++
	}
	if above+levels(below, key, maxDepth) > maxDepth {
		return ErrRoleDepth
	}
	return nil
}

// MoveRole gives a role with everything below it another place: below newParent, zero for a root, and there before another
// role, zero for the last place. Moving it where it is changes nothing.
//
// Invariant: no role comes to stand below itself, also in a race of moves that each are possible alone
// (TestR13_MovesAtOnceMakeNoCycle).
func (s Access) MoveRole(ctx context.Context, org OrganizationID, role, newParent, before RoleID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		t, err := s.in(tx).roleTree(ctx, org)
		if err != nil {
			return err
		}
		r, there := t.byID[role]
		if !there {
			return ErrRoleNotFound
		}
		parent, there := t.byID[newParent]
		if !there && !newParent.IsZero() {
			return unknown("role", newParent.String(), "parent")
		}
		if err := t.checkMove(r, parent.Key); err != nil {
			return err
		}
		order, err := t.placed(role, parent.Key, before)
		if err != nil {
			return err
		}
		if r.Parent == parent.Key && slices.Equal(order, t.below[parent.Key]) {
			return nil
		}
		if r.Parent != parent.Key {
			moveRoles(tx, org, []RoleID{role}, newParent)
		}
		t.arrange(tx, org, order)
		return e.note(ctx, accessChange{noun: "role", object: role.String(), did: "moved",
			detail: map[string]any{"key": r.Key, "from": r.Parent, "to": parent.Key}})
	})
}

func (t roleTree) checkMove(r Role, parent string) error {
	steps := 0
	for key := parent; key != "" && steps <= maxDepth; key = t.byKey[key].Parent {
		if key == r.Key {
			return ErrRoleCycle
		}
		steps++
	}
	return checkBranch(t.byKey, r.Key, parent)
}

// placed is the order of those below parent with the role put before another one.
func (t roleTree) placed(role RoleID, parent string, before RoleID) ([]RoleID, error) {
	if before == role {
		return nil, ErrRolePlace
	}
	order := slices.DeleteFunc(slices.Clone(t.below[parent]), func(id RoleID) bool { return id == role })
	if before.IsZero() {
		return append(order, role), nil
	}
	i := slices.Index(order, before)
	if i < 0 {
		return nil, ErrRolePlace
	}
	return slices.Insert(order, i, role), nil
}

// arrange writes positions so that the roles come in this order. It shares out those that they have, so that nothing else
// moves.
func (t roleTree) arrange(tx *sqldb.Tx, org OrganizationID, order []RoleID) {
	positions := make([]int64, len(order))
	for i, id := range order {
		positions[i] = t.position[id]
	}
	slices.Sort(positions)
	for i, id := range order {
		if i > 0 {
			positions[i] = max(positions[i], positions[i-1]+1)
		}
		if positions[i] != t.position[id] {
			placeRole(tx, org, id, positions[i])
		}
	}
}

// RemoveRole removes a role. What stands below it moves up into its place; everybody who has it, also invited, suspended and
// former members, gets the role that takes them, zero where there is nobody. A role that a group or a sharing rule names is
// refused with their names.
//
// However many people move, it is one statement, one entry in the history with their number and one event: their memberships
// have another version, and no event each.
//
// Invariant: nobody is left with a removed role, also in a race with somebody who gets it (TestR13_RemovingRacesWithPeople).
func (s Access) RemoveRole(ctx context.Context, org OrganizationID, role, takes RoleID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		t, err := s.in(tx).roleTree(ctx, org)
		if err != nil {
			return err
		}
		r, there := t.byID[role]
		if !there {
			return ErrRoleNotFound
		}
		if takes == role {
			return errTakesItself
		}
		taker, there := t.byID[takes]
		if !there && !takes.IsZero() {
			return unknown("role", takes.String(), "people_to")
		}
		uses, err := roleUses(ctx, tx, org, role)
		if err != nil {
			return err
		}
		if err := uses.refuseRole(); err != nil {
			return err
		}
		people, err := movePeople(ctx, tx, org, role, takes)
		if err != nil {
			return err
		}
		if children := t.below[r.Key]; len(children) > 0 {
			moveRoles(tx, org, children, t.byKey[r.Parent].ID)
			t.arrange(tx, org, t.without(r))
		}
		deleteRole(tx, org, role)
		return e.note(ctx, accessChange{noun: "role", object: role.String(), did: "removed",
			detail: map[string]any{"key": r.Key, "name": r.Name, "people": people, "people_to": taker.Key}})
	})
}

// without are the role's siblings in their order, with those below it in its place.
func (t roleTree) without(r Role) []RoleID {
	order := slices.Clone(t.below[r.Parent])
	i := slices.Index(order, r.ID)
	return slices.Replace(order, i, i+1, t.below[r.Key]...)
}

// movePeople gives everybody who has the role the other one, and refuses where there are people and no other.
func movePeople(ctx context.Context, tx *sqldb.Tx, org OrganizationID, role, takes RoleID) (int64, error) {
	if err := closeRole(ctx, tx, org, role); err != nil {
		return 0, err
	}
	if !takes.IsZero() {
		return moveMembers(ctx, tx, org, role, takes)
	}
	people, err := countMembers(ctx, tx, org, role)
	if err == nil && people > 0 {
		err = fault.Newf(fault.Conflict, "role_has_people", "The role still has its people (%d, former members included); say which role takes them", people).On("people_to")
	}
	return people, err
}
