package directory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"portvakt/internal/actor"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

// The tests here are of what two parts of the directory ask of each other.

// TestWall121_WhoeverBringsSomebodyInAnswersForIt: an appointment and a contact's step to a user are invitations of whoever
// makes them, whoever made the row.
func TestWall121_WhoeverBringsSomebodyInAnswersForIt(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		chief := func(email string) directory.Member {
			return must(h.Memberships.Create(ctx, h.another.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: email, Administrator: true}}))(t)
		}
		first, second := chief("first@x.example"), chief("second@x.example")
		operator := must(h.Memberships.Create(ctx, h.home.ID, person("operator@nordlys.example")))(t)
		check(t, h.Users.SetOperator(ctx, operator.User, directory.IsOperator))
		asOperator := actor.With(ctx, actor.Actor{Kind: actor.Operator, ID: operator.User.String()})

		appointed := must(h.Memberships.Create(by(first), h.another.ID, person("appointed@x.example")))(t)
		installed := must(h.Memberships.Create(by(first), h.another.ID, person("installed@x.example")))(t)
		contact := directory.NewMember{Member: directory.Member{Kind: directory.ContactOnly, UserName: "a friend"}}
		made := must(h.Memberships.Create(by(first), h.another.ID, contact))(t)
		contact.UserName = "another friend"
		unclaimed := must(h.Memberships.Create(ctx, h.another.ID, contact))(t)
		step := func(as context.Context, m directory.Member, email string) directory.Member {
			return must(h.Memberships.Change(as, h.another.ID, m.ID, 0, func(m *directory.Member) error {
				m.Kind, m.Email = directory.Employee, email
				return nil
			}))(t)
		}
		made = step(by(second), made, "friend@x.example")
		unclaimed = step(by(first), unclaimed, "enemy@x.example")
		h.change(t, must(h.Memberships.ByID(ctx, h.another.ID, first.ID))(t), func(m *directory.Member) { m.Administrator = false })

		must(h.Memberships.Appoint(asOperator, h.another.ID, directory.Appointment{Membership: appointed.ID, Reason: "the founder has left"}))(t)
		must(h.Memberships.Appoint(ctx, h.another.ID, directory.Appointment{Email: "installed@x.example", Reason: "the founder has left"}))(t)
		for _, m := range []directory.Member{appointed, installed, made} {
			if got, err := h.Memberships.Accept(ctx, m.User, m.ID); err != nil || !got.ActiveAt(db.Now()) {
				t.Errorf("%s: %v", m.UserName, err)
			}
		}
		if _, err := h.Memberships.Accept(ctx, unclaimed.User, unclaimed.ID); !errors.Is(err, directory.ErrInvitationVoid) {
			t.Errorf("invited by somebody who may no more, through a contact of the installation's: %v", err)
		}
	})
}

// TestWall118_AResellersInvitationsEndWithTheAgency: user administration counts while the agency does.
func TestWall118_AResellersInvitationsEndWithTheAgency(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newAgencyHouse(t, db, 1)
		client := h.clients[0].ID
		h.employee(t, "anna")
		anna := h.serves(t, 0, "anna@tallsmia.example")
		plain := must(h.Memberships.Create(by(anna), client, person("early@x.example")))(t)
		if _, err := h.Memberships.Accept(ctx, plain.User, plain.ID); !errors.Is(err, directory.ErrInvitationVoid) {
			t.Errorf("invited by a reseller without user administration: %v", err)
		}
		h.change(t, anna, func(m *directory.Member) { m.Reseller.UserAdministration = true })
		before := must(h.Memberships.Create(by(anna), client, person("before@x.example")))(t)
		after := must(h.Memberships.Create(by(anna), client, person("after@x.example")))(t)
		must(h.Memberships.Accept(ctx, before.User, before.ID))(t)
		must(h.Organizations.Change(ctx, h.agency.ID, func(o *directory.Organization) error { o.Suspended = true; return nil }))(t)
		if _, err := h.Memberships.Accept(ctx, after.User, after.ID); !errors.Is(err, directory.ErrInvitationVoid) {
			t.Errorf("the agency is suspended: %v", err)
		}
	})
}

// TestWall065_WhatAResellerMadeEndsAtTheShorterEnd: at the moment itself, before any worker has told of it.
func TestWall065_WhatAResellerMadeEndsAtTheShorterEnd(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newAgencyHouse(t, db, 1)
		client := h.clients[0].ID
		at := h.employee(t, "anna")
		anna := h.serves(t, 0, "anna@tallsmia.example")
		must(h.ProvisioningClients.Create(by(anna), directory.ProvisioningClient{Organization: client, Name: "HR", MayUsers: true}, "token-of-anna"))(t)
		h.change(t, at, func(m *directory.Member) { m.End = db.Now().Add(time.Hour) })
		must(h.ProvisioningClients.Authenticate(ctx, "token-of-anna"))(t)
		clock.Advance(time.Hour)
		if _, err := h.ProvisioningClients.Authenticate(ctx, "token-of-anna"); codeOf(err) == "" {
			t.Error("what she made outlives her membership in the agency")
		}
	})
}

