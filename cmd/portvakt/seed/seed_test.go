package seed_test

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"portvakt/authz"
	"portvakt/cmd/portvakt/seed"
	"portvakt/configs"
	"portvakt/idp/application"
	"portvakt/idp/credential"
	"portvakt/internal/config"
	"portvakt/internal/directory"
	"portvakt/internal/ratelimit"
	"portvakt/internal/secret"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var (
	ctx    = context.Background()
	update = flag.Bool("update", false, "write the golden files anew")
)

func checkTOTP(s string) error {
	_, err := credential.ParseSecret(s)
	return err
}

// place is a database with everything that Apply works with.
type place struct {
	seed.Deps
	credentials *credential.Credentials
}

func newPlace(t *testing.T, db *sqldb.DB) place {
	t.Helper()
	master, _ := base64.StdEncoding.DecodeString("cG9ydHZha3QgZGV2ZWxvcG1lbnQgbWFzdGVyIGtleSE=")
	keys, err := secret.NewKeys(master)
	if err != nil {
		t.Fatal(err)
	}
	cheap := secret.NewPasswords(secret.Params{Memory: 64, Time: 1, Lanes: 1})
	c := credential.New(db, cheap, keys, ratelimit.New(db), credential.Config{})
	return place{credentials: c, Deps: seed.Deps{DB: db, Directory: directory.New(db), Hash: c.Hash, SetPassword: c.Set, SetTOTP: c.SetTOTP, SetInitial: setInitial(c), SetImported: setImported(c),
		Enrolled: func(ctx context.Context, q sqldb.Queryer, user directory.UserID) (bool, bool, error) {
			has, err := c.Of(ctx, q, user)
			return has.Password, has.Code, err
		}}}
}

func parse(t *testing.T, text string) *seed.File {
	t.Helper()
	f, problems := seed.Parse("test.yaml", []byte(text), dev)
	if err := problems.Err(); err != nil {
		t.Fatalf("%s\n%s", err, text)
	}
	return f
}

func (p place) apply(t *testing.T, f *seed.File) seed.Report {
	t.Helper()
	report, err := seed.Apply(ctx, p.Deps, f)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// rows is everything in the tables, as text; what another tool than the change itself writes is left out.
func (p place) rows(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, table := range []string{"modules", "module_fields", "module_tools", "packages", "package_grants", "organizations", "organization_domains",
		"organization_features", "segments", "profiles", "profile_modules", "profile_fields", "profile_tools", "roles", "role_profiles", "users",
		"provisioning_clients", "provisioning_tokens", "memberships", "member_contacts", "member_addresses", "member_packages", "member_grants", "member_functions",
		"member_segments", "groups", "group_members", "sharing_defaults", "sharing_rules", "service_accounts", "applications", "application_secrets",
		"application_organizations", "passwords", "totp_secrets", "audit_entries", "events", "watermarks"} {
		out[table] = p.table(t, table)
	}
	return out
}

func (p place) table(t *testing.T, table string) []string {
	t.Helper()
	columns := "*"
	if p.DB.Engine() == sqldb.SQLite {
		rows, err := sqldb.All(ctx, p.DB, func(r sqldb.Row) (s string, err error) { err = r.Scan(&s); return s, err },
			`select name from pragma_table_info('`+table+`')`)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range rows {
			rows[i] = "coalesce(quote(" + c + "), '')"
		}
		columns = strings.Join(rows, " || '|' || ")
	} else {
		columns = "row(x.*)::text"
	}
	list, err := sqldb.All(ctx, p.DB, func(r sqldb.Row) (s string, err error) { err = r.Scan(&s); return s, err }, `select `+columns+` from `+table+` x`)
	if err != nil {
		t.Fatalf("%s: %v", table, err)
	}
	slices.Sort(list)
	return list
}

func demo(t *testing.T) *seed.File {
	t.Helper()
	f, problems := seed.Parse("demo.yaml", configs.Demo, builtIn())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestDemoTwice(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		if ps, err := demo(t).Resolve(ctx, p.Directory); err != nil || len(ps) > 0 {
			t.Fatalf("the demo file names what it does not declare: %v, %v", ps, err)
		}
		planned, err := seed.Plan(ctx, p.Deps, demo(t))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(p.table(t, "organizations")) + len(p.table(t, "audit_entries")); n != 0 {
			t.Fatalf("planning wrote %d rows", n)
		}
		first := p.apply(t, demo(t))
		if planned.Total() != first.Total() || first.Total().Changed != 0 || first.Total().Made == 0 {
			t.Errorf("planned %+v, applied %+v", planned.Total(), first.Total())
		}
		before := p.rows(t)
		clock.Advance(time.Hour)
		second := p.apply(t, demo(t))
		if !second.Total().Zero() {
			t.Errorf("the second time:\n%s", second)
		}
		if diff := cmp.Diff(before, p.rows(t)); diff != "" {
			t.Errorf("the second time wrote: -before +after\n%s", diff)
		}
		if text := second.String(); text != "everything is as the file says already" {
			t.Errorf("report = %q", text)
		}
	})
}

