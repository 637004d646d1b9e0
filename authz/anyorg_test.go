package authz

import (
	"fmt"
	"math/rand/v2"
	"time"

	"portvakt/internal/directory"
)

// maker makes organizations of every sort from a number, always the same from the same one.
type maker struct {
	*rand.Rand
	bad bool // rows refer to what is not there, and go round in circles
	m   *directory.AccessModel
}

func newMaker(seed uint64) maker {
	r := rand.New(rand.NewPCG(seed, 41))
	x := maker{r, seed%4 == 3, &directory.AccessModel{Organization: directory.OrganizationID{1}, Version: int64(seed), Sharing: map[string]directory.SharingLevel{}, GroupMembers: map[directory.GroupID][]directory.GroupMember{}}}
	x.modules()
	x.roles()
	x.groups()
	x.members()
	x.rules()
	return x
}

func (x maker) chance(percent int) bool { return x.IntN(100) < percent }

// pick is a number below n; in bad organizations now and then one that is not there.
func (x maker) pick(n int) int {
	if n == 0 || x.bad && x.chance(12) {
		return n + x.IntN(2)
	}
	return x.IntN(n)
}

func oneOf[T any](x maker, list ...T) T { return list[x.IntN(len(list))] }

func (x maker) module() string {
	if x.chance(90) {
		return oneOf(x, x.m.Modules...).Key
	}
	return "gone"
}

func (x maker) grants() map[string]directory.Grade {
	out := map[string]directory.Grade{}
	for range 1 + x.IntN(3) {
		out[x.module()] = oneOf(x, directory.GradeNone, directory.GradeView, directory.GradeEdit, directory.GradeEdit)
	}
	return out
}

func (x maker) modules() {
	x.m.Modules = []directory.Module{
		{Key: "invoices", Names: map[string]string{"en": "Invoices", "nb": "Fakturaer"}, Fields: []string{"note", "amount"}, Tools: []string{"send", "export"}},
		{Key: "expenses", SelfService: true, Fields: []string{"amount"}, Tools: []string{"export"}},
		{Key: "calendar", SelfService: x.chance(50)},
	}[:1+x.IntN(3)]
	for _, key := range []string{"invoices", "expenses", "calendar"} {
		if x.chance(75) {
			x.m.Sharing[key] = oneOf(x, directory.SharingPrivate, directory.SharingPrivate, directory.SharingPublicRead, directory.SharingPublicReadWrite, directory.SharingPublicFull)
		}
	}
	if x.bad && x.chance(20) {
		x.m.Sharing["invoices"] = "nonsense"
	}
	for i := range 1 + x.IntN(4) {
		p := directory.Profile{ID: fakeID('p', i), Key: fmt.Sprintf("profile%d", 9-i), Name: fmt.Sprintf("Profile %d", i), Modules: map[string]directory.ProfileModule{}}
		for range 1 + x.IntN(4) {
			pm := directory.ProfileModule{View: x.chance(70), Create: x.chance(40), Edit: x.chance(50), Delete: x.chance(30), Fields: map[string]directory.FieldAccess{}}
			if x.chance(40) {
				pm.Tools = []string{oneOf(x, "export", "send", "lost")}
			}
			if x.chance(60) {
				pm.Fields[oneOf(x, "amount", "note", "lost")] = oneOf(x, directory.FieldHidden, directory.FieldReadOnly, directory.FieldEditable)
			}
			p.Modules[x.module()] = pm
		}
		x.m.Profiles = append(x.m.Profiles, p)
	}
	for i := range x.IntN(3) {
		x.m.Packages = append(x.m.Packages, directory.Package{Key: fmt.Sprintf("package%d", 5-i), Grants: x.grants()})
	}
	for i := range x.IntN(3) {
		x.m.Segments = append(x.m.Segments, directory.Segment{Key: fmt.Sprintf("segment%d", i), Name: fmt.Sprintf("Segment %d", i)})
	}
}

