package directory_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// agencyHouse has an agency, which manages some of the organizations, and its employees.
type agencyHouse struct {
	house
	agency  directory.Organization
	clients []directory.Organization // managed
}

func newAgencyHouse(t *testing.T, db *sqldb.DB, clients int) agencyHouse {
	t.Helper()
	h := agencyHouse{house: newHouse(t, db, directory.UnlimitedSeats)}
	h.agency = must(h.Organizations.Create(ctx, directory.Organization{Slug: "tallsmia", Name: "Tallsmia", Domains: []string{"tallsmia.example"}, Seats: directory.UnlimitedSeats}))(t)
	for i := range clients {
		h.clients = append(h.clients, must(h.Organizations.Create(ctx, directory.Organization{Slug: fmt.Sprint("client", i), Name: fmt.Sprint("Client ", i),
			Seats: directory.UnlimitedSeats, ManagedBy: h.agency.ID}))(t))
	}
	return h
}

// employee is somebody who works for the agency.
func (h agencyHouse) employee(t *testing.T, name string) directory.Member {
	t.Helper()
	return must(h.Memberships.Create(ctx, h.agency.ID, person(name+"@tallsmia.example")))(t)
}

func reseller(email string) directory.NewMember {
	n := person(email)
	n.Kind, n.Reseller = directory.Reseller, directory.ResellerAccess{Role: directory.Accountant}
	return n
}

// serves makes the employee an active reseller of a client.
func (h agencyHouse) serves(t *testing.T, client int, email string) directory.Member {
	t.Helper()
	m := must(h.Memberships.Create(ctx, h.clients[client].ID, reseller(email)))(t)
	return must(h.Memberships.Accept(ctx, m.User, m.ID))(t)
}

func (h agencyHouse) open(t *testing.T) int64 {
	t.Helper()
	return h.count(t, "select count(*) from memberships where kind = 'reseller' and ended_at is null and deleted_at is null and (end_at is null or end_at > $1)", sqldb.Micros(h.db.Now()))
}

func TestR30_OnlyEmployeesOfTheAgency(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newAgencyHouse(t, db, 1)
		client := h.clients[0].ID
		h.employee(t, "anna")
		refuse := func(what, want string, org directory.OrganizationID, n directory.NewMember) {
			t.Helper()
			if _, err := h.Memberships.Create(ctx, org, n); codeOf(err) != want {
				t.Errorf("%s: %v, want %s", what, err, want)
			}
		}
		for _, kind := range []directory.Kind{directory.External, directory.Limited} {
			n := person(string(kind) + "@tallsmia.example")
			n.Kind, n.End = kind, db.Now().Add(time.Hour)
			must(h.Memberships.Create(ctx, h.agency.ID, n))(t)
			refuse("an agency's "+string(kind), "not_of_agency", client, reseller(n.Email))
		}
		later := person("later@tallsmia.example")
		later.Start = db.Now().Add(time.Hour)
		must(h.Memberships.Create(ctx, h.agency.ID, later))(t)
		refuse("before the first day", "not_of_agency", client, reseller(later.Email))
		suspended := h.employee(t, "suspended")
		h.change(t, suspended, func(m *directory.Member) { m.SuspendedAt = db.Now() })
		refuse("suspended at the agency", "not_of_agency", client, reseller(suspended.Email))
		must(h.Memberships.Create(ctx, h.agency.ID, person("invited@elsewhere.example")))(t)
		refuse("only invited to the agency", "not_of_agency", client, reseller("invited@elsewhere.example"))
		refuse("unknown", "not_of_agency", client, reseller("nobody@elsewhere.example"))
		refuse("not managed by anybody", "not_of_agency", h.home.ID, reseller("anna@tallsmia.example"))
		if n := h.count(t, "select count(*) from users where email_key = 'nobody@elsewhere.example'"); n != 0 {
			t.Error("a refusal made a user")
		}

		n := reseller("anna@tallsmia.example")
		n.Reseller.Role = ""
		refuse("without a role", "bad_reseller_role", client, n)
		n.Reseller.Role = "owner"
		refuse("with another role", "bad_reseller_role", client, n)
		n = reseller("anna@tallsmia.example")
		n.Administrator = true
		refuse("as administrator", "reseller_administrator", client, n)
		for _, r := range []directory.ResellerAccess{{Role: directory.Auditor}, {BankAccess: true}, {UserAdministration: true}} {
			n := person("x@elsewhere.example")
			n.Reseller = r
			refuse("an employee with reseller access", "not_reseller", client, n)
		}

		m := must(h.Memberships.Create(ctx, client, reseller("anna@tallsmia.example")))(t)
		read := must(h.Memberships.ByID(ctx, client, m.ID))(t)
		if read.Reseller != (directory.ResellerAccess{Role: directory.Accountant}) || !read.TakesSeat(db.Now()) || read.StateAt(db.Now()) != directory.StateInvited {
			t.Errorf("made %+v", read)
		}
		read = h.change(t, read, func(m *directory.Member) { m.Reseller.BankAccess, m.Reseller.UserAdministration = true, true })
		if read.Administrator || !read.Reseller.BankAccess || !read.Reseller.UserAdministration {
			t.Errorf("added %+v", read.Reseller)
		}
		if again := h.change(t, read, func(m *directory.Member) { m.Kind = directory.Limited }); again.Reseller != (directory.ResellerAccess{}) {
			t.Errorf("of another kind, yet %+v", again.Reseller)
		}
		stranger := must(h.Memberships.Create(ctx, client, person("stranger@elsewhere.example")))(t)
		if err := h.changeErr(stranger, func(m *directory.Member) { m.Kind, m.Reseller.Role = directory.Reseller, directory.Auditor }); !errors.Is(err, directory.ErrNotOfAgency) {
			t.Errorf("a stranger becomes a reseller: %v", err)
		}
		if _, err := h.Memberships.ByID(ctx, h.home.ID, m.ID); !errors.Is(err, directory.ErrMemberNotFound) {
			t.Errorf("the neighbour sees the reseller: %v", err)
		}
	})
}

