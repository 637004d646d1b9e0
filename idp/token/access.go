package token

import (
	"context"

	"portvakt/internal/directory"
)

// Claims says what a member may do, for the scope access, in the words that the application asked for: of its modules only,
// under the names of its mapping. The standing was judged a moment before and need not be judged again.
type Claims interface { // authz
	Of(ctx context.Context, standing directory.Standing, modules []string, mapping []directory.ClaimMapping) ([]Claim, error)
}

// Claim is one list that an application is told.
type Claim struct {
	Name   string
	Values []string
}

// The claims that say that others are missing.
const (
	claimRef     = "access_ref"     // where to ask instead
	claimOmitted = "access_omitted" // their names
)

// fit says what becomes of claims that are larger than the budget.
type fit uint8

const (
	whole     fit = iota // userinfo and introspection: the size of an answer hurts nobody
	inHeader             // access tokens
	inAddress            // ID tokens come back as id_token_hint
)

// mostInAddress is the largest budget of an ID token: with everything else in it, it fits into an address.
const mostInAddress = 8 << 10

// accessClaims are the claims of the scope access, the same in every token and answer.
//
// Invariant: no mapping overwrites a claim that has a meaning of its own, whatever stands in the table
// (TestR44_AMappingBesideTheRulesIsLeftOut).
func (s *Service) accessClaims(ctx context.Context, c Client, st directory.Standing) ([]member, error) {
	claims, err := s.Claims.Of(ctx, st, c.Modules, directory.SoundClaimMappings(c.AccessClaims))
	if err != nil {
		return nil, err
	}
	list := make([]member, 0, len(claims)+1) // organizations may follow
	for _, claim := range claims {
		size := 2
		for _, v := range claim.Values {
			size += len(v) + 3
		}
		list = append(list, newMember(claim.Name, appendTexts(make([]byte, 0, size), claim.Values)))
	}
	return list, nil
}

// within keeps of the claims what the budget allows. A claim is told whole or not at all; the largest goes
// first, since those that are left then are as many as can be. What is missing is named, in o, with where to ask for it; the
// budget counts that too.
//
// Invariant: nothing is left out unsaid (TestR44_TheBudgetLeavesOutTheLargestAndSaysSo).
func (s *Service) within(most int, list []member, o *object) []member {
	size := 0
	for _, m := range list {
		size += len(m.json) + 1
	}
	if size <= most {
		return list
	}
	note := []byte(nil)
	out := make([]bool, len(list))
	for range list {
		largest := -1
		for i, m := range list {
			if !out[i] && (largest < 0 || len(m.json) > len(list[largest].json)) {
				largest = i
			}
		}
		out[largest] = true
		size -= len(list[largest].json) + 1
		if note = s.omission(list, out); size+len(note) <= most {
			break
		}
	}
	kept := make([]member, 0, len(list))
	for i, m := range list {
		if !out[i] {
			kept = append(kept, m)
		}
	}
	o.members(note)
	return kept
}

// omission is the object that says what was left out.
func (s *Service) omission(list []member, out []bool) []byte {
	var names []string
	for i, m := range list {
		if out[i] {
			names = append(names, m.name)
		}
	}
	o := newObject(128)
	o.text(claimRef, s.cfg.Issuer+"/access/v1")
	o.texts(claimOmitted, names)
	return o.end()
}

// budgetOf is how many bytes of claims the application takes.
func (s *Service) budgetOf(c Client, f fit) int {
	most := s.cfg.ClaimsBudget
	if c.ClaimsBudget != 0 {
		most = min(max(c.ClaimsBudget, directory.MinClaimsBudget), directory.MaxClaimsBudget)
	}
	if f == inAddress {
		most = min(most, mostInAddress)
	}
	return most
}
