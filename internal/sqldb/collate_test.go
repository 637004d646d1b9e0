package sqldb_test

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
	"portvakt/migrations"
)

const collations = `select c.relname||'.'||a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
	where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
		and a.atttypid = 'text'::regtype and a.attcollation <> '"C"'::regcollation and c.relname <> 'schema_migrations'`

// names are in the order of bytes, which is that of code points, and in no language's.
var names = []string{"", " ", "A", "Z", "a", "aa", "z", "~", "Ä", "Å", "Ö", "ß", "ä", "å", "ö", "ø", "Ω", "я", "ก", "中", "\ud7ff", "\ue000", "ﬁ", "😀", "\U0010ffff"}

// withSwedish is eachEmpty with a PostgreSQL that sorts by a language's rules beside the others.
func withSwedish(t *testing.T, test func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	eachEmpty(t, test)
	t.Run("swedish", func(t *testing.T) {
		t.Parallel()
		test(t, openEmpty(t, testenv.Swedish(t)))
	})
}

// TestTextIsComparedByBytes: on both engines, whatever the database's own order is.
func TestTextIsComparedByBytes(t *testing.T) {
	t.Parallel()
	withSwedish(t, func(t *testing.T, db *sqldb.DB) {
		step := "create table one (n {INT} primary key, name text not null, again text not null) {STRICT};\ncreate index one_name on one (name);"
		if _, err := db.Migrate(ctx, steps(step)); err != nil {
			t.Fatal(err)
		}
		for i := range names {
			name := names[i*7%len(names)]
			if _, err := db.Exec(ctx, "insert into one (n, name, again) values ($1, $2, $3)", i, name, name); err != nil {
				t.Fatal(err)
			}
		}
		if got := collect(t, db, "select name from one order by name"); !slices.Equal(got, names) {
			t.Errorf("in the order %q, want %q", got, names)
		}
		if got := collect(t, db, "select name from one where name > $1 and again <= $2 order by name", "Z", "ß"); !slices.Equal(got, names[4:12]) {
			t.Errorf("between Z and ß: %q", got)
		}
	})
}

// TestEveryTextIsComparedByBytes: also the columns of the latest migration.
func TestEveryTextIsComparedByBytes(t *testing.T) {
	t.Parallel()
	withSwedish(t, func(t *testing.T, db *sqldb.DB) {
		if _, err := db.Migrate(ctx, migrations.Files); err != nil {
			t.Fatal(err)
		}
		if db.Engine() == sqldb.PostgreSQL {
			if left := collect(t, db, collations); len(left) > 0 {
				t.Errorf("compared by a language's rules: %s", left)
			}
		}
	})
}

// earlier are the migrations up to a number.
func earlier(t *testing.T, last string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	files, err := fs.Glob(migrations.Files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if name <= last {
			text, err := fs.ReadFile(migrations.Files, name)
			if err != nil {
				t.Fatal(err)
			}
			out[name] = &fstest.MapFile{Data: text}
		}
	}
	return out
}

// TestAnOldDatabaseBecomesAsANewOne: what 0002 left, texts in the order of the database, packages and grants without an
// organization, ends as the same tables, indexes and collations that a new one begins with; every row is kept.
func TestAnOldDatabaseBecomesAsANewOne(t *testing.T) {
	t.Parallel()
	schemaOf := func(t *testing.T, db *sqldb.DB) []string {
		read := sqliteSchema
		if db.Engine() == sqldb.PostgreSQL {
			read = postgresSchema
		}
		lines := read(t, db)
		if db.Engine() == sqldb.PostgreSQL {
			lines = append(lines, collect(t, db, "select replace(indexdef, current_schema() || '.', '') from pg_indexes where schemaname = current_schema()")...)
			lines = append(lines, collect(t, db, collations)...)
			lines = append(lines, collect(t, db, `select c.relname||' '||conname||' '||pg_get_constraintdef(k.oid) from pg_constraint k join pg_class c on c.oid = k.conrelid
				where c.relnamespace = current_schema()::regnamespace`)...)
		} else {
			lines = append(lines, collect(t, db, "select sql from sqlite_master where sql is not null and tbl_name in ('member_packages', 'member_grants', 'memberships')")...)
		}
		slices.Sort(lines)
		return lines
	}
	fresh := map[sqldb.Engine][]string{}
	for _, url := range testenv.URLs(t) {
		db := openEmpty(t, url(t))
		if _, err := db.Migrate(ctx, migrations.Files); err != nil {
			t.Fatal(err)
		}
		fresh[db.Engine()] = schemaOf(t, db)
	}
	withSwedish(t, func(t *testing.T, db *sqldb.DB) {
		if _, err := db.Migrate(ctx, earlier(t, "0002_business.sql")); err != nil {
			t.Fatal(err)
		}
		uncollate(t, db)
		fillOld(t, db)
		done, err := db.Migrate(ctx, migrations.Files)
		if err != nil || len(done) == 0 {
			t.Fatalf("the upgrade: %v, %v", done, err)
		}
		got := schemaOf(t, db)
		for _, l := range got {
			if !slices.Contains(fresh[db.Engine()], l) {
				t.Errorf("only in the upgraded one: %s", l)
			}
		}
		for _, l := range fresh[db.Engine()] {
			if !slices.Contains(got, l) {
				t.Errorf("only in the fresh one: %s", l)
			}
		}
		for _, want := range []struct{ text, rows string }{
			{"select distinct octet_length(title_key)||' '||octet_length(manager_text) from memberships", "2000 2000"},
			{"select o.slug||' '||e.package_key from member_packages e join organizations o on o.id = e.organization_id order by 1", "a p; b p; b q"},
			{"select o.slug||' '||e.module_key||' '||e.grade from member_grants e join organizations o on o.id = e.organization_id order by 1", "a m view; b m edit"},
			{"select user_name from memberships order by user_name_key", "Z; a; Å"},
		} {
			if got := strings.Join(collect(t, db, want.text), "; "); got != want.rows {
				t.Errorf("%s: %q, want %q", want.text, got, want.rows)
			}
		}
	})
}

