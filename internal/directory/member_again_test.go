package directory_test

import (
	"errors"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestCredentialsAreVoidedOnlyWhereTheAddressMayHaveChangedHands: by the home organization, where the person is active
// nowhere, and by nobody else.
func TestCredentialsAreVoidedOnlyWhereTheAddressMayHaveChangedHands(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		third := must(h.Organizations.Create(ctx, directory.Organization{Slug: "third", Name: "Third", Seats: directory.UnlimitedSeats}))(t)
		kari := person("kari@nordlys.example")
		first := must(h.Memberships.Create(ctx, h.home.ID, kari))(t)
		epochs := func() (sessions, credentials int64) {
			u := must(h.Users.ByID(ctx, first.User))(t)
			return u.Epoch, u.CredentialsEpoch
		}
		again := func(org directory.OrganizationID, n directory.NewMember) directory.Member {
			t.Helper()
			m := must(h.Memberships.Create(ctx, org, n))(t)
			if m.User != first.User {
				t.Fatal("not the same person")
			}
			return m
		}
		del := func(m directory.Member) {
			t.Helper()
			if err := h.Memberships.Delete(ctx, m.Organization, m.ID); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(what string, sessions, credentials int64) {
			t.Helper()
			if s, c := epochs(); s != sessions || c != credentials {
				t.Errorf("%s: epochs %d and %d, want %d and %d", what, s, c, sessions, credentials)
			}
		}
		expect("made", 1, 1)
		del(first)
		elsewhere := again(h.another.ID, kari)
		expect("another organization makes again", 1, 1)
		del(elsewhere)
		elsewhere = again(h.another.ID, kari)
		expect("another organization makes again after its own", 1, 1)
		m := again(h.home.ID, kari)
		expect("home makes again, invited elsewhere", 2, 2)
		must(h.Memberships.Accept(ctx, elsewhere.User, elsewhere.ID))(t)
		del(m)
		m = again(h.home.ID, kari)
		expect("home makes again, active elsewhere", 2, 2)
		h.change(t, elsewhere, func(m *directory.Member) { m.SuspendedAt = db.Now() })
		del(m)
		m = again(h.home.ID, kari)
		expect("home makes again, suspended elsewhere", 3, 3)
		del(m)
		trusted := kari
		trusted.Trusted = true
		again(h.home.ID, trusted)
		expect("the installation's seed makes again", 3, 3)
		again(third.ID, kari)
		expect("a third organization makes", 3, 3)
		if n := h.events(t, directory.EventUserSessionsEnded); n != 2 {
			t.Errorf("%d events of ended sessions, want 2", n)
		}
	})
}

