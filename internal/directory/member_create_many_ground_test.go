package directory_test

import (
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestCreateManyKnowsItsOwnGroundOnly: what a neighbour has, and who is gone, is refused in bulk as it is for one alone; what is
// the organization's own is taken, with all its rows.
func TestCreateManyKnowsItsOwnGroundOnly(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, _ *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		h.access(t, h.another.ID)
		theirs := must(h.Memberships.Create(ctx, h.another.ID, person("theirs@else.example")))(t)
		client := must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.another.ID, Name: "Theirs"}, "token-of-theirs"))(t).ID
		must(h.Access.SaveSegments(ctx, h.another.ID, []directory.Segment{{Key: "theirs", Name: "Theirs"}}))(t)
		must(h.Access.SavePackages(ctx, []directory.Package{{Key: "other", Names: map[string]string{"en": "Other"}, Base: true}}))(t)
		must(h.Organizations.SaveFeatures(ctx, []directory.Feature{{Key: directory.FeatureArchive}}))(t)
		var role directory.RoleID
		check(t, db.QueryRow(ctx, `select id from roles where organization_id = $1`, h.another.ID).Scan(&role))
		gone := must(h.Memberships.Create(ctx, h.another.ID, person("gone@else.example")))(t).User
		asked := must(h.Users.RequestErasure(ctx, gone))(t)
		must(h.Users.ConfirmErasure(ctx, asked.ID))(t)
		pseudonym := must(h.Users.ByID(ctx, gone))(t).Email.Address
		for name, c := range map[string]struct {
			made bool
			edit func(w twin, m *directory.Member)
		}{
			"their manager":            {false, func(_ twin, m *directory.Member) { m.Manager = theirs.ID }},
			"their client":             {false, func(_ twin, m *directory.Member) { m.ManagedBy = client }},
			"their segment":            {false, func(_ twin, m *directory.Member) { m.Segments = []string{"theirs"} }},
			"their role":               {false, func(_ twin, m *directory.Member) { m.Role = role }},
			"their successor":          {false, func(_ twin, m *directory.Member) { m.Successor = theirs.ID }},
			"a reseller of nobody":     {false, func(_ twin, m *directory.Member) { m.Kind, m.Reseller = directory.Reseller, reseller("").Reseller }},
			"two bases":                {false, func(_ twin, m *directory.Member) { m.Packages = []string{"basis", "other"} }},
			"somebody erased":          {false, func(_ twin, m *directory.Member) { m.Email, m.UserName = pseudonym, "b@x.example" }},
			"our own archived manager": {false, func(w twin, m *directory.Member) { m.Manager = w.archived(t) }},
			"our own deleted manager":  {false, func(w twin, m *directory.Member) { m.Manager = w.deleted(t) }},
			"our own": {true, func(w twin, m *directory.Member) {
				m.Manager, m.ManagedBy, m.ExternalID = w.chief, w.client, "E1"
				m.Segments, m.Packages = []string{"north"}, []string{"basis", "extra"}
			}},
		} {
			bulk, alone := h.twin(t, directory.UnlimitedSeats, true), h.twin(t, directory.UnlimitedSeats, true)
			lists := map[string][]directory.Member{}
			for _, w := range []twin{bulk, alone} {
				for _, n := range []string{"a", "b", "c"} {
					lists[w.word] = append(lists[w.word], w.member(draft{email: n + "@%s.test"}))
				}
				c.edit(w, &lists[w.word][1])
			}
			version := must(h.Access.AccessVersion(ctx, bulk.org.ID))(t)
			if diff := differs(t, bulk, alone, lists[bulk.word], lists[alone.word], 0); diff != "" {
				t.Errorf("%s: %.1500s", name, diff)
			}
			if n := h.count(t, `select count(*) from memberships where organization_id = $1 and user_name_key like 'b@%'`, bulk.org.ID); (n == 1) != c.made {
				t.Errorf("%s: %d made", name, n)
			}
			if must(h.Access.AccessVersion(ctx, bulk.org.ID))(t) <= version {
				t.Errorf("%s: the access version has not risen", name)
			}
		}
	})
}

// archived makes a member who has left and is kept.
func (w twin) archived(t *testing.T) directory.MembershipID {
	t.Helper()
	check(t, w.Organizations.SetFeature(ctx, w.org.ID, directory.FeatureArchive, directory.FeatureOn))
	m := must(w.Memberships.Create(ctx, w.org.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "left@" + w.word + ".test"}}))(t)
	check(t, w.Memberships.End(ctx, w.org.ID, m.ID, directory.Ending{Choice: directory.EndArchived}))
	return m.ID
}

func (w twin) deleted(t *testing.T) directory.MembershipID {
	t.Helper()
	m := must(w.Memberships.Create(ctx, w.org.ID, person("left@"+w.word+".test")))(t)
	check(t, w.Memberships.Delete(ctx, w.org.ID, m.ID))
	return m.ID
}

// TestCreateManyStopsWhereItIsTold: after so many refusals nobody is made any more, not of the next transaction, and not of those
// whom others' doings turn from a stroke into people made one by one. SQLite lets nobody in between; there it comes before.
func TestCreateManyStopsWhereItIsTold(t *testing.T) {
	t.Parallel()
	for engine, url := range testenv.URLs(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var b interjection
			db := testenv.Open(t, sqldb.Config{URL: url(t), Clock: testenv.NewClock().Now, Relaxed: true, MaxConnections: 8, Trace: b.trace})
			h := newHouse(t, db, directory.UnlimitedSeats)
			list := func(emails ...string) (out []directory.Member) {
				for _, e := range emails {
					out = append(out, person(e).Member)
				}
				return out
			}
			end := db.Now().AddDate(1, 0, 0)
			behind := list("b2@x.example", "a2@x.example", "c2@x.example")
			behind[2].Kind, behind[2].End = directory.External, end
			long := list("first@x.example", "nothing")
			for len(long) < 251 {
				long = append(long, person("never@x.example").Member)
			}
			for what, c := range map[string]struct {
				list        []directory.Member
				taken       string // by somebody else, before the load
				most        int
				told, makes int
			}{
				"within a load that fails":             {list("a1@x.example", "b1@x.example"), "a1@x.example", 1, 1, 0},
				"behind a load that fails":             {behind, "a2@x.example", 1, 2, 1},
				"nowhere":                              {list("a3@x.example", "b3@x.example"), "a3@x.example", 0, 2, 1},
				"in the first of several transactions": {long, "", 1, 2, 1},
			} {
				if c.taken != "" {
					take := func() { must(h.Memberships.Create(ctx, h.home.ID, person(c.taken)))(t) }
					if b.acts = []act{{"savepoint part", take}}; engine == "sqlite" {
						b.acts = nil
						take()
					}
				}
				b.armed.Store(true)
				out := must(h.Memberships.CreateMany(ctx, h.home.ID, c.list, c.most))(t)
				b.armed.Store(false)
				made := 0
				for _, o := range out {
					if o.Refusal == nil {
						made++
					}
				}
				if len(b.acts) > 0 || len(out) != c.told || made != c.makes {
					t.Errorf("%s: told of %d, made %d, %d to come between", what, len(out), made, len(b.acts))
				}
			}
			if n := h.count(t, `select count(*) from memberships where deleted_at is null`); n != 6 {
				t.Errorf("%d members", n)
			}
		})
	}
}
