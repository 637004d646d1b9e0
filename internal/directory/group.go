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
	ID GroupID
	// Key is the group's for good, whatever it is renamed to: claims, owners of records and apply files name it.
	Key, Name  string               // the name is unique in the organization without regard to case
	ExternalID string               // the provisioning client's own word for it, compared letter for letter
	ManagedBy  ProvisioningClientID // zero: no provisioning client has written it yet
	Version    int64                // rises with whatever changes, who is in it included
	CreatedAt  time.Time
	ChangedAt  time.Time
}

// ErrGroupChanged says that a group has another version than the change was made for.
var ErrGroupChanged = fault.New(fault.Stale, "group_changed", "The group has been changed meanwhile")

// ErrGroupExternalIDTaken says that the provisioning client calls another group by the same external id.
var ErrGroupExternalIDTaken = fault.New(fault.Conflict, "group_external_id_taken", "Another group has this external id").On("external_id")

// MaxGroups is how many groups an organization can have besides those of its files. The compiled access model holds for each
// group those that hold it: what provisioning clients make must not fill the memory that all organizations share.
const MaxGroups = 10_000

// ErrTooManyGroups says that the organization has MaxGroups.
var ErrTooManyGroups = fault.Newf(fault.Forbidden, "too_many_groups", "An organization can have %d groups at most", MaxGroups)

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

// check refuses what cannot be stored.
func (g *Group) check() error {
	if len(g.ExternalID) > maxExternalID {
		return fault.Newf(fault.Invalid, "too_long", "The external id is longer than %d bytes", maxExternalID).On("external_id")
	}
	return cmp.Or(checkNamed(g.Key, g.Name), checkIndexed("name", g.Name), checkText("external_id", g.ExternalID))
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
