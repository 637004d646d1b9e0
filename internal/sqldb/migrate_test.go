package sqldb_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
	"portvakt/migrations"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func openEmpty(t *testing.T, url string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(ctx, sqldb.Config{URL: url, Relaxed: true, MaxConnections: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func eachEmpty(t *testing.T, test func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	for engine, url := range testenv.URLs(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, openEmpty(t, url(t)))
		})
	}
}

func steps(texts ...string) fstest.MapFS {
	fs := fstest.MapFS{"README.md": {Data: []byte("no step")}}
	for i, text := range texts {
		fs[fmt.Sprintf("%04d_step.sql", i+1)] = &fstest.MapFile{Data: []byte(text)}
	}
	return fs
}

const (
	stepOne = "create table one (id {ID} primary key, yes {BOOL} not null, n {INT}, b {BYTES}) {STRICT};"
	stepTwo = "create table two (id {INT} primary key) {STRICT};\ninsert into two (id) values (1); insert into two (id) values (2);"
)

func TestMigrateIsIdempotent(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *sqldb.DB) {
		for i, want := range []int{1, 0} {
			if done, err := db.Migrate(ctx, steps(stepOne)); err != nil || len(done) != want {
				t.Fatalf("run %d: %v, %v", i, done, err)
			}
		}
		done, err := db.Migrate(ctx, steps(stepOne, stepTwo))
		if err != nil || len(done) != 1 || done[0].Number != 2 || done[0].Name != "0002_step" {
			t.Fatalf("the new step alone: %v, %v", done, err)
		}
		if n := count(t, db, "two"); n != 2 {
			t.Errorf("%d rows, want 2", n)
		}
	})
}

func TestPendingChangesNothing(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *sqldb.DB) {
		for range 2 {
			if pending, err := db.Pending(ctx, steps(stepOne, stepTwo)); err != nil || len(pending) != 2 || pending[0].Number != 1 {
				t.Fatalf("an empty database: %v, %v", pending, err)
			}
		}
		if _, err := db.Exec(ctx, "delete from schema_migrations"); err == nil {
			t.Error("looking made a table")
		}
		if _, err := db.Migrate(ctx, steps(stepOne)); err != nil {
			t.Fatal(err)
		}
		if pending, err := db.Pending(ctx, steps(stepOne, stepTwo)); err != nil || len(pending) != 1 || pending[0].Number != 2 {
			t.Errorf("one step behind: %v, %v", pending, err)
		}
		if pending, err := db.Pending(ctx, steps(stepOne)); err != nil || len(pending) != 0 {
			t.Errorf("up to date: %v, %v", pending, err)
		}
	})
}

func TestMigrateRefuses(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *sqldb.DB) {
		if _, err := db.Migrate(ctx, steps(stepOne, stepTwo)); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Migrate(ctx, steps(stepOne, stepTwo+" ")); err == nil || !strings.Contains(err.Error(), "0002_step was changed") {
			t.Errorf("a changed step: %v", err)
		}
		if _, err := db.Migrate(ctx, steps(stepOne)); err == nil || !strings.Contains(err.Error(), "older than the database") {
			t.Errorf("a newer database: %v", err)
		}
		if _, err := db.Migrate(ctx, fstest.MapFS{"1x.sql": {}}); err == nil || !strings.Contains(err.Error(), "NNNN_name.sql") {
			t.Errorf("a bad name: %v", err)
		}
		if _, err := db.Migrate(ctx, fstest.MapFS{"0001_a.sql": {}, "0001_b.sql": {}}); err == nil {
			t.Error("one number twice was taken")
		}
	})
}

func TestFailedMigrationLeavesNothing(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *sqldb.DB) {
		bad := "create table three (id {INT} primary key) {STRICT}; insert into nowhere (x) values (1);"
		done, err := db.Migrate(ctx, steps(stepOne, bad))
		if err == nil || !strings.Contains(err.Error(), "0002_step") || len(done) != 1 {
			t.Fatalf("Migrate = %v, %v, want the first step and an error that names the second", done, err)
		}
		if _, err := db.Exec(ctx, "insert into three (id) values (1)"); err == nil {
			t.Error("half of a failed step is there")
		}
		if _, err := db.Migrate(ctx, steps(stepOne, stepTwo)); err != nil {
			t.Errorf("the mended step: %v", err)
		}
	})
}

// Processes that start together migrate once.
func TestParallelMigrate(t *testing.T) {
	t.Parallel()
	for engine, url := range testenv.URLs(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			address := url(t)
			var all sync.WaitGroup
			results := make([]int, 3)
			for i := range results {
				db := openEmpty(t, address)
				all.Go(func() {
					done, err := db.Migrate(ctx, steps(stepOne, stepTwo))
					if err != nil {
						t.Error(err)
					}
					results[i] = len(done)
				})
			}
			all.Wait()
			if results[0]+results[1]+results[2] != 2 {
				t.Errorf("steps applied by each: %v, want two in all", results)
			}
		})
	}
}

