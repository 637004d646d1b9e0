package directory_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

const tick = time.Microsecond

// everyMember is every combination of the facts that a state is computed from, at the edges of time.
func everyMember(now time.Time) []directory.Member {
	var out []directory.Member
	at := func(set bool) time.Time {
		if set {
			return now.Add(-time.Hour)
		}
		return time.Time{}
	}
	for _, kind := range []directory.Kind{directory.Employee, directory.External, directory.Limited, directory.ContactOnly, directory.Reseller} {
		for _, start := range []time.Time{now.Add(-tick), now, now.Add(tick)} {
			for _, end := range []time.Time{{}, now.Add(-tick), now, now.Add(tick)} {
				for bits := range 32 {
					out = append(out, directory.Member{Kind: kind, Start: start, End: end, AcceptedAt: at(bits&1 > 0), SuspendedAt: at(bits&2 > 0),
						EndedAt: at(bits&4 > 0), DeletedAt: at(bits&8 > 0), ArchivedAt: at(bits&16 > 0)})
				}
			}
		}
	}
	return out
}

// wantState is the table in words, written a second time and differently: the first reason that applies.
func wantState(m directory.Member, now time.Time) directory.State {
	for _, row := range []struct {
		applies bool
		state   directory.State
	}{
		{!m.ArchivedAt.IsZero(), directory.StateArchived},
		{!m.DeletedAt.IsZero(), directory.StateEnded},
		{!m.EndedAt.IsZero(), directory.StateEnded},
		{!m.End.IsZero() && m.End.UnixMicro() <= now.UnixMicro(), directory.StateEnded},
		{m.Kind == directory.ContactOnly, directory.StateContact},
		{!m.SuspendedAt.IsZero(), directory.StateSuspended},
		{m.AcceptedAt.IsZero(), directory.StateInvited},
		{m.Start.UnixMicro() > now.UnixMicro(), directory.StateScheduled},
	} {
		if row.applies {
			return row.state
		}
	}
	return directory.StateActive
}

func TestStateTable(t *testing.T) {
	t.Parallel()
	now := testenv.Start
	all := everyMember(now)
	if len(all) != 5*3*4*32 {
		t.Fatalf("%d combinations", len(all))
	}
	seen := map[directory.State]int{}
	for _, m := range all {
		want := wantState(m, now)
		seen[want]++
		if got := m.StateAt(now); got != want {
			t.Errorf("%+v: %s, want %s", m, got, want)
		}
		if m.ActiveAt(now) != (want == directory.StateActive) {
			t.Errorf("%+v: ActiveAt disagrees with %s", m, want)
		}
		listed := want == directory.StateActive || want == directory.StateInvited || want == directory.StateScheduled || want == directory.StateContact
		if m.ListedActive(now) != listed {
			t.Errorf("%+v: listed active %v in state %s", m, !listed, want)
		}
		human := m.Kind == directory.Employee || m.Kind == directory.External || m.Kind == directory.Reseller
		if takes := listed && human; m.TakesSeat(now) != takes {
			t.Errorf("%+v: takes a seat %v in state %s", m, !takes, want)
		}
	}
	if len(seen) != 7 {
		t.Errorf("states seen: %v", seen)
	}
}

