package directory

import (
	"context"
	"maps"
	"slices"

	"portvakt/internal/sqldb"
)

// CreateFrom makes somebody a member like another one of the organization (R18): of the same kind, with its role, packages,
// grants, segments and demand for a second factor, and in the groups that it is in directly. What n says itself counts
// instead. The template may have ended: whoever comes after somebody gets what that one had.
//
// Invariant: nothing of the template's person comes along: no identity, credential, date, administrator, function, reseller
// right or external id (TestR18_ACopyHasTheAccessAndNothingElse).
func (s Memberships) CreateFrom(ctx context.Context, org OrganizationID, template MembershipID, n NewMember) (Member, error) {
	var made Member
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		dir := build(store{db: s.db, tx: tx})
		from, err := dir.Memberships.ByID(ctx, org, template)
		if err != nil {
			return err
		}
		groups, err := groupsOf(ctx, tx, org, template)
		if err != nil {
			return err
		}
		if len(groups) > 0 || from.seesNothing() { // before the person's row: everybody locks in this order
			if err := lockOrganization(ctx, tx, org); err != nil {
				return err
			}
		}
		if made, err = dir.Memberships.Create(ctx, org, n.like(&from)); err != nil {
			return err
		}
		if n.Segments == nil && !n.AllSegments && from.seesNothing() { // of a new member, none said is all
			if made, err = dir.Memberships.Change(ctx, org, made.ID, 0, func(m *Member) error { m.AllSegments = false; return nil }); err != nil {
				return err
			}
		}
		return dir.Access.JoinGroupsOf(ctx, org, template, made.ID)
	})
	return made, err
}

// JoinGroupsOf puts a member into the groups that another one is in directly; in which it is already, it stays.
func (s Access) JoinGroupsOf(ctx context.Context, org OrganizationID, template, member MembershipID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		groups, err := groupsOf(ctx, tx, org, template)
		if err != nil {
			return err
		}
		for _, g := range groups {
			if _, err := (Access{store: store{db: s.db, tx: tx}}).AddGroupMembers(ctx, org, g, []GroupMember{{Member: member}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// seesNothing reports whether somebody has been left without any segment.
func (m *Member) seesNothing() bool { return !m.AllSegments && len(m.Segments) == 0 }

// like fills what n leaves open from the template.
func (n NewMember) like(from *Member) NewMember {
	n.Member = *n.clone()
	if n.Kind == "" {
		n.Kind = from.Kind
	}
	if n.Role.IsZero() {
		n.Role = from.Role
	}
	if n.SecondFactor == "" { // the same access behind the same door
		n.SecondFactor = from.SecondFactor
	}
	if n.Packages == nil {
		n.Packages = slices.Clone(from.Packages)
	}
	if n.Grants == nil {
		n.Grants = maps.Clone(from.Grants)
	}
	if n.Segments == nil && !n.AllSegments {
		n.Segments, n.AllSegments = slices.Clone(from.Segments), from.AllSegments
	}
	return n
}
