package authz_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"portvakt/authz"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// place is an organization in which changes are drawn through the directory's own calls.
type place struct {
	*node
	t     *testing.T
	db    *sqldb.DB
	clock *testenv.Clock
	org   directory.OrganizationID
	r     *rand.Rand
	n     int // names
}

func pick[T any](r *rand.Rand, list []T) (none T) {
	if len(list) == 0 {
		return none
	}
	return list[r.IntN(len(list))]
}

func newPlace(t *testing.T, db *sqldb.DB, clock *testenv.Clock, seed uint64) *place {
	t.Helper()
	p := &place{node: newNode(db, 0), t: t, db: db, clock: clock, r: rand.New(rand.NewPCG(seed, 9))}
	must(p.dir.Access.SaveModules(ctx, []directory.Module{
		{Key: "invoices", Names: map[string]string{"en": "Invoices"}, Fields: []string{"amount"}, Tools: []string{"export"}},
		{Key: "expenses", Names: map[string]string{"en": "Expenses"}, SelfService: true}}))(t)
	must(p.dir.Access.SavePackages(ctx, []directory.Package{{Key: "base", Names: map[string]string{"en": "Base"}, Grants: map[string]directory.Grade{"invoices": directory.GradeView}}}))(t)
	p.org = p.organization(t, fmt.Sprint("org", seed))
	for range 6 {
		p.n++
		p.member(t, p.org, fmt.Sprint("first", p.n))
	}
	for range 30 {
		p.change(db)
	}
	return p
}

func (p *place) members(dir *directory.Directory) []directory.Member {
	p.t.Helper()
	all := must(dir.Memberships.List(ctx, p.org, directory.Query{Limit: 100}))(p.t).Members
	slices.SortFunc(all, func(a, b directory.Member) int { return cmp.Compare(a.UserName, b.UserName) }) // not by ids, which are drawn anew
	return all
}