func TestDemoPeople(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		report := p.apply(t, demo(t))
		if !strings.Contains(report.String(), "organization nordlys: 1 organization made; 1 logo made; 3 segments made; 3 profiles made; 5 roles made; 3 groups made") {
			t.Errorf("report:\n%s", report)
		}
		claims := func(slug, email string) authz.Claims {
			st := p.standing(t, slug, email)
			if !st.ActiveAt(db.Now()) || !st.EmailVerified {
				t.Errorf("%s in %s is %s", email, slug, st.State(db.Now()))
			}
			c, err := authz.New(p.Directory.Access, authz.Config{DB: db}).ClaimsOf(ctx, st)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		kari := claims("nordlys", "kari@nordlys.example")
		if !slices.Equal(kari.Roles, []string{"chief", "local_admin"}) || !slices.Contains(kari.Entitlements, "invoices:export") || !slices.Equal(kari.Segments, []string{"*"}) {
			t.Errorf("kari: %+v", kari)
		}
		ola := claims("nordlys", "ola@tallsmia.example")
		if want := []string{"invoices:view", "payments:view"}; !slices.Equal(ola.Entitlements, want) || !slices.Equal(ola.Segments, []string{"oslo"}) || !slices.Equal(ola.Groups, []string{"accounting"}) {
			t.Errorf("ola: %+v", ola)
		}
		for _, e := range claims("nordlys", "sindre.moen@nordlys.example").Entitlements {
			if !strings.HasPrefix(e, "expenses:") && !strings.HasPrefix(e, "time_sheets:") {
				t.Errorf("a limited member may %s", e)
			}
		}
		if st := p.standing(t, "nordlys", "ola@tallsmia.example"); st.Shown().Name() != "Ola Haugen" || st.End.IsZero() {
			t.Errorf("ola in nordlys is shown as %q until %v", st.Shown().Name(), st.End)
		}
		p.signsIn(t, "kari@nordlys.example", "dev only secret 1", true)
		p.signsIn(t, "ola@tallsmia.example", "dev only secret 11", true)
		if client, err := p.Directory.ProvisioningClients.Authenticate(ctx, "scim-dev-bjorkvik"); err != nil || client.Slug != "bjorkvik" || !client.MayUsers || client.MayAdministrators {
			t.Errorf("provisioning client %+v, %v", client, err)
		}
		email, _ := directory.ParseEmail("ingrid.solbakken@tallsmia.example")
		if u, err := p.Directory.Users.ByEmail(ctx, email); err != nil || !u.Operator {
			t.Errorf("operator: %+v, %v", u, err)
		}
		o, err := p.Directory.Organizations.BySlug(ctx, "bjorkvik")
		if agency, err2 := p.Directory.Organizations.BySlug(ctx, "tallsmia"); err != nil || err2 != nil || o.ManagedBy != agency.ID || o.Seats != 10 {
			t.Errorf("bjorkvik: %+v, %v", o, err)
		}
	})
}

