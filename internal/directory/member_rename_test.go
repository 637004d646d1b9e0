package directory_test

import (
	"encoding/json"
	"errors"
	"testing"

	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// TestOnlyTheHomeRenames the sign-in address, and only into its verified domains; elsewhere the user name changes alone.
func TestOnlyTheHomeRenames(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		kari := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		must(h.Memberships.Create(ctx, h.home.ID, person("Per@nordlys.example")))(t)
		abroad := must(h.Memberships.Create(ctx, h.another.ID, person("kari@nordlys.example")))(t)
		must(h.Memberships.Accept(ctx, abroad.User, abroad.ID))(t)
		to := func(email string) func(*directory.Member) {
			return func(m *directory.Member) { m.UserName, m.Email = email, email }
		}
		sign := func() string { return must(h.Users.ByID(ctx, kari.User))(t).Email.Address }

		got := h.change(t, abroad, to("kari@evil.example"))
		if got.Email != "kari@nordlys.example" || got.UserName != "kari@evil.example" || sign() != "kari@nordlys.example" {
			t.Errorf("another organization renamed: %q, %q", got.Email, sign())
		}
		got = h.change(t, abroad, to("per@nordlys.example")) // somebody else's: nothing shows that somebody has it
		if got.Email != "kari@nordlys.example" || sign() != "kari@nordlys.example" {
			t.Errorf("another organization renamed: %q, %q", got.Email, sign())
		}
		must(h.Organizations.Change(ctx, h.another.ID, func(o *directory.Organization) error { o.Domains = []string{"bjorkvik.example"}; return nil }))(t)
		got = h.change(t, abroad, to("kari@bjorkvik.example")) // into its own domain, where it would read the mail
		if got.Email != "kari@nordlys.example" || sign() != "kari@nordlys.example" {
			t.Errorf("another organization took the person over: %q, %q", got.Email, sign())
		}
		h.change(t, abroad, to("per@nordlys.example"))
		got = h.change(t, kari, to("kari@elsewhere.example"))
		if got.Email != "kari@nordlys.example" || got.UserName != "kari@elsewhere.example" {
			t.Errorf("the home renamed out of its domains: %q", got.Email)
		}
		if err := h.changeErr(kari, func(m *directory.Member) { m.Email = "PER@nordlys.example" }); !errors.Is(err, directory.ErrEmailTaken) {
			t.Errorf("renamed to somebody else: %v", err)
		}
		if n := h.events(t, directory.EventUserEmailChanged); n != 0 {
			t.Errorf("%d events before any change", n)
		}
		got = h.change(t, kari, to("Kari.Nordmann@Nordlys.example"))
		if got.Email != "Kari.Nordmann@Nordlys.example" || sign() != "Kari.Nordmann@Nordlys.example" {
			t.Errorf("the home renamed: %q, %q", got.Email, sign())
		}
		if there := must(h.Memberships.ByID(ctx, h.another.ID, abroad.ID))(t); there.Email != "Kari.Nordmann@Nordlys.example" || there.UserName != "per@nordlys.example" {
			t.Errorf("seen from another organization: %q, %q", there.Email, there.UserName)
		}
		var data string
		if err := db.QueryRow(ctx, "select data from events where kind = $1", directory.EventUserEmailChanged).Scan(&data); err != nil {
			t.Fatal(err)
		}
		var e directory.UserEvent
		if err := json.Unmarshal([]byte(data), &e); err != nil || e.Old != "kari@nordlys.example" || e.New != "Kari.Nordmann@Nordlys.example" || e.User != kari.User.String() {
			t.Errorf("the event says %s", data)
		}
		h.change(t, kari, to("kari.nordmann@nordlys.example")) // the same address, written differently
		if n := h.events(t, directory.EventUserEmailChanged); n != 1 || sign() != "kari.nordmann@nordlys.example" {
			t.Errorf("%d events, %q", n, sign())
		}
		wantCounts(t, atOnce(2, func(i int) error { // two people want one address
			m := kari
			if i == 1 {
				m = must(h.Memberships.ByUserName(ctx, h.home.ID, "per@nordlys.example"))(t)
			}
			return h.changeErr(m, func(m *directory.Member) { m.Email = "boss@nordlys.example" })
		}), map[string]int{"": 1, "email_taken": 1})

		if err := h.Memberships.End(ctx, h.home.ID, kari.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		before := sign()
		h.change(t, kari, to("gone@nordlys.example"))
		if sign() != before {
			t.Errorf("renamed after the end to %q", sign())
		}
	})
}

