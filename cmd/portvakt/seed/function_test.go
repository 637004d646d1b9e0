package seed_test

import (
	"fmt"
	"strings"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR04_AFileHandsOverFromWhomItDoesNotName: what was handed over beside the file comes back with it, in one step; somebody
// who has ended since gets nothing, and keeps nobody else from having it.
func TestR04_AFileHandsOverFromWhomItDoesNotName(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		p.apply(t, parse(t, small))
		all := p.Directory.Memberships
		kari, per := p.member(t, "nordlys", "kari@nordlys.example"), p.member(t, "nordlys", "per@nordlys.example")
		hand := func() {
			t.Helper()
			if err := all.HandOver(ctx, kari.Organization, directory.MainRecipient, directory.MembershipID{}, per.ID); err != nil {
				t.Fatal(err)
			}
		}
		holder := func() (id directory.MembershipID) {
			t.Helper()
			list, err := all.Holders(ctx, kari.Organization, directory.MainRecipient)
			if err != nil || len(list) > 1 {
				t.Fatalf("holders %+v, %v", list, err)
			}
			for _, m := range list {
				id = m.ID
			}
			return id
		}
		hand()
		const only = "organizations: [{slug: nordlys, members: [{email: %s, functions: [main_recipient]}]}]"
		p.apply(t, parse(t, fmt.Sprintf(only, "kari@nordlys.example")))
		if holder() != kari.ID {
			t.Error("the file says Kari, and somebody else is it")
		}
		if n := strings.Count(strings.Join(p.table(t, "events"), "\n"), "function.handed_over"); n != 2 {
			t.Errorf("%d hand-overs were told", n)
		}
		p.apply(t, parse(t, fmt.Sprintf(only, "new@nordlys.example")))
		if holder() != p.member(t, "nordlys", "new@nordlys.example").ID {
			t.Error("somebody whom the file makes does not have it")
		}
		hand()
		p.apply(t, parse(t, "organizations: [{slug: nordlys, members: [{email: new@nordlys.example, administrator: true}]}]"))
		if err := all.End(ctx, kari.Organization, kari.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		p.apply(t, parse(t, fmt.Sprintf(only, "kari@nordlys.example")))
		if holder() != per.ID || len(p.member(t, "nordlys", "kari@nordlys.example").Functions) > 0 {
			t.Error("somebody who has ended got a function")
		}
	})
}
