package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/sqldb"
	"portvakt/internal/testenv"
)

func invitees(emails ...string) (out []directory.Invitee) {
	for _, e := range emails {
		out = append(out, directory.Invitee{Email: e, GivenName: "Ola", FamilyName: "Berg"})
	}
	return out
}

// packages are a base package and an add-on, both without grants.
func (h house) packages(t *testing.T) {
	t.Helper()
	must(h.Access.SavePackages(ctx, []directory.Package{
		{Key: "accountant", Names: map[string]string{"en": "Accountant", "nb": "Regnskapsfører"}, Base: true},
		{Key: "receptionist", Names: map[string]string{"en": "Receptionist"}, Base: true},
		{Key: "reports", Names: map[string]string{"en": "Reports"}},
	}))(t)
}

func (h house) invite(t *testing.T, org directory.OrganizationID, b directory.Batch) []directory.Outcome {
	t.Helper()
	return must(h.Invitations.Invite(ctx, org, b))(t)
}

// invited invites one person to the neighbour, who is nobody's home.
func (h house) invited(t *testing.T, email string) directory.Outcome {
	t.Helper()
	o := h.invite(t, h.another.ID, directory.Batch{People: invitees(email)})[0]
	if o.Fault != nil {
		t.Fatal(o.Fault)
	}
	return o
}

func (h house) states(t *testing.T, org directory.OrganizationID, q directory.InvitationQuery) map[string]directory.InvitationState {
	t.Helper()
	out := map[string]directory.InvitationState{}
	for _, i := range must(h.Invitations.List(ctx, org, q))(t) {
		out[i.Email] = i.StateAt(h.db.Now())
	}
	return out
}

func (h house) user(t *testing.T, o directory.Outcome) directory.UserID {
	t.Helper()
	return must(h.Memberships.Standing(ctx, o.Membership))(t).User
}

func TestR31_ManyAreInvitedAndOneBadAddressLosesNobody(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		h.packages(t)
		must(h.Memberships.Create(ctx, h.another.ID, directory.NewMember{Member: directory.Member{Email: "here@x.example"}, Trusted: true}))(t)
		got := h.invite(t, h.another.ID, directory.Batch{
			Language: "nb", Kind: directory.External, End: db.Now().Add(90 * 24 * time.Hour), Packages: []string{"accountant", "reports"},
			People: invitees("a@x.example", "not an address", "B@x.example", "b@X.example", "here@x.example", "c@x.example"),
		})
		var said []string
		for _, o := range got {
			if o.Fault == nil {
				said = append(said, fmt.Sprint(o.Line, " ok"))
				continue
			}
			said = append(said, fmt.Sprint(o.Line, " ", o.Fault.Code, " ", o.Fault.Field))
		}
		want := []string{"1 ok", "2 bad_email email", "3 ok", "4 duplicate email", "5 already_member email", "6 ok"}
		if !slices.Equal(said, want) || !strings.Contains(got[3].Fault.Text, "line 3") {
			t.Errorf("outcomes %q, want %q", said, want)
		}
		m := must(h.Memberships.ByID(ctx, h.another.ID, got[0].Membership))(t)
		if m.StateAt(db.Now()) != directory.StateInvited || !slices.Equal(m.Packages, []string{"accountant", "reports"}) || m.Kind != directory.External ||
			!m.AcceptBy.Equal(m.CreatedAt.Add(30*24*time.Hour)) || m.Details.Name() != "Ola Berg" {
			t.Errorf("invited %+v", m)
		}
		if n := h.events(t, directory.EventInvitationCreated); n != 3 {
			t.Errorf("%d events, want 3", n)
		}
		asked := must(h.Invitations.Asked(ctx, h.another.ID, m.ID))(t)
		if len(asked.Packages) != 2 || asked.Packages[0].NameIn("nb") != "Regnskapsfører" || asked.Packages[1].NameIn("nb") != "Reports" || asked.Language != "nb" {
			t.Errorf("asked %+v", asked)
		}
		if _, err := h.Invitations.Asked(ctx, h.home.ID, m.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("the neighbour asks: %v", err)
		}
	})
}

