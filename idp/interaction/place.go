package interaction

import (
	"context"
	"errors"

	"portvakt/idp/gate"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// place finds the organization: the one demanded, the one chosen, the one remembered, the only one, or a page that asks.
// Whatever it finds, the gate has said yes to.
func (s *Service) place(ctx context.Context, v *visit, person who) error {
	out := &v.verdict
	options, invited, barred := s.options(v, person)
	if !v.signedIn {
		options = nil // what is proven opens nothing without a session
	}
	out.barred = barred
	if slug := v.c.Demand.Needs.Organization; slug != "" {
		options, invited = named(options, slug), namedStandings(invited, slug)
		if len(options) == 0 && len(invited) == 0 {
			return s.barred(v, person)
		}
	}
	if v.client == nil && v.signedIn {
		return nil // our own pages ask for no organization
	}
	if len(options) == 0 {
		return s.nowhere(v, invited)
	}
	if i := invitation(invited, v.c.State.Invitation); i != nil {
		out.page, out.invitations = pathInvitation, []directory.Standing{*i}
		return nil
	}
	pass, err := s.choice(ctx, v, options)
	if err != nil {
		return err
	}
	if pass.Valid() {
		out.pass = pass
		return nil
	}
	out.page, out.invitations = pathOrganization, invited
	for _, p := range options {
		out.choices = append(out.choices, p.Standing())
	}
	return nil
}

// options are the gate's passes for the application, and the invitations that could become one.
func (s *Service) options(v *visit, person who) (passes []gate.Pass, invited []directory.Standing, barred *fault.Fault) {
	a, grant := v.target()
	for _, st := range v.standings {
		pass, err := judge(st, s.db, person, a, grant)
		switch {
		case err == nil:
			passes = append(passes, pass)
		case st.State(s.db.Now()) == directory.StateInvited && !st.OrgSuspended && (v.client == nil || a.Serves(st.Organization)):
			invited = append(invited, st)
		case barred == nil || errors.Is(err, gate.ErrSecondFactor):
			barred = fault.Of(err)
		}
	}
	return passes, invited, barred
}

// nowhere answers a person who may not enter anywhere: by invitations, if there are any, by another sign-in, if that
// would help, else by a page that says so.
func (s *Service) nowhere(v *visit, invited []directory.Standing) error {
	out := &v.verdict
	i := invitation(invited, v.c.State.Invitation)
	if i == nil && len(invited) == 1 {
		i = &invited[0]
	}
	switch {
	case i != nil:
		out.page, out.invitations = pathInvitation, []directory.Standing{*i}
		return nil
	case len(invited) > 0:
		out.page, out.invitations = pathOrganization, invited
		return nil
	}
	if !s.stepUp(v) {
		out.page = pathOrganization
	}
	return nil
}

// stepUp asks for the second factor where the session lacks it and an organization demands it; who has none sets one up.
func (s *Service) stepUp(v *visit) bool {
	if v.verdict.barred == nil || !errors.Is(v.verdict.barred, gate.ErrSecondFactor) || !v.signedIn {
		return false
	}
	st := &v.c.State
	st.Again, st.StepUp, st.Before, st.Email, v.changed = true, true, v.session.ID, v.session.Email, true
	v.verdict.page = pathPassword
	return true
}

// barred answers a request for one organization that the person may not enter: refused, unless a second factor is all
// that is missing.
func (s *Service) barred(v *visit, person who) error {
	a, grant := v.target()
	for _, st := range namedStandings(v.standings, v.c.Demand.Needs.Organization) {
		if _, err := judge(st, s.db, person, a, grant); errors.Is(err, gate.ErrSecondFactor) {
			v.verdict.barred = fault.Of(err)
			if !s.stepUp(v) {
				v.verdict.page = pathOrganization
			}
			return nil
		}
	}
	v.verdict.refuse = ErrAccessDenied
	return nil
}

// target is what the gate is asked for: an authorization for the application, or a session of our own pages.
func (v *visit) target() (gate.Application, string) {
	if v.client == nil {
		return gate.Application{}, gate.GrantSession
	}
	return v.client.Gate, gate.GrantAuthorize
}

// choice is the pass to go on with; the zero Pass where the person must be asked.
func (s *Service) choice(ctx context.Context, v *visit, options []gate.Pass) (gate.Pass, error) {
	if p, ok := ofMembership(options, v.c.State.Membership); ok {
		return p, nil
	}
	if len(options) == 1 {
		return options[0], nil
	}
	if v.c.Demand.Needs.SelectOrganization || v.client == nil {
		return gate.Pass{}, nil
	}
	return s.remembered(ctx, v, options)
}

func (s *Service) remembered(ctx context.Context, v *visit, options []gate.Pass) (gate.Pass, error) {
	if !v.signedIn {
		return gate.Pass{}, nil
	}
	id, ok, err := s.sessions.RememberedOrganization(ctx, v.session, v.client.ID)
	if err != nil || !ok {
		return gate.Pass{}, err
	}
	p, _ := ofMembership(options, id)
	return p, nil
}

func ofMembership(options []gate.Pass, id directory.MembershipID) (gate.Pass, bool) {
	for _, p := range options {
		if !id.IsZero() && p.Standing().Membership == id {
			return p, true
		}
	}
	return gate.Pass{}, false
}

func named(options []gate.Pass, slug string) (out []gate.Pass) {
	for _, p := range options {
		if p.Standing().Slug == slug {
			out = append(out, p)
		}
	}
	return out
}

func namedStandings(all []directory.Standing, slug string) (out []directory.Standing) {
	for _, st := range all {
		if st.Slug == slug {
			out = append(out, st)
		}
	}
	return out
}

func invitation(invited []directory.Standing, id directory.MembershipID) *directory.Standing {
	for i := range invited {
		if !id.IsZero() && invited[i].Membership == id {
			return &invited[i]
		}
	}
	return nil
}
