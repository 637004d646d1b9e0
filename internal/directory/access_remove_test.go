package directory_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestR17_OfSeveralChangesAtOnceOneWins: 30 change what they read at the same version, each in another way. One happens; the
// others hear that it has changed, nothing of theirs is written, and nothing of the one is lost.
func TestR17_OfSeveralChangesAtOnceOneWins(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		org := m.home.ID
		kari := m.with(t, "kari@nordlys.example", "")
		m.put(t, "direct", directory.GroupMember{Member: kari.ID})
		m.grow(t, "spare")
		must(m.Access.SaveProfiles(ctx, org, []directory.Profile{{Key: "unused", Name: "Unused"}}))(t)
		var unused directory.ProfileID
		for _, p := range must(m.Access.Profiles(ctx, org))(t) {
			if p.Key == "unused" {
				unused = p.ID
			}
		}
		must(m.Access.SaveSharing(ctx, org, map[string]directory.SharingLevel{"invoices": directory.SharingPrivate}))(t)
		must(m.Access.SaveSharingRules(ctx, org, []directory.SharingRule{{Module: "invoices", From: directory.SharingParty{Role: m.roles["chief"]},
			To: directory.SharingParty{Role: m.roles["clerk"]}, Access: directory.ShareRead}}))(t)
		rule := must(m.Access.SharingRules(ctx, org))(t)[0].ID
		version := m.version(t)
		saved := func(_ directory.Tally, err error) error { return err }
		counted := func(_ int, err error) error { return err }
		ways := []func(a directory.Access, i int) error{
			func(a directory.Access, i int) error {
				return saved(a.SaveRoles(ctx, org, []directory.Role{{Key: fmt.Sprint("r", i), Name: "R"}}))
			},
			func(a directory.Access, i int) error {
				return saved(a.SaveGroups(ctx, org, []directory.Group{{Key: fmt.Sprint("g", i), Name: fmt.Sprint("G", i)}}))
			},
			func(a directory.Access, i int) error {
				return saved(a.SaveProfiles(ctx, org, []directory.Profile{{Key: fmt.Sprint("p", i), Name: "P"}}))
			},
			func(a directory.Access, i int) error {
				return saved(a.SaveSegments(ctx, org, []directory.Segment{{Key: fmt.Sprint("s", i), Name: "S"}}))
			},
			func(a directory.Access, i int) error {
				return saved(a.SaveSharing(ctx, org, map[string]directory.SharingLevel{"expenses": directory.SharingPrivate}))
			},
			func(a directory.Access, i int) error {
				return saved(a.SaveSharingRules(ctx, org, []directory.SharingRule{{Module: "invoices", From: directory.SharingParty{Role: m.roles["clerk"]},
					To: directory.SharingParty{Role: m.roles["chief"]}, Access: directory.ShareRead}}))
			},
			func(a directory.Access, i int) error {
				return counted(a.AddGroupMembers(ctx, org, m.groups["outer"], []directory.GroupMember{{Member: kari.ID}}))
			},
			func(a directory.Access, i int) error {
				return counted(a.RemoveGroupMembers(ctx, org, m.groups["direct"], []directory.GroupMember{{Member: kari.ID}}))
			},
			func(a directory.Access, i int) error {
				return a.MoveRole(ctx, org, m.roles["spare"], m.roles["chief"], directory.RoleID{})
			},
			func(a directory.Access, i int) error {
				return a.RemoveRole(ctx, org, m.roles["spare"], directory.RoleID{})
			},
			func(a directory.Access, i int) error { return a.RemoveGroup(ctx, org, m.groups["chiefs"]) },
			func(a directory.Access, i int) error { return a.RemoveProfile(ctx, org, unused) },
			func(a directory.Access, i int) error { return a.RemoveSharingRule(ctx, org, rule) },
			func(a directory.Access, i int) error { return a.ResetSharing(ctx, org, "invoices") },
			func(a directory.Access, i int) error { return a.RemoveSegment(ctx, org, "bergen") },
		}
		entries := m.count(t, "select count(*) from audit_entries")
		errs := make([]error, 30)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = ways[i%len(ways)](m.Access.At(version), i) })
		}
		wg.Wait()
		won := 0
		for i, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, directory.ErrAccessChanged) || !fault.Is(err, fault.Stale) {
				t.Errorf("way %d: %v", i%len(ways), err)
			}
		}
		if got := m.count(t, "select count(*) from audit_entries"); won != 1 || m.version(t) != version+1 || got != entries+1 {
			t.Errorf("%d won, version %d after %d, %d entries more", won, m.version(t), version, got-entries)
		}
		// Each way alone is refused at an old version, also where a member has changed alone, and done at the present one.
		must(m.Memberships.Change(ctx, org, kari.ID, 0, func(m *directory.Member) error { m.Role = directory.RoleID{}; m.SuspendedAt = db.Now(); return nil }))(t)
		for i, way := range ways {
			if err := way(m.Access.At(m.version(t)-1), 100); !errors.Is(err, directory.ErrAccessChanged) {
				t.Errorf("way %d at an old version: %v", i, err)
			}
			if err := way(m.Access.At(m.version(t)), 100); err != nil && !fault.Is(err, fault.NotFound) {
				t.Errorf("way %d at the present version: %v", i, err)
			}
		}
	})
}

