package authz

import (
	"slices"

	"portvakt/internal/directory"
)

// Actions are what the subject may do with the record that q is about (q.Action is not looked at), in the order view,
// create, edit, delete, then the module's tools.
func (s *Snapshot) Actions(q Question) []string {
	subject, known := s.memberAt[q.Subject]
	i, has := s.moduleAt[q.Module]
	if !known || !has {
		return nil
	}
	var out []string
	m := &s.modules[i]
	for place := range m.places() {
		var a asked
		q.Action = m.word(place)
		s.read(&q, &a)
		if s.decide(&a, subject).Allows() {
			out = append(out, q.Action)
		}
	}
	return out
}

// Subjects calls yield with every member who may do what q asks (q.Subject is not looked at), in the order of their ids,
// from the first one after the given id on, until yield answers false.
func (s *Snapshot) Subjects(q Question, after directory.MembershipID, yield func(directory.MembershipID) bool) {
	var a asked
	s.read(&q, &a)
	first, _ := slices.BinarySearchFunc(s.order, after, func(i int32, id directory.MembershipID) int {
		if compareID(s.persons[i].id, id) <= 0 {
			return -1
		}
		return 1
	})
	for _, i := range s.order[first:] {
		if s.decide(&a, i).Allows() && !yield(s.persons[i].id) {
			return
		}
	}
}
