package audit

import (
	"testing"
	"time"

	"portvakt/internal/sqldb"
)

// StatementForTest is a statement to be explained.
type StatementForTest struct {
	Name, Text string
	Args       []any
}

// StatementsForTest are those that go through the history.
func StatementsForTest[P sqldb.Prefix](t testing.TB, organization sqldb.ID[P], now time.Time) []StatementForTest {
	id := organizationID(organization)
	var out []StatementForTest
	for name, f := range map[string]Filter{
		"all": {}, "person": {Person: "usr_3_1"}, "object": {Object: "mbr_3"}, "action": {Action: "x"}, "actor": {ActorID: "usr_1"},
		"time": {From: now.Add(-time.Minute), To: now},
	} {
		text, args, err := listStatement(id, f, place{now.UnixMicro(), EntryID{1}}.cursor(), 50)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, StatementForTest{"list by " + name, text, args})
		text, args, _ = listStatement(organizationID{}, f, "", 50)
		out = append(out, StatementForTest{"the installation by " + name, text, args})
	}
	return append(out,
		StatementForTest{"chain", chainPageText("organization_id = $1 and position > $2 order by position limit $3"), []any{id, 5, 100}},
		StatementForTest{"chain of the installation", chainPageText("organization_id is null and position > $1 order by position limit $2"), []any{5, 100}},
		StatementForTest{"waiting", `select ` + storedColumns + ` from audit_entries where position is null order by id limit $1`, []any{100}},
		StatementForTest{"any waiting", `select exists (select 1 from audit_entries where position is null)`, nil},
		StatementForTest{"done by", `select ` + storedColumns + ` from audit_entries
			where actor_kind in ('person', 'operator') and actor_id = $1 and origin is null limit $2`, []any{"usr_3", 100}},
	)
}
