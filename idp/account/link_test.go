package account_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"portvakt/idp/account"
	"portvakt/internal/directory"
)

// forgot asks for a link for the address, from the browser's own sign-in page.
func (b *browser) forgot(email string) *browser {
	b.h.t.Helper()
	b.get("/sign-in").want("sign-in", 200)
	b.submit("email", email).want("password", 200)
	return b.submit("action", "forgot").want("mail-sent", 200)
}

func (b *browser) choose(password string) *browser {
	b.h.t.Helper()
	return b.want("new-password", 200).submit("new_password", password, "new_password_again", password)
}

func TestLinkIsConsumedOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.browser().forgot("kari@nordlys.example")
		link := h.link("kari@nordlys.example")
		browsers := make([]*browser, 16)
		for i := range browsers {
			browsers[i] = h.browser().get(link).want("new-password", 200)
		}
		var all sync.WaitGroup
		for _, b := range browsers {
			all.Go(func() { b.submit("new_password", newPassword, "new_password_again", newPassword) })
		}
		all.Wait()
		pages := map[string]int{}
		for _, b := range browsers {
			pages[b.page]++
		}
		if pages["account"] != 1 || pages["link-expired"] != 15 {
			t.Fatalf("16 at once ended at %v", pages)
		}
		h.browser().get(link).want("link-expired", 410)
	})
}

func TestLinkIsNotConsumedByLooking(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.browser().forgot("kari@nordlys.example")
		link := h.link("kari@nordlys.example")
		b := h.browser()
		for _, method := range []string{http.MethodHead, http.MethodGet, http.MethodHead, http.MethodGet} {
			b.do(http.NewRequest(method, b.absolute(link), nil))
			if b.status != 200 || b.header.Get("Referrer-Policy") != "no-referrer" || b.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%s: %d %v", method, b.status, b.header)
			}
		}
		if contains(b.body, "https://") {
			t.Errorf("the page loads or links something foreign:\n%s", b.body)
		}
		b.choose(newPassword).want("account", 200)
	})
}

func TestLinkIsVoidedByANewerOne(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		b := h.browser()
		b.forgot("kari@nordlys.example")
		older := h.link("kari@nordlys.example")
		h.clock.Advance(time.Second)
		b.submit("action", "resend").want("mail-sent", 200)
		newer := h.link("kari@nordlys.example")
		if older == newer {
			t.Fatal("no new link")
		}
		stale := h.browser().get(older).want("link-expired", 410)
		unknown := h.browser().get("/account/setup?token="+strings.Repeat("A", 43)).want("link-expired", 410)
		if same(stale.body) != same(unknown.body) {
			t.Error("a voided link tells more than an unknown one")
		}
		b.get(newer).choose(newPassword).want("account", 200)
	})
}

// same makes two pages comparable by taking out what is random in each.
func same(body string) string {
	return token.ReplaceAllString(interactionID.ReplaceAllString(body, "int_"), "TOKEN")
}

func TestExpiredLinkOffersANewOne(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.browser().forgot("kari@nordlys.example")
		link := h.link("kari@nordlys.example")
		open := h.browser().get(link).want("new-password", 200)
		h.clock.Advance(31 * time.Minute)
		open.choose(newPassword).want("link-expired", 410)
		b := h.browser().get(link).want("link-expired", 410)
		b.submit("action", "resend").want("mail-sent", 200)
		fresh := h.link("kari@nordlys.example")
		if fresh == link {
			t.Fatal("no new link")
		}
		sent := len(h.mails())
		nobody := h.browser().get("/account/setup?token="+strings.Repeat("A", 43)).want("link-expired", 410)
		nobody.submit("action", "resend").want("mail-sent", 200)
		if same(nobody.body) != same(b.body) {
			t.Error("asking for a new link tells whether there was an old one")
		}
		if got := len(h.mails()); got != sent {
			t.Errorf("an unknown link sent %d mails", got-sent)
		}
		b.get(fresh).choose(newPassword).want("account", 200)
	})
}

func TestLinkInAnotherBrowser(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("nordlys", "ny@nordlys.example", hired)
		h.mails()
		b := h.browser()
		b.get("/start").want("sign-in", 200)
		b.submit("email", "ny@nordlys.example").want("password", 200)
		waiting := b.at
		h.clock.Advance(time.Second)
		b.submit("action", "forgot").want("mail-sent", 200)
		other := h.browser().get(h.link("ny@nordlys.example"))
		other.choose(newPassword).want("account", 200)
		b.get(waiting).want("password", 200) // nothing was attached to the first browser
		b.submit("password", newPassword).want("callback", 303)
	})
}

