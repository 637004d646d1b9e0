package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

const bigSlug = "crowd-0"

type crowdPrefix struct{}

func (crowdPrefix) Prefix() string { return "crw" }

type crowdID = sqldb.ID[crowdPrefix]

func (c Crowd) organizations(ctx context.Context, db *sqldb.DB) ([]crowdID, error) {
	ids, rows := make([]crowdID, c.Organizations), make([][]any, c.Organizations)
	for i := range rows {
		ids[i] = sqldb.NewID[crowdPrefix](db.Now())
		rows[i] = []any{ids[i], fmt.Sprintf("crowd-%d", i), fmt.Sprintf("Crowd %d AS", i), "nb", "optional", "active", int64(1), int64(1), int64(1), int64(1)}
	}
	segments := make([][]any, len(ids))
	for i := range ids {
		segments[i] = []any{ids[i], "crowd", "Crowd", int64(1)}
	}
	return ids, db.Update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(`insert into modules (key, names, self_service, position) values ('crowd', '{}', false, 1)`)
		tx.Later(`insert into packages (key, names, base) values ('crowd', '{}', false)`)
		if err := tx.Load(ctx, "organizations", []string{"id", "slug", "name", "language", "second_factor", "state", "access_version", "version",
			"created_at", "changed_at"}, rows); err != nil {
			return err
		}
		return tx.Load(ctx, "segments", []string{"organization_id", "key", "name", "position"}, segments)
	})
}

var crowdKeys = []string{"given_name_key", "family_name_key", "display_name_key", "formatted_name_key", "nick_name_key", "title_key", "user_type_key",
	"locale_key", "timezone_key", "preferred_language_key", "profile_url_key", "employee_number_key", "cost_center_key", "company_key", "division_key", "department_key"}

func keysOf(d directory.Details) (out []any) {
	for _, text := range []string{d.GivenName, d.FamilyName, d.DisplayName, "", "", d.Title, "", d.Locale, "", "", "", d.EmployeeNumber, "", "", "", d.Department} {
		out = append(out, directory.Fold(text))
	}
	return out
}

// load writes some of the users with their memberships.
func (c Crowd) load(ctx context.Context, tx *sqldb.Tx, organizations []crowdID, from, to int) error {
	now := sqldb.Micros(tx.Now())
	var users, members, contacts, packages, grants, segments [][]any
	for i := from; i < to; i++ {
		d, email, user := c.person(i), c.email(i), sqldb.NewID[crowdPrefix](tx.Now())
		text := detailsText(d)
		_, domain, _ := strings.Cut(email, "@")
		users = append(users, []any{user, email, email, now, "active", false, text, int64(1), int64(1), int64(1), now, now, domain})
		memberships := 1
		if i < c.Memberships-c.Users {
			memberships = 2
		}
		for k := range memberships {
			id, org := sqldb.NewID[crowdPrefix](tx.Now()), organizations[c.organizationOf(i, k)]
			kind, end, suspended := "employee", any(nil), any(nil)
			switch {
			case i%40 == 13:
				kind, end = "external", sqldb.Micros(tx.Now().AddDate(1, 0, 0))
			case i%50 == 7:
				suspended = now
			}
			members = append(members, append([]any{id, org, user, kind, now, end, suspended, now, i%1000 == 999, i%30 != 11, email, email, fmt.Sprintf("x%d", i), text,
				int64(1), int64(1), now.(int64) + int64(i), now}, keysOf(d)...))
			if i%3 == 0 {
				phone := fmt.Sprintf("+47 %08d", i)
				contacts = append(contacts, []any{id, org, "phone", int64(0), phone, phone, "work", "", true})
			}
			if i%20 == 3 {
				packages, grants = append(packages, []any{id, org, "crowd"}), append(grants, []any{id, org, "crowd", "view"})
			}
			if i%30 == 11 {
				segments = append(segments, []any{id, org, "crowd"})
			}
		}
	}
	for _, t := range []table{
		{"users", []string{"id", "email", "email_key", "email_verified_at", "state", "operator", "details", "epoch", "credentials_epoch", "version", "created_at",
			"changed_at", "email_domain"}, users},
		{"memberships", append([]string{"id", "organization_id", "user_id", "kind", "start_at", "end_at", "suspended_at", "accepted_at", "administrator",
			"all_segments", "user_name", "user_name_key", "external_id", "details", "epoch", "version", "created_at", "changed_at"}, crowdKeys...), members},
		{"member_contacts", []string{"membership_id", "organization_id", "kind", "position", "value", "value_key", "type", "display", "is_primary"}, contacts},
		{"member_packages", []string{"membership_id", "organization_id", "package_key"}, packages},
		{"member_grants", []string{"membership_id", "organization_id", "module_key", "grade"}, grants},
		{"member_segments", []string{"membership_id", "organization_id", "segment_key"}, segments},
	} {
		if err := tx.Load(ctx, t.name, t.columns, t.rows); err != nil {
			return err
		}
	}
	return nil
}

