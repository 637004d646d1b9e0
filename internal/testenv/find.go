package testenv

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"portvakt/internal/sqldb"
)

// Find goes through every column of every table and tells where a word stands, whatever its letter case.
func Find(t testing.TB, db *sqldb.DB, words ...string) []string {
	t.Helper()
	ctx := context.Background()
	tables := `select table_name, column_name, data_type from information_schema.columns where table_schema = current_schema()`
	if db.Engine() == sqldb.SQLite {
		tables = `select m.name, c.name, lower(c.type) from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table'`
	}
	type column struct{ table, name, kind string }
	columns, err := sqldb.All(ctx, db, func(r sqldb.Row) (c column, err error) { return c, r.Scan(&c.table, &c.name, &c.kind) }, tables)
	if err != nil {
		t.Fatal(err)
	}
	if len(columns) < 50 {
		t.Fatalf("only %d columns were found", len(columns))
	}
	var found []string
	for _, c := range columns {
		var each func(sqldb.Row) ([]byte, error)
		switch c.kind {
		case "text", "character varying":
			each = func(r sqldb.Row) ([]byte, error) {
				var s string
				err := r.Scan(sqldb.NullText(&s))
				return []byte(s), err
			}
		case "bytea", "blob":
			each = func(r sqldb.Row) (b []byte, err error) { return b, r.Scan(&b) }
		default:
			continue
		}
		values, err := sqldb.All(ctx, db, each, fmt.Sprintf(`select %s from %s`, c.name, c.table))
		if err != nil {
			t.Fatalf("%s.%s: %v", c.table, c.name, err)
		}
		for _, v := range values {
			for _, word := range words {
				if bytes.Contains(bytes.ToLower(v), []byte(strings.ToLower(word))) {
					found = append(found, fmt.Sprintf("%s.%s has %q: %.200q", c.table, c.name, word, v))
				}
			}
		}
	}
	return found
}