func TestLinkAfterTheConversationIsOver(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("nordlys", "ny@nordlys.example", hired)
		h.mails()
		b := h.browser()
		b.get("/start").want("sign-in", 200)
		h.clock.Advance(time.Second)
		b.submit("email", "ny@nordlys.example").submit("action", "forgot").want("mail-sent", 200)
		h.clock.Advance(2 * time.Hour)
		b.get(h.link("ny@nordlys.example")).choose(newPassword).want("account", 200)
	})
}

func TestLinkOfSomebodyElseNow(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		changes := map[string]func(m directory.Member){
			"disabled": func(m directory.Member) {
				if _, err := h.dir.Users.SetState(ctx, m.User, directory.UserDisabled); err != nil {
					t.Fatal(err)
				}
			},
			"renamed": func(m directory.Member) {
				h.update(func(tx *txn) error {
					_, err := tx.Exec(ctx, "update users set email = 'x@nordlys.example', email_key = 'x@nordlys.example' where id = $1", m.User)
					return err
				})
			},
			"ended": func(m directory.Member) {
				if err := h.dir.Memberships.End(ctx, m.Organization, m.ID, directory.Ending{Choice: directory.EndPending}); err != nil {
					t.Fatal(err)
				}
			},
		}
		for name, change := range changes {
			email := name + "@nordlys.example"
			m := h.member("nordlys", email)
			h.setPassword(m.User)
			h.browser().forgot(email)
			link := h.link(email)
			open := h.browser().get(link).want("new-password", 200)
			change(m)
			open.choose(newPassword).want("link-expired", 410)
			h.browser().get(link).want("link-expired", 410).submit("action", "resend").want("mail-sent", 200)
			before := len(h.mails())
			if got := len(h.mails()); got != before || h.count("select count(*) from sessions where user_id = $1", m.User) != 0 {
				t.Errorf("%s: got a mail or a session", name)
			}
		}
	})
}

// What is checked before the password is hashed is checked once more with the link in hand.
func TestLinkTurnsBadWhileHashing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for name, change := range map[string]func(m directory.Member) error{
			"nothing": func(directory.Member) error { return nil },
			"ended": func(m directory.Member) error {
				return h.dir.Memberships.End(ctx, m.Organization, m.ID, directory.Ending{Choice: directory.EndPending})
			},
			"disabled": func(m directory.Member) error {
				_, err := h.dir.Users.SetState(ctx, m.User, directory.UserDisabled)
				return err
			},
			"enrolled": func(m directory.Member) error {
				return h.db.Update(ctx, func(tx *txn) error { return h.credentials.SetTOTP(ctx, tx, m.User, totp) })
			},
			"renamed": func(m directory.Member) error {
				_, err := h.db.Exec(ctx, "update users set email = 'x@nordlys.example', email_key = 'x@nordlys.example' where id = $1", m.User)
				return err
			},
		} {
			m := h.member("nordlys", name+"@nordlys.example")
			h.browser().forgot(name + "@nordlys.example")
			u, err := url.Parse(h.link(name + "@nordlys.example"))
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			refused, err := account.OpenThenStore(h.account, r, u.Query().Get("token"), func() {
				if err := change(m); err != nil {
					t.Fatal(err)
				}
			})
			if err != nil || refused != (name != "nothing") {
				t.Errorf("%s: refused %v, %v", name, refused, err)
			}
			if has := h.count("select count(*) from passwords where user_id = $1", m.User); has == 1 != (name == "nothing") {
				t.Errorf("%s: %d passwords stored", name, has)
			}
			if h.count("select count(*) from account_links where user_id = $1 and used_at is null", m.User) != 0 {
				t.Errorf("%s: the link was not consumed", name)
			}
		}
	})
}

func TestSetupLinkAcceptsItsMembershipAlone(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		one := h.member("tallsmia", "ola@elsewhere.example", hired)
		link := h.link("ola@elsewhere.example")
		two := h.member("nordlys", "ola@elsewhere.example", hired)
		h.browser().get(link).choose(newPassword).want("account", 200)
		states := map[directory.MembershipID]directory.State{}
		for _, st := range must(h.dir.Memberships.StandingsOf(ctx, one.User))(t) {
			states[st.Membership] = st.State(h.clock.Now())
		}
		if states[one.ID] != directory.StateActive || states[two.ID] != directory.StateInvited {
			t.Fatalf("states %v", states)
		}
		if u := must(h.dir.Users.ByID(ctx, one.User))(t); u.EmailVerifiedAt.IsZero() {
			t.Error("the address is not verified")
		}
	})
}