func (x maker) roles() {
	n := x.IntN(7)
	for i := range n {
		r := directory.Role{ID: fakeID('r', i), Key: fmt.Sprintf("role%d", i), Name: fmt.Sprintf("Role %d", i)}
		for range 1 + x.IntN(2) {
			r.Profiles = append(r.Profiles, fmt.Sprintf("profile%d", 9-x.pick(len(x.m.Profiles))))
		}
		switch {
		case x.bad && x.chance(30):
			r.Parent = fmt.Sprintf("role%d", x.IntN(n+1)) // perhaps below itself, perhaps not there
		case i > 0 && x.chance(80):
			r.Parent = fmt.Sprintf("role%d", x.IntN(i))
		}
		x.m.Roles = append(x.m.Roles, r)
	}
	x.Shuffle(n, func(i, j int) { x.m.Roles[i], x.m.Roles[j] = x.m.Roles[j], x.m.Roles[i] })
}

const mostMembers = 8

func (x maker) groups() {
	n := x.IntN(6)
	for i := range n {
		g := directory.Group{ID: fakeID('g', i), Key: fmt.Sprintf("group%d", n-i), Name: fmt.Sprintf("Group %d", i)}
		x.m.Groups = append(x.m.Groups, g)
		seen := map[directory.GroupMember]bool{}
		for range x.IntN(4) {
			row := directory.GroupMember{Member: fakeID('m', x.IntN(mostMembers))}
			switch {
			case x.chance(40) && (i > 0 || x.bad):
				row = directory.GroupMember{Group: fakeID('g', x.IntN(max(1, i)))}
				if x.bad && x.chance(50) {
					row.Group = fakeID('g', x.IntN(n+1)) // perhaps in itself, perhaps not there
				}
			case x.chance(50) && len(x.m.Roles) > 0:
				row = directory.GroupMember{Role: fakeID('r', x.pick(len(x.m.Roles))), WithBelow: x.chance(50)}
			}
			if !seen[row] {
				seen[row] = true
				x.m.GroupMembers[g.ID] = append(x.m.GroupMembers[g.ID], row)
			}
		}
	}
}

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

func (x maker) someDay(percent int) time.Time {
	if x.chance(percent) {
		return day(2 + x.IntN(8))
	}
	return time.Time{}
}

func (x maker) members() {
	n := 1 + x.IntN(mostMembers)
	for i := range n {
		kind := oneOf(x, directory.Employee, directory.Employee, directory.Employee, directory.Employee, directory.Employee, directory.Employee,
			directory.External, directory.Limited, directory.Limited, directory.ContactOnly, directory.Reseller)
		m := directory.Member{ID: fakeID('m', i), User: fakeID('u', x.IntN(n)), Kind: kind, Start: day(1 + x.IntN(3)), End: x.someDay(25), AcceptedAt: day(1),
			Administrator: x.chance(10), AllSegments: x.chance(40), Version: 1}
		if x.chance(50) {
			m.Grants = x.grants()
		}
		if kind == directory.ContactOnly {
			m.User = directory.UserID{}
		}
		if kind == directory.Reseller {
			m.Reseller = directory.ResellerAccess{Role: oneOf(x, directory.Accountant, directory.Auditor), BankAccess: x.chance(50), UserAdministration: x.chance(50)}
		}
		if x.chance(10) {
			m.AcceptedAt, m.AcceptBy = time.Time{}, x.someDay(50)
		}
		if x.chance(6) {
			m.SuspendedAt = day(1)
		}
		if x.chance(15) {
			m.EndedAt = day(1)
		}
		if x.chance(5) {
			m.DeletedAt = day(1)
		}
		if x.chance(10) {
			m.EndedAt, m.ArchivedAt = day(1), day(1)
		}
		if !m.EndedAt.IsZero() || !m.End.IsZero() {
			if x.chance(70) {
				m.Successor = fakeID('m', x.pick(n)) // perhaps in a circle, perhaps oneself
			}
		}
		if len(x.m.Roles) > 0 && x.chance(85) {
			m.Role = fakeID('r', x.pick(len(x.m.Roles)))
		}
		if len(x.m.Packages) > 0 && x.chance(40) {
			m.Packages = []string{fmt.Sprintf("package%d", 5-x.pick(len(x.m.Packages)))}
		}
		for _, s := range x.m.Segments {
			if x.chance(40) {
				m.Segments = append(m.Segments, s.Key)
			}
		}
		if x.chance(20) {
			m.Functions = []directory.Function{directory.InformationRecipient, directory.MainRecipient}[:1+x.IntN(2)]
		}
		f := directory.NewMemberFacts(&m)
		f.Open = x.chance(93)
		x.m.Members = append(x.m.Members, f)
	}
}

