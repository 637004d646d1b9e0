package interaction

import (
	"context"

	"portvakt/idp/credential"
	"portvakt/idp/gate"
)

// beyondKeys says which page asks for more than a key that counts for nothing where the person wants to go: the one-time
// code, where there is an authenticator, else one is set up. Where the person can go without, nobody is asked.
func (s *Service) beyondKeys(ctx context.Context, v *visit, e credential.Evidence, has credential.Enrolled) (string, error) {
	if !e.Key || e.Attested || e.Code || e.Recovery {
		return "", nil
	}
	if err := s.read(ctx, v, e.User); err != nil || !v.keyIsNoFactor(s, e) {
		return "", err
	}
	if has.Code {
		return pathSecondFactor, nil
	}
	return pathEnrolFactor, nil
}

// keyIsNoFactor reports whether the organization that the conversation is about takes no such key, and a factor is demanded
// by it or by whoever asks; where it is about none, whether that is so wherever the person could go.
func (v *visit) keyIsNoFactor(s *Service, e credential.Evidence) bool {
	short, open := false, false
	for i := range v.standings {
		st := &v.standings[i]
		if !st.ActiveAt(s.db.Now()) {
			continue
		}
		refuses := gate.KeyIsNoFactor(st, e.ACR(), e.AMR()) || v.wanted().wouldTake(gate.MultiFactor, gate.Counts(st, e.ACR(), e.AMR()))
		if chosen := v.c.State.Membership; !chosen.IsZero() {
			if chosen == st.Membership {
				return refuses
			}
			continue
		}
		if slug := v.c.Demand.Needs.Organization; slug != "" && slug != st.Slug {
			continue
		}
		short, open = short || refuses, open || !refuses
	}
	return short && !open
}