// changes are what is drawn from; each answers what the directory says.
var changes = map[string]func(p *place, dir *directory.Directory) error{
	"profile": func(p *place, dir *directory.Directory) error {
		_, err := dir.Access.SaveProfiles(ctx, p.org, []directory.Profile{{Key: fmt.Sprint("p", p.r.IntN(3)), Name: "P", Modules: map[string]directory.ProfileModule{
			pick(p.r, []string{"invoices", "expenses"}): {View: p.r.IntN(2) > 0, Create: p.r.IntN(2) > 0, Edit: p.r.IntN(2) > 0, Delete: p.r.IntN(2) > 0}}}})
		return err
	},
	"role": func(p *place, dir *directory.Directory) error {
		key := fmt.Sprint("r", p.r.IntN(5))
		role := directory.Role{Key: key, Name: key}
		if all, _ := dir.Access.Roles(ctx, p.org); p.r.IntN(2) == 0 {
			role.Parent = pick(p.r, all).Key
		}
		if all, _ := dir.Access.Profiles(ctx, p.org); len(all) > 0 {
			role.Profiles = []string{pick(p.r, all).Key}
		}
		_, err := dir.Access.SaveRoles(ctx, p.org, []directory.Role{role})
		return err
	},
	"role moved": func(p *place, dir *directory.Directory) error {
		all, _ := dir.Access.Roles(ctx, p.org)
		return dir.Access.MoveRole(ctx, p.org, pick(p.r, all).ID, pick(p.r, all).ID, directory.RoleID{})
	},
	"role removed": func(p *place, dir *directory.Directory) error {
		all, _ := dir.Access.Roles(ctx, p.org)
		if p.r.IntN(3) > 0 {
			return nil
		}
		return dir.Access.RemoveRole(ctx, p.org, pick(p.r, all).ID, pick(p.r, all).ID)
	},
	"group": func(p *place, dir *directory.Directory) error {
		key := fmt.Sprint("g", p.r.IntN(4))
		_, err := dir.Access.SaveGroups(ctx, p.org, []directory.Group{{Key: key, Name: key}})
		return err
	},
	"group members": func(p *place, dir *directory.Directory) error {
		groups, _ := dir.Access.Groups(ctx, p.org)
		roles, _ := dir.Access.Roles(ctx, p.org)
		who := pick(p.r, []directory.GroupMember{{Member: pick(p.r, p.members(dir)).ID}, {Group: pick(p.r, groups).ID}, {Role: pick(p.r, roles).ID, WithBelow: p.r.IntN(2) == 0}})
		_, err := dir.Access.AddGroupMembers(ctx, p.org, pick(p.r, groups).ID, []directory.GroupMember{who})
		if p.r.IntN(4) == 0 && err == nil {
			_, err = dir.Access.RemoveGroupMembers(ctx, p.org, pick(p.r, groups).ID, []directory.GroupMember{who})
		}
		return err
	},
	"sharing": func(p *place, dir *directory.Directory) error {
		_, err := dir.Access.SaveSharing(ctx, p.org, map[string]directory.SharingLevel{pick(p.r, []string{"invoices", "expenses"}): pick(p.r, []directory.SharingLevel{
			directory.SharingPrivate, directory.SharingPrivate, directory.SharingPublicRead, directory.SharingPublicFull})})
		return err
	},
	"sharing rule": func(p *place, dir *directory.Directory) error {
		groups, _ := dir.Access.Groups(ctx, p.org)
		roles, _ := dir.Access.Roles(ctx, p.org)
		_, err := dir.Access.SaveSharingRules(ctx, p.org, []directory.SharingRule{{Module: "invoices", Access: directory.ShareRead,
			From: directory.SharingParty{Role: pick(p.r, roles).ID}, To: directory.SharingParty{Group: pick(p.r, groups).ID}}})
		return err
	},
	"segment": func(p *place, dir *directory.Directory) error {
		key := fmt.Sprint("s", p.r.IntN(3))
		_, err := dir.Access.SaveSegments(ctx, p.org, []directory.Segment{{Key: key, Name: key}})
		return err
	},
	"new member": func(p *place, dir *directory.Directory) error {
		p.n++
		roles, _ := dir.Access.Roles(ctx, p.org)
		_, err := dir.Memberships.Create(ctx, p.org, directory.NewMember{Trusted: true, Member: directory.Member{Email: fmt.Sprint("n", p.n, "@x.example"), Role: pick(p.r, roles).ID}})
		return err
	},
	"member": func(p *place, dir *directory.Directory) error {
		roles, _ := dir.Access.Roles(ctx, p.org)
		segments, _ := dir.Access.Segments(ctx, p.org)
		_, err := dir.Memberships.Change(ctx, p.org, pick(p.r, p.members(dir)).ID, 0, func(m *directory.Member) error {
			switch p.r.IntN(6) {
			case 0:
				m.Role = pick(p.r, roles).ID
			case 1:
				m.Grants = map[string]directory.Grade{"invoices": pick(p.r, []directory.Grade{directory.GradeView, directory.GradeEdit})}
			case 2:
				m.AllSegments, m.Segments = false, nil
				if s := pick(p.r, segments); s.Key != "" {
					m.Segments = []string{s.Key}
				}
			case 3:
				m.Administrator = !m.Administrator
			case 4:
				m.End = p.db.Now().Add(time.Duration(p.r.IntN(48)) * time.Hour)
			case 5:
				m.Packages = []string{"base"}
			}
			return nil
		})
		return err
	},
	"end": func(p *place, dir *directory.Directory) error {
		all := p.members(dir)
		if len(all) < 5 {
			return nil
		}
		return dir.Memberships.End(ctx, p.org, pick(p.r, all).ID, directory.Ending{Choice: directory.EndWithSuccessor, Successor: pick(p.r, all).ID})
	},
	"package": func(p *place, dir *directory.Directory) error {
		_, err := dir.Access.SavePackages(ctx, []directory.Package{{Key: "base", Names: map[string]string{"en": "Base"},
			Grants: map[string]directory.Grade{"invoices": pick(p.r, []directory.Grade{directory.GradeView, directory.GradeEdit})}}})
		return err
	},
	"module": func(p *place, dir *directory.Directory) error {
		_, err := dir.Access.SaveModules(ctx, []directory.Module{{Key: "expenses", Names: map[string]string{"en": "Expenses"}, SelfService: p.r.IntN(2) == 0}})
		return err
	},
	"person": func(p *place, dir *directory.Directory) error {
		_, err := dir.Organizations.Change(ctx, p.org, func(o *directory.Organization) error { o.Suspended = p.r.IntN(6) == 0; return nil })
		return err
	},
}

// change draws one; what the directory refuses changes nothing.
func (p *place) change(db *sqldb.DB) string {
	p.t.Helper()
	name := pick(p.r, slices.Sorted(maps.Keys(changes)))
	if err := changes[name](p, p.dir); err != nil && fault.Is(err, fault.Internal) {
		p.t.Fatalf("%s: %v", name, err)
	}
	return name
}

// TestR17_TheEngineIsAFreshCompile: after every change the snapshot that is kept answers as one built from the rows.
func TestR17_TheEngineIsAFreshCompile(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db, clock, 1)
		for i := range 150 {
			what := p.change(db)
			kept, model := must(p.Snapshot(ctx, p.org))(t), must(p.dir.Access.Model(ctx, p.org))(t)
			fresh := authz.Compile(&model)
			sameAnswers(t, fmt.Sprint(i, " ", what), kept, fresh, db.Now())
			if i%10 == 0 {
				clock.Advance(time.Hour)
			}
		}
		if s := p.Stats(); s.Rebuilds < 20 {
			t.Errorf("%+v", s)
		}
	})
}

