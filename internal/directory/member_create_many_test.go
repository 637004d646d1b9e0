package directory_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// twin is one of two organizations that are told to make the same people: one in bulk, the other one by one.
type twin struct {
	house
	org    directory.Organization
	word   string // stands in every name and address
	client directory.ProvisioningClientID
	chief  directory.MembershipID
}

var twins atomic.Int64

// twin makes an organization in which some people are members already, one has ended and one is archived; others are known
// elsewhere, at a home of their own or at none.
func (h house) twin(t *testing.T, seats int64, extra bool) twin {
	t.Helper()
	w := twin{house: h, word: fmt.Sprintf("twin%05d", twins.Add(1))}
	o := directory.Organization{Slug: w.word, Name: "Twin", Domains: []string{w.word + ".example"}, Seats: seats, SuspendedKeepSeats: seats > 6}
	if extra {
		o.Features = []string{directory.FeatureExtraUsers}
	}
	w.org = must(h.Organizations.Create(ctx, o))(t)
	w.client = must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: w.org.ID, Name: "HR"}, "token-"+w.word))(t).ID
	if err := h.db.Update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(`insert into segments (organization_id, key, name, position) values ($1, 'north', 'North', 0)`, w.org.ID)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w.chief = must(h.Memberships.Create(ctx, w.org.ID, person("p0@"+w.word+".example")))(t).ID
	for _, known := range []string{"known@" + w.word + ".test", "p1@" + w.word + ".example"} {
		must(h.Memberships.Create(ctx, h.another.ID, person(known)))(t)
	}
	ended := must(h.Memberships.Create(ctx, w.org.ID, person("p2@"+w.word+".example")))(t)
	if err := h.Memberships.Delete(ctx, w.org.ID, ended.ID); err != nil {
		t.Fatal(err)
	}
	return w
}

// draft is one of a random batch: everything that two twins make of it is the same but for their word.
type draft struct {
	email, name, external     string
	kind                      directory.Kind
	packages, segments        []string
	functions                 []directory.Function
	managed, admin, suspended bool
	manager                   string
}

func drawDraft(t *rapid.T) draft {
	one := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	d := draft{
		email:    one("email", "p0@%s.example", "p1@%s.example", "p2@%s.example", "P3@%s.example", "p3@%s.example", "p4@%s.example", "p5@%s.test", "p6@%s.test", "p7@%s.test", "p8@%s.test", "known@%s.test", "no address", ""),
		name:     one("name", "", "", "", "", "%s one", "%s ONE", "%s two", "P4@%s.example", " %s"),
		external: one("external", "", "", "", "1", "2"),
		kind:     directory.Kind(one("kind", "", "", "", "", "employee", "employee", "limited", "contact", "reseller", "chief")),
		managed:  rapid.Bool().Draw(t, "managed"), admin: rapid.IntRange(0, 9).Draw(t, "admin") == 0,
		suspended: rapid.IntRange(0, 4).Draw(t, "suspended") == 0, manager: one("manager", "", "", "chief", "stranger"),
	}
	if p := one("package", "", "", "basis", "extra", "nothing"); p != "" {
		d.packages = []string{p}
	}
	if s := one("segment", "", "", "", "north", "south"); s != "" {
		d.segments = []string{s}
	}
	if f := one("function", "", "", "", "", "", "main_recipient", "information_recipient"); f != "" {
		d.functions = []directory.Function{directory.Function(f)}
	}
	return d
}

func (w twin) member(d draft) directory.Member {
	in := func(text string) string { return strings.ReplaceAll(text, "%s", w.word) }
	m := directory.Member{Email: in(d.email), UserName: in(d.name), ExternalID: d.external, Kind: d.kind, Packages: d.packages, Segments: d.segments,
		Functions: d.functions, Administrator: d.admin, Details: directory.Details{GivenName: "Åse", Emails: []directory.Contact{{Value: in(d.email), Type: "work"}}}}
	if d.suspended {
		m.Details.Addresses = []directory.Address{{Locality: "Oslo", Primary: true}, {Country: "NO"}}
	}
	if d.managed {
		m.ManagedBy = w.client
	}
	if d.suspended {
		m.SuspendedAt = w.db.Now()
	}
	switch d.manager {
	case "chief":
		m.Manager = w.chief
	case "stranger":
		m.Manager = directory.NewMembershipIDForTest(w.db.Now())
	}
	return m
}

