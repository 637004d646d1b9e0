package authz

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"portvakt/internal/directory"
)

// fakeID makes an identifier that is like no other, and later ones greater.
func fakeID(noun byte, n int) (id [16]byte) {
	id[0], id[1], id[13], id[14], id[15] = 1, noun, byte(n>>16), byte(n>>8), byte(n)
	id[6], id[8] = 0x70, 0x80
	return id
}

var testNow = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// crowd is the organization of the goals: 10,000 members, 500 roles in 8 levels, 300 groups nested 4 deep, 40 modules and
// 500 sharing rules.
func crowd(tb testing.TB) *directory.AccessModel {
	tb.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	m := &directory.AccessModel{Organization: directory.OrganizationID{9}, Version: 7, Name: "Crowd", Sharing: map[string]directory.SharingLevel{},
		GroupMembers: map[directory.GroupID][]directory.GroupMember{}}
	for i := range 40 {
		key := fmt.Sprintf("module%02d", i)
		m.Modules = append(m.Modules, directory.Module{Key: key, Names: map[string]string{"en": "Module " + key, "nb": "Modul " + key},
			Fields: []string{"amount", "customer", "note"}, Tools: []string{"export", "import"}, SelfService: i%10 == 0})
		m.Sharing[key] = directory.SharingPrivate
	}
	for i := range 20 {
		p := directory.Profile{ID: fakeID('p', i), Key: fmt.Sprintf("profile%02d", i), Name: fmt.Sprintf("Profile %d", i), Modules: map[string]directory.ProfileModule{}}
		for j := i % 3; j < 40; j += 3 {
			p.Modules[m.Modules[j].Key] = directory.ProfileModule{View: true, Create: i%2 == 0, Edit: i%2 == 0, Delete: i%5 == 0, Tools: []string{"export"},
				Fields: map[string]directory.FieldAccess{"amount": directory.FieldReadOnly}}
		}
		m.Profiles = append(m.Profiles, p)
	}
	for i := range 10 {
		m.Packages = append(m.Packages, directory.Package{Key: fmt.Sprintf("package%d", i), Grants: map[string]directory.Grade{m.Modules[i].Key: directory.GradeEdit, m.Modules[i+10].Key: directory.GradeView}})
	}
	level := []string{""}
	for i := range 500 {
		x := directory.Role{ID: fakeID('r', i), Key: fmt.Sprintf("role%03d", i), Name: fmt.Sprintf("Role %d", i), Profiles: []string{m.Profiles[i%20].Key, m.Profiles[i*7%20].Key}}
		if i > 0 {
			x.Parent = level[(i-1)/3%len(level)]
			if i < 8 {
				x.Parent = m.Roles[i-1].Key
			}
		}
		m.Roles = append(m.Roles, x)
		if i < 7 {
			level = append(level, x.Key)
		}
		if i == 0 {
			level = level[1:]
		}
	}
	for i := range 10 {
		m.Segments = append(m.Segments, directory.Segment{Key: fmt.Sprintf("segment%d", i), Name: fmt.Sprintf("Segment %d", i)})
	}
	for i := range 300 {
		g := directory.Group{ID: fakeID('g', i), Key: fmt.Sprintf("group%03d", i), Name: fmt.Sprintf("Group %d", i)}
		m.Groups = append(m.Groups, g)
		if i%4 != 0 {
			m.GroupMembers[g.ID] = append(m.GroupMembers[g.ID], directory.GroupMember{Group: fakeID('g', i-1)})
		}
		if i%10 == 0 {
			m.GroupMembers[g.ID] = append(m.GroupMembers[g.ID], directory.GroupMember{Role: m.Roles[r.IntN(500)].ID, WithBelow: i%20 == 0})
		}
	}
	for i := range 10_000 {
		f := directory.NewMemberFacts(&directory.Member{ID: fakeID('m', i), User: fakeID('u', i), Kind: directory.Employee, Role: m.Roles[i%500].ID,
			Start: testNow.AddDate(-1, 0, 0), AcceptedAt: testNow.AddDate(-1, 0, 0), AllSegments: i%2 == 0, Version: 1})
		if !f.AllSegments {
			f.Segments = []string{m.Segments[i%10].Key}
		}
		if i%3 == 0 {
			f.Packages = []string{m.Packages[i%10].Key}
		}
		if i%7 == 0 {
			f.Grants = map[string]directory.Grade{m.Modules[r.IntN(40)].Key: directory.GradeView, m.Modules[r.IntN(40)].Key: directory.GradeEdit}
		}
		m.Members = append(m.Members, f)
		for range i % 3 {
			g := fakeID('g', r.IntN(300))
			m.GroupMembers[g] = append(m.GroupMembers[g], directory.GroupMember{Member: f.ID})
		}
	}
	for i := range 500 {
		rule := directory.SharingRule{ID: fakeID('s', i), Module: m.Modules[r.IntN(40)].Key, Access: directory.ShareRead,
			From: directory.SharingParty{Role: m.Roles[r.IntN(500)].ID, WithBelow: i%2 == 0}, To: directory.SharingParty{Group: m.Groups[r.IntN(300)].ID}}
		if i%3 == 0 {
			rule.Access = directory.ShareReadWrite
		}
		m.Rules = append(m.Rules, rule)
	}
	return m
}