func sameAnswers(t *testing.T, when string, kept, fresh *authz.Snapshot, now time.Time) {
	t.Helper()
	if d := authz.Compare(kept, fresh, now); !d.None() || kept.Version() != fresh.Version() {
		t.Fatalf("after %s: version %d and %d, %+v", when, kept.Version(), fresh.Version(), d.Modules)
	}
	for id := range fresh.Members {
		a, known := kept.Claims(id)
		b, knownToo := fresh.Claims(id)
		if diff := gocmp.Diff(b, a); diff != "" || known != knownToo {
			t.Fatalf("after %s: %s", when, diff)
		}
	}
}

// TestR17_ThePreviewIsWhatHappens: several changes are previewed, then applied.
func TestR17_ThePreviewIsWhatHappens(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		p := newPlace(t, db, clock, 2)
		something := 0
		for i := range 50 {
			names, seed := []string{}, p.r.Uint64()
			for _, name := range slices.Sorted(maps.Keys(changes)) {
				if p.r.IntN(4) == 0 {
					names = append(names, name)
				}
			}
			first := p.n
			apply := func(tx *sqldb.Tx) error {
				p.r, p.n = rand.New(rand.NewPCG(seed, 1)), first
				for _, name := range names {
					if err := changes[name](p, p.dir.WithTx(tx)); err != nil {
						return err
					}
				}
				return nil
			}
			rows, before := p.rows(), must(p.dir.Access.Model(ctx, p.org))(t)
			preview, refused := p.Preview(ctx, p.org, apply)
			if got := p.rows(); got != rows {
				t.Fatalf("a preview has written something: %s, before %s", got, rows)
			}
			err := db.Update(ctx, apply)
			if fault.Of(err) != nil && fault.Of(refused) != nil && err != nil && refused != nil {
				if fault.Of(err).Code != fault.Of(refused).Code || fault.Is(err, fault.Internal) {
					t.Fatalf("previewed %v, applied %v", refused, err)
				}
				continue
			}
			if err != nil || refused != nil {
				t.Fatalf("%d: previewed %v, applied %v", i, refused, err)
			}
			after := must(p.dir.Access.Model(ctx, p.org))(t)
			real := authz.Compare(authz.Compile(&before), authz.Compile(&after), db.Now())
			if diff := gocmp.Diff(real.Modules, preview.Modules, gocmp.AllowUnexported(authz.ModuleDifference{})); diff != "" || real.Members != preview.Members {
				t.Fatalf("%d %v: previewed otherwise than applied: %s", i, names, diff)
			}
			old := map[directory.MembershipID]bool{}
			for _, m := range before.Members {
				old[m.ID] = true
			}
			if diff := gocmp.Diff(named(real, old), named(preview, old)); diff != "" {
				t.Fatalf("%d %v: %s", i, names, diff)
			}
			for id, name := range preview.Made {
				if old[id] || name == "" {
					t.Errorf("%s is called %q", id, name)
				}
			}
			if !real.None() {
				something++
			}
		}
		if something < 10 {
			t.Errorf("only %d changes changed anything", something)
		}
	})
}

// named is a difference by name; who was made gets another id each time.
func named(d *authz.Difference, old map[directory.MembershipID]bool) (out []string) {
	for _, m := range d.Modules {
		for _, c := range d.Changes(m.Module, directory.MembershipID{}, 0) {
			if !old[c.Member] {
				c.Member = directory.MembershipID{}
			}
			out = append(out, fmt.Sprint(c))
		}
	}
	slices.Sort(out)
	return out
}

// rows counts what a change writes.
func (p *place) rows() (out string) {
	p.t.Helper()
	for _, table := range []string{"memberships", "users", "roles", "profiles", "groups", "group_members", "sharing_rules", "audit_entries", "events", "segments"} {
		var n int64
		if err := p.db.QueryRow(ctx, "select count(*) from "+table).Scan(&n); err != nil {
			p.t.Fatal(err)
		}
		out += fmt.Sprint(table, " ", n, ", ")
	}
	return out + fmt.Sprint(must(p.dir.Access.AccessVersion(ctx, p.org))(p.t))
}

// TestAPreviewOfNothing: an unknown organization, a change that fails, a change that is refused.
func TestAPreviewOfNothing(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		n := newNode(db, 0)
		nothing := func(*sqldb.Tx) error { return nil }
		if _, err := n.Preview(ctx, directory.OrganizationID(sqldb.NewID[nobodys](clock.Now())), nothing); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
		org := n.organization(t, "nordlys")
		if d := must(n.Preview(ctx, org, nothing))(t); !d.None() || d.Before != d.After {
			t.Errorf("%+v", d)
		}
		if _, err := n.Preview(ctx, org, func(*sqldb.Tx) error { return errCut }); !errors.Is(err, errCut) {
			t.Error(err)
		}
	})
}
