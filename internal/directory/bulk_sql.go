package directory

import (
	"context"

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
	managers                                 []any // identifiers
	clients                                  bool  // the organization's provisioning clients
}

func (w *wanted) add(list *[]any, kind, text string) {
	if text != "" && !w.seen[kind+text] {
		w.seen[kind+text] = true
		*list = append(*list, text)
	}
}

func (w *wanted) address(text string) {
	if e, err := ParseEmail(text); err == nil {
		w.add(&w.emails, "e", e.Key)
		w.add(&w.domains, "d", e.Domain())
	}
}

func wantedOf(lines []ImportLine) *wanted {
	w := &wanted{seen: map[string]bool{}}
	for i := range lines {
		l := &lines[i]
		w.address(l.Email)
		w.address(l.Manager)
		for _, name := range []string{l.name(), l.Manager} {
			w.add(&w.names, "n", Fold(name))
		}
		w.add(&w.externals, "x", l.ExternalID)
		w.add(&w.externals, "x", l.Manager)
	}
	return w
}

// wantedBy gathers what new members name.
func wantedBy(list []Member) *wanted {
	w := &wanted{seen: map[string]bool{}}
	for i := range list {
		m := &list[i]
		w.address(m.Email)
		w.add(&w.names, "n", Fold(m.UserName))
		w.add(&w.names, "n", Fold(m.Email)) // where it becomes the user name
		w.add(&w.externals, "x", m.ExternalID)
		if id := m.Manager.String(); id != "" && !w.seen["m"+id] {
			w.seen["m"+id], w.managers = true, append(w.managers, m.Manager)
		}
		w.clients = w.clients || !m.ManagedBy.IsZero()
	}
	return w
}

// loadImportGround reads, in a handful of statements however many lines, whatever they could mean.
func loadImportGround(ctx context.Context, tx *sqldb.Tx, o Organization, w *wanted) (importGround, error) {
	g := importGround{homes: map[string]OrganizationID{}, users: map[string]User{}, names: map[string]*Member{}, managers: map[MembershipID]bool{}, clients: map[ProvisioningClientID]bool{},
		byUser: map[UserID]*Member{}, external: map[string][]*Member{}, roles: map[string]RoleID{}, packages: map[string]bool{}}
	for _, read := range []func(context.Context, *sqldb.Tx, Organization, *wanted) error{g.readHomes, g.readUsers, g.readMembers, g.readManagers, g.readClients, g.readAccess} {
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
		g.managers[m.ID] = m.ArchivedAt.IsZero()
		if m.ExternalID != "" {
			g.external[m.ExternalID] = append(g.external[m.ExternalID], m)
		}
		if !m.User.IsZero() {
			g.byUser[m.User] = m
		}
	}
	return err
}

// readManagers finds who can be a manager of those who are named by their identifiers.
func (g *importGround) readManagers(ctx context.Context, tx *sqldb.Tx, o Organization, w *wanted) error {
	if len(w.managers) == 0 {
		return nil
	}
	managers := atLeast(w.managers)
	found, err := sqldb.All(ctx, tx, scanID, managersText(len(managers)), append([]any{o.ID}, managers...)...)
	for _, id := range found {
		g.managers[id] = true
	}
	return err
}

func (g *importGround) readClients(ctx context.Context, tx *sqldb.Tx, o Organization, w *wanted) error {
	if !w.clients {
		return nil
	}
	_, err := sqldb.All(ctx, tx, func(r sqldb.Row) (id ProvisioningClientID, err error) {
		err = r.Scan(&id)
		g.clients[id] = true
		return id, err
	}, `select id from provisioning_clients where organization_id = $1`, o.ID)
	return err
}

func managersText(n int) string {
	return `select id from memberships where organization_id = $1 and deleted_at is null and archived_at is null and id in (` + placeholders(2, n) + `)`
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
