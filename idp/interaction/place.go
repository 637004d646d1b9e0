package interaction

import (
	"cmp"
	"context"
	"errors"

	"portvakt/idp/gate"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// option is an organization that the person can choose.
type option struct {
	standing directory.Standing
	pass     gate.Pass
	lacks    error // why there is no pass yet, where signing in again, or more strongly, would give one
}

// mends reports whether a new or stronger sign-in is all that the gate asks for.
func mends(err error) bool {
	return errors.Is(err, gate.ErrSecondFactor) || errors.Is(err, gate.ErrSessionLimit)
}

// place finds the organization: the one demanded, the one chosen, the one remembered, the only one, or a page that asks.
// Whatever it finds, the gate has said yes to; where it asks for more than the session gives, the person signs in again,
// for that organization alone.
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
	chosen, err := s.choice(ctx, v, options)
	if err != nil {
		return err
	}
	switch {
	case chosen == nil:
		out.page, out.invitations = pathOrganization, invited
		for i := range options {
			out.choices = append(out.choices, options[i].standing)
		}
	case chosen.lacks != nil:
		s.askFor(v, chosen)
	default:
		out.pass = chosen.pass
	}
	return nil
}

// options are the organizations that the application is open in for the person, and the invitations that could become one.
func (s *Service) options(v *visit, person who) (options []option, invited []directory.Standing, barred *fault.Fault) {
	a, grant := v.target()
	for _, st := range v.standings {
		pass, err := judge(st, s.db, person, a, grant)
		switch {
		case err == nil:
			options = append(options, option{standing: st, pass: pass})
		case mends(err):
			options = append(options, option{standing: st, lacks: err})
			barred = fault.Of(err)
		case st.State(s.db.Now()) == directory.StateInvited && !st.OrgSuspended && (v.client == nil || a.Serves(st.Organization)):
			invited = append(invited, st)
		case barred == nil:
			barred = fault.Of(err)
		}
	}
	return options, invited, barred
}

// askFor leads whoever has chosen an organization that asks for more to sign in once more, or more strongly; who has no
// second factor sets one up on the way.
func (s *Service) askFor(v *visit, chosen *option) {
	st := &v.c.State
	st.Again, st.StepUp, st.Before, st.Email = true, errors.Is(chosen.lacks, gate.ErrSecondFactor), v.session.ID, v.session.Email
	st.Membership, v.changed = chosen.standing.Membership, true
	v.verdict.page = pathPassword
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
	out.page = pathOrganization
	return nil
}

// barred answers a request for one organization that the person may not enter: refused, unless more proof is all that is
// missing and there is no session that could be asked for it.
func (s *Service) barred(v *visit, person who) error {
	a, grant := v.target()
	for _, st := range namedStandings(v.standings, v.c.Demand.Needs.Organization) {
		if _, err := judge(st, s.db, person, a, grant); mends(err) {
			v.verdict.barred, v.verdict.page = fault.Of(err), pathOrganization
			return nil
		}
	}
	v.verdict.refuse = ErrAccessDenied
	return nil
}

// target is what the gate is asked for: what the protocol issues to the application, or a session of our own pages.
func (v *visit) target() (gate.Application, string) {
	if v.client == nil {
		return gate.Application{}, gate.GrantSession
	}
	return v.client.Gate, cmp.Or(v.c.Demand.Grant, gate.GrantAuthorize)
}

// choice is the organization to go on with; nil where the person must be asked.
func (s *Service) choice(ctx context.Context, v *visit, options []option) (*option, error) {
	if o := ofMembership(options, v.c.State.Membership); o != nil {
		return o, nil
	}
	if len(options) == 1 {
		return &options[0], nil
	}
	if v.c.Demand.Needs.SelectOrganization || v.client == nil || !v.signedIn {
		return nil, nil
	}
	id, ok, err := s.sessions.RememberedOrganization(ctx, v.session, v.client.ID)
	if err != nil || !ok {
		return nil, err
	}
	return ofMembership(options, id), nil
}

func ofMembership(options []option, id directory.MembershipID) *option {
	for i := range options {
		if !id.IsZero() && options[i].standing.Membership == id {
			return &options[i]
		}
	}
	return nil
}

func named(options []option, slug string) (out []option) {
	for i := range options {
		if options[i].standing.Slug == slug {
			out = append(out, options[i])
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
