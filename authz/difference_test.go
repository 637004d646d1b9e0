package authz

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"portvakt/internal/directory"
)

// randomModel is a small organization in which everything occurs; the same seed makes the same people, so that two models
// differ in what salt draws anew.
type modelMaker struct {
	r *rand.Rand
	m *directory.AccessModel
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func randomModel(r *rand.Rand) *directory.AccessModel {
	x := modelMaker{r, &directory.AccessModel{Organization: directory.OrganizationID{9}, Version: 1, Sharing: map[string]directory.SharingLevel{},
		GroupMembers: map[directory.GroupID][]directory.GroupMember{}}}
	for i := range 3 {
		x.m.Modules = append(x.m.Modules, directory.Module{Key: fmt.Sprint("m", i), Fields: []string{"amount", "note"}, Tools: []string{"export"}, SelfService: i == 0})
	}
	for i := range 3 {
		x.m.Profiles = append(x.m.Profiles, directory.Profile{ID: fakeID('p', i), Key: fmt.Sprint("p", i)})
		x.profile(i)
	}
	for i := range 5 {
		role := directory.Role{ID: fakeID('r', i), Key: fmt.Sprint("r", i), Profiles: []string{fmt.Sprint("p", r.IntN(3))}}
		if i > 0 {
			role.Parent = fmt.Sprint("r", r.IntN(i))
		}
		x.m.Roles = append(x.m.Roles, role)
	}
	for i := range 4 {
		x.m.Groups = append(x.m.Groups, directory.Group{ID: fakeID('g', i), Key: fmt.Sprint("g", i)})
	}
	for i := range 12 {
		x.m.Members = append(x.m.Members, x.someone(i))
	}
	for range 8 {
		x.change()
	}
	return x.m
}

func (x *modelMaker) profile(i int) {
	p := &x.m.Profiles[i]
	p.Modules = map[string]directory.ProfileModule{}
	for _, m := range x.m.Modules {
		if x.r.IntN(3) > 0 {
			p.Modules[m.Key] = directory.ProfileModule{View: x.r.IntN(3) > 0, Create: x.r.IntN(2) == 0, Edit: x.r.IntN(2) == 0, Delete: x.r.IntN(2) == 0,
				Tools:  []string{"export"}[:x.r.IntN(2)],
				Fields: map[string]directory.FieldAccess{"amount": pick(x.r, []directory.FieldAccess{directory.FieldHidden, directory.FieldReadOnly, directory.FieldEditable})}}
		}
	}
}

func (x *modelMaker) someone(i int) directory.MemberFacts {
	r := x.r
	m := directory.Member{ID: fakeID('m', i), User: fakeID('u', i), Kind: pick(r, []directory.Kind{directory.Employee, directory.Employee, directory.Limited, directory.ContactOnly}),
		Start: testNow.Add(-time.Hour), AcceptedAt: testNow.Add(-time.Hour), Version: 1, AllSegments: true}
	if r.IntN(5) > 0 {
		m.Role = pick(r, x.m.Roles).ID
	}
	if r.IntN(3) == 0 {
		m.Grants = map[string]directory.Grade{pick(r, x.m.Modules).Key: pick(r, []directory.Grade{directory.GradeView, directory.GradeEdit})}
	}
	switch r.IntN(8) {
	case 0:
		m.EndedAt = testNow.Add(-time.Minute)
		m.Successor = fakeID('m', r.IntN(12))
	case 1:
		m.EndedAt, m.ArchivedAt = testNow.Add(-time.Minute), testNow.Add(-time.Minute)
	case 2:
		m.End = testNow.Add(-time.Second)
		m.Successor = fakeID('m', r.IntN(12))
	}
	return directory.NewMemberFacts(&m)
}

func (x *modelMaker) party() directory.SharingParty {
	if x.r.IntN(2) == 0 {
		return directory.SharingParty{Group: pick(x.r, x.m.Groups).ID}
	}
	return directory.SharingParty{Role: pick(x.r, x.m.Roles).ID, WithBelow: x.r.IntN(2) == 0}
}

// change draws one thing anew.
func (x *modelMaker) change() {
	m, r := x.m, x.r
	m.Version++
	switch r.IntN(10) {
	case 0:
		x.profile(r.IntN(3))
	case 1:
		i := 1 + r.IntN(len(m.Roles)-1)
		m.Roles = slices.Clone(m.Roles)
		m.Roles[i].Parent = m.Roles[r.IntN(i)].Key
	case 2:
		m.Sharing[pick(r, m.Modules).Key] = pick(r, []directory.SharingLevel{directory.SharingPrivate, directory.SharingPrivate, directory.SharingPublicRead, directory.SharingPublicFull})
	case 3, 4:
		m.Rules = append(m.Rules, directory.SharingRule{ID: fakeID('s', int(m.Version)), Module: pick(r, m.Modules).Key, From: x.party(), To: x.party(),
			Access: pick(r, []directory.SharingAccess{directory.ShareRead, directory.ShareReadWrite})})
	case 5:
		if len(m.Rules) > 0 {
			m.Rules = slices.Delete(slices.Clone(m.Rules), 0, 1)
		}
	case 6, 7:
		g := pick(r, m.Groups).ID
		m.GroupMembers[g] = append(slices.Clone(m.GroupMembers[g]), pick(r, []directory.GroupMember{{Member: fakeID('m', r.IntN(12))}, {Role: pick(r, m.Roles).ID, WithBelow: true}, {Group: pick(r, m.Groups).ID}}))
	case 8:
		i := r.IntN(12)
		m.Members[i] = x.someone(i)
	case 9:
		if n := len(m.Members); n < 16 {
			m.Members = append(m.Members, x.someone(n))
		} else if len(m.Groups) > 2 {
			m.Groups = m.Groups[:len(m.Groups)-1]
		}
	}
}

// TestR17_TheDifferenceIsInTheDecisions asks Decide about everybody and everything, before and after.
func TestR17_TheDifferenceIsInTheDecisions(t *testing.T) {
	t.Parallel()
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := randomModel(r)
		before := Compile(m)
		x := modelMaker{r, m}
		for range 1 + r.IntN(3) {
			x.change()
		}
		after := Compile(m)
		got := Compare(before, after, testNow)
		if want := slowDifference(before, after, m); fmt.Sprint(told(got)) != fmt.Sprint(want) {
			t.Fatalf("seed %d:\n got %v\nwant %v", seed, told(got), want)
		}
		checkCounts(t, got)
	}
}

