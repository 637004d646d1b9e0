package sqldb

import (
	"context"
	"strings"
)

// otherCollations are the text columns of the schema that PostgreSQL would compare by a language's rules, those of the
// database, and not by bytes. The table of migrations stays as it is: it is read before they are looked at, and a plan that
// a connection keeps must not change.
const otherCollations = `select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
	where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname <> 'schema_migrations' and a.attnum > 0 and not a.attisdropped
		and a.atttypid = 'text'::regtype and a.attcollation <> '"C"'::regcollation order by c.relname, a.attnum`

// compareBytes gives all text columns the collation "C", where they have another.
//
// SQLite compares texts by their bytes. PostgreSQL does it as the database was made to, which gives another order of names,
// and indexes that no search by prefix can use. A word in the migrations would do for some columns, and the next migration
// could forget it; and PostgreSQL refuses to compare two columns of different collations. So it is all of them, after every
// step. It writes no row anew; indexes over the columns are built again.
func compareBytes(ctx context.Context, tx *Tx) error {
	if tx.db.engine != PostgreSQL {
		return nil
	}
	type column struct{ table, name string }
	columns, err := All(ctx, tx, func(r Row) (c column, err error) { return c, r.Scan(&c.table, &c.name) }, otherCollations)
	if err != nil {
		return err
	}
	for len(columns) > 0 {
		table := columns[0].table
		var changes []string
		for len(columns) > 0 && columns[0].table == table {
			changes = append(changes, "alter column "+quoted(columns[0].name)+` type text collate "C"`)
			columns = columns[1:]
		}
		if err := tx.driver.script(ctx, "alter table "+quoted(table)+" "+strings.Join(changes, ", ")); err != nil {
			return err
		}
	}
	return nil
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
