package directory_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/audit"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/outbox"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// known is somebody of whom a lot is known, in two organizations.
func known(t *testing.T, h house) (here, there directory.Member) {
	t.Helper()
	p := person("kari.unik@nordlys.example")
	p.ExternalID, p.UserName = "ext-unik-77", "kari.unik"
	client := must(h.ProvisioningClients.Create(ctx, directory.ProvisioningClient{Organization: h.home.ID, Name: "HR"}, "a-token-long-enough-for-it"))(t)
	p.ManagedBy = client.ID
	p.Details.FamilyName, p.Details.Phones = "Unikmann", []directory.Contact{{Value: "+4790000077"}}
	p.Details.Addresses = []directory.Address{{Formatted: "Unikgata 7", Street: "Unikgata 7", Locality: "Unikgata", Region: "Unikgata", PostalCode: "Unikgata", Country: "Unikgata", Type: "Unikgata"}}
	here = must(h.Memberships.Create(ctx, h.home.ID, p))(t)
	guest := person("kari.unik@nordlys.example")
	guest.Details.FamilyName = "Unikmann"
	there = must(h.Memberships.Create(ctx, h.another.ID, guest))(t)
	return here, there
}

var personalWords = []string{"kari.unik", "unikmann", "+4790000077", "unikgata", "ext-unik-77", "192.0.2.77", "unik/7"}

// TestR33_ErasureLeavesNothing goes through every column of every table, before and after.
func TestR33_ErasureLeavesNothing(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		here, there := known(t, h)
		self := actor.With(ctx, actor.Actor{Kind: actor.Person, ID: here.User.String(), Address: "192.0.2.77", UserAgent: "Unik/7"})
		if err := h.Users.SetDetails(self, here.User, directory.Details{FamilyName: "Unikmann", Addresses: []directory.Address{{Street: "Unikgata 7"}}}); err != nil {
			t.Fatal(err)
		}
		must(h.Memberships.Change(self, h.home.ID, here.ID, 0, func(m *directory.Member) error {
			m.Email, m.Details.Phones = "kari.unik2@nordlys.example", nil
			return nil
		}))(t)
		chief := must(h.Memberships.Create(ctx, h.home.ID, person("ola@nordlys.example")))(t)
		must(h.Memberships.Change(ctx, h.home.ID, chief.ID, 0, func(m *directory.Member) error { m.ManagerText = "kari.unik"; return nil }))(t)
		if found := testenv.Find(t, db, personalWords...); len(found) < 10 || strings.Count(strings.Join(found, ""), "member_addresses.") != 7 {
			t.Fatalf("the search finds too little before: %v", found)
		}

		asked := must(h.Users.RequestErasure(ctx, here.User))(t)
		if again := must(h.Users.RequestErasure(ctx, here.User))(t); again.ID != asked.ID {
			t.Error("asking again made another request")
		}
		must(h.Users.ConfirmErasure(ctx, asked.ID))(t)
		forget(t, db)
		for _, where := range testenv.Find(t, db, personalWords...) {
			t.Error(where)
		}
		u := must(h.Users.ByID(ctx, here.User))(t)
		if u.State != directory.UserErased || u.Operator || !strings.HasSuffix(u.Email.Address, "@erased.invalid") {
			t.Errorf("user %+v", u)
		}
		for _, m := range []directory.Member{here, there} {
			if _, err := h.Memberships.ByID(ctx, m.Organization, m.ID); !errors.Is(err, directory.ErrMemberNotFound) {
				t.Errorf("the membership: %v", err)
			}
		}
		attributable(t, db, h, here)

		// There is no way back, and the address makes somebody new.
		if _, err := h.Users.ConfirmErasure(ctx, asked.ID); !errors.Is(err, directory.ErrErasureNotFound) {
			t.Errorf("confirmed twice: %v", err)
		}
		if err := h.Users.WithdrawErasure(ctx, asked.ID); !errors.Is(err, directory.ErrErasureNotFound) {
			t.Errorf("withdrawn after: %v", err)
		}
		if _, err := h.Users.RequestErasure(ctx, here.User); !errors.Is(err, directory.ErrErased) {
			t.Errorf("asked for again: %v", err)
		}
		if err := h.Users.SetDetails(ctx, here.User, directory.Details{GivenName: "Kari"}); !fault.Is(err, fault.NotFound) {
			t.Errorf("details of nobody: %v", err)
		}
		if fresh := must(h.Memberships.Create(ctx, h.home.ID, person("kari.unik2@nordlys.example")))(t); fresh.User == here.User {
			t.Error("the address makes the erased person a member again")
		}
		if _, err := h.Memberships.Create(ctx, h.home.ID, person(u.Email.Address)); !fault.Is(err, fault.Invalid) {
			t.Errorf("the pseudonym is taken for an address: %v", err)
		}
	})
}

