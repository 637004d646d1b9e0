package account_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/idp/credential"
	"portvakt/internal/directory"
	"portvakt/internal/sqldb"
)

// bring gives somebody a password of another system.
func (h *house) bring(user directory.UserID) {
	h.t.Helper()
	err := h.db.Update(ctx, func(tx *sqldb.Tx) error {
		_, err := h.credentials.SetImported(ctx, tx, credential.Imported{User: user, Hash: "$2y$04$abcdefghijklmnopqrstuuLIdYiTB6k5shb5AFZrHUDZaBIZTgyn2"})
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestForgotIsTheSameForEverybody(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.browser().forgot("kari@nordlys.example")
		h.browser().forgot("nobody@nordlys.example")
		if n := h.count("select count(*) from events where kind = 'account.link_requested'"); n != 2 {
			t.Errorf("%d events for two requests: one of them has cost less", n)
		}
		if mails := h.mails(); len(mails) != 1 || mails[0].To != "kari@nordlys.example" {
			t.Errorf("mails %v", mails)
		}
	})
}

func TestThrottledSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		writings := []string{"kari@nordlys.example", "KARI@nordlys.example", " Kari@Nordlys.Example"}
		refused := 0
		for i := range 12 {
			b := h.browser()
			b.get("/start").submit("email", writings[i%len(writings)]).submit("password", "wrong")
			if b.status == http.StatusTooManyRequests {
				refused++
				if b.header.Get("Retry-After") == "" || b.page != "password" {
					t.Errorf("page %s, headers %v", b.page, b.header)
				}
			}
		}
		if refused != 6 {
			t.Errorf("%d of 12 refused, want 6", refused)
		}
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("password", 429)
	})
}

func TestOtherBrowser(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		victim, attacker := h.browser(), h.browser()
		attacker.get("/start").want("sign-in", 200)
		page, fields := attacker.at, attacker.fields()
		victim.get(page).want("error", 400)
		victim.get("/account").signIn("kari@nordlys.example", password).want("account", 200)
		victim.get(page).want("error", 400)
		fields.Set("email", "kari@nordlys.example")
		victim.post(page, fields).want("error", 400)
		attacker.get(page).want("sign-in", 200)
		for _, id := range []string{"int_00000000000000000000000001", "nonsense", strings.Repeat("x", 10_000)} {
			victim.get("/sign-in/password?i="+id).want("error", 400)
		}
	})
}

func TestStepsOutOfOrder(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.setTOTP(m.User)
		h.member("tallsmia", "kari@nordlys.example")
		h.needs.ConsentNeeded, h.needs.Scopes = true, []string{"openid"}
		b := h.browser()
		b.get("/start").want("sign-in", 200)
		id := b.fields().Get("i")
		steps := []string{"", "/password", "/forgot", "/second-factor", "/organization", "/invitation", "/consent"}
		everything := url.Values{
			"i": {id}, "csrf": {b.fields().Get("csrf")}, "password": {password}, "code": {h.code(0)}, "organization": {"nordlys"},
			"action": {"accept"}, "invitation": {m.ID.String()},
		}
		try := func(expected string) {
			t.Helper()
			for _, step := range steps {
				if "/sign-in"+step == expected {
					continue
				}
				for _, form := range []url.Values{everything, {}, {"i": {id}}} {
					b.post("/sign-in"+step+"?i="+id, form)
					if b.page == "callback" || b.page == "account" || h.count("select count(*) from sessions") != 0 ||
						h.count("select count(*) from consents") != 0 {
						t.Fatalf("POST %s %v led to %s %v", step, form, b.page, b.outer)
					}
				}
			}
		}
		try("/sign-in")
		b.get("/sign-in?i="+id).submit("email", "kari@nordlys.example").want("password", 200)
		everything.Set("csrf", b.fields().Get("csrf"))
		try("/sign-in/password")
		b.get("/sign-in/password?i="+id).want("password", 200)
		b.submit("password", password).want("second-factor", 200)
		everything.Set("csrf", b.fields().Get("csrf"))
		everything.Set("code", "000000")
		try("/sign-in/second-factor")
		h.clock.Advance(time.Hour / 2)
		b.get("/sign-in/second-factor?i="+id).want("second-factor", 200).submit("code", h.code(0)).want("organization", 200)
		b.get("/sign-in/password?i="+id).want("organization", 200)
		b.get("/sign-in/consent?i="+id).want("organization", 200)
		b.submit("organization", "nordlys").want("consent", 200)
		b.submit("action", "accept").want("callback", 303)
	})
}

