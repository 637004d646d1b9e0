package directory

import (
	"maps"
	"slices"
	"time"

	"portvakt/internal/fault"
)

// importGround is what the lines of a chunk find: everything that one of them could mean.
type importGround struct {
	homes    map[string]OrganizationID // by domain
	users    map[string]User           // by the key of the address
	names    map[string]*Member        // by the key of the user name
	byUser   map[UserID]*Member        // the newest of each person
	external map[string][]*Member
	managers map[MembershipID]bool // who can be one; an archived member cannot
	clients  map[ProvisioningClientID]bool
	roles    map[string]RoleID
	packages map[string]bool // whether it is a base
	segments []string
	used     int64 // seats
}

// name is the user name that a line gives, the address where it gives none.
func (l *ImportLine) name() string {
	if l.UserName != "" {
		return l.UserName
	}
	return l.Email
}

// match finds the member that a line is about: by external id, else by e-mail, for somebody without one by user name. Whose
// membership is over counts as nobody.
func (g *importGround) match(l *ImportLine, now time.Time) (*Member, error) {
	named, err := g.addressed(l)
	if err != nil {
		return nil, err
	}
	if named != nil && named.isOver(now) {
		named = nil
	}
	if l.ExternalID == "" {
		return named, nil
	}
	var found []*Member
	for _, m := range g.external[l.ExternalID] {
		if !m.isOver(now) {
			found = append(found, m)
		}
	}
	if own := slices.DeleteFunc(slices.Clone(found), func(m *Member) bool { return !m.ManagedBy.IsZero() }); len(own) > 0 {
		found = own // rather than those of a provisioning system
	}
	switch {
	case len(found) > 1 && named != nil && slices.Contains(found, named):
		return named, nil
	case len(found) > 1:
		return nil, ErrAmbiguousExternalID
	case len(found) == 0:
		return named, nil
	case named != nil && named.ID != found[0].ID:
		return nil, ErrTwoMembersMeant
	}
	return found[0], nil
}

func (g *importGround) addressed(l *ImportLine) (*Member, error) {
	if l.Kind == ContactOnly || l.Email == "" {
		return g.names[Fold(l.name())], nil
	}
	e, err := ParseEmail(l.Email)
	if err != nil {
		return nil, err
	}
	if u, known := g.users[e.Key]; known && g.byUser[u.ID] != nil {
		return g.byUser[u.ID], nil
	}
	if m := g.names[Fold(l.name())]; m != nil && m.User.IsZero() { // a person without user becomes one
		return m, nil
	}
	return nil, nil
}

// find is the member of a name: e-mail, user name or external id.
func (g *importGround) find(name string) MembershipID {
	if e, err := ParseEmail(name); err == nil {
		if m := g.byUser[g.users[e.Key].ID]; m != nil {
			return m.ID
		}
	}
	if m := g.names[Fold(name)]; m != nil {
		return m.ID
	}
	if list := g.external[name]; len(list) == 1 {
		return list[0].ID
	}
	return MembershipID{}
}

// manages reports whether somebody can be a manager, as nobody can too; of an archived one checkLinks says no.
func (g *importGround) manages(id MembershipID) bool { return id.IsZero() || g.managers[id] }

// hasPackages reports whether a member can have just these.
func (g *importGround) hasPackages(keys []string) bool {
	bases := 0
	for _, k := range keys {
		base, known := g.packages[k]
		if !known {
			return false
		}
		if base {
			bases++
		}
	}
	return bases <= 1
}

func (g *importGround) hasRole(id RoleID) bool {
	return id.IsZero() || slices.Contains(slices.Collect(maps.Values(g.roles)), id)
}

// mayTakeExternalID reports whether no other member of the same provisioning client has the external id.
func (g *importGround) mayTakeExternalID(m *Member) bool {
	return !slices.ContainsFunc(g.external[m.ExternalID], func(o *Member) bool { return o.ManagedBy == m.ManagedBy && !m.ManagedBy.IsZero() })
}

func (g *importGround) hasSegments(keys []string) bool {
	return !slices.ContainsFunc(keys, func(k string) bool { return !slices.Contains(g.segments, k) })
}

// over lays what a line says over a member; the start is for new ones alone.
func (g *importGround) over(l *ImportLine, m *Member) error {
	g.readdress(l, m)
	if l.Kind != "" {
		m.Kind = l.Kind
	}
	if !l.End.IsZero() {
		m.End = l.End
	}
	if l.Administrator != nil {
		m.Administrator = *l.Administrator
	}
	if l.UserName != "" {
		m.UserName = l.UserName
	}
	if l.ExternalID != "" && m.ManagedBy.IsZero() { // else the provisioning system's own identifier stays
		m.ExternalID = l.ExternalID
	}
	if l.Role != "" {
		id, known := g.roles[l.Role]
		if !known {
			return fault.New(fault.Invalid, "unknown_role", "The organization has no such role").On("role")
		}
		m.Role = id
	}
	if l.Manager != "" {
		m.Manager, m.ManagerText = g.find(l.Manager), ""
		if m.Manager.IsZero() {
			m.ManagerText = l.Manager
		}
	}
	l.overAccess(m)
	l.overDetails(&m.Details)
	return nil
}

// readdress gives a member another sign-in address. A user name that was the former one follows it.
func (g *importGround) readdress(l *ImportLine, m *Member) {
	if l.Email == "" || Fold(l.Email) == Fold(m.Email) {
		return
	}
	if e, err := ParseEmail(l.Email); err == nil && g.users[e.Key].ID == m.User && !m.User.IsZero() {
		return // another spelling of it
	}
	if Fold(m.UserName) == Fold(m.Email) && m.Email != "" {
		m.UserName = l.Email
	}
	m.Email = l.Email
}

func (l *ImportLine) overAccess(m *Member) {
	if l.Packages != nil {
		m.Packages = sorted(l.Packages)
	}
	if l.Functions != nil {
		m.Functions = sorted(l.Functions)
	}
	switch {
	case len(l.Segments) == 1 && l.Segments[0] == EverySegment:
		m.Segments, m.AllSegments = nil, true
	case len(l.Segments) > 0:
		m.Segments, m.AllSegments = sorted(l.Segments), false
	}
}

func (l *ImportLine) overDetails(d *Details) {
	to := d.singles()
	for field, text := range l.Details.singles() {
		if *text != "" {
			*to[field] = *text
		}
	}
	if p := l.Details.Phone(); p != "" && d.Phone() != p {
		d.Phones = l.Details.Phones
	}
	if e := l.Details.Email(); e != "" && d.Email() != e {
		d.Emails = l.Details.Emails
	}
	if len(l.Details.Addresses) > 0 && !slices.Equal(d.Addresses, l.Details.Addresses) {
		d.Addresses = l.Details.Addresses
	}
}
