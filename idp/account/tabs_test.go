package account_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/idp/interaction"
	"portvakt/internal/directory"
)

// tab is another tab of the same browser.
func (b *browser) tab() *browser { return &browser{h: b.h, client: b.client} }

func TestTabs(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.setTOTP(m.User)
		one := h.browser()
		one.get("/start?state=1").want("sign-in", 200)
		two := one.tab().get("/start?state=2").want("sign-in", 200)
		three := one.tab().get("/start?state=3").submit("email", "kari@nordlys.example").want("password", 200)
		one.signIn("kari@nordlys.example", password).want("second-factor", 200)
		two.submit("email", "kari@nordlys.example").want("sign-in", 403) // the browser's cookie has changed with the proof
		two.submit("email", "kari@nordlys.example").want("password", 200)
		one.submit("code", h.code(0)).want("callback", 303)
		two.submit("password", password).want("callback", 303)
		if two.outer.Get("request") != `{"state":"2"}` || two.outer.Get("session") != one.outer.Get("session") {
			t.Errorf("the second tab: %v", two.outer)
		}
		three.get(three.at).want("callback", 303)
		if three.outer.Get("request") != `{"state":"3"}` {
			t.Errorf("the third tab: %v", three.outer)
		}
	})
}

func TestSignedOutInTheMiddle(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.member("tallsmia", "kari@nordlys.example")
		ola := h.member("nordlys", "ola@nordlys.example")
		h.setPassword(ola.User)
		h.member("tallsmia", "ola@nordlys.example")
		h.needs.ConsentNeeded, h.needs.Scopes = true, []string{"openid"}
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("organization", 200)
		b.submit("organization", "tallsmia").want("consent", 200)
		b.tab().get("/account").submit("action", "sign-out").want("signed-out", 200)
		b.submit("action", "accept").want("password", 200)
		b.tab().get("/account").signIn("ola@nordlys.example", password).want("account", 200)
		b.get(b.at).want("organization", 200) // Ola's choice, not Kari's
		b.submit("organization", "nordlys").want("consent", 200)
		b.submit("action", "accept").want("callback", 303)
		if b.outer.Get("user") != ola.User.String() || b.outer.Get("org") != "nordlys" {
			t.Errorf("outcome %v", b.outer)
		}
	})
}

func TestStepUp(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.organization(directory.Organization{Slug: "streng", Name: "Streng AS", SecondFactor: directory.SecondFactorRequired})
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("callback", 303)
		if b.outer.Get("org") != "nordlys" {
			t.Fatalf("the organization that lets in by password alone: %v", b.outer)
		}
		h.member("streng", "kari@nordlys.example")
		h.needs = needing("streng")
		b.get("/start").want("enrol-factor", 200) // the password was shown just now
		h.setTOTP(m.User)
		b.get("/start").want("second-factor", 200)
		if h.tried.Code != "login_required" {
			t.Errorf("Try: %v", h.tried)
		}
		h.clock.Advance(credential.StepWindow + time.Second)
		b.get("/start").want("password", 200)
		b.submit("password", password).want("second-factor", 200)
		b.submit("code", h.code(0)).want("callback", 303)
		if b.outer.Get("org") != "streng" || b.outer.Get("acr") != credential.ACRMFA {
			t.Errorf("outcome %v", b.outer)
		}
	})
}

func TestACRWish(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("callback", 303)
		h.needs.ACRValues = []string{credential.ACRMFA}
		b.get("/start").want("callback", 303) // a wish that cannot be met
		h.setTOTP(m.User)
		b.get("/start").want("second-factor", 200).submit("code", h.code(0)).want("callback", 303)
		if b.outer.Get("acr") != credential.ACRMFA {
			t.Errorf("outcome %v", b.outer)
		}
		b.get("/start").want("callback", 303)
	})
}

func TestOperatorWithoutMembership(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		if err := h.dir.Memberships.Delete(ctx, m.Organization, m.ID); err != nil {
			t.Fatal(err)
		}
		h.browser().get("/account").signIn("kari@nordlys.example", password).want("organization", 403)
		if err := h.dir.Users.SetOperator(ctx, m.User, directory.IsOperator); err != nil {
			t.Fatal(err)
		}
		b := h.browser()
		b.get("/account").signIn("kari@nordlys.example", password).enrol()
		b.want("account", 200)
		b.get("/start").want("organization", 403)
	})
}

func TestZeroMaxAge(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		b := h.browser()
		b.get("/account").signIn("kari@nordlys.example", password).want("account", 200)
		var none time.Duration
		h.needs.MaxAge = &none
		b.get("/start").want("password", 200).submit("password", password).want("callback", 303)
	})
}

func TestTooLargeRequest(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, err := h.service.Begin(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), interaction.Begin{
			Protocol: "test", Application: h.app, Request: json.RawMessage(`"` + strings.Repeat("x", 40_000) + `"`),
		})
		if !errors.Is(err, interaction.ErrTooLarge) {
			t.Errorf("got %v", err)
		}
	})
}

func TestMailsSpeakThePersonsLanguage(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.organization(directory.Organization{Slug: "bjorkvik", Name: "Björkvik AB", Language: "sv"})
		for email, language := range map[string]string{"a@bjorkvik.example": "nb", "b@bjorkvik.example": ""} {
			h.member("bjorkvik", email, hired, func(n *directory.NewMember) { n.Details.PreferredLanguage = language })
		}
		subjects := map[string]string{}
		for _, m := range h.mails() {
			subjects[m.To] = m.Subject
		}
		if subjects["a@bjorkvik.example"] == subjects["b@bjorkvik.example"] || !contains(subjects["b@bjorkvik.example"], "Inbjudan från") {
			t.Errorf("subjects %v", subjects)
		}
	})
}

func TestQuietAndNeedless(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("nordlys", "stille@nordlys.example") // by the seed
		h.member("nordlys", "kontakt@elsewhere.example", hired, func(n *directory.NewMember) { n.Kind = directory.ContactOnly })
		gone := h.member("nordlys", "borte@nordlys.example", hired)
		if err := h.dir.Memberships.End(ctx, gone.Organization, gone.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
			t.Fatal(err)
		}
		if mails := h.mails(); len(mails) != 0 {
			t.Errorf("mails %+v", mails)
		}
	})
}

func TestEmailChangeIsTold(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		_, err := h.dir.Memberships.Change(ctx, m.Organization, m.ID, 0, func(m *directory.Member) error {
			m.Email = "kari.ny@nordlys.example"
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		to := map[string]bool{}
		for _, m := range h.mails() {
			to[m.To] = true
		}
		if !to["kari@nordlys.example"] || !to["kari.ny@nordlys.example"] {
			t.Errorf("told %v", to)
		}
	})
}