// The e-mail cannot be swapped under a proof: whoever changes it begins again.
func TestSubjectIsFrozen(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.setTOTP(m.User)
		ola := h.member("nordlys", "ola@nordlys.example")
		h.setPassword(ola.User)
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("second-factor", 200)
		b.get(strings.Replace(b.at, "/second-factor", "", 1)).want("sign-in", 200)
		b.submit("email", "ola@nordlys.example").want("password", 200)
		b.submit("email", "kari@nordlys.example", "password", password).want("callback", 303)
		if b.outer.Get("user") != ola.User.String() {
			t.Fatalf("outcome %v", b.outer)
		}
	})
}

func TestFormTokens(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.member("tallsmia", "kari@nordlys.example")
		b := h.browser()
		b.get("/start").want("sign-in", 200)
		first := b.fields().Get("csrf")
		for _, bad := range []string{"", "x", strings.Repeat("A", 43)} {
			b.submit("email", "kari@nordlys.example", "csrf", bad).want("sign-in", 403)
		}
		b.submit("email", "kari@nordlys.example").submit("password", password).want("organization", 200)
		if b.fields().Get("csrf") == first {
			t.Error("the form's token stayed the same over the sign-in")
		}
		page := b.at
		b.submit("organization", "nordlys", "csrf", first).want("organization", 403)
		b.get(page).submit("organization", "nordlys").want("callback", 303)
		b.get("/account").want("account", 200)
		b.submit("action", "sign-out", "csrf", first).want("account", 403)
		b.post("/account/sign-out", url.Values{}).want("account", 403)
		other := h.browser()
		other.get("/account").signIn("kari@nordlys.example", password).want("account", 200)
		b.get("/account").submit("action", "sign-out", "csrf", other.fields().Get("csrf")).want("account", 403)
		b.get("/account").submit("action", "sign-out").want("signed-out", 200)
		b.get("/account").want("sign-in", 200)
		other.get("/account").want("account", 200)
	})
}

func TestFixation(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.setTOTP(m.User)
		cookies := h.sessions.Cookies()
		attacker, victim := h.browser(), h.browser()
		attacker.get("/start").want("sign-in", 200)
		planted := attacker.cookie(cookies.Browser)
		page := attacker.at
		victim.setCookie(cookies.Browser, planted)
		victim.setCookie(cookies.Session, strings.Repeat("A", 43))
		victim.get(page).signIn("kari@nordlys.example", password).want("second-factor", 200)
		if victim.cookie(cookies.Browser) == planted {
			t.Error("the browser's cookie outlived a proof")
		}
		attacker.get(victim.at).want("error", 400)
		victim.submit("code", h.code(0)).want("callback", 303)
		if got := victim.cookie(cookies.Session); got == "" || got == strings.Repeat("A", 43) {
			t.Errorf("the session's cookie is %q", got)
		}
		before := victim.cookie(cookies.Session)
		h.needs.ForceLogin = true
		h.clock.Advance(time.Minute)
		victim.get("/start").want("password", 200).submit("password", password).submit("code", h.code(0)).want("callback", 303)
		if victim.cookie(cookies.Session) == before {
			t.Error("the session's cookie outlived a sign-in")
		}
		stale := h.browser()
		stale.setCookie(cookies.Session, before)
		stale.get("/account").want("sign-in", 200)
	})
}

// Without a second factor, too: whoever planted the browser's cookie cannot go on where the victim has signed in.
func TestPlantedConversation(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.member("tallsmia", "kari@nordlys.example")
		attacker, victim := h.browser(), h.browser()
		attacker.get("/start").want("sign-in", 200)
		cookies := h.sessions.Cookies()
		victim.setCookie(cookies.Browser, attacker.cookie(cookies.Browser))
		victim.get(attacker.at).signIn("kari@nordlys.example", password).want("organization", 200)
		attacker.get(victim.at)
		if attacker.page != "password" && attacker.page != "error" && attacker.page != "sign-in" {
			t.Fatalf("the attacker is at %s", attacker.page)
		}
		attacker.post(victim.at, url.Values{"i": victim.fields()["i"], "csrf": victim.fields()["csrf"], "organization": {"nordlys"}})
		if attacker.page == "callback" {
			t.Fatalf("the attacker got %v", attacker.outer)
		}
	})
}

func TestFinishOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.member("tallsmia", "kari@nordlys.example")
		b := h.browser()
		b.get("/start").signIn("kari@nordlys.example", password).want("organization", 200)
		page, form := b.at, b.fields()
		form.Set("organization", "nordlys")
		results := make([]*browser, 16)
		var all sync.WaitGroup
		begin := make(chan struct{})
		for i := range results {
			results[i] = b.tab()
			all.Go(func() {
				<-begin
				results[i].post(page, form)
			})
		}
		close(begin)
		all.Wait()
		finished := 0
		for _, r := range results {
			if r.page == "callback" {
				finished++
			} else if r.status >= 500 {
				t.Errorf("status %d: %s", r.status, r.body)
			}
		}
		if finished != 1 {
			t.Errorf("finished %d times", finished)
		}
	})
}

func TestConversationExpires(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		b := h.browser()
		b.get("/start").submit("email", "kari@nordlys.example").want("password", 200)
		h.clock.Advance(time.Hour)
		b.submit("password", password).want("error", 410)
		if n := must(h.service.Purge(ctx))(t); n != 0 {
			t.Errorf("purged %d at once", n)
		}
		h.clock.Advance(2 * time.Hour)
		if n := must(h.service.Purge(ctx))(t); n != 1 {
			t.Errorf("purged %d", n)
		}
	})
}

func TestBadForms(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		b.get("/sign-in").want("sign-in", 200)
		b.post("/sign-in", url.Values{"email": {strings.Repeat("x", 100_000)}}).want("error", 400)
		for _, email := range []string{"", "x", "a@b@c", "<script>@x.example", "kari@nordlys.example\x00"} {
			b.get("/sign-in").submit("email", email).want("sign-in", 422)
			if contains(b.body, "<script>") {
				t.Error("unescaped")
			}
		}
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
			for _, path := range []string{"/sign-in", "/sign-in/password", "/account", "/account/setup"} {
				b.do(http.NewRequest(method, b.absolute(path), nil))
				if b.status != http.StatusMethodNotAllowed || b.header.Get("Allow") == "" {
					t.Errorf("%s %s: %d", method, path, b.status)
				}
			}
		}
		for _, path := range []string{"/sign-in/password", "/sign-in/second-factor", "/sign-in/consent", "/account", "/account/password"} {
			b.get(path).want("sign-in", 200)
		}
	})
}

func TestHints(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		ola := h.member("nordlys", "ola@nordlys.example")
		h.setPassword(ola.User)
		h.needs.LoginHint = "kari@nordlys.example"
		b := h.browser()
		b.get("/start").want("sign-in", 200)
		if !contains(b.body, `value="kari@nordlys.example"`) {
			t.Error("login_hint is not in the form")
		}
		h.needs = needing("")
		h.needs.UserHint = m.User
		b.get("/start").want("sign-in", 200)
		if contains(b.body, "kari@nordlys.example") {
			t.Error("the application learns the address of whomever it has an ID token of")
		}
		b.get("/account").signIn("ola@nordlys.example", password).want("account", 200)
		b.get("/start").want("sign-in", 200)
		if h.tried.Code != "login_required" {
			t.Errorf("Try: %v", h.tried)
		}
		b.signIn("kari@nordlys.example", password).want("callback", 303)
		if b.outer.Get("user") != m.User.String() {
			t.Errorf("outcome %v", b.outer)
		}
		wrong := h.browser()
		wrong.get("/start").want("sign-in", 200).signIn("ola@nordlys.example", password).want("callback", 303)
		if wrong.outer.Get("error") != "login_required" {
			t.Errorf("somebody else than asked for: %v", wrong.outer)
		}
	})
}

func TestAccountPage(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		one, two := h.browser(), h.browser()
		one.get("/account").signIn("kari@nordlys.example", password).want("account", 200)
		two.get("/account").signIn("kari@nordlys.example", password).want("account", 200)
		if !contains(one.body, "Nordlys AS") || !contains(one.body, "kari@nordlys.example") {
			t.Errorf("page:\n%s", one.body)
		}
		two.get("/account")
		two.submit("action", "end-session").want("account", 200) // the only hidden session is the other one
		one.get("/account").want("sign-in", 200)
		two.get("/account").want("account", 200)
	})
}
