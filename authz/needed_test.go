package authz

import (
	"maps"
	"slices"
	"testing"

	"portvakt/internal/directory"
)

// TestWhatWasNeededHelps makes true what an explanation says would have been needed, one alternative at a time, and wants
// the denial to be gone, at least for that reason.
func TestWhatWasNeededHelps(t *testing.T) {
	t.Parallel()
	tried := map[string]int{}
	for seed := range organizations() / 2 {
		x := newMaker(seed)
		s := Compile(x.m)
		for range questionsEach {
			q := x.question()
			e := s.Explain(q)
			for _, f := range e.Needed {
				if f.Kind == FactState {
					continue // what ends a membership is not undone here
				}
				m, then := grantWish(x.m, q, f)
				if got := Compile(m).Decide(then); got.Reason == e.Reason {
					t.Fatalf("organization %d: %s in spite of %+v\n%+v\n%s", seed, got.Reason, f, q, shown(x.m))
				}
				tried[f.Kind]++
			}
		}
	}
	for _, kind := range []string{FactProfile, FactPackage, FactGrant, FactSelfService, FactKind, FactSegment, FactField, FactMember, FactRoleAbove, FactDefault, FactRule, FactNewOwner} {
		if tried[kind] == 0 {
			t.Errorf("%s was never tried", kind)
		}
	}
}

// grantWish is the organization, and the question, in which the fact holds.
func grantWish(was *directory.AccessModel, q Question, f Fact) (*directory.AccessModel, Question) {
	m := *was
	m.Members, m.Roles, m.Groups, m.Modules = slices.Clone(was.Members), slices.Clone(was.Roles), slices.Clone(was.Groups), slices.Clone(was.Modules)
	m.Sharing, m.GroupMembers = maps.Clone(was.Sharing), maps.Clone(was.GroupMembers)
	me := slices.IndexFunc(m.Members, func(x directory.MemberFacts) bool { return x.ID == q.Subject })
	subject := &m.Members[me]
	group := func(n int, rows ...directory.GroupMember) directory.GroupID {
		g := directory.Group{ID: fakeID('g', 200+n), Key: string(rune('a' + n))}
		m.Groups = append(m.Groups, g)
		m.GroupMembers[g.ID] = rows
		return g.ID
	}
	profile := func(key string) { // a role in the same place that has the profile as well
		i := slices.IndexFunc(m.Roles, func(r directory.Role) bool { return r.ID == subject.Role })
		r := directory.Role{}
		if i >= 0 {
			r = m.Roles[i]
		}
		r.ID, r.Key, r.Profiles = fakeID('r', 200), "new", append(slices.Clone(r.Profiles), key)
		m.Roles = append(m.Roles, r)
		subject.Role = r.ID
	}
	newProfile := func(pm directory.ProfileModule) {
		m.Profiles = append(slices.Clone(m.Profiles), directory.Profile{ID: fakeID('p', 200), Key: "wish", Modules: map[string]directory.ProfileModule{q.Module: pm}})
		profile("wish")
	}
	switch f.Kind {
	case FactProfile:
		if f.Profile.IsZero() {
			newProfile(directory.ProfileModule{View: true, Create: true, Edit: true, Delete: true, Tools: []string{f.Action}})
			break
		}
		profile(m.Profiles[slices.IndexFunc(m.Profiles, func(p directory.Profile) bool { return p.ID == f.Profile })].Key)
	case FactPackage:
		subject.Packages = append(slices.Clone(subject.Packages), f.Package)
	case FactGrant:
		subject.Grants = maps.Clone(subject.Grants)
		if subject.Grants == nil {
			subject.Grants = map[string]directory.Grade{}
		}
		subject.Grants[f.Module] = directory.Grade(f.Word)
	case FactSelfService:
		i := slices.IndexFunc(m.Modules, func(x directory.Module) bool { return x.Key == f.Module })
		m.Modules[i].SelfService = true
	case FactKind:
		subject.Kind = directory.Kind(f.Word)
	case FactSegment:
		subject.Segments = append(slices.Clone(subject.Segments), f.Segment)
	case FactField:
		newProfile(directory.ProfileModule{View: true, Edit: f.Word == "editable", Fields: map[string]directory.FieldAccess{f.Field: directory.FieldAccess(f.Word)}})
	case FactMember:
		m.GroupMembers[f.Group] = append(slices.Clone(m.GroupMembers[f.Group]), directory.GroupMember{Member: f.Member})
	case FactRoleAbove:
		subject.Role = f.Role
	case FactDefault:
		m.Sharing[f.Module] = directory.SharingLevel(f.Word)
	case FactRule:
		from := f.Group
		if from.IsZero() {
			from = group(1, directory.GroupMember{Member: f.Owner})
		}
		m.Rules = append(slices.Clone(m.Rules), directory.SharingRule{ID: fakeID('s', 200), Module: f.Module, From: directory.SharingParty{Group: from},
			To: directory.SharingParty{Group: group(2, directory.GroupMember{Member: f.Member})}, Access: directory.SharingAccess(f.Word)})
	case FactNewOwner:
		q.NewOwner = Owner{Member: q.Subject}
	}
	return &m, q
}
