package sqldb_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestScrubbedFilesHoldNothingDeleted: what was deleted, or overwritten by something shorter, is in none of the files.
func TestScrubbedFilesHoldNothingDeleted(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/test.db"
	db := testenv.Open(t, sqldb.Config{URL: path, Relaxed: true})
	write := func(text string, args ...any) {
		t.Helper()
		if _, err := db.Exec(ctx, text, args...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 200 { // whole pages, and more than a page
		write(insertLease, fmt.Sprintf("lease %d", i), "Unikmann "+strings.Repeat("x", i*50), 1)
	}
	write("update leases set holder = 'nobody' where name = 'lease 7'")
	write("delete from leases where name <> 'lease 7'")
	held := func() (found []string) {
		for _, name := range []string{path, path + "-wal"} {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(b, []byte("Unikmann")) {
				found = append(found, name)
			}
		}
		return found
	}
	if len(held()) == 0 {
		t.Fatal("nothing was written that could be found")
	}
	if err := db.Scrub(ctx); err != nil {
		t.Fatal(err)
	}
	if found := held(); len(found) > 0 {
		t.Errorf("it is still in %s", found)
	}
}
