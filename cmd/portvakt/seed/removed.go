package seed

import (
	"context"
	"slices"

	"portvakt/internal/config"
	"portvakt/internal/directory"
)

// sharingDefault is the word that takes an organization's own sharing default of a module away.
const sharingDefault = "default"

// removes notes what the file takes away; nothing else of the file can be about it.
func (s *scope) removes(noun string, id Word, removed, more bool) {
	if !removed || !id.present() {
		return
	}
	s.gone[noun+" "+id.Text] = true
	if more {
		s.say(id.at, "%s %q is removed, so nothing else can be said of it", noun, id.Text)
	}
}

// taker checks who gets the people of a role.
func (s *scope) taker(r Role) {
	if r.PeopleTo.present() && !r.Removed {
		s.say(r.PeopleTo.at, "people_to stands with removed: true alone")
		return
	}
	s.local(s.roles, r.PeopleTo, "role")
}

// gone counts what was removed, or says where that was refused. What is gone already is no change.
func (a *accessRun) gone(at config.Position, noun, key string, err error) error {
	if there, err := found(err); err != nil {
		return a.refused(at, noun+" "+key, err)
	} else if there {
		a.report.add(a.where, noun, directory.Tally{Removed: 1})
	}
	return nil
}

// takeOut removes what may stand in the way of what is to come: rules, who leaves a group, groups.
func (a *accessRun) takeOut(ctx context.Context, x *Organization) error {
	k, err := a.keys(ctx)
	if err != nil {
		return err
	}
	if err := a.removeRules(ctx, x, k); err != nil {
		return err
	}
	for i := range x.Groups {
		if err := a.removeGroupMembers(ctx, &x.Groups[i], k); err != nil {
			return err
		}
	}
	return a.removeGroups(ctx, x, k)
}

func (a *accessRun) removeRules(ctx context.Context, x *Organization, k keyed) error {
	rules, err := a.dir.Access.SharingRules(ctx, a.org)
	if err != nil {
		return err
	}
	for i := range x.SharingRules {
		f := &x.SharingRules[i]
		from, to := k.party(f.From), k.party(f.To)
		r := existing(rules, func(r directory.SharingRule) bool { return r.Module == f.Module.Text && r.From == from && r.To == to })
		if !f.Removed || r.ID.IsZero() {
			continue
		}
		if err := a.gone(f.Position, "sharing rule", "of "+f.Module.Text, a.dir.Access.RemoveSharingRule(ctx, a.org, r.ID)); err != nil {
			return err
		}
	}
	return nil
}

func (a *accessRun) removeGroupMembers(ctx context.Context, f *Group, k keyed) error {
	var members []directory.GroupMember
	for _, m := range f.Members {
		if !m.Removed {
			continue
		}
		gm, err := a.groupMember(ctx, k, m)
		if err != nil {
			return err
		}
		if gm != (directory.GroupMember{}) {
			members = append(members, gm)
		}
	}
	group := k.groups[f.ID.Text]
	if len(members) == 0 || group.IsZero() {
		return nil
	}
	n, err := a.dir.Access.RemoveGroupMembers(ctx, a.org, group, members)
	return a.save(f.Position, "group member", "of "+f.ID.Text, directory.Tally{Removed: n}, err)
}

func (a *accessRun) removeGroups(ctx context.Context, x *Organization, k keyed) error {
	for i := range x.Groups {
		f := &x.Groups[i]
		if !f.Removed || k.groups[f.ID.Text].IsZero() {
			continue
		}
		if err := a.gone(f.Position, "group", f.ID.Text, a.dir.Access.RemoveGroup(ctx, a.org, k.groups[f.ID.Text])); err != nil {
			return err
		}
	}
	return nil
}

// remove takes away what nobody is left with once everything else is in place: roles, profiles, segments.
func (a *accessRun) remove(ctx context.Context, x *Organization) error {
	k, err := a.keys(ctx)
	if err != nil {
		return err
	}
	if err := a.removeRoles(ctx, x.Roles, k); err != nil {
		return err
	}
	profiles, err := a.dir.Access.Profiles(ctx, a.org)
	if err != nil {
		return err
	}
	for i := range x.Profiles {
		f := &x.Profiles[i]
		p := existing(profiles, func(p directory.Profile) bool { return p.Key == f.ID.Text })
		if !f.Removed || p.ID.IsZero() {
			continue
		}
		if err := a.gone(f.Position, "profile", f.ID.Text, a.dir.Access.RemoveProfile(ctx, a.org, p.ID)); err != nil {
			return err
		}
	}
	for _, f := range x.Segments {
		if !f.Removed {
			continue
		}
		if err := a.gone(f.ID.at, "segment", f.ID.Text, a.dir.Access.RemoveSegment(ctx, a.org, f.ID.Text)); err != nil {
			return err
		}
	}
	return nil
}

func (a *accessRun) removeRoles(ctx context.Context, roles []Role, k keyed) error {
	for i := range roles {
		f := &roles[i]
		if err := a.removeRoles(ctx, f.Below, k); err != nil {
			return err
		}
		if !f.Removed || k.roles[f.ID.Text].IsZero() {
			continue
		}
		err := a.dir.Access.RemoveRole(ctx, a.org, k.roles[f.ID.Text], k.roles[f.PeopleTo.Text])
		if err := a.gone(f.Position, "role", f.ID.Text, err); err != nil {
			return err
		}
	}
	return nil
}

// resetSharing lets a module have the default that it has by itself.
func (a *accessRun) resetSharing(ctx context.Context, module Word) error {
	levels, err := a.dir.Access.Sharing(ctx, a.org)
	if err != nil {
		return err
	}
	if _, own := levels[module.Text]; !own {
		return nil
	}
	return a.gone(module.at, "sharing default", "of "+module.Text, a.dir.Access.ResetSharing(ctx, a.org, module.Text))
}

// order brings the roles that stand beside each other in the file into its order; others keep their places.
func (a *accessRun) order(ctx context.Context, parent string, roles []Role) error {
	all, err := a.dir.Access.Roles(ctx, a.org)
	if err != nil {
		return err
	}
	roles = slices.DeleteFunc(slices.Clone(roles), func(r Role) bool { return r.Removed })
	at := func(key string) int {
		return slices.IndexFunc(all, func(r directory.Role) bool { return r.Key == key })
	}
	for i := len(roles) - 2; i >= 0; i-- {
		here, next := at(roles[i].ID.Text), at(roles[i+1].ID.Text)
		if here < next {
			continue
		}
		above := existing(all, func(r directory.Role) bool { return r.Key == parent })
		err := a.dir.Access.MoveRole(ctx, a.org, all[here].ID, above.ID, all[next].ID)
		if err := a.save(roles[i].Position, "role", roles[i].ID.Text, directory.Tally{Changed: 1}, err); err != nil {
			return err
		}
		if all, err = a.dir.Access.Roles(ctx, a.org); err != nil {
			return err
		}
	}
	for i := range roles {
		if len(roles[i].Below) == 0 {
			continue
		}
		if err := a.order(ctx, roles[i].ID.Text, roles[i].Below); err != nil {
			return err
		}
	}
	return nil
}