func (p place) standing(t *testing.T, slug, email string) directory.Standing {
	t.Helper()
	m := p.member(t, slug, email)
	st, err := p.Directory.Memberships.Standing(ctx, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func (p place) member(t *testing.T, slug, email string) directory.Member {
	t.Helper()
	o, err := p.Directory.Organizations.BySlug(ctx, slug)
	if err != nil {
		t.Fatal(err)
	}
	e, err := directory.ParseEmail(email)
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.Directory.Memberships.ByEmail(ctx, o.ID, e)
	if err != nil {
		t.Fatalf("%s in %s: %v", email, slug, err)
	}
	return m
}

func (p place) signsIn(t *testing.T, email, password string, want bool) {
	t.Helper()
	e, _ := directory.ParseEmail(email)
	_, err := p.credentials.Verify(ctx, e, password, "192.0.2.1")
	if (err == nil) != want {
		t.Errorf("%s signs in with %q: %v, want %v", email, password, err, want)
	}
}

// TestProblems holds every mistake of a bad file against the golden list.
func TestProblems(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		data, err := os.ReadFile("testdata/bad.yaml")
		if err != nil {
			t.Fatal(err)
		}
		options := dev
		options.Folder = "testdata"
		f, problems := seed.Parse("bad.yaml", data, options)
		more, err := f.Resolve(ctx, directory.New(db))
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, p := range problems {
			fmt.Fprintln(&got, p)
		}
		fmt.Fprintln(&got, "--- against an empty database")
		for _, p := range more {
			fmt.Fprintln(&got, p)
		}
		const golden = "testdata/bad.golden"
		if *update && db.Engine() == sqldb.SQLite {
			if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestPlainSecrets(t *testing.T) {
	t.Parallel()
	strict := seed.Options{CheckApplication: application.Check, CheckTOTP: checkTOTP, CheckHash: checkHash, ReadFile: configs.ReadFile}
	_, problems := seed.Parse("demo.yaml", configs.Demo, strict)
	text := problems.Error()
	for _, word := range []string{"password stands here in plain text", "totp stands here", "token stands here", "secret stands here"} {
		if !strings.Contains(text, word) {
			t.Errorf("nothing says %q", word)
		}
	}
	for _, value := range []string{"dev only secret", "JBSWY3DPEHPK3PXP", "scim-dev-nordlys", "dev-webshop-secret"} {
		if strings.Contains(text, value) {
			t.Errorf("a problem quotes the secret %q", value)
		}
	}
	folder := t.TempDir()
	for name, value := range map[string]string{"token": "0123456789abcdef\n", "empty": "\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const file = "organizations: [{slug: nordlys, name: Nordlys AS, provisioning_clients: [{name: HR, token_file: %s}]}]"
	f, problems := seed.Parse(filepath.Join(folder, "apply.yaml"), fmt.Appendf(nil, file, "token"), strict)
	if err := problems.Err(); err != nil || f.Organizations[0].ProvisioningClients[0].Token.Reveal() != "0123456789abcdef" {
		t.Errorf("token_file: %v", err)
	}
	if _, problems = seed.Parse(filepath.Join(folder, "apply.yaml"), fmt.Appendf(nil, file, "empty"), strict); len(problems) != 1 {
		t.Errorf("an empty token_file: %v", problems)
	}
}

const small = `
modules: [{id: invoices, name: {en: Invoices}}]
organizations:
  - slug: nordlys
    name: Nordlys AS
    domains: [nordlys.example]
    seats: 3
    segments: [oslo]
    roles: [{id: chief}]
    provisioning_clients: [{name: HR, token: token-number-one}]
    service_accounts: [{id: webshop, secret: secret-number-one}]
    members:
      - {email: kari@nordlys.example, given_name: Kari, password: dev only secret 1, administrator: true, role: chief, start: 2026-01-01, functions: [main_recipient]}
      - {email: per@nordlys.example, given_name: Per, grants: {invoices: view}}
      - {email: kontakt@elsewhere.example, kind: contact}
applications: [{client_id: web, secret: secret-number-one, redirect_uris: ["https://web.example/callback"]}]
`

func TestSecretsAreSetOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		p.apply(t, parse(t, small))
		before := p.rows(t)
		other := strings.NewReplacer("number-one", "number-two", "dev only secret 1", "dev only secret 2", "start: 2026-01-01", "start: 2026-02-01").Replace(small)
		if report := p.apply(t, parse(t, other)); !report.Total().Zero() {
			t.Errorf("other secrets changed something:\n%s", report)
		}
		if diff := cmp.Diff(before, p.rows(t)); diff != "" {
			t.Errorf("other secrets wrote: -before +after\n%s", diff)
		}
		p.signsIn(t, "kari@nordlys.example", "dev only secret 1", true)
		p.signsIn(t, "kari@nordlys.example", "dev only secret 2", false)
	})
}

func TestAbsentKeysKeepTheirValue(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		p.apply(t, parse(t, small))
		was := p.member(t, "nordlys", "kari@nordlys.example")
		report := p.apply(t, parse(t, `
organizations:
  - slug: nordlys
    segments: [bergen]
    groups: [{id: all, members: [{role_and_below: chief}, {member: per@nordlys.example}]}]
    members: [{email: kari@nordlys.example, title: Chief, segments: [oslo]}, {email: per@nordlys.example, role: chief}]
applications: [{client_id: web, name: The web}]`))
		if want := "organization nordlys: 1 segment made; 1 group made; 2 members changed; 2 group members made\ninstallation: 1 application changed"; report.String() != want {
			t.Errorf("report:\n%s\nwant:\n%s", report, want)
		}
		kari := p.member(t, "nordlys", "kari@nordlys.example")
		if kari.Details.Title != "Chief" || kari.Details.GivenName != "Kari" || !kari.Administrator || kari.Role != was.Role || len(kari.Functions) != 1 ||
			!slices.Equal(kari.Segments, []string{"oslo"}) || !kari.Start.Equal(was.Start) {
			t.Errorf("kari is now %+v", kari)
		}
		if per := p.member(t, "nordlys", "per@nordlys.example"); per.Grants["invoices"] != directory.GradeView || !per.AllSegments {
			t.Errorf("per is now %+v", per)
		}
		p.apply(t, parse(t, `organizations: [{slug: nordlys, members: [{email: kari@nordlys.example, segments: ["*"]}]}]`))
		if kari := p.member(t, "nordlys", "kari@nordlys.example"); !kari.AllSegments || len(kari.Segments) != 0 {
			t.Errorf("kari sees %v", kari.Segments)
		}
	})
}

