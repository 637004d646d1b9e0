package directory

import (
	"slices"
	"strings"

	"portvakt/internal/fault"
)

// ErrNotOfAgency says that somebody cannot be a reseller: only people with an active employee membership in the agency
// that manages the organization can.
var ErrNotOfAgency = fault.New(fault.Conflict, "not_of_agency", "Only active employees of the agency that manages the organization can be resellers").On("kind")

// UserAdministration stands among a reseller's roles in claims where it was added.
const UserAdministration = "user_administration"

// ResellerClaim is how a reseller's role stands among the roles in claims.
func ResellerClaim(r ResellerRole) string { return "reseller_" + string(r) }

// IsReservedRole reports whether claims say something of their own by the key, so that no role can have it: an
// organization's role must not look like what it is not.
func IsReservedRole(key string) bool { return slices.Contains(reservedRoles, key) }

var reservedRoles = []string{LocalAdministrator, UserAdministration, ResellerClaim(Accountant), ResellerClaim(Auditor)}

// beginsReservedRole reports whether some key behind the prefix is a word that no role can have, however a reader writes it.
func beginsReservedRole(prefix string) bool {
	prefix = Fold(prefix)
	return prefix != "" && slices.ContainsFunc(reservedRoles, func(word string) bool {
		return len(prefix) < len(word) && strings.HasPrefix(word, prefix)
	})
}

// administers reports whether a member of the kind can be an administrator: somebody with system access whose access the
// organization alone decides on.
func (k Kind) administers() bool { return k == Employee || k == External }

// checkKind refuses what does not go together with the kind.
func (m *Member) checkKind() error {
	if m.Administrator && !m.Kind.administers() {
		switch m.Kind {
		case ContactOnly:
			return fault.New(fault.Invalid, "contact_administrator", "Somebody who cannot sign in cannot be an administrator").On("administrator")
		case Limited:
			return fault.New(fault.Invalid, "limited_administrator", "A member without system access cannot be an administrator").On("administrator")
		}
		return fault.New(fault.Invalid, "reseller_administrator", "A reseller cannot be an administrator; user administration can be added instead").On("administrator")
	}
	if m.Kind == Reseller {
		if m.Reseller.Role != Accountant && m.Reseller.Role != Auditor {
			return fault.New(fault.Invalid, "bad_reseller_role", "A reseller is accountant or auditor").On("reseller.role")
		}
		return nil
	}
	if m.Reseller != (ResellerAccess{}) {
		return fault.New(fault.Invalid, "not_reseller", "Only a reseller is accountant or auditor, with bank access or user administration").On("reseller")
	}
	return nil
}
