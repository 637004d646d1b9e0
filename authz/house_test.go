package authz

import (
	"testing"
	"time"

	"portvakt/internal/directory"
)

// house is a small organization with people one can remember:
//
//	Chief (Kari) ─┬─ Seller (Ola, Siri) ── Trainee (Tor)
//	              └─ Stock (Sven)
//
// All roles have the profile Manager, which allows everything in invoices.
type house struct {
	t     testing.TB
	m     *directory.AccessModel
	names map[directory.MembershipID]string
	at    map[string]int
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, names: map[directory.MembershipID]string{}, at: map[string]int{}}
	h.m = &directory.AccessModel{Organization: directory.OrganizationID{1}, Version: 1, Sharing: map[string]directory.SharingLevel{},
		GroupMembers: map[directory.GroupID][]directory.GroupMember{},
		Modules: []directory.Module{{Key: "invoices", Names: map[string]string{"en": "Invoices", "nb": "Fakturaer"}, Fields: []string{"amount", "note"}, Tools: []string{"export"}},
			{Key: "expenses", Names: map[string]string{"en": "Expenses"}, SelfService: true}},
		Segments: []directory.Segment{{Key: "oslo", Name: "Oslo"}, {Key: "bergen", Name: "Bergen"}},
		Profiles: []directory.Profile{{ID: fakeID('p', 1), Key: "manager", Name: "Manager",
			Modules: map[string]directory.ProfileModule{"invoices": {View: true, Create: true, Edit: true, Delete: true, Tools: []string{"export"}}}}},
		Packages: []directory.Package{{Key: "accountant", Names: map[string]string{"en": "Accountant"}, Grants: map[string]directory.Grade{"invoices": directory.GradeView}}},
	}
	for i, r := range [][2]string{{"chief", ""}, {"seller", "chief"}, {"stock", "chief"}, {"trainee", "seller"}} {
		h.m.Roles = append(h.m.Roles, directory.Role{ID: fakeID('r', i+1), Key: r[0], Name: string(r[0][0]-32) + r[0][1:], Parent: r[1], Profiles: []string{"manager"}})
	}
	for i, key := range []string{"accounting", "finance", "everybody"} {
		h.m.Groups = append(h.m.Groups, directory.Group{ID: fakeID('g', i+1), Key: key, Name: key})
	}
	for _, p := range [][2]string{{"Kari", "chief"}, {"Ola", "seller"}, {"Siri", "seller"}, {"Sven", "stock"}, {"Tor", "trainee"}} {
		h.join(p[0], directory.Member{Role: h.role(p[1])})
	}
	return h
}

// join makes a member; what is not said is an active employee's who sees all segments.
func (h *house) join(name string, m directory.Member) directory.MembershipID {
	n := len(h.m.Members)
	m.ID, m.User, m.Start = fakeID('m', n+1), fakeID('u', n+1), testNow.AddDate(-1, 0, 0)
	if m.Kind == "" {
		m.Kind = directory.Employee
	}
	if m.AcceptedAt = m.Start; m.Segments == nil {
		m.AllSegments = true
	}
	h.m.Members = append(h.m.Members, directory.NewMemberFacts(&m))
	h.names[m.ID], h.at[name] = name, n
	return m.ID
}

func (h *house) id(name string) directory.MembershipID { return h.m.Members[h.at[name]].ID }

func (h *house) role(key string) directory.RoleID {
	for _, r := range h.m.Roles {
		if r.Key == key {
			return r.ID
		}
	}
	h.t.Fatal("no role " + key)
	return directory.RoleID{}
}

func (h *house) group(key string) directory.GroupID {
	for _, g := range h.m.Groups {
		if g.Key == key {
			return g.ID
		}
	}
	h.t.Fatal("no group " + key)
	return directory.GroupID{}
}

// owner is a member by name, or a group by key.
func (h *house) owner(word string) Owner {
	if _, known := h.at[word]; known {
		return Owner{Member: h.id(word)}
	}
	return Owner{Group: h.group(word)}
}

// ask is a question about an invoice.
func (h *house) ask(subject, action, owner string) Question {
	return Question{Subject: h.id(subject), Module: "invoices", Action: action, Owner: h.owner(owner), At: testNow}
}

// expects asks about an invoice and wants a reason.
func (h *house) expects(t *testing.T, subject, action, owner string, want Reason) {
	t.Helper()
	if got := Compile(h.m).Decide(h.ask(subject, action, owner)); got != because(want) {
		t.Errorf("%s, %s what %s owns: %v, %s; want %s", subject, action, owner, got.Allowed, got.Reason, want)
	}
}

func (h *house) put(group string, members ...directory.GroupMember) {
	h.m.GroupMembers[h.group(group)] = append(h.m.GroupMembers[h.group(group)], members...)
}

func (h *house) rule(from, to directory.SharingParty, access directory.SharingAccess) {
	h.m.Rules = append(h.m.Rules, directory.SharingRule{ID: fakeID('s', len(h.m.Rules)+1), Module: "invoices", From: from, To: to, Access: access})
}

func hours(n int) time.Time { return testNow.Add(time.Duration(n) * time.Hour) }