// uncollate gives the texts back the order of the database, which is what a program left that did not know better.
func uncollate(t *testing.T, db *sqldb.DB) {
	t.Helper()
	if db.Engine() != sqldb.PostgreSQL {
		return
	}
	for _, column := range collect(t, db, strings.Replace(collations, "<>", "=", 1)) {
		table, name, _ := strings.Cut(column, ".")
		if _, err := db.Exec(ctx, fmt.Sprintf(`alter table "%s" alter column "%s" type text collate "default"`, table, name)); err != nil {
			t.Fatal(err)
		}
	}
	if left := collect(t, db, strings.Replace(collations, "<>", "=", 1)); len(left) > 0 {
		t.Fatalf("still by bytes: %s", left)
	}
}

// fillOld writes members as 0002 keeps them.
func fillOld(t *testing.T, db *sqldb.DB) {
	t.Helper()
	keys := []string{"given_name_key", "family_name_key", "display_name_key", "formatted_name_key", "nick_name_key", "title_key", "user_type_key", "locale_key",
		"timezone_key", "preferred_language_key", "profile_url_key", "employee_number_key", "cost_center_key", "company_key", "division_key", "department_key"}
	if err := db.Update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(`insert into modules (key, names, self_service, position) values ('m', '{}', false, 1)`)
		for i, key := range []string{"p", "q"} {
			tx.Later(`insert into packages (key, names, base) values ($1, '{}', $2)`, key, i == 0)
		}
		orgs := map[string]sqldb.ID[oldPrefix]{}
		for _, slug := range []string{"a", "b"} {
			orgs[slug] = sqldb.NewID[oldPrefix](tx.Now())
			tx.Later(`insert into organizations (id, slug, name, language, second_factor, state, access_version, version, created_at, changed_at)
				values ($1, $2, 'O', 'en', 'optional', 'active', 1, 1, 0, 0)`, orgs[slug], slug)
		}
		for _, m := range []struct {
			org, name, key, grade string
			packages              []string
		}{{"a", "Å", "å", "view", []string{"p"}}, {"b", "Z", "Z", "edit", []string{"p", "q"}}, {"b", "a", "a", "", nil}} {
			id := sqldb.NewID[oldPrefix](tx.Now())
			tx.Later(`insert into memberships (id, organization_id, kind, start_at, administrator, all_segments, user_name, user_name_key, details, epoch, version,
				created_at, changed_at, `+strings.Join(keys, ", ")+`) values ($1, $2, 'contact', 0, false, true, $3, $4, '{}', 1, 1, 0, 0`+strings.Repeat(", ''", len(keys))+`)`,
				id, orgs[m.org], m.name, m.key)
			for _, p := range m.packages {
				tx.Later(`insert into member_packages (membership_id, package_key) values ($1, $2)`, id, p)
			}
			if m.grade != "" {
				tx.Later(`insert into member_grants (membership_id, module_key, grade) values ($1, 'm', $2)`, id, m.grade)
			}
		}
		wide := "" // more than an index takes, and nothing that compresses
		for i := range rune(1000) {
			wide += string(0x20000 + i*7919%40000)
		}
		tx.Later(`update memberships set title_key = $1, manager_text = $1`, wide)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

type oldPrefix struct{}

func (oldPrefix) Prefix() string { return "old" }
