package directory_test

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func (h house) imported(t *testing.T, org directory.OrganizationID, lines ...directory.ImportLine) []directory.ImportOutcome {
	t.Helper()
	for i := range lines {
		if lines[i].Line == 0 {
			lines[i].Line = i + 2
		}
	}
	return must(h.Memberships.Import(ctx, org, lines, directory.ImportQuietly))(t)
}

// said is the outcomes in short: "created", or the code of the refusal with its field.
func said(out []directory.ImportOutcome) string {
	var words []string
	for _, o := range out {
		if o.Refusal != nil {
			words = append(words, o.Refusal.Code+"@"+o.Refusal.Field)
			continue
		}
		words = append(words, string(o.Result))
	}
	return strings.Join(words, " ")
}

func importLine(email string) directory.ImportLine {
	return directory.ImportLine{Email: email, Details: directory.Details{GivenName: "Kari", FamilyName: "Nordmann"}}
}

// access makes what lines of the tests refer to.
func (h house) access(t *testing.T, org directory.OrganizationID) {
	t.Helper()
	if _, err := h.Access.SaveModules(ctx, []directory.Module{{Key: "sales", Names: map[string]string{"en": "Sales"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Access.SavePackages(ctx, []directory.Package{{Key: "basis", Names: map[string]string{"en": "Basis"}, Base: true}, {Key: "extra", Names: map[string]string{"en": "Extra"}}}); err != nil {
		t.Fatal(err)
	}
	err := h.db.Update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(`insert into roles (id, organization_id, key, name, position) values ($1, $2, 'seller', 'Seller', 0)`, directory.NewMembershipIDForTest(tx.Now()), org)
		tx.Later(`insert into segments (organization_id, key, name, position) values ($1, 'north', 'North', 0)`, org)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestImportLines: what becomes of new people, members, duplicates and bad lines.
func TestImportLines(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		h.access(t, h.home.ID)
		neighbour := must(h.Memberships.Create(ctx, h.another.ID, person("olga@fjord.example")))(t)
		hr := must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: "HR"}, "token-of-hr"))(t)
		managed := person("managed@nordlys.example")
		managed.ManagedBy, managed.ExternalID = hr.ID, "hr-1"
		m := must(h.Memberships.Create(ctx, h.home.ID, managed))(t)

		full := importLine("ida@nordlys.example")
		full.ExternalID, full.Role, full.Packages, full.Segments = "7", "seller", []string{"basis", "extra"}, []string{"north"}
		full.Details.Phones = []directory.Contact{{Value: "+47 900 00 000", Type: "work", Primary: true}}
		byID := importLine("") // found by its external id
		byID.ExternalID, byID.Details.Title = "7", "Chief"
		contact := importLine("")
		contact.Kind, contact.UserName = directory.ContactOnly, "Reception"
		external := importLine("ext@else.example")
		external.Kind, external.End = directory.External, db.Now().Add(time.Hour)
		endless := importLine("endless@else.example")
		endless.Kind = directory.External
		hrs := importLine("managed@nordlys.example")
		hrs.ExternalID, hrs.Details.Title = "mine", "Clerk"
		role := importLine("role@nordlys.example")
		role.Role = "nobody"
		pack := importLine("pack@nordlys.example")
		pack.Packages = []string{"nothing"}
		controls := importLine("bell@nordlys.example")
		controls.Details.GivenName = "B\aell"
		boss := importLine("per@nordlys.example")
		boss.Manager = "ida@nordlys.example"
		two := importLine("per@nordlys.example")
		two.ExternalID = "7"
		lines := []directory.ImportLine{full, byID, importLine("OLGA@fjord.example"), contact, external, endless, hrs, role, pack, controls,
			importLine("no address"), boss, importLine("PER@nordlys.example"), two, importLine("")}
		want := "created changed created created created missing@end changed unknown_role@role unknown_package@packages bad_text@given_name " +
			"bad_email@email created unchanged two_members@external_id missing@email"
		out := h.imported(t, h.home.ID, lines...)
		if got := said(out); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		ida := must(h.Memberships.ByUserName(ctx, h.home.ID, "ida@nordlys.example"))(t)
		if ida.Details.Title != "Chief" || ida.Details.GivenName != "Kari" || ida.ExternalID != "7" || len(ida.Packages) != 2 || ida.AllSegments ||
			ida.Role.IsZero() || ida.Details.Phone() != "+47 900 00 000" || ida.AcceptedAt.IsZero() || ida.EmailVerified {
			t.Errorf("ida became %+v", ida)
		}
		if per := must(h.Memberships.ByUserName(ctx, h.home.ID, "per@nordlys.example"))(t); per.Manager != ida.ID || per.Manager != out[0].Member {
			t.Errorf("per is managed by %s, not %s", per.Manager, ida.ID)
		}
		if olga := must(h.Memberships.ByUserName(ctx, h.home.ID, "olga@fjord.example"))(t); olga.User != neighbour.User || !olga.AcceptedAt.IsZero() {
			t.Errorf("a known person became %+v", olga)
		}
		if now := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t); now.ExternalID != "hr-1" || now.Details.Title != "Clerk" {
			t.Errorf("who belongs to a provisioning client became %+v", now)
		}
		if n := h.count(t, "select count(*) from users where email_key like 'role@%' or email_key like 'pack@%' or email_key like 'endless@%'"); n != 0 {
			t.Errorf("refused lines left %d users behind", n)
		}
		if n := h.count(t, "select count(*) from events where kind = 'membership.created' and data not like '%quiet%' and organization_id = $1", h.home.ID); n != 1 {
			t.Errorf("%d people would be written to, want only the one who was made before", n)
		}
		before := h.written(t)
		if got := said(h.imported(t, h.home.ID, full, contact, importLine("olga@fjord.example"), boss)); got != "unchanged unchanged unchanged unchanged" || h.written(t) != before {
			t.Errorf("the same again: %s", got)
		}
		if out := h.imported(t, h.another.ID, byID); said(out) != "missing@email" {
			t.Errorf("the neighbour finds our member by its external id: %s", said(out))
		}
	})
}

