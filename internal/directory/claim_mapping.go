package directory

import (
	"slices"
	"strconv"
	"strings"

	"portvakt/internal/fault"
)

// ClaimSource is one of the lists that applications are told of under the scope access.
type ClaimSource string

// The sources. Each is told under its own name where the application did not say otherwise.
const (
	ClaimRoles        ClaimSource = "roles"
	ClaimRolePath     ClaimSource = "role_path"
	ClaimGroups       ClaimSource = "groups"
	ClaimEntitlements ClaimSource = "entitlements"
	ClaimProfiles     ClaimSource = "profiles"
	ClaimFunctions    ClaimSource = "functions"
	ClaimSegments     ClaimSource = "segments"
)

// ClaimSources are all of them, in the order in which they are told.
var ClaimSources = []ClaimSource{ClaimRoles, ClaimRolePath, ClaimGroups, ClaimEntitlements, ClaimProfiles, ClaimFunctions, ClaimSegments}

// ClaimMapping is how an application wants to be told of one source. A source with several mappings is told under each of
// the names, one without any under its own.
type ClaimMapping struct {
	Source ClaimSource
	Name   string   // of the claim or attribute; "" leaves the source out
	Prefix string   // stands before each value
	Values []string // the values to tell, without prefix; none: all
}

// OmitsClaim reports whether the mapping leaves its source out.
func (m *ClaimMapping) OmitsClaim() bool { return m.Name == "" }

// Limits of a mapping.
const (
	maxClaimMappings = 30
	maxClaimText     = 128 // bytes of a name, a prefix or a value
	maxClaimValues   = 200
)

// The least and the most that an application can choose as the size of its access claims in a token, in bytes. A token of the
// most fits into a form, so that it can be introspected and revoked.
const (
	MinClaimsBudget = 256
	MaxClaimsBudget = 32 << 10
)

// ClaimMappingFault is what is wrong with one mapping of a list.
type ClaimMappingFault struct {
	Index int
	Key   string // source, name, prefix or values
	*fault.Fault
}

// CheckClaimMappings finds everything that is wrong with how an application wants to be told of access.
//
// Invariant: no claim that has a meaning of its own can be given another, in any spelling that a reader may take for it, and
// no name stands for two things (TestR44_ReservedClaimsAreNobodys); no prefix makes a role of an organization read as one of
// our own in the claim roles (TestR44_APrefixMakesNoRoleOfOurs).
func CheckClaimMappings(list []ClaimMapping) []ClaimMappingFault {
	if len(list) > maxClaimMappings {
		return []ClaimMappingFault{{0, "source", fault.Newf(fault.Invalid, "too_many_claims", "At most %d claims can be mapped", maxClaimMappings).On("access_claims")}}
	}
	c := claimChecker{names: map[string]bool{}}
	for _, source := range ClaimSources {
		if !slices.ContainsFunc(list, func(m ClaimMapping) bool { return m.Source == source }) {
			c.names[string(source)] = true
		}
	}
	for i := range list {
		c.check(i, &list[i], list)
	}
	return c.faults
}

// SoundClaimMappings is the list as tokens may use it: whatever could not be saved today tells nothing, and its source does
// not fall back to its own name.
//
// Invariant: what is in the table anyway overwrites no claim (TestR44_AMappingBesideTheRulesIsLeftOut).
func SoundClaimMappings(list []ClaimMapping) []ClaimMapping {
	faults := CheckClaimMappings(list)
	if len(faults) == 0 {
		return list
	}
	sound := slices.Clone(list)
	if len(list) > maxClaimMappings {
		sound = sound[:0]
		for _, source := range ClaimSources {
			sound = append(sound, ClaimMapping{Source: source})
		}
		return sound
	}
	for _, f := range faults {
		sound[f.Index].Name = ""
	}
	return sound
}

type claimChecker struct {
	names  map[string]bool // folded; taken by an earlier mapping, or by a source that is told under its own name
	faults []ClaimMappingFault
}

func (c *claimChecker) say(i int, key string, f *fault.Fault) {
	c.faults = append(c.faults, ClaimMappingFault{i, key, f})
}

func (c *claimChecker) check(i int, m *ClaimMapping, list []ClaimMapping) {
	n := strconv.Itoa(i)
	if !slices.Contains(ClaimSources, m.Source) {
		c.say(i, "source", fault.New(fault.Invalid, "bad_claim_source",
			"The sources are roles, role_path, groups, entitlements, profiles, functions and segments").On("access_claims."+n+".source"))
	}
	if m.OmitsClaim() {
		others := slices.ContainsFunc(list, func(o ClaimMapping) bool { return o.Source == m.Source && !o.OmitsClaim() })
		if others || m.Prefix != "" || len(m.Values) > 0 {
			c.say(i, "source", fault.Newf(fault.Invalid, "bad_claim_omission", "Of a source that is left out, such as %s, nothing else is said",
				m.Source).On("access_claims."+n+".source"))
		}
		return
	}
	c.name(i, m)
	if !isClaimText(m.Prefix) {
		c.say(i, "prefix", fault.Newf(fault.Invalid, "bad_claim_prefix", "A prefix is at most %d bytes long and holds no control characters",
			maxClaimText).On("access_claims."+n+".prefix"))
	}
	if Fold(m.Name) == string(ClaimRoles) && beginsReservedRole(m.Prefix) {
		c.say(i, "prefix", fault.Newf(fault.Invalid, "reserved_role_prefix", "With the prefix %q a role of an organization could read as one of our own",
			m.Prefix).On("access_claims."+n+".prefix"))
	}
	if len(m.Values) > maxClaimValues || slices.ContainsFunc(m.Values, func(v string) bool { return v == "" || !isClaimText(v) }) {
		c.say(i, "values", fault.Newf(fault.Invalid, "bad_claim_values", "At most %d values can be listed, each of 1 to %d bytes without control characters",
			maxClaimValues, maxClaimText).On("access_claims."+n+".values"))
	}
}

func (c *claimChecker) name(i int, m *ClaimMapping) {
	n, folded := strconv.Itoa(i), Fold(m.Name)
	switch {
	case !isClaimText(m.Name) || strings.TrimSpace(m.Name) != m.Name:
		c.say(i, "name", fault.Newf(fault.Invalid, "bad_claim_name", "The name of a claim is 1 to %d bytes long and holds no control characters",
			maxClaimText).On("access_claims."+n+".name"))
	case isReservedClaim(folded), ownWords[folded] && folded != string(m.Source):
		c.say(i, "name", fault.Newf(fault.Invalid, "reserved_claim", "The claim %q has a meaning of its own", m.Name).On("access_claims."+n+".name"))
	case c.names[folded]:
		c.say(i, "name", fault.Newf(fault.Invalid, "claim_twice", "There are two claims with the name %q", m.Name).On("access_claims."+n+".name"))
	}
	c.names[folded] = true
}

func isClaimText(s string) bool { return len(s) <= maxClaimText && checkText("", s) == nil }
