package directory

import (
	"errors"

	"portvakt/internal/sqldb"
)

// stroke is a set of new members who are written at once, in a transaction that has locked the organization's row: plain
// members, whom nothing stands in the way of as far as the ground shows. Imports and the bulk creation share it.
type stroke struct {
	tx           *sqldb.Tx
	organization Organization
	quiet        bool // nobody is written to

	ground  importGround
	claimed map[string]bool // what those looked at so far take
	fresh   []User          // to load, with the members
	members []*Member
}

// errErasedMeanwhile: a person whom the ground showed was erased before the load came to lock them.
var errErasedMeanwhile = errors.New("directory: somebody was erased since we looked")

// isMeanwhile reports whether a load failed because of what others did since the ground was read. It left nothing behind.
func isMeanwhile(err error) bool { return sqldb.IsUnique(err) || errors.Is(err, errErasedMeanwhile) }

// take notes the names that somebody takes, and reports whether somebody before took one of them.
func (s *stroke) take(name, external, address string) (again bool) {
	keys := []string{"n:" + Fold(name)}
	if external != "" {
		keys = append(keys, "x:"+external)
	}
	if e, err := ParseEmail(address); err == nil {
		keys = append(keys, "e:"+e.Key)
	}
	for _, key := range keys {
		again = again || s.claimed[key]
		s.claimed[key] = true
	}
	return again
}

// enlist puts a new member to those who are loaded in one stroke; false for whoever needs a closer look: everybody but an
// unknown or plainly linked member, and whoever something is short for.
func (s *stroke) enlist(m *Member) bool {
	if !m.isPlain() || !s.suits(m) {
		return false
	}
	now, seat := s.tx.Now(), func() bool { return m.takesSeat(s.tx.Now(), s.organization.SuspendedKeepSeats) }
	if s.organization.Seats != UnlimitedSeats && seat() && s.ground.used+1 >= s.organization.Seats { // also the last one, which is told of
		return false
	}
	email, err := ParseEmail(m.Email)
	if err != nil {
		return false
	}
	g := ground{email: email, organization: s.organization, home: s.ground.homes[email.Domain()]}
	u, known := s.ground.users[email.Key]
	switch {
	case !known:
		u = newUser(&g, now)
		s.fresh = append(s.fresh, u)
	case u.State == UserErased || u.Home != g.home || u.Home == s.organization.ID || s.ground.byUser[u.ID] != nil:
		return false
	}
	admit(m, &u, false, now)
	if seat() {
		s.ground.used++
	}
	s.members = append(s.members, m)
	return true
}

// isPlain holds for an employee, external or limited member with nothing that takes more rows than the load writes, or a rule
// of its own.
func (m *Member) isPlain() bool {
	return (m.Kind == Employee || m.Kind == External || m.Kind == Limited) && !m.Administrator && len(m.Functions) == 0 && len(m.Grants) == 0 && m.Successor.IsZero() &&
		m.SecondFactor == "" && m.Reseller == (ResellerAccess{})
}

// suits reports whether everything that a member refers to is there and every name is free.
func (s *stroke) suits(m *Member) bool {
	g := &s.ground
	return g.names[Fold(m.UserName)] == nil && g.mayTakeExternalID(m) && g.manages(m.Manager) && g.hasRole(m.Role) &&
		g.hasPackages(m.Packages) && g.hasSegments(m.Segments) && (m.ManagedBy.IsZero() || g.clients[m.ManagedBy])
}
