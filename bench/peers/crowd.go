package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"portvakt/authz"
	"portvakt/internal/directory"
)

// now is when everything is asked.
var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

const (
	memberCount  = 10_000
	roleCount    = 500
	groupCount   = 300
	moduleCount  = 40
	ruleCount    = 500
	profileCount = 20
	segmentCount = 10
	depth        = 8 // of the role tree
)

var actions = []string{"view", "edit", "delete", "export"}

// id makes an identifier that is like no other.
func id(noun byte, n int) (out [16]byte) {
	out[0], out[1], out[6], out[8] = 1, noun, 0x70, 0x80
	out[13], out[14], out[15] = byte(n>>16), byte(n>>8), byte(n)
	return out
}

// number is the n that an identifier was made of.
func number(id [16]byte) int { return int(id[13])<<16 | int(id[14])<<8 | int(id[15]) }

// crowd is the organization that all are asked about: everything in it that decides is told to all of them. Everybody is
// active, every module is private, and no field has a rule, so that no peer has to model what it has no word for.
func crowd() *directory.AccessModel {
	r := rand.New(rand.NewPCG(1, 2))
	m := &directory.AccessModel{Organization: directory.OrganizationID{9}, Version: 1, Sharing: map[string]directory.SharingLevel{},
		GroupMembers: map[directory.GroupID][]directory.GroupMember{}}
	for i := range moduleCount {
		key := fmt.Sprintf("module%02d", i)
		m.Modules = append(m.Modules, directory.Module{Key: key, Tools: []string{"export"}})
		m.Sharing[key] = directory.SharingPrivate
	}
	for i := range segmentCount {
		m.Segments = append(m.Segments, directory.Segment{Key: fmt.Sprintf("segment%d", i)})
	}
	addProfiles(m)
	addRoles(m)
	addGroups(m, r)
	addMembers(m, r)
	for i := range ruleCount {
		rule := directory.SharingRule{ID: id('s', i), Module: m.Modules[r.IntN(moduleCount)].Key, Access: directory.ShareRead,
			From: directory.SharingParty{Role: id('r', r.IntN(roleCount)), WithBelow: i%2 == 0}, To: directory.SharingParty{Group: id('g', r.IntN(groupCount))}}
		if i%2 == 0 {
			rule.From.Role = id('r', r.IntN(60)) // high enough to have many below
		}
		if i%3 == 0 {
			rule.Access = directory.ShareReadWrite
		}
		m.Rules = append(m.Rules, rule)
	}
	return m
}

func addProfiles(m *directory.AccessModel) {
	for i := range profileCount {
		p := directory.Profile{ID: id('p', i), Key: fmt.Sprintf("profile%02d", i), Modules: map[string]directory.ProfileModule{}}
		for j := range moduleCount {
			if (i+j)%4 == 0 {
				continue
			}
			pm := directory.ProfileModule{View: true, Create: (i+j)%3 == 0, Edit: (i+j)%3 == 0, Delete: (i+j)%5 == 0}
			if (i+j)%2 == 0 {
				pm.Tools = []string{"export"}
			}
			p.Modules[m.Modules[j].Key] = pm
		}
		m.Profiles = append(m.Profiles, p)
	}
	for i := range 10 {
		m.Packages = append(m.Packages, directory.Package{Key: fmt.Sprintf("package%d", i),
			Grants: map[string]directory.Grade{m.Modules[i].Key: directory.GradeEdit, m.Modules[i+10].Key: directory.GradeView}})
	}
}

// addRoles makes a tree of the depth; each role has about two below.
func addRoles(m *directory.AccessModel) {
	level := []int{0}
	for i := range roleCount {
		role := directory.Role{ID: id('r', i), Key: roleKey(i), Profiles: []string{m.Profiles[i%profileCount].Key, m.Profiles[i*7%profileCount].Key}}
		if i > 0 {
			above := (i - 1) / 2
			for level[above] >= depth-1 {
				above /= 2
			}
			role.Parent = roleKey(above)
			level = append(level, level[above]+1)
		}
		m.Roles = append(m.Roles, role)
	}
}