func TestR14_AProfileThatARoleCarriesStays(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		sales := must(a.Profiles(ctx, org))(t)[0].ID
		if err := a.RemoveProfile(ctx, org, sales); codeOf(err) != "profile_in_use" || !strings.Contains(err.Error(), "Seller") {
			t.Errorf("%v", err)
		}
		must(a.SaveRoles(ctx, org, []directory.Role{{Key: "seller", Name: "Seller", Parent: "chief"}}))(t)
		if err := a.RemoveProfile(ctx, m.another.ID, sales); !errors.Is(err, directory.ErrProfileNotFound) {
			t.Errorf("the neighbour removes our profile: %v", err)
		}
		versions, entries, events, err := m.writes(t, func() error { return a.RemoveProfile(ctx, org, sales) })
		if err != nil || versions != 1 || entries != 1 || events != 1 || len(must(a.Profiles(ctx, org))(t)) != 0 {
			t.Errorf("%v; %d versions, %d entries, %d events", err, versions, entries, events)
		}
		if err := a.RemoveProfile(ctx, org, sales); !errors.Is(err, directory.ErrProfileNotFound) {
			t.Errorf("again: %v", err)
		}
	})
}

func TestR16_RulesAndDefaultsGo(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		must(a.SaveSharing(ctx, org, map[string]directory.SharingLevel{"invoices": directory.SharingPrivate, "expenses": directory.SharingPublicRead}))(t)
		must(a.SaveSharingRules(ctx, org, []directory.SharingRule{{Module: "invoices", From: directory.SharingParty{Role: m.roles["chief"], WithBelow: true},
			To: directory.SharingParty{Group: m.groups["direct"]}, Access: directory.ShareRead}}))(t)
		rule := must(a.SharingRules(ctx, org))(t)[0].ID
		if err := a.RemoveSharingRule(ctx, m.another.ID, rule); !errors.Is(err, directory.ErrSharingRuleNotFound) {
			t.Errorf("the neighbour removes our rule: %v", err)
		}
		for what, act := range map[string]func() error{
			"rule": func() error { return a.RemoveSharingRule(ctx, org, rule) }, "default": func() error { return a.ResetSharing(ctx, org, "invoices") },
		} {
			versions, entries, events, err := m.writes(t, act)
			if err != nil || versions != 1 || entries != 1 || events != 1 {
				t.Errorf("%s: %v; %d versions, %d entries, %d events", what, err, versions, entries, events)
			}
			if versions, _, _, err := m.writes(t, act); versions != 0 || err != nil && !errors.Is(err, directory.ErrSharingRuleNotFound) {
				t.Errorf("%s again: %v, %d versions", what, err, versions)
			}
		}
		if levels := must(a.Sharing(ctx, org))(t); len(levels) != 1 || levels["expenses"] != directory.SharingPublicRead || len(must(a.SharingRules(ctx, org))(t)) != 0 {
			t.Errorf("left %v", levels)
		}
		if err := a.ResetSharing(ctx, org, "nothing"); codeOf(err) != "unknown_module" {
			t.Errorf("an unknown module: %v", err)
		}
		check(t, a.ResetSharing(ctx, m.another.ID, "expenses"))
		if levels := must(a.Sharing(ctx, org))(t); len(levels) != 1 {
			t.Errorf("the neighbour reset ours: %v", levels)
		}
	})
}

