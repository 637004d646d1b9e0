package authz

import (
	"slices"

	"portvakt/internal/directory"
)

// Fact is one link of an explanation. Kind is a stable word; the ids name exact rows, so that a page can link them.
type Fact struct {
	Kind    string                  `json:"kind"`
	Member  directory.MembershipID  `json:"member,omitzero"`
	Owner   directory.MembershipID  `json:"owner,omitzero"` // whose the record is
	Heir    directory.MembershipID  `json:"heir,omitzero"`  // who succeeded the member
	Role    directory.RoleID        `json:"role,omitzero"`
	Below   directory.RoleID        `json:"below,omitzero"` // the role that Role stands above
	Group   directory.GroupID       `json:"group,omitzero"`
	Inner   directory.GroupID       `json:"inner,omitzero"` // the group that is in Group
	Profile directory.ProfileID     `json:"profile,omitzero"`
	Rule    directory.SharingRuleID `json:"rule,omitzero"`
	From    Side                    `json:"from,omitzero"` // of a sharing rule: whose records it opens
	To      Side                    `json:"to,omitzero"`   // of a sharing rule: to whom
	Module  string                  `json:"module,omitzero"`
	Action  string                  `json:"action,omitzero"`
	Package string                  `json:"package,omitzero"`
	Segment string                  `json:"segment,omitzero"`
	Field   string                  `json:"field,omitzero"`
	Word    string                  `json:"word,omitzero"` // a grade, a sharing level, a state: whatever Kind says
}

// Side is a side of a sharing rule: a group, or a role with or without everything below.
type Side struct {
	Role      directory.RoleID  `json:"role,omitzero"`
	WithBelow bool              `json:"with_below,omitzero"`
	Group     directory.GroupID `json:"group,omitzero"`
}

// The kinds of facts. They are contract.
const (
	FactProfile     = "profile"         // Profile, of Role, allows Action in Module
	FactPackage     = "package"         // Member has Package, which opens Module to the grade Word
	FactGrant       = "grant"           // Member's own grade in Module is Word
	FactSelfService = "self_service"    // Module is open to limited members
	FactSegment     = "segment"         // Member sees Segment; Word: assigned, all or administrator
	FactField       = "field"           // how far Field of Module is open to Member: Word
	FactSuccessor   = "successor"       // Member has ended, and the records went to Heir
	FactOwner       = "owner"           // the record is Member's
	FactGroupOwner  = "group_owner"     // the record is Group's
	FactMember      = "group_member"    // Member is in Group by name
	FactRole        = "role"            // Member has Role, or Below, which stands below Role
	FactGroupRole   = "group_role"      // Role is in Group; Word: with_below, or empty
	FactNesting     = "group_in_group"  // Inner is in Group
	FactRoleAbove   = "role_above"      // Member's role Role stands above Owner's role Below
	FactDefault     = "sharing_default" // what all may do with each other's records in Module: the level Word
	FactRule        = "sharing_rule"    // Rule opens the records of From in Module to To; Word: read or read_write
	FactState       = "state"           // the state of Member's membership: Word; closed where person or organization are shut out
	FactUnknown     = "unknown"         // there is no such thing; Word: subject, module, action, segment, field or owner
	FactForbidden   = "no_permission"   // nothing that Member has allows Action in Module
	FactLimited     = "limited"         // Member has no system access, and Module is not open to them
	FactBlind       = "no_segment"      // Member does not see Segment
	FactArchived    = "archived"        // Owner is archived
	FactNotShared   = "not_shared"      // nothing opens the records of Owner or Group far enough to Member
	FactKind        = "member_kind"     // Member's kind is Word
	FactNewOwner    = "new_owner"       // an active new owner is named
)

// Explanation is a decision with what it rests on.
type Explanation struct {
	Decision
	Facts  []Fact // what allows or, for a denial, what denies
	Needed []Fact // for a denial: alternatives, each of which would have been needed

	in *Snapshot
}

// Members are those whom the facts name, so that the caller can read their names.
func (e Explanation) Members() []directory.MembershipID {
	var out []directory.MembershipID
	for _, f := range slices.Concat(e.Facts, e.Needed) {
		for _, id := range []directory.MembershipID{f.Member, f.Owner, f.Heir} {
			if !id.IsZero() && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out
}

// levelWords are the levels by their reach.
var levelWords = [...]directory.SharingLevel{directory.SharingPrivate, directory.SharingPublicRead, directory.SharingPublicReadWrite, directory.SharingPublicFull}

func accessWord(writes bool) string {
	if writes {
		return string(directory.ShareReadWrite)
	}
	return string(directory.ShareRead)
}

func (s *Snapshot) side(p party) Side {
	if p.group >= 0 {
		return Side{Group: s.groups[p.group].id}
	}
	return Side{Role: s.roles[p.role].id, WithBelow: p.withBelow}
}
