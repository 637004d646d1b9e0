package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// inviteCommand invites people to an organization.
type inviteCommand struct {
	ofOrganization
	File     string            `arg:"" help:"A CSV file with the columns email, given_name, family_name, or with addresses alone; - reads the standard input."`
	Kind     string            `default:"employee" help:"employee, external or limited."`
	Package  []string          `help:"The base package first, then add-on packages." sep:"," placeholder:"ID,..."`
	Grant    map[string]string `help:"Single accesses: none, view or edit." placeholder:"MODULE=GRADE;..."`
	Role     string            `help:"The role's id." placeholder:"ID"`
	Segment  []string          `help:"Ids of segments; all, if left out." sep:"," placeholder:"ID,..."`
	Start    string            `help:"When the access begins, as 2026-01-31 (in UTC) or 2026-01-31T08:00:00+01:00; now, if left out." placeholder:"TIME"`
	End      string            `help:"The first moment without access; external people need one." placeholder:"TIME"`
	Language string            `help:"The language of the mails (en, nb, sv, de); the organization's, if left out." placeholder:"LANGUAGE"`
	Within   time.Duration     `default:"720h" help:"How long people have to answer."`
}

// Run invites, through the process that serves the database if there is one.
func (c inviteCommand) Run(w world) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	start, err := parseWhen("start", c.Start)
	if err != nil {
		return err
	}
	end, err := parseWhen("end", c.End)
	if err != nil {
		return err
	}
	return c.perform(w, "invitations", invitationRequest{
		Do: "invite", Organization: c.Organization, Role: c.Role,
		Batch: directory.Batch{
			Language: c.Language, Kind: directory.Kind(c.Kind), Start: start, End: end, Packages: c.Package, Grants: grades(c.Grant),
			Segments: c.Segment, AcceptWithin: c.Within, People: people,
		},
	})
}

func grades(in map[string]string) map[string]directory.Grade {
	out := make(map[string]directory.Grade, len(in))
	for module, grade := range in {
		out[module] = directory.Grade(grade)
	}
	return out
}

// invitationsCommand shows and changes what was sent.
type invitationsCommand struct {
	List     invitationsList     `cmd:"" default:"withargs" help:"List invitations, the newest first."`
	Resend   invitationsResend   `cmd:"" help:"Ask a person once more; the older link is void."`
	Withdraw invitationsWithdraw `cmd:"" help:"Take an invitation back; the seat is free."`
}

type invitationsList struct {
	ofOrganization
	State []string `help:"created, sent, bounced, opened, accepted, declined, withdrawn or expired; all, if left out." sep:","`
}

// Run lists.
func (c invitationsList) Run(w world) error {
	return c.perform(w, "invitations", invitationRequest{Do: "list", Organization: c.Organization, States: c.State})
}

type invitationsResend struct {
	ofOrganization
	Email string `arg:"" help:"The person's address."`
}

// Run sends again.
func (c invitationsResend) Run(w world) error {
	return c.perform(w, "invitations", invitationRequest{Do: "resend", Organization: c.Organization, Email: c.Email})
}

type invitationsWithdraw struct {
	ofOrganization
	Email string `arg:"" help:"The person's address."`
}

// Run withdraws.
func (c invitationsWithdraw) Run(w world) error {
	return c.perform(w, "invitations", invitationRequest{Do: "withdraw", Organization: c.Organization, Email: c.Email})
}

// invitationRequest is what the commands ask of the database, or of the process that serves it.
type invitationRequest struct {
	Do           string          `json:"do"`
	Organization string          `json:"organization"`
	Batch        directory.Batch `json:"batch,omitzero"`
	Role         string          `json:"role,omitempty"`
	States       []string        `json:"states,omitempty"`
	Email        string          `json:"email,omitempty"`
}

// askInvitations does what a command asks and answers what it prints.
func askInvitations(ctx context.Context, h *house, r invitationRequest) (string, error) {
	org, err := h.dir.Organizations.BySlug(ctx, r.Organization)
	if err != nil {
		return "", err
	}
	switch r.Do {
	case "invite":
		return h.invite(ctx, org.ID, r)
	case "list":
		return h.listInvitations(ctx, org.ID, r.States)
	}
	e, err := directory.ParseEmail(r.Email)
	if err != nil {
		return "", err
	}
	m, err := h.dir.Memberships.ByEmail(ctx, org.ID, e)
	if fault.Is(err, fault.NotFound) {
		return "", mistakef("%s has invited nobody with the address %s", org.Slug, r.Email)
	}
	if err != nil {
		return "", err
	}
	if r.Do == "withdraw" {
		return r.Email + " is no longer invited.", h.dir.Invitations.Withdraw(ctx, org.ID, m.ID)
	}
	_, err = h.dir.Invitations.Resend(ctx, org.ID, m.ID)
	return r.Email + " is asked once more; the older link is void.", err
}

func (h *house) invite(ctx context.Context, org directory.OrganizationID, r invitationRequest) (string, error) {
	if r.Role != "" {
		roles, err := h.dir.Access.Roles(ctx, org)
		if err != nil {
			return "", err
		}
		for _, role := range roles {
			if role.Key == r.Role {
				r.Batch.Role = role.ID
			}
		}
		if r.Batch.Role.IsZero() {
			return "", mistakef("the organization has no role %s", r.Role)
		}
	}
	outcomes, err := h.dir.Invitations.Invite(ctx, org, r.Batch)
	if err != nil && len(outcomes) == 0 {
		return "", err
	}
	var b strings.Builder
	refused := 0
	for _, o := range outcomes {
		if o.Fault == nil {
			continue
		}
		refused++
		fmt.Fprintf(&b, "line %d refused: %q: %s (%s)\n", o.Line, o.Email, o.Fault.Text, o.Fault.Code)
	}
	fmt.Fprintf(&b, "%d invited, %d refused", len(outcomes)-refused, refused)
	if err == nil && refused > 0 {
		err = errors.New(many(refused, "line was refused", "lines were refused"))
	}
	if err != nil {
		err = partly{err}
	}
	return b.String(), err
}

func (h *house) listInvitations(ctx context.Context, org directory.OrganizationID, states []string) (string, error) {
	q := directory.InvitationQuery{Limit: 500}
	for _, s := range states {
		q.States = append(q.States, directory.InvitationState(s))
	}
	var b strings.Builder
	for {
		page, err := h.dir.Invitations.List(ctx, org, q)
		if err != nil {
			return "", err
		}
		for i := range page {
			p := &page[i]
			line := fmt.Sprintf("%-10s %s  %-40s %s", p.StateAt(h.db.Now()), p.CreatedAt.Format(time.DateOnly), p.Email, p.Reason)
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		if len(page) < q.Limit {
			return cmp.Or(strings.TrimSuffix(b.String(), "\n"), "There are no such invitations."), nil
		}
		last := page[len(page)-1]
		q.After = &directory.InvitationPlace{Created: last.CreatedAt, ID: last.ID}
	}
}