// TestWall065_DisablingAPersonEndsWhatTheyMade as a guest; employees' work is the organization's.
func TestWall065_DisablingAPersonEndsWhatTheyMade(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		guest := h.guest(t, "guest@agency.example", directory.External, clock.Now().Add(24*time.Hour))
		own := must(h.Memberships.Create(ctx, h.home.ID, person("own@nordlys.example")))(t)
		for token, m := range map[string]directory.Member{"of-guest": guest, "of-own": own} {
			must(h.ProvisioningClients.Create(by(m), directory.ProvisioningClient{Organization: h.home.ID, Name: token, MayUsers: true}, token))(t)
			must(h.Users.SetState(ctx, m.User, directory.UserDisabled))(t)
			if _, err := h.ProvisioningClients.Create(by(m), directory.ProvisioningClient{Organization: h.home.ID, Name: token + " later", MayUsers: true}, "later "+token); codeOf(err) == "" {
				t.Errorf("%s: a disabled person makes credentials", token)
			}
			must(h.Users.SetState(ctx, m.User, directory.UserActive))(t)
		}
		if _, err := h.ProvisioningClients.Authenticate(ctx, "of-guest"); codeOf(err) == "" {
			t.Error("the guest's token works")
		}
		must(h.ProvisioningClients.Authenticate(ctx, "of-own"))(t)
	})
}

// TestWall119_AnImportTakesNoShortcut: what Create refuses, lines that are loaded in one stroke are refused too.
func TestWall119_AnImportTakesNoShortcut(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		gone := must(h.Memberships.Create(ctx, h.home.ID, person("gone@nordlys.example")))(t)
		asked := must(h.Users.RequestErasure(ctx, gone.User))(t)
		must(h.Users.ConfirmErasure(ctx, asked.ID))(t)
		pseudonym := must(h.Users.ByID(ctx, gone.User))(t).Email.Address
		archived := must(h.Memberships.Create(ctx, h.another.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "archived@x.example"}}))(t)
		_, err := h.Organizations.SaveFeatures(ctx, []directory.Feature{{Key: directory.FeatureArchive}})
		check(t, err)
		check(t, h.Organizations.SetFeature(ctx, h.another.ID, directory.FeatureArchive, directory.FeatureOn))
		check(t, h.Memberships.End(ctx, h.another.ID, archived.ID, directory.Ending{Choice: directory.EndArchived}))

		admin := must(h.Memberships.Create(ctx, h.another.ID, directory.NewMember{Trusted: true, Member: directory.Member{Email: "admin@x.example", Administrator: true}}))(t)
		yes := true
		lines := []directory.ImportLine{
			{Line: 1, Email: pseudonym},
			{Line: 2, Email: "late@x.example", Start: clock.Now().Add(-2 * time.Hour), End: clock.Now().Add(-time.Hour)},
			{Line: 3, Email: "managed@x.example", Manager: "archived@x.example"},
			{Line: 4, Email: "reseller@x.example", Kind: directory.Reseller},
			{Line: 5, Email: "limited@x.example", Kind: directory.Limited, Administrator: &yes},
			{Line: 6, UserName: "contact", Kind: directory.ContactOnly, Functions: []directory.Function{directory.MainRecipient}},
			{Line: 7, Email: "chief@x.example", Role: "administrator"},
			{Line: 8, Email: "external@x.example", Kind: directory.External},
		}
		out := must(h.Memberships.Import(by(admin), h.another.ID, lines, directory.ImportQuietly))(t)
		const want = "bad_email@email end_in_past@end unknown_manager@manager bad_reseller_role@reseller.role limited_administrator@administrator " +
			"contact_function@functions unknown_role@role missing@end"
		if got := said(out); got != want {
			t.Errorf("refused with\n%s, want\n%s", got, want)
		}
		fine := must(h.Memberships.Import(by(admin), h.another.ID, []directory.ImportLine{{Line: 1, Email: "fine@x.example"}}, directory.ImportQuietly))(t)
		m := must(h.Memberships.ByID(ctx, h.another.ID, fine[0].Member))(t)
		if m.InvitedBy != admin.User {
			t.Errorf("imported by %s", m.InvitedBy)
		}
	})
}

// TestWall118_ACopyIsNeverMore than its template: somebody who was left without any segment, or whom only a second factor
// lets in, has no successor with all of them, or without one.
func TestWall118_ACopyIsNeverMore(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		h.access(t, h.home.ID)
		n := person("kari@nordlys.example")
		n.SecondFactor, n.Segments = directory.SecondFactorRequired, []string{"north"}
		kari := must(h.Memberships.Create(ctx, h.home.ID, n))(t)
		kari = h.change(t, kari, func(m *directory.Member) { m.Segments, m.AllSegments = nil, false })
		copied := must(h.Memberships.CreateFrom(ctx, h.home.ID, kari.ID, person("ola@nordlys.example")))(t)
		read := must(h.Memberships.ByID(ctx, h.home.ID, copied.ID))(t)
		if read.AllSegments || len(read.Segments) > 0 || read.SecondFactor != directory.SecondFactorRequired {
			t.Errorf("the copy: all segments %v, segments %v, second factor %q", read.AllSegments, read.Segments, read.SecondFactor)
		}
		said := person("liv@nordlys.example")
		said.AllSegments = true
		if all := must(h.Memberships.CreateFrom(ctx, h.home.ID, kari.ID, said))(t); !all.AllSegments {
			t.Error("what was said does not count")
		}
	})
}