// TestR30_LeavingTheAgencyEndsAll: by every path, with its commit, everywhere, also where only invited or suspended.
func TestR30_LeavingTheAgencyEndsAll(t *testing.T) {
	t.Parallel()
	paths := map[string]func(h agencyHouse, m directory.Member) error{
		"end": func(h agencyHouse, m directory.Member) error {
			return h.Memberships.End(ctx, m.Organization, m.ID, directory.Ending{Choice: directory.EndPending})
		},
		"delete": func(h agencyHouse, m directory.Member) error { return h.Memberships.Delete(ctx, m.Organization, m.ID) },
		"suspend": func(h agencyHouse, m directory.Member) error {
			return h.changeErr(m, func(m *directory.Member) { m.SuspendedAt = h.db.Now() })
		},
		"archive": func(h agencyHouse, m directory.Member) error {
			if _, err := h.Organizations.Change(ctx, m.Organization, func(o *directory.Organization) error { o.Features = []string{"archive"}; return nil }); err != nil {
				return err
			}
			return h.Memberships.End(ctx, m.Organization, m.ID, directory.Ending{Choice: directory.EndArchived})
		},
		"end date": func(h agencyHouse, m directory.Member) error {
			return h.changeErr(m, func(m *directory.Member) { m.End = h.db.Now() })
		},
		"later start": func(h agencyHouse, m directory.Member) error {
			return h.changeErr(m, func(m *directory.Member) { m.Start = h.db.Now().Add(time.Hour) })
		},
		"limited": func(h agencyHouse, m directory.Member) error {
			return h.changeErr(m, func(m *directory.Member) { m.Kind = directory.Limited })
		},
		"contact": func(h agencyHouse, m directory.Member) error {
			return h.changeErr(m, func(m *directory.Member) { m.Kind = directory.ContactOnly })
		},
		"external": func(h agencyHouse, m directory.Member) error {
			return h.changeErr(m, func(m *directory.Member) { m.Kind, m.End = directory.External, h.db.Now().Add(time.Hour) })
		},
		"disabled": func(h agencyHouse, m directory.Member) error {
			_, err := h.Users.SetState(ctx, m.User, directory.UserDisabled)
			return err
		},
	}
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newAgencyHouse(t, db, 3)
		other := h.employee(t, "other")
		others := h.serves(t, 0, other.Email)
		for name, leave := range paths {
			m := h.employee(t, strings.ReplaceAll(name, " ", "-"))
			clock.Advance(time.Second)
			active := h.serves(t, 0, m.Email)
			invited := must(h.Memberships.Create(ctx, h.clients[1].ID, reseller(m.Email)))(t)
			suspended := h.serves(t, 2, m.Email)
			h.change(t, suspended, func(m *directory.Member) { m.SuspendedAt = db.Now() })
			ownHome := must(h.Memberships.Create(ctx, h.home.ID, person(m.Email)))(t) // not by the agency
			epoch, told := must(h.Memberships.Standing(ctx, active.ID))(t).Epoch, h.events(t, directory.EventMembershipEnded)
			if err := leave(h, m); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for what, id := range map[string]directory.MembershipID{"active": active.ID, "invited": invited.ID, "suspended": suspended.ID} {
				st := must(h.Memberships.Standing(ctx, id))(t)
				if st.ActiveAt(db.Now()) || st.State(db.Now()) != directory.StateEnded {
					t.Errorf("%s: the %s reseller is %s", name, what, st.State(db.Now()))
				}
			}
			if st := must(h.Memberships.Standing(ctx, active.ID))(t); st.Epoch <= epoch {
				t.Errorf("%s: the epoch stayed %d", name, st.Epoch)
			}
			if n := h.events(t, directory.EventMembershipEnded) - told; n < 3 {
				t.Errorf("%s: %d ends were told", name, n)
			}
			if st := must(h.Memberships.Standing(ctx, ownHome.ID))(t); st.State(db.Now()) == directory.StateEnded {
				t.Errorf("%s: ended what the agency did not give", name)
			}
			read := must(h.Memberships.ByID(ctx, h.clients[0].ID, active.ID))(t)
			if err := h.changeErr(read, func(m *directory.Member) { m.End = db.Now().Add(time.Hour) }); !errors.Is(err, directory.ErrNotOfAgency) {
				t.Errorf("%s: a later end brings the reseller back: %v", name, err)
			}
		}
		if st := must(h.Memberships.Standing(ctx, others.ID))(t); !st.ActiveAt(db.Now()) {
			t.Error("somebody else's access ended as well")
		}
	})
}

