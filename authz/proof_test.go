package authz

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"portvakt/internal/directory"
)

// organizations is how many are made by chance; the same ones each time.
func organizations() uint64 {
	if testing.Short() {
		return 1_000
	}
	return 10_000
}

const questionsEach = 12

// TestTheFastAndTheSlowAgree asks the snapshot and the plain reading of the rows the same, and wants the same decision, the
// same reason and the same facts.
func TestTheFastAndTheSlowAgree(t *testing.T) {
	t.Parallel()
	seen := map[Reason]int{}
	for seed := range organizations() {
		x := newMaker(seed)
		s := Compile(x.m)
		for range questionsEach {
			q := x.question()
			w := slow{x.m, q}
			want := w.decide()
			seen[want]++
			if got := s.Decide(q); got.Reason != want || got.Allowed != (want <= ReasonShared) {
				t.Fatalf("organization %d: the snapshot says %v %s, the rows %s\n%+v\n%s", seed, got.Allowed, got.Reason, want, q, shown(x.m))
			}
			e := s.Explain(q)
			facts, needed := w.explain(want)
			if e.Reason != want || !slices.Equal(facts, e.Facts) || !slices.Equal(needed, e.Needed) {
				t.Fatalf("organization %d, %s, explained as %s: -rows +snapshot\n%s\n%s\n%+v\n%s", seed, want, e.Reason,
					cmp.Diff(facts, e.Facts), cmp.Diff(needed, e.Needed), q, shown(x.m))
			}
		}
	}
	for r := range Reason(len(reasonWords)) {
		if seen[r] < int(organizations()/200) {
			t.Errorf("%d questions were answered with %s, too few", seen[r], r)
		}
	}
	t.Logf("%v", seen)
}

// TestTheFilterIsTheDecisions compares the filter with the decisions about every owner and segment.
func TestTheFilterIsTheDecisions(t *testing.T) {
	t.Parallel()
	everyone, some := 0, 0
	for seed := range organizations() / 2 {
		x := newMaker(seed)
		s := Compile(x.m)
		q := x.question()
		f := s.Filter(q)
		if f.Everyone {
			everyone++
		} else if !f.None {
			some++
		}
		owners := map[Owner]bool{}
		for _, m := range x.m.Members {
			owners[Owner{Member: m.ID}] = f.Everyone || slices.Contains(f.Members, m.ID)
		}
		for _, g := range x.m.Groups {
			owners[Owner{Group: g.ID}] = f.Everyone || slices.Contains(f.Groups, g.ID)
		}
		for owner, inFilter := range owners {
			for _, segment := range append([]directory.Segment{{}}, x.m.Segments...) {
				q.Owner, q.Segment = owner, segment.Key
				lets := !f.None && inFilter && (segment.Key == "" || slices.Contains(f.Segments, segment.Key) || slices.Contains(f.Segments, AllSegments))
				if got := s.Decide(q); got.Allowed != lets {
					t.Fatalf("organization %d: %v %s, in the filter %v\n%+v\n%+v\n%s", seed, got.Allowed, got.Reason, lets, f, q, shown(x.m))
				}
			}
		}
		if f.None && (f.Everyone || f.Members != nil || f.Groups != nil || f.Segments != nil) || f.Everyone && (f.Members != nil || f.Groups != nil) {
			t.Fatalf("organization %d: %+v", seed, f)
		}
		for i := 1; i < len(f.Members); i++ {
			if compareID(f.Members[i-1], f.Members[i]) >= 0 {
				t.Fatalf("owners are not in order: %v", f.Members)
			}
		}
	}
	if everyone == 0 || some == 0 {
		t.Errorf("%d filters for everyone, %d for some", everyone, some)
	}
}