// tables are everything that making members writes.
var tables = map[string]string{
	"users": " where id in (select user_id from memberships where organization_id = $1)", "memberships": ofOrganization, "audit_entries": ofOrganization,
	"events": ofOrganization, "member_contacts": ofMembers, "member_addresses": ofMembers, "member_packages": ofMembers, "member_segments": ofMembers,
	"member_functions": ofMembers, "member_grants": ofMembers,
}

const (
	ofOrganization = " where organization_id = $1"
	ofMembers      = " where membership_id in (select id from memberships where organization_id = $1)"
)

// wrote is a table's rows as the twin's organization has them, in any order, without what is never the same twice.
func (w twin) wrote(t *testing.T, table string) string {
	t.Helper()
	rows := strings.Split(anyOther.ReplaceAllString(strings.ReplaceAll(w.rows(t, table, tables[table], w.org.ID), w.word, "twin"), ""), "\n")
	slices.Sort(rows)
	return strings.Join(rows, "\n")
}

var anyOther = regexp.MustCompile(`(pvc|act)_[0-9a-v]{26}`)

func outcome(m directory.Member, err error) string {
	if err != nil {
		f := fault.Of(err)
		return f.Code + "@" + f.Field + " " + f.Text
	}
	return fmt.Sprint("made ", m.UserName, " ", m.Email, m.EmailVerified, m.AcceptedAt.IsZero(), m.SuspendedAt.IsZero(), m.Version, m.Kind)
}

// TestCreateManyMakesWhatCreateMakes: of random batches, each person's outcome and every row is what Create alone makes,
// also where it stops after so many refusals.
func TestCreateManyMakesWhatCreateMakes(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		h.access(t, h.home.ID)
		rapid.Check(t, func(r *rapid.T) {
			seats := rapid.SampledFrom([]int64{directory.UnlimitedSeats, directory.UnlimitedSeats, 3, 6, 8}).Draw(r, "seats")
			extra, most := rapid.Bool().Draw(r, "extra"), rapid.IntRange(0, 3).Draw(r, "most")
			bulk, alone := h.twin(t, seats, extra), h.twin(t, seats, extra)
			drafts := rapid.SliceOfN(rapid.Custom(drawDraft), 4, 25).Draw(r, "drafts")
			list, same := make([]directory.Member, len(drafts)), make([]directory.Member, len(drafts))
			for i, d := range drafts {
				list[i], same[i] = bulk.member(d), alone.member(d)
			}
			if diff := differs(t, bulk, alone, list, same, most); diff != "" {
				r.Fatal(diff)
			}
		})
	})
}

// differs says where what one twin makes of its list in bulk is not what the other makes of the same one by one.
func differs(t *testing.T, bulk, alone twin, list, same []directory.Member, most int) string {
	t.Helper()
	var want, got []string
	refused := 0
	for i := range same {
		if most > 0 && refused >= most {
			continue
		}
		m, err := alone.Memberships.Create(ctx, alone.org.ID, directory.NewMember{Member: same[i]})
		if want = append(want, outcome(m, err)); err != nil {
			refused++
		}
	}
	made, err := bulk.Memberships.CreateMany(ctx, bulk.org.ID, list, most)
	if err != nil {
		return err.Error()
	}
	for _, c := range made {
		got = append(got, strings.ReplaceAll(outcome(c.Member, c.Refusal), bulk.word, alone.word))
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		return fmt.Sprintf("outcomes\nin bulk  %q\none each %q", got, want)
	}
	for table := range tables {
		if ours, theirs := bulk.wrote(t, table), alone.wrote(t, table); ours != theirs {
			return fmt.Sprintf("%s differs\nin bulk\n%s\none each\n%s", table, ours, theirs)
		}
	}
	return ""
}

