package directory

import (
	"context"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Faults of what is to be removed.
var (
	ErrProfileNotFound     = fault.New(fault.NotFound, "profile_not_found", "There is no such profile")
	ErrSharingRuleNotFound = fault.New(fault.NotFound, "sharing_rule_not_found", "There is no such sharing rule")
	ErrSegmentNotFound     = fault.New(fault.NotFound, "segment_not_found", "There is no such segment")
)

// RemoveProfile removes a profile that no role carries; else it is refused with the roles' names.
func (s Access) RemoveProfile(ctx context.Context, org OrganizationID, profile ProfileID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		key, name, err := profileNamed(ctx, tx, org, profile)
		if err != nil {
			return err
		}
		uses, err := profileUses(ctx, tx, org, profile)
		if err != nil {
			return err
		}
		if err := uses.refuseProfile(); err != nil {
			return err
		}
		deleteProfile(tx, org, profile)
		return e.note(ctx, accessChange{noun: "profile", object: profile.String(), did: "removed", detail: map[string]any{"key": key, "name": name}})
	})
}

// RemoveSharingRule removes what a rule opened beyond the module's default.
func (s Access) RemoveSharingRule(ctx context.Context, org OrganizationID, rule SharingRuleID) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		rules, err := s.in(tx).SharingRules(ctx, org)
		if err != nil {
			return err
		}
		r, there := find(rules, func(x SharingRule) bool { return x.ID == rule })
		if !there {
			return ErrSharingRuleNotFound
		}
		deleteSharingRule(tx, org, rule)
		return e.note(ctx, accessChange{noun: "sharing_rule", object: rule.String(), did: "removed",
			detail: map[string]any{"module": r.Module, "from": r.From.Reference(), "to": r.To.Reference(), "access": string(r.Access)}})
	})
}

// Reference is how the history names it: an outside identifier, with a plus for a role with everything below.
func (p SharingParty) Reference() string {
	return GroupMember{Group: p.Group, Role: p.Role, WithBelow: p.WithBelow}.Reference()
}

// ResetSharing gives a module back the default that it has without a word of the organization: everybody sees and edits each
// other's records (R16). A module that has it already changes nothing.
func (s Access) ResetSharing(ctx context.Context, org OrganizationID, module string) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		in := s.in(tx)
		modules, err := in.Modules(ctx)
		if err != nil {
			return err
		}
		if _, known := find(modules, func(m Module) bool { return m.Key == module }); !known {
			return unknown("module", module, "sharing")
		}
		levels, err := in.Sharing(ctx, org)
		was, there := levels[module]
		if err != nil || !there {
			return err
		}
		deleteSharing(tx, org, module)
		return e.note(ctx, accessChange{noun: "sharing", object: module, did: "removed", detail: map[string]any{"was": string(was)}})
	})
}

// RemoveSegment removes a segment and takes it from everybody who sees it. It is refused while it is the only one of
// somebody who has not ended, so that nobody loses sight of everything unawares; former members just lose it. Whoever has no
// segment left sees none, never all. Records of a segment that is not there are seen by nobody.
//
// Invariant: taking a segment away widens nobody's sight (TestR06_RemovingASegmentNeverWidens).
func (s Access) RemoveSegment(ctx context.Context, org OrganizationID, key string) error {
	return s.update(ctx, func(tx *sqldb.Tx) error {
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		segments, err := s.in(tx).Segments(ctx, org)
		if err != nil {
			return err
		}
		x, there := find(segments, func(x Segment) bool { return x.Key == key })
		if !there {
			return ErrSegmentNotFound
		}
		alone, err := countSegmentOnly(ctx, tx, org, key)
		if err != nil {
			return err
		}
		if alone > 0 {
			return fault.Newf(fault.Conflict, "segment_has_people", "Some people see this segment alone (%d); give them another one first", alone).On("segment")
		}
		people, err := deleteSegment(ctx, tx, org, key)
		if err != nil {
			return err
		}
		return e.note(ctx, accessChange{noun: "segment", object: key, did: "removed", detail: map[string]any{"name": x.Name, "people": people}})
	})
}
