package directory

import (
	"context"
	"strings"

	"portvakt/internal/audit"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
)

// atLeast makes a list's length a power of two by repeating its last, so that there are few texts to prepare.
func atLeast(list []any) []any {
	if len(list) == 0 {
		return []any{nil}
	}
	for n := len(list); n&(n-1) != 0; n++ {
		list = append(list, list[len(list)-1])
	}
	return list
}

// wanted gathers what the lines name, each once.
type wanted struct {
	seen                                     map[string]bool
	emails, domains, names, externals, users []any
}

func (w *wanted) add(list *[]any, kind, text string) {
	if text != "" && !w.seen[kind+text] {
		w.seen[kind+text] = true
		*list = append(*list, text)
	}
}

func wantedOf(lines []ImportLine) *wanted {
	w := &wanted{seen: map[string]bool{}}
	for i := range lines {
		l := &lines[i]
		for _, address := range []string{l.Email, l.Manager} {
			if e, err := ParseEmail(address); err == nil {
				w.add(&w.emails, "e", e.Key)
				w.add(&w.domains, "d", e.Domain())
			}
		}
		for _, name := range []string{l.name(), l.Manager} {
			w.add(&w.names, "n", Fold(name))
		}
		w.add(&w.externals, "x", l.ExternalID)
		w.add(&w.externals, "x", l.Manager)
	}
	return w
}

// loadImportGround reads, in a handful of statements however many lines, whatever they could mean.
func loadImportGround(ctx context.Context, tx *sqldb.Tx, o Organization, lines []ImportLine) (importGround, error) {
	g := importGround{homes: map[string]OrganizationID{}, users: map[string]User{}, names: map[string]*Member{},
		byUser: map[UserID]*Member{}, external: map[string][]*Member{}, roles: map[string]RoleID{}, packages: map[string]bool{}}
	w := wantedOf(lines)
	for _, read := range []func(context.Context, *sqldb.Tx, Organization, *wanted) error{g.readHomes, g.readUsers, g.readMembers, g.readAccess} {
		if err := read(ctx, tx, o, w); err != nil {
			return g, err
		}
	}
	if o.Seats == UnlimitedSeats {
		return g, nil
	}
	var err error
	g.used, err = countSeats(ctx, tx, &o, sqldb.NewID[membershipPrefix](tx.Now()))
	return g, err
}

func (g *importGround) readPackages(ctx context.Context, tx *sqldb.Tx) error {
	_, err := sqldb.All(ctx, tx, func(r sqldb.Row) (struct{}, error) {
		var key string
		var base bool
		err := r.Scan(&key, &base)
		g.packages[key] = base
		return struct{}{}, err
	}, `select key, base from packages`)
	return err
}

func (g *importGround) readHomes(ctx context.Context, tx *sqldb.Tx, _ Organization, w *wanted) error {
	domains := atLeast(w.domains)
	_, err := sqldb.All(ctx, tx, func(r sqldb.Row) (struct{}, error) {
		var domain string
		var id OrganizationID
		err := r.Scan(&domain, &id)
		g.homes[domain] = id
		return struct{}{}, err
	}, homesText(len(domains)), domains...)
	return err
}

func homesText(n int) string {
	return `select domain, organization_id from organization_domains where domain in (` + placeholders(1, n) + `)`
}

func (g *importGround) readUsers(ctx context.Context, tx *sqldb.Tx, _ Organization, w *wanted) error {
	emails := atLeast(w.emails)
	users, err := sqldb.All(ctx, tx, scanUser, usersText(len(emails)), emails...)
	for _, u := range users {
		g.users[u.Email.Key] = u
		w.users = append(w.users, u.ID)
	}
	return err
}

func usersText(n int) string {
	return `select ` + userColumns + ` from users where email_key in (` + placeholders(1, n) + `)`
}

