package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"portvakt/idp/session"
	"portvakt/internal/directory"
)

type organizationRequest struct {
	Organization string `json:"organization"`
}

// showOrganization says how an organization stands: what is in use, what is on, who looks after what, and what is open.
func showOrganization(ctx context.Context, h *house, r organizationRequest) (string, error) {
	o, err := h.dir.Organizations.BySlug(ctx, r.Organization)
	if err != nil {
		return "", err
	}
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s (%s)\n", o.Name, o.Slug)
	s := sheet{h, ctx, b, o.ID}
	for _, write := range []func() error{s.seats, s.features, s.functions, s.endings, s.transfers, s.shared} {
		if err := write(); err != nil {
			return "", err
		}
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// sheet is what is written about one organization.
type sheet struct {
	*house
	ctx context.Context
	to  *strings.Builder
	org directory.OrganizationID
}

func (s sheet) line(what, format string, args ...any) {
	fmt.Fprintf(s.to, "%-10s %s\n", what, fmt.Sprintf(format, args...))
}

func (s sheet) seats() error {
	u, err := s.dir.Organizations.SeatUsage(s.ctx, s.org)
	if err != nil {
		return err
	}
	of := "unlimited"
	if u.Seats != directory.UnlimitedSeats {
		of = fmt.Sprint(u.Seats)
	}
	s.line("seats", "%d in use of %s: %d active, %d invited, %d not begun", u.Used, of, u.Active, u.Invited, u.Scheduled)
	if u.Extra > 0 {
		s.line("", "%d of them extra users", u.Extra)
	}
	if u.Suspended > 0 {
		keep := "without a seat"
		if u.SuspendedKeepSeats {
			keep = "who keep their seats"
		}
		s.line("", "%d suspended, %s", u.Suspended, keep)
	}
	s.line("", "without a seat: %d limited, %s", u.Limited, many(int(u.Contacts), "contact", "contacts"))
	return nil
}

func (s sheet) features() error {
	all, err := s.dir.Organizations.FeatureStates(s.ctx, s.org)
	if err != nil {
		return err
	}
	for _, f := range all {
		state, price := "is off", f.PriceLabel
		if f.Switch == directory.FeatureOn {
			state, price = "is on since "+f.ActivatedAt.UTC().Format(time.DateOnly), f.Price
		}
		if price != "" {
			state += ", " + price
		}
		s.line("feature", "%s (%s) %s", f.Name("en"), f.Key, state)
	}
	return nil
}

func (s sheet) functions() error {
	administrators, err := s.dir.Organizations.Administrators(s.ctx, s.org)
	if err != nil {
		return err
	}
	for _, a := range administrators {
		s.line("", "local administrator: %s", a.Email)
	}
	if len(administrators) == 0 {
		s.line("", "no local administrator: appoint one with portvakt operator appoint")
	}
	for _, f := range []directory.Function{directory.MainRecipient, directory.InvoiceRecipient, directory.InformationRecipient} {
		holders, err := s.dir.Memberships.Holders(s.ctx, s.org, f)
		if err != nil {
			return err
		}
		for i := range holders {
			s.line("function", "%s: %s  %s", f, called(&holders[i]), holders[i].ID)
		}
	}
	vacant, err := s.dir.Memberships.Vacancies(s.ctx, s.org)
	if err != nil {
		return err
	}
	for _, v := range vacant {
		s.line("function", "%s: nobody since %s, when %s ended", v.Function, v.Since.UTC().Format(minuteForm), v.Membership)
	}
	return nil
}

func (s sheet) endings() error {
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, next, err := s.dir.Memberships.PendingEndings(s.ctx, s.org, cursor)
		if err != nil {
			return err
		}
		for _, e := range page {
			s.line("open", "%s  %s ended at %s, and nobody has said who takes over", e.Name, e.Membership, e.Since.UTC().Format(minuteForm))
		}
		cursor = next
	}
	return nil
}

// transfers writes the latest, open or not.
func (s sheet) transfers() error {
	all, err := s.dir.Transfers.List(s.ctx, s.org, directory.TransferID{})
	if err != nil {
		return err
	}
	for i := range all {
		t := &all[i]
		var people [2]string
		for n, id := range []directory.MembershipID{t.From, t.To} {
			m, err := s.dir.Memberships.Former(s.ctx, s.org, id)
			if err != nil {
				return err
			}
			people[n] = called(&m)
		}
		s.line("transfer", "%s from %s to %s: %s", t.ID, people[0], people[1], stateOf(t))
		for _, p := range t.Parts {
			if t.WithdrawnAt.IsZero() {
				s.line("", "%s", partShown(p))
			}
		}
	}
	return nil
}

// shared writes whose account looked in the last thirty days as if several people used it.
func (s sheet) shared() error {
	all, err := session.Hints(s.ctx, s.db, s.org, s.db.Now().Add(-30*24*time.Hour))
	if err != nil {
		return err
	}
	for _, use := range all {
		u, err := s.dir.Users.ByID(s.ctx, use.User)
		if err != nil {
			return err
		}
		s.line("shared?", "%s was used on %d devices in different places at the same time on %s", u.Email.Address, use.Devices, use.Last.UTC().Format(time.DateOnly))
	}
	return nil
}

func stateOf(t *directory.Transfer) string {
	switch {
	case !t.WithdrawnAt.IsZero():
		return "withdrawn"
	case !t.DoneAt.IsZero():
		return "done"
	case t.SuccessorGone:
		return "waiting, and the successor has ended: name another one"
	}
	return "waiting"
}

func partShown(p directory.TransferPart) string {
	what := p.ClientID
	if p.Module != "" {
		what += " " + p.Module
	}
	switch {
	case p.AcknowledgedAt.IsZero():
		return what + ": waiting"
	case p.Moved == directory.MovedUnknown:
		return what + ": moved at " + p.AcknowledgedAt.UTC().Format(minuteForm)
	}
	return fmt.Sprintf("%s: %s moved at %s", what, many(int(p.Moved), "record", "records"), p.AcknowledgedAt.UTC().Format(minuteForm))
}
