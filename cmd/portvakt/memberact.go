package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// memberRequest is what the commands about a member ask of the database, or of the process that serves it.
type memberRequest struct {
	Do           string    `json:"do"`
	Organization string    `json:"organization"`
	Who          string    `json:"who"`
	To           string    `json:"to,omitempty"`
	Archive      bool      `json:"archive,omitempty"`
	FunctionsTo  string    `json:"functions_to,omitempty"`
	Until        time.Time `json:"until,omitzero"`
	Function     string    `json:"function,omitempty"`
	From         string    `json:"from,omitempty"`
}

// actOnMember does what a command asks and answers what it prints: how the member stands now.
func actOnMember(ctx context.Context, h *house, r memberRequest) (string, error) {
	org, err := h.dir.Organizations.BySlug(ctx, r.Organization)
	if err != nil {
		return "", err
	}
	m, err := h.memberNamed(ctx, org.ID, r.Who)
	if err != nil {
		return "", err
	}
	all := h.dir.Memberships
	switch r.Do {
	case "show":
	case "end":
		err = h.endMember(ctx, &m, r)
	case "extend":
		_, err = all.Extend(ctx, org.ID, m.ID, r.Until)
	case "suspend", "reactivate":
		_, err = all.Change(ctx, org.ID, m.ID, 0, func(x *directory.Member) error {
			x.SuspendedAt = time.Time{}
			if r.Do == "suspend" {
				x.SuspendedAt = h.db.Now()
			}
			return nil
		})
	case "hand-over":
		err = h.handOver(ctx, &m, r)
	default:
		return "", mistakef("%q is nothing that can be done with a member", r.Do)
	}
	if err != nil {
		return "", err
	}
	return h.shownMember(ctx, org.ID, m.ID)
}

// memberNamed finds whom a command means: deleted ones too by their identifier, whose question may still be open.
func (h *house) memberNamed(ctx context.Context, org directory.OrganizationID, who string) (directory.Member, error) {
	if id, err := directory.ParseMembershipID(who); err == nil {
		m, err := h.dir.Memberships.ByID(ctx, org, id)
		if fault.Is(err, fault.NotFound) {
			return h.dir.Memberships.Former(ctx, org, id)
		}
		return m, err
	}
	if e, err := directory.ParseEmail(who); err == nil {
		if m, err := h.dir.Memberships.ByEmail(ctx, org, e); !fault.Is(err, fault.NotFound) {
			return m, err
		}
	}
	m, err := h.dir.Memberships.ByUserName(ctx, org, who)
	if fault.Is(err, fault.NotFound) {
		return m, mistakef("the organization has no member %q", who)
	}
	return m, err
}

// otherNamed is the identifier of a further member, zero where none was named.
func (h *house) otherNamed(ctx context.Context, org directory.OrganizationID, who string) (directory.MembershipID, error) {
	if who == "" {
		return directory.MembershipID{}, nil
	}
	m, err := h.memberNamed(ctx, org, who)
	return m.ID, err
}

// endMember ends a member, or answers for one who has ended who takes over.
func (h *house) endMember(ctx context.Context, m *directory.Member, r memberRequest) error {
	to, err := h.otherNamed(ctx, m.Organization, r.To)
	if err != nil {
		return err
	}
	heir, err := h.otherNamed(ctx, m.Organization, r.FunctionsTo)
	if err != nil {
		return err
	}
	e := directory.Ending{Successor: to, NewHolder: heir} // without a choice for who was never a member yet
	switch {
	case r.Archive:
		e.Choice = directory.EndArchived
	case !to.IsZero():
		e.Choice = directory.EndWithSuccessor
	}
	switch {
	case m.AnnouncedAt.IsZero():
		return h.dir.Memberships.End(ctx, m.Organization, m.ID, e)
	case e.Choice == directory.EndWithSuccessor:
		_, err = h.dir.Transfers.Request(ctx, m.Organization, m.ID, to)
		return err
	}
	return h.dir.Memberships.Choose(ctx, m.Organization, m.ID, e)
}

func (h *house) handOver(ctx context.Context, m *directory.Member, r memberRequest) error {
	from, err := h.otherNamed(ctx, m.Organization, r.From)
	if err != nil {
		return err
	}
	return h.dir.Memberships.HandOver(ctx, m.Organization, directory.Function(r.Function), from, m.ID)
}

// shownMember is how a member stands.
func (h *house) shownMember(ctx context.Context, org directory.OrganizationID, id directory.MembershipID) (string, error) {
	m, err := h.memberNamed(ctx, org, id.String())
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s %s", called(&m), m.ID, m.StateAt(h.db.Now()), m.Kind)
	if m.Administrator {
		b.WriteString(", administrator")
	}
	for _, f := range m.Functions {
		fmt.Fprintf(&b, ", %s", f)
	}
	fmt.Fprintf(&b, "\nfrom %s", m.Start.UTC().Format(minuteForm))
	if end := endOfMember(&m); !end.IsZero() {
		fmt.Fprintf(&b, " until %s", end.UTC().Format(minuteForm))
	}
	if !m.Successor.IsZero() {
		heir, err := h.dir.Memberships.Former(ctx, org, m.Successor)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\nsuccessor %s  %s", called(&heir), heir.ID)
	}
	return b.String(), nil
}

// endOfMember is when the access ends or has ended; zero where no end is set.
func endOfMember(m *directory.Member) time.Time {
	if !m.EndedAt.IsZero() && (m.End.IsZero() || m.EndedAt.Before(m.End)) {
		return m.EndedAt
	}
	return m.End
}

// called is how those who run the installation know a member.
func called(m *directory.Member) string {
	name := m.Details.Name()
	for _, further := range []string{m.Email, m.UserName} {
		switch {
		case further == "":
			continue
		case name == "":
			return further
		}
		return name + " <" + further + ">"
	}
	return name
}