// settle lets the database know what it holds.
func settle(ctx context.Context, db *sqldb.DB) error {
	text := "analyze"
	if db.Engine() == sqldb.PostgreSQL {
		text = "vacuum analyze"
	}
	_, err := db.Exec(ctx, text)
	return err
}

// sample reads members of an organization, or of any, spread over all; nobody whose end the last administrator's rule refuses.
func sample(ctx context.Context, db *sqldb.DB, where string, n int) ([]picked, error) {
	return sqldb.All(ctx, db, func(r sqldb.Row) (p picked, err error) {
		err = r.Scan(&p.id, &p.organization, &p.user, &p.name, &p.email, &p.external, &p.family, &p.display, sqldb.Time(&p.created))
		return p, err
	}, `select m.id, m.organization_id, m.user_id, m.user_name, u.email, m.external_id, m.family_name_key, m.display_name_key, m.created_at
		from memberships m join users u on u.id = m.user_id join organizations o on o.id = m.organization_id
		where m.administrator = false and o.slug `+where+` order by m.external_id limit $1`, n)
}

// picked is a member that questions are asked about.
type picked struct {
	id                    directory.MembershipID
	organization          directory.OrganizationID
	user                  directory.UserID
	name, email, external string
	family, display       string
	created               time.Time
}

// touched is how many rows the transaction has written and read so far. Only PostgreSQL counts them.
func touched(ctx context.Context, tx *sqldb.Tx) (wrote, read int64, err error) {
	err = tx.QueryRow(ctx, `select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint, coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint
		from pg_stat_xact_user_tables`).Scan(&wrote, &read)
	return wrote, read, err
}

// table is the content of a table, to be loaded again.
type table struct {
	name    string
	columns []string
	rows    [][]any
}

// copied are the rows of an organization's members, for another one: the same values with other identifiers.
func copied(ctx context.Context, db *sqldb.DB, from, to directory.OrganizationID) ([]table, error) {
	const members = ` where membership_id in (select id from memberships where organization_id = $1)`
	var out []table
	for _, t := range []struct{ name, where string }{
		{"users", ` where id in (select user_id from memberships where organization_id = $1)`}, {"memberships", ` where organization_id = $1`},
		{"member_contacts", members}, {"member_packages", members}, {"audit_entries", ` where organization_id = $1 and action = 'membership.created'`},
		{"events", ` where organization_id = $1 and kind = 'membership.created'`},
	} {
		columns, err := sqldb.All(ctx, db, func(r sqldb.Row) (name string, err error) { err = r.Scan(&name); return name, err },
			`select column_name from information_schema.columns where table_name = $1 and table_schema = current_schema() order by ordinal_position`, t.name)
		if err != nil {
			return nil, err
		}
		rows, err := sqldb.All(ctx, db, func(r sqldb.Row) ([]any, error) {
			values, targets := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				targets[i] = &values[i]
			}
			err := r.Scan(targets...)
			for i, c := range columns {
				values[i] = another(c, values[i], to)
			}
			return values, err
		}, "select "+strings.Join(columns, ", ")+" from "+t.name+t.where, from)
		if err != nil {
			return nil, err
		}
		out = append(out, table{t.name, columns, rows})
	}
	return out, nil
}

// another is a value of another person's row.
func another(column string, value any, organization directory.OrganizationID) any {
	switch v := value.(type) {
	case [16]byte:
		if column == "organization_id" {
			return organization
		}
		v[15] ^= 0xff
		return v
	case string:
		if column == "email_key" {
			return "copy-" + v
		}
	}
	return value
}
