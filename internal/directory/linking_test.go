package directory_test

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// known is somebody whom the home knows well, and of whom nobody else is to learn anything.
func (h house) known(t *testing.T) directory.Member {
	t.Helper()
	m := must(h.Memberships.Create(ctx, h.home.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "Kari@nordlys.example",
		Details: directory.Details{GivenName: "Kari", FamilyName: "Nordmann", Title: "Chief", Locale: "nb",
			Phones: []directory.Contact{{Value: "+4790000001", Type: "work", Primary: true}}}}}))(t)
	check(t, h.Users.SetDetails(ctx, m.User, m.Details))
	return m
}

func TestR09_KnownAndUnknownAreInvitedAlike(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		was := h.known(t)
		got := h.invite(t, h.another.ID, directory.Batch{People: invitees("kari@NORDLYS.example", "nobody@NORDLYS.example")})
		if got[0].Fault != nil || got[1].Fault != nil {
			t.Fatalf("outcomes %+v", got)
		}
		seen := func() (members []directory.Member) {
			for _, o := range got {
				m := must(h.Memberships.ByID(ctx, h.another.ID, o.Membership))(t)
				m.ID, m.User = directory.MembershipID{}, directory.UserID{}
				m.Email, m.UserName = m.Email[4:], m.UserName[4:]
				members = append(members, m)
			}
			return members
		}
		if all := seen(); !reflect.DeepEqual(all[0], alike(all[0], all[1])) {
			t.Errorf("the organization sees\n%+v\nof a known and\n%+v\nof an unknown person", all[0], all[1])
		}
		var listed []directory.Invitation
		for _, i := range must(h.Invitations.List(ctx, h.another.ID, directory.InvitationQuery{}))(t) {
			if i.Details.Title != "" || i.Details.Name() != "Ola Berg" || len(i.Details.Phones) != 0 || i.StateAt(db.Now()) != directory.InvitationCreated {
				t.Errorf("listed %+v", i)
			}
			listed = append(listed, i)
		}
		if len(listed) != 2 || listed[0].Kind != listed[1].Kind || !listed[0].AcceptBy.Equal(listed[1].AcceptBy) {
			t.Errorf("listed %+v", listed)
		}
		st := must(h.Memberships.Standing(ctx, got[0].Membership))(t)
		if st.User != was.User {
			t.Error("one address made two people")
		}
		again := h.invite(t, h.another.ID, directory.Batch{People: invitees("kari@nordlys.example", "nobody@nordlys.example")})
		for _, o := range again {
			if o.Fault == nil || o.Fault.Code != "already_member" {
				t.Errorf("invited twice: %+v", o)
			}
		}
	})
}

// alike gives b what must differ between any two members.
func alike(a, b directory.Member) directory.Member {
	b.Email, b.UserName = a.Email, a.UserName
	return b
}

// TestR09_AKnownAddressCostsWhatAnUnknownOneDoes: the statements are the same, so the time tells nothing. A busy machine may
// disturb one round; a real difference shows in each.
func TestR09_AKnownAddressCostsWhatAnUnknownOneDoes(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		const n = 60
		took := func(address string) time.Duration {
			begun := time.Now()
			h.invited(t, address)
			return time.Since(begun)
		}
		for round := range 4 {
			var known, unknown []time.Duration
			for i := range n {
				address := fmt.Sprintf("known%d-%d@nordlys.example", round, i)
				must(h.Memberships.Create(ctx, h.home.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: address}}))(t)
				known = append(known, took(address))
				unknown = append(unknown, took("un"+address))
			}
			slices.Sort(known)
			slices.Sort(unknown)
			a, b := known[n/2], unknown[n/2]
			t.Logf("known %s, unknown %s", a, b)
			if ratio := float64(a) / float64(b); ratio < 1.7 && ratio > 1/1.7 {
				return
			}
		}
		t.Error("a known address takes another time than an unknown one")
	})
}

func TestR08_WhatAPersonIsInOneOrganizationSaysNothingInAnother(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		h.packages(t)
		home := h.known(t)
		o := h.invite(t, h.another.ID, directory.Batch{Kind: directory.External, End: db.Now().Add(time.Hour), Packages: []string{"accountant"},
			People: invitees("kari@nordlys.example")})[0]
		guest := must(h.Memberships.Accept(ctx, home.User, o.Membership))(t)
		if guest.User != home.User || !guest.ActiveAt(db.Now()) || !slices.Equal(guest.Packages, []string{"accountant"}) || guest.Details.Name() != "Ola Berg" {
			t.Errorf("guest %+v", guest)
		}
		at := must(h.Memberships.ByID(ctx, h.home.ID, home.ID))(t)
		if len(at.Packages) != 0 || at.Kind != directory.Employee || at.Version != home.Version {
			t.Errorf("at home %+v", at)
		}
		check(t, h.Memberships.End(ctx, h.another.ID, guest.ID, directory.Ending{Choice: directory.EndPending}))
		at = must(h.Memberships.ByID(ctx, h.home.ID, home.ID))(t)
		if !at.ActiveAt(db.Now()) || at.Epoch != home.Epoch {
			t.Errorf("the end elsewhere touched the home: %+v", at)
		}
	})
}

