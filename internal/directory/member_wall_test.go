package directory_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestNeighbourSeesNothing: for another organization a member does not exist, over every call, and nothing of its own may
// point at one.
func TestNeighbourSeesNothing(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		n := person("kari@nordlys.example")
		n.UserName = "kari"
		m := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		invited := must(h.Memberships.Create(ctx, h.home.ID, person("ola@elsewhere.example")))(t)
		mine := must(h.Memberships.Create(ctx, h.another.ID, person("mine@bjorkvik.example")))(t)
		hr := must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: "HR"}, "token-of-hr"))(t)
		before := h.count(t, "select count(*) from audit_entries")
		nothing := directory.NewMembershipIDForTest(db.Now())
		email := must(directory.ParseEmail("kari@nordlys.example"))(t)
		all := h.Memberships
		for name, call := range map[string]func(id directory.MembershipID) error{
			"ByID":       func(id directory.MembershipID) error { _, err := all.ByID(ctx, h.another.ID, id); return err },
			"ByUserName": func(directory.MembershipID) error { _, err := all.ByUserName(ctx, h.another.ID, "kari"); return err },
			"ByEmail":    func(directory.MembershipID) error { _, err := all.ByEmail(ctx, h.another.ID, email); return err },
			"Change": func(id directory.MembershipID) error {
				_, err := all.Change(ctx, h.another.ID, id, 0, func(*directory.Member) error { t.Error("the edit ran"); return nil })
				return err
			},
			"Change in another's transaction": func(id directory.MembershipID) error {
				return db.Update(ctx, func(tx *sqldb.Tx) error {
					_, err := h.WithTx(tx).Memberships.Change(ctx, h.another.ID, id, 0, func(*directory.Member) error { t.Error("the edit ran"); return nil })
					return err
				})
			},
			"End": func(id directory.MembershipID) error {
				return all.End(ctx, h.another.ID, id, directory.Ending{Choice: directory.EndPending})
			},
			"Delete":  func(id directory.MembershipID) error { return all.Delete(ctx, h.another.ID, id) },
			"Accept":  func(id directory.MembershipID) error { _, err := all.Accept(ctx, mine.User, invited.ID); return err },
			"Decline": func(id directory.MembershipID) error { return all.Decline(ctx, mine.User, invited.ID) },
		} {
			if there, nowhere := call(m.ID), call(nothing); !errors.Is(there, directory.ErrMemberNotFound) || fmt.Sprint(there) != fmt.Sprint(nowhere) {
				t.Errorf("%s: %v; of nobody %v", name, there, nowhere)
			}
		}
		for field, edit := range map[string]func(*directory.Member){
			"manager":    func(x *directory.Member) { x.Manager = m.ID },
			"successor":  func(x *directory.Member) { x.Successor = m.ID },
			"managed_by": func(x *directory.Member) { x.ManagedBy = hr.ID },
		} {
			if f := fault.Of(h.changeErr(mine, edit)); f == nil || f.Code != "unknown_"+field || f.Kind != fault.Invalid {
				t.Errorf("a neighbour's %s: %v", field, f)
			}
			x := person("new@bjorkvik.example")
			edit(&x.Member)
			if _, err := all.Create(ctx, h.another.ID, x); codeOf(err) != "unknown_"+field {
				t.Errorf("created with a neighbour's %s: %v", field, err)
			}
		}
		if codeOf(h.changeErr(mine, func(x *directory.Member) { x.Manager = mine.ID })) != "unknown_manager" {
			t.Error("somebody is their own manager")
		}
		if after := h.count(t, "select count(*) from audit_entries"); after != before {
			t.Errorf("%d audit entries of refused calls", after-before)
		}
	})
}