func (x maker) side() directory.SharingParty {
	if len(x.m.Groups) > 0 && x.chance(45) {
		return directory.SharingParty{Group: fakeID('g', x.pick(len(x.m.Groups)))}
	}
	p := directory.SharingParty{Role: fakeID('r', x.pick(len(x.m.Roles))), WithBelow: x.chance(50)}
	if x.bad && x.chance(10) {
		p.Group = fakeID('g', 0) // both
	}
	return p
}

func (x maker) rules() {
	for i := range x.IntN(14) {
		r := directory.SharingRule{ID: fakeID('s', 99-i), Module: x.module(), From: x.side(), To: x.side(), Access: oneOf(x, directory.ShareRead, directory.ShareReadWrite)}
		if x.bad && x.chance(5) {
			r.Access = "nonsense"
		}
		x.m.Rules = append(x.m.Rules, r)
	}
}

// firstNumber is what fakeID made the id of.
func firstNumber(id directory.MembershipID) int { return int(id[15]) }

// question asks about one record; those that end early in the order of the reasons are asked less.
func (x maker) question() Question {
	for range 4 {
		q := x.anyQuestion()
		switch r := (slow{x.m, q}).decide(); {
		case r.Allows(), r == ReasonNotShared, r == ReasonOwnerArchived, r == ReasonField, r == ReasonSegment:
			return q
		}
	}
	return x.anyQuestion()
}

// anyQuestion asks now and then about what is not there.
func (x maker) anyQuestion() Question {
	members := len(x.m.Members)
	q := Question{Subject: fakeID('m', x.IntN(members)), Module: oneOf(x, x.m.Modules...).Key, Action: oneOf(x, "view", "view", "view", "create", "edit", "edit", "delete", "delete", "export", "send"),
		At: day(1 + x.IntN(10)).Add(time.Duration(x.IntN(3)-1) * time.Microsecond)}
	for range 8 { // those who have access are asked about more
		if x.m.Members[firstNumber(q.Subject)].ActiveAt(q.At) {
			break
		}
		q.Subject = fakeID('m', x.IntN(members))
	}
	switch n := x.IntN(100); {
	case n < 70:
		q.Owner.Member = fakeID('m', x.IntN(members))
	case n < 85:
		q.Owner.Group = fakeID('g', x.IntN(len(x.m.Groups)+1))
	case n < 88:
		q.Owner = Owner{Member: fakeID('m', members), Group: directory.GroupID{}}
	case n < 90:
		q.Owner = Owner{Member: fakeID('m', 0), Group: fakeID('g', 0)}
	}
	if x.chance(30) {
		q.Segment = fmt.Sprintf("segment%d", x.IntN(len(x.m.Segments)+1))
		if x.chance(60) && len(x.m.Segments) > 0 {
			q.Segment = oneOf(x, x.m.Segments...).Key
		}
	}
	if x.chance(30) {
		q.Field = oneOf(x, "amount", "note")
	}
	if x.chance(40) {
		q.NewOwner.Member = fakeID('m', x.IntN(members+1))
	}
	if x.chance(10) {
		q.NewOwner.Group = fakeID('g', x.IntN(len(x.m.Groups)+1))
	}
	if x.chance(3) {
		q.Subject = fakeID('m', members)
	}
	if x.chance(3) {
		q.Module = "gone"
	}
	return q
}
