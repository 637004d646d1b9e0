package scim

import (
	"maps"
	"net/http"
	"slices"

	"portvakt/internal/directory"
)

var (
	errNotAllowed     = refuse(http.StatusForbidden, "", "The provisioning client may not do this")
	errOtherClient    = refuse(http.StatusForbidden, "", "Another provisioning client keeps this member")
	errOthersGroup    = refuse(http.StatusForbidden, "", "Another provisioning client keeps this group")
	errAdministrators = refuse(http.StatusForbidden, "", "The provisioning client may not change administrators, or who runs the installation")
	errAccess         = refuse(http.StatusForbidden, "", "The provisioning client may not change access: role, reseller access, packages, grants, functions, segments and successor")
)

// take makes the member the client's own: the first client that writes a member made elsewhere keeps it from then on.
func take(c directory.ProvisioningClient, m *directory.Member) error {
	if m.ManagedBy.IsZero() {
		m.ManagedBy = c.ID
	}
	if m.ManagedBy != c.ID {
		return errOtherClient
	}
	return nil
}

// takeGroup makes the group the client's own, as take does with a member. Nothing in a group makes an administrator: roles,
// which are not SCIM's to put in, open records through sharing rules alone (TestWall062_NobodyRulesByAGroup).
func takeGroup(c directory.ProvisioningClient, g *directory.Group) error {
	if g.ManagedBy.IsZero() {
		g.ManagedBy = c.ID
	}
	if g.ManagedBy != c.ID {
		return errOthersGroup
	}
	return nil
}

// may asks whether the client may turn the one member into the other. was is the zero member for a new one.
//
// Invariant: nobody becomes, stays or ceases to be an administrator by a client without that right, no member who runs the installation is touched, and no access is given
// or taken without that one (TestWall062_PrivilegedAttributes, TestWall064_AdministratorsAndOthersMembers). User
// administration makes administrators of a kind, so it takes that right as well; a successor is given another one's records (TestWall118_AccessGivesNoAdministration).
func may(c directory.ProvisioningClient, was, is *directory.Member) error {
	if (was.Administrator || is.Administrator || was.Operator) && !c.MayAdministrators {
		return errAdministrators
	}
	if was.Reseller.UserAdministration != is.Reseller.UserAdministration && !c.MayAdministrators {
		return errAdministrators
	}
	if !c.MayAccess && !sameAccess(was, is) {
		return errAccess
	}
	return nil
}

// mayMake asks whether the client may make the member.
func mayMake(c directory.ProvisioningClient, m *directory.Member) error {
	return may(c, &directory.Member{AllSegments: m.AllSegments}, m) // all segments are what a new member has unless told otherwise
}

// sameAccess holds where neither what somebody may do differs nor who gets the records.
func sameAccess(a, b *directory.Member) bool {
	return a.Role == b.Role && a.Successor == b.Successor && a.Reseller == b.Reseller && a.AllSegments == b.AllSegments && slices.Equal(a.Segments, b.Segments) &&
		slices.Equal(a.Packages, b.Packages) && slices.Equal(a.Functions, b.Functions) && maps.Equal(a.Grants, b.Grants)
}