// TestCreateManyRuleByRule: one small batch for each rule that sends somebody another way than the load, which random
// batches meet too seldom.
func TestCreateManyRuleByRule(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		h.access(t, h.home.ID)
		end := clock.Now().Add(time.Hour)
		plain := func(w twin, names ...string) (list []directory.Member) {
			for _, n := range names {
				list = append(list, w.member(draft{email: n + "@%s.test"}))
			}
			return list
		}
		with := func(edit func(w twin, m *directory.Member)) func(twin) []directory.Member {
			return func(w twin) []directory.Member {
				list := plain(w, "a", "b", "c")
				edit(w, &list[1])
				return list
			}
		}
		stray := directory.NewMembershipIDForTest(clock.Now())
		for name, c := range map[string]struct {
			seats  int64
			most   int
			before func(w twin)
			list   func(w twin) []directory.Member
		}{
			"an external":      {list: with(func(_ twin, m *directory.Member) { m.Kind, m.End = directory.External, end })},
			"a limited member": {list: with(func(_ twin, m *directory.Member) { m.Kind = directory.Limited })},
			"an administrator": {list: with(func(_ twin, m *directory.Member) { m.Administrator = true })},
			"functions":        {list: with(func(_ twin, m *directory.Member) { m.Functions = []directory.Function{"information_recipient"} })},
			"grants": {list: with(func(_ twin, m *directory.Member) {
				m.Grants = map[string]directory.Grade{"invoices": directory.GradeView}
			})},
			"a successor":       {list: with(func(w twin, m *directory.Member) { m.Successor = w.chief })},
			"a second factor":   {list: with(func(_ twin, m *directory.Member) { m.SecondFactor = directory.SecondFactorRequired })},
			"reseller access":   {list: with(func(_ twin, m *directory.Member) { m.Reseller.UserAdministration = true })},
			"a strange manager": {list: with(func(_ twin, m *directory.Member) { m.Manager = stray })},
			"a strange role":    {list: with(func(_ twin, m *directory.Member) { m.Role = directory.RoleID(stray) })},
			"a strange package": {list: with(func(_ twin, m *directory.Member) { m.Packages = []string{"nothing"} })},
			"a strange segment": {list: with(func(_ twin, m *directory.Member) { m.Segments = []string{"south"} })},
			"a strange client":  {list: with(func(_ twin, m *directory.Member) { m.ManagedBy = directory.ProvisioningClientID(stray) })},
			"the last seat":     {seats: 3, list: func(w twin) []directory.Member { return plain(w, "a", "b") }},
			"a seat too much":   {seats: 3, list: func(w twin) []directory.Member { return plain(w, "a", "b", "c", "d") }},
			"seats taken alone": {seats: 4, list: func(w twin) []directory.Member {
				l := plain(w, "a", "b", "c", "d")
				l[0].Kind, l[0].End = directory.External, end
				return l
			}},
			"somebody twice":      {list: func(w twin) []directory.Member { return plain(w, "a", "a", "b") }},
			"a member already":    {before: func(w twin) { must(w.Memberships.CreateMany(ctx, w.org.ID, plain(w, "a"), 0))(t) }, list: func(w twin) []directory.Member { return plain(w, "b", "a") }},
			"known, at home here": {list: func(w twin) []directory.Member { return []directory.Member{w.member(draft{email: "p1@%s.example"})} }},
			"known, of no home any more": {before: func(w twin) {
				check(t, w.db.Update(ctx, func(tx *sqldb.Tx) error {
					tx.Later(`update users set home_organization_id = $1 where email_key = $2`, w.another.ID, "known@"+w.word+".test")
					return nil
				}))
			}, list: func(w twin) []directory.Member { return plain(w, "known", "a") }},
			"no more than one refusal": {most: 1, list: func(w twin) []directory.Member { return append(plain(w, "a", "a", "b"), plain(w, "c")...) }},
			"refused in the end":       {most: 1, list: func(w twin) []directory.Member { l := plain(w, "a", "b", "c"); l[1].Email = "nothing"; return l }},
			"refused before the load":  {most: 1, list: func(w twin) []directory.Member { l := plain(w, "a", "a", "b", "c"); l[2].Email = "nothing"; return l }},
			"the second refusal": {most: 2, list: func(w twin) []directory.Member {
				l := plain(w, "a", "b", "a", "c", "d")
				l[1].Email = "nothing"
				return l
			}},
			"two refusals, alone last": {most: 1, seats: 3, list: func(w twin) []directory.Member {
				l := plain(w, "a", "b", "c", "d")
				l[2].Kind, l[2].End = directory.External, end
				return l
			}},
			"over several transactions": {most: 2, list: func(w twin) []directory.Member {
				var l []directory.Member
				for i := range 251 {
					l = append(l, plain(w, fmt.Sprint("n", i))...)
				}
				l[3].Email, l[250].Email = "nothing", "nothing"
				return append(l, plain(w, "late")...)
			}},
		} {
			seats := c.seats
			if seats == 0 {
				seats = directory.UnlimitedSeats
			}
			bulk, alone := h.twin(t, seats, false), h.twin(t, seats, false)
			if c.before != nil {
				c.before(bulk)
				c.before(alone)
			}
			if diff := differs(t, bulk, alone, c.list(bulk), c.list(alone), c.most); diff != "" {
				t.Errorf("%s: %.1500s", name, diff)
			}
		}
	})
}