// TestMadeAgainInheritsNothing: after DELETE, after an end by somebody, after an end that passed by itself, announced or not.
func TestMadeAgainInheritsNothing(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		hr := must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: "HR"}, "token-of-hr"))(t)
		for name, end := range map[string]func(m directory.Member) error{
			"deleted": func(m directory.Member) error { return h.Memberships.Delete(ctx, m.Organization, m.ID) },
			"ended": func(m directory.Member) error {
				return h.Memberships.End(ctx, m.Organization, m.ID, directory.Ending{Choice: directory.EndPending})
			},
			"lapsed": func(m directory.Member) error { clock.Advance(2 * time.Hour); return nil },
			"announced": func(m directory.Member) error {
				clock.Advance(2 * time.Hour)
				_, err := h.Memberships.AnnounceEnded(ctx)
				return err
			},
			"lapsed by a change": func(m directory.Member) error {
				clock.Advance(time.Minute)
				return h.changeErr(m, func(m *directory.Member) { m.End = db.Now() })
			},
		} {
			before := h.events(t, directory.EventMembershipEnded)
			n := person("kari@nordlys.example")
			n.Kind, n.End, n.UserName, n.ExternalID, n.ManagedBy = directory.External, db.Now().Add(time.Hour), "kari", "4711", hr.ID
			n.Administrator, n.Functions, n.Details.Title = true, []directory.Function{directory.MainRecipient}, "Chief"
			boss := person("boss@nordlys.example")
			boss.Administrator, boss.UserName = true, "boss."+name
			b := must(h.Memberships.Create(ctx, h.home.ID, boss))(t)
			old := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
			if err := end(old); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			n.Member = directory.Member{Email: n.Email, UserName: n.UserName, ExternalID: n.ExternalID, ManagedBy: hr.ID, Functions: n.Functions}
			m, err := h.Memberships.Create(ctx, h.home.ID, n)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if m.User != old.User || m.ID == old.ID || m.Administrator || m.Details.Title != "" || !m.ActiveAt(db.Now()) {
				t.Errorf("%s: made again %+v", name, m)
			}
			if _, err := h.Memberships.ByID(ctx, h.home.ID, old.ID); !errors.Is(err, directory.ErrMemberNotFound) {
				t.Errorf("%s: the former membership is still there: %v", name, err)
			}
			if err := h.changeErr(old, func(m *directory.Member) { m.End = time.Time{} }); !errors.Is(err, directory.ErrMemberNotFound) {
				t.Errorf("%s: the former membership came back: %v", name, err)
			}
			if st := must(h.Memberships.Standing(ctx, old.ID))(t); st.ActiveAt(db.Now()) || st.Epoch <= old.Epoch {
				t.Errorf("%s: the former membership stands as %s, epoch %d", name, st.State(db.Now()), st.Epoch)
			}
			if n := h.events(t, directory.EventMembershipEnded) - before; n != 1 {
				t.Errorf("%s: %d ends were told, want 1", name, n)
			}
			h.changeErr(b, func(m *directory.Member) { m.Administrator = false })
			for _, x := range []directory.Member{m, b} {
				if err := h.Memberships.Delete(ctx, h.home.ID, x.ID); err != nil && !errors.Is(err, directory.ErrLastAdministrator) {
					t.Fatal(err)
				}
			}
			if err := h.db.Update(ctx, func(tx *sqldb.Tx) error { // a clean house for the next way
				_, err := tx.Exec(ctx, "update memberships set deleted_at = $1, end_announced_at = $1 where deleted_at is null", sqldb.Micros(tx.Now()))
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestRevivedKeepsTheOldEpochDead: however the end came and whether or not it was announced.
func TestRevivedKeepsTheOldEpochDead(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		n := person("ola@nordlys.example")
		n.Kind, n.End = directory.External, db.Now().Add(time.Hour)
		m := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		epochs := map[int64]bool{m.Epoch: true}
		for _, tc := range []struct {
			name string
			end  func() error
		}{
			{"lapsed", func() error { return nil }},
			{"lapsed and announced", func() error { _, err := h.Memberships.AnnounceEnded(ctx); return err }},
			{"lapsed, then ended", func() error {
				return h.Memberships.End(ctx, h.home.ID, m.ID, directory.Ending{Choice: directory.EndPending})
			}},
			{"announced, then ended", func() error {
				if _, err := h.Memberships.AnnounceEnded(ctx); err != nil {
					return err
				}
				return h.Memberships.End(ctx, h.home.ID, m.ID, directory.Ending{Choice: directory.EndPending})
			}},
		} {
			clock.Advance(2 * time.Hour)
			if err := tc.end(); err != nil {
				t.Fatal(err)
			}
			ended := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t)
			if ended.ListedActive(db.Now()) || ended.StateAt(db.Now()) != directory.StateEnded {
				t.Errorf("%s: listed as %s", tc.name, ended.StateAt(db.Now()))
			}
			h.change(t, m, func(m *directory.Member) { m.Details.Title += "x" }) // an edit without a later end revives nobody
			if got := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t); got.StateAt(db.Now()) != directory.StateEnded {
				t.Errorf("%s: revived by an edit", tc.name)
			}
			before := h.events(t, directory.EventMembershipReactivated)
			revived := h.change(t, m, func(m *directory.Member) { m.End = db.Now().Add(time.Hour) })
			read := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t)
			if !read.ActiveAt(db.Now()) || epochs[read.Epoch] || revived.Epoch != read.Epoch {
				t.Errorf("%s: revived %s with epoch %d of %v", tc.name, read.StateAt(db.Now()), read.Epoch, epochs)
			}
			epochs[read.Epoch] = true
			if h.events(t, directory.EventMembershipReactivated) != before+1 {
				t.Errorf("%s: the revival was not told", tc.name)
			}
		}
		if n := must(h.Memberships.AnnounceEnded(ctx))(t); n != 0 {
			t.Errorf("%d ends of a running membership were announced", n)
		}
	})
}

// TestRevivalAgainstMadeAgain: there is no way back beside a new membership.
func TestRevivalAgainstMadeAgain(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		n := person("ola@nordlys.example")
		for range 4 {
			n.Kind, n.End = directory.External, db.Now().Add(time.Hour)
			m := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
			clock.Advance(time.Hour)
			got := atOnce(2, func(i int) error {
				if i == 0 {
					return h.changeErr(m, func(m *directory.Member) { m.End = db.Now().Add(time.Hour) })
				}
				again := n
				again.End = db.Now().Add(time.Hour)
				_, err := h.Memberships.Create(ctx, h.home.ID, again)
				return err
			})
			if got[""] != 1 || got["already_member"]+got["member_not_found"] != 1 {
				t.Errorf("outcomes %v", got)
			}
			clock.Advance(time.Hour)
		}
	})
}