// TestEachChangeIsToldOnce: one audit entry and one event for a change, none for what is refused or changes nothing; and
// no audit entry says what somebody is called.
func TestEachChangeIsToldOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 3)
		var m directory.Member
		create := func(email string) error {
			var err error
			m, err = h.Memberships.Create(ctx, h.home.ID, person(email))
			return err
		}
		edit := func(e func(*directory.Member)) func() error { return func() error { return h.changeErr(m, e) } }
		for _, step := range []struct {
			name          string
			do            func() error
			code          string
			audits, event int64
			kind          string
		}{
			{"create", func() error { return create("kari@nordlys.example") }, "", 1, 1, directory.EventMembershipCreated},
			{"create again", func() error {
				_, err := h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example"))
				return err
			}, "already_member", 0, 0, ""},
			{"a bad address", func() error { _, err := h.Memberships.Create(ctx, h.home.ID, person("kari")); return err }, "bad_email", 0, 0, ""},
			{"nothing", edit(func(*directory.Member) {}), "", 0, 0, ""},
			{"nothing, in other words", edit(func(m *directory.Member) {
				m.Start, m.Packages, m.Grants = m.Start.In(time.FixedZone("x", 3600)).Add(time.Nanosecond), []string{}, nil
				m.Details.Phones, m.Segments = []directory.Contact{}, []string{}
			}), "", 0, 0, ""},
			{"details", edit(func(m *directory.Member) { m.Details.Title = "Secretary" }), "", 1, 1, directory.EventMembershipChanged},
			{"suspend", edit(func(m *directory.Member) { m.SuspendedAt = db.Now() }), "", 1, 1, directory.EventMembershipSuspended},
			{"suspend again, later", func() error {
				clock.Advance(time.Hour)
				return h.changeErr(m, func(m *directory.Member) { m.SuspendedAt = db.Now() })
			}, "", 0, 0, ""},
			{"reactivate", edit(func(m *directory.Member) { m.SuspendedAt = time.Time{} }), "", 1, 1, directory.EventMembershipReactivated},
			{"unknown package", edit(func(m *directory.Member) { m.Packages = []string{"x"} }), "unknown_package", 0, 0, ""},
			{"unknown module", edit(func(m *directory.Member) { m.Grants = map[string]directory.Grade{"x": directory.GradeView} }), "unknown_module", 0, 0, ""},
			{"unknown segment", edit(func(m *directory.Member) { m.AllSegments, m.Segments = false, []string{"x"} }), "unknown_segment", 0, 0, ""},
			{"NUL in a key", edit(func(m *directory.Member) { m.Packages = []string{"x\x00"} }), "bad_text", 0, 0, ""},
			{"an edit that fails", func() error {
				_, err := h.Memberships.Change(ctx, h.home.ID, m.ID, 0, func(m *directory.Member) error { m.Details.Title = "y"; return directory.ErrFunctionTaken })
				return err
			}, "function_taken", 0, 0, ""},
			{"stale", func() error {
				_, err := h.Memberships.Change(ctx, h.home.ID, m.ID, 1, func(m *directory.Member) error { m.Details.Title = "y"; return nil })
				return err
			}, "stale", 0, 0, ""},
			{"end before start", edit(func(m *directory.Member) { m.End = m.Start }), "end_before_start", 0, 0, ""},
			{"rename", edit(func(m *directory.Member) { m.Email = "kari.nordmann@nordlys.example" }), "", 2, 2, directory.EventUserEmailChanged},
			{"verify", func() error { return h.Users.VerifyEmail(ctx, m.User) }, "", 1, 0, ""},
			{"verify again", func() error { return h.Users.VerifyEmail(ctx, m.User) }, "", 0, 0, ""},
			{"own details", func() error { return h.Users.SetDetails(ctx, m.User, directory.Details{GivenName: "Kari"}) }, "", 1, 0, ""},
			{"own details again", func() error { return h.Users.SetDetails(ctx, m.User, directory.Details{GivenName: "Kari"}) }, "", 0, 0, ""},
			{"end", func() error {
				return h.Memberships.End(ctx, h.home.ID, m.ID, directory.Ending{Choice: directory.EndPending})
			}, "", 2, 2, directory.EventEndingPending},
			{"end again", func() error {
				return h.Memberships.End(ctx, h.home.ID, m.ID, directory.Ending{Choice: directory.EndPending})
			}, "", 0, 0, ""},
			{"delete", func() error { return h.Memberships.Delete(ctx, h.home.ID, m.ID) }, "", 1, 1, directory.EventMembershipEnded},
			{"delete again", func() error { return h.Memberships.Delete(ctx, h.home.ID, m.ID) }, "member_not_found", 0, 0, ""},
			{"invite", func() error { return create("guest@elsewhere.example") }, "", 1, 1, directory.EventMembershipCreated},
			{"decline", func() error { return h.Memberships.Decline(ctx, m.User, m.ID) }, "", 1, 2, directory.EventMembershipDeclined},
			{"decline again", func() error { return h.Memberships.Decline(ctx, m.User, m.ID) }, "member_not_found", 0, 0, ""},
			{"organization as it was", func() error {
				_, err := h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Domains = []string{"NORDLYS.example"}; return nil })
				return err
			}, "", 0, 0, ""},
		} {
			audits, events, kind := h.count(t, "select count(*) from audit_entries"), h.count(t, "select count(*) from events"), h.events(t, step.kind)
			if code := codeOf(step.do()); code != step.code {
				t.Errorf("%s: %q, want %q", step.name, code, step.code)
			}
			if n := h.count(t, "select count(*) from audit_entries") - audits; n != step.audits {
				t.Errorf("%s: %d audit entries, want %d", step.name, n, step.audits)
			}
			if n := h.count(t, "select count(*) from events") - events; n != step.event {
				t.Errorf("%s: %d events, want %d", step.name, n, step.event)
			}
			if step.kind != "" && h.events(t, step.kind) != kind+1 {
				t.Errorf("%s: no event %s", step.name, step.kind)
			}
		}
		entries := must(sqldb.All(ctx, db, func(r sqldb.Row) (string, error) {
			var action, object, detail string
			err := r.Scan(&action, &object, &detail)
			return action + " " + object + " " + detail, err
		}, "select action, object, detail from audit_entries"))(t)
		for _, e := range entries {
			if strings.Contains(e, "@") || strings.Contains(strings.ToLower(e), "kari") || strings.Contains(e, "ecretary") ||
				strings.Contains(e, "example") && !strings.HasPrefix(e, "domain.") { // an organization's own domain says nothing of a person
				t.Errorf("an audit entry names somebody: %s", e)
			}
		}
	})
}

