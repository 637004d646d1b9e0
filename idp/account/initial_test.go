package account_test

import (
	"errors"
	"net/http/httptest"
	"testing"

	"portvakt/idp/credential"
	"portvakt/idp/session"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// initial gives the person an initial password, as the seed does.
func (h *house) initial(user directory.UserID) {
	h.t.Helper()
	hash := must(h.credentials.Hash(ctx, password))(h.t)
	h.update(func(tx *sqldb.Tx) error {
		return h.credentials.SetInitial(ctx, tx, credential.Initial{User: user, Hash: hash})
	})
}

func (h *house) sessionCount() int64 { return h.count("select count(*) from sessions") }

func TestR35_NoSessionBeforeTheChange(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.member("nordlys", "kari@nordlys.example")
		h.initial(m.User)
		b := h.browser().get("/start?state=s")
		b.signIn("kari@nordlys.example", password).want("new-password", 200)
		if h.sessionCount() != 0 || b.cookie(h.sessions.Cookies().Session) != "" {
			t.Fatal("there is a session already")
		}
		page := b.at
		for _, elsewhere := range []string{"/account", "/account/preferences", "/account/password"} {
			b.get(elsewhere).want("sign-in", 200)
		}
		if _, ok, _ := h.service.Try(httptest.NewRequest("GET", "/", nil), beginOf(h)); ok {
			t.Error("an application was answered")
		}
		e := must(h.credentials.Verify(ctx, must(directory.ParseEmail("kari@nordlys.example"))(t), password, ""))(t)
		if _, err := h.sessions.Start(ctx, httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), e); !errors.Is(err, session.ErrStaleEvidence) {
			t.Errorf("a session past the page: %v", err)
		}
		b.get(page).want("new-password", 200)
		b.choose(password).want("new-password", 422) // the same again
		if !contains(b.body, "You already use this password") {
			t.Errorf("no reason:\n%s", b.body)
		}
		b.submit("new_password", "kari nordlys", "new_password_again", "kari nordlys").want("new-password", 422)
		b.submit("new_password", newPassword, "new_password_again", newPassword+"x").want("new-password", 422)
		b.submit("new_password", newPassword, "new_password_again", newPassword).want("callback", 303)
		if b.outer.Get("org") != "nordlys" || h.sessionCount() != 1 {
			t.Errorf("answered %v, %d sessions", b.outer, h.sessionCount())
		}
		h.browser().get("/start").signIn("kari@nordlys.example", password).want("password", 403)
		h.browser().get("/start").signIn("kari@nordlys.example", newPassword).want("callback", 303)
		if n := len(h.mails()); n != 1 {
			t.Errorf("%d mails, want one that tells of the change", n)
		}
	})
}

func TestR35_TheSecondFactorComesFirst(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.member("nordlys", "kari@nordlys.example")
		h.initial(m.User)
		h.setTOTP(m.User)
		b := h.browser().get("/sign-in")
		b.signIn("kari@nordlys.example", password).want("second-factor", 200)
		at := b.at
		b.get(replaced(at, "/sign-in/second-factor", "/sign-in/new-password")).want("second-factor", 200)
		b.submit("code", h.code(0)).want("new-password", 200)
		b.choose(newPassword).want("account", 200)
	})
}

// TestR35_TwoTabs: what was begun with the initial password is worth nothing once it was replaced.
func TestR35_TwoTabs(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.member("nordlys", "kari@nordlys.example")
		h.initial(m.User)
		one, two := h.browser().get("/sign-in"), h.browser().get("/sign-in")
		one.signIn("kari@nordlys.example", password).want("new-password", 200)
		two.signIn("kari@nordlys.example", password).want("new-password", 200)
		one.choose(newPassword).want("account", 200)
		two.choose("another one that is long").want("password", 200)
		h.browser().get("/sign-in").signIn("kari@nordlys.example", "another one that is long").want("password", 403)
		if h.sessionCount() != 1 {
			t.Errorf("%d sessions", h.sessionCount())
		}
	})
}