// attributable: what the person did is still told of the same id, and the chain is whole.
func attributable(t *testing.T, db *sqldb.DB, h house, m directory.Member) {
	t.Helper()
	page := must(audit.List(ctx, db, h.home.ID, audit.Filter{ActorID: m.User.String()}, audit.Ask{}))(t)
	if len(page.Records) != 1 || !page.Records[0].Erased || len(page.Records[0].Changes) > 0 || page.Records[0].Object != m.ID.String() {
		t.Errorf("what the person did in the organization: %+v", page.Records)
	}
	s := audit.NewSealer(audit.Config{DB: db})
	for n := 1; n > 0; {
		n = must(s.Seal(ctx))(t)
	}
	v := must(audit.NewVerifier(ctx, db, nil))(t)
	if err := errors.Join(v.Chain(ctx, h.home.ID.String(), h.home.ID), v.Chain(ctx, audit.Installation, [16]byte{})); err != nil || len(v.Found().Findings) > 0 {
		t.Errorf("the chain after erasure: %+v, %v", v.Found().Findings, err)
	}
}

// forget delivers what the rooms above the directory would do with the event.
func forget(t *testing.T, db *sqldb.DB) {
	t.Helper()
	o := outbox.New(db, slog.New(slog.DiscardHandler))
	told := 0
	o.Subscribe(directory.EventUserErased, "test", func(ctx context.Context, e outbox.Event) error {
		told++
		var about directory.UserEvent
		if err := json.Unmarshal(e.Data, &about); err != nil || about.User != e.Subject {
			t.Errorf("event %s, %v", e.Data, err)
		}
		n, err := audit.ForgetOrigins(ctx, db, e.Subject)
		if n == 0 {
			t.Error("no origin was forgotten")
		}
		return err
	})
	if err := o.Drain(ctx); err != nil || told != 1 {
		t.Fatalf("told %d times, %v", told, err)
	}
}

func TestR33_ErasureIsTwoStepsAndAudited(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		here, _ := known(t, h)
		first := must(h.Users.RequestErasure(ctx, here.User))(t)
		if u := must(h.Users.ByID(ctx, here.User))(t); u.State != directory.UserActive {
			t.Errorf("the first step erased already: %+v", u)
		}
		if err := h.Users.WithdrawErasure(ctx, first.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Users.ConfirmErasure(ctx, first.ID); !errors.Is(err, directory.ErrErasureNotFound) {
			t.Errorf("confirmed after it was withdrawn: %v", err)
		}
		second := must(h.Users.RequestErasure(ctx, here.User))(t)
		must(h.Users.ConfirmErasure(ctx, second.ID))(t)
		var got []string
		for _, r := range must(audit.List(ctx, db, directory.OrganizationID{}, audit.Filter{Object: here.User.String()}, audit.Ask{}))(t).Records {
			if strings.HasPrefix(r.Action, "user.eras") {
				got = append(got, r.Action)
			}
		}
		if len(got) != 4 {
			t.Errorf("entries %v, want two requests, a withdrawal and the erasure", got)
		}
	})
}

