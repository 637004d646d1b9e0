package account_test

import (
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
)

func TestSignInForAnApplication(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		b := h.browser()
		b.get("/start?state=s1").signIn("Kari@Nordlys.example", password).want("callback", 303)
		if b.outer.Get("user") != m.User.String() || b.outer.Get("org") != "nordlys" || b.outer.Get("request") != `{"state":"s1"}` ||
			b.outer.Get("acr") != credential.ACRPassword || b.outer.Get("amr") != "pwd" || b.outer.Get("sid") == "" {
			t.Fatalf("outcome %v", b.outer)
		}
		first := b.outer
		b.get("/start?state=s2").want("callback", 303)
		if b.outer.Get("session") != first.Get("session") || b.outer.Get("sid") != first.Get("sid") || b.outer.Get("request") != `{"state":"s2"}` {
			t.Fatalf("the second application request: %v, the first %v", b.outer, first)
		}
		b.get("/account").want("account", 200)
		b.get("/sign-in").want("account", 200)
	})
}

func TestFirstSignInByMail(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.member("nordlys", "ny@nordlys.example", hired)
		welcome := h.link("ny@nordlys.example")
		h.clock.Advance(time.Minute)
		b := h.browser()
		b.get("/start?state=go").want("sign-in", 200)
		b.submit("email", "ny@nordlys.example").want("password", 200)
		b.submit("action", "forgot").want("mail-sent", 200)
		b.get(h.link("ny@nordlys.example")).want("new-password", 200)
		b.submit("new_password", newPassword, "new_password_again", newPassword).want("callback", 303)
		if b.outer.Get("user") != m.User.String() || b.outer.Get("request") != `{"state":"go"}` {
			t.Fatalf("outcome %v", b.outer)
		}
		h.browser().get("/start").signIn("ny@nordlys.example", newPassword).want("callback", 303)
		h.browser().get(welcome).want("link-expired", 410)
	})
}

func TestSignInWithSecondFactor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.setTOTP(m.User)
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
		b.submit("code", "000000").want("second-factor", 403)
		b.submit("code", h.code(0)).want("callback", 303)
		if b.outer.Get("acr") != credential.ACRMFA || b.outer.Get("amr") != "pwd otp mfa" {
			t.Fatalf("outcome %v", b.outer)
		}
		other := h.browser()
		other.get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
		other.submit("code", h.code(0)).want("second-factor", 403) // the same code once more
		other.submit("code", h.code(1)).want("callback", 303)
	})
}

func TestHalfProvenIsNoSession(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.setTOTP(m.User)
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
		half := b.at
		if n := h.count("select count(*) from sessions"); n != 0 {
			t.Fatalf("%d sessions after a password alone", n)
		}
		b.get("/account").want("sign-in", 200)
		b.get("/start").want("sign-in", 200)
		b.get(half).want("second-factor", 200)
	})
}

func TestOrganizations(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.member("tallsmia", "kari@nordlys.example")
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("organization", 200)
		b.submit().want("organization", 422)
		b.submit("organization", "nobody").want("organization", 422)
		b.submit("organization", "tallsmia").want("callback", 303)
		if b.outer.Get("org") != "tallsmia" || b.outer.Get("user") != m.User.String() {
			t.Fatalf("outcome %v", b.outer)
		}
		b.get("/start").want("callback", 303)
		if b.outer.Get("org") != "tallsmia" {
			t.Fatalf("remembered %v", b.outer)
		}
		h.needs.SelectOrganization = true
		b.get("/start").want("organization", 200)
		if h.tried.Code != "interaction_required" {
			t.Fatalf("Try: %v", h.tried)
		}
		b.submit("organization", "nordlys").want("callback", 303)
		h.needs = needing("tallsmia")
		b.get("/start").want("callback", 303)
		if b.outer.Get("org") != "tallsmia" {
			t.Fatalf("demanded tallsmia, got %v", b.outer)
		}
		h.organization(directory.Organization{Slug: "bjorkvik", Name: "Björkvik AB"})
		h.needs = needing("bjorkvik")
		b.get("/start").want("callback", 303)
		if b.outer.Get("error") != "access_denied" || h.tried.Code != "access_denied" {
			t.Fatalf("not a member: %v, Try %v", b.outer, h.tried)
		}
	})
}

func TestSignInAgain(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("callback", 303)
		before := b.outer.Get("session")
		h.needs.ForceLogin = true
		b.get("/start").want("password", 200)
		if h.tried.Code != "login_required" || !contains(b.body, `value="kari@nordlys.example"`) {
			t.Fatalf("Try: %v\n%s", h.tried, b.body)
		}
		b.submit("password", "wrong").want("password", 403)
		b.submit("password", password).want("callback", 303)
		if b.outer.Get("session") == before {
			t.Fatal("the session stayed the same")
		}
		age := time.Hour
		h.needs = needing("")
		h.needs.MaxAge = &age
		b.get("/start").want("callback", 303)
		h.clock.Advance(age + time.Second)
		b.get("/start").want("password", 200)
		b.submit("password", password).want("callback", 303)
	})
}