func TestR30_TheRelationEndsAndTheAgencyIsSuspended(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newAgencyHouse(t, db, 2)
		anna := h.employee(t, "anna")
		first, second := h.serves(t, 0, anna.Email), h.serves(t, 1, anna.Email)
		active := func(m directory.Member) bool {
			st := must(h.Memberships.Standing(ctx, m.ID))(t)
			return st.ActiveAt(db.Now())
		}
		suspend := func(yes bool) {
			must(h.Organizations.Change(ctx, h.agency.ID, func(o *directory.Organization) error { o.Suspended = yes; return nil }))(t)
		}
		suspend(true)
		if active(first) || active(second) {
			t.Error("the agency is suspended, its people are not shut out")
		}
		if _, err := h.Memberships.Create(ctx, h.clients[1].ID, reseller("nobody@tallsmia.example")); !errors.Is(err, directory.ErrNotOfAgency) {
			t.Errorf("a suspended agency sends somebody: %v", err)
		}
		suspend(false)
		if !active(first) || !active(second) {
			t.Error("the agency is back, its people are not")
		}
		must(h.Organizations.Change(ctx, h.clients[0].ID, func(o *directory.Organization) error { o.ManagedBy = directory.OrganizationID{}; return nil }))(t)
		if active(first) || !active(second) {
			t.Errorf("after the relation's end: %v, %v", active(first), active(second))
		}
		must(h.Organizations.Change(ctx, h.clients[1].ID, func(o *directory.Organization) error { o.ManagedBy = h.another.ID; return nil }))(t)
		if active(second) || h.open(t) != 0 {
			t.Error("another agency took over, the former's people stayed")
		}
	})
}