func TestR33_TheLastAdministratorIsNotErased(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		p := person("chief@nordlys.example")
		p.Administrator = true
		chief := must(h.Memberships.Create(ctx, h.home.ID, p))(t)
		if _, err := h.Users.RequestErasure(ctx, chief.User); !errors.Is(err, directory.ErrLastAdministrator) {
			t.Errorf("asked for: %v", err)
		}
		p = person("deputy@nordlys.example")
		p.Administrator = true
		deputy := must(h.Memberships.Create(ctx, h.home.ID, p))(t)
		asked := must(h.Users.RequestErasure(ctx, chief.User))(t)
		if err := h.Memberships.End(ctx, h.home.ID, deputy.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Users.ConfirmErasure(ctx, asked.ID); !errors.Is(err, directory.ErrLastAdministrator) {
			t.Errorf("confirmed: %v", err)
		}
		if m := must(h.Memberships.ByID(ctx, h.home.ID, chief.ID))(t); !m.ActiveAt(db.Now()) || m.Details.GivenName != "Kari" {
			t.Errorf("a refused erasure changed the member: %+v", m)
		}
	})
}

// TestR33_ErasureHappensOnce: thirty confirmations, while others make the person a member and change details.
func TestR33_ErasureHappensOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		here, there := known(t, h)
		var others []directory.Organization
		for _, slug := range []string{"o1", "o2", "o3", "o4", "o5"} {
			others = append(others, must(h.Organizations.Create(ctx, directory.Organization{Slug: slug, Name: slug, Seats: directory.UnlimitedSeats}))(t))
		}
		asked := must(h.Users.RequestErasure(ctx, here.User))(t)
		var done atomic.Int64
		var group sync.WaitGroup
		for i := range 30 {
			group.Go(func() {
				_, err := h.Users.ConfirmErasure(ctx, asked.ID)
				switch {
				case err == nil:
					done.Add(1)
				case !errors.Is(err, directory.ErrErasureNotFound):
					t.Error(err)
				}
			})
			if i < len(others) {
				group.Go(func() { _, _ = h.Memberships.Create(ctx, others[i].ID, person("kari.unik@nordlys.example")) })
			}
			if i < 5 {
				group.Go(func() {
					_, _ = h.Memberships.Change(ctx, h.another.ID, there.ID, 0, func(m *directory.Member) error {
						m.Details.FamilyName = "Unikmann " + time.Duration(i).String()
						return nil
					})
				})
				group.Go(func() { _ = h.Users.SetDetails(ctx, here.User, directory.Details{FamilyName: "Unikmann"}) })
			}
		}
		group.Wait()
		if done.Load() != 1 {
			t.Errorf("erased %d times", done.Load())
		}
		var n int64
		if err := db.QueryRow(ctx, `select count(*) from memberships where user_id = $1 and (deleted_at is null or details <> '{}')`, here.User).Scan(&n); err != nil || n > 0 {
			t.Errorf("%d memberships of the erased person are left, %v", n, err)
		}
		if u := must(h.Users.ByID(ctx, here.User))(t); u.State != directory.UserErased || u.Details.FamilyName != "" {
			t.Errorf("user %+v", u)
		}
	})
}

// TestR33_AnErasureThatIsWaitedForCountsAfterwards: somebody makes the person a member while the erasure is about to be
// committed, and has read that the person is there.
func TestR33_AnErasureThatIsWaitedForCountsAfterwards(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		m := must(h.Memberships.Create(ctx, h.home.ID, person("kari.unik@nordlys.example")))(t)
		asked := must(h.Users.RequestErasure(ctx, m.User))(t)
		made := make(chan error, 1)
		if err := db.Update(ctx, func(tx *sqldb.Tx) error {
			if _, err := h.WithTx(tx).Users.ConfirmErasure(ctx, asked.ID); err != nil {
				return err
			}
			go func() {
				_, err := h.Memberships.Create(ctx, h.another.ID, person("kari.unik@nordlys.example"))
				made <- err
			}()
			for n := int64(0); n == 0 && db.Engine() == sqldb.PostgreSQL; { // until it waits for the person's row
				if err := db.QueryRow(ctx, `select count(*) from pg_locks where not granted`).Scan(&n); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		err := <-made
		var n int64
		if err := db.QueryRow(ctx, `select count(*) from memberships where user_id = $1 and deleted_at is null`, m.User).Scan(&n); err != nil || n > 0 {
			t.Errorf("%d memberships of the erased person, %v", n, err)
		}
		if db.Engine() == sqldb.PostgreSQL && err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("making a member of the erased person: %v", err)
		}
	})
}