func TestR31_WhatConcernsAllIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		h.packages(t)
		many := make([]directory.Invitee, directory.MaxInvitees+1)
		for name, c := range map[string]struct {
			b           directory.Batch
			code, field string
		}{
			"nobody":         {directory.Batch{}, "missing", "people"},
			"too many":       {directory.Batch{People: many}, "too_many", "people"},
			"no base":        {directory.Batch{People: invitees("a@x.example"), Packages: []string{"reports"}}, "base_package", "packages"},
			"two bases":      {directory.Batch{People: invitees("a@x.example"), Packages: []string{"accountant", "receptionist"}}, "base_package", "packages"},
			"unknown":        {directory.Batch{People: invitees("a@x.example"), Packages: []string{"accountant", "x"}}, "unknown_package", "packages"},
			"twice":          {directory.Batch{People: invitees("a@x.example"), Packages: []string{"accountant", "reports", "reports"}}, "duplicate", "packages"},
			"language":       {directory.Batch{People: invitees("a@x.example"), Language: "not a tag"}, "bad_language", "language"},
			"contact":        {directory.Batch{People: invitees("a@x.example"), Kind: directory.ContactOnly}, "bad_kind", "kind"},
			"external":       {directory.Batch{People: invitees("a@x.example"), Kind: directory.External}, "missing", "end"},
			"past":           {directory.Batch{People: invitees("a@x.example"), End: db.Now().Add(-time.Hour)}, "end_in_past", "end"},
			"end and start":  {directory.Batch{People: invitees("a@x.example"), Start: db.Now().Add(48 * time.Hour), End: db.Now().Add(time.Hour)}, "end_before_start", "end"},
			"answer at once": {directory.Batch{People: invitees("a@x.example"), AcceptWithin: time.Second}, "bad_duration", "accept_within"},
			"grade":          {directory.Batch{People: invitees("a@x.example"), Grants: map[string]directory.Grade{"m": "all"}}, "bad_grade", "grants"},
		} {
			_, err := h.Invitations.Invite(ctx, h.another.ID, c.b)
			if f := fault.Of(err); err == nil || f.Code != c.code || f.Field != c.field {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := h.events(t, directory.EventMembershipCreated); n != 0 {
			t.Errorf("%d people were made", n)
		}
	})
}

func TestR31_EveryStateIsSeenAndNobodyElseSeesIt(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		by := map[directory.InvitationState]directory.Outcome{}
		all := []directory.InvitationState{directory.InvitationCreated, directory.InvitationSent, directory.InvitationBounced, directory.InvitationOpened,
			directory.InvitationAccepted, directory.InvitationDeclined, directory.InvitationWithdrawn, directory.InvitationExpired}
		for _, s := range all {
			within := directory.AcceptWithin
			if s == directory.InvitationExpired {
				within = 2 * time.Hour
			}
			by[s] = h.invite(t, h.another.ID, directory.Batch{AcceptWithin: within, People: invitees(string(s) + "@x.example")})[0]
			if s != directory.InvitationCreated {
				check(t, h.Invitations.Sent(ctx, by[s].Invitation))
			}
		}
		clock.Advance(time.Second)
		check(t, h.Invitations.Opened(ctx, by[directory.InvitationOpened].Invitation))
		check(t, h.Invitations.Bounced(ctx, "Bounced@X.example", "550 5.1.1 no\r\nsuch user"))
		must(h.Memberships.Accept(ctx, h.user(t, by[directory.InvitationAccepted]), by[directory.InvitationAccepted].Membership))(t)
		check(t, h.Memberships.Decline(ctx, h.user(t, by[directory.InvitationDeclined]), by[directory.InvitationDeclined].Membership))
		check(t, h.Invitations.Withdraw(ctx, h.another.ID, by[directory.InvitationWithdrawn].Membership))
		clock.Advance(3 * time.Hour)
		shown := h.states(t, h.another.ID, directory.InvitationQuery{})
		for _, s := range all {
			address := string(s) + "@x.example"
			if shown[address] != s {
				t.Errorf("%s is shown as %s", s, shown[address])
			}
			one := h.states(t, h.another.ID, directory.InvitationQuery{States: []directory.InvitationState{s}})
			if len(one) != 1 || one[address] != s {
				t.Errorf("asked for %s: %v", s, one)
			}
		}
		if other := must(h.Invitations.List(ctx, h.home.ID, directory.InvitationQuery{}))(t); len(other) != 0 {
			t.Errorf("the neighbour sees %v", other)
		}
		bounced := must(h.Invitations.List(ctx, h.another.ID, directory.InvitationQuery{States: []directory.InvitationState{directory.InvitationBounced}}))(t)
		if bounced[0].Reason != "550 5.1.1 no  such user" {
			t.Errorf("reason %q", bounced[0].Reason)
		}
		if _, err := h.Invitations.List(ctx, h.another.ID, directory.InvitationQuery{States: []directory.InvitationState{"x"}}); !fault.Is(err, fault.Invalid) {
			t.Errorf("an unknown state: %v", err)
		}
	})
}