// TestImportMakesWhatCreateMakes: loaded in one stroke or made one by one, the rows are the same.
func TestImportMakesWhatCreateMakes(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, 50)
		third := must(h.Organizations.Create(ctx, directory.Organization{Slug: "third", Name: "Third", Seats: 50}))(t)
		h.access(t, h.another.ID)
		h.access(t, third.ID)
		var lines []directory.ImportLine
		add := func(email string, edit func(l *directory.ImportLine)) {
			l := importLine(email)
			edit(&l)
			lines = append(lines, l)
		}
		add("plain@%s.example", func(l *directory.ImportLine) {})
		add("Ärlig@%s.example", func(l *directory.ImportLine) { l.ExternalID, l.UserName = "1", "Årlig" })
		add("full@%s.example", func(l *directory.ImportLine) {
			l.Packages, l.Segments, l.Start, l.End = []string{"extra", "basis"}, []string{"north"}, db.Now().Add(time.Hour), db.Now().Add(2*time.Hour)
			l.Details = directory.Details{GivenName: "Åse", Title: "CEO", Locale: "nb", Department: "Salg", EmployeeNumber: "12", NickName: "Å",
				Phones: []directory.Contact{{Value: "+47 1", Type: "Work", Primary: true}}, Emails: []directory.Contact{{Value: "A@b.example"}, {Value: "c@d.example"}},
				Addresses: []directory.Address{{Formatted: "Storgata 1\n0155 Oslo", Street: "Storgata 1", Locality: "OSLO", Region: "Øst", PostalCode: "0155", Country: "NO", Type: "Work", Primary: true}, {Type: "Home"}}}
		})
		add("until@%s.example", func(l *directory.ImportLine) {
			l.Kind, l.End, l.Packages = directory.External, db.Now().Add(time.Hour), []string{"basis"}
		})
		add("left@%s.example", func(l *directory.ImportLine) { // already
			l.Kind, l.Start, l.End = directory.External, db.Now().Add(-2*time.Hour), db.Now().Add(-time.Hour)
		})
		add("limited@%s.example", func(l *directory.ImportLine) { l.Kind = directory.Limited })
		for i := range lines {
			a, b := lines[i], lines[i]
			a.Email, b.Email = strings.ReplaceAll(a.Email, "%s", "aaaa"), strings.ReplaceAll(b.Email, "%s", "bbbb")
			if got := said(h.imported(t, h.another.ID, a)); got != "created" {
				t.Fatal(got)
			}
			n := directory.NewMember{Quiet: true, Member: directory.Member{Email: b.Email, UserName: b.UserName, ExternalID: b.ExternalID, Start: b.Start, End: b.End,
				Kind: b.Kind, Packages: b.Packages, Segments: b.Segments, Details: b.Details}}
			must(h.Memberships.Create(ctx, third.ID, n))(t)
		}
		const ofOrganization = " where organization_id = $1 order by "
		const ofMembers = " where membership_id in (select id from memberships where organization_id = $1) order by "
		for table, where := range map[string]string{
			"users": " where id in (select user_id from memberships where organization_id = $1) order by email_key", "memberships": ofOrganization + "user_name_key",
			"member_contacts": ofMembers + "kind, position", "member_addresses": ofMembers + "position", "member_packages": ofMembers + "package_key", "member_segments": ofMembers + "segment_key",
			"audit_entries": ofOrganization + "object", "events": ofOrganization + "subject",
		} {
			ours, theirs := h.rows(t, table, where, h.another.ID), strings.ReplaceAll(h.rows(t, table, where, third.ID), "bbbb", "aaaa")
			if ours == "" || ours != theirs {
				t.Errorf("%s differs\nimported\n%s\ncreated\n%s", table, ours, theirs)
			}
		}
	})
}