// TestR25_AKnownAddressIsNeverADeadEnd: whatever became of earlier invitations, the person can be asked again.
func TestR25_AKnownAddressIsNeverADeadEnd(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		kari := h.known(t)
		const email = "kari@nordlys.example"
		check(t, h.Memberships.Decline(ctx, kari.User, h.invited(t, email).Membership))
		check(t, h.Invitations.Withdraw(ctx, h.another.ID, h.invited(t, email).Membership))
		check(t, h.Memberships.Delete(ctx, h.another.ID, h.invited(t, email).Membership))
		h.invited(t, email)
		clock.Advance(directory.AcceptWithin)
		m := must(h.Memberships.Accept(ctx, kari.User, h.invited(t, email).Membership))(t)
		check(t, h.Memberships.End(ctx, h.another.ID, m.ID, directory.Ending{Choice: directory.EndPending}))
		if last := h.invited(t, email); h.user(t, last) != kari.User {
			t.Error("somebody else was invited")
		}
		ok := make([]bool, 30)
		var group sync.WaitGroup
		other := must(h.Organizations.Create(ctx, directory.Organization{Slug: "third", Name: "Third", Seats: directory.UnlimitedSeats}))(t)
		for i := range ok {
			group.Go(func() {
				o, err := h.Invitations.Invite(ctx, other.ID, directory.Batch{People: invitees(email)})
				ok[i] = err == nil && o[0].Fault == nil
				if err != nil || o[0].Fault != nil && o[0].Fault.Code != "already_member" {
					t.Errorf("at the same moment: %v, %+v", err, o)
				}
			})
		}
		group.Wait()
		if n := len(slices.DeleteFunc(ok, func(b bool) bool { return !b })); n != 1 {
			t.Errorf("%d invitations at the same moment", n)
		}
	})
}

func TestR37_OrganizationsDoNotOverridePreferences(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		n := person("kari@nordlys.example")
		n.Details.Locale, n.Details.Timezone = "nb", "Europe/Oslo"
		m := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		shown := func() directory.Details { st := must(h.Memberships.Standing(ctx, m.ID))(t); return st.Shown() }
		if d := shown(); d.Locale != "nb" || d.Timezone != "Europe/Oslo" || d.Name() != "Kari Nordmann" {
			t.Errorf("without preferences: %+v", d)
		}
		check(t, h.Users.SetPreferences(ctx, m.User, directory.Preferences{Language: "sv-SE", NameForm: directory.FamilyGiven, TimeZone: "Europe/Stockholm"}))
		must(h.Memberships.Change(ctx, h.home.ID, m.ID, 0, func(m *directory.Member) error { m.Details.Locale = "de"; return nil }))(t)
		if d := shown(); d.Locale != "sv-SE" || d.Timezone != "Europe/Stockholm" || d.Name() != "Nordmann Kari" {
			t.Errorf("with preferences: %+v", d)
		}
		check(t, h.Users.SetPreferences(ctx, m.User, directory.Preferences{}))
		if d := shown(); d.Locale != "de" || d.Timezone != "Europe/Oslo" || d.Name() != "Kari Nordmann" {
			t.Errorf("preferences taken back: %+v", d)
		}
		for _, c := range []struct {
			p     directory.Preferences
			field string
		}{
			{directory.Preferences{Language: "no such tag"}, "language"}, {directory.Preferences{NameForm: "shouted"}, "name_form"},
			{directory.Preferences{TimeZone: "Mars/Olympus"}, "time_zone"}, {directory.Preferences{TimeZone: "Local"}, "time_zone"},
			{directory.Preferences{TimeZone: "../../etc/passwd"}, "time_zone"}, {directory.Preferences{TimeZone: "Europe/Oslo\x00"}, "time_zone"},
		} {
			if err := h.Users.SetPreferences(ctx, m.User, c.p); !fault.Is(err, fault.Invalid) || fault.Of(err).Field != c.field {
				t.Errorf("%+v: %v", c.p, err)
			}
		}
	})
}

// TestR37_PreferencesKeepOtherDetails: only the three change, however many write at once.
func TestR37_PreferencesKeepOtherDetails(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		m := h.known(t)
		var group sync.WaitGroup
		for i := range 30 {
			group.Go(func() {
				p := directory.Preferences{Language: "nb", TimeZone: "Europe/Oslo"}
				if i%2 == 0 {
					p = directory.Preferences{Language: "de", TimeZone: "Europe/Berlin"}
				}
				if err := h.Users.SetPreferences(ctx, m.User, p); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		d := must(h.Users.ByID(ctx, m.User))(t).Details
		p := d.Preferences()
		if d.Title != "Chief" || d.Phone() != "+4790000001" || (p.Language == "nb") != (p.TimeZone == "Europe/Oslo") {
			t.Errorf("details %+v", d)
		}
	})
}