// TestR31_StatesAgreeInGoAndSQL: whatever facts an invitation has, the filter finds it under the state that is shown.
func TestR31_StatesAgreeInGoAndSQL(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		columns := []string{"i.sent_at", "i.opened_at", "i.bounced_at", "i.declined_at", "i.withdrawn_at", "m.accepted_at", "m.ended_at", "m.end_at", "u.email_verified_at"}
		for mask := range 1 << len(columns) {
			o := h.invited(t, fmt.Sprintf("p%d@x.example", mask))
			check(t, db.Update(ctx, func(tx *sqldb.Tx) error {
				for bit, column := range columns {
					if mask>>bit&1 == 0 {
						continue
					}
					table, name, _ := strings.Cut(column, ".")
					where := map[string]string{"i": "invitations set " + name + " = $1 where membership_id = $2",
						"m": "memberships set " + name + " = $1 where id = $2",
						"u": "users set " + name + " = $1 where id = (select user_id from memberships where id = $2)"}[table]
					at := db.Now()
					if mask%3 == 0 && name == "accepted_at" {
						at = at.Add(-time.Hour)
					}
					tx.Later("update "+where, at.UnixMicro(), o.Membership)
				}
				return nil
			}))
			clock.Advance(time.Microsecond)
		}
		shown, found := h.states(t, h.another.ID, directory.InvitationQuery{Limit: 1000}), map[string]directory.InvitationState{}
		for _, s := range []directory.InvitationState{directory.InvitationCreated, directory.InvitationSent, directory.InvitationBounced, directory.InvitationOpened,
			directory.InvitationAccepted, directory.InvitationDeclined, directory.InvitationWithdrawn, directory.InvitationExpired} {
			for email := range h.states(t, h.another.ID, directory.InvitationQuery{Limit: 1000, States: []directory.InvitationState{s}}) {
				if found[email] != "" {
					t.Errorf("%s is found as %s and as %s", email, found[email], s)
				}
				found[email] = s
			}
		}
		if len(shown) != 1<<len(columns) {
			t.Fatalf("%d are shown", len(shown))
		}
		for email, s := range shown {
			if found[email] != s {
				t.Errorf("%s is shown as %s and found as %q", email, s, found[email])
			}
		}
	})
}

func TestR31_PagesFollowEachOther(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		var list []directory.Invitee
		for i := range 23 {
			list = append(list, invitees(fmt.Sprintf("p%d@x.example", i))...)
		}
		h.invite(t, h.another.ID, directory.Batch{People: list})
		seen := map[string]bool{}
		q := directory.InvitationQuery{Limit: 5}
		for {
			page := must(h.Invitations.List(ctx, h.another.ID, q))(t)
			if len(page) == 0 {
				break
			}
			for _, i := range page {
				if seen[i.Email] {
					t.Errorf("%s comes twice", i.Email)
				}
				seen[i.Email] = true
			}
			last := page[len(page)-1]
			q.After = &directory.InvitationPlace{Created: last.CreatedAt, ID: last.ID}
		}
		if len(seen) != 23 {
			t.Errorf("%d people on the pages", len(seen))
		}
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestR31_ResendGivesTimeAndVoidsTheOlderOne(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		o := h.invited(t, "a@x.example")
		insertLink(t, db, h.user(t, o), o.Membership)
		clock.Advance(20 * 24 * time.Hour)
		again := must(h.Invitations.Resend(ctx, h.another.ID, o.Membership))(t)
		m := must(h.Memberships.ByID(ctx, h.another.ID, o.Membership))(t)
		if again == o.Invitation || !m.AcceptBy.Equal(db.Now().Add(30*24*time.Hour)) || h.events(t, directory.EventInvitationResent) != 1 {
			t.Errorf("resent %v: %+v", again, m)
		}
		if n := count(t, db, "select count(*) from account_links where voided_at is null"); n != 0 {
			t.Errorf("%d links still work", n)
		}
		check(t, h.Invitations.Opened(ctx, o.Invitation)) // the older mail's link
		list := must(h.Invitations.List(ctx, h.another.ID, directory.InvitationQuery{}))(t)
		if len(list) != 1 || list[0].ID != again || list[0].StateAt(db.Now()) != directory.InvitationCreated {
			t.Errorf("listed %+v", list)
		}
		if _, err := h.Invitations.Resend(ctx, h.home.ID, o.Membership); !fault.Is(err, fault.NotFound) {
			t.Errorf("the neighbour: %v", err)
		}
		for range 4 {
			must(h.Invitations.Resend(ctx, h.another.ID, o.Membership))(t)
		}
		if _, err := h.Invitations.Resend(ctx, h.another.ID, o.Membership); !fault.Is(err, fault.Exhausted) && err != nil {
			t.Errorf("too often: %v", err)
		}
		if _, err := h.Invitations.Resend(ctx, h.another.ID, o.Membership); !fault.Is(err, fault.Exhausted) {
			t.Errorf("too often: %v", err)
		}
		clock.Advance(30 * 24 * time.Hour)
		if _, err := h.Invitations.Resend(ctx, h.another.ID, o.Membership); !errors.Is(err, directory.ErrInvitationOver) {
			t.Errorf("expired: %v", err)
		}
		fresh := h.invited(t, "a@x.example")
		must(h.Memberships.Accept(ctx, h.user(t, fresh), fresh.Membership))(t)
		check(t, h.Users.VerifyEmail(ctx, h.user(t, fresh)))
		if _, err := h.Invitations.Resend(ctx, h.another.ID, fresh.Membership); !errors.Is(err, directory.ErrNotWaiting) {
			t.Errorf("accepted: %v", err)
		}
	})
}

