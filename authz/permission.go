package authz

import (
	"slices"

	"portvakt/internal/directory"
)

// Permission is what somebody may do in a module.
type Permission struct {
	View, Create, Edit, Delete bool
	Tools                      []string                         // sorted
	Fields                     map[string]directory.FieldAccess // every field of the module
}

// None reports whether nothing is allowed.
func (p Permission) None() bool {
	return !p.View && !p.Create && !p.Edit && !p.Delete && len(p.Tools) == 0
}

// Actions lists what is allowed: view, create, edit, delete, then the tools.
func (p Permission) Actions() []string {
	var out []string
	for _, a := range []struct {
		name    string
		allowed bool
	}{{"view", p.View}, {"create", p.Create}, {"edit", p.Edit}, {"delete", p.Delete}} {
		if a.allowed {
			out = append(out, a.name)
		}
	}
	return append(out, p.Tools...)
}

// Permissions evaluates the facts: the permission of each module in which something is allowed.
func Permissions(f directory.AccessFacts) map[string]Permission {
	out := map[string]Permission{}
	if f.Kind == directory.ContactOnly {
		return out
	}
	for _, m := range f.Modules {
		if f.Kind == directory.Limited && !m.SelfService {
			continue
		}
		if p := permission(f, m); !p.None() {
			out[m.Key] = p
		}
	}
	return out
}

func permission(f directory.AccessFacts, m directory.Module) Permission {
	var p Permission
	for _, profile := range f.Profiles {
		pm := profile.Modules[m.Key]
		p.View, p.Create, p.Edit, p.Delete = p.View || pm.View, p.Create || pm.Create, p.Edit || pm.Edit, p.Delete || pm.Delete
		for _, tool := range pm.Tools {
			if slices.Contains(m.Tools, tool) { // the module may have lost it since
				p.Tools = append(p.Tools, tool)
			}
		}
	}
	p.apply(f.Grants[m.Key])
	for _, pack := range f.Packages {
		p.apply(pack.Grants[m.Key])
	}
	slices.Sort(p.Tools)
	p.Tools = slices.Compact(p.Tools)
	p.Fields = make(map[string]directory.FieldAccess, len(m.Fields))
	for _, field := range m.Fields {
		p.Fields[field] = fieldAccess(f.Profiles, p, m.Key, field)
	}
	return p
}

// apply adds a grade; none adds nothing.
func (p *Permission) apply(g directory.Grade) {
	switch g {
	case directory.GradeView:
		p.View = true
	case directory.GradeEdit:
		p.View, p.Create, p.Edit, p.Delete = true, true, true, true
	}
}

// byPermission is what a field is where no profile says otherwise.
func byPermission(view, write bool) directory.FieldAccess {
	switch {
	case write:
		return directory.FieldEditable
	case view:
		return directory.FieldReadOnly
	}
	return directory.FieldHidden
}

var fieldRank = map[directory.FieldAccess]int{directory.FieldHidden: 0, directory.FieldReadOnly: 1, directory.FieldEditable: 2}

// fieldAccess lets the role's profiles decide wherever one of them has a rule for the field, the most permissive first;
// grants and packages carry no field rules, so they decide only where no profile does. No field is open further than its
// module.
func fieldAccess(profiles []directory.Profile, p Permission, module, field string) directory.FieldAccess {
	most := byPermission(p.View, p.Create || p.Edit)
	ruled := false
	access := directory.FieldHidden
	for _, profile := range profiles {
		pm, has := profile.Modules[module]
		if !has {
			continue
		}
		rule, explicit := pm.Fields[field]
		if explicit {
			ruled = true
		} else {
			rule = byPermission(pm.View, pm.Create || pm.Edit)
		}
		if fieldRank[rule] > fieldRank[access] {
			access = rule
		}
	}
	if !ruled || fieldRank[access] > fieldRank[most] {
		return most
	}
	return access
}
