package directory

import (
	"context"
	"slices"
	"strings"

	"portvakt/internal/audit"
	"portvakt/internal/outbox"
)

// load writes everybody who was enlisted, with what announces them.
func (s *stroke) load(ctx context.Context) error {
	if err := s.lockKnown(ctx); err != nil {
		return err
	}
	slices.SortFunc(s.fresh, func(a, b User) int { return strings.Compare(a.Email.Key, b.Email.Key) }) // two that load the same people wait, and do not block each other
	users := make([][]any, len(s.fresh))
	for i := range s.fresh {
		var err error
		if users[i], err = userValues(&s.fresh[i]); err != nil {
			return err
		}
	}
	members := make([][]any, len(s.members))
	entries := make([]audit.Entry, len(s.members))
	events := outbox.Many{Kind: EventMembershipCreated}
	var contacts, addresses, packages, segments [][]any
	for i, m := range s.members {
		values, err := memberValues(m)
		if err != nil {
			return err
		}
		members[i] = append(values, memberFixed(m)...)
		contacts = append(contacts, contactRows(m)...)
		addresses = append(addresses, addressRows(m)...)
		for _, key := range m.Packages {
			packages = append(packages, []any{m.ID, m.Organization, key})
		}
		for _, key := range m.Segments {
			segments = append(segments, []any{m.ID, m.Organization, key})
		}
		entries[i] = audit.Entry{Action: EventMembershipCreated, Object: m.ID.String(), Person: m.about()}
		events.Subjects, events.Data = append(events.Subjects, m.ID.String()), append(events.Data, eventFor(m, s.quiet))
	}
	for _, t := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"users", userInserted, users}, {"memberships", memberInserted, members}, {"member_contacts", contactColumns, contacts},
		{"member_addresses", addressColumns, addresses},
		{"member_packages", []string{"membership_id", "organization_id", "package_key"}, packages},
		{"member_segments", []string{"membership_id", "organization_id", "segment_key"}, segments},
	} {
		if err := s.tx.Load(ctx, t.table, t.columns, t.rows); err != nil {
			return err
		}
	}
	if len(s.members) > 0 {
		bumpAccess(s.tx, s.organization.ID)
	}
	if err := audit.AppendMany(ctx, s.tx, s.organization.ID, entries); err != nil {
		return err
	}
	return outbox.AppendMany(ctx, s.tx, s.organization.ID, events)
}

// lockKnown locks the persons who were there before, as refuseErased does for one. Each of them is a member here once.
func (s *stroke) lockKnown(ctx context.Context) error {
	fresh := make(map[UserID]bool, len(s.fresh))
	for i := range s.fresh {
		fresh[s.fresh[i].ID] = true
	}
	var known []any
	for _, m := range s.members {
		if !m.User.IsZero() && !fresh[m.User] {
			known = append(known, m.User)
		}
	}
	if len(known) == 0 {
		return nil
	}
	persons := int64(len(known))
	known = atLeast(known)
	locked, err := s.tx.Exec(ctx, lockKnownText(len(known)), known...)
	if err == nil && locked != persons {
		return errErasedMeanwhile
	}
	return err
}

func lockKnownText(n int) string {
	return `update users set version = version where state <> 'erased' and id in (` + placeholders(1, n) + `)`
}

var contactColumns = []string{"membership_id", "organization_id", "kind", "position", "value", "value_key", "type", "display", "is_primary"}

func contactRows(m *Member) (rows [][]any) {
	for _, l := range []struct {
		kind string
		list []Contact
	}{{"email", m.Details.Emails}, {"phone", m.Details.Phones}, {"photo", m.Details.Photos}, {"im", m.Details.IMs}} {
		for i, c := range l.list {
			rows = append(rows, []any{m.ID, m.Organization, l.kind, int64(i), c.Value, Fold(c.Value), Fold(c.Type), c.Display, c.Primary})
		}
	}
	return rows
}
