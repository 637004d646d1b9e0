package account_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"portvakt/idp/interaction"
	"portvakt/internal/actor"
	"portvakt/internal/directory"
)

func beginOf(h *house) interaction.Begin {
	return interaction.Begin{Protocol: "test", Application: h.app, Request: []byte("{}")}
}

func replaced(s, old, with string) string { return strings.Replace(s, old, with, 1) }

// inviter is the administrator of Tallsmia who invites.
func (h *house) inviter() directory.Member {
	h.t.Helper()
	return h.member("tallsmia", "ola@tallsmia.example", func(n *directory.NewMember) {
		n.Administrator, n.Details = true, directory.Details{DisplayName: "Ola Hansen"}
	})
}

// invite has the inviter invite people to Tallsmia, who is nobody's home.
func (h *house) invite(by directory.Member, emails ...string) []directory.Outcome {
	h.t.Helper()
	must(h.dir.Access.SavePackages(ctx, []directory.Package{{Key: "accountant", Names: map[string]string{"en": "Accountant", "nb": "Regnskapsfører"}, Base: true}}))(h.t)
	b := directory.Batch{Language: "nb", Kind: directory.External, End: h.db.Now().Add(100 * 24 * time.Hour), Packages: []string{"accountant"}}
	for _, e := range emails {
		b.People = append(b.People, directory.Invitee{Email: e, GivenName: "Per"})
	}
	as := actor.With(ctx, actor.Actor{Kind: actor.Person, ID: by.User.String(), Organization: by.Organization.String()})
	out := must(h.dir.Invitations.Invite(as, by.Organization, b))(h.t)
	for _, o := range out {
		if o.Fault != nil {
			h.t.Fatal(o.Fault)
		}
	}
	return out
}

func (h *house) invitationState(id directory.MembershipID) directory.InvitationState {
	h.t.Helper()
	for _, i := range must(h.dir.Invitations.List(ctx, h.org("tallsmia"), directory.InvitationQuery{}))(h.t) {
		if i.Membership == id {
			return i.StateAt(h.db.Now())
		}
	}
	h.t.Fatal("no such invitation")
	return ""
}

// mailTo is the newest mail to the address.
func (h *house) mailTo(email string) (subject, text string, links []string) {
	h.t.Helper()
	for _, m := range h.mails() {
		if m.To == email {
			return m.Subject, m.Text, m.Links
		}
	}
	h.t.Fatalf("no mail to %s", email)
	return "", "", nil
}

func TestR31_TheMailSaysWhoInvitesAsWhatUntilWhen(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		out := h.invite(h.inviter(), "new@x.example", "kari@nordlys.example")
		for i, email := range []string{"new@x.example", "kari@nordlys.example"} {
			subject, text, _ := h.mailTo(email)
			for _, want := range []string{"Ola Hansen", "Tallsmia Regnskap AS", "ekstern samarbeidspartner", "Regnskapsfører", "Invitasjonen gjelder til"} {
				if !contains(text, want) {
					t.Errorf("the mail to %s lacks %q:\n%s", email, want, text)
				}
			}
			if subject != "Invitasjon fra Tallsmia Regnskap AS" {
				t.Errorf("subject %q", subject)
			}
			if got := h.invitationState(out[i].Membership); got != directory.InvitationSent {
				t.Errorf("after the mail it is %s", got)
			}
		}
	})
}

func TestR31_LookingAtTheLinkAcceptsNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		out := h.invite(h.inviter(), "new@x.example", "kari@nordlys.example")
		for i, email := range []string{"new@x.example", "kari@nordlys.example"} {
			_, _, links := h.mailTo(email)
			scanner := h.browser()
			for range 3 {
				for _, method := range []string{http.MethodHead, http.MethodGet} {
					scanner.do(http.NewRequest(method, links[0], nil))
				}
			}
			if got := h.invitationState(out[i].Membership); got != directory.InvitationOpened {
				t.Errorf("after a look of %s it is %s", email, got)
			}
		}
		b := h.browser().get(h.link("new@x.example"))
		b.choose(newPassword).want("account", 200)
		if got := h.invitationState(out[0].Membership); got != directory.InvitationAccepted {
			t.Errorf("after the password it is %s", got)
		}
		h.browser().get(h.link("new@x.example")).want("link-expired", 410)
	})
}