// TestR06_RemovingASegmentNeverWidens: whoever saw the segment sees less, and whoever has none left sees none.
func TestR06_RemovingASegmentNeverWidens(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		m := newModel(t, db)
		a, org := m.Access, m.home.ID
		made := func(email string, segments ...string) directory.Member {
			n := person(email)
			n.Segments = segments
			return must(m.Memberships.Create(ctx, org, n))(t)
		}
		both, oslo, gone := made("both@nordlys.example", "oslo", "bergen"), made("oslo@nordlys.example", "oslo"), made("gone@nordlys.example", "oslo")
		external := person("late@nordlys.example")
		external.Kind, external.End, external.Segments = directory.External, db.Now().Add(time.Hour), []string{"oslo"}
		late := must(m.Memberships.Create(ctx, org, external))(t)
		clock.Advance(2 * time.Hour)
		check(t, m.endNow(org, gone.ID))
		if err := a.RemoveSegment(ctx, org, "oslo"); codeOf(err) != "segment_has_people" || !strings.Contains(err.Error(), "alone (1)") {
			t.Errorf("%v", err)
		}
		must(m.Memberships.Change(ctx, org, oslo.ID, 0, func(m *directory.Member) error { m.Segments = []string{"bergen"}; return nil }))(t)
		if err := a.RemoveSegment(ctx, m.another.ID, "oslo"); !errors.Is(err, directory.ErrSegmentNotFound) {
			t.Errorf("the neighbour removes our segment: %v", err)
		}
		versions, entries, events, err := m.writes(t, func() error { return a.RemoveSegment(ctx, org, "oslo") })
		if err != nil || versions != 1 || entries != 1 || events != 1 {
			t.Errorf("%v; %d versions, %d entries, %d events", err, versions, entries, events)
		}
		for _, c := range []struct {
			who  directory.Member
			want []string
		}{{both, []string{"bergen"}}, {gone, nil}, {late, nil}} {
			got := must(m.Memberships.ByID(ctx, org, c.who.ID))(t)
			facts := must(a.Of(ctx, org, c.who.ID))(t)
			if got.AllSegments || facts.EverySegment() || strings.Join(got.Segments, " ") != strings.Join(c.want, " ") || got.Version <= c.who.Version {
				t.Errorf("%s sees %v, all %v, version %d", got.UserName, got.Segments, got.AllSegments, got.Version)
			}
		}
		// Brought back, with another edit, the one with no segment left still sees none.
		if got := must(m.Memberships.Extend(ctx, org, late.ID, db.Now().Add(time.Hour)))(t); got.AllSegments || len(got.Segments) != 0 || !got.ActiveAt(db.Now()) {
			t.Errorf("extended: %+v", got)
		}
		if got := must(m.Memberships.Change(ctx, org, late.ID, 0, func(m *directory.Member) error { m.Details.Title = "T"; return nil }))(t); got.AllSegments || len(got.Segments) != 0 {
			t.Errorf("edited: all %v, %v", got.AllSegments, got.Segments)
		}
	})
}