// readMembers asks for identifiers first and for the members then: together, a planner may read the whole organization.
func (g *importGround) readMembers(ctx context.Context, tx *sqldb.Tx, o Organization, w *wanted) error {
	seen, ids := map[MembershipID]bool{}, []any(nil)
	for _, by := range []struct {
		column string
		values []any
	}{{"external_id", w.externals}, {"user_name_key", w.names}, {"user_id", w.users}} {
		if len(by.values) == 0 {
			continue
		}
		values := atLeast(by.values)
		found, err := sqldb.All(ctx, tx, scanID, namedText(by.column, len(values)), append([]any{o.ID}, values...)...)
		if err != nil {
			return err
		}
		for _, id := range found {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	ids = atLeast(ids)
	members, err := Memberships{store{tx: tx}}.listed(ctx, membersText(len(ids)), append([]any{o.ID}, ids...))
	for i := range members {
		m := &members[i]
		g.names[Fold(m.UserName)] = m
		if m.ExternalID != "" {
			g.external[m.ExternalID] = append(g.external[m.ExternalID], m)
		}
		if !m.User.IsZero() {
			g.byUser[m.User] = m
		}
	}
	return err
}

func namedText(column string, n int) string {
	return `select id from memberships where organization_id = $1 and deleted_at is null and ` + column + ` in (` + placeholders(2, n) + `)`
}

func membersText(n int) string {
	return ` where m.organization_id = $1 and m.id in (` + placeholders(2, n) + `) order by m.created_at, m.id`
}

func scanID(r sqldb.Row) (id MembershipID, err error) {
	err = r.Scan(&id)
	return id, err
}

func (g *importGround) readAccess(ctx context.Context, tx *sqldb.Tx, o Organization, _ *wanted) (err error) {
	_, err = sqldb.All(ctx, tx, func(r sqldb.Row) (struct{}, error) {
		var key string
		var id RoleID
		err := r.Scan(&key, &id)
		g.roles[key] = id
		return struct{}{}, err
	}, `select key, id from roles where organization_id = $1`, o.ID)
	if err != nil {
		return err
	}
	if err := g.readPackages(ctx, tx); err != nil {
		return err
	}
	g.segments, err = sqldb.All(ctx, tx, scanString, `select key from segments where organization_id = $1`, o.ID)
	return err
}

// load writes everybody who was enlisted, with what announces them.
func (b *batch) load(ctx context.Context) error {
	if err := b.lockKnown(ctx); err != nil {
		return err
	}
	users := make([][]any, len(b.fresh))
	for i := range b.fresh {
		var err error
		if users[i], err = userValues(&b.fresh[i]); err != nil {
			return err
		}
	}
	members := make([][]any, len(b.members))
	entries := make([]audit.Entry, len(b.members))
	events := outbox.Many{Kind: EventMembershipCreated}
	var contacts, packages, segments [][]any
	for i, m := range b.members {
		values, err := memberValues(m)
		if err != nil {
			return err
		}
		members[i] = append(values, memberFixed(m)...)
		contacts = append(contacts, contactRows(m)...)
		for _, key := range m.Packages {
			packages = append(packages, []any{m.ID, m.Organization, key})
		}
		for _, key := range m.Segments {
			segments = append(segments, []any{m.ID, m.Organization, key})
		}
		entries[i] = audit.Entry{Action: EventMembershipCreated, Object: m.ID.String(), Person: m.about()}
		events.Subjects, events.Data = append(events.Subjects, m.ID.String()), append(events.Data, eventFor(m, b.quiet))
	}
	for _, t := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"users", userInserted, users}, {"memberships", memberInserted, members}, {"member_contacts", contactColumns, contacts},
		{"member_packages", []string{"membership_id", "organization_id", "package_key"}, packages},
		{"member_segments", []string{"membership_id", "organization_id", "segment_key"}, segments},
	} {
		if err := b.tx.Load(ctx, t.table, t.columns, t.rows); err != nil {
			return err
		}
	}
	if len(b.members) > 0 {
		bumpAccess(b.tx, b.organization.ID)
	}
	if err := audit.AppendMany(ctx, b.tx, b.organization.ID, entries); err != nil {
		return err
	}
	return outbox.AppendMany(ctx, b.tx, b.organization.ID, events)
}

// lockKnown locks the persons who were there before, as refuseErased does for one.
func (b *batch) lockKnown(ctx context.Context) error {
	fresh := make(map[UserID]bool, len(b.fresh))
	for i := range b.fresh {
		fresh[b.fresh[i].ID] = true
	}
	var known []any
	for _, m := range b.members {
		if !m.User.IsZero() && !fresh[m.User] {
			known = append(known, m.User)
		}
	}
	if len(known) == 0 {
		return nil
	}
	known = atLeast(known)
	_, err := b.tx.Exec(ctx, `update users set version = version where id in (`+placeholders(1, len(known))+`)`, known...)
	return err
}

var contactColumns = []string{"membership_id", "organization_id", "kind", "position", "value", "value_key", "type", "display", "is_primary"}

func contactRows(m *Member) (rows [][]any) {
	for _, l := range []struct {
		kind string
		list []Contact
	}{{"email", m.Details.Emails}, {"phone", m.Details.Phones}, {"photo", m.Details.Photos}, {"im", m.Details.IMs}} {
		for i, c := range l.list {
			rows = append(rows, []any{m.ID, m.Organization, l.kind, int64(i), c.Value, Fold(c.Value), strings.ToLower(c.Type), c.Display, c.Primary})
		}
	}
	return rows
}
