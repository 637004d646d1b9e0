package directory_test

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func TestUniqueEmailRace(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		wantCounts(t, atOnce(16, func(i int) error {
			n := person("kari@nordlys.example")
			n.UserName = fmt.Sprint("kari", i) // the person alone is what they share
			_, err := h.Memberships.Create(ctx, h.home.ID, n)
			return err
		}), map[string]int{"": 1, "already_member": 15})

		var orgs []directory.Organization
		for i := range 16 {
			orgs = append(orgs, must(h.Organizations.Create(ctx, directory.Organization{Slug: fmt.Sprint("o", i), Name: "O", Seats: int64(i%2)*3 - 1}))(t))
		}
		wantCounts(t, atOnce(16, func(i int) error {
			_, err := h.Memberships.Create(ctx, orgs[i].ID, person("Ola@elsewhere.example"))
			return err
		}), map[string]int{"": 16})
		if n := h.count(t, "select count(*) from users where email_key = 'ola@elsewhere.example'"); n != 1 {
			t.Errorf("%d users, want 1", n)
		}
		if n := h.count(t, "select count(*) from memberships m join users u on u.id = m.user_id where u.email_key = 'ola@elsewhere.example'"); n != 16 {
			t.Errorf("%d memberships, want 16", n)
		}
	})
}