// fill stores members with facts of their own, each of a person of their own, past every rule.
func (h house) fill(t *testing.T, org directory.OrganizationID, members []directory.Member) []directory.Member {
	t.Helper()
	err := h.db.Update(ctx, func(tx *sqldb.Tx) error {
		for i := range members {
			m := &members[i]
			email := must(directory.ParseEmail(fmt.Sprintf("p%d.%s@crowd.example", i, org)))(t)
			u := directory.User{ID: directory.NewUserIDForTest(tx.Now()), Email: email, State: directory.UserActive, Epoch: 1, CredentialsEpoch: 1, Version: 1,
				CreatedAt: tx.Now(), ChangedAt: tx.Now()}
			if err := directory.InsertUserForTest(ctx, tx, u); err != nil {
				return err
			}
			m.ID, m.Organization, m.User, m.UserName = directory.NewMembershipIDForTest(tx.Now()), org, u.ID, email.Address
			m.AllSegments, m.Epoch, m.Version, m.CreatedAt, m.ChangedAt = true, 1, 1, tx.Now(), tx.Now()
			if err := directory.InsertMemberForTest(ctx, tx, *m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return members
}

// TestSQLAgreesWithActiveAt: what SQL takes for active and for a seat is what Go does, for every combination of facts.
func TestSQLAgreesWithActiveAt(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		members := h.fill(t, h.home.ID, everyMember(db.Now()))
		moments := []time.Time{db.Now(), db.Now().Add(tick), db.Now().Add(-tick), db.Now().Add(-2 * time.Hour)}
		for range 4 {
			moments = append(moments, db.Now().Add(time.Duration(rand.N(7)-3)*tick))
		}
		for _, now := range moments {
			alive, seated := map[directory.MembershipID]bool{}, map[directory.MembershipID]bool{}
			for _, id := range must(directory.AliveForTest(ctx, db, now))(t) {
				alive[id] = true
			}
			for _, id := range must(directory.SeatTakersForTest(ctx, db, h.home.ID, now))(t) {
				seated[id] = true
			}
			for _, m := range members {
				if m.ActiveAt(now) != alive[m.ID] {
					t.Errorf("at %v: SQL says active %v of %+v", now, alive[m.ID], m)
				}
				if m.TakesSeat(now) != seated[m.ID] {
					t.Errorf("at %v: SQL says a seat %v of %+v", now, seated[m.ID], m)
				}
			}
		}
		for i := 0; i < len(members); i += 37 { // read back, every fact is what it was
			st := must(h.Memberships.Standing(ctx, members[i].ID))(t)
			if st.State(db.Now()) != members[i].StateAt(db.Now()) || st.ActiveAt(db.Now()) != members[i].ActiveAt(db.Now()) {
				t.Errorf("%+v stands as %s", members[i], st.State(db.Now()))
			}
		}
	})
}

// TestStandingMatrix: person, organization and membership must all give access; each alone can take it.
func TestStandingMatrix(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		now := db.Now()
		for name, org := range map[string]directory.Organization{"running": h.home, "suspended": h.another} {
			members := h.fill(t, org.ID, []directory.Member{
				{Kind: directory.Employee, Start: now, AcceptedAt: now},
				{Kind: directory.Employee, Start: now},
				{Kind: directory.Employee, Start: now, AcceptedAt: now, SuspendedAt: now},
				{Kind: directory.Employee, Start: now, AcceptedAt: now, EndedAt: now},
				{Kind: directory.Employee, Start: now.Add(tick), AcceptedAt: now},
				{Kind: directory.External, Start: now.Add(-time.Hour), End: now, AcceptedAt: now},
				{Kind: directory.External, Start: now.Add(-time.Hour), End: now.Add(tick), AcceptedAt: now},
				{Kind: directory.Limited, Start: now, AcceptedAt: now},
				{Kind: directory.ContactOnly, Start: now, AcceptedAt: now},
			})
			if name == "suspended" {
				must(h.Organizations.Change(ctx, org.ID, func(o *directory.Organization) error { o.Suspended = true; return nil }))(t)
			}
			for _, m := range members {
				for _, state := range []directory.UserState{directory.UserActive, directory.UserDisabled} {
					must(h.Users.SetState(ctx, m.User, state))(t)
					want := m.ActiveAt(now) && state == directory.UserActive && name == "running"
					st := must(h.Memberships.Standing(ctx, m.ID))(t)
					of := must(h.Memberships.StandingsOf(ctx, m.User))(t)
					if st.ActiveAt(now) != want || len(of) != 1 || of[0].ActiveAt(now) != want || of[0].Membership != m.ID {
						t.Errorf("organization %s, user %s, membership %s: active %v, want %v", name, state, m.StateAt(now), st.ActiveAt(now), want)
					}
				}
			}
		}
	})
}

func TestStandingsAreOrderedAndLeaveOutDeleted(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		var user directory.UserID
		for i, name := range []string{"zebra", "Äpple", "apple", "Banan"} {
			o := must(h.Organizations.Create(ctx, directory.Organization{Slug: fmt.Sprint("o", i), Name: name, Seats: directory.UnlimitedSeats}))(t)
			m := must(h.Memberships.Create(ctx, o.ID, person("kari@elsewhere.example")))(t)
			user = m.User
			if name == "Banan" {
				if err := h.Memberships.Delete(ctx, o.ID, m.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		var names []string
		for _, st := range must(h.Memberships.StandingsOf(ctx, user))(t) {
			names = append(names, st.Name)
		}
		if fmt.Sprint(names) != "[apple zebra Äpple]" {
			t.Errorf("standings: %v", names)
		}
	})
}
