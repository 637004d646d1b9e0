package main

import (
	"context"
	"fmt"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

type domainCommand struct {
	Claim  claimDomainCommand  `cmd:"" help:"Say which record proves that the organization runs the domain."`
	Verify verifyDomainCommand `cmd:"" help:"Look for the record; the organization becomes the home of the domain's people."`
	List   listDomainsCommand  `cmd:"" help:"List the organization's domains, verified and claimed."`
	GiveUp giveUpDomainCommand `cmd:"" help:"Take a domain from the organization; its people have no home then."`
}

// ofDomain names a domain of an organization.
type ofDomain struct {
	ofOrganization
	Domain string `required:"" help:"The domain, such as example.com." placeholder:"DOMAIN"`
}

func (c ofDomain) arguments() domainArguments { return domainArguments{c.Organization, c.Domain} }

type claimDomainCommand struct{ ofDomain }

// Run claims the domain and prints the record.
func (c claimDomainCommand) Run(w world) error { return c.perform(w, "domain.claim", c.arguments()) }

type verifyDomainCommand struct{ ofDomain }

// Run verifies the domain.
func (c verifyDomainCommand) Run(w world) error { return c.perform(w, "domain.verify", c.arguments()) }

type giveUpDomainCommand struct{ ofDomain }

// Run gives the domain up.
func (c giveUpDomainCommand) Run(w world) error { return c.perform(w, "domain.give-up", c.arguments()) }

type listDomainsCommand struct{ ofOrganization }

// Run lists the domains.
func (c listDomainsCommand) Run(w world) error {
	return c.perform(w, "domain.list", domainArguments{Organization: c.Organization})
}

type operatorCommand struct {
	Appoint appointCommand        `cmd:"" help:"Give an organization an administrator; kept in its history with the reason."`
	Grant   grantOperatorCommand  `cmd:"" help:"Make somebody an operator of the installation."`
	Revoke  revokeOperatorCommand `cmd:"" help:"Make somebody an operator no longer."`
	Reset   resetFactorsCommand   `cmd:"" name:"reset-factors" help:"Take away the password and all factors of somebody who has lost them, with a reason; the next sign-in begins with a mailed link."`
	Erase   operatorEraseCommand  `cmd:"" help:"Erase a person (GDPR), in two steps: ask, then --confirm. There is no way back."`
}

type appointCommand struct {
	ofOrganization
	Email  string `required:"" help:"Whom to appoint: a member, or somebody who is invited by this." placeholder:"E-MAIL"`
	Reason string `required:"" help:"Why; it stands in the organization's history."`
}

type appointArguments struct {
	Organization string `json:"organization"`
	Email        string `json:"email"`
	Reason       string `json:"reason"`
}

// Run appoints an administrator.
func (c appointCommand) Run(w world) error {
	return c.perform(w, "operator.appoint", appointArguments{c.Organization, c.Email, c.Reason})
}

func appointAdministrator(ctx context.Context, h *house, a appointArguments) (string, error) {
	o, err := h.dir.Organizations.BySlug(ctx, a.Organization)
	if err != nil {
		return "", err
	}
	m, err := h.dir.Memberships.Appoint(ctx, o.ID, directory.Appointment{Email: a.Email, Reason: a.Reason})
	if err != nil {
		return "", err
	}
	if m.AcceptedAt.IsZero() {
		return fmt.Sprintf("%s is invited to administer %s (%s).", a.Email, o.Name, m.ID), nil
	}
	return fmt.Sprintf("%s administers %s (%s).", a.Email, o.Name, m.ID), nil
}

type grantOperatorCommand struct{ ofPerson }

type revokeOperatorCommand struct{ ofPerson }

type ofPerson struct {
	target
	Email string `required:"" help:"The address that the person signs in with." placeholder:"E-MAIL"`
}

type personArguments struct {
	Email string `json:"email"`
}

// Run makes somebody an operator.
func (c grantOperatorCommand) Run(w world) error {
	return c.perform(w, "operator.grant", personArguments{c.Email})
}

// Run makes somebody an operator no longer.
func (c revokeOperatorCommand) Run(w world) error {
	return c.perform(w, "operator.revoke", personArguments{c.Email})
}

func grantOperator(ctx context.Context, h *house, a personArguments) (string, error) {
	return a.Email + " is an operator of the installation.", h.setOperator(ctx, a, directory.IsOperator)
}

func revokeOperator(ctx context.Context, h *house, a personArguments) (string, error) {
	return a.Email + " is no operator of the installation.", h.setOperator(ctx, a, directory.NotOperator)
}

func (h *house) setOperator(ctx context.Context, a personArguments, to directory.OperatorState) error {
	e, err := directory.ParseEmail(a.Email)
	if err != nil {
		return err
	}
	u, err := h.dir.Users.ByEmail(ctx, e)
	if fault.Is(err, fault.NotFound) {
		return mistakef("nobody signs in as %q; an operator is a member of some organization first", a.Email)
	}
	if err != nil || u.Operator == bool(to) {
		return err
	}
	return h.dir.Users.SetOperator(ctx, u.ID, to)
}
