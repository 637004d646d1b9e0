package directory

import (
	"context"

	"portvakt/internal/sqldb"
)

// Modules are all modules of the installation, in the order in which they were made.
func (s Access) Modules(ctx context.Context) ([]Module, error) {
	modules, err := sqldb.All(ctx, s.q(), func(r sqldb.Row) (m Module, err error) {
		var names string
		if err = r.Scan(&m.Key, &names, &m.SelfService); err != nil {
			return m, err
		}
		m.Names, err = readNames(names)
		return m, err
	}, `select key, names, self_service from modules order by position, key`)
	if err != nil {
		return nil, err
	}
	at := make(map[string]*Module, len(modules))
	for i := range modules {
		at[modules[i].Key] = &modules[i]
	}
	parts, err := sqldb.All(ctx, s.q(), func(r sqldb.Row) (f factRow, err error) {
		err = r.Scan(&f.what, &f.a, &f.b, &f.n)
		return f, err
	}, `select 'module_field', module_key, field, position from module_fields
		union all select 'module_tool', module_key, tool, position from module_tools order by 1, 2, 4`)
	for _, p := range parts {
		addModuleRow(at, p)
	}
	return modules, err
}

func writeModule(tx *sqldb.Tx, m Module) error {
	names, err := namesText(m.Names)
	if err != nil {
		return err
	}
	tx.Later(`insert into modules (key, names, self_service, position) select $1, $2, $3, coalesce(max(position), 0) + 1 from modules where true
		on conflict (key) do update set names = excluded.names, self_service = excluded.self_service`, m.Key, names, m.SelfService)
	tx.Later(`delete from module_fields where module_key = $1`, m.Key)
	for i, field := range m.Fields {
		tx.Later(`insert into module_fields (module_key, field, position) values ($1, $2, $3)`, m.Key, field, i)
	}
	tx.Later(`delete from module_tools where module_key = $1`, m.Key)
	for i, tool := range m.Tools {
		tx.Later(`insert into module_tools (module_key, tool, position) values ($1, $2, $3)`, m.Key, tool, i)
	}
	return nil
}

// Packages are all packages of the installation.
func (s Access) Packages(ctx context.Context) ([]Package, error) {
	packages, err := sqldb.All(ctx, s.q(), func(r sqldb.Row) (p Package, err error) {
		var names string
		if err = r.Scan(&p.Key, &names, &p.Base); err != nil {
			return p, err
		}
		p.Grants = map[string]Grade{}
		p.Names, err = readNames(names)
		return p, err
	}, `select key, names, base from packages order by key`)
	if err != nil {
		return nil, err
	}
	at := make(map[string]*Package, len(packages))
	for i := range packages {
		at[packages[i].Key] = &packages[i]
	}
	_, err = sqldb.All(ctx, s.q(), func(r sqldb.Row) (struct{}, error) {
		var key, module, grade string
		err := r.Scan(&key, &module, &grade)
		if p := at[key]; err == nil && p != nil {
			p.Grants[module] = Grade(grade)
		}
		return struct{}{}, err
	}, `select package_key, module_key, grade from package_grants`)
	return packages, err
}

func writePackage(tx *sqldb.Tx, p Package) error {
	names, err := namesText(p.Names)
	if err != nil {
		return err
	}
	tx.Later(`insert into packages (key, names, base) values ($1, $2, $3)
		on conflict (key) do update set names = excluded.names, base = excluded.base`, p.Key, names, p.Base)
	tx.Later(`delete from package_grants where package_key = $1`, p.Key)
	for module, grade := range p.Grants {
		tx.Later(`insert into package_grants (package_key, module_key, grade) values ($1, $2, $3)`, p.Key, module, string(grade))
	}
	return nil
}

// checkBase refuses a second base package: one says what somebody is here, add-ons say what more (R31).
func checkBase(ctx context.Context, tx *sqldb.Tx, m *Member) error {
	if len(m.Packages) < 2 {
		return nil
	}
	var n int64
	err := tx.QueryRow(ctx, `select count(*) from member_packages mp join packages p on p.key = mp.package_key
		where mp.membership_id = $1 and p.base = true`, m.ID).Scan(&n)
	if err == nil && n > 1 {
		return errTwoBases
	}
	return err
}

// checkBecomesBase refuses to make a base of a package that somebody has beside another base.
func checkBecomesBase(ctx context.Context, tx *sqldb.Tx, key string) error {
	var n int64
	err := tx.QueryRow(ctx, `select count(*) from member_packages mp join memberships m on m.id = mp.membership_id
			join member_packages other on other.membership_id = mp.membership_id and other.package_key <> mp.package_key
			join packages p on p.key = other.package_key and p.base = true
		where mp.package_key = $1 and m.ended_at is null and m.deleted_at is null`, key).Scan(&n)
	if err == nil && n > 0 {
		return errTwoBases
	}
	return err
}