// TestR31_AtHomeThoseWhoNeverSignedInAreAskedAgain: nobody needs their consent, but the mail may have been lost.
func TestR31_AtHomeThoseWhoNeverSignedInAreAskedAgain(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		o := h.invite(t, h.home.ID, directory.Batch{People: invitees("ola@nordlys.example")})[0]
		m := must(h.Memberships.ByID(ctx, h.home.ID, o.Membership))(t)
		if !m.ActiveAt(db.Now()) || !m.AcceptBy.IsZero() {
			t.Errorf("at home: %+v", m)
		}
		must(h.Invitations.Resend(ctx, h.home.ID, o.Membership))(t)
		if err := h.Invitations.Withdraw(ctx, h.home.ID, o.Membership); !errors.Is(err, directory.ErrNotWaiting) {
			t.Errorf("withdrawn: %v", err)
		}
		check(t, h.Users.VerifyEmail(ctx, m.User))
		if _, err := h.Invitations.Resend(ctx, h.home.ID, o.Membership); !errors.Is(err, directory.ErrNotWaiting) {
			t.Errorf("in use: %v", err)
		}
		if got := h.states(t, h.home.ID, directory.InvitationQuery{})["ola@nordlys.example"]; got != directory.InvitationAccepted {
			t.Errorf("in use is %s", got)
		}
	})
}

func insertLink(t *testing.T, db *sqldb.DB, user directory.UserID, m directory.MembershipID) {
	t.Helper()
	check(t, db.Update(ctx, func(tx *sqldb.Tx) error {
		tx.Later(`insert into account_links (hash, user_id, purpose, membership_id, email_key, created_at, expires_at) values ($1, $2, 'setup', $3, '', 1, 2)`,
			[]byte(m.String()), user, m)
		return nil
	}))
}

func count(t *testing.T, db *sqldb.DB, sql string, args ...any) (n int64) {
	t.Helper()
	check(t, db.QueryRow(ctx, sql, args...).Scan(&n))
	return n
}

func TestR31_ListsComeOutOfMailPrograms(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, db *sqldb.DB, clock *testenv.Clock) {
		h := newHouse(t, db, directory.UnlimitedSeats)
		out := must(h.Invitations.Invite(ctx, h.another.ID, directory.Batch{People: []directory.Invitee{{Email: `"Nordmann, Kari" <Kari@x.example>`}, {Email: "kari@x.example"}, {Email: "Ola <ola@x.example> <per@x.example>"}}}))(t)
		if out[0].Fault != nil || out[1].Fault == nil || out[1].Fault.Code != "duplicate" || out[2].Fault == nil {
			t.Fatalf("%+v", out)
		}
		m := must(h.Memberships.ByID(ctx, h.another.ID, out[0].Membership))(t)
		if m.Details.DisplayName != "Nordmann, Kari" || m.Email != "Kari@x.example" {
			t.Errorf("she is %q at %q", m.Details.DisplayName, m.Email)
		}
	})
}
