package directory

import (
	"context"
	"slices"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Role is a node of the organization's role tree: whoever has it sees what those below in the same branch own (R12).
type Role struct {
	ID        RoleID
	Key, Name string
	Parent    string   // the key of the role above; "" at a root
	Profiles  []string // keys
}

// LocalAdministrator stands among an administrator's roles in claims, so no role can have this key.
const LocalAdministrator = "local_admin"

// maxDepth bounds role trees and nested groups, so that every walk through them ends.
const maxDepth = 64

// Faults of roles and groups.
var (
	ErrRoleCycle      = fault.New(fault.Conflict, "role_cycle", "A role cannot stand below itself").On("parent")
	ErrRoleDepth      = fault.Newf(fault.Invalid, "role_depth", "A role tree has at most %d levels", maxDepth).On("parent")
	ErrGroupCycle     = fault.New(fault.Conflict, "group_cycle", "A group cannot be in itself, not even through other groups").On("members")
	ErrGroupNotFound  = fault.New(fault.NotFound, "group_not_found", "There is no such group")
	ErrGroupNameTaken = fault.New(fault.Conflict, "group_name_taken", "Another group has this name").On("name")
)

// SaveRoles makes, renames and moves roles; moving one carries everything below it. A role above must be there already or
// stand earlier in the list.
func (s Access) SaveRoles(ctx context.Context, org OrganizationID, roles []Role) (Tally, error) {
	var t Tally
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		t = Tally{}
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		was, err := s.in(tx).Roles(ctx, org)
		if err != nil {
			return err
		}
		profiles, err := s.in(tx).Profiles(ctx, org)
		if err != nil {
			return err
		}
		tree := make(map[string]Role, len(was))
		for _, r := range was {
			tree[r.Key] = r
		}
		for _, r := range roles {
			if err := r.check(tree, profiles); err != nil {
				return err
			}
			old, there := tree[r.Key]
			if there && old.Name == r.Name && old.Parent == r.Parent && slices.Equal(sorted(old.Profiles), sorted(r.Profiles)) {
				continue
			}
			if r.ID = old.ID; !there {
				r.ID = sqldb.NewID[rolePrefix](tx.Now())
			}
			tree[r.Key] = r
			writeRole(tx, org, r, roleLinks{tree[r.Parent].ID, profiles})
			if err := e.saved(ctx, "role", r.ID.String(), there, &t); err != nil {
				return err
			}
		}
		return nil
	})
	return t, err
}

// check refuses an unknown role above, unknown profiles, and a place in the tree below itself.
func (r *Role) check(tree map[string]Role, profiles []Profile) error {
	if err := checkNamed(r.Key, r.Name); err != nil {
		return err
	}
	if IsReservedRole(r.Key) {
		return fault.Newf(fault.Invalid, "bad_id", "A role cannot have the id %q, which has a meaning of its own in claims", r.Key).On("id")
	}
	for _, key := range r.Profiles {
		if _, known := find(profiles, func(p Profile) bool { return p.Key == key }); !known {
			return unknown("profile", key, "profiles")
		}
	}
	depth := 0
	for key := r.Parent; key != ""; key = tree[key].Parent {
		if key == r.Key {
			return ErrRoleCycle
		}
		if _, known := tree[key]; !known {
			return unknown("role", key, "parent")
		}
		if depth++; depth >= maxDepth {
			return ErrRoleDepth
		}
	}
	if old, there := tree[r.Key]; there && old.Parent != r.Parent {
		return checkBranch(tree, r.Key, r.Parent)
	}
	return nil
}