// TestUniqueNames: user name, external id and single functions have one holder, alone and at the same moment, and the
// refusal says which it was.
func TestUniqueNames(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		var clients []directory.ProvisioningClientID
		for _, name := range []string{"HR", "Payroll"} {
			clients = append(clients, must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: name}, "token-of-"+name))(t).ID)
		}
		make := func(i int, with func(*directory.NewMember)) error {
			n := person(fmt.Sprintf("p%d@nordlys.example", i))
			with(&n)
			_, err := h.Memberships.Create(ctx, h.home.ID, n)
			return err
		}
		wantCounts(t, atOnce(16, func(i int) error {
			return make(i, func(n *directory.NewMember) { n.UserName = []string{"ÅSE", "åse", "a\u030ase", "Åse"}[i%4] })
		}), map[string]int{"": 1, "user_name_taken": 15})
		wantCounts(t, atOnce(16, func(i int) error {
			return make(100+i, func(n *directory.NewMember) { n.ExternalID, n.ManagedBy = "1", clients[i%2] })
		}), map[string]int{"": 2, "external_id_taken": 14})
		wantCounts(t, atOnce(16, func(i int) error {
			return make(200+i, func(n *directory.NewMember) {
				n.ExternalID, n.ManagedBy = fmt.Sprint("x", i), clients[0]
				n.Functions = []directory.Function{directory.MainRecipient, directory.InformationRecipient}
			})
		}), map[string]int{"": 1, "function_taken": 15})

		var members []directory.Member
		for i := range 8 {
			members = append(members, must(h.Memberships.Create(ctx, h.home.ID, person(fmt.Sprintf("q%d@nordlys.example", i))))(t))
		}
		for what, edit := range map[string]func(*directory.Member){
			"user_name_taken":   func(m *directory.Member) { m.UserName = "The Chief" },
			"external_id_taken": func(m *directory.Member) { m.ExternalID, m.ManagedBy = "chief", clients[0] },
			"function_taken":    func(m *directory.Member) { m.Functions = []directory.Function{directory.InvoiceRecipient} },
		} {
			wantCounts(t, atOnce(8, func(i int) error { return h.changeErr(members[i], edit) }), map[string]int{"": 1, what: 7})
			err := db.Update(ctx, func(tx *sqldb.Tx) error { // the same inside another's transaction, which can go on
				for _, m := range members {
					_, err := h.WithTx(tx).Memberships.Change(ctx, h.home.ID, m.ID, 0, func(m *directory.Member) error { edit(m); return nil })
					if code := codeOf(err); code != "" && code != what {
						t.Errorf("inside a transaction: %q, want %q", code, what)
					}
				}
				return nil
			})
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		err := db.Update(ctx, func(tx *sqldb.Tx) error {
			n := person("r@nordlys.example")
			n.UserName = "THE CHIEF"
			if _, err := h.WithTx(tx).Memberships.Create(ctx, h.home.ID, n); !errors.Is(err, directory.ErrUserNameTaken) {
				t.Errorf("inside a transaction: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		n := person("s@nordlys.example") // the neighbour has its own names
		n.UserName, n.Functions = "the chief", []directory.Function{directory.InvoiceRecipient, directory.MainRecipient}
		must(h.Memberships.Create(ctx, h.another.ID, n))(t)
	})
}

// TestFunctionOfAnEndedMemberIsFree: at once, whether the end was somebody's act or passed by itself.
func TestFunctionOfAnEndedMemberIsFree(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		n := person("ola@nordlys.example")
		n.Kind, n.End, n.Functions = directory.External, db.Now().Add(time.Hour), []directory.Function{directory.MainRecipient}
		must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		kari := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		take := func(m *directory.Member) { m.Functions = []directory.Function{directory.MainRecipient} }
		if err := h.changeErr(kari, take); !errors.Is(err, directory.ErrFunctionTaken) {
			t.Errorf("taken twice: %v", err)
		}
		clock.Advance(time.Hour)
		h.change(t, kari, take)
		if err := h.Memberships.End(ctx, h.home.ID, kari.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		n = person("per@nordlys.example")
		n.Functions = []directory.Function{directory.MainRecipient}
		must(h.Memberships.Create(ctx, h.home.ID, n))(t)
	})
}

// TestEditsWithoutVersionAllLand: nothing is lost and nobody is told to try again.
func TestEditsWithoutVersionAllLand(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		m := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		increment := func(m *directory.Member) error {
			n, _ := strconv.Atoi(m.Details.CostCenter)
			m.Details.CostCenter = strconv.Itoa(n + 1)
			return nil
		}
		wantCounts(t, atOnce(32, func(i int) error {
			if i%2 == 0 {
				return db.Update(ctx, func(tx *sqldb.Tx) error {
					_, err := h.WithTx(tx).Memberships.Change(ctx, h.home.ID, m.ID, 0, increment)
					return err
				})
			}
			_, err := h.Memberships.Change(ctx, h.home.ID, m.ID, 0, increment)
			return err
		}), map[string]int{"": 32})
		if got := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t); got.Details.CostCenter != "32" || got.Version != m.Version+32 {
			t.Errorf("counted to %s, version %d", got.Details.CostCenter, got.Version)
		}
		got := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t)
		wantCounts(t, atOnce(16, func(int) error {
			_, err := h.Memberships.Change(ctx, h.home.ID, m.ID, got.Version, increment)
			return err
		}), map[string]int{"": 1, "stale": 15})
		wantCounts(t, atOnce(16, func(i int) error { // an end has no version: it never comes too late
			if i == 7 {
				return h.Memberships.End(ctx, h.home.ID, m.ID, directory.Ending{Choice: directory.EndPending})
			}
			_, err := h.Memberships.Change(ctx, h.home.ID, m.ID, 0, increment)
			return err
		}), map[string]int{"": 16})
		if got := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t); got.Details.CostCenter != "48" || got.StateAt(db.Now()) != directory.StateEnded {
			t.Errorf("counted to %s, %s", got.Details.CostCenter, got.StateAt(db.Now()))
		}
	})
}

// TestAcceptAgainstDecline: the person's two answers at the same moment are one.
func TestAcceptAgainstDecline(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		for i := range 6 {
			m := must(h.Memberships.Create(ctx, h.another.ID, person(fmt.Sprintf("p%d@elsewhere.example", i))))(t)
			wantCounts(t, atOnce(4, func(i int) error {
				if i%2 == 0 {
					return h.Memberships.Decline(ctx, m.User, m.ID)
				}
				_, err := h.Memberships.Accept(ctx, m.User, m.ID)
				return err
			}), map[string]int{"": 1, "member_not_found": 3})
		}
	})
}

