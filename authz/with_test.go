package authz

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"portvakt/internal/directory"
)

// TestWithIsCompile changes or adds one member, and wants what a snapshot of the whole says.
func TestWithIsCompile(t *testing.T) {
	t.Parallel()
	for seed := range organizations() / 2 {
		x := newMaker(seed)
		whole, i := Compile(x.m), x.IntN(len(x.m.Members))
		before := *x.m
		before.Members = slices.Clone(x.m.Members)
		if named := slices.ContainsFunc(slices.Concat(slices.Collect(maps.Values(x.m.GroupMembers))...), func(g directory.GroupMember) bool { return g.Member == x.m.Members[i].ID }); named || x.chance(50) {
			f := newMaker(seed + 1).m.Members[0]
			f.ID = x.m.Members[i].ID
			before.Members[i] = f
		} else {
			before.Members = slices.Delete(before.Members, i, i+1)
		}
		old := Compile(&before)
		with := old.With(x.m.Members[i])
		for range questionsEach {
			q := x.question()
			if a, b := whole.Explain(q), with.Explain(q); a.Reason != b.Reason || !slices.Equal(a.Facts, b.Facts) || !slices.Equal(a.Needed, b.Needed) {
				t.Fatalf("organization %d: %s, with %s\n%+v\n%s", seed, a.Reason, b.Reason, q, shown(x.m))
			}
			if a, b := whole.Filter(q), with.Filter(q); !sameFilter(a, b) || !a.Until.Equal(b.Until) || !whole.Until(q).Equal(with.Until(q)) {
				t.Fatalf("organization %d: %s", seed, cmp.Diff(a, b))
			}
			if a, b := old.Decide(q), Compile(&before).Decide(q); a != b {
				t.Fatalf("organization %d: the snapshot before has changed", seed)
			}
		}
		for _, m := range x.m.Members {
			a, _ := whole.Claims(m.ID)
			b, _ := with.Claims(m.ID)
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("organization %d: %s", seed, cmp.Diff(a, b))
			}
			for n := range 11 {
				c, _ := whole.MemberOf(m.User, day(n))
				d, _ := with.MemberOf(m.User, day(n))
				if c != d {
					t.Fatalf("organization %d: %v is %v, with %v", seed, m.User, c, d)
				}
			}
		}
		if !slices.Equal(slices.Collect(whole.Members), slices.Collect(with.Members)) {
			t.Fatalf("organization %d: the members are in another order", seed)
		}
	}
}
