package directory

import (
	"context"
	"maps"
	"slices"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// FieldAccess is what a profile says of a module's field (R14).
type FieldAccess string

// The accesses to a field, from the least to the most.
const (
	FieldHidden   FieldAccess = "hidden"
	FieldReadOnly FieldAccess = "read_only"
	FieldEditable FieldAccess = "editable"
)

// Profile is a permission profile: what a role may do, module by module. Roles carry profiles; people do not.
type Profile struct {
	ID        ProfileID
	Key, Name string
	Modules   map[string]ProfileModule
}

// ProfileModule is what a profile allows in one module.
type ProfileModule struct {
	View, Create, Edit, Delete bool
	Fields                     map[string]FieldAccess // absent: as the permission says
	Tools                      []string
}

// check refuses what names no module, field or tool.
func (p *Profile) check(modules []Module) error {
	if err := checkNamed(p.Key, p.Name); err != nil {
		return err
	}
	for key, pm := range p.Modules {
		module, known := find(modules, func(m Module) bool { return m.Key == key })
		if !known {
			return unknown("module", key, "modules")
		}
		for field, access := range pm.Fields {
			if !slices.Contains(module.Fields, field) {
				return unknown("field", field, "modules."+key+".fields")
			}
			if access != FieldHidden && access != FieldReadOnly && access != FieldEditable {
				return fault.New(fault.Invalid, "bad_field_access", "A field is hidden, read_only or editable").On("modules." + key + ".fields")
			}
		}
		for _, tool := range pm.Tools {
			if !slices.Contains(module.Tools, tool) {
				return unknown("tool", tool, "modules."+key+".tools")
			}
		}
	}
	return nil
}

func (p *Profile) equal(o *Profile) bool {
	return p.Name == o.Name && maps.EqualFunc(p.Modules, o.Modules, func(a, b ProfileModule) bool {
		return a.flags() == b.flags() && maps.Equal(a.Fields, b.Fields) && slices.Equal(sorted(a.Tools), sorted(b.Tools))
	})
}

func (m ProfileModule) flags() (n int64) {
	for i, on := range []bool{m.View, m.Create, m.Edit, m.Delete} {
		if on {
			n |= 1 << i
		}
	}
	return n
}

// SaveProfiles makes and changes an organization's profiles.
func (s Access) SaveProfiles(ctx context.Context, org OrganizationID, profiles []Profile) (Tally, error) {
	var t Tally
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		t = Tally{}
		e, err := s.edit(ctx, tx, org)
		if err != nil {
			return err
		}
		was, err := s.in(tx).Profiles(ctx, org)
		if err != nil {
			return err
		}
		modules, err := s.in(tx).Modules(ctx)
		if err != nil {
			return err
		}
		for _, p := range profiles {
			if err := p.check(modules); err != nil {
				return err
			}
			old, there := find(was, func(o Profile) bool { return o.Key == p.Key })
			if there && old.equal(&p) {
				continue
			}
			if p.ID = old.ID; !there {
				p.ID = sqldb.NewID[profilePrefix](tx.Now())
				was = append(was, p)
			}
			writeProfile(tx, org, p)
			if err := e.saved(ctx, "profile", p.ID.String(), there, &t); err != nil {
				return err
			}
		}
		return nil
	})
	return t, err
}

func addProfileRow(all map[ProfileID]*Profile, r factRow) {
	id := ProfileID(r.id)
	p := all[id]
	if p == nil {
		p = &Profile{ID: id, Modules: map[string]ProfileModule{}}
		all[id] = p
	}
	if r.what == "profile" {
		p.Key, p.Name = r.a, r.b
		return
	}
	m := p.Modules[r.a]
	switch r.what {
	case "profile_module":
		m.View, m.Create, m.Edit, m.Delete = r.n&1 != 0, r.n&2 != 0, r.n&4 != 0, r.n&8 != 0
	case "profile_field":
		if m.Fields == nil {
			m.Fields = map[string]FieldAccess{}
		}
		m.Fields[r.b] = FieldAccess(r.c)
	case "profile_tool":
		m.Tools = append(m.Tools, r.b)
	}
	p.Modules[r.a] = m
}
