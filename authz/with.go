package authz

import (
	"maps"
	"slices"

	"portvakt/internal/directory"
)

// With is a snapshot in which one member is new, or has changed in what the membership itself says. What groups hold the
// member by name is as it was. The snapshot that it comes from stays as it is.
//
// Invariant: it answers as one compiled from the whole model does (TestWithIsCompile).
func (s *Snapshot) With(f directory.MemberFacts) *Snapshot {
	t := *s
	t.members, t.persons = slices.Clone(s.members), slices.Clone(s.persons)
	t.order, t.heirless = slices.Clone(s.order), slices.Clone(s.heirless)
	t.memberAt, t.newest = maps.Clone(s.memberAt), maps.Clone(s.newest)
	t.classes, t.parties, t.sights, t.duties = slices.Clone(s.classes), slices.Clone(s.parties), slices.Clone(s.sights), slices.Clone(s.duties)

	x := newMember(&f)
	if r, known := s.roleAt[f.Role]; known && !f.Role.IsZero() {
		x.role = r
	}
	var direct []int32
	i, was := s.memberAt[f.ID]
	if was {
		direct = s.parties[s.members[i].party].direct
	} else {
		i = int32(len(t.members))
		t.members, t.persons = append(t.members, member{older: -1}), append(t.persons, person{})
		t.memberAt[f.ID] = i
		at, _ := slices.BinarySearchFunc(t.order, f.ID, func(n int32, id directory.MembershipID) int { return compareID(t.persons[n].id, id) })
		t.order = slices.Insert(t.order, at, i)
	}
	x.party, x.class = int32(len(t.parties)), int32(len(t.classes))
	x.sight, x.duty = int32(len(t.sights)), int32(len(t.duties))
	t.parties = append(t.parties, t.standingOf(x.role, direct))
	t.classes = append(t.classes, t.classOf((&classes{s: &t}).sourcesOf(&f, x.kind, x.role)))
	t.sights = append(t.sights, t.sightOf(&f))
	t.duties = append(t.duties, dutiesOf(&f))
	x.older = t.members[i].older
	before := t.persons[i].user
	t.members[i], t.persons[i] = x, person{f.ID, f.User}
	t.linkHeirs(i, f.Successor)
	t.linkPerson(i, before)
	t.archived = slices.ContainsFunc(t.members, func(x member) bool { return x.held == heldArchived })
	t.size = t.measure()
	return &t
}

// linkHeirs links the member's own successor, and those who were waiting for this one.
func (s *Snapshot) linkHeirs(i int32, successor directory.MembershipID) {
	s.heirless = slices.DeleteFunc(s.heirless, func(x heirless) bool {
		if x.heir == s.persons[i].id {
			s.members[x.member].heir = i
		}
		return x.heir == s.persons[i].id || x.member == i
	})
	if heir, known := s.memberAt[successor]; known {
		s.members[i].heir = heir
	} else if !successor.IsZero() {
		s.heirless = append(s.heirless, heirless{i, successor})
	}
	s.notePassings()
}

// linkPerson links the memberships of the member's person anew, newest first; was is who it belonged to before.
func (s *Snapshot) linkPerson(i int32, was directory.UserID) {
	user := s.persons[i].user
	if !was.IsZero() && was != user { // not a change that is made; but then everybody's
		clear(s.newest)
		for _, n := range s.order {
			s.members[n].older = -1
			s.addPerson(n)
		}
		return
	}
	if user.IsZero() {
		return
	}
	all := []int32{i}
	if newest, known := s.newest[user]; known {
		for n := newest; n >= 0; n = s.members[n].older {
			if n != i {
				all = append(all, n)
			}
		}
	}
	slices.SortFunc(all, func(a, b int32) int { return compareID(s.persons[a].id, s.persons[b].id) })
	delete(s.newest, user)
	for _, n := range all {
		s.members[n].older = -1
		s.addPerson(n)
	}
}