func TestNobodyBringsAnAcceptanceAlong(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		victim := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		n := person("kari@nordlys.example")
		n.User, n.AcceptedAt, n.EmailVerified, n.Epoch, n.AnnouncedAt = victim.User, db.Now(), true, 99, db.Now()
		m := must(h.Memberships.Create(ctx, h.another.ID, n))(t)
		if m.StateAt(db.Now()) != directory.StateInvited || m.Epoch != 1 || m.EmailVerified || !m.AnnouncedAt.IsZero() {
			t.Errorf("brought along: %+v", m)
		}
		m = h.change(t, m, func(m *directory.Member) {
			m.AcceptedAt, m.EmailVerified, m.User, m.Epoch, m.Organization = db.Now(), true, directory.UserID{}, 7, h.home.ID
			m.Details.Title = "x"
		})
		if m.StateAt(db.Now()) != directory.StateInvited || m.User != victim.User || m.Organization != h.another.ID || m.Epoch != 1 {
			t.Errorf("changed along: %+v", m)
		}
		c := person("ola@elsewhere.example")
		c.Kind, c.Trusted = directory.ContactOnly, true // the seed trusts a contact, who is no user yet
		contact := must(h.Memberships.Create(ctx, h.another.ID, c))(t)
		contact = h.change(t, contact, func(m *directory.Member) { m.Kind, m.Email = directory.Employee, "per@nordlys.example" })
		if contact.StateAt(db.Now()) != directory.StateInvited {
			t.Errorf("a contact became %s", contact.StateAt(db.Now()))
		}
	})
}

// TestContactBecomesUser: invited like everybody, at once only in the home organization, and never twice (R29).
func TestContactBecomesUser(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		n := person("kari@nordlys.example")
		n.Kind, n.UserName = directory.ContactOnly, "kari"
		become := func(m *directory.Member) { m.Kind, m.Email = directory.Employee, "Kari@nordlys.example" }
		for org, want := range map[directory.OrganizationID]directory.State{h.home.ID: directory.StateActive, h.another.ID: directory.StateInvited} {
			c := must(h.Memberships.Create(ctx, org, n))(t)
			if !c.User.IsZero() || c.StateAt(db.Now()) != directory.StateContact || c.Email != "" {
				t.Errorf("contact: %+v", c)
			}
			if err := h.changeErr(c, func(m *directory.Member) { m.Kind = directory.Employee }); codeOf(err) != "missing" {
				t.Errorf("without an address: %v", err)
			}
			before := h.events(t, directory.EventMembershipCreated)
			h.change(t, c, become)
			got := must(h.Memberships.ByID(ctx, org, c.ID))(t)
			if got.User.IsZero() || got.StateAt(db.Now()) != want {
				t.Errorf("became %s, want %s", got.StateAt(db.Now()), want)
			}
			if h.events(t, directory.EventMembershipCreated) != before+1 {
				t.Error("nobody hears that an invitation is due")
			}
			n2 := n
			n2.UserName = "twice"
			twice := must(h.Memberships.Create(ctx, org, n2))(t)
			if err := h.changeErr(twice, become); !errors.Is(err, directory.ErrAlreadyMember) {
				t.Errorf("became the same person twice: %v", err)
			}
		}
	})
}

// TestAnInvitationThatLapsedStaysOver, and is announced once, whatever end somebody gives it afterwards.
func TestAnInvitationThatLapsedStaysOver(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		n := person("ola@elsewhere.example")
		n.Kind, n.End, n.AcceptBy = directory.External, db.Now().Add(48*time.Hour), db.Now().Add(time.Hour)
		m := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		clock.Advance(time.Hour)
		if n := must(h.Memberships.AnnounceEnded(ctx))(t); n != 1 {
			t.Errorf("announced %d, want 1", n)
		}
		got := h.change(t, m, func(m *directory.Member) { m.End = db.Now().Add(72 * time.Hour) })
		if got.StateAt(db.Now()) != directory.StateEnded || got.AnnouncedAt.IsZero() || must(h.Memberships.AnnounceEnded(ctx))(t) != 0 {
			t.Errorf("%s, announced at %v", got.StateAt(db.Now()), got.AnnouncedAt)
		}
		if _, err := h.Memberships.Accept(ctx, m.User, m.ID); !errors.Is(err, directory.ErrMemberNotFound) {
			t.Errorf("accepted after all: %v", err)
		}
		h.asNeighbour(t, m)
	})
}
