package authz

import (
	"slices"

	"portvakt/internal/directory"
)

func (w slow) needed() int {
	switch w.q.Action {
	case "edit", "create":
		return 2
	case "delete":
		return 3
	}
	return 1
}

func (w slow) changesField() bool { return w.q.Action == "edit" || w.q.Action == "create" }

func (w slow) level() (string, int) {
	level, has := w.m.Sharing[w.q.Module]
	if !has {
		level = "public_read_write"
	}
	n := slices.Index([]directory.SharingLevel{"private", "public_read", "public_read_write", "public_full"}, level)
	if n < 0 {
		return "private", 0
	}
	return string(level), n
}

// opens reports whether a rule opens the record of the question to the subject, far enough.
func (w slow) opens(r directory.SharingRule) bool {
	if r.Module != w.q.Module || !(r.Access == "read" && w.needed() == 1 || r.Access == "read_write" && w.needed() <= 2) {
		return false
	}
	return w.ownerOn(r.From) && w.memberOn(w.member(w.q.Subject), r.To)
}

func wellFormed(p directory.SharingParty) bool { return p.Role.IsZero() != p.Group.IsZero() }

func (w slow) memberOn(m *directory.MemberFacts, p directory.SharingParty) bool {
	if !wellFormed(p) {
		return false
	}
	if !p.Group.IsZero() {
		return w.in(m, p.Group, nil)
	}
	return w.has(m.Role, p.Role, p.WithBelow)
}

func (w slow) ownerOn(p directory.SharingParty) bool {
	if w.q.Owner.Group.IsZero() {
		return w.memberOn(w.owner(), p)
	}
	return wellFormed(p) && !p.Group.IsZero() && w.holds(p.Group, w.q.Owner.Group, nil)
}

func (w slow) newOwner() bool {
	o := w.q.NewOwner
	if !o.Member.IsZero() && !o.Group.IsZero() {
		return false
	}
	if m := w.member(o.Member); m != nil {
		return m.ActiveAt(w.q.At)
	}
	return w.group(o.Group) != nil
}

// decide goes through the rules in their order.
func (w slow) decide() Reason {
	q, me := w.q, w.member(w.q.Subject)
	if me == nil {
		return ReasonUnknownSubject
	}
	if !me.ActiveAt(q.At) {
		return ReasonNotActive
	}
	mod := w.module(q.Module)
	if mod == nil {
		return ReasonUnknownModule
	}
	if !slices.Contains([]string{"view", "create", "edit", "delete"}, q.Action) && !slices.Contains(mod.Tools, q.Action) {
		return ReasonUnknownAction
	}
	if me.Kind == directory.Limited && !mod.SelfService {
		return ReasonSelfService
	}
	if w.source(me, q.Module, q.Action) == nil {
		return ReasonPermission
	}
	if q.Segment != "" {
		if !slices.ContainsFunc(w.m.Segments, func(x directory.Segment) bool { return x.Key == q.Segment }) {
			return ReasonUnknownSegment
		}
		if !me.Administrator && !me.AllSegments && !slices.Contains(me.Segments, q.Segment) {
			return ReasonSegment
		}
	}
	if q.Field != "" {
		if !slices.Contains(mod.Fields, q.Field) {
			return ReasonUnknownField
		}
		access := w.field(me, q.Module, q.Field)
		if access == "hidden" || w.changesField() && access != "editable" {
			return ReasonField
		}
	}
	return w.record(me)
}

// record is the part about whose the record is.
func (w slow) record(me *directory.MemberFacts) Reason {
	q := w.q
	if q.Owner.IsZero() {
		if q.Action == "create" {
			return ReasonOwner
		}
		return ReasonModule
	}
	if !q.Owner.Member.IsZero() && !q.Owner.Group.IsZero() {
		return ReasonUnknownOwner
	}
	if !q.Owner.Group.IsZero() {
		if w.group(q.Owner.Group) == nil {
			return ReasonUnknownOwner
		}
		if w.in(me, q.Owner.Group, nil) {
			return ReasonGroup
		}
		return w.shared()
	}
	if w.member(q.Owner.Member) == nil {
		return ReasonUnknownOwner
	}
	owner := w.owner()
	if owner.Archived() && w.needed() > 1 && !w.newOwner() {
		return ReasonOwnerArchived
	}
	if owner.ID == me.ID {
		return ReasonOwner
	}
	if w.role(me.Role) != nil && slices.Contains(w.rolesAbove(owner.Role), me.Role) {
		return ReasonRoleAbove
	}
	return w.shared()
}

func (w slow) shared() Reason {
	if _, level := w.level(); level >= w.needed() {
		return ReasonDefault
	}
	if slices.ContainsFunc(w.m.Rules, w.opens) {
		return ReasonShared
	}
	return ReasonNotShared
}
