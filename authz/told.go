package authz

import (
	"portvakt/internal/directory"
)

// Claims are what applications are told about a member, as Evaluate says it of the member's facts; false for one who is not
// known, or deleted.
//
// Invariant: it says the same as Evaluate (TestClaimsOfTheSnapshotAreEvaluates).
func (s *Snapshot) Claims(id directory.MembershipID) (Claims, bool) {
	i, known := s.memberAt[id]
	if !known || s.members[i].traits&deleted != 0 {
		return Claims{}, false
	}
	x := &s.members[i]
	c := Claims{Roles: []string{}, Groups: []string{}, Entitlements: s.entitlements(x), RolePath: []string{}, Profiles: []string{},
		Functions: append([]string{}, s.duties[x.duty]...), Segments: s.segmentKeys(x)}
	for _, r := range s.path(x.role) {
		c.RolePath = append(c.RolePath, s.roles[r].key)
	}
	if x.role >= 0 {
		c.Roles = append(c.Roles, s.roles[x.role].key)
		for _, p := range s.profileSets[s.roles[x.role].profiles].profiles {
			c.Profiles = append(c.Profiles, s.profiles[p].key)
		}
	}
	if x.traits&administrator != 0 {
		c.Roles = append(c.Roles, directory.LocalAdministrator)
	}
	for _, g := range s.parties[x.party].groups.list() {
		c.Groups = append(c.Groups, s.groups[g].key)
	}
	if x.kind == kindReseller {
		c.addReseller(directory.AccessFacts{Kind: directory.Reseller, Reseller: directory.ResellerAccess{
			Role: resellerWords[x.reseller], BankAccess: x.traits&bankAccess != 0, UserAdministration: x.traits&userAdministration != 0}})
	}
	return c, true
}

func (s *Snapshot) entitlements(x *member) []string {
	out := []string{}
	allows := s.classes[x.class].allows
	for i := range s.modules {
		m := &s.modules[i]
		for place := range m.places() {
			if allows.has(m.action + place) {
				out = append(out, m.key+":"+m.word(place))
			}
		}
	}
	return out
}

// Fields are how far each field of a module is open to a member, nil where member or module is not known. It says nothing
// of records, nor of whether the membership is active.
func (s *Snapshot) Fields(id directory.MembershipID, moduleKey string) map[string]directory.FieldAccess {
	i, known := s.memberAt[id]
	n, has := s.moduleAt[moduleKey]
	if !known || !has {
		return nil
	}
	m, c := &s.modules[n], &s.classes[s.members[i].class]
	out := make(map[string]directory.FieldAccess, len(m.fields))
	for n, field := range m.fields {
		out[field] = c.field(m.field + int32(n))
	}
	return out
}

func (c *class) field(number int32) directory.FieldAccess {
	return byPermission(c.read.has(number), c.edit.has(number))
}
