package seed

import (
	"context"

	"portvakt/internal/config"
	"portvakt/internal/directory"
)

// accessRun applies an organization's access model.
type accessRun struct {
	*run
	org   directory.OrganizationID
	where string
}

// save counts one thing, or says where it was refused.
func (a *accessRun) save(at config.Position, noun, key string, t directory.Tally, err error) error {
	if err != nil {
		return a.refused(at, noun+" "+key, err)
	}
	a.report.add(a.where, noun, t)
	return nil
}

// named is the name that stands in the file, else the one there is, else the key.
func named(given *string, was, key string) string {
	switch {
	case given != nil:
		return *given
	case was != "":
		return was
	}
	return key
}

func (a *accessRun) segments(ctx context.Context, x *Organization) error {
	all, err := a.dir.Access.Segments(ctx, a.org)
	if err != nil {
		return err
	}
	for _, s := range x.Segments {
		if s.Removed {
			continue
		}
		was := existing(all, func(o directory.Segment) bool { return o.Key == s.ID.Text })
		t, err := a.dir.Access.SaveSegments(ctx, a.org, []directory.Segment{{Key: s.ID.Text, Name: named(s.Name, was.Name, s.ID.Text)}})
		if err := a.save(s.ID.at, "segment", s.ID.Text, t, err); err != nil {
			return err
		}
	}
	return nil
}

func (a *accessRun) profiles(ctx context.Context, x *Organization) error {
	all, err := a.dir.Access.Profiles(ctx, a.org)
	if err != nil {
		return err
	}
	for i := range x.Profiles {
		f := &x.Profiles[i]
		if f.Removed {
			continue
		}
		p := existing(all, func(o directory.Profile) bool { return o.Key == f.ID.Text })
		p.Key, p.Name = f.ID.Text, named(f.Name, p.Name, f.ID.Text)
		if f.Modules != nil {
			p.Modules = make(map[string]directory.ProfileModule, len(f.Modules))
			for _, m := range f.Modules {
				p.Modules[m.Key.Text] = m.Value.permissions()
			}
		}
		t, err := a.dir.Access.SaveProfiles(ctx, a.org, []directory.Profile{p})
		if err := a.save(f.Position, "profile", p.Key, t, err); err != nil {
			return err
		}
	}
	return nil
}

func (m ProfileModule) permissions() directory.ProfileModule {
	out := directory.ProfileModule{View: m.View, Create: m.Create, Edit: m.Edit, Delete: m.Delete, Tools: texts(m.Tools)}
	if len(m.Fields) > 0 {
		out.Fields = make(map[string]directory.FieldAccess, len(m.Fields))
	}
	for _, f := range m.Fields {
		out.Fields[f.Key.Text] = directory.FieldAccess(f.Value.Text)
	}
	return out
}

func (a *accessRun) roles(ctx context.Context, x *Organization) error {
	all, err := a.dir.Access.Roles(ctx, a.org)
	if err != nil {
		return err
	}
	if err := a.rolesBelow(ctx, "", x.Roles, all); err != nil {
		return err
	}
	return a.order(ctx, "", x.Roles)
}

// rolesBelow saves a level of the tree and then what stands below it. One call a level keeps siblings in their order.
func (a *accessRun) rolesBelow(ctx context.Context, parent string, roles []Role, all []directory.Role) error {
	for i := range roles {
		f := &roles[i]
		if f.Removed {
			continue
		}
		r := existing(all, func(o directory.Role) bool { return o.Key == f.ID.Text })
		r.Key, r.Name, r.Parent = f.ID.Text, named(f.Name, r.Name, f.ID.Text), parent
		if f.Profiles != nil {
			r.Profiles = texts(f.Profiles)
		}
		t, err := a.dir.Access.SaveRoles(ctx, a.org, []directory.Role{r})
		if err := a.save(f.Position, "role", r.Key, t, err); err != nil {
			return err
		}
	}
	for i := range roles {
		if err := a.rolesBelow(ctx, roles[i].ID.Text, roles[i].Below, all); err != nil {
			return err
		}
	}
	return nil
}

