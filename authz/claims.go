package authz

import (
	"maps"
	"slices"
	"strings"

	"portvakt/internal/directory"
)

// Claims are what applications are told under the scope "access" (RFC 9068 §2.2.3.1 names the first three).
type Claims struct {
	Roles        []string `json:"roles"`        // the role's key, local_admin, reseller_accountant, reseller_auditor, user_administration
	Groups       []string `json:"groups"`       // keys, nested ones resolved
	Entitlements []string `json:"entitlements"` // module:action, bank_access
	RolePath     []string `json:"role_path"`    // keys from the root to the role
	Profiles     []string `json:"profiles"`     // keys
	Functions    []string `json:"functions"`
	Segments     []string `json:"segments"` // keys, or "*" for all
}

// AllSegments is the only element of Claims.Segments where the member sees every segment, also later ones.
const AllSegments = directory.EverySegment

// Evaluate says what applications are told about the facts. No list is nil: an empty one is said, not left out.
func Evaluate(f directory.AccessFacts) Claims {
	c := Claims{
		Roles: []string{}, RolePath: []string{}, Groups: []string{}, Profiles: []string{}, Functions: []string{},
		Segments: []string{}, Entitlements: entitlements(Permissions(f)),
	}
	if f.Role.Key != "" {
		c.Roles = append(c.Roles, f.Role.Key)
	}
	if f.Administrator {
		c.Roles = append(c.Roles, directory.LocalAdministrator)
	}
	c.addReseller(f)
	for _, r := range f.RolePath {
		c.RolePath = append(c.RolePath, r.Key)
	}
	for _, g := range f.Groups {
		c.Groups = append(c.Groups, g.Key)
	}
	for _, p := range f.Profiles {
		c.Profiles = append(c.Profiles, p.Key)
	}
	for _, fn := range f.Functions {
		c.Functions = append(c.Functions, string(fn))
	}
	if f.EverySegment() {
		c.Segments = append(c.Segments, AllSegments)
	} else {
		c.Segments = append(c.Segments, f.Segments...)
	}
	return c
}

func entitlements(permissions map[string]Permission) []string {
	out := []string{}
	for _, module := range slices.Sorted(maps.Keys(permissions)) {
		for _, action := range permissions[module].Actions() {
			out = append(out, module+":"+action)
		}
	}
	return out
}

// addReseller says what somebody of the agency is here, and what was added explicitly.
func (c *Claims) addReseller(f directory.AccessFacts) {
	if f.Kind != directory.Reseller {
		return
	}
	if f.Reseller.Role != "" {
		c.Roles = append(c.Roles, directory.ResellerClaim(f.Reseller.Role))
	}
	if f.Reseller.UserAdministration {
		c.Roles = append(c.Roles, directory.UserAdministration)
	}
	if f.Reseller.BankAccess {
		c.Entitlements = append(c.Entitlements, BankAccess)
	}
}

// BankAccess stands among the entitlements of a reseller to whom the organization's bank was opened. It belongs to no module.
const BankAccess = "bank_access"

// Only keeps the entitlements of the modules that an application declared, and those of no module; nil means all. This is the
// one place that narrows claims to an application.
func (c Claims) Only(modules []string) Claims {
	if modules == nil {
		return c
	}
	kept := make([]string, 0, len(c.Entitlements))
	for _, e := range c.Entitlements {
		module, _, ofModule := strings.Cut(e, ":")
		if !ofModule || slices.Contains(modules, module) {
			kept = append(kept, e)
		}
	}
	c.Entitlements = kept
	return c
}
