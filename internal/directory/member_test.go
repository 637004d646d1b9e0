package directory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

var ctx = context.Background()

// house is an organization with a verified domain, and a neighbour.
type house struct {
	*directory.Directory
	db            *sqldb.DB
	home, another directory.Organization
}

func newHouse(t *testing.T, db *sqldb.DB, seats int64) house {
	t.Helper()
	h := house{Directory: directory.New(db), db: db}
	h.home = must(h.Organizations.Create(ctx, directory.Organization{Slug: "nordlys", Name: "Nordlys AS", Domains: []string{"nordlys.example"}, Seats: seats}))(t)
	h.another = must(h.Organizations.Create(ctx, directory.Organization{Slug: "bjorkvik", Name: "Björkvik AB", Seats: directory.UnlimitedSeats}))(t)
	return h
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func person(email string) directory.NewMember {
	return directory.NewMember{Member: directory.Member{Email: email, Details: directory.Details{GivenName: "Kari", FamilyName: "Nordmann",
		Emails: []directory.Contact{{Value: email, Type: "work", Primary: true}}}}}
}

func (h house) events(t *testing.T, kind string) int64 {
	t.Helper()
	var n int64
	if err := h.db.QueryRow(ctx, "select count(*) from events where kind = $1", kind).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestHomeMemberIsAcceptedAtOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		m := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		if got := m.StateAt(db.Now()); got != directory.StateActive {
			t.Errorf("state = %s, want active", got)
		}
		u := must(h.Users.ByID(ctx, m.User))(t)
		if u.Home != h.home.ID {
			t.Errorf("home = %v, want the organization whose domain it is", u.Home)
		}
		again := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t)
		if again.Email != "kari@nordlys.example" || again.Details.Name() != "Kari Nordmann" || again.Version != 1 {
			t.Errorf("read back %+v", again)
		}
		if _, err := h.Memberships.ByID(ctx, h.another.ID, m.ID); !errors.Is(err, directory.ErrMemberNotFound) {
			t.Errorf("the neighbour reads the member: %v", err)
		}
		if n := h.events(t, directory.EventMembershipCreated); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
	})
}

func TestKnownAddressIsInvitedAndAccepts(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		first := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		second := must(h.Memberships.Create(ctx, h.another.ID, person("KARI@Nordlys.example")))(t)
		if second.User != first.User {
			t.Fatal("one address made two people")
		}
		if got := second.StateAt(db.Now()); got != directory.StateInvited {
			t.Fatalf("state = %s, want invited", got)
		}
		unknown := must(h.Memberships.Create(ctx, h.another.ID, person("new@elsewhere.example")))(t)
		if unknown.StateAt(db.Now()) != second.StateAt(db.Now()) {
			t.Error("an unknown address is told from a known one")
		}
		if _, err := h.Memberships.Accept(ctx, unknown.User, second.ID); !errors.Is(err, directory.ErrMemberNotFound) {
			t.Errorf("somebody else accepted: %v", err)
		}
		accepted := must(h.Memberships.Accept(ctx, second.User, second.ID))(t)
		if !accepted.ActiveAt(db.Now()) {
			t.Error("accepted, but not active")
		}
		if _, err := h.Memberships.Accept(ctx, second.User, second.ID); !errors.Is(err, directory.ErrMemberNotFound) {
			t.Errorf("accepted twice: %v", err)
		}
		if err := h.Memberships.Decline(ctx, unknown.User, unknown.ID); err != nil {
			t.Fatal(err)
		}
		if st := must(h.Memberships.Standing(ctx, unknown.ID))(t); st.State(db.Now()) != directory.StateEnded {
			t.Errorf("declined is %s", st.State(db.Now()))
		}
	})
}

func TestSuspendingRaisesTheEpochAndReactivatingDoesNotLowerIt(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		m := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		suspended := must(h.Memberships.Change(ctx, h.home.ID, m.ID, 0, func(m *directory.Member) error { m.SuspendedAt = db.Now(); return nil }))(t)
		if suspended.Epoch != m.Epoch+1 || suspended.ActiveAt(db.Now()) || h.events(t, directory.EventMembershipSuspended) != 1 {
			t.Errorf("suspended: %+v", suspended)
		}
		back := must(h.Memberships.Change(ctx, h.home.ID, m.ID, 0, func(m *directory.Member) error { m.SuspendedAt = time.Time{}; return nil }))(t)
		if back.Epoch != suspended.Epoch || !back.ActiveAt(db.Now()) {
			t.Errorf("reactivated: %+v", back)
		}
		same := must(h.Memberships.Change(ctx, h.home.ID, m.ID, back.Version, func(*directory.Member) error { return nil }))(t)
		if same.Version != back.Version {
			t.Error("an edit that changes nothing made a version")
		}
		if _, err := h.Memberships.Change(ctx, h.home.ID, m.ID, 1, func(m *directory.Member) error { m.Details.Title = "x"; return nil }); !fault.Is(err, fault.Stale) {
			t.Errorf("stale change: %v", err)
		}
	})
}

func TestDeletedIsGoneAndMadeAgainIsTheSamePerson(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		m := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		before := must(h.Users.ByID(ctx, m.User))(t)
		if _, err := h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")); !errors.Is(err, directory.ErrAlreadyMember) {
			t.Fatalf("made twice: %v", err)
		}
		if err := h.Memberships.Delete(ctx, h.home.ID, m.ID); err != nil {
			t.Fatal(err)
		}
		if err := h.Memberships.Delete(ctx, h.home.ID, m.ID); !errors.Is(err, directory.ErrMemberNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
		again := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		if again.User != m.User || again.ID == m.ID {
			t.Errorf("made again: %v, %v", again.User, again.ID)
		}
		after := must(h.Users.ByID(ctx, m.User))(t)
		if after.CredentialsEpoch != before.CredentialsEpoch+1 {
			t.Error("the former holder's credentials were not voided")
		}
	})
}

func TestEndPassesByItself(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		n := person("ola@nordlys.example")
		n.Kind, n.End = directory.External, testenv.Start.Add(time.Hour)
		m := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		clock.Advance(time.Hour - time.Microsecond)
		if st := must(h.Memberships.Standing(ctx, m.ID))(t); !st.ActiveAt(db.Now()) {
			t.Error("over before the end")
		}
		clock.Advance(time.Microsecond)
		if st := must(h.Memberships.Standing(ctx, m.ID))(t); st.ActiveAt(db.Now()) {
			t.Error("active at the end")
		}
		if n := must(h.Memberships.AnnounceEnded(ctx))(t); n != 1 {
			t.Errorf("announced %d, want 1", n)
		}
		if n := must(h.Memberships.AnnounceEnded(ctx))(t); n != 0 {
			t.Errorf("announced %d again", n)
		}
		revived := must(h.Memberships.Change(ctx, h.home.ID, m.ID, 0, func(m *directory.Member) error {
			m.End = testenv.Start.Add(48 * time.Hour)
			return nil
		}))(t)
		if !revived.ActiveAt(db.Now()) || revived.Epoch == m.Epoch {
			t.Errorf("revived: active %v, epoch %d", revived.ActiveAt(db.Now()), revived.Epoch)
		}
	})
}