func (a *accessRun) groups(ctx context.Context, x *Organization) error {
	all, err := a.dir.Access.Groups(ctx, a.org)
	if err != nil {
		return err
	}
	for i := range x.Groups {
		f := &x.Groups[i]
		if f.Removed {
			continue
		}
		g := existing(all, func(o directory.Group) bool { return o.Key == f.ID.Text })
		g.Key, g.Name = f.ID.Text, named(f.Name, g.Name, f.ID.Text)
		t, err := a.dir.Access.SaveGroups(ctx, a.org, []directory.Group{g})
		if err := a.save(f.Position, "group", g.Key, t, err); err != nil {
			return err
		}
	}
	return nil
}

// groupMembers puts into groups who is missing; nobody is taken out.
func (a *accessRun) groupMembers(ctx context.Context, x *Organization) error {
	k, err := a.keys(ctx)
	if err != nil {
		return err
	}
	for i := range x.Groups {
		f := &x.Groups[i]
		var members []directory.GroupMember
		for _, m := range f.Members {
			if m.Removed {
				continue
			}
			gm, err := a.groupMember(ctx, k, m)
			if err != nil {
				return err
			}
			if gm != (directory.GroupMember{}) { // else deleted since
				members = append(members, gm)
			}
		}
		if len(members) == 0 {
			continue
		}
		n, err := a.dir.Access.AddGroupMembers(ctx, a.org, k.groups[f.ID.Text], members)
		if err := a.save(f.Position, "group member", "of "+f.ID.Text, directory.Tally{Made: n}, err); err != nil {
			return err
		}
	}
	return nil
}

// groupMember is what an entry of a group stands for; the zero one where it is not there.
func (a *accessRun) groupMember(ctx context.Context, k keyed, m GroupMember) (gm directory.GroupMember, err error) {
	switch {
	case m.RoleAndBelow.present():
		gm.Role = k.roles[m.RoleAndBelow.Text]
		gm.WithBelow = !gm.Role.IsZero()
	case m.Member.present():
		member, err := memberNamed(ctx, a.dir, a.org, m.Member.Text)
		if there, err := found(err); err != nil || !there {
			return gm, err
		}
		gm.Member = member.ID
	default:
		gm.Group, gm.Role = k.groups[m.Group.Text], k.roles[m.Role.Text]
	}
	return gm, nil
}

// keyed is what an organization's keys stand for.
type keyed struct {
	roles  map[string]directory.RoleID
	groups map[string]directory.GroupID
}

func (r *accessRun) keys(ctx context.Context) (keyed, error) {
	k := keyed{map[string]directory.RoleID{}, map[string]directory.GroupID{}}
	roles, err := r.dir.Access.Roles(ctx, r.org)
	if err != nil {
		return k, err
	}
	for _, x := range roles {
		k.roles[x.Key] = x.ID
	}
	groups, err := r.dir.Access.Groups(ctx, r.org)
	for _, x := range groups {
		k.groups[x.Key] = x.ID
	}
	return k, err
}

func (a *accessRun) sharing(ctx context.Context, x *Organization) error {
	for _, e := range x.Sharing {
		if e.Value.Text == sharingDefault {
			if err := a.resetSharing(ctx, e.Key); err != nil {
				return err
			}
			continue
		}
		t, err := a.dir.Access.SaveSharing(ctx, a.org, map[string]directory.SharingLevel{e.Key.Text: directory.SharingLevel(e.Value.Text)})
		if err := a.save(e.Key.at, "sharing default", "of "+e.Key.Text, t, err); err != nil {
			return err
		}
	}
	return nil
}

func (a *accessRun) rules(ctx context.Context, x *Organization) error {
	if len(x.SharingRules) == 0 {
		return nil
	}
	k, err := a.keys(ctx)
	if err != nil {
		return err
	}
	for i := range x.SharingRules {
		f := &x.SharingRules[i]
		if f.Removed {
			continue
		}
		rule := directory.SharingRule{Module: f.Module.Text, From: k.party(f.From), To: k.party(f.To), Access: directory.SharingAccess(f.Access.Text)}
		t, err := a.dir.Access.SaveSharingRules(ctx, a.org, []directory.SharingRule{rule})
		if err := a.save(f.Position, "sharing rule", "of "+f.Module.Text, t, err); err != nil {
			return err
		}
	}
	return nil
}

func (k keyed) party(p Party) directory.SharingParty {
	if p.RoleAndBelow.present() {
		return directory.SharingParty{Role: k.roles[p.RoleAndBelow.Text], WithBelow: true}
	}
	return directory.SharingParty{Role: k.roles[p.Role.Text], Group: k.groups[p.Group.Text]}
}