var anyID = regexp.MustCompile(`(usr|mbr|org|aud|evt|rol)_[0-9a-v]{26}`)

// rows are the rows of a table as text, without what is never the same twice.
func (h house) rows(t *testing.T, table, where string, org directory.OrganizationID) string {
	t.Helper()
	columns := directory.ColumnsForTest[table]
	out := must(sqldb.All(ctx, h.db, func(r sqldb.Row) (string, error) {
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		err := r.Scan(targets...)
		return anyID.ReplaceAllString(fmt.Sprint(values), "$1"), err
	}, "select "+strings.Join(columns, ", ")+" from "+table+where, org))(t)
	return strings.Join(out, "\n")
}

// TestImportFillsSeatsExactly: the last seat goes to one line, whoever else takes seats at the same moment.
func TestImportFillsSeatsExactly(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, 100)
		var group sync.WaitGroup
		var mu sync.Mutex
		full := 0
		for g := range 3 {
			group.Go(func() {
				lines := make([]directory.ImportLine, 50)
				for i := range lines {
					lines[i] = importLine(fmt.Sprintf("p%d@group%d.example", i, g))
				}
				out, err := h.Memberships.Import(ctx, h.home.ID, lines, directory.ImportQuietly)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				full += strings.Count(said(out), "seats_full")
			})
		}
		group.Wait()
		members := h.count(t, "select count(*) from memberships where organization_id = $1", h.home.ID)
		if users := h.count(t, "select count(*) from users"); members != 100 || full != 50 || users != 100 {
			t.Errorf("%d members, %d users, %d refused; want 100, 100, 50", members, users, full)
		}
	})
}

// TestImportRace: the same people over 30 paths at once become members once each.
func TestImportRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		var group sync.WaitGroup
		for i := range 30 {
			group.Go(func() {
				email := fmt.Sprintf("p%d@race.example", i%5)
				org := []directory.OrganizationID{h.home.ID, h.another.ID}[i%2]
				if i%3 == 0 {
					if _, err := h.Memberships.Create(ctx, org, person(email)); err != nil && !fault.Is(err, fault.Conflict) {
						t.Error(err)
					}
					return
				}
				lines := make([]directory.ImportLine, 10)
				for j := range lines {
					lines[j] = importLine(fmt.Sprintf("p%d@race.example", (i+j)%10))
				}
				if _, err := h.Memberships.Import(ctx, org, lines, directory.ImportQuietly); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		users, members := h.count(t, "select count(*) from users"), h.count(t, "select count(*) from memberships where deleted_at is null")
		if users != 10 || members != 20 {
			t.Errorf("%d users, %d members; want 10 and 20", users, members)
		}
	})
}