// TestCreateManyRace: several that make the same people, in one organization and in two, make each once, as Create does at
// the same moment.
func TestCreateManyRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		var group sync.WaitGroup
		var made atomic.Int64
		for i := range 12 {
			group.Go(func() {
				org := []directory.OrganizationID{h.home.ID, h.another.ID}[i%2]
				list := make([]directory.Member, 10)
				for j := range list {
					list[j] = person(fmt.Sprintf("p%d@race.example", (i+3*j)%10)).Member
				}
				if i%3 == 0 {
					for _, m := range list {
						if _, err := h.Memberships.Create(ctx, org, directory.NewMember{Member: m}); err == nil {
							made.Add(1)
						} else if !fault.Is(err, fault.Conflict) {
							t.Error(err)
						}
					}
					return
				}
				out, err := h.Memberships.CreateMany(ctx, org, list, 0)
				if err != nil || len(out) != len(list) {
					t.Error(len(out), err)
				}
				for _, c := range out {
					if c.Refusal == nil {
						made.Add(1)
					} else if !fault.Is(c.Refusal, fault.Conflict) {
						t.Error(c.Refusal)
					}
				}
			})
		}
		group.Wait()
		users, members := h.count(t, "select count(*) from users"), h.count(t, "select count(*) from memberships where deleted_at is null")
		if users != 10 || members != 20 || made.Load() != 20 {
			t.Errorf("%d users, %d members, %d told; want 10, 20, 20", users, members, made.Load())
		}
	})
}

// TestCreateManySeats: the last seat goes to one, whoever else takes seats at the same moment.
func TestCreateManySeats(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, 50)
		var group sync.WaitGroup
		var full atomic.Int64
		for g := range 3 {
			group.Go(func() {
				list := make([]directory.Member, 25)
				for i := range list {
					list[i] = person(fmt.Sprintf("p%d@group%d.example", i, g)).Member
				}
				out, err := h.Memberships.CreateMany(ctx, h.home.ID, list, 0)
				if err != nil {
					t.Error(err)
				}
				for _, c := range out {
					if codeOf(c.Refusal) == "seats_full" {
						full.Add(1)
					}
				}
			})
		}
		group.Wait()
		if n := h.count(t, "select count(*) from memberships where organization_id = $1", h.home.ID); n != 50 || full.Load() != 25 {
			t.Errorf("%d members, %d refused; want 50 and 25", n, full.Load())
		}
	})
}

