package authz

import "portvakt/internal/directory"

// Mapping is how an application, or a service provider of SAML, wants to be told of access. The zero Mapping tells
// everything as it is.
type Mapping []directory.ClaimMapping

// Named is a claim, or an attribute of SAML, as it is told.
type Named struct {
	Name   string
	Values []string // never nil
}

// Apply says the claims in the mapping's words: each source under the names that it was given, or its own, in the order of
// directory.ClaimSources; of what was chosen only that; each value behind its prefix. It is pure, changes nothing of what it
// is given, and does not judge names: directory.CheckClaimMappings does.
func (m Mapping) Apply(c Claims) []Named {
	out := make([]Named, 0, len(directory.ClaimSources)+len(m))
	for _, source := range directory.ClaimSources {
		values, own := c.of(source), true
		for i := range m {
			if m[i].Source != source {
				continue
			}
			own = false
			if !m[i].OmitsClaim() {
				out = append(out, Named{m[i].Name, toldBy(&m[i], values)})
			}
		}
		if own {
			out = append(out, Named{string(source), neverNil(values)})
		}
	}
	return out
}

func neverNil(values []string) []string {
	if values == nil {
		return []string{}
	}
	return values
}

func toldBy(m *directory.ClaimMapping, values []string) []string {
	if m.Prefix == "" && len(m.Values) == 0 {
		return neverNil(values)
	}
	chosen := make(map[string]bool, len(m.Values)) // both lists can be long
	for _, v := range m.Values {
		chosen[v] = true
	}
	out := make([]string, 0, len(values))
	for _, v := range values {
		if len(m.Values) == 0 || chosen[v] {
			out = append(out, m.Prefix+v)
		}
	}
	return out
}

// of is the list that a source names.
func (c *Claims) of(source directory.ClaimSource) []string {
	switch source {
	case directory.ClaimRoles:
		return c.Roles
	case directory.ClaimRolePath:
		return c.RolePath
	case directory.ClaimGroups:
		return c.Groups
	case directory.ClaimEntitlements:
		return c.Entitlements
	case directory.ClaimProfiles:
		return c.Profiles
	case directory.ClaimFunctions:
		return c.Functions
	case directory.ClaimSegments:
		return c.Segments
	}
	return nil
}