// TestHomeFollowsTheVerifiedDomain: whoever has given the domain up has no say any more.
func TestHomeFollowsTheVerifiedDomain(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		kari := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		domains := func(o directory.Organization, list ...string) {
			t.Helper()
			must(h.Organizations.Change(ctx, o.ID, func(o *directory.Organization) error { o.Domains = list; return nil }))(t)
		}
		domains(h.home)
		domains(h.another, "Nordlys.example", "nordlys.EXAMPLE")
		rename := func(m *directory.Member) { m.Email = "new@nordlys.example" }
		if got := h.change(t, kari, rename); got.Email != "kari@nordlys.example" {
			t.Errorf("the former home renamed to %q", got.Email)
		}
		if err := h.Memberships.Delete(ctx, h.home.ID, kari.ID); err != nil {
			t.Fatal(err)
		}
		again := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		if again.StateAt(db.Now()) != directory.StateInvited {
			t.Errorf("the former home accepted for the person: %s", again.StateAt(db.Now()))
		}
		if u := must(h.Users.ByID(ctx, kari.User))(t); u.Home != h.another.ID || u.CredentialsEpoch != 1 {
			t.Errorf("home %v, credentials epoch %d", u.Home, u.CredentialsEpoch)
		}
		now := must(h.Memberships.Create(ctx, h.another.ID, person("kari@nordlys.example")))(t)
		if now.StateAt(db.Now()) != directory.StateActive {
			t.Errorf("in the new home: %s", now.StateAt(db.Now()))
		}
		if got := h.change(t, now, rename); got.Email != "new@nordlys.example" {
			t.Errorf("the new home renamed to %q", got.Email)
		}
		domains(h.another)
		fresh := must(h.Memberships.Create(ctx, h.another.ID, person("ola@nordlys.example")))(t)
		if fresh.StateAt(db.Now()) != directory.StateInvited {
			t.Errorf("nobody's domain: %s", fresh.StateAt(db.Now()))
		}
	})
}

// TestInvitationShowsNothingOfThePerson: the answers for a known and an unknown address differ in identifiers alone (R09).
func TestShownAddressIsTheSignInAddress(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		for _, org := range []directory.OrganizationID{h.home.ID, h.another.ID} {
			m := must(h.Memberships.Create(ctx, org, person("Kari@Nordlys.example")))(t)
			for _, name := range []string{"somebody@else.example", "kari", "KARI@nordlys.example", "other@nordlys.example"} {
				said := must(h.Memberships.Change(ctx, org, m.ID, 0, func(m *directory.Member) error { m.UserName = name; return nil }))(t)
				read := must(h.Memberships.ByID(ctx, org, m.ID))(t)
				if said.Email != read.Email {
					t.Errorf("user name %q: the change answers %q, what is read is %q", name, said.Email, read.Email)
				}
				if e, err := directory.ParseEmail(read.Email); err != nil || e.Key != "kari@nordlys.example" {
					t.Errorf("user name %q: shown is %q", name, read.Email)
				}
			}
			if err := h.Memberships.Delete(ctx, org, m.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestInvitationShowsNothingOfThePerson(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		known := must(h.Memberships.Create(ctx, h.home.ID, person("kari@nordlys.example")))(t)
		if err := h.Users.VerifyEmail(ctx, known.User); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"", "the guest"} {
			seen := map[string]bool{}
			for _, email := range []string{"KaRi@Nordlys.example", "NoBody@Nordlys.example"} {
				n := person(email)
				n.UserName = name
				made := must(h.Memberships.Create(ctx, h.another.ID, n))(t)
				read := must(h.Memberships.ByID(ctx, h.another.ID, made.ID))(t)
				for _, m := range []directory.Member{made, read} {
					if m.EmailVerified || m.StateAt(db.Now()) != directory.StateInvited || m.Details.GivenName != "Kari" {
						t.Errorf("%s: %+v", email, m)
					}
					written := m.Email == email
					seen[map[bool]string{true: "as written", false: "otherwise"}[written]] = true
				}
				must(h.Memberships.Change(ctx, h.another.ID, made.ID, made.Version, func(m *directory.Member) error { m.Details.Title = "x"; return nil }))(t)
				if err := h.Memberships.Delete(ctx, h.another.ID, made.ID); err != nil {
					t.Fatal(err)
				}
			}
			if len(seen) != 1 {
				t.Errorf("user name %q: known and unknown people are shown differently: %v", name, seen)
			}
		}
		m := must(h.Memberships.Create(ctx, h.another.ID, person("KARI@nordlys.example")))(t)
		if a := must(h.Memberships.Accept(ctx, m.User, m.ID))(t); a.Email != "kari@nordlys.example" || !a.EmailVerified {
			t.Errorf("accepted: %q, verified %v", a.Email, a.EmailVerified)
		}
	})
}
