package directory_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// fullScan finds a plan that reads a whole table of the many. The index that is scanned end to end on SQLite says SCAN too.
var fullScan = map[sqldb.Engine]*regexp.Regexp{
	sqldb.PostgreSQL: regexp.MustCompile(`Seq Scan on (memberships|users|provisioning_tokens|member_\w+|organization_domains)\b`),
	sqldb.SQLite:     regexp.MustCompile(`SCAN (m|u|t|memberships|users|provisioning_tokens|member_\w+|organization_domains)\b`),
}

// TestPlans: with thousands of people, what every request asks is answered from indexes.
func TestPlans(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := fullHouse(t, db)
		m := must(h.Memberships.Create(ctx, h.home.ID, person("first@nordlys.example")))(t)
		for _, s := range directory.StatementsForTest(m, must(directory.ParseEmail(m.Email))(t), db.Now()) {
			for _, line := range explain(t, db, s) {
				if fullScan[db.Engine()].MatchString(line) {
					t.Errorf("%s reads a whole table: %s", s.Name, line)
				}
			}
		}
	})
}

// fullHouse has many of everything, so that an index is worth it.
func fullHouse(t *testing.T, db *sqldb.DB) house {
	t.Helper()
	h := newHouse(t, db, 100_000)
	for i := range 8 {
		o := must(h.Organizations.Create(ctx, directory.Organization{Slug: fmt.Sprint("o", i), Name: "O", Seats: directory.UnlimitedSeats}))(t)
		members := make([]directory.Member, 400)
		for j := range members {
			members[j] = directory.Member{Kind: directory.Employee, Start: db.Now(), AcceptedAt: db.Now(), ExternalID: fmt.Sprint(j), Administrator: j == 0}
			if j%100 == 0 {
				members[j].End = db.Now().Add(time.Hour)
			}
		}
		h.fill(t, o.ID, members)
		must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: o.ID, Name: "HR"}, fmt.Sprint("token-number-", i)))(t)
	}
	if err := db.Update(ctx, func(tx *sqldb.Tx) error { // many of everything, so that an index is worth it
		for i := range 600 {
			tx.Later(`insert into organizations (id, slug, name, language, second_factor, managed_by, state, access_version, version, created_at, changed_at)
				values ($1, $2, 'M', 'en', 'optional', $1, 'active', 1, 1, 1, 1)`, directory.NewMembershipIDForTest(tx.Now()), fmt.Sprint("managed-", i))
			tx.Later("insert into organization_domains (domain, organization_id, verified_at) values ($1, $2, 1)", fmt.Sprintf("d%d.example", i), h.another.ID)
			tx.Later(`insert into provisioning_tokens (hash, client_id, organization_id, created_at)
				select $1, id, organization_id, 1 from provisioning_clients order by id limit 1`, []byte(fmt.Sprintf("%032d", i)))
			role := directory.NewMembershipIDForTest(tx.Now())
			tx.Later(`insert into roles (id, organization_id, key, name, position) values ($1, $2, $3, 'R', 1)`, role, h.another.ID, fmt.Sprint("r", i))
			tx.Later(`insert into groups (id, organization_id, key, name, name_key, version, created_at, changed_at) values ($1, $2, $3, 'G', $3, 1, 1, 1)`,
				role, h.another.ID, fmt.Sprint("g", i))
			tx.Later(`insert into group_members (group_id, organization_id, role_id, with_below) values ($1, $2, $1, false)`, role, h.another.ID)
			tx.Later(`insert into group_members (group_id, organization_id, child_group_id, with_below) values ($1, $2, $1, false)`, role, h.another.ID)
		}
		tx.Later(`insert into modules (key, names, self_service, position) values ('m', '{}', false, 1)`)
		tx.Later(`insert into packages (key, names, base) values ('p', '{}', true)`)
		tx.Later(`insert into segments (organization_id, key, name, position) select id, 's', 'S', 1 from organizations`)
		tx.Later(`insert into member_packages (membership_id, organization_id, package_key) select id, organization_id, 'p' from memberships`)
		tx.Later(`insert into member_grants (membership_id, organization_id, module_key, grade) select id, organization_id, 'm', 'view' from memberships`)
		tx.Later(`insert into member_segments (membership_id, organization_id, segment_key) select id, organization_id, 's' from memberships`)
		tx.Later(`insert into groups (id, organization_id, key, name, name_key, version, created_at, changed_at) select id, id, 'g', 'G', 'g', 1, 1, 1 from organizations`)
		tx.Later(`insert into group_members (group_id, organization_id, member_id, with_below) select organization_id, organization_id, id, false from memberships`)
		tx.Later(`insert into member_functions (organization_id, function, membership_id) select organization_id, 'information_recipient', id from memberships`)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(ctx, "analyze"); err != nil {
		t.Fatal(err)
	}
	return h
}

func explain(t *testing.T, db *sqldb.DB, s directory.StatementForTest) []string {
	t.Helper()
	if db.Engine() == sqldb.PostgreSQL {
		return must(sqldb.All(ctx, db, func(r sqldb.Row) (line string, err error) { err = r.Scan(&line); return line, err }, "explain "+s.Text, s.Args...))(t)
	}
	return must(sqldb.All(ctx, db, func(r sqldb.Row) (line string, err error) {
		var a, b, c int64
		err = r.Scan(&a, &b, &c, &line)
		return line, err
	}, "explain query plan "+s.Text, s.Args...))(t)
}
