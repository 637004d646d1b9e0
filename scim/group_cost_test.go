package scim_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR15_APatchCostsTheDelta: one member comes and goes by as many statements, none of which reads who is in the group,
// whether 10 are in it or a thousand. That each of them finds its row by an index, also in a group of 100,000, is what
// TestR15_AChangeCostsTheDelta of internal/directory says.
func TestR15_APatchCostsTheDelta(t *testing.T) {
	t.Parallel()
	const size = 1_000
	for engine, url := range testenv.URLs(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var statements, reads atomic.Int64
			clock := testenv.NewClock()
			db := testenv.Open(t, sqldb.Config{URL: url(t), Clock: clock.Now, Relaxed: true, MaxConnections: 8, Trace: func(text string) {
				statements.Add(1)
				if strings.Contains(text, "from group_members") && strings.HasPrefix(text, "select") && !strings.Contains(text, "limit") {
					reads.Add(1)
				}
			}})
			w := newWorld(t, db, clock)
			one := w.people(1)[0]
			lines := make([]directory.ImportLine, size)
			for i := range lines {
				lines[i] = directory.ImportLine{Line: i, UserName: fmt.Sprint("contact", i), Kind: directory.ContactOnly}
			}
			var ids []directory.GroupMember
			for _, c := range must(w.dir.Memberships.Import(context.Background(), w.org.ID, lines, directory.ImportQuietly))(t) {
				ids = append(ids, directory.GroupMember{Member: c.Member})
			}
			remove := `{"op":"remove","path":"members[value eq \"` + one + `\"]"}`
			cost := func(group string) (int64, time.Duration) {
				add := `{"op":"add","path":"members","value":[` + values(one) + `]}`
				for _, operation := range []string{add, remove} { // plans are kept from here on
					w.patchGroup(group+"?excludedAttributes=members", operation).want(200)
				}
				before, began := statements.Load(), time.Now()
				reads.Store(0)
				w.patchGroup(group+"?excludedAttributes=members", add).want(200)
				took := time.Since(began)
				if n := reads.Load(); n != 0 {
					t.Errorf("who is in the group is read by %d statements", n)
				}
				return statements.Load() - before, took
			}
			small, large := w.group("Small"), w.group("Large")
			for group, n := range map[string]int{small: 10, large: size} {
				_, err := w.dir.Access.AddGroupMembers(context.Background(), w.org.ID, must(directory.ParseGroupID(group))(t), ids[:n])
				if err != nil {
					t.Fatal(err)
				}
			}
			few, inSmall := cost(small)
			many, inLarge := cost(large)
			if few != many || few > 20 {
				t.Errorf("%d statements in a group of 10, %d in one of %d", few, many, size)
			}
			before := statements.Load()
			w.patchGroup(large, remove).want(204)
			removing, began := statements.Load()-before, time.Now()
			w.patchGroup(large, `{"op":"remove","path":"members"}`).want(200).holds()
			t.Logf("%d statements to add one, %d to remove one; %s in a group of 10, %s in one of %d; all out in %s", few, removing, inSmall, inLarge, size, time.Since(began))
			if removing > 20 {
				t.Errorf("%d statements to take one out", removing)
			}
		})
	}
}