// Both engines end with the same tables, columns, indexes and references. Types are compared by what they hold, because
// SQLite has fewer of them.
func TestSchemaIsTheSameOnBothEngines(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *sqldb.DB) {
		if _, err := db.Migrate(ctx, migrations.Files); err != nil {
			t.Fatal(err)
		}
		read := sqliteSchema
		if db.Engine() == sqldb.PostgreSQL {
			read = postgresSchema
		}
		lines := read(t, db)
		slices.Sort(lines)
		got := strings.Join(lines, "\n") + "\n"
		if *update && db.Engine() == sqldb.SQLite {
			if err := os.WriteFile("testdata/schema.txt", []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile("testdata/schema.txt")
		if err != nil {
			t.Fatal(err)
		}
		if got == string(want) {
			return
		}
		expected := strings.Split(strings.TrimSpace(string(want)), "\n")
		for _, l := range lines {
			if !slices.Contains(expected, l) {
				t.Errorf("not in schema.txt: %s", l)
			}
		}
		for _, l := range expected {
			if !slices.Contains(lines, l) {
				t.Errorf("only in schema.txt: %s", l)
			}
		}
		t.Error("go test ./internal/sqldb -update rewrites schema.txt")
	})
}

// collect runs a query whose rows are one text each.
func collect(t *testing.T, db *sqldb.DB, sql string, args ...any) []string {
	t.Helper()
	out, err := sqldb.All(ctx, db, func(r sqldb.Row) (s string, err error) { return s, r.Scan(&s) }, sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sqliteSchema(t *testing.T, db *sqldb.DB) []string {
	var out []string
	for _, table := range collect(t, db, "select name from sqlite_master where type = 'table'") {
		out = append(out, collect(t, db, `select 'column '||$1||'.'||name||' '||
			case type when 'INTEGER' then 'number' when 'TEXT' then 'text' when 'BLOB' then 'bytes' else type end||
			case when "notnull" = 1 or pk > 0 then ' not null' else '' end
			from pragma_table_info($1)`, table)...)
		for _, index := range collect(t, db, "select name from pragma_index_list($1)", table) {
			columns := strings.Join(collect(t, db, "select name from pragma_index_info($1) order by seqno", index), ", ")
			kind := collect(t, db, `select case when "unique" = 1 then 'unique' else 'index' end||case when partial = 1 then ' where' else '' end
				from pragma_index_list($1) where name = $2`, table, index)[0]
			name := index
			if strings.HasPrefix(index, "sqlite_autoindex") {
				name = "-"
			}
			out = append(out, fmt.Sprintf("%s %s %s (%s)", kind, table, name, columns))
		}
		if pk := collect(t, db, "select name from pragma_table_info($1) where pk > 0 and type = 'INTEGER'", table); len(pk) == 1 &&
			len(collect(t, db, "select name from pragma_table_info($1) where pk > 0", table)) == 1 {
			out = append(out, fmt.Sprintf("unique %s - (%s)", table, pk[0])) // the row number itself, which has no index
		}
		for _, id := range collect(t, db, "select distinct cast(id as text) from pragma_foreign_key_list($1)", table) {
			out = append(out, collect(t, db, `select 'reference '||$1||' ('||group_concat("from", ', ' order by seq)||') to '||"table"||' ('||
				group_concat("to", ', ' order by seq)||') '||lower(on_delete) from pragma_foreign_key_list($1) where cast(id as text) = $2 group by id`, table, id)...)
		}
	}
	return out
}

func postgresSchema(t *testing.T, db *sqldb.DB) []string {
	out := collect(t, db, `select 'column '||table_name||'.'||column_name||' '||
		case data_type when 'bigint' then 'number' when 'boolean' then 'number' when 'text' then 'text' when 'uuid' then 'bytes' when 'bytea' then 'bytes' else data_type end||
		case is_nullable when 'NO' then ' not null' else '' end
		from information_schema.columns where table_schema = current_schema()`)
	out = append(out, collect(t, db, `select case when i.indisunique then 'unique' else 'index' end||case when i.indpred is not null then ' where' else '' end||
		' '||t.relname||' '||case when c.oid is not null then '-' else x.relname end||' ('||
		(select string_agg(replace(pg_get_indexdef(i.indexrelid, k, true), '"', ''), ', ' order by k) from generate_series(1, i.indnatts) k)||')'
		from pg_index i join pg_class t on t.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
		left join pg_constraint c on c.conindid = i.indexrelid and c.contype in ('p', 'u')
		where t.relnamespace = current_schema()::regnamespace and t.relkind = 'r'`)...)
	return append(out, collect(t, db, `select 'reference '||t.relname||' ('||
		(select string_agg(a.attname, ', ' order by k.n) from unnest(c.conkey) with ordinality k(att, n) join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.att)
		||') to '||f.relname||' ('||
		(select string_agg(a.attname, ', ' order by k.n) from unnest(c.confkey) with ordinality k(att, n) join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.att)
		||') '||case c.confdeltype when 'a' then 'no action' when 'c' then 'cascade' when 'n' then 'set null' else c.confdeltype::text end
		from pg_constraint c join pg_class t on t.oid = c.conrelid join pg_class f on f.oid = c.confrelid
		where c.contype = 'f' and t.relnamespace = current_schema()::regnamespace`)...)
}