func TestResetEndsOtherSessions(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		old, own := h.browser(), h.browser()
		old.get("/account").signIn("kari@nordlys.example", password).want("account", 200)
		own.get("/account").signIn("kari@nordlys.example", password).want("account", 200)
		own.get("/.well-known/change-password").want("change-password", 200)
		own.submit("action", "forgot").want("mail-sent", 200)
		link := h.link("kari@nordlys.example")
		h.clock.Advance(time.Second)
		own.get(link).choose(newPassword).want("account", 200)
		old.get("/account").want("sign-in", 200)
		if newest := h.mails()[0]; newest.To != "kari@nordlys.example" || !contains(newest.Subject, "was changed") {
			t.Errorf("the newest mail is %q", newest.Subject)
		}
		old.signIn("kari@nordlys.example", password).want("password", 403)
		old.submit("password", newPassword).want("account", 200)
	})
}

func TestResetAsksForTheSecondFactor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.setTOTP(m.User)
		h.browser().forgot("kari@nordlys.example")
		b := h.browser().get(h.link("kari@nordlys.example")).want("new-password", 200)
		short := "tiny lamps" // enough beside a second factor
		b.submit("new_password", short, "new_password_again", short).want("new-password", 422)
		b.submit("new_password", short, "new_password_again", short, "code", "000000").want("new-password", 403)
		b.submit("new_password", short, "new_password_again", "other", "code", h.code(0)).want("new-password", 422)
		if n := h.count("select count(*) from account_links where used_at is not null"); n != 0 {
			t.Fatal("the link was consumed without the code")
		}
		b.submit("new_password", short, "new_password_again", short, "code", h.code(0)).want("account", 200)
		again := h.browser()
		again.get("/account").signIn("kari@nordlys.example", short).want("second-factor", 200)
		again.submit("code", h.code(1)).want("account", 200)
	})
}

func TestCodesAtResetAreThrottled(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		m := h.kari()
		h.setTOTP(m.User)
		h.browser().forgot("kari@nordlys.example")
		b := h.browser().get(h.link("kari@nordlys.example")).want("new-password", 200)
		for range 10 {
			b.submit("new_password", newPassword, "new_password_again", newPassword, "code", "000000")
		}
		b.want("new-password", 429)
		if b.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		b.submit("new_password", newPassword, "new_password_again", newPassword, "code", h.code(0)).want("new-password", 429)
	})
}

func TestNewPasswordIsChecked(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.browser().forgot("kari@nordlys.example")
		b := h.browser().get(h.link("kari@nordlys.example")).want("new-password", 200)
		for _, bad := range []string{"", "tiny secret", "passwordpassword", "nordlys nordlys", strings.Repeat("long ", 300)} {
			b.submit("new_password", bad, "new_password_again", bad).want("new-password", 422)
			if bad != "" && contains(b.body, bad) {
				t.Errorf("the page repeats the password %.20q", bad)
			}
		}
		b.submit("new_password", newPassword, "new_password_again", newPassword).want("account", 200)
	})
}

func TestMailQuota(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		b := h.browser()
		b.forgot("Kari@nordlys.example")
		for range 30 {
			b.submit("action", "resend").want("mail-sent", 200)
		}
		if n := len(h.mails()); n != 5 {
			t.Errorf("%d mails for 31 requests, want 5", n)
		}
		h.browser().forgot("nobody@nordlys.example")
		if n := len(h.mails()); n != 5 {
			t.Errorf("%d mails after a request for nobody", n)
		}
	})
}

func TestLinksIgnoreTheHost(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		b := h.browser()
		b.get("/sign-in").submit("email", "kari@nordlys.example").want("password", 200)
		form := b.fields()
		form.Set("action", "forgot")
		r, err := http.NewRequest(http.MethodPost, b.at, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "evil.example"
		for name, value := range map[string]string{
			"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
			"Forwarded": "host=evil.example", "X-Forwarded-Prefix": "/evil",
		} {
			r.Header.Set(name, value)
		}
		b.do(r, nil)
		for _, m := range h.mails() {
			if contains(m.Text+m.HTML, "evil") || !contains(m.Text, h.server.URL+"/account/setup?token=") {
				t.Errorf("mail:\n%s", m.Text)
			}
		}
	})
}

func TestTokenIsNowhereInTheStore(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.kari()
		h.browser().forgot("kari@nordlys.example")
		u, err := url.Parse(h.link("kari@nordlys.example"))
		if err != nil {
			t.Fatal(err)
		}
		clear := u.Query().Get("token")
		for _, sql := range []string{
			"select count(*) from events where data like $1", "select count(*) from audit_entries where detail like $1",
			"select count(*) from interactions where state like $1", "select count(*) from deliveries where last_error like $1",
		} {
			if h.count(sql, "%"+clear+"%") != 0 {
				t.Errorf("found by %s", sql)
			}
		}
	})
}
