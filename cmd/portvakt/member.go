package main

// memberCommand is what can be done with one member from the command line.
type memberCommand struct {
	Show       memberShow       `cmd:"" help:"Say how a member stands."`
	End        memberEnd        `cmd:"" help:"End a member now, and say who takes over; or answer that of somebody who has ended."`
	Extend     memberExtend     `cmd:"" help:"Give an external member more time, in one step."`
	Suspend    memberSuspend    `cmd:"" help:"Take a member's access away until it is given back."`
	Reactivate memberReactivate `cmd:"" help:"Give a suspended member's access back."`
	HandOver   memberHandOver   `cmd:"" name:"hand-over" help:"Give a function to a member, in one step with taking it from whoever has it."`
}

// namedMember is one member of an organization.
type namedMember struct {
	ofOrganization
	Who string `arg:"" help:"The sign-in address, the user name, or the identifier (mbr_…)."`
}

type memberShow struct{ namedMember }

// Run shows the member.
func (c memberShow) Run(w world) error {
	return c.perform(w, "member", memberRequest{Do: "show", Organization: c.Organization, Who: c.Who})
}

type memberEnd struct {
	namedMember
	Successor   string `help:"The member who gets the records; applications are told to move them." placeholder:"WHO" xor:"choice"`
	Archive     bool   `help:"The records stay with the ended member, where the organization has the feature." xor:"choice"`
	FunctionsTo string `name:"functions-to" help:"The member who gets the functions that one alone can have." placeholder:"WHO"`
}

// Run ends the member, or answers who takes over.
func (c memberEnd) Run(w world) error {
	return c.perform(w, "member", memberRequest{
		Do: "end", Organization: c.Organization, Who: c.Who, To: c.Successor, Archive: c.Archive, FunctionsTo: c.FunctionsTo,
	})
}

type memberExtend struct {
	namedMember
	Until string `required:"" help:"The first moment without access, as 2026-01-31 (in UTC) or 2026-01-31T08:00:00+01:00." placeholder:"TIME"`
}

// Run gives more time.
func (c memberExtend) Run(w world) error {
	until, err := parseWhen("until", c.Until)
	if err != nil {
		return err
	}
	return c.perform(w, "member", memberRequest{Do: "extend", Organization: c.Organization, Who: c.Who, Until: until})
}

type memberSuspend struct{ namedMember }

// Run suspends.
func (c memberSuspend) Run(w world) error {
	return c.perform(w, "member", memberRequest{Do: "suspend", Organization: c.Organization, Who: c.Who})
}

type memberReactivate struct{ namedMember }

// Run lifts the suspension.
func (c memberReactivate) Run(w world) error {
	return c.perform(w, "member", memberRequest{Do: "reactivate", Organization: c.Organization, Who: c.Who})
}

type memberHandOver struct {
	namedMember
	Function string `required:"" help:"information_recipient, invoice_recipient or main_recipient." placeholder:"FUNCTION"`
	From     string `help:"Who is thought to have it; refused where somebody else does. Of an information recipient it is taken." placeholder:"WHO"`
}

// Run hands the function over.
func (c memberHandOver) Run(w world) error {
	return c.perform(w, "member", memberRequest{Do: "hand-over", Organization: c.Organization, Who: c.Who, Function: c.Function, From: c.From})
}

// organizationCommand shows how an organization stands.
type organizationCommand struct{ ofOrganization }

// Run shows it.
func (c organizationCommand) Run(w world) error {
	return c.perform(w, "organization", organizationRequest{c.Organization})
}