// TestTimesAreWholeMicroseconds: what is answered is what is stored.
func TestTimesAreWholeMicroseconds(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		n := person("ola@nordlys.example")
		n.Kind, n.Start, n.End = directory.External, db.Now().Add(1), db.Now().Add(time.Hour+999).In(time.FixedZone("x", 3600))
		m := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		read := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t)
		if m.Start != read.Start || m.End != read.End || !m.ActiveAt(db.Now()) || m.End != db.Now().Add(time.Hour) {
			t.Errorf("answered [%v, %v), stored [%v, %v)", m.Start, m.End, read.Start, read.End)
		}
	})
}

// TestUnstorableTextsAreRefused the same on both engines: never by the database's own error.
func TestUnstorableTextsAreRefused(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		m := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		for _, bad := range []string{"a\x00b", "a\xffb", "a\nb", "a\u202eb"} {
			for name, err := range map[string]error{
				"user name":   h.changeErr(m, func(m *directory.Member) { m.UserName = bad }),
				"external id": h.changeErr(m, func(m *directory.Member) { m.ExternalID = bad }),
				"manager":     h.changeErr(m, func(m *directory.Member) { m.ManagerText = bad }),
				"title":       h.changeErr(m, func(m *directory.Member) { m.Details.Title = bad }),
				"phone":       h.changeErr(m, func(m *directory.Member) { m.Details.Phones = []directory.Contact{{Value: bad}} }),
				"package":     h.changeErr(m, func(m *directory.Member) { m.Packages = []string{bad} }),
				"segment":     h.changeErr(m, func(m *directory.Member) { m.AllSegments, m.Segments = false, []string{bad} }),
				"grant":       h.changeErr(m, func(m *directory.Member) { m.Grants = map[string]directory.Grade{bad: directory.GradeEdit} }),
			} {
				if !fault.Is(err, fault.Invalid) {
					t.Errorf("%s %q: %v", name, bad, err)
				}
			}
			_, user := h.Memberships.ByUserName(ctx, h.home.ID, bad)
			_, slug := h.Organizations.BySlug(ctx, bad)
			_, app := h.Applications.ByClientID(ctx, bad)
			_, account := h.ServiceAccounts.ByClientID(ctx, bad)
			_, token := h.ProvisioningClients.Authenticate(ctx, "12345678"+bad)
			for name, err := range map[string]error{"user name": user, "slug": slug, "application": app, "service account": account} {
				if !fault.Is(err, fault.NotFound) {
					t.Errorf("asked by %s %q: %v", name, bad, err)
				}
			}
			if !fault.Is(token, fault.Unauthenticated) {
				t.Errorf("token %q: %v", bad, token)
			}
		}
		for _, name := range []string{" kari", "kari ", "ka\u200bri", "\ufeffkari", " "} {
			if err := h.changeErr(m, func(m *directory.Member) { m.UserName = name }); codeOf(err) != "bad_user_name" {
				t.Errorf("user name %q: %v", name, err)
			}
		}
	})
}