func told(d *Difference) (out []string) {
	for _, m := range d.Modules {
		for _, c := range d.Changes(m.Module, directory.MembershipID{}, 0) {
			out = append(out, fmt.Sprint(c.Module, c.Member, c.Gained, c.Lost, c.Fields, c.Records, "\n"))
		}
	}
	return out
}

// slowDifference asks one question after the other.
func slowDifference(before, after *Snapshot, m *directory.AccessModel) (out []string) {
	var owners []Owner
	for i := range before.members {
		owners = append(owners, Owner{Member: before.persons[i].id})
	}
	for i := range before.groups {
		owners = append(owners, Owner{Group: before.groups[i].id})
	}
	for _, module := range m.Modules {
		for i := range m.Members {
			c := Change{Member: m.Members[i].ID, Module: module.Key}
			ask := func(q Question) (was, is bool) {
				q.Subject, q.Module, q.At = c.Member, c.Module, testNow
				return before.Decide(q).Allowed, after.Decide(q).Allowed
			}
			for _, word := range []string{"view", "create", "edit", "delete", "export"} {
				switch was, is := ask(Question{Action: word}); {
				case is && !was:
					c.Gained = append(c.Gained, word)
				case was && !is:
					c.Lost = append(c.Lost, word)
				}
				n := RecordChange{Action: word}
				for _, o := range owners {
					was, is := ask(Question{Action: word, Owner: o})
					n.Gained, n.Lost = n.Gained+one(is && !was), n.Lost+one(was && !is)
				}
				if word != "create" && word != "export" && n.Gained+n.Lost > 0 {
					c.Records = append(c.Records, n)
				}
			}
			for _, field := range module.Fields {
				was, is := fieldAt(before, c.Member, module.Key, field), fieldAt(after, c.Member, module.Key, field)
				if was != is {
					c.Fields = append(c.Fields, FieldChange{field, was, is})
				}
			}
			if len(c.Gained)+len(c.Lost)+len(c.Fields)+len(c.Records) > 0 {
				out = append(out, fmt.Sprint(c.Module, c.Member, c.Gained, c.Lost, c.Fields, c.Records, "\n"))
			}
		}
	}
	return out
}

// fieldAt is what a member can do with a field at the moment: nothing without access.
func fieldAt(s *Snapshot, id directory.MembershipID, module, field string) directory.FieldAccess {
	if i, known := s.memberAt[id]; known && s.members[i].activeAt(testNow.UnixMicro()) {
		return s.Fields(id, module)[field]
	}
	return directory.FieldHidden
}

// checkCounts adds the names up and reads them page by page.
func checkCounts(t *testing.T, d *Difference) {
	t.Helper()
	people := map[directory.MembershipID]bool{}
	for _, m := range d.Modules {
		var after directory.MembershipID
		got := ModuleDifference{Module: m.Module}
		for {
			page := d.Changes(m.Module, after, 2)
			if len(page) == 0 {
				break
			}
			for _, c := range page {
				people[c.Member], after = true, c.Member
				gains, loses := len(c.Gained) > 0, len(c.Lost) > 0
				for _, n := range c.Records {
					gains, loses = gains || n.Gained > 0, loses || n.Lost > 0
				}
				for _, f := range c.Fields {
					gains, loses = gains || fieldRank[f.After] > fieldRank[f.Before], loses || fieldRank[f.After] < fieldRank[f.Before]
				}
				got.Gaining, got.Losing = got.Gaining+one(gains), got.Losing+one(loses)
			}
		}
		if got.Gaining != m.Gaining || got.Losing != m.Losing {
			t.Errorf("%s: %d gain and %d lose by name, %d and %d by count", m.Module, got.Gaining, got.Losing, m.Gaining, m.Losing)
		}
	}
	if len(people) != d.Members {
		t.Errorf("%d people by name, %d by count", len(people), d.Members)
	}
}

func BenchmarkCompare(b *testing.B) {
	m := crowd(b)
	before := Compile(m)
	changes := map[string]func(m *directory.AccessModel){
		"nothing": func(m *directory.AccessModel) {},
		"profile": func(m *directory.AccessModel) {
			m.Profiles = slices.Clone(m.Profiles)
			m.Profiles[3].Modules = map[string]directory.ProfileModule{}
		},
		"a role moved":    func(m *directory.AccessModel) { m.Roles = slices.Clone(m.Roles); m.Roles[7].Parent = m.Roles[0].Key },
		"everything open": func(m *directory.AccessModel) { m.Sharing = nil },
	}
	for name, change := range changes {
		b.Run(name, func(b *testing.B) {
			x := *m
			change(&x)
			after := Compile(&x)
			b.ReportAllocs()
			var d *Difference
			for b.Loop() {
				d = Compare(before, after, testNow)
			}
			b.ReportMetric(float64(d.Members), "members")
			b.ReportMetric(float64(len(d.changes)), "changes")
		})
	}
}