// TestCreateManyStatements: a stroke costs as many statements as one person does, or nearly; what stands in its way, a few
// for each.
func TestCreateManyStatements(t *testing.T) {
	t.Parallel()
	for name, url := range testenv.URLs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told atomic.Int64
			db := testenv.Open(t, sqldb.Config{URL: url(t), Clock: testenv.NewClock().Now, Relaxed: true, Trace: func(text string) {
				told.Add(1)
				if testenv.Trace != nil {
					testenv.Trace(text)
				}
			}})
			h := newHouse(t, db, directory.UnlimitedSeats)
			cost := func(n int, edit func(i int, m *directory.Member)) int64 {
				list := make([]directory.Member, n)
				for i := range list {
					list[i] = person(fmt.Sprintf("p%d@%d.example", i, told.Load())).Member
					edit(i, &list[i])
				}
				before := told.Load()
				must(h.Memberships.CreateMany(ctx, h.home.ID, list, 0))(t)
				return told.Load() - before
			}
			plain := func(int, *directory.Member) {}
			asks, counts := int64(0), int64(0) // whether the engine has counted the members, and that it does
			if db.Engine() == sqldb.PostgreSQL {
				asks, counts = 1, 1 // none where its own minute has come
			}
			few, first, more := cost(2, plain), cost(200, plain), cost(200, plain)
			if more != few+asks || first < more || first > more+counts || more > 25 {
				t.Errorf("%d statements for 2 people, %d for the first 200, %d for 200 more", few, first, more)
			}
			// Whoever cannot be loaded is seen before: else the load fails, and everybody of the stroke is made alone.
			hr := must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: "HR"}, "token-of-hr"))(t)
			taken := person("taken@x.example").Member
			taken.UserName, taken.ExternalID, taken.ManagedBy = "taken", "1", hr.ID
			chief := must(h.Memberships.CreateMany(ctx, h.home.ID, []directory.Member{taken}, 0))(t)[0].Member.ID
			if n := cost(60, func(i int, m *directory.Member) { m.ManagedBy, m.Manager = hr.ID, chief }); n > 30 {
				t.Errorf("60 people of a client and a manager cost %d statements", n)
			}
			for what, edit := range map[string]func(i int, m *directory.Member){
				"a taken name":        func(i int, m *directory.Member) { m.UserName = "Taken" },
				"a taken external id": func(i int, m *directory.Member) { m.ExternalID, m.ManagedBy = "1", hr.ID },
				"a taken address":     func(i int, m *directory.Member) { m.Email = "taken@x.example" },
				"a name twice":        func(i int, m *directory.Member) { m.UserName = "same" },
				"an external id twice": func(i int, m *directory.Member) {
					m.ExternalID, m.ManagedBy = "twice", hr.ID
				},
				"an address twice": func(i int, m *directory.Member) { m.Email, m.UserName = "twice@x.example", fmt.Sprint("twice", i) },
			} {
				if n := cost(60, func(i int, m *directory.Member) {
					if i == 20 || i == 40 {
						edit(i, m)
					}
				}); n > 150 {
					t.Errorf("%s costs 60 people %d statements", what, n)
				}
			}
			if n := cost(120, func(i int, m *directory.Member) {
				if m.Kind = []directory.Kind{directory.Employee, directory.External, directory.Limited}[i%3]; i%3 == 1 {
					m.End = db.Now().Add(time.Hour)
				}
			}); n > 25 {
				t.Errorf("120 employees, externals and limited members cost %d statements", n)
			}
			third := func(i int, m *directory.Member) { m.Administrator = i%3 == 0 }
			if few, more := cost(30, third), cost(120, third); more > 4*few+4 || more > 120*15 {
				t.Errorf("%d statements for 30 mixed people, %d for 120", few, more)
			}
		})
	}
}

// TestCreateManyStopsWithItsContext: what was done before stays.
func TestCreateManyStopsWithItsContext(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if out, err := h.Memberships.CreateMany(gone, h.home.ID, []directory.Member{person("p@gone.example").Member}, 0); err == nil || len(out) > 0 {
			t.Errorf("made %v, %v", out, err)
		}
		if n := h.count(t, "select count(*) from users"); n != 0 {
			t.Errorf("%d users left behind", n)
		}
	})
}