func TestConsent(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.needs.ConsentNeeded, h.needs.Scopes = true, []string{"openid", "email"}
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("consent", 200)
		b.submit("action", "deny").want("callback", 303)
		if b.outer.Get("error") != "access_denied" {
			t.Fatalf("denied: %v", b.outer)
		}
		b.get("/start").want("consent", 200)
		if h.tried.Code != "consent_required" {
			t.Fatalf("Try: %v", h.tried)
		}
		b.submit("action", "accept").want("callback", 303)
		b.get("/start").want("callback", 303)
		if b.outer.Get("user") == "" {
			t.Fatal("asked again")
		}
		h.needs.Scopes = append(h.needs.Scopes, "phone")
		b.get("/start").want("consent", 200)
		h.needs.Scopes, h.needs.ForceConsent = []string{"openid"}, true
		b.get("/start").want("consent", 200)
	})
}

func TestCancel(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		b := h.browser()
		b.get("/start?state=x").want("sign-in", 200)
		page := b.at
		b.submit("action", "cancel").want("callback", 303)
		if b.outer.Get("error") != "access_denied" || b.outer.Get("request") != `{"state":"x"}` {
			t.Fatalf("cancelled: %v", b.outer)
		}
		b.get(page).want("error", 410)
	})
}

func TestNoAccess(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		_, err := h.dir.Memberships.Change(ctx, m.Organization, m.ID, 0, func(m *directory.Member) error {
			m.SuspendedAt = h.clock.Now()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("organization", 403)
		if n := h.count("select count(*) from sessions"); n != 0 {
			t.Fatalf("%d sessions of a suspended member", n)
		}
		b.submit("action", "cancel").want("callback", 303)
		b.get("/account").want("sign-in", 200)
	})
}

func TestSecondFactorRequired(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		_, err := h.dir.Organizations.Change(ctx, m.Organization, func(o *directory.Organization) error {
			o.SecondFactor = directory.SecondFactorRequired
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("enrol-factor", 200)
		if !contains(b.body, "second step") {
			t.Errorf("the page does not say why:\n%s", b.body)
		}
		h.setTOTP(m.User)
		b.get(b.at).want("second-factor", 200)
		b.submit("code", h.code(0)).want("callback", 303)
	})
}

func TestInvitation(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		invited := h.member("tallsmia", "kari@nordlys.example", hired)
		if newest := h.mails()[0]; newest.To != "kari@nordlys.example" || contains(newest.Text, "/account/setup") {
			t.Fatalf("somebody with a password gets an invitation, not a link: %s", newest.Text)
		}
		h.needs = needing("tallsmia")
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("invitation", 200)
		b.submit("action", "accept").want("callback", 303)
		if b.outer.Get("org") != "tallsmia" {
			t.Fatalf("outcome %v", b.outer)
		}
		st := must(h.dir.Memberships.Standing(ctx, invited.ID))(t)
		if st.State(h.clock.Now()) != directory.StateActive {
			t.Fatalf("state %s", st.State(h.clock.Now()))
		}
	})
}

func TestInvitationOfSomebodyWithoutAccess(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		if err := h.dir.Memberships.End(ctx, m.Organization, m.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		h.member("tallsmia", "kari@nordlys.example", hired)
		b := h.browser()
		b.get("/sign-in").signIn("kari@nordlys.example", password).want("invitation", 200)
		if n := h.count("select count(*) from sessions"); n != 0 {
			t.Fatalf("%d sessions before the invitation was accepted", n)
		}
		page, fields := b.at, b.fields()
		fields.Set("action", "accept")
		h.browser().post(page, fields).want("error", 400)
		b.submit("action", "accept").want("account", 200)

		again := h.browser()
		h.member("nordlys", "kari@nordlys.example", hired)
		again.get("/account").signIn("kari@nordlys.example", password).want("account", 200)
	})
}

func TestDeclinedInvitation(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.member("tallsmia", "kari@nordlys.example", hired)
		b := h.browser()
		b.get("/account").signIn("kari@nordlys.example", password).want("account", 200)
		b.submit("action", "deny").want("account", 200)
		if contains(b.body, `name="invitation"`) {
			t.Error("the invitation is still there")
		}
		h.needs = needing("tallsmia")
		if b.get("/start"); b.outer.Get("error") != "access_denied" {
			t.Fatalf("declined: %v", b.outer)
		}
	})
}