// TestSearchesAreTheDecisions compares Subjects and Actions with the decisions one by one.
func TestSearchesAreTheDecisions(t *testing.T) {
	t.Parallel()
	for seed := range organizations() / 2 {
		x := newMaker(seed)
		s := Compile(x.m)
		q := x.question()
		after := fakeID('m', x.IntN(3))
		var got, want []directory.MembershipID
		s.Subjects(q, after, func(id directory.MembershipID) bool { got = append(got, id); return len(got) < 4 })
		for i := range len(x.m.Members) {
			p := q
			if p.Subject = fakeID('m', i); compareID(p.Subject, after) > 0 && len(want) < 4 && (slow{x.m, p}).decide() <= ReasonShared {
				want = append(want, p.Subject)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("organization %d: subjects %v, want %v\n%+v\n%s", seed, got, want, q, shown(x.m))
		}
		var can []string
		if m := (slow{x.m, q}).module(q.Module); m != nil {
			tools := slices.Sorted(slices.Values(m.Tools))
			for _, q.Action = range append([]string{"view", "create", "edit", "delete"}, tools...) {
				if (slow{x.m, q}).decide() <= ReasonShared {
					can = append(can, q.Action)
				}
			}
		}
		if actions := s.Actions(q); !slices.Equal(actions, can) {
			t.Fatalf("organization %d: actions %v, want %v\n%+v\n%s", seed, actions, can, q, shown(x.m))
		}
	}
}

// TestNothingChangesBeforeUntil asks again at every moment at which something happens to somebody.
func TestNothingChangesBeforeUntil(t *testing.T) {
	t.Parallel()
	changed := 0
	for seed := range organizations() / 2 {
		x := newMaker(seed)
		s := Compile(x.m)
		q := x.question()
		until, was, f := s.Until(q), s.Decide(q), s.Filter(q)
		for _, end := range []time.Time{until, f.Until} {
			if !end.IsZero() && !end.After(q.At) {
				t.Fatalf("organization %d: until %v, which is past", seed, end)
			}
		}
		within := func(at, until time.Time) bool { return at.After(q.At) && (until.IsZero() || at.Before(until)) }
		for n := range 12 {
			for _, shift := range []time.Duration{-time.Microsecond, 0, time.Microsecond} {
				later := q
				later.At = day(1 + n).Add(shift)
				now := slow{x.m, later}.decide()
				if within(later.At, until) && now != was.Reason {
					t.Fatalf("organization %d: %s at %v, %s at %v, until %v\n%+v\n%s", seed, was.Reason, q.At, now, later.At, until, q, shown(x.m))
				}
				g := s.Filter(later)
				g.Until = f.Until
				if within(later.At, f.Until) && !sameFilter(f, g) {
					t.Fatalf("organization %d: the filter changes at %v, until %v\n%+v\n%s", seed, later.At, f.Until, q, shown(x.m))
				}
				if later.At.Equal(until) && now != was.Reason {
					changed++
				}
			}
		}
	}
	if changed == 0 {
		t.Error("at no end of a decision was it another")
	}
	t.Logf("%d decisions were others at their end", changed)
}

func sameFilter(a, b Filter) bool {
	return a.None == b.None && a.Everyone == b.Everyone && slices.Equal(a.Members, b.Members) && slices.Equal(a.Groups, b.Groups) && slices.Equal(a.Segments, b.Segments)
}

// shown writes an organization down for a failing test.
func shown(m *directory.AccessModel) string {
	return cmp.Diff(&directory.AccessModel{}, m, cmp.AllowUnexported(directory.MemberFacts{}), cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".facts"
	}, cmp.Ignore()))
}

// TestClaimsOfTheSnapshotAreEvaluates compares with the evaluation of one member's facts.
func TestClaimsOfTheSnapshotAreEvaluates(t *testing.T) {
	t.Parallel()
	for seed := range organizations() {
		x := newMaker(seed)
		if x.bad {
			continue
		}
		s := Compile(x.m)
		for i := range x.m.Members {
			m := &x.m.Members[i]
			got, known := s.Claims(m.ID)
			if m.AccessSpan().Deleted {
				if known {
					t.Fatalf("organization %d: claims of a deleted member", seed)
				}
				continue
			}
			f := factsOf(x.m, m)
			if want := Evaluate(f); !reflect.DeepEqual(want, got) || !known {
				t.Fatalf("organization %d: -facts +snapshot\n%s\n%s", seed, cmp.Diff(want, got), shown(x.m))
			}
			for key, p := range Permissions(f) {
				if fields := s.Fields(m.ID, key); !maps.Equal(fields, p.Fields) {
					t.Fatalf("organization %d: fields %v, want %v\n%s", seed, fields, p.Fields, shown(x.m))
				}
			}
		}
	}
	if _, known := Compile(newMaker(0).m).Claims(fakeID('m', 99)); known {
		t.Error("claims of nobody")
	}
}

// factsOf are what directory.Access.Of reads of a member.
func factsOf(m *directory.AccessModel, of *directory.MemberFacts) directory.AccessFacts {
	w := slow{m: m}
	f := directory.AccessFacts{Kind: of.Kind, Administrator: of.Administrator, Reseller: of.Reseller, Grants: of.Grants, Functions: of.Functions,
		AllSegments: of.AllSegments, Segments: of.Segments, Profiles: w.profilesOf(of), Modules: slices.Clone(m.Modules)}
	slices.SortFunc(f.Modules, func(a, b directory.Module) int { return cmpText(a.Key, b.Key) })
	if r := w.role(of.Role); r != nil {
		f.Role = directory.RoleFact{ID: r.ID, Key: r.Key, Name: r.Name}
		f.RolePath = []directory.RoleFact{f.Role}
		for _, id := range w.rolesAbove(r.ID) {
			f.RolePath = append([]directory.RoleFact{{Key: w.role(id).Key}}, f.RolePath...)
		}
	}
	for _, p := range m.Packages {
		if slices.Contains(of.Packages, p.Key) {
			f.Packages = append(f.Packages, p)
		}
	}
	for _, g := range m.Groups {
		if w.in(of, g.ID, nil) {
			f.Groups = append(f.Groups, directory.GroupFact{ID: g.ID, Key: g.Key})
		}
	}
	slices.SortFunc(f.Groups, func(a, b directory.GroupFact) int { return cmpText(a.Key, b.Key) })
	return f
}

func cmpText(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}