// TestR31_LinksAfterTheEndSayWhatHappened is WALL 121 at the door: withdrawn, expired, resent.
func TestR31_LinksAfterTheEndSayWhatHappened(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		by := h.inviter()
		out := h.invite(by, "withdrawn@x.example", "resent@x.example", "late@x.example")
		withdrawn, resent, late := h.link("withdrawn@x.example"), h.link("resent@x.example"), h.link("late@x.example")
		form := h.browser().get(withdrawn).want("new-password", 200)
		h.clock.Advance(time.Second)
		if err := h.dir.Invitations.Withdraw(ctx, by.Organization, out[0].Membership); err != nil {
			t.Fatal(err)
		}
		must(h.dir.Invitations.Resend(ctx, by.Organization, out[1].Membership))(t)
		form.choose(newPassword).want("link-expired", 410)
		b := h.browser().get(withdrawn).want("link-expired", 410)
		if !contains(b.body, "har trukket tilbake") || !contains(b.body, "Tallsmia Regnskap AS") || contains(b.body, `value="resend"`) {
			t.Errorf("withdrawn:\n%s", b.body)
		}
		h.browser().get(resent).want("link-expired", 410) // before the new mail was written
		if again := h.link("resent@x.example"); again == resent {
			t.Error("no new link")
		} else {
			h.browser().get(again).choose(newPassword).want("account", 200)
		}
		h.clock.Advance(48 * time.Hour)
		b = h.browser().get(late).want("link-expired", 410) // the link's own time, not the invitation's: one press for another
		if !contains(b.body, `value="resend"`) || contains(b.body, "Tallsmia") {
			t.Errorf("a link that is too old:\n%s", b.body)
		}
		b.submit("action", "resend").want("mail-sent", 200)
		if h.link("late@x.example") == late {
			t.Error("no new link was mailed")
		}
		h.clock.Advance(directory.AcceptWithin)
		b = h.browser().get(late).want("link-expired", 410)
		if !contains(b.body, "har gått ut") || contains(b.body, `value="resend"`) {
			t.Errorf("an invitation that is over:\n%s", b.body)
		}
	})
}

func TestR31_ThePersonIsRemindedOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		out := h.invite(h.inviter(), "new@x.example", "kari@nordlys.example")
		first := h.link("new@x.example")
		h.clock.Advance(27*24*time.Hour + time.Minute)
		for range 2 {
			must(h.dir.Invitations.AnnounceUnanswered(ctx))(t)
		}
		mails := h.mails()
		if len(mails) != 4 {
			t.Fatalf("%d mails, want two invitations and two reminders", len(mails))
		}
		for _, m := range mails[:2] {
			if m.Subject != "Påminnelse: invitasjon fra Tallsmia Regnskap AS" {
				t.Errorf("subject %q", m.Subject)
			}
		}
		if h.link("new@x.example") == first {
			t.Error("the reminder holds the old link")
		}
		h.browser().get(h.link("new@x.example")).choose(newPassword).want("account", 200)
		if got := h.invitationState(out[0].Membership); got != directory.InvitationAccepted {
			t.Errorf("after the reminder it is %s", got)
		}
	})
}

// TestR25_ThePersonSeesWhoAsksAndAnswers: an invited person with an account meets no dead end.
func TestR25_ThePersonSeesWhoAsksAndAnswers(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		by := h.inviter()
		out := h.invite(by, "kari@nordlys.example")
		b := h.browser().get("/sign-in")
		b.signIn("kari@nordlys.example", password).want("account", 200)
		for _, want := range []string{"Tallsmia Regnskap AS", "Ola Hansen", "Accountant", "External", "The invitation is valid until"} {
			if !contains(b.body, want) {
				t.Errorf("the account page lacks %q:\n%s", want, b.body)
			}
		}
		b.submit("action", "accept", "invitation", out[0].Membership.String()).want("account", 200)
		if m := must(h.dir.Memberships.ByID(ctx, by.Organization, out[0].Membership))(t); !m.ActiveAt(h.db.Now()) {
			t.Errorf("accepted is %s", m.StateAt(h.db.Now()))
		}
	})
}

// TestR09_WhoIsMadeByASystemGetsAWholeLink: a provisioning system has no invitation that the link could name.
func TestR09_WhoIsMadeByASystemGetsAWholeLink(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.member("tallsmia", "kari@nordlys.example", hired)
		for _, m := range h.mails() {
			if len(m.Links) != 1 || m.Links[0] != h.server.URL+"/account" {
				t.Errorf("links %q", m.Links)
			}
		}
		if len(h.mails()) != 1 {
			t.Errorf("%d mails", len(h.mails()))
		}
	})
}

// TestR31_AnInvitationOfAFormerAdministratorSaysSo: the person is told, not sent in circles.
func TestR31_AnInvitationOfAFormerAdministratorSaysSo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		by := h.inviter()
		out := h.invite(by, "kari@nordlys.example", "new@x.example")
		h.kari()
		link := h.link("new@x.example")
		h.member("tallsmia", "chief@tallsmia.example", func(n *directory.NewMember) { n.Administrator = true })
		must(h.dir.Memberships.Change(ctx, by.Organization, by.ID, 0, func(m *directory.Member) error { m.SuspendedAt = h.db.Now(); return nil }))(t)
		h.needs = interaction.Needs{Organization: "tallsmia"}
		b := h.browser().get("/start").signIn("kari@nordlys.example", password).want("invitation", 200)
		b.submit("action", "accept")
		if b.page == "invitation" {
			t.Errorf("asked again:\n%s", b.body)
		}
		if got := h.invitationState(out[0].Membership); got != directory.InvitationWithdrawn {
			t.Errorf("it is %s", got)
		}
		h.browser().get(link).choose(newPassword)
		if got := h.invitationState(out[1].Membership); got != directory.InvitationWithdrawn {
			t.Errorf("with the link it is %s", got)
		}
	})
}