// TestEveryEndIsAnnouncedOnce, however many ask; and one that was moved meanwhile is not announced.
func TestEveryEndIsAnnouncedOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		var members []directory.Member
		for range 40 {
			members = append(members, directory.Member{Kind: directory.External, Start: db.Now(), End: db.Now().Add(time.Hour), AcceptedAt: db.Now()})
		}
		members = h.fill(t, h.home.ID, members)
		clock.Advance(time.Hour)
		var mu sync.Mutex
		announced := 0
		wantCounts(t, atOnce(16, func(i int) error {
			if i >= 8 {
				return h.changeErr(members[i], func(m *directory.Member) { m.End = db.Now().Add(time.Hour) })
			}
			n, err := h.Memberships.AnnounceEnded(ctx)
			mu.Lock()
			announced += n
			mu.Unlock()
			return err
		}), map[string]int{"": 16})
		if n := h.events(t, directory.EventMembershipEnded); int(n) != announced || n < 32 || n > 40 {
			t.Errorf("%d announced, %d events", announced, n)
		}
		for _, m := range members[8:16] {
			if got := must(h.Memberships.ByID(ctx, h.home.ID, m.ID))(t); !got.ActiveAt(db.Now()) || !got.AnnouncedAt.IsZero() || got.Epoch == m.Epoch {
				t.Errorf("revived: %s, announced %v, epoch %d", got.StateAt(db.Now()), got.AnnouncedAt, got.Epoch)
			}
		}
	})
}

// TestMixedOperationsInParallel: whatever meets whatever, each call succeeds or is refused for a reason of its own.
func TestMixedOperationsInParallel(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, 20)
		admin := person("admin@nordlys.example")
		admin.Administrator = true
		must(h.Memberships.Create(ctx, h.home.ID, admin))(t)
		email := func(i int) string { return fmt.Sprintf("p%d@nordlys.example", i%6) }
		find := func(i int) (directory.Member, error) {
			return h.Memberships.ByEmail(ctx, h.home.ID, must(directory.ParseEmail(email(i)))(t))
		}
		edit := func(i int, e func(*directory.Member)) error {
			m, err := find(i)
			if err != nil {
				return err
			}
			return h.changeErr(m, e)
		}
		operations := []func(i int) error{
			func(i int) error { _, err := h.Memberships.Create(ctx, h.home.ID, person(email(i))); return err },
			func(i int) error { _, err := h.Memberships.Create(ctx, h.another.ID, person(email(i))); return err },
			func(i int) error { return edit(i, func(m *directory.Member) { m.SuspendedAt = db.Now() }) },
			func(i int) error { return edit(i, func(m *directory.Member) { m.SuspendedAt = time.Time{} }) },
			func(i int) error { return edit(i, func(m *directory.Member) { m.Details.Title += "x" }) },
			func(i int) error { return edit(i, func(m *directory.Member) { m.Administrator = !m.Administrator }) },
			func(i int) error {
				return edit(i, func(m *directory.Member) { m.Functions = []directory.Function{directory.MainRecipient} })
			},
			func(i int) error { return edit(i, func(m *directory.Member) { m.Email = email(i + 1) }) },
			func(i int) error {
				m, err := find(i)
				if err != nil {
					return err
				}
				return h.Memberships.Delete(ctx, h.home.ID, m.ID)
			},
			func(i int) error {
				m, err := find(i)
				if err != nil {
					return err
				}
				_, err = h.Users.EndSessions(ctx, m.User, "test")
				return err
			},
			func(int) error { _, err := h.Memberships.AnnounceEnded(ctx); return err },
			func(int) error {
				_, err := h.Organizations.Change(ctx, h.home.ID, func(o *directory.Organization) error { o.Seats = 41 - o.Seats; return nil })
				return err
			},
		}
		for round := range 4 {
			for code, n := range atOnce(30, func(i int) error { return operations[(i+round)%len(operations)](i / 2) }) {
				switch code {
				case "", "already_member", "member_not_found", "last_administrator", "function_taken", "email_taken", "user_name_taken":
				default:
					t.Errorf("%d times %s", n, code)
				}
			}
		}
		if n := h.count(t, `select count(*) from (select organization_id, user_id from memberships where deleted_at is null
			group by organization_id, user_id having count(*) > 1) twice`); n > 0 {
			t.Errorf("%d people are members twice", n)
		}
	})
}
