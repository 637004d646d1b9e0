package directory

import (
	"context"
	"maps"
	"slices"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// SharingLevel is what members may do with each other's records of a module by default (R16).
type SharingLevel string

// The levels; a module without one is public_read_write.
const (
	SharingPrivate         SharingLevel = "private"
	SharingPublicRead      SharingLevel = "public_read"
	SharingPublicReadWrite SharingLevel = "public_read_write"
	SharingPublicFull      SharingLevel = "public_full"
)

// SharingAccess is what a sharing rule opens.
type SharingAccess string

// The accesses of a sharing rule.
const (
	ShareRead      SharingAccess = "read"
	ShareReadWrite SharingAccess = "read_write"
)

// SharingRuleID identifies a sharing rule.
type SharingRuleID = sqldb.ID[sharingRulePrefix]

// SharingRule opens what some own to others, beyond the module's default. There is one rule at most for a module between
// the same two parties.
type SharingRule struct {
	ID       SharingRuleID
	Module   string
	From, To SharingParty
	Access   SharingAccess
}

// SharingParty is a role, a role with everything below, or a group.
type SharingParty struct {
	Role      RoleID
	WithBelow bool
	Group     GroupID
}

func (p SharingParty) check() error {
	if p.Role.IsZero() == p.Group.IsZero() || p.WithBelow && p.Role.IsZero() {
		return fault.New(fault.Invalid, "bad_sharing_party", "A rule is between roles, with or without everything below, and groups").On("sharing_rules")
	}
	return nil
}

// SaveSharing sets the defaults of modules; those not named keep theirs.
func (s Access) SaveSharing(ctx context.Context, org OrganizationID, levels map[string]SharingLevel) (Tally, error) {
	var t Tally
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		t = Tally{}
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		in := s.in(tx)
		was, err := in.Sharing(ctx, org)
		if err != nil {
			return err
		}
		modules, err := in.Modules(ctx)
		if err != nil {
			return err
		}
		for _, module := range slices.Sorted(maps.Keys(levels)) {
			level := levels[module]
			if _, known := find(modules, func(m Module) bool { return m.Key == module }); !known {
				return unknown("module", module, "sharing")
			}
			if !slices.Contains([]SharingLevel{SharingPrivate, SharingPublicRead, SharingPublicReadWrite, SharingPublicFull}, level) {
				return fault.New(fault.Invalid, "bad_sharing", "Sharing is private, public_read, public_read_write or public_full").On("sharing")
			}
			old, there := was[module]
			if old == level {
				continue
			}
			writeSharing(tx, org, module, level)
			if err := e.saved(ctx, "sharing", module, there, &t); err != nil {
				return err
			}
		}
		return nil
	})
	return t, err
}

// SaveSharingRules makes rules and changes what existing ones open.
func (s Access) SaveSharingRules(ctx context.Context, org OrganizationID, rules []SharingRule) (Tally, error) {
	var t Tally
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		t = Tally{}
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		was, err := s.in(tx).SharingRules(ctx, org)
		if err != nil {
			return err
		}
		known, err := s.in(tx).known(ctx, org)
		if err != nil {
			return err
		}
		for _, r := range rules {
			if err := known.check(r); err != nil {
				return err
			}
			old, there := find(was, func(o SharingRule) bool { return o.Module == r.Module && o.From == r.From && o.To == r.To })
			if there && old.Access == r.Access {
				continue
			}
			if r.ID = old.ID; !there {
				r.ID = sqldb.NewID[sharingRulePrefix](tx.Now())
				was = append(was, r)
			}
			writeSharingRule(tx, org, r)
			if err := e.saved(ctx, "sharing_rule", r.ID.String(), there, &t); err != nil {
				return err
			}
		}
		return nil
	})
	return t, err
}

// parties are what a rule may name.
type parties struct {
	modules []Module
	roles   []Role
	groups  []Group
}

func (s Access) known(ctx context.Context, org OrganizationID) (p parties, err error) {
	if p.modules, err = s.Modules(ctx); err != nil {
		return p, err
	}
	if p.roles, err = s.Roles(ctx, org); err != nil {
		return p, err
	}
	p.groups, err = s.Groups(ctx, org)
	return p, err
}

// check refuses what names no module of the installation or no role or group of the organization.
func (p parties) check(r SharingRule) error {
	if r.Access != ShareRead && r.Access != ShareReadWrite {
		return fault.New(fault.Invalid, "bad_sharing_access", "A sharing rule opens read or read_write").On("access")
	}
	if _, known := find(p.modules, func(m Module) bool { return m.Key == r.Module }); !known {
		return unknown("module", r.Module, "module")
	}
	for _, party := range []SharingParty{r.From, r.To} {
		if err := party.check(); err != nil {
			return err
		}
		_, role := find(p.roles, func(x Role) bool { return x.ID == party.Role })
		_, group := find(p.groups, func(x Group) bool { return x.ID == party.Group })
		if !role && !group {
			return fault.New(fault.Invalid, "unknown_party", "There is no such role or group in the organization").On("sharing_rules")
		}
	}
	return nil
}