// TestR30_TimeAloneEndsIt: no worker runs here.
func TestR30_TimeAloneEndsIt(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newAgencyHouse(t, db, 3)
		anna := h.employee(t, "anna")
		open := h.serves(t, 0, anna.Email)
		end := db.Now().Add(time.Hour)
		h.change(t, anna, func(m *directory.Member) { m.End = end })
		capped := h.serves(t, 1, anna.Email)
		n := reseller(anna.Email)
		n.End = end.Add(-time.Minute)
		nearer := must(h.Memberships.Create(ctx, h.clients[2].ID, n))(t)
		nearer = must(h.Memberships.Accept(ctx, nearer.User, nearer.ID))(t)
		if !capped.End.Equal(end) || !nearer.End.Equal(n.End) {
			t.Errorf("ends %v and %v", capped.End, nearer.End)
		}
		if st := must(h.Memberships.Standing(ctx, open.ID))(t); !st.End.Equal(end) {
			t.Errorf("the open one ends %v", st.End)
		}
		read := must(h.Memberships.ByID(ctx, h.clients[0].ID, open.ID))(t)
		if longer := h.change(t, read, func(m *directory.Member) { m.End = end.Add(time.Hour) }); !longer.End.Equal(end) {
			t.Errorf("longer than at the agency: %v", longer.End)
		}
		anna = h.change(t, anna, func(m *directory.Member) { m.End = time.Time{} }) // prolongs nothing elsewhere by itself
		anna = h.change(t, anna, func(m *directory.Member) { m.End = end.Add(-time.Second) })
		clock.Advance(time.Hour - time.Second - tick)
		for _, m := range []directory.Member{open, capped} {
			if st := must(h.Memberships.Standing(ctx, m.ID))(t); !st.ActiveAt(db.Now()) {
				t.Errorf("over before the end: %s", st.State(db.Now()))
			}
		}
		clock.Advance(tick)
		if h.open(t) != 0 {
			t.Error("open at the end of the agency membership")
		}
		for _, m := range []directory.Member{open, capped, nearer} {
			if st := must(h.Memberships.Standing(ctx, m.ID))(t); st.ActiveAt(db.Now()) {
				t.Error("active at the end of the agency membership")
			}
		}
		if n := must(h.Memberships.AnnounceEnded(ctx))(t); n != 4 {
			t.Errorf("announced %d, want all 4", n)
		}
	})
}

// TestR30_LeavingWhileBecomingReseller: whoever wins, nobody is left who should not be.
func TestR30_LeavingWhileBecomingReseller(t *testing.T) {
	t.Parallel()
	leave := []func(h agencyHouse, m directory.Member) error{
		func(h agencyHouse, m directory.Member) error {
			return h.Memberships.End(ctx, m.Organization, m.ID, directory.Ending{Choice: directory.EndPending})
		},
		func(h agencyHouse, m directory.Member) error {
			return h.changeErr(m, func(m *directory.Member) { m.SuspendedAt = h.db.Now() })
		},
		func(h agencyHouse, m directory.Member) error {
			return h.changeErr(m, func(m *directory.Member) { m.End = h.db.Now() })
		},
		func(h agencyHouse, m directory.Member) error {
			_, err := h.Users.SetState(ctx, m.User, directory.UserDisabled)
			return err
		},
	}
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newAgencyHouse(t, db, 29)
		for round := range 8 {
			m := h.employee(t, fmt.Sprint("p", round))
			clock.Advance(time.Second)
			got := atOnce(30, func(i int) error {
				if i == 14 {
					return leave[round%len(leave)](h, m)
				}
				_, err := h.Memberships.Create(ctx, h.clients[min(i, 28)].ID, reseller(m.Email))
				return err
			})
			for code := range got {
				if code != "" && code != "not_of_agency" && code != "already_member" {
					t.Errorf("round %d: %v", round, got)
				}
			}
			if n := h.open(t); n != 0 {
				t.Errorf("round %d: %d resellers are left open (%v)", round, n, got)
			}
		}
		var staff []directory.Member
		for i := range 30 {
			staff = append(staff, h.employee(t, fmt.Sprint("q", i)))
		}
		manage := func(by directory.OrganizationID) error {
			_, err := h.Organizations.Change(ctx, h.clients[0].ID, func(o *directory.Organization) error { o.ManagedBy = by; return nil })
			return err
		}
		for round := range 6 { // the relation ends meanwhile
			clock.Advance(time.Second)
			got := atOnce(30, func(i int) error {
				if i == 5*round {
					return manage(directory.OrganizationID{})
				}
				_, err := h.Memberships.Create(ctx, h.clients[0].ID, reseller(staff[i].Email))
				return err
			})
			if n := h.open(t); n != 0 {
				t.Errorf("round %d: %d resellers are left of a relation that is no more (%v)", round, n, got)
			}
			if err := manage(h.agency.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}
