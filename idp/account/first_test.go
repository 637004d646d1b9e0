package account_test

import (
	"strings"
	"testing"
	"time"

	"portvakt/internal/directory"
)

// TestR02_TheFirstPasswordIsTheirOwnByMail: typing the address and asking is enough, whatever became of earlier links.
func TestR02_TheFirstPasswordIsTheirOwnByMail(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		const email = "lars@nordlys.example"
		h.member("nordlys", email, hired)
		first := h.link(email)
		h.clock.Advance(25 * time.Hour)
		b := h.browser().get("/start?state=s").want("sign-in", 200)
		b.submit("email", email).want("password", 200)
		b.submit("action", "forgot").want("mail-sent", 200)
		again := h.link(email)
		h.browser().get(first).want("link-expired", 410)
		b.get(again).choose(newPassword).want("callback", 303)
		for _, m := range h.mails() {
			if strings.Contains(m.Text, newPassword) || strings.Contains(m.HTML, newPassword) {
				t.Errorf("a password was mailed:\n%s", m.Text)
			}
		}
	})
}

// TestR02_SeveralInvitationsAreNoDeadEnd: somebody new whom two organizations have invited chooses a password with either
// link, or one asked for, and finds both invitations.
func TestR02_SeveralInvitationsAreNoDeadEnd(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		const email = "lars@x.example"
		out := h.invite(h.inviter(), email)
		h.member("nordlys", email, hired)
		h.mails()
		h.clock.Advance(time.Second)
		b := h.browser().forgot(email)
		b.get(h.link(email)).choose(newPassword).want("organization", 200)
		if !contains(b.body, "Tallsmia Regnskap AS") || !contains(b.body, "Nordlys AS") {
			t.Fatalf("the invitations are not there:\n%s", b.body)
		}
		b.submit("invitation", out[0].Membership.String()).want("invitation", 200)
		b.submit("action", "accept").want("account", 200)
		if got := h.invitationState(out[0].Membership); got != directory.InvitationAccepted {
			t.Errorf("it is %s", got)
		}
	})
}
