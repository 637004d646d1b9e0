package directory

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
)

// Module is a function of an application (invoices, calendar, …), declared by the installation. It exists once, whatever
// the organization.
type Module struct {
	Key         string
	Names       map[string]string // by language
	SelfService bool              // open to limited members
	Fields      []string
	Tools       []string // such as export; allowed or not
}

// Package is a named bundle of grants, installation-wide: base or add-on.
type Package struct {
	Key    string
	Names  map[string]string
	Base   bool
	Grants map[string]Grade
}

// actions are what every module has; a tool of the same name could not be told from it in the claims.
var actions = []string{"view", "create", "edit", "delete"}

func (m *Module) check() error {
	if err := CheckKey(m.Key); err != nil {
		return err
	}
	for _, key := range slices.Concat(m.Fields, m.Tools) {
		if err := CheckKey(key); err != nil {
			return err
		}
	}
	for _, tool := range m.Tools {
		if slices.Contains(actions, tool) {
			return fault.Newf(fault.Invalid, "bad_tool", "A tool cannot be called %q, which is an action of every module", tool).On("tools")
		}
	}
	return checkNames(m.Names)
}

func (m *Module) equal(o *Module) bool {
	return maps.Equal(m.Names, o.Names) && m.SelfService == o.SelfService && slices.Equal(m.Fields, o.Fields) && slices.Equal(m.Tools, o.Tools)
}

func (p *Package) check(modules []Module) error {
	if err := CheckKey(p.Key); err != nil {
		return err
	}
	for module, grade := range p.Grants {
		if _, known := find(modules, func(m Module) bool { return m.Key == module }); !known {
			return unknown("module", module, "grants")
		}
		if grade != GradeNone && grade != GradeView && grade != GradeEdit {
			return errGrade
		}
	}
	return checkNames(p.Names)
}

var errGrade = fault.New(fault.Invalid, "bad_grade", "The grades are none, view and edit").On("grants")

var errTwoBases = fault.New(fault.Invalid, "two_base_packages", "A member has one base package at most").On("packages")

func (p *Package) equal(o *Package) bool {
	return maps.Equal(p.Names, o.Names) && p.Base == o.Base && maps.Equal(p.Grants, o.Grants)
}

func checkNames(names map[string]string) error {
	for language, name := range names {
		if !slices.Contains(Languages, language) {
			return fault.Newf(fault.Invalid, "bad_language", "Names are in the languages en, nb, sv and de, not %q", language).On("name")
		}
		if err := checkText("name", name); err != nil {
			return err
		}
	}
	return nil
}

// Name is the name in a language, else in English, else any, else the key.
func (m Module) Name(language string) string { return nameIn(m.Names, language, m.Key) }

// Name is the name in a language, else in English, else any, else the key.
func (p Package) Name(language string) string { return nameIn(p.Names, language, p.Key) }

func nameIn(names map[string]string, language, key string) string {
	for _, l := range append([]string{language}, Languages...) {
		if n := names[l]; n != "" {
			return n
		}
	}
	return key
}

// SaveModules makes and changes modules. It is the installation's own act.
func (s Access) SaveModules(ctx context.Context, modules []Module) (Tally, error) {
	var t Tally
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		t = Tally{}
		e := &accessEdit{tx: tx}
		was, err := s.in(tx).Modules(ctx)
		if err != nil {
			return err
		}
		for _, m := range modules {
			if err := m.check(); err != nil {
				return err
			}
			old, there := find(was, func(o Module) bool { return o.Key == m.Key })
			if there && old.equal(&m) {
				continue
			}
			if err := writeModule(tx, m); err != nil {
				return err
			}
			if err := e.saved(ctx, "module", m.Key, there, &t); err != nil {
				return err
			}
			tx.Bump(ApplicationsWatermark) // an application is open to limited members by its modules
		}
		return nil
	})
	return t, err
}

// SavePackages makes and changes packages. It is the installation's own act.
func (s Access) SavePackages(ctx context.Context, packages []Package) (Tally, error) {
	var t Tally
	err := s.update(ctx, func(tx *sqldb.Tx) error {
		t = Tally{}
		e, in := &accessEdit{tx: tx}, s.in(tx)
		modules, err := in.Modules(ctx)
		if err != nil {
			return err
		}
		was, err := in.Packages(ctx)
		if err != nil {
			return err
		}
		for _, p := range packages {
			if err := p.check(modules); err != nil {
				return err
			}
			old, there := find(was, func(o Package) bool { return o.Key == p.Key })
			if there && old.equal(&p) {
				continue
			}
			if there && p.Base && !old.Base {
				if err := checkBecomesBase(ctx, tx, p.Key); err != nil {
					return err
				}
			}
			if err := writePackage(tx, p); err != nil {
				return err
			}
			if err := e.saved(ctx, "package", p.Key, there, &t); err != nil {
				return err
			}
		}
		return nil
	})
	return t, err
}

func namesText(names map[string]string) (string, error) {
	if len(names) == 0 {
		return "{}", nil
	}
	b, err := json.Marshal(names)
	return string(b), err
}

func readNames(text string) (names map[string]string, err error) {
	err = json.Unmarshal([]byte(text), &names)
	return names, err
}

func addModuleRow(all map[string]*Module, r factRow) {
	m := all[r.a]
	if m == nil {
		m = &Module{Key: r.a}
		all[r.a] = m
	}
	switch r.what {
	case "module":
		m.SelfService = r.n == 1
	case "module_field":
		m.Fields = append(m.Fields, r.b)
	case "module_tool":
		m.Tools = append(m.Tools, r.b)
	}
}