func roleKey(i int) string { return fmt.Sprintf("role%03d", i) }

// addGroups nests them 4 deep; each tenth holds a role, each twentieth with everything below it.
func addGroups(m *directory.AccessModel, r *rand.Rand) {
	for i := range groupCount {
		g := directory.Group{ID: id('g', i), Key: fmt.Sprintf("group%03d", i)}
		m.Groups = append(m.Groups, g)
		if i%4 != 0 {
			m.GroupMembers[g.ID] = append(m.GroupMembers[g.ID], directory.GroupMember{Group: id('g', i-1)})
		}
		if i%10 == 0 {
			m.GroupMembers[g.ID] = append(m.GroupMembers[g.ID], directory.GroupMember{Role: id('r', r.IntN(roleCount)), WithBelow: i%20 == 0})
		}
	}
}

func addMembers(m *directory.AccessModel, r *rand.Rand) {
	for i := range memberCount {
		f := directory.NewMemberFacts(&directory.Member{ID: id('m', i), User: id('u', i), Kind: directory.Employee, Role: id('r', i%roleCount),
			Start: now.AddDate(-1, 0, 0), AcceptedAt: now.AddDate(-1, 0, 0), AllSegments: i%2 == 0, Version: 1})
		if !f.AllSegments {
			f.Segments = []string{m.Segments[i%segmentCount].Key, m.Segments[(i+3)%segmentCount].Key}
		}
		if i%3 == 0 {
			f.Packages = []string{m.Packages[i%10].Key}
		}
		if i%7 == 0 {
			f.Grants = map[string]directory.Grade{m.Modules[r.IntN(moduleCount)].Key: directory.GradeView, m.Modules[r.IntN(moduleCount)].Key: directory.GradeEdit}
		}
		m.Members = append(m.Members, f)
		for range i % 3 {
			g := directory.GroupID(id('g', r.IntN(groupCount)))
			m.GroupMembers[g] = append(m.GroupMembers[g], directory.GroupMember{Member: f.ID})
		}
	}
}

// questions are a mixture: own records, records of somebody below, of a group, and of anybody.
func questions(m *directory.AccessModel, n int) []authz.Question {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]authz.Question, n)
	for i := range out {
		subject := r.IntN(memberCount)
		q := authz.Question{Subject: m.Members[subject].ID, Module: m.Modules[r.IntN(moduleCount)].Key, Action: actions[r.IntN(len(actions))],
			Segment: m.Segments[r.IntN(segmentCount)].Key, At: now}
		if own := m.Members[subject].Segments; len(own) > 0 && i%3 > 0 {
			q.Segment = own[0]
		}
		switch i % 8 {
		case 0, 1:
			q.Owner.Member = q.Subject
		case 2, 3: // a role whose number is twice as large is below, as far as the tree goes by that
			q.Owner.Member = m.Members[min((subject%roleCount)*2+1+r.IntN(2), roleCount-1)+r.IntN(20)*roleCount].ID
		case 4:
			q.Owner.Group = m.Groups[r.IntN(groupCount)].ID
		default:
			q.Owner.Member = m.Members[r.IntN(memberCount)].ID
		}
		out[i] = q
	}
	return out
}

// grants are what a grade allows of the actions that are asked for.
func grants(g directory.Grade) []string {
	switch g {
	case directory.GradeView:
		return actions[:1]
	case directory.GradeEdit:
		return actions[:3]
	}
	return nil
}

// allows are the actions of a profile in a module.
func allows(p directory.ProfileModule) (out []string) {
	for i, yes := range []bool{p.View, p.Edit, p.Delete, len(p.Tools) > 0} {
		if yes {
			out = append(out, actions[i])
		}
	}
	return out
}