func TestFunctionsAndAdministrationPassOn(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		p.apply(t, parse(t, small))
		p.apply(t, parse(t, `organizations: [{slug: nordlys, members: [
			{email: kari@nordlys.example, administrator: false, functions: [information_recipient]},
			{email: per@nordlys.example, administrator: true, functions: [main_recipient]}]}]`))
		if per := p.member(t, "nordlys", "per@nordlys.example"); !per.Administrator || !slices.Equal(per.Functions, []directory.Function{directory.MainRecipient}) {
			t.Errorf("per is now %+v", per)
		}
		if kari := p.member(t, "nordlys", "kari@nordlys.example"); kari.Administrator || !slices.Equal(kari.Functions, []directory.Function{directory.InformationRecipient}) {
			t.Errorf("kari is now %+v", kari)
		}
	})
}

func TestDeletedStaysAway(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		p.apply(t, parse(t, small))
		per := p.member(t, "nordlys", "per@nordlys.example")
		if err := p.Directory.Memberships.Delete(ctx, per.Organization, per.ID); err != nil {
			t.Fatal(err)
		}
		report := p.apply(t, parse(t, small))
		if !report.Total().Zero() || !strings.Contains(report.String(), "1 member left away, deleted since") {
			t.Errorf("report:\n%s", report)
		}
		p.apply(t, parse(t, `organizations: [{slug: nordlys, groups: [{id: all, members: [{member: per@nordlys.example}]}], members: [{email: per@nordlys.example}]}]`))
		if rows := p.table(t, "group_members"); len(rows) != 0 {
			t.Errorf("somebody who was deleted came into a group: %v", rows)
		}
	})
}

func TestApplyIsAllOrNothing(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		for name, tc := range map[string]struct{ file, want string }{
			"full seats": {`organizations: [
				{slug: bjorkvik, name: Björkvik AB},
				{slug: nordlys, name: Nordlys AS, seats: 1, members: [{email: a@nordlys.example},
				{email: b@nordlys.example}]}]`,
				"test.yaml:4:5: member b@nordlys.example: all 1 seats are in use"},
			"two mistakes against the database": {`
modules: [{id: invoices}]
organizations: [{slug: nordlys, name: Nordlys AS, members: [{email: a@nordlys.example, role: chief, packages: [none]}]}]`,
				"test.yaml:3:95: organization \"nordlys\" has no role \"chief\"\ntest.yaml:3:113: there is no package \"none\""},
			"a new application without a secret": {"modules: [{id: invoices}]\napplications: [{client_id: web, redirect_uris: ['https://web.example/callback']}]",
				"test.yaml:2:16: application \"web\" is new and needs a secret or secret_file"},
		} {
			_, err := seed.Apply(ctx, p.Deps, parse(t, strings.ReplaceAll(tc.file, "\t", " ")))
			problems, ok := errors.AsType[config.Problems](err)
			if got := problems.Error(); !ok || !sameButColumns(got, tc.want) {
				t.Errorf("%s: got\n%v\nwant\n%s", name, err, tc.want)
			}
			for table, rows := range p.rows(t) {
				if len(rows) > 0 {
					t.Errorf("%s: %d rows in %s", name, len(rows), table)
				}
			}
		}
	})
}

// sameButColumns compares without columns: the exact ones are the golden file's job.
func sameButColumns(a, b string) bool {
	cut := func(text string) (out []string) {
		for line := range strings.SplitSeq(text, "\n") {
			parts := strings.SplitN(line, ":", 4)
			out = append(out, parts[0]+parts[1]+parts[len(parts)-1])
		}
		return out
	}
	return slices.Equal(cut(a), cut(b))
}

// TestTwoAppliesAtOnce: both succeed, and what stands there is what one alone would have written.
func TestTwoAppliesAtOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db)
		const runs = 4
		reports, errs := make([]seed.Report, runs), make([]error, runs)
		files := make([]*seed.File, runs)
		for i := range runs {
			files[i] = demo(t)
		}
		var wg sync.WaitGroup
		for i := range runs {
			wg.Go(func() { reports[i], errs[i] = seed.Apply(ctx, p.Deps, files[i]) })
		}
		wg.Wait()
		wrote := 0
		for i := range runs {
			if errs[i] != nil {
				t.Error(errs[i])
			}
			if !reports[i].Total().Zero() {
				wrote++
			}
		}
		if wrote != 1 {
			t.Errorf("%d of %d runs wrote something, want 1", wrote, runs)
		}
		if n := len(p.table(t, "users")); n != 12 {
			t.Errorf("%d users, want 12", n)
		}
	})
}
